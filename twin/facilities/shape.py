"""Where a facility stands: a point, a line or an outline in a projected system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from twin.survey.lines import distances

Floats = npt.NDArray[np.float64]
ShapeKind = Literal["point", "line", "polygon"]
_NAMES = {"point": "Point", "line": "LineString", "polygon": "Polygon"}


@dataclass(frozen=True)
class Shape:
    """Coordinates as pairs; an outline is closed (its first pair stands again at its end) and has no holes."""

    kind: ShapeKind
    points: tuple[tuple[float, float], ...]

    @property
    def xy(self) -> Floats:
        """The coordinates, (points, 2)."""
        return np.asarray(self.points, float)

    @property
    def length_m(self) -> float:
        """Of a line or an outline."""
        return float(np.hypot(*np.diff(self.xy, axis=0).T).sum()) if len(self.points) > 1 else 0.0

    @property
    def middle(self) -> tuple[float, float]:
        """A point of it: half-way along a line, the middle of an outline's corners."""
        xy = self.xy
        if self.kind == "polygon":
            return float(xy[:-1, 0].mean()), float(xy[:-1, 1].mean())
        if self.kind == "point":
            return float(xy[0, 0]), float(xy[0, 1])
        return self.at(self.length_m / 2)

    def at(self, distance_m: float) -> tuple[float, float]:
        """Return the place so far along the line."""
        xy = self.xy
        run = distances(xy)
        return float(np.interp(distance_m, run, xy[:, 0])), float(np.interp(distance_m, run, xy[:, 1]))

    def along(self, every_m: float = 5.0) -> Floats:
        """Return places along a line or an outline, (points, 2), both ends included; a point alone is itself."""
        if self.kind == "point":
            return self.xy
        count = max(2, int(np.ceil(self.length_m / every_m)) + 1)
        return np.array([self.at(d) for d in np.linspace(0, self.length_m, count)])

    def across(self, bearing_deg: float, width_m: float) -> Shape:
        """Return a point's line: so wide, from left to right as seen looking along the bearing.

        >>> Shape("point", ((0.0, 0.0),)).across(0.0, 4.0).points
        ((-2.0, 0.0), (2.0, 0.0))
        """
        turn = np.radians(bearing_deg)
        right = round(float(np.cos(turn)), 12), round(float(-np.sin(turn)), 12) + 0.0
        (x, y), half = self.points[0], width_m / 2
        return Shape(
            "line", ((x - right[0] * half, y - right[1] * half), (x + right[0] * half, y + right[1] * half))
        )

    def to_geojson(self) -> dict[str, Any]:
        """Return a GeoJSON geometry in the shape's own system."""
        pairs = [list(p) for p in self.points]
        coordinates: Any = pairs[0] if self.kind == "point" else [pairs] if self.kind == "polygon" else pairs
        return {"type": _NAMES[self.kind], "coordinates": coordinates}
