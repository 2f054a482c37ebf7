"""Template files: every column with its unit and meaning, and one worked example of each type."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import shapely

from twin.facilities.columns import SOURCE
from twin.facilities.examples import CRS, DATUM, EXAMPLES
from twin.facilities.schema import Field
from twin.facilities.types import FIELDS, TYPES
from twin.facilities.values import convert

_FIRST = ("id", "type", "name", "name_en", "geometry")
_TYPE_WORDS = {"type": ("종류", "type"), "geometry": ("도형", "WKT in the system above")}
_NOTE = (
    "Lines that begin with # are notes. Lines of structures: drawn left to right, looking along the flow; a "
    "culvert's from inlet to outlet. Any number may have a column NAME_source. Empty cells take the default."
)
_NOTE_KO = "#으로 시작하는 줄은 설명입니다. 표고는 EL m(인천만 평균해수면). 열 이름은 한글이나 영문 모두 됩니다."


def columns() -> dict[str, Field | None]:
    """Return the template's columns in order: all fields of all types, and `type` and `geometry` (None)."""
    out: dict[str, Field | None] = dict.fromkeys(_FIRST)
    for fields in FIELDS.values():
        out |= {name: field for name, field in fields.items() if out.get(name) is None}
    common = [n for n in FIELDS["weir"] if all(n in fields for fields in FIELDS.values())]
    last = [n for n in common if n not in _FIRST and n not in {"bearing_deg", "status", "failure_fraction"}]
    return {n: f for n, f in out.items() if n not in last} | {n: out[n] for n in last}


def users_of(name: str) -> list[str]:
    """Return the types that have a field; `*` marks those that need it."""
    return [f"{kind}{'*' if f[name].required else ''}" for kind, f in FIELDS.items() if name in f]


def unit_of(field: Field) -> str:
    """Return a field's unit as people read it, or what it may be."""
    if field.kind == "choice":
        return " | ".join(f"{value}={ko}" for value, ko in field.choices.items())
    if field.kind == "curve":
        return f"{field.axes[0]}:{field.axes[1]}; …"
    return {"flag": "yes | no", "rules": "open … when …; close when …"}.get(field.kind, field.unit)


def write_template(path: Path, kind: str, *, korean: bool = False) -> None:
    """Write a template as csv, xlsx or geojson; `korean` names the columns in Korean."""
    {"csv": _csv, "xlsx": _xlsx, "geojson": _geojson}[kind](path, korean)


def _header(korean: bool) -> dict[str, str]:
    """Return the columns' names as written, by field; sources of the examples come behind their fields."""
    out = {}
    sourced = {name for row in EXAMPLES for name in row if name.endswith(SOURCE)}
    for name, field in columns().items():
        word = field.ko if field else {"type": "종류", "geometry": "위치"}.get(name, name)
        out[name] = word if korean else name
        if name + SOURCE in sourced:
            out[name + SOURCE] = f"{word} 출처" if korean else name + SOURCE
    return out


def _csv(path: Path, korean: bool) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for row in _notes():
        writer.writerow(row)
    header = _header(korean)
    writer.writerow(header.values())
    for row in (_words(header, korean), _units(header), _types(header)):
        writer.writerow(row)
    for example in EXAMPLES:
        writer.writerow([example.get(name, "") for name in header])
    path.write_text(out.getvalue(), encoding="utf-8-sig", newline="")


def _notes() -> list[list[str]]:
    return [[f"# crs: {CRS}; vertical_datum: {DATUM}"], [f"# {_NOTE}"], [f"# {_NOTE_KO}"]]


def _words(header: Mapping[str, str], korean: bool) -> list[str]:
    """Return the other language's names, as a remark."""
    return _remark(
        (f.en if korean else f.ko) if (f := columns().get(name)) else _TYPE_WORDS.get(name, ("", ""))[korean]
        for name in header
    )


def _units(header: Mapping[str, str]) -> list[str]:
    return _remark(unit_of(f) if (f := columns().get(name)) else "" for name in header)


def _types(header: Mapping[str, str]) -> list[str]:
    return _remark(" ".join(users_of(name)) if columns().get(name) else "all*" for name in header)


def _remark(cells: Iterable[str]) -> list[str]:
    first, *others = cells
    return [f"# {first}", *others]


def _xlsx(path: Path, korean: bool) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(path)) as book:
        bold = book.add_format({"bold": True, "bg_color": "#DCE6F1"})
        grey = book.add_format({"font_color": "#666666", "italic": True})
        sheet, header = book.add_worksheet("facilities"), _header(korean)
        notes = _notes()
        for number, row in enumerate(notes):
            sheet.write_row(number, 0, row, grey)
        at = len(notes)
        sheet.write_row(at, 0, list(header.values()), bold)
        for row in (_words(header, korean), _units(header), _types(header)):
            at += 1
            sheet.write_row(at, 0, row, grey)
        sheet.freeze_panes(len(notes) + 1, 2)
        sheet.set_column(0, len(header), 16)
        for example in EXAMPLES:
            at += 1
            sheet.write_row(at, 0, [_cell(name, example.get(name, "")) for name in header])
        _fields_sheet(book, bold)


def _cell(name: str, text: str) -> Any:
    """Return a cell's value: numbers as numbers."""
    field = columns().get(name)
    return convert(field, text) if text and field and field.kind in {"number", "whole"} else text


def _fields_sheet(book: Any, bold: Any) -> None:
    sheet = book.add_worksheet("설명 fields")
    head = ("column", "한글", "English", "unit", "least", "greatest", "default", "types (* needs it)", "meaning")
    sheet.write_row(0, 0, [*head, "default's source"], bold)
    fields = {name: field for name, field in columns().items() if field}
    for number, (name, field) in enumerate(fields.items(), start=1):
        default = "" if field.default in (None, (), "") else str(field.default)
        limits = ["" if v is None else v for v in (field.low, field.high)]
        row = [name, field.ko, field.en, unit_of(field), *limits, default, " ".join(users_of(name))]
        sheet.write_row(number, 0, [*row, field.meaning, field.default_source])
    sheet.set_column(0, 2, 22)
    sheet.set_column(3, 8, 26)


def _geojson(path: Path, korean: bool) -> None:
    header = _header(korean)
    features = [
        {
            "type": "Feature",
            "properties": {header[n]: _typed(row, n, text) for n, text in row.items() if n != "geometry"},
            "geometry": shapely.geometry.mapping(shapely.from_wkt(row["geometry"])),
        }
        for row in EXAMPLES
    ]
    document = {
        "type": "FeatureCollection",
        "name": "facilities",
        "crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{CRS.replace(':', '::')}"}},
        "vertical_datum": DATUM,
        "notes": [_NOTE, _NOTE_KO],
        "units": {header[name]: unit_of(f) for name, f in columns().items() if f and unit_of(f)},
        "types": {
            kind: {"ko": record.ko, "en": record.en, "geometry": record.shapes} for kind, record in TYPES.items()
        },
        "features": features,
    }
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")


def _typed(row: Mapping[str, str], name: str, text: str) -> Any:
    """Return a property: numbers and yes/no as JSON has them, curves as pairs."""
    field = FIELDS[row["type"]].get(name)
    return convert(field, text) if field and field.kind in {"number", "whole", "flag", "curve"} else text
