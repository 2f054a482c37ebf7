"""The main line of a run: rain, inflows, structures and boundaries act, the scheme moves the water, all is watched.

No step jumps over an output time or over a change of an input.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from naru.errors import FloodStopped
from twin.flood.ledger import Balance, Ledger
from twin.flood.records import Actor, Maxima, Water
from twin.grid import Values

_SHORTEST_S = 1e-7
_TRACK_S = 15.0  # maxima are looked at at least so often,
_TRACK_CELLS = 0.75  # and when the fastest water may have gone so far,
_TRACK_STEPS = 4  # or after so many steps where the scheme does not tell how fast it is


class Watcher(Protocol):
    """Who sees the run: writes gauges, frames and the balance, tells progress."""

    def step(self, flood: Flood, dt_s: float) -> None:
        """Look after every step (gauges): be quick."""
        ...

    def output(self, flood: Flood, balance: Balance) -> None:
        """Write down the state at an output time; the first is the start."""
        ...

    def track(self, flood: Flood) -> None:
        """Hear of progress now and then; may raise to stop the run (a cancelled job)."""
        ...


@dataclass
class Flood:
    """A flood at a moment: all of it can be saved, and goes on bit by bit from there."""

    water: Water
    actors: Sequence[Actor]
    maxima: Maxima
    ledger: Ledger = field(default_factory=Ledger)
    time_s: float = 0.0
    steps: int = 0
    cell_steps: float = 0.0  # of wet cells, where the scheme tells; else of all
    outputs: int = 0  # how many were written
    tracked_s: float = 0.0  # when the maxima were last looked at

    def balance(self) -> Balance:
        """Return the water balance now; what passed the boundary is written into the ledger."""
        water = self.water
        for name, come, gone in zip(water.boundary.names, water.passed_in_m3, water.passed_out_m3, strict=True):
            self.ledger.set(f"edge/{name}", float(come), float(gone))
        if water.repaired_m3:
            self.ledger.set("repair", water.repaired_m3, 0.0)
        return self.ledger.balance(self.held_m3())

    def held_m3(self) -> float:
        """Return all water in the model: on the ground, and what actors hold."""
        return self.water.stored_m3() + sum(actor.held_m3() for actor in self.actors)

    def save(self) -> dict[str, Any]:
        """Return all that `load` needs: `arrays` by name, and `facts` fit for JSON."""
        arrays = {f"water/{k}": v for k, v in self.water.save().items()}
        for number, actor in enumerate(self.actors):
            arrays |= {f"actor{number}/{k}": v for k, v in actor.save().items()}
        arrays |= {f"maxima/{k}": getattr(self.maxima, k) for k in _KEPT}
        facts = {k: getattr(self, k) for k in ("time_s", "steps", "cell_steps", "outputs", "tracked_s")}
        return {"arrays": arrays, "facts": {**facts, "ledger": self.ledger.save()}}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `save` gave: built from the same scenario."""
        arrays: Mapping[str, Values] = saved["arrays"]

        def of(prefix: str) -> dict[str, Values]:
            return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

        self.water.load(of("water/"))
        for number, actor in enumerate(self.actors):
            actor.load(of(f"actor{number}/"))
        for name, values in of("maxima/").items():
            getattr(self.maxima, name)[...] = values
        facts = dict(saved["facts"])
        self.ledger.load(facts.pop("ledger"))
        for name, value in facts.items():
            setattr(self, name, value)


_KEPT = ("depth", "speed", "hazard", "arrival", "duration", "peak_time")


@dataclass(frozen=True)
class Plan:
    """When a run ends, what is written when, and what error of volume stops it."""

    end_s: float
    output_every_s: float
    most_error: float = 1e-6  # relative


def start(water: Water, actors: Sequence[Actor], maxima: Maxima) -> Flood:
    """Return a flood at second 0 whose ledger knows what is there."""
    flood = Flood(water, actors, maxima)
    for actor in actors:
        actor.begin(water)
    flood.ledger.initial_m3 = flood.held_m3()
    water.track(maxima, 0.0, 0.0)
    return flood


