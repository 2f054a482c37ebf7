"""What the scheme's equations are told: its numbers, and the ground in layers. One for all back-ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from naru.errors import BadSpec
from twin.flood.records import Domain, Options
from twin.grid import Values

GRAVITY = 9.80665
_FROUDE = 2.5  # no faster flow: steps and steep streets would run away without advection
_OUTSIDE_M = 1e6  # height of a bed that nothing climbs
_WAVE = 5 / 3  # speed of a kinematic wave over that of the flow (Manning)


def check(options: Options) -> None:
    """Refuse what is out of its range.

    Raises:
        BadSpec: it names the field and its range.
    """
    ranges = {
        "theta": (options.theta, 0.5, 1.0, ""),
        "cfl": (options.cfl, 0.01, 1.0, ""),
        "dry_m": (options.dry_m, 1e-8, 0.1, " m"),
        "froude": (options.more.get("froude"), 0.1, 100.0, ""),
    }
    for name, (value, low, high, unit) in ranges.items():
        if value is not None and not low <= value <= high:
            raise BadSpec(
                f"field '{name}' is {value}{unit}, out of {low} to {high}{unit}",
                field=name,
                remedy="Leave it out for the scheme's own choice.",
            )
    if options.precision not in ("float32", "float64"):
        raise BadSpec(
            f"field 'precision' is '{options.precision}'",
            field="precision",
            remedy="Known are: float32, float64.",
        )


@dataclass(frozen=True)
class Law:
    """The numbers of a run."""

    dx: float  # m
    cfl: float
    theta: float
    dry: float  # m
    froude: float
    longest_s: float
    datum: float  # EL m that beds are kept above

    @classmethod
    def of(cls, domain: Domain, options: Options) -> Law:
        """Return the numbers that options ask for, or else the scheme's own."""
        beds = domain.bed[domain.active]
        return cls(
            float(domain.frame.cell_m),
            options.cfl or 0.5,
            options.theta or 0.8,
            options.dry_m or 1e-5,
            float(options.more.get("froude", _FROUDE)),
            options.longest_step_s,
            float((beds.min() + beds.max()) / 2) if beds.size else 0.0,
        )

    def longest_step(self, deepest_m: float, fastest_m_s: float) -> float:
        """Return the longest stable step, s.

        The centred weights bring the limit down from 1/√2 in two directions to √(θ/2).
        """
        speed = max(math.sqrt(GRAVITY * deepest_m), _WAVE * fastest_m_s)
        longest = self.cfl * math.sqrt(self.theta) * self.dx
        return min(self.longest_s, longest / speed) if speed > 0 else self.longest_s

    def layers(self, domain: Domain, depth: Values) -> tuple[Values, Values, Values]:
        """Return depth (m), bed above the datum (m), and Manning's n · √g / 2, of cells that are all numbers."""
        active = domain.active
        return (
            np.where(active, np.nan_to_num(depth), 0.0),
            np.where(active, domain.bed - self.datum, _OUTSIDE_M),
            np.where(active, domain.manning_n, 0.0) * (math.sqrt(GRAVITY) / 2),
        )
