"""The section `boundaries` of a scenario: which faces to the outside are open, and what holds there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.fields import Fields
from twin.flood.records import DISCHARGE, EAST, NORTH, OPEN, SOUTH, STAGE, WALL, WEST, Boundary, Ints
from twin.flood.world import World
from twin.forcing import hydrograph
from twin.forcing.cells import EDGES, Flags, edge_faces, line_faces
from twin.forcing.edges import BoundaryActor, Condition, Discharge, Rating, Stage
from twin.forcing.hydrograph import Hydrograph, read_hydrograph
from twin.forcing.rating import read_rating
from twin.forcing.sections import groups, number, only_one, points
from twin.forcing.tide import Tide, read_tide
from twin.grid import Floats

TYPES = ("wall", "open", "stage", "discharge", "rating", "tide")
_KINDS = {"wall": WALL, "open": OPEN, "stage": STAGE, "tide": STAGE, "discharge": DISCHARGE, "rating": DISCHARGE}
_INWARDS = {WEST: (0, 1), EAST: (0, -1), NORTH: (1, 0), SOUTH: (-1, 0)}
_LOOK = 5  # cells looked at for the bed's slope
_FLATTEST, _STEEPEST = 1e-4, 1.0


@dataclass(frozen=True)
class BoundarySpec:
    """A boundary as a scenario states it."""

    name: str
    type: str
    where: Fields
    edge: str | None
    along: tuple[float, float]
    line: tuple[tuple[float, float], ...]
    slope: float | None = None
    given: Hydrograph | Tide | Rating | None = None

    def faces(self, world: World, active: Flags) -> tuple[Ints, Ints]:
        """Return cells and sides. Raises BadSpec where it selects none."""
        frame = world.domain.frame
        if self.edge is None:
            line = world.place([list(p) for p in self.line], self.where.where("line"), inside=False)
            cells, sides = line_faces(active, line, frame)
        else:
            edges = EDGES if self.edge == "all" else (self.edge,)
            found = [edge_faces(active, edge, self.along, frame) for edge in edges]
            cells, sides = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if not cells.size:
            raise self.where.wrong(
                "line" if self.edge is None else "edge",
                f"(boundary '{self.name}') meets no cell on the rim of the domain",
                "A line must run within 1.5 cells of the terrain's end; `from_m` and `to_m` count along the edge.",
            )
        return cells, sides

    def condition(self, world: World) -> Condition | None:
        """Return what renews the values of its faces; None where they never change."""
        if isinstance(self.given, Rating):
            return self.given
        if isinstance(self.given, Tide):
            return Stage(self.given)
        if isinstance(self.given, Hydrograph):
            series = self.given.series(world.start)
            return Discharge(series) if self.type == "discharge" else Stage(series)
        return None

    def inputs(self) -> Mapping[str, Any]:
        """Return what went in, for the report."""
        said: dict[str, Any] = {"role": "boundary", "name": self.name, "type": self.type}
        if isinstance(self.given, Hydrograph):
            return said | self.given.given()
        if isinstance(self.given, Tide):
            return said | {"value": self.where.get("constituents")}
        if isinstance(self.given, Rating):
            return said | self.given.given()
        return said | ({"value": self.slope} if self.slope is not None else {})


def read_boundaries(top: Fields) -> tuple[BoundarySpec, ...]:
    """Read `boundaries`. Raises BadSpec (two of one name, an edge that is none), FileMissing, ColumnsUnknown."""
    found: list[BoundarySpec] = []
    for n, where in enumerate(groups(top, "boundaries"), 1):
        place = only_one(where, ("edge", "line"), "Where it is")
        edge = where.choice("edge", (*EDGES, "all")) if place == "edge" else None
        taken = {one.name for one in found}
        usual = edge if edge is not None and edge not in taken else f"boundary-{n}"
        name = where.text("name", usual) or ""
        if name in taken:
            raise where.wrong("name", f"is '{name}', which another boundary has", "Give each its own name.")
        line = tuple(points(where, "line", 2)) if place == "line" else ()
        kind = where.choice("type", TYPES)
        slope, given = _held(where, kind)
        found.append(BoundarySpec(name, kind, where, edge, _along(where, edge), line, slope, given))
        where.done()
    return tuple(found)


def _along(where: Fields, edge: str | None) -> tuple[float, float]:
    if edge is None or not (where.has("from_m") or where.has("to_m")):
        return (-np.inf, np.inf)
    if edge == "all":
        raise where.wrong("from_m", "counts along one edge, but 'edge' is 'all'", "Name one edge.")
    begin, end = number(where, "from_m", (0.0, 1e7), "m", 0.0), number(where, "to_m", (0.0, 1e7), "m", 1e7)
    if not end > begin:
        raise where.wrong(
            "to_m", f"is {end:g} m, not beyond from_m, {begin:g} m", "Metres from the west, or south."
        )
    return begin, end


def _held(where: Fields, kind: str) -> tuple[float | None, Hydrograph | Tide | Rating | None]:
    """Return an open boundary's slope, and what holds at others."""
    if kind == "open":
        return where.number("slope", 1e-6, 10.0, "(m a metre)"), None
    if kind == "stage" or (kind == "tide" and where.has("series")):
        return None, read_hydrograph(where, hydrograph.STAGE)
    if kind == "tide":
        return None, read_tide(where)
    if kind == "rating":
        return None, read_rating(where)
    if kind == "discharge":
        discharge = read_hydrograph(where, hydrograph.DISCHARGE)
        least = discharge.constant if discharge.rows is None else float(discharge.rows.values.min())
        if least < 0:
            raise where.wrong(
                hydrograph.DISCHARGE.number_key if discharge.rows is None else hydrograph.DISCHARGE.series_key,
                f"falls to {least:g} m³/s; a boundary's discharge comes in, 0 or more",
                "To take water, give a negative discharge in `inflows`, or a boundary of type rating or open.",
            )
        return None, discharge
    return None, None


