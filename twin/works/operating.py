"""Operating rules at work: which rule holds now, by stages and by the clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from naru.errors import BadFacility
from twin.facilities.records import Facility
from twin.facilities.rules import Condition, Rule
from twin.flood.world import World
from twin.grid import Floats

Sense = Callable[[str], float]  # the stage at a place, EL m
_LOOK_EVERY_S = 1.0  # a control room does not look more often
_SAME_S = 1e-6
_DAY_S = 86_400.0
_OWN = ("upstream", "downstream", "own")


@dataclass(frozen=True)
class Clock:
    """The scenario's time: how long it lasts, and what the clock shows at second 0 (None: nobody says)."""

    duration_s: float
    start_s: float | None  # after midnight

    @classmethod
    def of(cls, world: World) -> Clock:
        """Return the clock of a world."""
        at = world.start
        since = None if at is None else at.hour * 3600.0 + at.minute * 60.0 + at.second + at.microsecond / 1e6
        return cls(world.duration_s, since)

    def times(self, rule: Rule) -> list[float]:
        """Return the seconds at which a rule by the clock takes effect; none where it goes by stages."""
        if rule.after_min is not None:
            return [rule.after_min * 60.0]
        if rule.daily_min is None or self.start_s is None:
            return []
        first = (rule.daily_min * 60.0 - self.start_s) % _DAY_S
        return [first + day * _DAY_S for day in range(math.ceil(max(self.duration_s - first, 0.0) / _DAY_S) + 1)]


class Rules:
    """The rules of one structure; the first that holds is followed. A time is a moment, conditions last."""

    def __init__(self, rules: Sequence[Rule], clock: Clock) -> None:
        self.rules = tuple(rules)
        self._times = [np.array(clock.times(rule)) for rule in self.rules]
        every = [time for times in self._times for time in times]
        self._events: Floats = np.unique(np.array(every, np.float64))
        self._since = np.full(len(self.rules), np.nan)  # since when each rule's conditions have held
        self._last = -np.inf  # when they were looked at
        self._held: int = -1  # the rule by stages that is followed

    def next_change_s(self, time_s: float) -> float:
        """Return the next time at which a rule takes effect by the clock."""
        k = int(np.searchsorted(self._events, time_s + _SAME_S, side="right"))
        return float(self._events[k]) if k < len(self._events) else np.inf

    def decide(self, time_s: float, sense: Sense) -> Rule | None:
        """Return the rule that is followed now; None where all stays as it is."""
        if not self.rules:
            return None
        if not self._due(time_s):
            return self.rules[self._held] if self._held >= 0 else None
        last, self._last = self._last, time_s
        holding = [k for k, rule in enumerate(self.rules) if self._holds(k, rule, (last, time_s), sense)]
        found = holding[0] if holding else -1
        self._held = found if found >= 0 and self.rules[found].when else -1
        return self.rules[found] if found >= 0 else None

    def _due(self, time_s: float) -> bool:
        return time_s - self._last >= _LOOK_EVERY_S or self.next_change_s(self._last) <= time_s + _SAME_S

    def _holds(self, k: int, rule: Rule, span: tuple[float, float], sense: Sense) -> bool:
        last, now = span
        if not rule.when:
            times = self._times[k]
            return bool(((times > last + _SAME_S) & (times <= now + _SAME_S)).any())
        if not all(_compare(condition, sense) for condition in rule.when):
            self._since[k] = np.nan
            return False
        if np.isnan(self._since[k]):
            self._since[k] = now
        return bool(now - self._since[k] >= rule.for_min * 60.0 - _SAME_S)

    def state(self) -> Floats:
        """Return what `restore` needs."""
        return np.concatenate([[self._last, self._held], self._since])

    def restore(self, state: Floats) -> None:
        """Go on from a state."""
        self._last, self._held, self._since = float(state[0]), int(state[1]), state[2:].copy()


def _compare(it: Condition, sense: Sense) -> bool:
    left = sense(it.place)
    right = it.level_m if it.other is None else sense(it.other) + it.offset_m
    assert right is not None
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[it.comparison]


def places(rules: Iterable[Rule]) -> set[str]:
    """Return the gauges that rules name."""
    said = {place for rule in rules for each in rule.when for place in (each.place, each.other) if place}
    return said - set(_OWN)


def check_rules(it: Facility, rules: Iterable[Rule], world: World) -> None:
    """Raise BadFacility where rules name a gauge that is not there, or a clock time nobody set."""
    rules = tuple(rules)
    for name in sorted(places(rules) - set(world.gauges)):
        raise _unknown(it, name, world)
    for rule in rules:
        if rule.daily_min is not None and world.start is None:
            raise BadFacility(
                f"'{rule}' goes by the clock, and the scenario does not say when it begins",
                file=str(world.file),
                feature=it.id,
                field="rules",
                remedy="Give the scenario's start, or write +HH:MM after it.",
            )


def _unknown(it: Facility, name: str, world: World) -> BadFacility:
    gauges = world.gauges
    near = get_close_matches(name, gauges, n=1, cutoff=0.4)
    known = f"Gauges are: {', '.join(sorted(gauges))}." if gauges else "The scenario has no gauges."
    return BadFacility(
        f"a rule asks for stage({name}), and there is no such gauge",
        file=str(world.file),
        feature=it.id,
        field="rules",
        remedy=(f"Did you mean '{near[0]}'? " if near else "") + known + " Else: upstream, downstream, own.",
    )
