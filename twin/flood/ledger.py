"""Where all water came from and went: every term by name, summed without loss. Water is counted, never clipped."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class _Sum:
    """A running sum whose rounding error is carried along (Neumaier 1974)."""

    total: float = 0.0
    carry: float = 0.0

    def add(self, value: float) -> None:
        new = self.total + value
        if abs(self.total) >= abs(value):
            self.carry += (self.total - new) + value
        else:
            self.carry += (value - new) + self.total
        self.total = new

    @property
    def value(self) -> float:
        return self.total + self.carry


@dataclass(frozen=True)
class Balance:
    """The water balance at a moment, m³. `stored` is the change since the start: in − out − stored = error."""

    initial_m3: float
    in_m3: float
    out_m3: float
    stored_m3: float
    terms: Mapping[str, tuple[float, float]]  # name: in, out

    @property
    def error_m3(self) -> float:
        """What no term explains."""
        return self.in_m3 - self.out_m3 - self.stored_m3

    @property
    def relative_error(self) -> float:
        """The error as a share of all water that ever was there; water from nowhere is an infinite error."""
        water = self.initial_m3 + self.in_m3
        if water > 0:
            return abs(self.error_m3) / water
        return 0.0 if self.error_m3 == 0 else math.inf

    def to_dict(self) -> dict[str, float]:
        """Return the contract's `volume`."""
        return {
            "initial_m3": self.initial_m3,
            "in_m3": self.in_m3,
            "out_m3": self.out_m3,
            "stored_m3": self.stored_m3,
            "error_m3": self.error_m3,
            "relative_error": self.relative_error,
        }


@dataclass
class Ledger:
    """The terms of a run. A term's name says its kind and whose it is: "rain", "inflow/upstream", "edge/south"."""

    initial_m3: float = 0.0
    _in: dict[str, _Sum] = field(default_factory=dict)
    _out: dict[str, _Sum] = field(default_factory=dict)

    def add(self, term: str, volume_m3: float) -> None:
        """Count water that came into the model (negative: that left it)."""
        side, other = (self._in, self._out) if volume_m3 >= 0 else (self._out, self._in)
        side.setdefault(term, _Sum()).add(abs(volume_m3))
        other.setdefault(term, _Sum())

    def set(self, term: str, in_m3: float, out_m3: float) -> None:
        """Write a term down that somebody else sums."""
        self._in[term], self._out[term] = _Sum(in_m3), _Sum(out_m3)

    def balance(self, now_m3: float) -> Balance:
        """Return the balance when the model holds `now_m3`."""
        terms = {name: (self._in[name].value, self._out[name].value) for name in self._in}
        return Balance(
            self.initial_m3,
            sum(come for come, _ in terms.values()),
            sum(gone for _, gone in terms.values()),
            now_m3 - self.initial_m3,
            terms,
        )

    def save(self) -> dict[str, list[float]]:
        """Return all that `load` needs."""
        out = {
            name: [s.total, s.carry, self._out[name].total, self._out[name].carry] for name, s in self._in.items()
        }
        return out | {"": [self.initial_m3]}

    def load(self, saved: Mapping[str, list[float]]) -> None:
        """Go on from what `save` gave."""
        self.initial_m3 = saved[""][0]
        for name, sums in saved.items():
            if name:
                self._in[name], self._out[name] = _Sum(*sums[:2]), _Sum(*sums[2:])
