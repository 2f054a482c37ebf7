"""The local inertial scheme at work: holds the state, moves it step by step, counts what passes the boundary.

Equations: Bates, Horritt & Fewtrell (2010), J. Hydrol. 387, eq. 11 and 14; q-centred by de Almeida et al. (2012),
Water Resour. Res. 48 W05528, eq. 9; friction with the magnitude of both components (de Almeida & Bates 2013,
Water Resour. Res. 49). Friction is taken at the new time, in closed form: the root of q + k·q·|q| = q*. Where it
rules (rain as a thin film on a slope) this is Manning's kinematic flow at once; Bates' linearisation overshoots.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from twin.flood.hosted import Hosted
from twin.flood.inertial import edges, kernels, law, maxima, repair, tiles
from twin.flood.inertial.arrays import Flows, Ground
from twin.flood.inertial.crew import Crew
from twin.flood.records import DISCHARGE, STAGE, Boundary, Domain, Ints, Maxima, Options
from twin.grid import Floats, Values


def start(domain: Domain, depth: Values, boundary: Boundary, options: Options) -> InertialWater:
    """Return the water at rest.

    `options.more`: `froude`, the greatest Froude number of a face's flow (2.5); `tiles`, False to compute dry
    tiles, too.

    Raises:
        BadSpec: an option is out of its range.
    """
    law.check(options)
    return InertialWater(domain, depth, boundary, options)


class InertialWater(Hosted):
    """The state and what moves it; the protocol is `twin.flood.records.Water`."""

    def __init__(self, domain: Domain, depth: Values, boundary: Boundary, options: Options) -> None:
        self.domain = domain
        self.boundary = boundary
        kind = np.dtype(options.precision)
        rows, columns = domain.bed.shape
        active = domain.active
        self._dtype = kind
        self._ints = np.dtype(f"int{8 * kind.itemsize}")
        self._law = law.Law.of(domain, options)
        self._whole = not options.more.get("tiles", True)
        self._h, self._z, self._n = (a.astype(kind) for a in self._law.layers(domain, depth))
        self._rest = np.zeros_like(self._h)
        self._ground = Ground(self._h, self._z, self._n)
        self._flows, self._before = (
            Flows(np.zeros((rows, columns + 1), kind), np.zeros((rows + 1, columns), kind)) for _ in range(2)
        )
        self.blocked_x, self.blocked_y = (np.zeros_like(flow, np.uint8) for flow in self._flows)
        self._closed_x, self._closed_y = np.empty(0, np.int64), np.empty(0, np.int64)
        self._faces = edges.Faces.of(boundary, active)
        outer = self._faces.where[:, edges.OUTER_CELL]
        self._outside = np.unique(outer[outer >= 0])
        self._c = np.zeros(kernels.CONSTANTS, kind)
        self._facts = np.zeros(6)
        self._set_constants()
        self._crew = Crew(options.threads)
        self._buffers = [np.zeros(kernels.CHUNK, kind) for _ in range(self._crew.most)]
        self._rooms = [maxima.Room.of(kind) for _ in range(self._crew.most)]
        self._made = 0.0
        self._fastest = 0.0
        self._deepest = 0.0
        self._list_tiles(active)

    def _list_tiles(self, active: Values) -> None:
        self._state = tiles.tiles_of(active)
        self._always = np.zeros(self._state.shape, bool)
        filling = np.isin(self.boundary.kind, (STAGE, DISCHARGE))
        cell = self.boundary.cell[filling]
        self._always[cell // active.shape[1] // tiles.ROWS, cell % active.shape[1] // tiles.COLUMNS] = True
        self._spans = np.zeros((self._state.size, 4), np.int64)
        self._count, self._cells, self._age, self._stale = 0, 0, 0, True
        self._negative = np.zeros(self._state.size, bool)

    @property
    def depth(self) -> Values:
        """Water depth, m, rows × columns: the state itself."""
        return self._h

    @property
    def threads(self) -> int:
        """How many threads work on all cells may be spread over."""
        return self._crew.most

    @property
    def wet_cells(self) -> int:
        """How many cells a step computes."""
        return self._cells

    @property
    def fastest_m_s(self) -> float:
        """How fast the fastest water flowed through a face in the last step."""
        return self._fastest

    def longest_step(self) -> float:
        """Return the longest stable step, s: neither waves (Bates et al. 2010, eq. 14) nor flow cross a cell."""
        if self._stale:
            self._renew()
        return self._law.longest_step(self._deepest, self._fastest)

    def step(self, dt_s: float) -> None:
        """Move the water by one step, in equal parts where water came since the step was chosen."""
        longest = self.longest_step()
        parts = 1 if dt_s <= 1.002 * longest else math.ceil(dt_s / longest)
        for _ in range(parts):
            self._step(dt_s / parts)

    def _step(self, dt: float) -> None:
        if self._stale or self._age >= tiles.EVERY:
            self._renew()
        self._age += 1
        self._set(dt)
        self._flows, self._before = self._before, self._flows
        spans, negative = self._spans[: self._count], self._negative[: self._count]
        parts = self._parts

        def flux(part: int) -> float:
            return float(kernels.flux(self._ground, self._before, self._flows, self._c, spans[parts[part]]))

        def mass(part: int) -> tuple[float, bool]:
            mine = (spans[parts[part]], self._buffers[part], negative[parts[part]])
            deepest, short = kernels.mass(self._h, self._rest, self._flows, self._c, *mine)
            return float(deepest), bool(short)

        self._fastest = max(self._crew.run(flux, len(parts)))
        self._cross()
        moved = self._crew.run(mass, len(parts))
        self._deepest = max(deepest for deepest, _ in moved)
        share = float(self._c[kernels.R])
        if self._outside.size or any(short for _, short in moved):
            made = repair.repair(self._h, self._rest, self._flows, share, spans, negative, self._outside)
            self._made += made * self.domain.area_m2
        if self._faces.where.size:
            edges.count(self._faces.where, self._flows, share * self.domain.area_m2, self._faces.volume_m3)

    def _set_constants(self) -> None:
        k, c, of = kernels, self._c, self._law
        c[k.THETA], c[k.HALF_REST], c[k.DRY] = of.theta, (1 - of.theta) / 2, of.dry
        c[k.FROUDE] = of.froude * math.sqrt(law.GRAVITY)
        c[k.ZERO], c[k.ONE], c[k.TWO], c[k.QUARTER], c[k.FOUR] = 0, 1, 2, 0.25, 4
        self._facts[:] = of.dx, 0.0, of.theta, of.dry, of.froude, of.datum

    def _set(self, dt: float) -> None:
        """Fill in what the kernels of a step need."""
        k, c, dx = kernels, self._c, self._law.dx
        c[k.DT], c[k.R], c[k.G_R] = dt, dt / dx, law.GRAVITY * dt / dx
        self._facts[edges.DT] = dt

    def _cross(self) -> None:
        """Set the flow of boundary faces, and close the closed ones."""
        if self._faces.where.size:
            faces, kind, value = self._faces, self.boundary.kind, self.boundary.value
            flows = (self._before, self._flows)
            fastest = edges.cross(faces.where, kind, faces.slope, value, self._ground, *flows, self._facts)
            self._fastest = max(self._fastest, float(fastest))
        if self._closed_x.size or self._closed_y.size:
            edges.close(self._flows, self._closed_x, self._closed_y)

    def _renew(self) -> None:
        """List the wet tiles anew."""
        dry = self._dtype.type(self._law.dry).view(self._ints)
        which = (self._state, self._always, self._whole, self._spans)
        fresh = np.zeros_like(self._state)
        found = tiles.renew(self._h.view(self._ints), dry, *which, fresh, (self._flows, self._before))
        self._count, self._cells, deepest = found
        self._deepest = float(self._ints.type(deepest).view(self._dtype))
        self._parts = self._crew.parts(self._spans[: self._count], self._cells)
        self._age, self._stale = 0, False

    def add(self, cells: Ints, volume_m3: Floats) -> Floats:
        """Add volumes (negative: take) at flat cell indices, each once; return what was really added."""
        depth = np.asarray(volume_m3, np.float64) / self.domain.area_m2
        most, woken = repair.pour(self._h, self._rest, np.asarray(cells, np.int64), depth, self._state)
        self._deepest = max(self._deepest, most)
        self._stale |= woken
        out: Floats = depth * self.domain.area_m2
        return out

    def wet(self, rows: slice, columns: slice) -> None:
        """Say that depth was changed from outside in a block of cells (rain): wakes its tiles."""
        self._stale |= tiles.touch(self._state, rows, columns, self._h.shape)

    def block(self, x_faces: Ints, y_faces: Ints, closed: bool = True) -> None:
        """Close (or open) faces by flat indices in `blocked_x`, `blocked_y`."""
        self.blocked_x.reshape(-1)[x_faces] = closed
        self.blocked_y.reshape(-1)[y_faces] = closed
        self._look_at_blocks()

    def _look_at_blocks(self) -> None:
        self._closed_x, self._closed_y = np.flatnonzero(self.blocked_x), np.flatnonzero(self.blocked_y)
        edges.close(self._flows, self._closed_x, self._closed_y)

    def flow(self) -> tuple[Values, Values]:
        """Return the unit discharge at cell centres, m²/s, eastwards and southwards (copies)."""
        half = self._dtype.type(0.5)
        qx, qy = self._flows
        return (qx[:, :-1] + qx[:, 1:]) * half, (qy[:-1] + qy[1:]) * half

    def face_flow(self) -> tuple[Values, Values]:
        """Return the unit discharge through faces in the last step."""
        return self._flows.x, self._flows.y

    def track(self, maxima_: Maxima, time_s: float, since_s: float) -> None:
        """Take the present state into the maxima; `since_s` went by since the last time."""
        if self._stale:
            self._renew()
        m = maxima_
        c = np.array([self._law.dry, self._law.froude * math.sqrt(law.GRAVITY), 0.25], self._dtype)
        facts = np.array([m.threshold_m, time_s, since_s], np.float32)
        up_to, factor = (np.array(column, np.float32) for column in zip(*m.debris, strict=True))
        spans, parts = self._spans[: self._count], self._parts
        kept = (m.depth, m.speed, m.hazard, m.arrival, m.duration, m.peak_time)
        state = (self._h, self._h.view(self._ints))

        def take(part: int) -> None:
            mine = spans[parts[part]]
            maxima.take(state, self._flows, mine, c, facts, (up_to, factor), kept, self._rooms[part])

        self._crew.run(take, len(parts))

    @property
    def passed_in_m3(self) -> Floats:
        """What came in through each boundary of `boundary.names` since the start, m³."""
        volume = self._faces.volume_m3[:, : len(self.boundary.names)]
        out: Floats = volume[0] + volume[1]
        return out

    @property
    def passed_out_m3(self) -> Floats:
        """What left through each, m³."""
        volume = self._faces.volume_m3[:, : len(self.boundary.names)]
        out: Floats = volume[2] + volume[3]
        return out

    @property
    def repaired_m3(self) -> float:
        """Water that had to be made because no donor could give it back."""
        return self._made

    def stored_m3(self) -> float:
        """Return the volume of all water in the domain, summed in float64."""
        return float(self._h.sum(dtype=np.float64) + self._rest.sum(dtype=np.float64)) * self.domain.area_m2

    def save(self) -> Mapping[str, Values]:
        """Return all that `load` needs to go on bit by bit."""
        return {
            "depth": self._h,
            "rest": self._rest,
            "qx": self._flows.x,
            "qy": self._flows.y,
            "blocked_x": self.blocked_x,
            "blocked_y": self.blocked_y,
            "passed": self._faces.volume_m3,
            "numbers": np.array([self._made, self._fastest, self._deepest]),
        }

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        mine = dict(self.save())
        del mine["numbers"]
        for name, values in mine.items():
            values[...] = saved[name]
        for flow in self._before:
            flow[...] = 0
        self._look_at_blocks()
        self._state[self._state == tiles.ASLEEP] = tiles.TOUCHED
        self._renew()
        self._made, self._fastest, self._deepest = (float(v) for v in saved["numbers"])
