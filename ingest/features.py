"""Repairs geometries feature by feature and counts what happened to each.

Every feature that comes in is kept or dropped with a reason: read = kept + dropped. A repair never changes the
family: polygons stay polygons, lines stay lines.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from naru.records import Count

Geometries = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

NO_GEOMETRY = "no geometry"
EMPTY = "empty geometry"
UNREADABLE = "geometry cannot be read"
NOT_FINITE = "a coordinate is not a number"
ZERO_LENGTH = "line of zero length"
NO_AREA = "polygon without area"
TOO_MANY_VERTICES = "more vertices than allowed"
TANGLED = "polygon crosses itself too often to be repaired"
CLOSED = "open ring closed"
REPAIRED = "self-crossing or overlapping rings repaired"
REPEATED = "repeated vertices removed"

_POINTS, _LINES, _POLYGONS = (0, 4), (1, 2, 5), (3, 6)
_CHECK_FREELY = 2_000  # vertices: below this a validity check cannot take long
_REPAIR_FREELY = 200
_PAIRS_TO_CHECK = 5e7  # overlapping pairs of segments that take about a second
_PAIRS_TO_REPAIR = 2e5  # make_valid costs some 250 times as much per pair


@dataclass
class Tally:
    """How many features met which fate."""

    dropped: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)

    def counts(self, which: Counter[str]) -> tuple[Count, ...]:
        """Return the counts, most frequent first."""
        return tuple(Count(reason, count) for reason, count in which.most_common())


class Batch:
    """Geometries of one batch (length n, object) and which of them are still in (`kept`)."""

    def __init__(self, size: int, tally: Tally) -> None:
        self.geometries: Geometries = np.full(size, None, dtype=object)
        self.kept: Mask = np.ones(size, dtype=bool)
        self.tally = tally

    def drop(self, where: Mask, reason: str) -> None:
        """Drop those of the kept features that `where` marks."""
        hit = where & self.kept
        if count := int(hit.sum()):
            self.tally.dropped[reason] += count
            self.kept &= ~hit

    def replace(self, indices: npt.NDArray[np.intp], geometries: Geometries, reason: str) -> None:
        """Put repaired geometries in place."""
        if len(indices):
            self.geometries[indices] = geometries
            self.tally.repaired[reason] += len(indices)


def parse(wkb: pa.Array, tally: Tally, max_vertices: int) -> Batch:
    """Decode a column of WKB and clean it: rings closed, repeated vertices removed.

    Drops are counted in `tally`: no geometry, empty, unreadable, not finite, zero length, more than
    `max_vertices`. Polygons may still cross themselves: `make_valid` comes when they are in place.
    """
    batch = Batch(len(wkb), tally)
    _parse(batch, wkb)
    batch.drop(shapely.is_empty(batch.geometries), EMPTY)
    _simplify_collections(batch)
    batch.drop(shapely.get_num_coordinates(batch.geometries) > max_vertices, TOO_MANY_VERTICES)
    _check_coordinates(batch)
    _flatten_measures(batch)
    return batch


def families(geometries: Geometries) -> set[str]:
    """Return which of point, line and polygon occur; a mixed collection is 'mixed'."""
    kinds = set(np.unique(shapely.get_type_id(geometries)).tolist())
    names = {"point": _POINTS, "line": _LINES, "polygon": _POLYGONS}
    found = {name for name, ids in names.items() if kinds & set(ids)}
    return found | ({"mixed"} if 7 in kinds else set())


def _parse(batch: Batch, wkb: pa.Array) -> None:
    """Decode WKB strictly; where that fails, geometry by geometry with rings closed."""
    raw = wkb.to_numpy(zero_copy_only=False)
    present = np.array([b is not None for b in raw], dtype=bool)
    batch.drop(~present, NO_GEOMETRY)
    try:
        batch.geometries[:] = shapely.from_wkb(raw, on_invalid="raise")
        return
    except (shapely.GEOSException, NotImplementedError, TypeError):
        batch.geometries[:] = [_parse_one(b) for b in raw]
    broken = np.flatnonzero(present & shapely.is_missing(batch.geometries))
    fixed = np.array([_parse_one(raw[i], fix=True) for i in broken], dtype=object)
    good = np.array([g is not None for g in fixed], dtype=bool)
    batch.replace(broken[good], fixed[good], CLOSED)
    batch.drop(shapely.is_missing(batch.geometries), UNREADABLE)


def _parse_one(wkb: bytes | None, fix: bool = False) -> shapely.Geometry | None:
    """Return the geometry, or None for bytes that are none (cut off, curved, malformed)."""
    if wkb is None:
        return None
    try:
        return shapely.from_wkb(wkb, on_invalid="fix" if fix else "raise")
    except (shapely.GEOSException, NotImplementedError):
        return None


def _simplify_collections(batch: Batch) -> None:
    """Turn collections of one family into a plain geometry; those of mixed families stay."""
    for i in np.flatnonzero(batch.kept & (shapely.get_type_id(batch.geometries) == 7)):
        parts = _leaves(batch.geometries[i])
        kinds = set(shapely.get_type_id(parts).tolist())
        if len(parts) == 1:
            batch.geometries[i] = parts[0]
        elif kinds == {0}:
            batch.geometries[i] = shapely.multipoints(parts)
        elif kinds <= {1, 2}:
            batch.geometries[i] = shapely.multilinestrings(parts)
        elif kinds == {3}:
            batch.geometries[i] = shapely.multipolygons(parts)


def _leaves(geometry: shapely.Geometry) -> Geometries:
    """Return the simple, non-empty geometries of a collection, however nested."""
    parts = np.array([geometry], dtype=object)
    while (shapely.get_type_id(parts) >= 4).any():
        parts = shapely.get_parts(parts)
    leaves: Geometries = parts[~shapely.is_empty(parts)]
    return leaves


def _check_coordinates(batch: Batch) -> None:
    """Drop geometries with coordinates that are no numbers and lines without length; remove repeated vertices."""
    index = np.flatnonzero(batch.kept)
    coordinates, owner = shapely.get_coordinates(batch.geometries[index], return_index=True)
    finite = np.isfinite(coordinates).all(axis=1)
    bad = np.zeros(len(batch.kept), dtype=bool)
    bad[index[owner[~finite]]] = True
    batch.drop(bad, NOT_FINITE)
    kind = shapely.get_type_id(batch.geometries)
    lines = np.isin(kind, _LINES)
    zero = lines & batch.kept
    zero[zero] = shapely.length(batch.geometries[zero]) == 0
    batch.drop(zero, ZERO_LENGTH)
    same = (coordinates[1:] == coordinates[:-1]).all(axis=1) & (owner[1:] == owner[:-1])
    _remove_repeated(batch, np.unique(index[owner[1:][same]]), kind)


def _remove_repeated(batch: Batch, suspects: npt.NDArray[np.intp], kind: npt.NDArray[np.integer]) -> None:
    """Remove vertices equal to the one before; a ring's start that equals the ring before is none."""
    suspects = suspects[batch.kept[suspects] & np.isin(kind[suspects], (*_LINES, *_POLYGONS))]
    cleaned = shapely.remove_repeated_points(batch.geometries[suspects], 0)
    fewer = shapely.get_num_coordinates(cleaned) < shapely.get_num_coordinates(batch.geometries[suspects])
    fewer &= ~shapely.is_empty(cleaned)
    batch.replace(suspects[fewer], cleaned[fewer], REPEATED)