def build_boundary(specs: Sequence[BoundarySpec], world: World) -> tuple[Boundary, BoundaryActor | None]:
    """Return the boundary, and who renews its values. Later entries override earlier ones on the same faces.

    Raises:
        BadSpec: an entry selects no face; clock times, but no `start`.
    """
    active = world.domain.active
    cells, sides, groups_ = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for number_, spec in enumerate(specs):
        chosen = spec.faces(world, active)
        cells.append(chosen[0])
        sides.append(chosen[1])
        groups_.append(np.full(len(chosen[0]), number_))
    cell, side, group = (np.concatenate(parts) for parts in (cells, sides, groups_))
    last = len(cell) - 1 - np.unique((cell * 4 + side)[::-1], return_index=True)[1]  # of each face
    kinds = np.array([_KINDS[spec.type] for spec in specs], np.int8)
    kept = np.sort(last[kinds[group[last]] != WALL]) if len(cell) else last
    cell, side, group = cell[kept], side[kept], group[kept]
    for number_, spec in enumerate(specs):
        if spec.type != "wall" and not (group == number_).any():
            world.warnings.append(f"boundary '{spec.name}' is covered by later ones and does nothing")
    names = [n for n, spec in enumerate(specs) if spec.type != "wall"]
    boundary = Boundary(
        cell=cell,
        side=side.astype(np.int8),
        kind=kinds[group] if len(cell) else np.empty(0, np.int8),
        slope=_slopes(cell, side, group, specs, world),
        value=np.full(len(cell), np.nan),
        group=np.searchsorted(names, group).astype(np.int32),
        names=tuple(specs[n].name for n in names),
    )
    boundary.value[(boundary.kind == OPEN) | (boundary.kind == DISCHARGE)] = 0.0
    held = [(specs[n].condition(world), np.flatnonzero(group == n)) for n in names]
    conditions = [(condition, faces) for condition, faces in held if condition is not None and faces.size]
    if not conditions:
        return boundary, None
    actor = BoundaryActor(conditions, world.domain)
    actor.start(boundary)
    return boundary, actor


def _slopes(cell: Ints, side: Ints, group: Ints, specs: Sequence[BoundarySpec], world: World) -> Floats:
    """Return the stated slopes; where none is stated the bed's own over a few cells, negative."""
    out = np.zeros(len(cell))
    for n, spec in enumerate(specs):
        if spec.type == "open":
            own = group == n
            out[own] = spec.slope if spec.slope is not None else -_bed_slopes(cell[own], side[own], world)
    return out


def _bed_slopes(cell: Ints, side: Ints, world: World) -> Floats:
    bed = world.domain.bed
    rows, columns = bed.shape
    i, j = np.divmod(cell, columns)
    down = np.array([_INWARDS[s][0] for s in range(4)])[side]
    right = np.array([_INWARDS[s][1] for s in range(4)])[side]
    slope = np.full(len(cell), _FLATTEST)
    open_ = np.ones(len(cell), bool)
    for step in range(1, _LOOK + 1):
        a, b = i + step * down, j + step * right
        open_ &= (a >= 0) & (a < rows) & (b >= 0) & (b < columns)
        inner = bed[np.clip(a, 0, rows - 1), np.clip(b, 0, columns - 1)]
        open_ &= ~np.isnan(inner)
        rise = (inner - bed[i, j]) / (step * world.domain.frame.cell_m)
        slope = np.where(open_, rise, slope)
    return np.asarray(np.clip(slope, _FLATTEST, _STEEPEST), np.float64)
