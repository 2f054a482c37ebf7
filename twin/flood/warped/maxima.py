"""The maxima of a run, kept on the device; they come to the host at output times and with a checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.flood.records import Maxima
from twin.flood.warped.device import kernel, launch, part, sent, shares_memory, wp
from twin.grid import Values

_KEPT = ("depth", "speed", "hazard", "arrival", "duration", "peak_time")


class Keeper:
    """Looks after one run's maxima on a device."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._owner: Maxima | None = None
        self.there: dict[str, Any] = {}
        self.settings: Any = None
        self.debris: Any = None
        self._ahead = False

    def hold(self, maxima: Maxima, time_s: float, since_s: float, dry_m: float) -> None:
        """Have these maxima on the device, and what a look at the water needs: `there`, `settings`, `debris`."""
        if self._owner is not maxima:
            self.settle()
            self._owner = maxima
            share = shares_memory(self._device)
            for name in _KEPT:
                values: Values = getattr(maxima, name)
                self.there[name] = wp.array(values, device=self._device, copy=not share)
            self.debris = sent(_steps(maxima.debris), self._device)
        self.settings = sent(np.array([time_s, since_s, maxima.threshold_m, dry_m], np.float32), self._device)
        self._ahead = not shares_memory(self._device)

    def times(self, depth: Any) -> None:
        """Take depths into the greatest, and when and how long they were: before or after `flows`."""
        t = self.there
        arrays = (t["depth"], t["arrival"], t["duration"], t["peak_time"])
        launch(_times, depth.shape, depth, self.settings, *arrays, device=self._device)

    def settle(self) -> None:
        """Bring the host's maxima up to date."""
        if self._owner is not None and self._ahead:
            for name in _KEPT:
                getattr(self._owner, name)[...] = self.there[name].numpy()
            self._ahead = False

    def forget(self) -> None:
        """Take the host's maxima for true from now on."""
        self._owner, self._ahead = None, False


def _steps(debris: tuple[tuple[float, float], ...]) -> Values:
    """Return above which depth how much debris factor comes on top: two rows, float32."""
    up_to, factor = np.array(debris, np.float32).T
    return np.stack([np.concatenate([[-1.0], up_to[:-1]]), np.diff(factor, prepend=0)]).astype(np.float32)


@kernel
def _times(depth: Any, settings: Any, most: Any, arrival: Any, duration: Any, peak: Any) -> None:
    i, j = wp.tid()
    d = wp.float32(depth[i, j])
    if d >= settings[2]:
        if wp.isnan(arrival[i, j]):
            arrival[i, j] = settings[0]
        duration[i, j] = duration[i, j] + settings[1]
    if d > most[i, j] and d > settings[3]:
        peak[i, j] = settings[0]
        most[i, j] = d


@part
def keep_flow(i: int, j: int, d: Any, v: Any, debris: Any, speed: Any, hazard: Any) -> None:
    """Take depth and speed (float32) of a wet cell into the greatest speed and HR = d·(v + 0.5) + DF."""
    risk = d * (v + wp.float32(0.5))
    for k in range(debris.shape[1]):
        if d > debris[0, k]:
            risk = risk + debris[1, k]
    speed[i, j] = wp.max(speed[i, j], v)
    hazard[i, j] = wp.max(hazard[i, j], risk)
