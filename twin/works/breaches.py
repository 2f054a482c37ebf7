"""Breaches at work: they wait for their moment, then grow wider and deeper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from twin.flood.records import Ints, Water
from twin.grid import Floats
from twin.works.crossings import Crossings
from twin.works.laws.breach import even, widening
from twin.works.laws.crossing import CREST, WIDTH
from twin.works.spec import BreachSpec


@dataclass
class Wall:
    """The faces of a levee that breaches take away: what they leave of its width."""

    rows: Ints  # crossings of the levee; none where the terrain itself is the embankment
    width: Floats
    taken: dict[str, Floats] = field(default_factory=dict)  # by breach

    def take(self, numbers: Floats, who: str, width: Floats) -> None:
        """Take a breach's part out of the levee."""
        self.taken[who] = width
        if len(self.rows):
            gone = sum((self.taken[name] for name in sorted(self.taken)), np.zeros(len(self.width)))
            numbers[self.rows, WIDTH] = np.maximum(self.width - gone, 0.0)


@dataclass(frozen=True)
class BreachPlace:
    """Where a breach is: arrays have an entry a face of the whole line."""

    rows: Ints  # its own crossings
    begin: Floats
    end: Floats
    scale: Floats  # width of a face by length of line: 1 unless the levee's faces were cut
    crest: Floats  # of the unbroken levee, EL m
    bed: Floats  # the higher one of both sides, EL m
    middle_m: float  # along the line
    width_m: float  # when fully grown
    bottom_m: float  # EL m


class Breach:
    """One breach. A state of `begun_s` NaN: it has not begun."""

    def __init__(self, name: str, spec: BreachSpec, place: BreachPlace, wall: Wall) -> None:
        self.name, self._spec, self._place, self._wall = name, spec, place, wall
        self._begun_s, self.width, self._drop = np.nan, 0.0, 0.0  # drop: 0 whole, 1 down to the bottom
        near = np.abs((place.begin + place.end) / 2 - place.middle_m)
        self._centre = int(near.argmin())

    def move(self, all_: Crossings, water: Water, time_s: float, dt_s: float) -> None:
        """Begin when it is time, and grow; the numbers are those of the step's middle."""
        if np.isnan(self._begun_s):
            if not self._begins(all_, time_s):
                return
            self._begun_s = time_s
        self._grow(all_, time_s + dt_s / 2 - self._begun_s, dt_s)
        place, half = self._place, self.width / 2
        first, last = max(place.middle_m - half, 0.0), place.middle_m + half
        part = np.clip(np.minimum(place.end, last) - np.maximum(place.begin, first), 0.0, None) * place.scale
        bottom = np.minimum(place.crest, place.bottom_m)
        all_.numbers[place.rows, WIDTH] = part
        all_.numbers[place.rows, CREST] = np.maximum(place.crest + (bottom - place.crest) * self._drop, place.bed)
        self._wall.take(all_.numbers, self.name, part)

    def _begins(self, all_: Crossings, time_s: float) -> bool:
        spec = self._spec
        if spec.start_s is not None and time_s >= spec.start_s - 1e-6:
            return True
        row = self._place.rows[self._centre : self._centre + 1]
        stage = all_.highest(row)
        if spec.when_stage_m is not None and stage >= spec.when_stage_m:
            return True
        return spec.when_over_m is not None and stage > self._place.crest[self._centre] + spec.when_over_m

    def _grow(self, all_: Crossings, elapsed_s: float, dt_s: float) -> None:
        growth, most = self._spec.growth, self._place.width_m
        self._drop = even(elapsed_s, growth.duration_s)
        if growth.kind == "linear":
            self.width = growth.start_width_m + (most - growth.start_width_m) * self._drop
            return
        self.width = max(self.width, min(growth.start_width_m, most))
        since = elapsed_s - growth.duration_s
        if since >= 0:
            row = self._place.rows[self._centre : self._centre + 1]
            sides = sorted(all_.side_stage(row, side) for side in (0, 1))
            head = sides[1] - max(sides[0], self._place.bottom_m)
            rate = widening(head, since, growth.critical_velocity_m_s)
            self.width = min(self.width + rate * dt_s, most)

    def next_change_s(self, time_s: float) -> float:
        """Return when it begins, where that is a given time."""
        start = self._spec.start_s
        return start if start is not None and start > time_s + 1e-6 and np.isnan(self._begun_s) else np.inf

    def readings(self) -> Iterable[tuple[str, float]]:
        """Return width and bottom; the state is 0 whole, 1 down to the bottom."""
        crest, bottom = self._place.crest[self._centre], self._place.bottom_m
        level = float(crest + (min(bottom, crest) - crest) * self._drop)
        return (("width_m", self.width), ("bottom_elevation_m", level), ("state", self._drop))

    def state(self) -> Floats:
        """Return what `restore` needs."""
        return np.array([self._begun_s, self.width, self._drop])

    def restore(self, state: Floats) -> None:
        """Go on from a state."""
        self._begun_s, self.width, self._drop = (float(v) for v in state)
