"""Hydrographs: discharge or stage over time. Straight between rows, held before the first and after the last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from twin.fields import Fields
from twin.forcing.sections import number, only_one
from twin.forcing.series import Series
from twin.forcing.tables import Rows, read_rows


@dataclass(frozen=True)
class Quantity:
    """What a series is of."""

    series_key: str  # the field that names a table
    number_key: str  # the field that gives one number
    words: tuple[str, ...]  # that headers of its column begin with
    units: Mapping[str, float]  # by the name that `unit` has
    written: Mapping[str, tuple[str, ...]]  # unit: how headers write it, without spaces and brackets
    within: tuple[float, float]


DISCHARGE = Quantity(
    "hydrograph",
    "discharge_m3_s",
    ("q", "discharge", "flow", "inflow", "hydrograph", "유량", "유입", "유입량", "방류", "m3", "cms", "㎥"),
    {"m3/s": 1.0, "m3/min": 1 / 60, "m3/h": 1 / 3600, "l/s": 1e-3, "ft3/s": 0.3048**3},
    {"m3/s": ("m3s", "cms", "㎥s"), "m3/min": ("m3min", "㎥min", "m3분"), "l/s": ("ls", "lps"), "ft3/s": ("cfs",)},
    (-1e6, 1e6),
)
STAGE = Quantity(
    "series",
    "stage_m",
    ("stage", "level", "water", "wl", "el", "h", "height", "수위", "조위", "tide", "elevation"),
    {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048},
    {"cm": ("cm",), "mm": ("mm",), "ft": ("ft", "feet")},
    (-1000.0, 9000.0),
)


@dataclass(frozen=True)
class Hydrograph:
    """A series as the scenario gives it: a number, or rows on the scenario's clock."""

    constant: float
    rows: Rows | None = None
    linear: bool = True
    unit: float = 1.0  # of the rows, in m³/s or m
    zero: float = 0.0  # what is added to the rows: a gauge's zero, EL m
    start_s: float = 0.0
    factor: float = 1.0

    def series(self, start: datetime | None) -> Series:
        """Return the series in m³/s or EL m. Raises BadSpec: clock times, but no `start`."""
        if self.rows is None:
            return Series.constant(self.constant * self.factor)
        times, _ = self.rows.seconds(start)
        values = self.rows.values * (self.unit * self.factor) + self.zero
        return Series.held(times, values, self.linear).shifted(self.start_s)

    def given(self) -> dict[str, object]:
        """Return what the report says of it."""
        return {"value": self.constant} if self.rows is None else self.rows.given()


def read_hydrograph(where: Fields, quantity: Quantity) -> Hydrograph:
    """Read a number or a table. Beside it may stand `interpolation` (linear, or step), `unit`, `start_h`.

    Discharge may be multiplied by `factor`; stages are EL, or read on a gauge whose zero is `gauge_zero_m`.
    Raises BadSpec, and what `read_rows` raises.
    """
    key = only_one(where, (quantity.series_key, quantity.number_key), "What flows over time")
    times = number(where, "factor", (0.0, 1000.0), "(times)", 1.0) if quantity is DISCHARGE else 1.0
    if key == quantity.number_key:
        return Hydrograph(number(where, key, quantity.within, next(iter(quantity.units))), factor=times)
    rows = read_rows(where, key, quantity.words)
    if rows.until is not None:
        raise rows.wrong(
            "rows have a beginning and an end; a moment and a value are expected", "Give a column 'time'."
        )
    unit = where.choice("unit", tuple(quantity.units), _unit(rows.header, quantity))
    out = Hydrograph(
        0.0,
        rows,
        where.choice("interpolation", ("linear", "step"), "linear") == "linear",
        quantity.units[unit],
        number(where, "gauge_zero_m", (-1000, 9000), "m", 0.0) if quantity is STAGE else 0.0,
        number(where, "start_h", (-1e5, 1e5), "h", 0.0) * 3600.0,
        times,
    )
    low, high = quantity.within
    for row, value in enumerate(rows.values * out.unit + out.zero):
        if not low <= value <= high:
            raise rows.wrong(f"{value:g} where {low:g} to {high:g} is possible", "Check row and unit.", row)
    return out


def _unit(header: str, quantity: Quantity) -> str:
    """Return the unit that a header writes, as in 유량(㎥/s) or q_l_s; else the first."""
    text = re.sub(r"[\s()\[\]{}/_.^-]|per", "", header.casefold().replace("³", "3"))
    found = [unit for unit, ways in quantity.written.items() if any(text.endswith(way) for way in ways)]
    if quantity is DISCHARGE and "m3/s" in found:
        return "m3/s"
    return found[0] if found else next(iter(quantity.units))
