"""The full shallow-water equations at work: state, step, boundary, what is counted. Equations: `flux`, `update`."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from twin.flood.full import eddies, edges, flux, law, tiles, update, walls
from twin.flood.full import maxima as kept
from twin.flood.full.law import GRAVITY
from twin.flood.hosted import Hosted
from twin.flood.records import DISCHARGE, STAGE, Boundary, Domain, Ints, Maxima, Options
from twin.grid import Floats, Values

_CELLS_A_THREAD = 50_000
_LOTS = 4  # a thread, so that none waits long for another


def start(domain: Domain, depth: Values, boundary: Boundary, options: Options) -> Full:
    """Return the water of the full equations: `depth` (rows × columns, m; NaN or 0: none) at rest.

    Raises:
        BadSpec: an option out of its range.
    """
    law.check(options)
    return Full(domain, depth, boundary, options)


class Full(Hosted):
    """See `twin.flood.records.Water`."""

    def __init__(self, domain: Domain, depth: Values, boundary: Boundary, options: Options) -> None:
        kind = np.dtype(options.precision)
        self.domain, self.boundary, self._options = domain, boundary, options
        self._cell = domain.frame.cell_m
        self._shape = rows, columns = domain.bed.shape
        self._active = domain.active
        self._datum = float(np.nanmin(domain.bed)) if self._active.any() else 0.0
        self._bed = np.where(self._active, domain.bed - self._datum, 0).astype(kind)
        self._n = np.where(self._active, domain.manning_n, 0).astype(kind)
        wanted = np.where(self._active & (depth > 0), depth, 0).astype(np.float64)
        self._depth = wanted.astype(kind)
        self._low = (wanted - self._depth).astype(kind)
        self._qx, self._qy = np.zeros((rows, columns), kind), np.zeros((rows, columns), kind)
        self._flux = np.zeros((4, rows, columns + 1), kind), np.zeros((4, rows + 1, columns), kind)
        self.blocked_x = np.zeros((rows, columns + 1), np.uint8)
        self.blocked_y = np.zeros((rows + 1, columns), np.uint8)
        self._shut = np.zeros((rows, columns + 1), np.uint8), np.zeros((rows + 1, columns), np.uint8)
        self._slanted: tuple[Values, ...] | None = None
        self._shut_faces()
        groups = len(boundary.names)
        self._come, self._gone = np.zeros((2, groups)), np.zeros((2, groups))  # sum, carry
        self._owed_m = 0.0
        self._dry = law.DRY_M if options.dry_m is None else options.dry_m
        self._cfl = law.CFL if options.cfl is None else options.cfl
        self._con = np.array([GRAVITY, 0.0, self._dry], kind)
        self._behind = self._cells_behind()
        self._buffers: list[Values] = []
        self._pool: ThreadPoolExecutor | None = None
        self._tiles = np.zeros((-(-rows // tiles.ROWS), -(-columns // tiles.COLUMNS)), np.uint8)
        self._always = self._tiles_of_inlets()
        self._rects = np.empty((0, 4), np.int64)
        self._lots: list[tiles.Rects] = [self._rects]
        self._age = tiles.LASTS  # steps since the tiles were looked at
        self._signal = 0.0
        self._look()
        self._scan()

    @property
    def depth(self) -> Values:
        """Water depth, m; whoever writes calls `wet`."""
        return self._depth

    @property
    def passed_in_m3(self) -> Floats:
        """What came in through each boundary since the start, m³."""
        out: Floats = self._come.sum(axis=0)
        return out

    @property
    def passed_out_m3(self) -> Floats:
        """What left through each, m³."""
        out: Floats = self._gone.sum(axis=0)
        return out

    @property
    def repaired_m3(self) -> float:
        """Water that had to be made, m³."""
        return self._owed_m * self.domain.area_m2

    @property
    def threads(self) -> int:
        """How many threads work on all cells may be spread over."""
        return self._threads()

    @property
    def wet_cells(self) -> int:
        """How many cells are worked on."""
        r = self._rects
        return int(((r[:, 1] - r[:, 0]) * (r[:, 3] - r[:, 2])).sum())

    def longest_step(self) -> float:
        """Return the longest stable step, s."""
        signal = max(self._signal, self._edge_signal())
        longest = self._cfl * self._cell / signal if signal > 0 else math.inf
        return min(longest, self._options.longest_step_s)

    def step(self, dt_s: float) -> None:
        """Move the water; what was added since the last step may ask for smaller ones inside."""
        left = dt_s
        while left > 0:
            self._look()
            signal = max(self._signal, self._edge_signal())
            most = 1.1 * self._cfl * self._cell / signal if signal > 0 else math.inf
            parts = max(1, math.ceil(left / most))
            dt = left / parts
            self._move(dt)
            left = left - dt if parts > 1 else 0.0

    def add(self, cells: Ints, volume_m3: Floats) -> Floats:
        """Add volumes (negative: take) at flat cell indices; return what was added, m³."""
        cells = np.atleast_1d(np.asarray(cells, np.int64))
        volume = np.broadcast_to(np.asarray(volume_m3, np.float64), cells.shape).copy()
        volume[~self._active.flat[cells]] = 0
        area = self.domain.area_m2
        if (self._depth.flat[cells] <= self._dry).any():  # water where none was: its surroundings must be worked on
            self._age = tiles.LASTS
        done: Floats = update.add((self._depth, self._qx, self._qy), self._low, cells, volume, area)
        rows, columns = np.unravel_index(cells, self._shape)
        spots = np.column_stack([rows, rows + 1, columns, columns + 1]).astype(np.int64)
        here = update.fastest_signal((self._depth, self._qx, self._qy), spots, self._con)
        self._signal = max(self._signal, float(here))
        return done

    def wet(self, rows: slice, columns: slice) -> None:
        """Say that depth was changed from outside."""
        self._age = tiles.LASTS
        self._signal = -1.0

    def block(self, x_faces: Ints, y_faces: Ints, closed: bool = True) -> None:
        """Close or open faces by flat indices."""
        self.blocked_x.flat[x_faces] = closed
        self.blocked_y.flat[y_faces] = closed
        self._shut_faces()

    def flow(self) -> tuple[Values, Values]:
        """Return the unit discharge at cell centres, m²/s, eastwards and southwards (copies)."""
        return self._qx.copy(), self._qy.copy()

    def face_flow(self) -> tuple[Values, Values]:
        """Return the unit discharge through faces in the last step, m²/s (views)."""
        return self._flux[0][0], self._flux[1][0]

    def track(self, maxima: Maxima, time_s: float, since_s: float) -> None:
        """Take the present state into the maxima."""
        best = (
            maxima.depth,
            maxima.speed,
            maxima.hazard,
            maxima.arrival,
            maxima.duration,
            maxima.peak_time,
        )
        self._look()
        settings = np.array([time_s, since_s, maxima.threshold_m, self._dry], np.float32)
        debris = np.array(maxima.debris, np.float32)
        debris[:-1, 1] -= debris[1:, 1]
        state = self._depth, self._qx, self._qy
        self._share(lambda lot, _: kept.track(state, lot, best, debris, settings))

    def stored_m3(self) -> float:
        """Return the volume of all water, m³."""
        return math.fsum(update.sums(self._depth, self._low)) * self.domain.area_m2

    def save(self) -> Mapping[str, Values]:
        """Return all that `load` needs."""
        return {name: np.asarray(getattr(self, f"_{name}")) for name in _SAVED} | {
            "blocked_x": self.blocked_x,
            "blocked_y": self.blocked_y,
            "facts": np.array([self._owed_m, self._age, self._signal]),
        }

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        for name in _SAVED:
            getattr(self, f"_{name}")[...] = saved[name]
        self.blocked_x[...], self.blocked_y[...] = saved["blocked_x"], saved["blocked_y"]
        self._owed_m, age, self._signal = (float(v) for v in saved["facts"])
        self._age = int(age)
        for part in self._flux:
            part[...] = 0
        self._shut_faces()
        self._set_rects()

    def _move(self, dt: float) -> None:
        dt_dx = dt / self._cell
        state = self._depth, self._qx, self._qy, self._bed, self._n
        order = 2 if self._options.order == 2 else 0
        num = np.array([GRAVITY, self._cell, dt * order / 4, law.THETA, self._dry, law.STEEP], self._depth.dtype)
        self._con[1] = dt
        self._share(lambda lot, buf: flux.fluxes(buf, state, self._shut, self._flux, lot, num))
        if self._slanted is None:
            found = walls.slanted(self._bed, self._active, self._shut, law.STEEP * self._cell)
            self._slanted = found.cell, found.side, found.east, found.south
        walls.turn(state[:4], self._slanted, self._shut, self._flux, GRAVITY, self._dry)
        if self.boundary.cell.size:
            edges.pass_edges((*state, self._active), self._faces(), self._blocked, self._flux, GRAVITY, self._dry)
        self._hold(dt_dx)
        if self.boundary.cell.size:
            factor = dt * self._cell
            edges.tally(
                self._faces(), self.boundary.group, self._shape[1], self._flux, factor, self._come, self._gone
            )
        depth, low, active, con = self._depth, self._low, self._active, self._con
        owed = self._share(lambda lot, _: update.move_mass(depth, low, active, self._flux, lot, dt_dx))
        self._owed_m += math.fsum(owed)
        moving = self._depth, self._qx, self._qy, self._n
        signals = self._share(lambda lot, _: update.move_momentum(moving, self._flux, lot, dt_dx, con))
        for values in (self._depth, self._low, self._qx, self._qy):
            values.flat[self._behind] = 0
        if self._options.eddy_viscosity:
            self._mix(dt)
        self._signal = float(max(signals))
        self._age += 1

    def _mix(self, dt: float) -> None:
        """Let eddies carry momentum between cells; the fastest signal stays what it was."""
        state = self._depth, self._qx, self._qy, self._n
        num = eddies.numbers(self._options.eddy_viscosity, dt, self._cell, self._dry, self._depth.dtype)
        self._share(lambda lot, buf: eddies.mix(buf, state, self._shut, self._flux, lot, num))
        self._share(lambda lot, _: eddies.take(self._qx, self._qy, self._flux, lot))

    def _hold(self, dt_dx: float) -> None:
        """Let no cell give more than it has."""

        def find(lot: tiles.Rects, _: Values) -> Ints:
            found = np.empty(4096, np.int64)
            count = update.drains(self._depth, self._flux, lot, dt_dx, found)
            if count > found.size:
                found = np.empty(count, np.int64)
                update.drains(self._depth, self._flux, lot, dt_dx, found)
            return found[:count]

        cells = np.concatenate(self._share(find))
        if cells.size:
            state = self._depth, self._qx, self._qy
            update.hold(cells, state, self._active, self._flux, dt_dx)

    def _share(self, work: Callable[[tiles.Rects, Values], Any]) -> list[Any]:
        """Do work on all lots of rectangles, on threads where there are several; results in the lots' order."""
        while len(self._buffers) < len(self._lots):
            self._buffers.append(np.zeros(flux.BUFFER, self._depth.dtype))
        if len(self._lots) == 1:
            return [work(self._lots[0], self._buffers[0])]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads())
        return list(self._pool.map(work, self._lots, self._buffers))

    def _threads(self) -> int:
        if self._options.threads:
            return self._options.threads
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def _look(self) -> None:
        """Find the wet tiles anew where the list is old, or water was put somewhere; know the fastest signal."""
        if self._age >= tiles.LASTS:
            wet = update.wet_tiles(self._depth, tiles.ROWS, tiles.COLUMNS, tiles.LASTS + 1, self._dry)
            now = tiles.joined(wet | self._always)
            if not np.array_equal(now, self._tiles):
                self._forget(self._tiles & ~now & 1)
                self._tiles[...] = now
                self._set_rects()
            self._age = 0
        if self._signal < 0:
            self._scan()

    def _scan(self) -> None:
        state = self._depth, self._qx, self._qy
        self._signal = float(max(self._share(lambda lot, _: update.fastest_signal(state, lot, self._con))))

    def _set_rects(self) -> None:
        self._rects = tiles.rectangles(self._tiles, self._shape)
        threads = self._threads()
        if not self._options.threads:
            threads = max(1, min(threads, self.wet_cells // _CELLS_A_THREAD))
        self._lots = tiles.shares(self._rects, threads * _LOTS if threads > 1 else 1)

    def _forget(self, gone: Values) -> None:
        """Nothing passes faces in tiles that are no longer worked on."""
        for a, b in np.argwhere(gone):
            rows = slice(a * tiles.ROWS, (a + 1) * tiles.ROWS + 1)
            columns = slice(b * tiles.COLUMNS, (b + 1) * tiles.COLUMNS + 1)
            for part in self._flux:
                part[:, rows, columns] = 0

    def _faces(self) -> tuple[Values, ...]:
        edge = self.boundary
        value = np.where(edge.kind == STAGE, edge.value - self._datum, edge.value)
        return edge.cell, edge.side, edge.kind, edge.slope, value

    @property
    def _blocked(self) -> tuple[Values, Values]:
        return self.blocked_x, self.blocked_y

    def _edge_signal(self) -> float:
        if not self.boundary.cell.size:
            return 0.0
        ground = self._depth, self._qx, self._qy, self._bed, self._n, self._active
        return float(edges.edge_signal(ground, self._faces(), self._blocked, GRAVITY, self._dry))

    def _shut_faces(self) -> None:
        """Shut what is blocked, and what has no two cells beside it (the boundary's faces are seen to later)."""
        still = np.pad(~self._active, 1, constant_values=True)
        self._shut[0][...] = self.blocked_x | still[1:-1, :-1] | still[1:-1, 1:]
        self._shut[1][...] = self.blocked_y | still[:-1, 1:-1] | still[1:, 1:-1]
        self._slanted = None  # looked for when the water moves

    def _cells_behind(self) -> Ints:
        """Return the inactive cells beyond boundary faces inside the grid: what passes there is gone."""
        rows, columns = np.unravel_index(self.boundary.cell, self._shape)
        down = np.array([0, 0, -1, 1])[self.boundary.side]
        right = np.array([-1, 1, 0, 0])[self.boundary.side]
        rows, columns = rows + down, columns + right
        inside = (rows >= 0) & (rows < self._shape[0]) & (columns >= 0) & (columns < self._shape[1])
        out: Ints = np.unique(rows[inside] * self._shape[1] + columns[inside])
        return out

    def _tiles_of_inlets(self) -> Values:
        """Return the tiles in which water may appear through the boundary."""
        out = np.zeros_like(self._tiles)
        lets_in = (self.boundary.kind == STAGE) | (self.boundary.kind == DISCHARGE)
        rows, columns = np.unravel_index(self.boundary.cell[lets_in], self._shape)
        reach = tiles.LASTS + 1
        for down, right in ((-reach, -reach), (-reach, reach), (reach, -reach), (reach, reach)):
            near_rows = np.clip(rows + down, 0, self._shape[0] - 1)
            near_columns = np.clip(columns + right, 0, self._shape[1] - 1)
            out[near_rows // tiles.ROWS, near_columns // tiles.COLUMNS] = 1
        out[rows // tiles.ROWS, columns // tiles.COLUMNS] = 1
        return out


_SAVED = ("depth", "low", "qx", "qy", "tiles", "come", "gone")
