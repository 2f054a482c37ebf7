"""The package around an Excel workbook's sheets (ECMA-376-2, ECMA-376-1 §12), one zip member after the other."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa

from naru.export.about import About
from naru.export.texts import Texts, join, xml_text
from naru.export.xlsx_cells import Address, text_cells

BOLD = 3  # style of headers; 0 plain, 1 date, 2 moment
_LEVEL = 1  # of deflate: a third larger than at 6, in half of the time
_NO_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]|^'|'$")
_LONGEST_NAME = 31
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OPEN = "http://schemas.openxmlformats.org"
_MAIN, _RELATED = f"{_OPEN}/spreadsheetml/2006/main", f"{_OPEN}/officeDocument/2006/relationships"
_PACKAGE = f"{_OPEN}/package/2006"
_STYLES = f"""{_XML}<styleSheet xmlns="{_MAIN}">
<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>
<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>
<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>
<fills count="2"><fill><patternFill patternType="none"/></fill>
<fill><patternFill patternType="gray125"/></fill></fills>
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>
<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>
<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>
</styleSheet>"""
_WORKBOOK = f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATED}">'
_FROZEN = (
    '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" '
    'state="frozen"/></sheetView></sheetViews>'
)


class Book:
    """A workbook being written: sheets one after the other, the parts that name them at the end."""

    def __init__(self, path: Path, about: About) -> None:
        self._about = about
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
        self._names: list[str] = []
        self._sheet: IO[bytes] | None = None

    def __enter__(self) -> Book:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._end_sheet()
        if kind is None:
            self._write_parts()
        self._zip.close()

    def begin_sheet(self, title: str) -> None:
        """Begin a sheet with a frozen header, after ending the one before."""
        self._end_sheet()
        self._names.append(sheet_name(title, self._names))
        # a name, not a ZipInfo: that one would bring a level and, but for this, a date of its own
        self._sheet = self._zip.open(f"xl/worksheets/sheet{len(self._names)}.xml", "w", force_zip64=True)
        self._sheet.write(f'{_XML}<worksheet xmlns="{_MAIN}">{_FROZEN}<sheetData>'.encode())

    def write_rows(self, rows: Texts) -> None:
        """Append rows, XML elements of their own, to the sheet that was begun."""
        if self._sheet is not None:
            self._sheet.write("".join(rows.to_pylist()).encode())

    def add_sheet(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        """Write a whole sheet of two columns of texts."""
        self.begin_sheet(title)
        if rows:
            at = pa.array([str(number + 1) for number in range(len(rows))])
            labels, texts = (pa.array([row[n] for row in rows], pa.string()) for n in (0, 1))
            cells = text_cells(labels, Address("A", at), BOLD), text_cells(texts, Address("B", at))
            self.write_rows(join('<row r="', at, '">', *cells, "</row>"))

    def _end_sheet(self) -> None:
        if self._sheet is not None:
            self._sheet.write(b"</sheetData></worksheet>")
            self._sheet.close()
            self._sheet = None

    def _write_parts(self) -> None:
        numbers = range(1, len(self._names) + 1)
        sheets = "".join(
            f'<sheet name="{xml_text(name)}" sheetId="{n}" r:id="rId{n}"/>'
            for n, name in zip(numbers, self._names, strict=True)
        )
        relations = [(f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
        parts = {
            "[Content_Types].xml": _content_types(numbers),
            "_rels/.rels": _relations([("rId1", "officeDocument", "xl/workbook.xml")], core="docProps/core.xml"),
            "docProps/core.xml": _core(self._about),
            "xl/workbook.xml": f"{_XML}{_WORKBOOK}<sheets>{sheets}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": _relations([*relations, ("rIdS", "styles", "styles.xml")]),
            "xl/styles.xml": _STYLES,
        }
        for name, text in parts.items():
            with self._zip.open(name, "w") as member:
                member.write(text.encode())


def sheet_name(title: str, taken: Sequence[str] = ()) -> str:
    """Return a name that Excel takes: at most 31 characters, none of []:*?/\\, different from those `taken`.

    >>> sheet_name("구/군: 2026", ["구_군_ 2026"])
    '구_군_ 2026 (2)'
    """
    plain, number, free = _NO_NAME.sub("_", title) or "sheet", 1, ""
    used = {name.casefold() for name in taken} | {"history"}  # which Excel keeps for itself
    while not free or free.casefold() in used:
        more = "" if number == 1 else f" ({number})"
        free, number = plain[: _LONGEST_NAME - len(more)].rstrip("'") + more, number + 1
    return free


def _content_types(sheets: Sequence[int]) -> str:
    spread = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    core = "application/vnd.openxmlformats-package.core-properties+xml"
    kinds = {
        "/xl/workbook.xml": f"{spread}.sheet.main+xml",
        "/xl/styles.xml": f"{spread}.styles+xml",
        "/docProps/core.xml": core,
        **{f"/xl/worksheets/sheet{n}.xml": f"{spread}.worksheet+xml" for n in sheets},
    }
    overrides = "".join(f'<Override PartName="{name}" ContentType="{kind}"/>' for name, kind in kinds.items())
    rels = "application/vnd.openxmlformats-package.relationships+xml"
    return (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType="{rels}"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )


def _relations(rows: Sequence[tuple[str, str, str]], core: str = "") -> str:
    kinds = [(name, f"{_RELATED}/{kind}", target) for name, kind, target in rows]
    if core:
        kinds.append(("rIdC", f"{_PACKAGE}/relationships/metadata/core-properties", core))
    inner = "".join(f'<Relationship Id="{n}" Type="{k}" Target="{t}"/>' for n, k, t in kinds)
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{inner}</Relationships>'


def _core(about: About) -> str:
    """Return the document's properties (ECMA-376-2 §11): whose it is, and under what licence."""
    created = f"{about.created:%Y-%m-%dT%H:%M:%SZ}"
    return (
        f'{_XML}<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<dc:title>{xml_text(about.title_ko)}</dc:title><dc:creator>{xml_text(about.attribution)}</dc:creator>"
        f"<dc:description>{xml_text(about.licence)}</dc:description>"
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{created}</dcterms:created></cp:coreProperties>'
    )
