"""Hyetographs: rain over time, from intensities, depths or accumulations. m/s inside, mm and mm/h in files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from twin.fields import Fields
from twin.forcing.moments import rank
from twin.forcing.sections import number
from twin.forcing.series import Series
from twin.forcing.tables import Rows, read_rows
from twin.grid import Floats

MM_H = 1.0 / 3.6e6  # m/s
MOST_MM_H = 10_000.0  # laboratories rain 3600 mm/h and more
MOST_MM = 20_000.0
KINDS = ("intensity_mm_h", "depth_mm", "cumulative_mm")
_WORDS = (
    "rain",
    "precip",
    "intensity",
    "hyetograph",
    "mm",
    "depth",
    "강우",
    "우량",
    "강수",
    "누가",
    "누적",
    "강도",
)
_CUMULATIVE = re.compile(r"누가|누적|cumul|accum|total")
_INTENSITY = re.compile(r"intensity|강도|rate|mm\s*(/|_|per)?\s*(h|hr|hour|시간)(?![a-z])")
_DEPTH = re.compile(r"depth|강우량|우량|강수|mm")


@dataclass(frozen=True)
class Hyetograph:
    """Rain as rows of a table say it; on the scenario's clock once that is known."""

    rows: Rows
    kind: str
    linear: bool
    stamp: str  # start | end: which end of its interval a row's time is
    start_s: float
    factor: float

    def series(self, start: datetime | None) -> Series:
        """Return the rain rate, m/s. Raises BadSpec: clock times, but no `start`."""
        times, until = self.rows.seconds(start)
        if self.linear:
            out = Series.lines(times, self.rows.values * MM_H)
        elif until is not None:
            out = _pieces(times, until, self._rates(until - times))
        elif self.kind == "cumulative_mm":
            out = Series.steps(times, np.diff(self.rows.values) / 1000.0 / np.diff(times))
        else:
            edges = _edges(times, self.stamp)
            out = Series.steps(edges, self._rates(np.diff(edges)))
        return out.shifted(self.start_s).scaled(self.factor)

    def _rates(self, spans: Floats) -> Floats:
        values = self.rows.values
        return values * MM_H if self.kind == "intensity_mm_h" else values / 1000.0 / spans


def read_hyetograph(where: Fields, key: str = "hyetograph") -> Hyetograph:
    """Read a hyetograph.

    A row's intensity holds until the next row's time (`interpolation: linear`: it runs straight to the next); a
    depth falls evenly from its time until the next, or since the one before with `stamp: end`; the last row (the
    first, with `end`) is as long as its neighbour. Before and after there is no rain.

    Raises:
        BadSpec: negative rain, rows that overlap, a kind that is not known; and what `read_rows` raises.
    """
    rows = read_rows(where, key, _WORDS)
    kind = where.choice("kind", KINDS) if where.has("kind") else _kind(rows)
    linear = where.choice("interpolation", ("step", "linear"), "step") == "linear"
    stamp = where.choice("stamp", ("start", "end"), "start")
    if linear and (kind != "intensity_mm_h" or rows.until is not None):
        raise where.wrong("interpolation", "is linear, which only intensities at moments can be", "Take step.")
    _check(rows, kind, linear)
    return Hyetograph(
        rows, kind, linear, stamp, number(where, "start_h", (-1e5, 1e5), "h", 0.0) * 3600.0, factor(where)
    )


def factor(where: Fields) -> float:
    """Return by what rain is multiplied, as for another climate."""
    return number(where, "factor", (0.0, 100.0), "(times)", 1.0)


def _kind(rows: Rows) -> str:
    header = rows.header.casefold()
    for kind, pattern in (("cumulative_mm", _CUMULATIVE), ("intensity_mm_h", _INTENSITY), ("depth_mm", _DEPTH)):
        if pattern.search(header):
            return kind
    said = f"the header '{rows.header}'" if rows.header else "nothing"
    raise rows.where.wrong("kind", f"is missing: {said} says whether these are intensities", f"One of {KINDS}.")


def _check(rows: Rows, kind: str, linear: bool) -> None:
    most, unit = (MOST_MM_H, "mm/h") if kind == "intensity_mm_h" else (MOST_MM, "mm")
    for row, value in enumerate(rows.values):
        if not 0 <= value <= most:
            raise rows.wrong(
                f"rain of {value:g} {unit}; 0 to {most:g} {unit} is possible", "Check row and unit.", row
            )
    if rows.until is not None:
        _check_intervals(rows, kind)
    elif kind == "cumulative_mm":
        falls = np.flatnonzero(np.diff(rows.values) < 0)
        if falls.size:
            raise rows.wrong("the accumulated rain falls", "It can only grow.", int(falls[0]) + 1)
        if rows.values[0] > 0:
            raise rows.wrong("the accumulation does not begin at 0", "Add the row in which it began.", 0)
    if rows.until is None and len(rows.times) < 2:
        raise rows.wrong("one row alone does not say how long it lasts", "Add a row with 0 where the rain ends.")


def _check_intervals(rows: Rows, kind: str) -> None:
    if kind == "cumulative_mm" or rows.until is None:
        raise rows.where.wrong("kind", "is cumulative_mm, but rows have a beginning and an end", "Take depth_mm.")
    spans = [(rank(begin), rank(end)) for begin, end in zip(rows.times, rows.until, strict=True)]
    for row, (begin, end) in enumerate(spans):
        if not end > begin:
            raise rows.wrong("the row ends before it begins", "Correct from and to.", row)
    order = sorted(range(len(spans)), key=lambda n: spans[n])
    for n, m in pairwise(order):
        if spans[m][0] < spans[n][1]:
            raise rows.wrong(
                f"the times of {rows.names[n]} ({_span(rows, n)}) and {rows.names[m]} ({_span(rows, m)}) overlap: "
                "rain would be counted twice",
                f"Take rows that do not, as in `rows: [{n + 1}]` (the first is 1).",
            )
    for row in range(1, len(spans)):
        if spans[row] < spans[row - 1]:
            raise rows.wrong("the time lies before the row above it", "Times must rise from row to row.", row)


def _span(rows: Rows, row: int) -> str:
    ends = (rows.times[row], (rows.until or rows.times)[row])
    return " to ".join(t.isoformat(timespec="minutes") if isinstance(t, datetime) else f"{t:g} s" for t in ends)


def _edges(times: Floats, stamp: str) -> Floats:
    """Return the ends of the rows' intervals: one more than rows."""
    if stamp == "end":
        return np.concatenate([[2 * times[0] - times[1]], times])
    return np.concatenate([times, [2 * times[-1] - times[-2]]])


def _pieces(times: Floats, until: Floats, rates: Floats) -> Series:
    """Return intervals, with no rain between them."""
    edges, values = [times[0]], []
    for begin, end, rate in zip(times, until, rates, strict=True):
        if begin > edges[-1]:
            edges.append(begin)
            values.append(0.0)
        edges.append(end)
        values.append(rate)
    return Series.steps(edges, values)
