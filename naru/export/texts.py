"""Columns as text, a whole batch at a time: numbers shortest, dates as ISO 8601; escaped for JSON and XML."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Texts = Any  # a pyarrow.StringArray; pyarrow has no types of its own
_FORBIDDEN_IN_XML = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x{FFFE}\\x{FFFF}]"  # XML 1.0 §2.2
_JSON_CONTROL = "[\\x00-\\x1f]"


def plain(column: pa.Array) -> Texts:
    """Return values as text; null stays null. Moments with a zone come in UTC with a Z."""
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_timestamp(kind):
        return _moments(column)
    if pa.types.is_date(kind):
        return column.cast(pa.date32(), safe=False).cast(pa.string())
    if pa.types.is_floating(kind):
        return _floats(column)
    return column.cast(pa.string())


def _floats(column: pa.Array) -> Texts:
    """Return the shortest text that reads back as the same number; a point shows that it is no whole one."""
    text = column.cast(pa.string())
    pointed = pc.or_(pc.match_substring_regex(text, "[.einf]"), pc.is_null(text))
    return pc.if_else(pc.fill_null(pointed, True), text, pc.binary_join_element_wise(text, ".0", ""))


def _moments(column: pa.Array) -> Texts:
    """Return 2024-01-31T09:00:00, with a fraction only where there is one."""
    zone = "Z" if column.type.tz else ""
    naive = column.cast(pa.timestamp(column.type.unit, column.type.tz)).cast(pa.timestamp(column.type.unit))
    text = pc.replace_substring(naive.cast(pa.string()), " ", "T")
    text = pc.replace_substring_regex(text, r"(\.[0-9]*?)0+$", r"\1")
    text = pc.replace_substring_regex(text, r"\.$", "")
    return pc.binary_join_element_wise(text, zone, "") if zone else text


def json_values(column: pa.Array) -> Texts:
    """Return values as JSON (RFC 8259), null as `null`; numbers that JSON has no word for become null too."""
    text = plain(column)
    if pa.types.is_floating(column.type):
        text = pc.if_else(pc.is_finite(column), text, None)
    elif not (pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
        text = pc.binary_join_element_wise('"', json_escaped(text), '"', "")
    return pc.fill_null(text, "null")


def json_escaped(text: Texts) -> Texts:
    """Return texts as they stand between a JSON string's quotes."""
    out = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
    return _each(out, _JSON_CONTROL, lambda t: re.sub(_JSON_CONTROL, _json_control, t))


def _json_control(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def xml_escaped(text: Texts) -> Texts:
    """Return texts as they stand in an XML element or attribute; characters that XML forbids become U+FFFD."""
    out = pc.replace_substring(text, "&", "&amp;")
    for sign, name in (("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\r", "&#13;")):
        out = pc.replace_substring(out, sign, name)
    return pc.replace_substring_regex(out, _FORBIDDEN_IN_XML, "\ufffd")


def xml_text(text: str) -> str:
    """Return one text escaped as `xml_escaped` does."""
    escaped: str = xml_escaped(pa.array([text]))[0].as_py()
    return escaped


def join(*parts: Any) -> Texts:
    """Return columns and constants glued row by row."""
    return pc.binary_join_element_wise(*parts, "")


def _each(text: Texts, pattern: str, change: Callable[[str], str]) -> Texts:
    """Change those texts that hold `pattern`: few, so one by one."""
    if not pc.any(pc.match_substring_regex(text, pattern)).as_py():
        return text
    return pa.array([t and change(t) for t in text.to_pylist()], pa.string())
