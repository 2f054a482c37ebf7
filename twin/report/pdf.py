"""A report as PDF, A4, in the font of the map page."""

from __future__ import annotations

import io
from typing import Any

from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout

from twin.report.blocks import Block, Document, Heading, Picture, Points, Table, Text
from twin.report.classes import Both
from twin.report.lettering import truetype

_FONT = "report"
_GREY, _BLACK = (87, 96, 106), (27, 31, 36)
_WIDTH_MM = 174.0
_HIGHEST_MM = 225.0
_DPI = 144


class _Page(FPDF):
    """Pages with their number at the foot."""

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font(_FONT, size=8)
        self.set_text_color(*_GREY)
        self.cell(0, 8, f"{self.page_no()} / {{nb}}", align="C")


def render(document: Document) -> bytes:
    """Return the file."""
    page = _Page(format="A4")
    page.set_margin(18)
    page.set_auto_page_break(True, margin=18)
    page.add_font(_FONT, fname=str(truetype()))
    page.set_title(document.title[0])
    page.set_lang("ko")
    page.add_page()
    _line(page, document.title[0], 18)
    if document.title[1] != document.title[0]:
        _line(page, document.title[1], 12, _GREY)
    _line(page, document.subtitle, 8, _GREY)
    for block in document.blocks:
        _put(page, block)
    return bytes(page.output())


def _put(page: FPDF, block: Block) -> None:
    match block:
        case Heading(text):
            if page.get_y() > page.h - 60:
                page.add_page()
            page.ln(5)
            _line(page, _joined(text), 13)
        case Text(text):
            _both(page, text)
        case Points(items):
            for item in items:
                _both(page, item, "• ")
        case Table():
            _table(page, block)
        case Picture():
            _picture(page, block)


def _line(page: FPDF, text: str, size: float, colour: tuple[int, int, int] = _BLACK) -> None:
    page.set_font(_FONT, size=size)
    page.set_text_color(*colour)
    page.multi_cell(0, size * 0.52, text, new_x="LMARGIN", new_y="NEXT")


def _both(page: FPDF, text: Both, mark: str = "") -> None:
    _line(page, mark + text[0], 9.5)
    if text[1] and text[1] != text[0]:
        _line(page, text[1], 8.5, _GREY)
    page.ln(1.2)


def _joined(text: Both) -> str:
    return " · ".join(dict.fromkeys(each for each in text if each))


def _picture(page: FPDF, picture: Picture) -> None:
    width = min(_WIDTH_MM, picture.width_px / _DPI * 25.4)
    height = width * picture.height_px / picture.width_px
    if height > _HIGHEST_MM:
        width, height = width * _HIGHEST_MM / height, _HIGHEST_MM
    if page.get_y() + height > page.h - 18:
        page.add_page()
    page.image(io.BytesIO(picture.png), w=width, h=height, alt_text=_joined(picture.alt))
    page.ln(3)


def _table(page: FPDF, table: Table) -> None:
    if any(table.caption):
        _line(page, _joined(table.caption), 9.5)
    page.set_font(_FONT, size=8)
    page.set_text_color(*_BLACK)
    page.set_draw_color(200, 208, 216)
    columns = len(table.head)
    how: dict[str, Any] = {
        "borders_layout": TableBordersLayout.HORIZONTAL_LINES,
        "headings_style": FontFace(color=_GREY),
        "text_align": ("LEFT",) * columns if table.wide else ("LEFT", *["RIGHT"] * (columns - 1)),
        "col_widths": (2, 5, 2) if table.wide else (2.2, *[1.0] * (columns - 1)),
        "line_height": 4.4,
        "padding": 0.8,
    }
    with page.table(**how) as grid:
        head = grid.row()
        for text in table.head:
            head.cell("\n".join(dict.fromkeys(each for each in text if each)))
        for row in table.rows:
            line = grid.row()
            for cell in row:
                line.cell(cell)
    page.ln(3)
