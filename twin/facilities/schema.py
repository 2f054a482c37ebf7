"""What a field of a facility is: the one declaration from which validation, templates, schema and docs come.

`twin/facilities/records.py` declares each field of each type with one of the functions here; nothing else says
what a facility has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any, Literal

Kind = Literal["text", "number", "whole", "flag", "choice", "curve", "rules"]
ELEVATION = (-500.0, 9000.0)  # EL m that anything built on land can have
_KEY = "field"


@dataclass(frozen=True)
class Field:
    """One field: its name says the unit too. `low` and `high` are the least and the greatest value it may have."""

    name: str
    kind: Kind
    ko: str
    en: str
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    required: bool = False
    default: Any = None
    default_source: str = ""  # where the default comes from; "" where there is none
    choices: Mapping[str, str] = dataclasses.field(default_factory=dict)  # value: Korean word, accepted too
    also: Mapping[str, float] = dataclasses.field(default_factory=dict)  # other column: factor into this one
    axes: tuple[str, str] = ("", "")  # of a curve: what its pairs are, with units
    above_ground: tuple[float, float] | None = (
        None  # of an elevation: how far below the lowest and above the highest ground there
    )


def text(ko: str, en: str, meaning: str, *, required: bool = False) -> Any:
    """Declare a text."""
    return _declare({"kind": "text", "ko": ko, "en": en, "meaning": meaning}, required, "")


def number(
    words: tuple[str, str, str],
    unit: str,
    limits: tuple[float, float],
    *,
    required: bool = False,
    default: float | None = None,
    source: str = "",
    **more: Any,
) -> Any:
    """Declare a number: `words` are Korean, English and meaning. `source` says where the default comes from."""
    ko, en, meaning = words
    said = {"kind": "number", "ko": ko, "en": en, "meaning": meaning, "unit": unit, "low": limits[0]}
    return _declare(said | {"high": limits[1], "default_source": source} | more, required, default)


def elevation(words: tuple[str, str, str], above_ground: tuple[float, float], *, required: bool = False) -> Any:
    """Declare a height above the vertical datum.

    `above_ground` is how far it may be below the lowest ground within 30 m (negative) and above the highest.
    """
    return number(words, "EL m", ELEVATION, required=required, above_ground=above_ground)


def whole(words: tuple[str, str, str], limits: tuple[int, int], *, default: int | None = None, **more: Any) -> Any:
    """Declare a whole number."""
    ko, en, meaning = words
    said = {"kind": "whole", "ko": ko, "en": en, "meaning": meaning, "low": limits[0], "high": limits[1]}
    return _declare(said | more, False, default)


def flag(ko: str, en: str, meaning: str) -> Any:
    """Declare a yes or no; no where nothing is said."""
    return _declare({"kind": "flag", "ko": ko, "en": en, "meaning": meaning}, False, False)


def choice(words: tuple[str, str, str], choices: Mapping[str, str], *, default: str) -> Any:
    """Declare a word out of a few."""
    ko, en, meaning = words
    said = {"kind": "choice", "ko": ko, "en": en, "meaning": meaning, "choices": choices}
    return _declare(said, False, default)


def curve(words: tuple[str, str, str], axes: tuple[str, str]) -> Any:
    """Declare pairs of numbers, written `0:104; 3:98`."""
    ko, en, meaning = words
    return _declare({"kind": "curve", "ko": ko, "en": en, "meaning": meaning, "axes": axes}, False, ())


def rules(ko: str, en: str, meaning: str) -> Any:
    """Declare operating rules: see twin/facilities/rules.py."""
    return _declare({"kind": "rules", "ko": ko, "en": en, "meaning": meaning}, False, ())


def _declare(said: dict[str, Any], required: bool, default: Any) -> Any:
    metadata = {_KEY: {**said, "required": required, "default": default}}
    if required:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def fields_of(record: type[Any]) -> dict[str, Field]:
    """Return the fields that a class declares with the functions above, by name, in order."""
    out = {}
    for each in dataclasses.fields(record):
        if _KEY in each.metadata:
            said = dict(each.metadata[_KEY])
            if each.default is MISSING:
                said["required"] = True
            out[each.name] = Field(each.name, **said)
    return out
