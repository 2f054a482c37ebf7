"""Design storms as a scenario states them: a depth, a duration, a pattern; the depth maybe from a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.fields import Fields
from twin.forcing import patterns
from twin.forcing.hyetograph import MOST_MM, factor
from twin.forcing.reference import depth_curve, mass_curve
from twin.forcing.sections import number, only_one
from twin.forcing.series import Series
from twin.grid import Floats

_EXPONENT = 0.55  # between Seoul's design goals of 1, 2 and 3 h depth grows with duration to the power 0.50 to 0.60
_BLOCK_MIN = 10.0


@dataclass(frozen=True)
class DesignStorm:
    """A storm of a stated depth; `given` is what the report says of it."""

    rain: Series  # m/s
    given: Mapping[str, Any]


def read_design(where: Fields) -> DesignStorm:
    """Read a design storm.

    `depth_mm`, or `return_period_y` and `place` (with `depth_table`, else the table that comes with the software);
    `duration_h`; `pattern`: a column of `pattern_table` (else Huff's quartiles: huff-1 … huff-4), uniform, or
    alternating-block (`exponent`, `peak`); `step_min`; `start_h`; `factor`.

    Raises:
        BadSpec: a field has a value that it cannot have, or the table has no such depth.
    """
    hours = number(where, "duration_h", (1 / 60, 240.0), "h")
    step_min = where.number("step_min", 0.1, 60 * hours, "min")
    depth, curve, sources = _depth(where, hours)
    pattern = where.text("pattern", "huff-3") or ""
    if pattern == "alternating-block":
        step_s = 60 * (step_min if step_min is not None else min(_BLOCK_MIN, 60 * hours))
        mass, step = patterns.alternating_blocks(_growth(where, hours, step_s, curve), _peak(where)), None
    else:
        mass = patterns.uniform() if pattern == "uniform" else mass_curve(where, pattern)
        step = None if step_min is None else 60 * step_min
    rain = patterns.storm(depth, 3600 * hours, mass, step)
    rain = rain.shifted(number(where, "start_h", (-1e5, 1e5), "h", 0.0) * 3600).scaled(factor(where))
    given = {"depth_mm": depth, "duration_h": hours, "pattern": pattern} | ({"source": sources} if sources else {})
    if pattern.startswith("huff-") and not where.has("pattern_table"):
        given["pattern_source"] = "Huff: medians of point rain in Illinois, not of Seoul"
    for name in ("pattern_table", "depth_table"):
        if where.has(name):
            given[name] = where.get(name)
    where.done()
    return DesignStorm(rain, given)


_Curve = tuple[Floats, Floats]


def _depth(where: Fields, hours: float) -> tuple[float, _Curve | None, list[str]]:
    """Return the depth, mm; the depth-duration curve that it is of, if any, and where that comes from."""
    key = only_one(where, ("depth_mm", "return_period_y"), "A storm's depth")
    if key == "depth_mm":
        return number(where, "depth_mm", (0.0, MOST_MM), "mm"), None, []
    place = where.text("place", "") or ""
    if not place:
        raise where.wrong("place", "is missing", "Say for which place, as in `place: seoul`.")
    years = number(where, "return_period_y", (1.0, 100_000.0), "years")
    durations, depths, sources = depth_curve(where, place, years)
    if not durations[0] - 1e-9 <= hours <= durations[-1] + 1e-9:
        listed = ", ".join(f"{h:g}" for h in durations)
        raise where.wrong(
            "duration_h",
            f"is {hours:g} h; for '{place}', {years:g} years the table has {listed} h",
            "Take a duration within, or add a row to a copy of the table and name that as `depth_table`.",
        )
    return float(_at(hours, (durations, depths))), (durations, depths), sources


def _at(hours: float | Floats, curve: _Curve) -> Floats:
    """Return depths between those of a table: straight in logarithms, beyond its ends with the slope there."""
    x, y = np.log(curve[0]), np.log(curve[1])
    at = np.log(np.asarray(hours, np.float64))
    first = (y[1] - y[0]) / (x[1] - x[0]) if len(x) > 1 else _EXPONENT
    inside = np.interp(at, x, y)
    out: Floats = np.exp(np.where(at < x[0], y[0] + first * (at - x[0]), inside))
    return out


def _growth(where: Fields, hours: float, step_s: float, curve: _Curve | None) -> Floats:
    """Return how depth grows with the number of blocks: as the table's curve, or with a power of duration."""
    duration_s = 3600 * hours
    if curve is None or where.has("exponent"):
        return patterns.power_law(duration_s, step_s, number(where, "exponent", (0.05, 1.0), "", _EXPONENT))
    count = max(1, round(duration_s / step_s))
    return _at(hours * np.arange(1, count + 1) / count, curve)


def _peak(where: Fields) -> float:
    return number(where, "peak", (0.0, 1.0), "(share of the duration)", 0.5)
