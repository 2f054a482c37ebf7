"""Stage of the sea as a sum of tidal constituents (Pugh & Woodworth 2014, §4.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from twin.fields import Fields
from twin.forcing.sections import groups, number

PERIODS_H = {  # of the main constituents
    "M2": 12.4206012,
    "S2": 12.0,
    "N2": 12.65834751,
    "K2": 11.96723606,
    "K1": 23.93447213,
    "O1": 25.81933871,
    "P1": 24.06588766,
    "Q1": 26.868350,
    "M4": 6.210300601,
    "MS4": 6.103339275,
}


@dataclass(frozen=True)
class Tide:
    """z = mean + Σ a·cos(2π·t/T - φ), EL m; t counts from the scenario's start."""

    mean_m: float
    constituents: tuple[tuple[float, float, float], ...]  # amplitude m, period s, phase rad

    def at(self, time_s: float) -> float:
        """Return the stage."""
        waves = (a * math.cos(2 * math.pi * time_s / period - phase) for a, period, phase in self.constituents)
        return self.mean_m + sum(waves)

    def mean(self, from_s: float, to_s: float) -> float:
        """Return the mean stage between two times, exactly."""

        def until(time_s: float) -> float:
            waves = (
                a * period / (2 * math.pi) * math.sin(2 * math.pi * time_s / period - phase)
                for a, period, phase in self.constituents
            )
            return sum(waves)

        return self.mean_m + (until(to_s) - until(from_s)) / (to_s - from_s)

    def highest(self, from_s: float) -> float:
        """Return what it never rises above."""
        return self.mean_m + sum(abs(a) for a, _, _ in self.constituents)

    def next_change(self, time_s: float) -> float:
        """It never breaks."""
        return math.inf


def read_tide(where: Fields) -> Tide:
    """Read `mean_m` and `constituents`: of each `amplitude_m`, `phase_deg` and a known `name` or `period_h`.

    Phases count from the scenario's start, not from Greenwich. Raises BadSpec.
    """
    found = []
    for fields in groups(where, "constituents"):
        name = (fields.text("name") or "").upper()
        if name and name not in PERIODS_H and not fields.has("period_h"):
            raise fields.wrong("name", f"is '{name}'", f"Known are: {', '.join(PERIODS_H)}; or give `period_h`.")
        period = number(fields, "period_h", (0.01, 1e5), "h", PERIODS_H.get(name))
        amplitude = number(fields, "amplitude_m", (0.0, 50.0), "m")
        found.append((amplitude, period * 3600, math.radians(number(fields, "phase_deg", (-360, 360), "°", 0.0))))
        fields.done()
    if not found:
        raise where.wrong("constituents", "is empty", "Give [{name: M2, amplitude_m: 2.8, phase_deg: 30}].")
    return Tide(number(where, "mean_m", (-1000.0, 9000.0), "EL m"), tuple(found))
