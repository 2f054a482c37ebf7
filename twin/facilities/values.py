"""From what stands in a cell to a field's value. Everything that is wrong is a ValueError in plain words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from twin.facilities.columns import plain
from twin.facilities.rules import parse
from twin.facilities.schema import Field
from twin.text import parse_number

_YES = {"yes", "y", "true", "1", "예", "유", "o", "확인"}
_NO = {"no", "n", "false", "0", "아니오", "무", "x", "미확인"}


def is_empty(raw: Any) -> bool:
    """Tell whether a cell says nothing."""
    return (
        raw is None
        or (isinstance(raw, str) and raw.strip() in {"", "-"})
        or (isinstance(raw, float) and math.isnan(raw))
    )


def convert(field: Field, raw: Any, factor: float = 1.0) -> Any:
    """Return the value of a field. Raises ValueError, whose text says what is wrong with it."""
    return _CONVERTERS[field.kind](field, raw, factor)


def _text(field: Field, raw: Any, _: float) -> str:
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)  # a spreadsheet's 12 is 12.0
    if isinstance(raw, list | dict):
        raise ValueError("is no text")
    return str(raw).strip()


def _number(field: Field, raw: Any, factor: float) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise ValueError(f"{_shown(raw)} is no number")
    value = parse_number(raw) if isinstance(raw, str) else float(raw)
    if value is None or not math.isfinite(value):
        raise ValueError(f"{_shown(raw)} is no number")
    value = value * factor
    if field.low is not None and value < field.low:
        raise ValueError(f"{value:g} {field.unit} is below {field.low:g}".replace("  ", " "))
    if field.high is not None and value > field.high:
        raise ValueError(f"{value:g} {field.unit} is above {field.high:g}".replace("  ", " "))
    return round(value, 9)


def _whole(field: Field, raw: Any, factor: float) -> int:
    value = _number(field, raw, factor)
    if value != int(value):
        raise ValueError(f"{_shown(raw)} is no whole number")
    return int(value)


def _flag(field: Field, raw: Any, _: float) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(int(raw) if isinstance(raw, float) and raw.is_integer() else raw).strip().casefold()
    if word in _YES | _NO:
        return word in _YES
    raise ValueError(f"{_shown(raw)} is neither yes nor no")


def _choice(field: Field, raw: Any, _: float) -> str:
    words = {plain(word): value for value, ko in field.choices.items() for word in (value, ko)}
    found = words.get(plain(str(raw)))
    if found is None:
        raise ValueError(f"{_shown(raw)} is none of {', '.join(field.choices)}")
    return found


def _curve(field: Field, raw: Any, _: float) -> tuple[tuple[float, float], ...]:
    """Read `0:104; 3:98`, or a list of pairs."""
    if isinstance(raw, str) and raw.lstrip().startswith("["):
        try:
            raw = json.loads(raw)
        except ValueError as error:
            raise ValueError(f"{_shown(raw)} is no list of pairs") from error
    pairs = [part.split(":") for part in raw.split(";") if part.strip()] if isinstance(raw, str) else raw
    if not isinstance(pairs, Sequence):
        raise ValueError(f"{_shown(raw)} is no curve such as 0:104; 3:98")
    out = []
    for pair in pairs:
        numbers = [_plain_number(value) for value in pair] if isinstance(pair, list | tuple) else []
        if len(numbers) != 2 or None in numbers:
            raise ValueError(f"{_shown(pair)} is no pair of {field.axes[0]} and {field.axes[1]}")
        out.append((float(numbers[0] or 0), float(numbers[1] or 0)))
    if len(out) < 2:
        raise ValueError("a curve needs two pairs at least")
    if any(b[0] <= a[0] for a, b in pairwise(out)):
        raise ValueError(f"the curve's {field.axes[0]} do not rise from pair to pair")
    return tuple(out)


def _plain_number(value: Any) -> float | None:
    if isinstance(value, str):
        return parse_number(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _rules(field: Field, raw: Any, _: float) -> Any:
    if not isinstance(raw, str | list | tuple):
        raise ValueError(f"{_shown(raw)} is no rule")
    return parse(raw)


_CONVERTERS = {
    "text": _text,
    "number": _number,
    "whole": _whole,
    "flag": _flag,
    "choice": _choice,
    "curve": _curve,
    "rules": _rules,
}


def _shown(raw: Any) -> str:
    text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False, default=str)
    return f"'{text[:40]}'"
