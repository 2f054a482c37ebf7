"""Where features lie: the test against a bounding box, and the way into another coordinate system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from naru.errors import BadSelection
from naru.records import BBox

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Geometries = npt.NDArray[np.object_]
Mover = Callable[[Geometries, npt.NDArray[np.int64]], Geometries]
_DENSE = 64  # points along a side of a box that is moved into another system
_MARGIN = 1e-3  # of its size: far more than a side of that many points can be off


@dataclass(frozen=True)
class Place:
    """A bounding box met by features in another coordinate system.

    Most features are decided by their own box; the rest are moved into the box's system and tested there, which
    is what "intersects" means (OGC API Features 1.0.1, /req/core/fc-bbox-response).
    """

    boxes: tuple[BBox, ...]  # one, or two at the 180th meridian; in the box's own system
    transformer: Transformer | None  # from the features' system to the box's; None: the same

    @classmethod
    def of(cls, bbox: BBox, bbox_crs: CRS, source_crs: CRS, extent: BBox) -> Place | None:
        """Return the place that `bbox` asks for; None where all features, which lie in `extent`, are in it.

        Raises:
            BadSelection: west is greater than east in a system without a 180th meridian.
        """
        same = source_crs.equals(bbox_crs, ignore_axis_order=True)
        move = None if same else Transformer.from_crs(source_crs, bbox_crs, always_xy=True)
        near = _moved_box(extent, move)
        boxes = _split(bbox, bbox_crs)
        if near is None:
            return cls(boxes, move)
        near = _grown(near, 0.0 if same else 0.01)
        if any(_holds(box, near) for box in boxes):
            return None
        return cls(tuple(cut for box in boxes if (cut := _common(box, near))), move)

    @cached_property
    def _shapes(self) -> list[tuple[shapely.Geometry, shapely.Geometry]]:
        """For each box, in the features' system: what surely covers it, and what surely lies in it."""
        return [self._hull_and_core(box) for box in self.boxes]

    def _hull_and_core(self, box: BBox) -> tuple[shapely.Geometry, shapely.Geometry]:
        if self.transformer is None:
            return shapely.box(*box), shapely.box(*box)
        ring = shapely.segmentize(shapely.box(*box), max(box[2] - box[0], box[3] - box[1], 1e-12) / _DENSE)
        x, y = shapely.get_coordinates(ring).T
        x, y = self.transformer.transform(x, y, direction="INVERSE")
        if not np.isfinite([x, y]).all():
            return shapely.box(-np.inf, -np.inf, np.inf, np.inf), shapely.Point()
        moved = shapely.make_valid(shapely.Polygon(np.column_stack([x, y])))
        margin = _MARGIN * max(np.ptp(x), np.ptp(y))
        return shapely.box(*moved.bounds).buffer(margin), moved.buffer(-margin)

    def sift(self, corners: Floats) -> tuple[Mask, Mask]:
        """Return which features surely meet the place, and which may, by their boxes `corners` (n × 4)."""
        sure, maybe = np.zeros(len(corners), bool), np.zeros(len(corners), bool)
        for hull, core in self._shapes:
            west, south, east, north = hull.bounds
            maybe |= (
                (corners[:, 0] <= east)
                & (corners[:, 2] >= west)
                & (corners[:, 1] <= north)
                & (corners[:, 3] >= south)
            )
            if not core.is_empty:
                sure |= _inside(corners, core)
        return sure & maybe, maybe & ~sure

    def meets(self, geometries: Geometries) -> Mask:
        """Return which geometries, given in the features' system, intersect the place."""
        moved = geometries if self.transformer is None else reproject(geometries, self.transformer)
        place = shapely.union_all([shapely.box(*box) for box in self.boxes])
        shapely.prepare(place)
        found: Mask = shapely.intersects(place, moved)
        return found

    def excludes(self, box: BBox) -> bool:
        """Tell whether no feature within `box` can meet the place."""
        sure, maybe = self.sift(np.array([box]))
        return not (sure | maybe).any()


def _inside(corners: Floats, core: shapely.Geometry) -> Mask:
    """Return which boxes lie within `core`; the corners are looked at first, few need more."""
    west, south, east, north = core.bounds
    found: Mask = (
        (corners[:, 0] >= west) & (corners[:, 2] <= east) & (corners[:, 1] >= south) & (corners[:, 3] <= north)
    )
    if core.equals(shapely.box(*core.bounds)):
        return found
    index = np.flatnonzero(found)
    shapely.prepare(core)
    found[index] = shapely.covers(core, shapely.box(*corners[index].T))
    return found


def _split(bbox: BBox, crs: CRS) -> tuple[BBox, ...]:
    west, south, east, north = bbox
    if west <= east:
        return (bbox,)
    if not crs.is_geographic:
        raise BadSelection(
            "the bounding box's west is greater than its east", remedy="Write west,south,east,north."
        )
    return (west, south, 180.0, north), (-180.0, south, east, north)


def _moved_box(box: BBox, transformer: Transformer | None) -> BBox | None:
    """Return a box in another system; None where it has no place there."""
    if transformer is None:
        return box
    try:
        moved = transformer.transform_bounds(*box, densify_pts=_DENSE)
    except ProjError:
        return None
    return moved if np.isfinite(moved).all() and moved[0] <= moved[2] else None


def _grown(box: BBox, share: float) -> BBox:
    dx, dy = share * (box[2] - box[0]), share * (box[3] - box[1])
    return box[0] - dx, box[1] - dy, box[2] + dx, box[3] + dy


def _holds(outer: BBox, inner: BBox) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def _common(one: BBox, other: BBox) -> BBox | None:
    west, south = max(one[0], other[0]), max(one[1], other[1])
    east, north = min(one[2], other[2]), min(one[3], other[3])
    return (west, south, east, north) if west <= east and south <= north else None


def mover(source: CRS, target: CRS, target_name: str) -> Mover | None:
    """Return the function that moves geometries (of features with these ids) from one system to another.

    x comes before y in both, heights stay as they are. None: nothing to move. The function raises BadSelection
    for a feature that has no place in the target.
    """
    if source.equals(target, ignore_axis_order=True):
        return None
    transformer = Transformer.from_crs(source, target, always_xy=True)

    def move(geometries: Geometries, ids: npt.NDArray[np.int64]) -> Geometries:
        moved = reproject(geometries, transformer)
        bounds = shapely.bounds(moved)
        lost = np.flatnonzero(~np.isfinite(bounds).all(axis=1) & ~shapely.is_empty(moved))
        if len(lost):
            raise BadSelection(
                f"it has no place in {target_name}",
                feature=str(ids[lost[0]]),
                remedy="Choose a coordinate system that covers the data, or a bbox within its area.",
            )
        return moved

    return move


def reproject(geometries: Geometries, transformer: Transformer) -> Geometries:
    """Return geometries moved by `transformer`; what has no place gets infinite coordinates. Heights stay."""

    def move(xyz: Floats) -> Any:
        x, y = transformer.transform(xyz[:, 0], xyz[:, 1])
        return np.column_stack([x, y, *xyz.T[2:]])

    solid = shapely.has_z(geometries)
    if not solid.any():
        return np.asarray(shapely.transform(geometries, move))
    out = np.array(geometries, dtype=object)
    out[~solid] = shapely.transform(out[~solid], move)
    out[solid] = shapely.transform(out[solid], move, include_z=True)
    return out