def _flatten_measures(batch: Batch) -> None:
    """Measures (M) have no place in a tile; heights (Z) stay."""
    measured = shapely.has_m(batch.geometries) & ~shapely.has_z(batch.geometries)
    batch.geometries[measured] = shapely.force_2d(batch.geometries[measured])


def make_valid(batch: Batch) -> None:
    """Make invalid polygons valid; those that would take for ever, or enclose nothing, are dropped."""
    polygonal = batch.kept & (shapely.get_type_id(batch.geometries) >= 3)
    polygonal &= shapely.get_type_id(batch.geometries) != 4
    polygonal &= shapely.get_type_id(batch.geometries) != 5
    index = np.flatnonzero(polygonal)
    vertices = shapely.get_num_coordinates(batch.geometries[index])
    tangled = np.zeros(len(batch.kept), dtype=bool)
    for i in index[vertices > _CHECK_FREELY]:
        tangled[i] = _pairs(batch.geometries[i]) > _PAIRS_TO_CHECK
    index = index[~tangled[index]]
    invalid = index[~shapely.is_valid(batch.geometries[index])]
    for i in invalid[shapely.get_num_coordinates(batch.geometries[invalid]) > _REPAIR_FREELY]:
        geometry = batch.geometries[i]
        tangled[i] = _pairs(geometry) > _PAIRS_TO_REPAIR + 3 * shapely.get_num_coordinates(geometry)
    batch.drop(tangled, TANGLED)
    _make_valid(batch, invalid[~tangled[invalid]])


def _make_valid(batch: Batch, index: npt.NDArray[np.intp]) -> None:
    """Replace invalid polygons by what they enclose. A polygon that encloses nothing is dropped."""
    valid = shapely.make_valid(batch.geometries[index], method="structure", keep_collapsed=False)
    flat = np.zeros(len(batch.kept), dtype=bool)
    gone = shapely.is_empty(valid) | (shapely.get_type_id(valid) < 3)
    flat[index[gone]] = True
    batch.drop(flat, NO_AREA)
    batch.replace(index[~gone], valid[~gone], REPAIRED)


def _pairs(geometry: shapely.Geometry, sample: int = 200) -> float:
    """Estimate how many pairs of segments have overlapping boxes: what checks and repairs cost grows with it."""
    coordinates = shapely.get_coordinates(geometry)
    low, high = np.minimum(coordinates[:-1], coordinates[1:]), np.maximum(coordinates[:-1], coordinates[1:])
    boxes = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
    chosen = boxes[np.linspace(0, len(boxes) - 1, min(sample, len(boxes))).astype(int)]
    hits = shapely.STRtree(boxes).query(chosen).shape[1]
    return float(hits / len(chosen) * len(boxes) / 2)
