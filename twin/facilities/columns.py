"""Which field a column means: by its name, its Korean or its English word, with or without the unit behind it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from twin.facilities.schema import Field
from twin.facilities.types import ALIASES, FIELDS, TYPES

SOURCE = "_source"
TYPE = ("type", "종류", "유형", "시설종류")
GEOMETRY = ("geometry", "wkt", "geom", "위치", "도형")
XY = (("x", "y"), ("lon", "lat"), ("경도", "위도"), ("longitude", "latitude"))
SOURCES = ("sources", "출처목록")  # a mapping of field to text, or to {source, verified}
UNVERIFIED = ("unverified", "미확인")  # names of fields that are not verified though the rest is
_SOURCE_WORDS = (SOURCE, "출처", "source")


@dataclass(frozen=True)
class Meaning:
    """What a column holds: a field, perhaps in another unit, or the source of a field's value."""

    field: Field
    factor: float = 1.0
    is_source: bool = False


def plain(name: str) -> str:
    """Return a column's name without what people vary.

    >>> plain("둑마루표고 (EL m)"), plain("Crest elevation_m"), plain("crest-elevation")
    ('둑마루표고', 'crestelevationm', 'crestelevation')
    """
    return re.sub(r"[\s_\-·]+", "", re.sub(r"[(\[（].*?[)\]）]", "", name)).casefold()


@cache
def _spellings(kind: str) -> Mapping[str, Meaning]:
    """Return what each spelling means for a type; the names themselves win over words."""
    out: dict[str, Meaning] = {}
    for spell in (_names, _words):
        for name, meaning in spell(kind):
            out.setdefault(plain(name), meaning)
            for word in _SOURCE_WORDS:
                out.setdefault(plain(f"{name}{word}"), Meaning(meaning.field, is_source=True))
    return out


def _names(kind: str) -> Iterator[tuple[str, Meaning]]:
    for field in FIELDS[kind].values():
        yield field.name, Meaning(field)
        for other, factor in field.also.items():
            yield other, Meaning(field, factor)


def _words(kind: str) -> Iterator[tuple[str, Meaning]]:
    for field in FIELDS[kind].values():
        yield field.ko, Meaning(field)
        yield field.en, Meaning(field)


def meaning_of(column: str, kind: str) -> Meaning | None:
    """Return what a column means for a type of facility, or None."""
    return _spellings(kind).get(plain(column))


def is_known(column: str) -> bool:
    """Tell whether a column means anything to any type; names that begin with _ or # are remarks."""
    shared = {plain(name) for name in (*TYPE, *GEOMETRY, *SOURCES, *UNVERIFIED, *(n for pair in XY for n in pair))}
    return column.startswith(("_", "#")) or plain(column) in shared or any(meaning_of(column, k) for k in TYPES)


def nearest(column: str) -> str | None:
    """Return the field whose name looks most like a column's."""
    names = {plain(name): name for fields in FIELDS.values() for name in fields}
    found = difflib.get_close_matches(plain(column), names, n=1, cutoff=0.6)
    return names[found[0]] if found else None


def type_named(text: str) -> str | None:
    """Return the type that a word means, in Korean or English, or None."""
    words = {plain(w): kind for kind, record in TYPES.items() for w in (kind, record.ko, record.en)}
    return (words | {plain(word): kind for word, kind in ALIASES.items()}).get(plain(text))
