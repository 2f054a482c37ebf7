"""The JSON Schema of published facilities, and the table in the docs: both from the fields' declarations."""

from __future__ import annotations

from typing import Any

from twin.facilities.schema import Field
from twin.facilities.templates import unit_of
from twin.facilities.types import FIELDS, TYPES
from twin.facilities.writing import FORMAT, VERSION

_PLACE = {"type": "array", "prefixItems": [{"type": "number"}] * 2, "minItems": 2, "maxItems": 2, "items": False}
_LINE = {"type": "array", "items": _PLACE, "minItems": 2}
_GEOMETRIES = {
    "point": ("Point", _PLACE),
    "line": ("LineString", _LINE),
    "polygon": ("Polygon", {"type": "array", "items": _LINE | {"minItems": 4}, "minItems": 1, "maxItems": 1}),
}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the asset "facilities"."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Facilities of a river, as Naru publishes them",
        "type": "object",
        "required": ["format", "version", "crs", "vertical_datum", "facilities"],
        "properties": {
            "format": {"const": FORMAT},
            "version": {"const": VERSION},
            "crs": {"type": "string", "description": "projected, in metres, such as EPSG:5186"},
            "crs_how": {"type": "string"},
            "vertical_datum": {"type": "string", "description": "zero of all heights; KVD1964 is EL"},
            "facilities": {"type": "array", "items": {"oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in TYPES]}},
            "warnings": {"type": "array", "items": {"type": "string"}},
        },
        "additionalProperties": False,
        "$defs": {kind: _type(kind) for kind in TYPES},
    }


def _type(kind: str) -> dict[str, Any]:
    record, fields = TYPES[kind], FIELDS[kind]
    shapes = [_geometry(shape) for shape in record.shapes]
    sourced = {
        "type": "object",
        "required": ["source", "verified"],
        "properties": {"source": {"type": "string"}, "verified": {"type": "boolean"}},
        "additionalProperties": False,
    }
    return {
        "title": f"{record.ko} · {record.en}",
        "type": "object",
        "required": [
            "id",
            "type",
            "geometry",
            "sources",
            *(n for n, f in fields.items() if f.required and n != "id"),
        ],
        "properties": {
            "type": {"const": kind},
            "type_ko": {"const": record.ko},
            "geometry": shapes[0] if len(shapes) == 1 else {"oneOf": shapes},
            **{name: _field(field) for name, field in fields.items()},
            "sources": {
                "type": "object",
                "propertyNames": {"enum": list(fields)},
                "additionalProperties": sourced,
            },
            "unverified": {"type": "array", "items": {"enum": list(fields)}},
            "derived": {"type": "object", "additionalProperties": {"type": "number"}},
        },
        "additionalProperties": False,
    }


def _geometry(shape: str) -> dict[str, Any]:
    name, coordinates = _GEOMETRIES[shape]
    return {
        "type": "object",
        "required": ["type", "coordinates"],
        "properties": {"type": {"const": name}, "coordinates": coordinates},
        "additionalProperties": False,
    }


def _field(field: Field) -> dict[str, Any]:
    unit = f" [{field.unit}]" if field.unit not in {"", "–"} else ""
    out: dict[str, Any] = {"title": f"{field.ko} · {field.en}", "description": f"{field.meaning}{unit}"}
    if field.kind in {"number", "whole"}:
        out |= {
            "type": "integer" if field.kind == "whole" else "number",
            "minimum": field.low,
            "maximum": field.high,
        }
    elif field.kind == "choice":
        out["enum"] = list(field.choices)
    elif field.kind == "curve":
        out |= {
            "type": "array",
            "items": _PLACE,
            "minItems": 2,
            "description": f"pairs of {' and '.join(field.axes)}",
        }
    elif field.kind == "rules":
        rule = {"type": "object", "required": ["text", "action"], "properties": {"text": {"type": "string"}}}
        out |= {"type": "array", "items": rule}
    else:
        out["type"] = "boolean" if field.kind == "flag" else "string"
    if field.default not in (None, ()):
        out["default"] = field.default
    return out


def docs_table() -> str:
    """Return the fields as Markdown, a table a type; those of all types first."""
    shared = [n for n in FIELDS["weir"] if all(f.get(n) == FIELDS["weir"][n] for f in FIELDS.values())]
    parts = ["### 모든 시설 · every facility\n\n" + _table([FIELDS["weir"][n] for n in shared])]
    for kind, record in TYPES.items():
        geometry = " or ".join(record.shapes)
        law = (record.__doc__ or "").strip()
        own = _table([f for n, f in FIELDS[kind].items() if n not in shared])
        parts.append(f"### `{kind}` {record.ko} · {record.en} ({geometry})\n\n{law}\n\n{own}")
    return "\n".join(parts)


def _table(fields: list[Field]) -> str:
    lines = ["| column | 한글 | unit | from … to | default | meaning |", "|---|---|---|---|---|---|"]
    for field in fields:
        limits = "" if field.low is None else f"{field.low:g} … {field.high:g}"
        blank = field.default in (None, (), "", False)
        default = "**required**" if field.required else "" if blank else f"{field.default}"
        why = f" ({field.default_source})" if field.default_source else ""
        unit = unit_of(field).replace("|", "\\|")
        name = ", ".join(f"`{n}`" for n in (field.name, *field.also))
        lines.append(f"| {name} | {field.ko} | {unit} | {limits} | {default}{why} | {field.meaning} |")
    return "\n".join(lines) + "\n"
