"""Where the numbers of a scenario lie: longitude and latitude, the terrain's own, or a system that is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from naru.errors import BadSpec, CrsRefused
from twin.crs import Mover
from twin.grid import Floats, Frame
from twin.scenario.framing import densified
from twin.scenario.spec import Box

LONLAT = "EPSG:4326"
_TOLERANCE = 1e-6  # of a cell: points on the outer edge are inside


@dataclass(frozen=True)
class Coordinates:
    """Brings points of the scenario file into the domain's system. `crs` of "" is that of a terrain without."""

    crs: str
    mode: str  # auto | lonlat | terrain | EPSG:code
    file: str
    warn: Callable[[str], None]
    extent: Box  # of the terrain, in `crs`: decides what could be either
    doubted: set[str] = field(default_factory=set, compare=False)  # sections that were warned of

    def system(self, points: Floats, field: str, mode: str | None = None) -> str:
        """Return what points (n × 2) are in; "" is the domain's own.

        By contract numbers that can be longitude and latitude are; others are the terrain's own. Where numbers can
        be both, those that fall on the terrain as its own and not as longitude and latitude are its own.
        """
        mode = mode or self.mode
        if mode == "terrain" or not self.crs:
            return ""
        if mode != "auto":
            return LONLAT if mode == "lonlat" else mode
        x, y = points[:, 0], points[:, 1]
        if not ((np.abs(x) <= 180).all() and (np.abs(y) <= 90).all()):
            return ""
        if not self._falls_on(points):
            return LONLAT
        try:
            moved = np.column_stack(Mover(LONLAT, self.crs, self.file)(x, y))
        except CrsRefused:
            moved = np.full_like(points, np.inf)
        if self._falls_on(moved):
            return LONLAT
        self._doubt(field)
        return ""

    def _doubt(self, field: str) -> None:
        """Warn of a field; of each of a hundred gauges once is enough."""
        section = field.split("[", maxsplit=1)[0]
        if section not in self.doubted:
            self.doubted.add(section)
            what = "could be longitude and latitude: taken for the terrain's own coordinates, on which"
            self.warn(
                f"{field} {what} it falls" if section == field else f"{section} (as {field}) {what} they fall"
            )

    def _falls_on(self, points: Floats) -> bool:
        """Whether the points' box meets the terrain: an area drawn larger than a flume has no corner in it."""
        west, south, east, north = self.extent
        x, y = points[np.isfinite(points).all(axis=1)].T
        return bool(x.size and x.max() >= west and x.min() <= east and y.max() >= south and y.min() <= north)

    def bring(self, points: Sequence[Sequence[float]] | Floats, field: str, mode: str | None = None) -> Floats:
        """Return points (n × 2) in the domain's system. Raises BadSpec where they cannot be brought there."""
        given = np.asarray(points, np.float64).reshape(-1, 2)
        source = self.system(given, field, mode)
        if not source:
            return given
        try:
            x, y = Mover(source, self.crs, self.file)(given[:, 0], given[:, 1])
        except CrsRefused as error:
            raise BadSpec(
                f"field '{field}': {error.message}",
                file=self.file,
                field=field,
                remedy="Longitude comes before latitude; `coordinates: EPSG:…` or `terrain` says what they are in.",
            ) from error
        return np.column_stack([x, y])

    def box(self, box: Box, field: str) -> Box:
        """Return the box in the domain's system that holds a box of the file."""
        corners = np.array([[box[0], box[1]], [box[2], box[3]]])
        if not self.system(corners, field):
            return box
        points = self.bring(densified(box), field)
        (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
        return float(west), float(south), float(east), float(north)


@dataclass(frozen=True)
class Placer:
    """`World.place` of a domain."""

    coordinates: Coordinates
    frame: Frame

    def __call__(self, points: Sequence[Sequence[float]], field: str, inside: bool = True) -> Floats:
        """Return points (n × 2) in the frame's system; with `inside`, raise BadSpec where one lies outside it."""
        out = self.coordinates.bring(points, field)
        if inside:
            self.check_inside(out, np.asarray(points, np.float64).reshape(-1, 2), field)
        return out

    def check_inside(self, points: Floats, given: Floats, field: str) -> None:
        """Refuse points (n × 2, in the frame's system) of which one is outside; `given` are they in the file."""
        west, south, east, north = self.frame.bounds
        slack = _TOLERANCE * self.frame.cell_m
        within = (points[:, 0] >= west - slack) & (points[:, 0] <= east + slack)
        within &= (points[:, 1] >= south - slack) & (points[:, 1] <= north + slack)
        if not within.all():
            number = int(np.argmin(within))
            raise self._outside(given[number], points[number], field)

    def _outside(self, given: Floats, point: Floats, field: str) -> BadSpec:
        west, south, east, north = self.frame.bounds
        shown = f"{given[0]:.10g}, {given[1]:.10g}"
        if not np.allclose(given, point):
            shown += f" (x {point[0]:.1f}, y {point[1]:.1f})"
        return BadSpec(
            f"field '{field}' lies outside the domain: {shown}",
            file=self.coordinates.file,
            field=field,
            remedy=f"The domain reaches from x {west:.10g} to {east:.10g}, y {south:.10g} to {north:.10g}"
            + (f" of {self.frame.crs[:40]}" if self.frame.crs else "")
            + ". Longitude comes before latitude.",
        )

    def cell(self, point: Floats) -> int:
        """Return the flat index of the cell in which a point inside the frame lies."""
        row, column = self.frame.place(point[0], point[1])
        i = min(max(int(np.floor(row + 0.5)), 0), self.frame.rows - 1)
        j = min(max(int(np.floor(column + 0.5)), 0), self.frame.columns - 1)
        return i * self.frame.columns + j
