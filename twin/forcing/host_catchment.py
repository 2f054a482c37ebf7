"""Rain and losses on a state that lies on the host: one pass over its cells, on threads where there are many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from twin.flood.catchment import Cover
from twin.flood.records import Water
from twin.forcing.sky_kernels import PIECE, pass_over, room
from twin.grid import Floats, Values

_BAND = 16  # rows that are woken together
_CELLS_A_THREAD = 150_000  # fewer are done before another thread has woken


class HostCatchment:
    """Writes into the water's depth; the protocol is `twin.flood.catchment.Catchment`.

    What float32 cannot hold of a cell's share is carried on, cell by cell, and held here meanwhile.
    """

    def __init__(self, water: Water, cover: Cover) -> None:
        self._water, self._cover = water, cover
        rows, columns = cover.zones.shape
        self._rest: Values = np.zeros((rows, columns), water.depth.dtype)
        self._state: Values = np.zeros((rows, columns) if cover.law else (1, 1))
        self._woken = np.zeros((rows, -(-columns // PIECE)), np.uint8)
        self._sums = np.zeros((rows, 3))
        self._pool: ThreadPoolExecutor | None = None

    def rain(self, depths: Floats, field: Values, span_s: float) -> Floats:
        """Let it rain, then lose water for a time; return rain, infiltration, drained, m summed over cells."""
        cover, depth = self._cover, self._water.depth
        self._woken[:] = 0
        self._sums[:] = 0.0
        losses = (*cover.soil, cover.pervious, cover.drains)
        numbers = (span_s, cover.law, len(depths) == 2, cover.draining)

        def work(band: slice) -> None:
            pass_over(
                (depth[band], self._rest[band]),
                cover.zones[band],
                (depths, field[band]),
                tuple(a if len(a) == 1 else a[band] for a in losses),
                numbers,
                self._state[band] if cover.law else self._state,
                (self._woken[band], self._sums[band]),
                room(),
            )

        self._shared(work, len(depth), min(self._water.threads, depth.size // _CELLS_A_THREAD))
        self._wake()
        out: Floats = self._sums.sum(axis=0)
        return out

    def _shared(self, work: Callable[[slice], None], rows: int, threads: int) -> None:
        """Do work on bands of rows at the same time; sums are kept by row, so that they do not depend on it."""
        if threads < 2:
            work(slice(0, rows))
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(threads - 1, thread_name_prefix="sky")
        cuts = np.linspace(0, rows, threads + 1).astype(int)
        others = [self._pool.submit(work, slice(a, b)) for a, b in pairwise(cuts[1:])]
        work(slice(0, cuts[1]))
        for other in others:
            other.result()

    def _wake(self) -> None:
        """Tell the scheme where rain left water."""
        if self._woken.all():
            self._water.wet(slice(None), slice(None))
            return
        for top in range(0, len(self._woken), _BAND):
            for piece in np.flatnonzero(self._woken[top : top + _BAND].any(axis=0)):
                columns = slice(int(piece) * PIECE, (int(piece) + 1) * PIECE)
                self._water.wet(slice(top, top + _BAND), columns)

    def held_m(self) -> float:
        """Return what the depth's precision could not hold, m summed over cells: far less than a drop a cell."""
        return float(self._rest.sum(dtype=np.float64))

    def save(self) -> Mapping[str, Values]:
        """Return what is carried on, and the state of the soil."""
        return {"rest": self._rest, "state": self._state}

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        self._rest, self._state = saved["rest"].copy(), saved["state"].copy()
