"""KML 2.2 (OGC 07-147r2), a stream: fields typed by a Schema under their exact names, in the layer's colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from naru.export.job import Export
from naru.export.kml_geometry import geometry_texts
from naru.export.texts import Texts, join, plain, xml_escaped, xml_text
from naru.features.conditions import Field
from naru.features.source import Batch, FeatureSource
from naru.style import colour_of, label_field

_INT32 = 2**31
_DEFAULT_COLOUR = "#2f6fb0"


def pieces(export: Export) -> Iterator[bytes]:
    """Yield the document piece by piece."""
    types = {field.name: _schema_type(field, export.source) for field in export.fields}
    named = label_field({f.name: "String" for f in export.fields if f.kind == "string"})
    yield _head(export, types).encode()
    for batch in export.batches():
        yield "".join(_placemarks(batch, named).to_pylist()).encode()
    yield b"</Document>\n</kml>\n"


def _schema_type(field: Field, source: FeatureSource) -> str:
    """Return the KML type that holds a field's values; whole numbers beyond 32 bits have none but text."""
    if field.kind == "integer" and source.within(field.name, -_INT32, _INT32 - 1):
        return "int"
    return {"number": "double", "boolean": "bool"}.get(field.kind, "string")


def _head(export: Export, types: Mapping[str, str]) -> str:
    about = "\n".join(f"{label}: {text}" for label, text in export.rows())
    fields = "".join(f'<SimpleField type="{kind}" name="{xml_text(name)}"/>\n' for name, kind in types.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2">\n'
        f"<Document>\n<name>{xml_text(export.about.title_ko)}</name>\n<open>1</open>\n"
        f"<description>{xml_text(about)}</description>\n{_style(export.about.style)}"
        f'<Schema name="fields" id="fields">\n{fields}</Schema>\n'
    )


def _style(style: Sequence[Mapping[str, Any]]) -> str:
    """Return the layer's look: its colour, widths and opacities, as far as they are the same for all features."""
    colour = colour_of(style) or _DEFAULT_COLOUR
    line, width = _kml_colour(colour, _paint(style, "line-opacity", 1.0)), _paint(style, "line-width", 1.5)
    fill = _kml_colour(colour, _paint(style, "fill-opacity", 0.3))
    return (
        f'<Style id="layer">\n<IconStyle><color>{line}</color><scale>0.8</scale></IconStyle>\n'
        f"<LineStyle><color>{line}</color><width>{width:g}</width></LineStyle>\n"
        f"<PolyStyle><color>{fill}</color></PolyStyle>\n</Style>\n"
    )


def _paint(style: Sequence[Mapping[str, Any]], name: str, otherwise: float) -> float:
    """Return a paint value of the style: a number, or the last of those that change with the zoom."""
    for part in style:
        value = part.get("paint", {}).get(name)
        if isinstance(value, list) and value:
            value = value[-1]
        if isinstance(value, int | float):
            return float(value)
    return otherwise


def _kml_colour(colour: str, opacity: float) -> str:
    """Return aabbggrr (OGC 07-147r2 §16.3) of a CSS hexadecimal colour; of other spellings the default's."""
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    if len(digits) != 6 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
        digits = _DEFAULT_COLOUR[1:]
    alpha = round(255 * min(max(opacity, 0.0), 1.0))
    return f"{alpha:02x}{digits[4:6]}{digits[2:4]}{digits[0:2]}".lower()


def _placemarks(batch: Batch, named: str | None) -> Texts:
    return join(
        '<Placemark id="f',
        pa.array(batch.ids).cast(pa.string()),
        '">',
        *_name(batch.attributes, named),
        '<styleUrl>#layer</styleUrl><ExtendedData><SchemaData schemaUrl="#fields">',
        *_values(batch.attributes),
        "</SchemaData></ExtendedData>",
        geometry_texts(batch.geometries),
        "</Placemark>\n",
    )


def _name(attributes: pa.RecordBatch, named: str | None) -> list[Texts]:
    if named is None:
        return []
    name = xml_escaped(attributes.column(named))
    return [pc.fill_null(join("<name>", name, "</name>"), "")]


def _values(attributes: pa.RecordBatch) -> Iterator[Texts]:
    """Yield one element a field; what is missing is left out."""
    for name, column in zip(attributes.schema.names, attributes.columns, strict=True):
        open_tag = f'<SimpleData name="{xml_text(name)}">'
        yield pc.fill_null(join(open_tag, xml_escaped(plain(column)), "</SimpleData>"), "")
