"""Gates at work: leaves that move at their rate, by rules; and those that are stuck."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from twin.facilities.openings import SluiceGate
from twin.facilities.rules import Rule
from twin.flood.records import Ints, Water
from twin.grid import Floats
from twin.works.crossings import Crossings
from twin.works.laws.crossing import CREST, OPENING, TOP, WIDTH
from twin.works.operating import Rules

Gauge = Callable[[Water, str], float]  # the stage at a gauge, EL m


@dataclass(frozen=True)
class Leaves:
    """Leaves that stand alike, and where they are. Arrays have an entry a face."""

    rows: Ints  # crossings; of a land gate the passages first, then the leaves
    width: Floats
    sill: Floats  # EL m, or the bed where that is higher
    wall: Floats  # the crest of what the gate stands in, EL m; -inf: nothing above the leaf

    def set(self, numbers: Floats, it: SluiceGate, opening: float) -> None:
        """Write what an opening makes of the crossings."""
        if it.gate_kind == "flap":  # lies down into the bed: its upper edge is a crest that sinks
            numbers[self.rows, CREST] = np.maximum(self.sill, it.sill_elevation_m + it.height_m - opening)
        elif it.gate_kind == "land":  # closes the passage from the side
            n, share = len(self.width), opening / it.height_m
            numbers[self.rows[:n], WIDTH] = self.width * share
            numbers[self.rows[n:], WIDTH] = self.width * (1.0 - share)
        else:
            numbers[self.rows, OPENING] = np.maximum(it.sill_elevation_m + opening - self.sill, 0.0)
            numbers[self.rows, TOP] = np.maximum(it.sill_elevation_m + it.height_m + opening, self.wall)


class Gate:
    """A gate: what works moves, what is out of order stays as it was at the start."""

    def __init__(self, it: SluiceGate, leaves: Leaves | None, rows: Ints, rules: Rules, gauge: Gauge) -> None:
        self._it, self._leaves, self._rows, self._rules, self._gauge = it, leaves, rows, rules, gauge
        self.opening = self._target = float(it.opening_m)

    def move(self, all_: Crossings, water: Water, time_s: float, dt_s: float) -> None:
        """Follow the rules; what moves moves half-way through the step."""
        if self._leaves is None:
            return

        def sense(place: str) -> float:
            sides = [all_.side_stage(self._rows, side) for side in (0, 1)]
            own = {"upstream": sides[0], "downstream": sides[1], "own": max(sides)}
            return own[place] if place in own else self._gauge(water, place)

        rule = self._rules.decide(time_s, sense)
        if rule is not None:
            self._target = _opening(rule, self._it.height_m)
        rate = self._it.opening_rate_m_min
        most = np.inf if rate is None else rate / 60.0 * dt_s
        before = self.opening
        self.opening += float(np.clip(self._target - before, -most, most))
        self._leaves.set(all_.numbers, self._it, (before + self.opening) / 2 if rate else self.opening)

    def next_change_s(self, time_s: float) -> float:
        """Return the next time at which a rule goes by the clock."""
        return self._rules.next_change_s(time_s)

    def readings(self) -> Iterable[tuple[str, float]]:
        """Return the opening, and the state: 1 open, 0 closed, 0.5 on the way."""
        moving = self._leaves is not None and self.opening != self._target
        return (("opening_m", self.opening), ("state", 0.5 if moving else float(self.opening > 0)))

    def state(self) -> Floats:
        """Return what `restore` needs."""
        return np.concatenate([[self.opening, self._target], self._rules.state()])

    def restore(self, state: Floats) -> None:
        """Go on from a state."""
        self.opening, self._target = float(state[0]), float(state[1])
        self._rules.restore(state[2:])


def _opening(rule: Rule, height_m: float) -> float:
    if rule.action == "close":
        return 0.0
    if rule.opening_m is not None:
        return min(rule.opening_m, height_m)
    return height_m * (1.0 if rule.opening_percent is None else rule.opening_percent / 100.0)