def advance(flood: Flood, plan: Plan, watcher: Watcher) -> Balance:
    """Run to the plan's end; return the balance there.

    Raises:
        FloodStopped: the volume error passed its limit, or the step collapsed; it says when and where.
    """
    if flood.outputs == 0:
        _write(flood, plan, watcher)
    gone = 0.0
    while flood.time_s < plan.end_s:
        target = min(plan.end_s, flood.outputs * plan.output_every_s)
        dt = _next_step(flood, target)
        for actor in flood.actors:
            actor.act(flood.water, flood.time_s, dt, flood.ledger)
        flood.water.step(dt)
        reached = flood.time_s + dt
        flood.time_s = target if abs(reached - target) <= 1e-9 * max(1.0, target) else reached
        flood.steps += 1
        gone += _way(flood.water, dt)
        watcher.step(flood, dt)
        if gone >= _TRACK_CELLS or flood.time_s - flood.tracked_s >= _TRACK_S or flood.time_s >= target:
            _track(flood, watcher)
            gone = 0.0
        if flood.time_s >= target:
            _write(flood, plan, watcher)
    return flood.balance()


def _next_step(flood: Flood, target: float) -> float:
    """Return the step: the longest that is stable, split evenly over what is left to the next event."""
    time_s = flood.time_s
    event = min([target, *(actor.next_change_s(time_s) for actor in flood.actors)])
    longest = min([flood.water.longest_step(), *(actor.longest_step_s() for actor in flood.actors)])
    if not longest > _SHORTEST_S:
        row, column = divmod(int(np.nanargmax(flood.water.depth)), flood.water.depth.shape[1])
        frame = flood.water.domain.frame
        raise FloodStopped(
            f"the time step fell to {longest:.3g} s at {time_s:.1f} s; the deepest water, "
            f"{float(flood.water.depth[row, column]):.4g} m, stands at x {frame.x[column]:.1f}, "
            f"y {frame.y[row]:.1f}",
            remedy="Look at the terrain and the inputs there: a pit, a spike, or an inflow that is too strong.",
        )
    left = event - time_s
    if left <= longest:
        return left
    return left / math.ceil(left / longest) if left < 3 * longest else longest


def _way(water: Water, dt_s: float) -> float:
    """Return how many cells the fastest water goes in a step; a share of `_TRACK_CELLS` where nobody tells.

    What a look misses hangs on that: beside looks after every step, greatest depths are 1 % less on average where a
    dam breaks, greatest speeds 3 %, and 0.03 % and 0.3 % less in a wavy flood of some 0.5 m/s. Arrival and duration
    are known to 15 s.
    """
    fastest = getattr(water, "fastest_m_s", None)
    if fastest is None:
        return _TRACK_CELLS / _TRACK_STEPS
    return float(fastest) * dt_s / water.domain.frame.cell_m


def _track(flood: Flood, watcher: Watcher) -> None:
    flood.water.track(flood.maxima, flood.time_s, flood.time_s - flood.tracked_s)
    flood.tracked_s = flood.time_s
    watcher.track(flood)


def _write(flood: Flood, plan: Plan, watcher: Watcher) -> None:
    balance = flood.balance()
    flood.water.settle()
    if not balance.relative_error <= plan.most_error:  # also where it is NaN
        raise FloodStopped(
            f"at {flood.time_s:.1f} s {balance.error_m3:.6g} m³ of water are not accounted for, "
            f"{balance.relative_error:.2e} of all; {_where(flood)}",
            remedy="Take `precision: float64`, smaller steps (`cfl`), or report it: water must not be lost.",
        )
    flood.outputs += 1
    watcher.output(flood, balance)


def _where(flood: Flood) -> str:
    """Return where the state is worst: not a number, or else the fastest water."""
    depth = flood.water.depth
    frame = flood.water.domain.frame
    bad = ~np.isfinite(depth) | (depth < 0)
    if bad.any():
        row, column = (int(i[0]) for i in np.nonzero(bad))
        return f"the depth is {float(depth[row, column]):.4g} m at x {frame.x[column]:.1f}, y {frame.y[row]:.1f}"
    row, column = divmod(int(np.argmax(flood.maxima.speed)), depth.shape[1])
    return f"the fastest water was at x {frame.x[column]:.1f}, y {frame.y[row]:.1f}"
