"""The full shallow-water equations on Warp: state on the device, the host chooses steps. Equations: `full.flux`.

All cells are computed, dry ones shortly. Each step tells the host one number, the fastest signal. Results do not
depend on the order in which threads come.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from twin.flood.catchment import Catchment, Cover
from twin.flood.full import law, walls
from twin.flood.records import Boundary, Domain, Ints, Maxima, Options
from twin.flood.warped import full_flux as flux
from twin.flood.warped import full_update as update
from twin.flood.warped.catchment import WarpedCatchment
from twin.flood.warped.device import Sheet, Told, device_of, launch, picked, sent, threads_for_actors, wp
from twin.flood.warped.full_edges import Faces
from twin.flood.warped.full_walls import Stairs
from twin.flood.warped.jug import Jug
from twin.flood.warped.maxima import Keeper
from twin.flood.warped.sums import Sums, held_m
from twin.grid import Floats, Values

_DEBT_M = 1e-7  # what rounding may leave a cell to owe
_LEAVE = 1 - 1e-6  # of a cell's water all but this share may leave in one step


def start(domain: Domain, depth: Values, boundary: Boundary, options: Options) -> WarpedFull:
    """Return the water of the full equations: `depth` (rows × columns, m; NaN or 0: none) at rest.

    `options.more`: `device`, such as "cpu" or "cuda:0" (else a GPU, if there is one).

    Raises:
        BadSpec: an option is out of its range, or there is no such device.
    """
    law.check(options)
    return WarpedFull(domain, depth, boundary, options)


class WarpedFull:
    """The state and what moves it; the protocol is `twin.flood.records.Water`."""

    def __init__(self, domain: Domain, depth: Values, boundary: Boundary, options: Options) -> None:
        self.domain, self.boundary, self._options = domain, boundary, options
        self.device = device = device_of(options.more.get("device"))
        self._kind = kind = np.dtype(options.precision)
        self._real = real = wp.float64 if kind == np.float64 else wp.float32
        self._shape = rows, columns = domain.bed.shape
        self._inside = active = domain.active
        self._datum = float(np.nanmin(domain.bed)) if active.any() else 0.0
        wanted = np.where(active & (depth > 0), depth, 0).astype(np.float64)
        whole = wanted.astype(kind)
        none = np.zeros_like(wanted)
        bed, n = np.where(active, domain.bed - self._datum, 0), np.where(active, domain.manning_n, 0)
        self._bed = bed.astype(kind)
        self._cells = sent(np.stack([whole, wanted - whole, none, none, bed, n]).astype(kind), device)
        self._sheet = Sheet(self._cells[flux.H])
        self._active = sent(active.astype(np.uint8), device)
        self._f = wp.zeros((2, 4, rows + 1, columns + 1), dtype=real, device=device)
        self._keep = wp.zeros((rows, columns), dtype=real, device=device)
        self._dry = law.DRY_M if options.dry_m is None else options.dry_m
        self._cfl = law.CFL if options.cfl is None else options.cfl
        cell = domain.frame.cell_m
        constants = [law.GRAVITY, cell, law.THETA, self._dry, law.STEEP, _LEAVE, _DEBT_M]
        self._num = sent(np.array(constants, kind), device)
        self._told = Told(2, real, device)
        self._owed = wp.zeros(1, dtype=wp.float64, device=device)
        self._faces = Faces(boundary, active, self._dry, device)
        self.blocked_x = np.zeros((rows, columns + 1), np.uint8)
        self.blocked_y = np.zeros((rows + 1, columns), np.uint8)
        self._shut_faces()
        self._keeper = Keeper(device)
        self._sums = Sums((rows, columns), 2, device)
        self._threads = threads_for_actors(options)
        self._signal = -1.0  # the fastest of the cells, m/s; negative: to be found
        self._faces_signal = -1.0  # and of the boundary

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

    def longest_step(self) -> float:
        """Return the longest stable step, s."""
        signal = self._fastest()
        longest = self._cfl * self.domain.frame.cell_m / signal if signal > 0 else math.inf
        return min(longest, self._options.longest_step_s)

    def step(self, dt_s: float) -> None:
        """Move the water; what was added since the last step may ask for smaller ones inside."""
        left = dt_s
        while left > 0:
            signal = self._fastest()
            most = 1.1 * self._cfl * self.domain.frame.cell_m / signal if signal > 0 else math.inf
            parts = max(1, math.ceil(left / most))
            dt = left / parts
            self._move(dt)
            left = left - dt if parts > 1 else 0.0

    def _fastest(self) -> float:
        """Return the fastest signal of cells and boundary, m/s."""
        self._sheet.push()
        told = self._told
        if self._signal < 0:
            told.there.zero_()
            self._launch(update.fastest, self._shape, self._cells, self._num, told.there)
            self._signal = told.read()[flux.CELLS]
        if self._faces.prescribe(self._datum) or self._faces_signal < 0:
            told.there.zero_()
            self._faces.signal(self._cells, self._blocked, told.there)
            self._faces_signal = told.read()[flux.FACES] if self._faces.count else 0.0
        return max(self._signal, self._faces_signal)

    def _move(self, dt: float) -> None:
        cells, f, num, real = self._cells, self._f, self._num, self._real
        faces = (self._shape[0] + 1, self._shape[1] + 1)
        ratio = dt / self.domain.frame.cell_m
        half_dt = real(dt / 2 if self._options.order == 2 else 0)
        self._sheet.push()
        self._launch(flux.fluxes, faces, cells, self._shut, f, num, half_dt)
        self._walls().turn(cells, self._shut, f)
        if self._faces.count:
            self._faces.cross(cells, self._blocked, f)
        self._launch(update.drains, self._shape, cells, self._active, f, num, real(ratio), self._keep)
        self._launch(update.hold, faces, cells, f, self._keep)
        if self._faces.count:
            self._faces.passed.add(f.flatten(), dt * self.domain.frame.cell_m)
        told = self._told
        told.there.zero_()
        numbers = (num, real(dt), wp.float64(ratio), told.there, self._owed)
        self._launch(update.move, self._shape, cells, self._active, f, *numbers)
        self._faces.signal(cells, self._blocked, told.there)
        self._signal, self._faces_signal = told.read()
        self._sheet.moved()

    def _launch(self, work: Any, threads: int | tuple[int, ...], *arguments: Any) -> None:
        launch(work, threads, *arguments, device=self.device)

    def add(self, cells: Ints, volume_m3: Floats) -> Floats:
        """Add volumes (negative: take) at flat cell indices; return what was added, m³."""
        self._sheet.push()
        jug = Jug(cells, np.asarray(volume_m3, np.float64) / self.domain.area_m2, self.device)
        self._launch(update.pour, jug.count, self._cells, self._active, jug.there, self._num)
        self._sheet.moved()
        added, signal = jug.emptied()
        if self._signal >= 0:
            self._signal = max(self._signal, signal)
        self._faces_signal = -1.0
        return added * self.domain.area_m2

    def wet(self, rows: slice, columns: slice) -> None:
        """Say that depth was changed from outside in a block of cells (rain)."""
        self._sheet.written(rows)
        self._signal = self._faces_signal = -1.0

    def block(self, x_faces: Ints, y_faces: Ints, closed: bool = True) -> None:
        """Close or open faces by flat indices in `blocked_x`, `blocked_y`."""
        self.blocked_x.reshape(-1)[x_faces] = closed
        self.blocked_y.reshape(-1)[y_faces] = closed
        self._shut_faces()

    def _shut_faces(self) -> None:
        """Shut what is blocked, and what has no two cells beside it (the boundary's faces are seen to later)."""
        rows, columns = self._shape
        blocked = np.zeros((2, rows + 1, columns + 1), np.uint8)
        blocked[0, :-1], blocked[1, :, :-1] = self.blocked_x, self.blocked_y
        still = np.pad(~self._inside, 1, constant_values=True)
        shut = blocked | still[1:, 1:]
        shut[0] |= still[1:, :-1]
        shut[1] |= still[:-1, 1:]
        self._blocked, self._shut = sent(blocked, self.device), sent(shut, self.device)
        self._still = shut[0, :-1], shut[1, :, :-1]
        self._faces_signal = -1.0
        self._stairs: Stairs | None = None  # looked for when the water moves

    def _walls(self) -> Stairs:
        """Return the walls that run askew."""
        if self._stairs is None:
            steep = law.STEEP * self.domain.frame.cell_m
            found = walls.slanted(self._bed, self._inside, self._still, steep)
            self._stairs = Stairs(found, self._shape, self._dry, self.device)
        return self._stairs

    def flow(self) -> tuple[Values, Values]:
        """Return the unit discharge at cell centres, m²/s, eastwards and southwards (copies)."""
        return self._cells[flux.QX].numpy().copy(), self._cells[flux.QY].numpy().copy()

    def face_flow(self) -> tuple[Values, Values]:
        """Return the unit discharge through faces in the last step, m²/s."""
        return self._f[0][0].numpy()[:-1], self._f[1][0].numpy()[:, :-1]

    def depths(self, cells: Ints) -> Floats:
        """Return the depth in cells by flat indices, m."""
        self._sheet.push()
        return picked(self._cells, np.asarray(cells, np.int64))

    def flows(self, cells: Ints) -> tuple[Floats, Floats]:
        """Return the unit discharge in cells by flat indices, m²/s, eastwards and southwards."""
        layer, where = math.prod(self._shape), np.asarray(cells, np.int64)
        both = np.concatenate([flux.QX * layer + where, flux.QY * layer + where])
        east, south = picked(self._cells, both).reshape(2, -1)
        return east, south

    def face_flows(self, x_faces: Ints, y_faces: Ints) -> tuple[Floats, Floats]:
        """Return the unit discharge in the last step through faces by flat indices."""
        rows, columns = self._shape
        x, y = (np.asarray(faces, np.int64) for faces in (x_faces, y_faces))
        after = 4 * (rows + 1) * (columns + 1)  # the mass through faces north of cells begins there
        found = picked(self._f, np.concatenate([x, after + y // columns * (columns + 1) + y % columns]))
        return found[: x.size], found[x.size :]

    def catchment(self, cover: Cover) -> Catchment:
        """Return what lets it rain on the device."""

        def changed() -> None:
            self._signal = self._faces_signal = -1.0

        return WarpedCatchment(self._cells, self._sheet, cover, changed)

    def track(self, maxima: Maxima, time_s: float, since_s: float) -> None:
        """Take the present state into the maxima; `since_s` went by since the last time.

        On a GPU they stay there: `settle` and `save` bring them to the host.
        """
        self._sheet.push()
        keeper = self._keeper
        keeper.hold(maxima, time_s, since_s, self._dry)
        keeper.times(self._cells[flux.H])
        there = keeper.there
        arrays = (self._cells, keeper.settings, keeper.debris, there["speed"], there["hazard"])
        self._launch(update.take, self._shape, *arrays)

    @property
    def passed_in_m3(self) -> Floats:
        """What came in through each boundary since the start, m³."""
        return self._faces.passed.come()

    @property
    def passed_out_m3(self) -> Floats:
        """What left through each, m³."""
        return self._faces.passed.gone()

    @property
    def repaired_m3(self) -> float:
        """Water that had to be made, m³."""
        return float(self._owed.numpy()[0]) * self.domain.area_m2

    def stored_m3(self) -> float:
        """Return the volume of all water, m³."""
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
            "cells": self._cells[: flux.Z].numpy(),
            "blocked_x": self.blocked_x,
            "blocked_y": self.blocked_y,
            "passed": self._faces.passed.save(),
            "owed": self._owed.numpy(),
            "signal": np.array([self._signal]),
        }

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        self._keeper.forget()
        self._cells[: flux.Z].assign(saved["cells"])
        self._f.zero_()
        self._owed.assign(saved["owed"])
        self._faces.passed.load(saved["passed"])
        self.blocked_x[...], self.blocked_y[...] = saved["blocked_x"], saved["blocked_y"]
        self._shut_faces()
        self._signal = float(saved["signal"][0])
        self._sheet.moved()
