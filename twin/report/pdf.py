"""A report as PDF, A4, in the font of the map page."""

from __future__ import annotations

import io
from typing import Any

from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout

from twin.report.blocks import Block, Document, Heading, Picture, Points, Table, Text
from twin.report.canvas import DPI
from twin.report.classes import Both
from twin.report.lettering import printable, truetype

_FONT = "report"
_GREY, _BLACK = (87, 96, 106), (27, 31, 36)
_WIDTH_MM = 174.0
_HIGHEST_MM = 225.0
_HALF_MM = 116.0
_MARGIN_MM = 18.0
_LEAST = 0.8  # a picture is made smaller by so much rather than put on a page of its own


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
    page.set_margin(_MARGIN_MM)
    page.set_auto_page_break(True, margin=_MARGIN_MM)
    page.add_font(_FONT, fname=str(truetype()))
    page.set_title(printable(document.title[0]))
    page.set_creator("Naru")
    page.set_lang("ko")
    page.add_page()
    _line(page, document.title[0], 18)
    if document.title[1] != document.title[0]:
        _line(page, document.title[1], 12, _GREY)
    _line(page, document.subtitle, 8, _GREY)
    for block, following in zip(document.blocks, [*document.blocks[1:], None], strict=True):
        _put(page, block, following)
    return bytes(page.output())


def _put(page: FPDF, block: Block, following: Block | None) -> None:
    match block:
        case Heading(text):
            beside = _size(following)[1] * _LEAST if isinstance(following, Picture) else 30.0
            _break_for(page, beside + 15)
            page.ln(5)
            _line(page, _joined(text), 13)
            page.start_section(printable(_joined(text)))
        case Text(text):
            _both(page, text)
        case Points(items):
            for item in items:
                _both(page, item, "• ")
        case Table():
            _table(page, block)
        case Picture():
            _picture(page, block)


def _left(page: FPDF) -> float:
    """Return how much of the page is free, mm."""
    return float(page.h - _MARGIN_MM - page.get_y())


def _break_for(page: FPDF, height: float) -> None:
    if height > _left(page):
        page.add_page()


def _line(page: FPDF, text: str, size: float, colour: tuple[int, int, int] = _BLACK) -> None:
    page.set_font(_FONT, size=size)
    page.set_text_color(*colour)
    page.multi_cell(0, size * 0.52, printable(text), align="L", new_x="LMARGIN", new_y="NEXT")


def _both(page: FPDF, text: Both, mark: str = "") -> None:
    _line(page, mark + text[0], 9.5)
    if text[1] and text[1] != text[0]:
        _line(page, text[1], 8.5, _GREY)
    page.ln(1.2)


def _joined(text: Both) -> str:
    return " · ".join(dict.fromkeys(each for each in text if each))


def _size(picture: Picture) -> tuple[float, float]:
    """Return width and height of a picture, mm: two broad ones stand on a page."""
    width = min(_WIDTH_MM, picture.width_px / DPI * 25.4)
    height = width * picture.height_px / picture.width_px
    highest = _HALF_MM if height < 1.35 * width else _HIGHEST_MM
    return (width * highest / height, highest) if height > highest else (width, height)


def _picture(page: FPDF, picture: Picture) -> None:
    width, height = _size(picture)
    if _LEAST * height <= _left(page) < height:  # a little smaller, it stands here
        width, height = width * _left(page) / height, _left(page)
    _break_for(page, height - 0.01)
    x = page.l_margin + (_WIDTH_MM - width) / 2
    page.image(io.BytesIO(picture.png), x=x, w=width, h=height, alt_text=printable(_joined(picture.alt)))
    page.ln(min(3.0, max(0.0, _left(page))))


def _table(page: FPDF, table: Table) -> None:
    _break_for(page, 32)
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
        "col_widths": (2, 4, 3) if table.wide else (2.2, *[1.0] * (columns - 1)),
        "line_height": 4.4,
        "padding": 0.8,
    }
    with page.table(**how) as grid:
        head = grid.row()
        for text in table.head:
            head.cell("\n".join(dict.fromkeys(printable(each) for each in text if each)))
        for row in table.rows:
            line = grid.row()
            for cell in row:
                line.cell(printable(cell))
    page.ln(3)
