"""Whole columns of plain texts at once: what all rows of a long table have in common is looked at once.

A column that is not plain throughout gives None: it is read row by row then, and what is wrong is told by its line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime

from twin.forcing.moments import UNITS_S, Moment

_NUMBERS = re.compile(r"(?:[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?\n)*", re.ASCII)
_FORMS: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (re.compile(r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[-+]\d\d:\d\d)?\n)*", re.ASCII), str),
    (re.compile(r"(?:\d{4}/\d\d/\d\d[T ]\d\d:\d\d(?::\d\d)?\n)*", re.ASCII), lambda t: t.replace("/", "-")),
    (re.compile(r"(?:(?:19|20)\d{10}\n)*", re.ASCII), lambda t: f"{t[:8]}T{t[8:]}"),  # as KMA writes it
)  # of clock times, and how to write them as ISO 8601 has them


def numbers(texts: Sequence[str]) -> list[float] | None:
    """Return a column of numbers, without commas in them; None where a text is none, or too large a one.

    >>> numbers(["1", "-2.5e3"]), numbers(["1", "nan"]), numbers(["1_000"]), numbers(["1e999"])
    ([1.0, -2500.0], None, None, None)
    """
    if not _NUMBERS.fullmatch(_joined(texts)):
        return None
    out = [float(text) for text in texts]
    return out if all(map(math.isfinite, out)) else None


def moments(texts: Sequence[str], unit: str | None) -> list[Moment] | None:
    """Return a column of times as `read_moment` reads each; None where they are not all plain and alike."""
    if unit in UNITS_S:
        found = numbers(texts)
        return None if found is None else [value * UNITS_S[unit] for value in found]
    joined = _joined(texts)
    iso = next((iso for form, iso in _FORMS if unit != "elapsed" and form.fullmatch(joined)), None)
    try:
        return None if iso is None else [datetime.fromisoformat(iso(text)) for text in texts]
    except ValueError:  # no day of the calendar, or 24:00, which observers write
        return None


def _joined(texts: Sequence[str]) -> str:
    """Return texts as lines: none of them holds a line's end, or it is no plain one."""
    return "\n".join([*texts, ""])
