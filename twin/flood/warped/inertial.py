"""The local inertial scheme on Warp: state on the device, the host chooses steps. Equations: `inertial.scheme`.

All cells are computed, dry ones shortly. Each step tells the host three numbers: fastest flow, greatest and least
depth. Results do not depend on the order in which threads come.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from twin.flood.catchment import Catchment, Cover
from twin.flood.inertial import law
from twin.flood.records import Boundary, Domain, Ints, Maxima, Options
from twin.flood.warped import inertial_kernels as kernels
from twin.flood.warped.catchment import WarpedCatchment
from twin.flood.warped.device import Sheet, Told, device_of, launch, picked, sent, threads_for_actors, wp
from twin.flood.warped.inertial_edges import Faces, flat
from twin.flood.warped.jug import Jug
from twin.flood.warped.maxima import Keeper
from twin.flood.warped.sums import Sums, held_m
from twin.grid import Floats, Values

_SWEEPS = 200  # a chain of receivers that are short in turn; each sweep leaves far less


def start(domain: Domain, depth: Values, boundary: Boundary, options: Options) -> WarpedInertial:
    """Return the water at rest.

    `options.more`: `device`, such as "cpu" or "cuda:0" (else a GPU, if there is one); `froude` as in the scheme.

    Raises:
        BadSpec: an option is out of its range, or there is no such device.
    """
    law.check(options)
    return WarpedInertial(domain, depth, boundary, options)


class WarpedInertial:
    """The state and what moves it; the protocol is `twin.flood.records.Water`."""

    def __init__(self, domain: Domain, depth: Values, boundary: Boundary, options: Options) -> None:
        self.domain, self.boundary = domain, boundary
        self.device = device = device_of(options.more.get("device"))
        self._law = numbers = law.Law.of(domain, options)
        self._threads = threads_for_actors(options)
        self._kind = kind = np.dtype(options.precision)
        self._real = real = wp.float64 if kind == np.float64 else wp.float32
        self._shape = rows, columns = domain.bed.shape
        h, z, n = numbers.layers(domain, depth)
        self._cells = sent(np.stack([h, np.zeros_like(h), z, n]).astype(kind), device)
        self._sheet = Sheet(self._cells[kernels.H])
        faces = (2, rows + 1, columns + 1)
        self._q, self._before = (wp.zeros(faces, dtype=real, device=device) for _ in range(2))
        self._back = wp.zeros((rows, columns), dtype=real, device=device)
        theta, froude = numbers.theta, numbers.froude * math.sqrt(law.GRAVITY)
        constants = [law.GRAVITY, theta, (1 - theta) / 2, numbers.dry, froude]
        self._num = sent(np.array(constants, kind), device)
        self._told = Told(3, real, device)
        self._made = wp.zeros(1, dtype=wp.float64, device=device)
        facts = np.array([numbers.dx, theta, numbers.dry, numbers.froude, numbers.datum, law.GRAVITY])
        self._faces = Faces(boundary, domain.active, facts, device)
        self._outside = sent(self._faces.outside.astype(np.int32), device)
        self.blocked_x = np.zeros((rows, columns + 1), np.uint8)
        self.blocked_y = np.zeros((rows + 1, columns), np.uint8)
        self._closed = sent(np.empty(0, np.int32), device)
        self._keeper = Keeper(device)
        self._sums = Sums((rows, columns), 2, device)
        self._fastest = self._deepest = 0.0
        self._stale = True

    @property
    def depth(self) -> Values:
        """Water depth, m, rows × columns: the state itself on a CPU, from a GPU a copy of it as it is now.

        Whoever writes into it asks for it anew each time, and calls `wet` before anything else is done.
        """
        return self._sheet.seen()

    @property
    def threads(self) -> int:
        """How many of the host's threads work on all cells may be spread over."""
        return self._threads

    @property
    def fastest_m_s(self) -> float:
        """How fast the fastest water flowed through a face in the last step."""
        return self._fastest

    def longest_step(self) -> float:
        """Return the longest stable step, s."""
        if self._stale:
            self._sheet.push()
            self._told.there.zero_()
            self._launch(kernels.deepest, self._shape, self._cells, self._told.there)
            self._deepest, self._stale = self._told.read()[kernels.DEEPEST], False
        return self._law.longest_step(self._deepest, self._fastest)

    def step(self, dt_s: float) -> None:
        """Move the water by one step, in equal parts where water came since the step was chosen."""
        longest = self.longest_step()
        parts = 1 if dt_s <= 1.002 * longest else math.ceil(dt_s / longest)
        for _ in range(parts):
            self._step(dt_s / parts)

    def _step(self, dt: float) -> None:
        rows, columns = self._shape
        self._q, self._before = self._before, self._q
        cells, q, stats = self._cells, self._q, self._told.there
        r = float(self._kind.type(dt / self._law.dx))
        ratio = self._real(r)
        self._sheet.push()
        stats.zero_()
        numbers = (self._num, self._real(dt), ratio, stats)
        self._launch(kernels.flux, (rows + 1, columns + 1), cells, self._before, q, *numbers)
        if self._faces.count:
            self._faces.cross(cells, self._before, q, dt, stats)
        self._close()
        self._launch(kernels.mass, self._shape, cells, q, ratio, stats)
        if self._outside.size:
            self._launch(kernels.empty, self._outside.size, cells, self._outside)
        fastest, deepest, least = self._told.read()
        if least < 0:
            self._repair(ratio)
        if self._faces.count:
            self._faces.passed.add(q.flatten(), r * self.domain.area_m2)
        self._fastest, self._deepest = fastest, deepest
        self._sheet.moved()

    def _repair(self, ratio: Any) -> None:
        """Let overdrawn cells take back what they gave, sweep by sweep."""
        rows, columns = self._shape
        cells, q, back, stats = self._cells, self._q, self._back, self._told.there
        for _ in range(_SWEEPS):
            self._launch(kernels.shares, self._shape, cells, q, ratio, back, self._made)
            self._launch(kernels.take_back, self._shape, cells, q, ratio, back)
            if self._outside.size:
                self._launch(kernels.empty, self._outside.size, cells, self._outside)
            stats.zero_()
            self._launch(kernels.scale, (rows + 1, columns + 1), cells, q, back, stats)
            if not self._told.read()[kernels.LEAST] < 0:
                return
        q_none = wp.zeros_like(q)  # nobody gave anything: what is short now is made
        self._launch(kernels.shares, self._shape, cells, q_none, ratio, back, self._made)

    def _launch(self, work: Any, threads: int | tuple[int, ...], *arguments: Any) -> None:
        launch(work, threads, *arguments, device=self.device)

    def add(self, cells: Ints, volume_m3: Floats) -> Floats:
        """Add volumes (negative: take) at flat cell indices, each once; return what was really added."""
        self._sheet.push()
        jug = Jug(cells, np.asarray(volume_m3, np.float64) / self.domain.area_m2, self.device)
        self._launch(kernels.pour, jug.count, self._cells, jug.there)
        self._sheet.moved()
        added, deepest = jug.emptied()
        self._deepest = max(self._deepest, deepest)
        return added * self.domain.area_m2

    def wet(self, rows: slice, columns: slice) -> None:
        """Say that depth was changed from outside in a block of cells (rain)."""
        self._sheet.written(rows)
        self._stale = True

    def block(self, x_faces: Ints, y_faces: Ints, closed: bool = True) -> None:
        """Close (or open) faces by flat indices in `blocked_x`, `blocked_y`."""
        self.blocked_x.reshape(-1)[x_faces] = closed
        self.blocked_y.reshape(-1)[y_faces] = closed
        self._look_at_blocks()

    def _look_at_blocks(self) -> None:
        x, y = (np.flatnonzero(blocked) for blocked in (self.blocked_x, self.blocked_y))
        faces = np.concatenate([flat(x, True, self._shape), flat(y, False, self._shape)])
        self._closed = sent(faces.astype(np.int32), self.device)
        self._close()

    def _close(self) -> None:
        if self._closed.size:
            self._launch(kernels.close, self._closed.size, self._q.flatten(), self._closed)

    def flow(self) -> tuple[Values, Values]:
        """Return the unit discharge at cell centres, m²/s, eastwards and southwards (copies)."""
        half = self._kind.type(0.5)
        qx, qy = self.face_flow()
        return (qx[:, :-1] + qx[:, 1:]) * half, (qy[:-1] + qy[1:]) * half

    def face_flow(self) -> tuple[Values, Values]:
        """Return the unit discharge through faces in the last step."""
        q = self._q.numpy()
        return q[0, :-1], q[1, :, :-1]

    def depths(self, cells: Ints) -> Floats:
        """Return the depth in cells by flat indices, m."""
        self._sheet.push()
        return picked(self._cells, np.asarray(cells, np.int64))

    def flows(self, cells: Ints) -> tuple[Floats, Floats]:
        """Return the unit discharge in cells by flat indices, m²/s, eastwards and southwards."""
        rows, columns = np.divmod(np.asarray(cells, np.int64), self._shape[1])
        west, north = self._face_at(0, rows, columns), self._face_at(1, rows, columns)
        faces = [west, west + 1, north, self._face_at(1, rows + 1, columns)]
        a, b, c, d = picked(self._q, np.concatenate(faces)).reshape(4, -1)
        return (a + b) / 2, (c + d) / 2

    def face_flows(self, x_faces: Ints, y_faces: Ints) -> tuple[Floats, Floats]:
        """Return the unit discharge in the last step through faces by flat indices."""
        x, y = (np.asarray(faces, np.int64) for faces in (x_faces, y_faces))
        where = np.concatenate([flat(x, True, self._shape), flat(y, False, self._shape)])
        found = picked(self._q, where)
        return found[: x.size], found[x.size :]

    def _face_at(self, axis: int, row: Ints, column: Ints) -> Ints:
        """Return flat indices of faces."""
        rows, columns = self._shape
        out: Ints = (axis * (rows + 1) + row) * (columns + 1) + column
        return out

    def catchment(self, cover: Cover) -> Catchment:
        """Return what lets it rain on the device."""

        def changed() -> None:
            self._stale = True

        return WarpedCatchment(self._cells, self._sheet, cover, changed)

    def track(self, maxima: Maxima, time_s: float, since_s: float) -> None:
        """Take the present state into the maxima; `since_s` went by since the last time.

        On a GPU they stay there: `settle` and `save` bring them to the host.
        """
        self._sheet.push()
        keeper = self._keeper
        keeper.hold(maxima, time_s, since_s, 0.0)
        keeper.times(self._cells[kernels.H])
        there = keeper.there
        arrays = (self._cells, self._q, self._num, keeper.debris, there["speed"], there["hazard"])
        self._launch(kernels.take, self._shape, *arrays)

    @property
    def passed_in_m3(self) -> Floats:
        """What came in through each boundary of `boundary.names` since the start, m³."""
        return self._faces.passed.come()

    @property
    def passed_out_m3(self) -> Floats:
        """What left through each, m³."""
        return self._faces.passed.gone()

    @property
    def repaired_m3(self) -> float:
        """Water that had to be made because no donor could give it back."""
        return float(self._made.numpy()[0]) * self.domain.area_m2

    def stored_m3(self) -> float:
        """Return the volume of all water in the domain, summed in float64."""
        self._sheet.push()
        return held_m(self._cells, self._sums) * self.domain.area_m2

    def settle(self) -> None:
        """Bring the maxima to the host."""
        self._keeper.settle()

    def save(self) -> Mapping[str, Values]:
        """Return all that `load` needs to go on bit by bit."""
        self._sheet.push()
        self._keeper.settle()
        return {
            "cells": self._cells[: kernels.Z].numpy(),
            "q": self._q.numpy(),
            "blocked_x": self.blocked_x,
            "blocked_y": self.blocked_y,
            "passed": self._faces.passed.save(),
            "made": self._made.numpy(),
            "numbers": np.array([self._fastest, self._deepest, self._stale]),
        }

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        self._keeper.forget()
        self._cells[: kernels.Z].assign(saved["cells"])
        self._q.assign(saved["q"])
        self._made.assign(saved["made"])
        self._before.zero_()
        self._faces.passed.load(saved["passed"])
        self.blocked_x[...], self.blocked_y[...] = saved["blocked_x"], saved["blocked_y"]
        self._look_at_blocks()
        fastest, deepest, stale = (float(v) for v in saved["numbers"])
        self._fastest, self._deepest, self._stale = fastest, deepest, bool(stale)
        self._sheet.moved()
