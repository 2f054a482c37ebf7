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

from ingest import curves
from ingest.coarse import coarse
from naru.records import Count

Geometries = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

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
STRAIGHTENED = "curve turned into lines"
FLATTENED = "surface of triangles or faces turned into polygons"
REDRAWN = "too intricate to be checked, redrawn on a grid of its own"
# What GEOS says first of an invalid polygon, and what the repair makes of it.
_REPAIRS = {
    "Ring Self-intersection": "ring touching itself repaired",
    "Hole lies outside shell": "hole outside its polygon left out",
    "Holes are nested": "holes in holes merged",
    "Nested shells": "parts inside other parts merged",
    "Interior is disconnected": "polygon cut apart by its holes divided",
    "Duplicate Rings": "repeated rings merged",
    "Too few points in geometry component": "ring of too few points left out",
}

_POINTS, _LINES, _POLYGONS = (0, 4), (1, 2, 5), (3, 6)
_CHECK_FREELY = 2_000  # vertices: below this a validity check cannot take long
_REPAIR_FREELY = 200
_PAIRS_TO_CHECK = 5e6  # overlapping pairs of segments that take about a tenth of a second
_PAIRS_TO_REPAIR = 2e5  # make_valid costs some 250 times as much per pair
_MOST_REDRAWN = 30  # in a layer: each takes up to some seconds


@dataclass
class Tally:
    """How many features met which fate."""

    dropped: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    measured: int = 0  # features whose measures (M) were left out

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
    _straighten(batch, raw, np.flatnonzero(present & shapely.is_missing(batch.geometries)))
    broken = np.flatnonzero(present & shapely.is_missing(batch.geometries))
    fixed = np.array([_parse_one(raw[i], fix=True) for i in broken], dtype=object)
    good = np.array([g is not None for g in fixed], dtype=bool)
    batch.replace(broken[good], fixed[good], CLOSED)
    batch.drop(shapely.is_missing(batch.geometries), UNREADABLE)


def _straighten(batch: Batch, raw: npt.NDArray[np.object_], index: npt.NDArray[np.intp]) -> None:
    """Put lines in place of curves, closed where they are rings left open; polygons in place of surfaces."""
    linear = {i: lines for i in index if (lines := curves.linear(raw[i])) is not None}
    made = {i: g for i, lines in linear.items() if (g := _parse_one(lines, fix=True)) is not None}
    for reason in (STRAIGHTENED, FLATTENED):
        some = [i for i in made if curves.made_of_faces(raw[i]) == (reason == FLATTENED)]
        batch.replace(np.array(some, np.intp), np.array([made[i] for i in some], dtype=object), reason)


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
    """Measures (M) have no place in GeoParquet 1.1 nor in a tile; heights (Z) stay."""
    measured = shapely.has_m(batch.geometries) & batch.kept
    if not measured.any():
        return
    values, owner = shapely.get_coordinates(batch.geometries[measured], include_m=True, return_index=True)
    batch.tally.measured += len(np.unique(owner[np.isfinite(values[:, -1])]))
    flat = measured & ~shapely.has_z(batch.geometries)
    batch.geometries[flat] = shapely.force_2d(batch.geometries[flat])
    solid = measured & ~flat
    batch.geometries[solid] = shapely.from_wkb(shapely.to_wkb(batch.geometries[solid], output_dimension=3))


def make_valid(batch: Batch) -> None:
    """Make invalid polygons valid; those that enclose nothing are dropped.

    What would take for ever to check or to repair is redrawn on a grid; when a layer has many such, dropped.
    """
    polygonal = batch.kept & ~np.isin(shapely.get_type_id(batch.geometries), (*_POINTS, *_LINES))
    index = np.flatnonzero(polygonal)
    intricate = _beyond(batch.geometries, index, _CHECK_FREELY, (_PAIRS_TO_CHECK, 20))
    index = np.setdiff1d(index, intricate)
    invalid = index[~shapely.is_valid(batch.geometries[index])]
    tangled = _beyond(batch.geometries, invalid, _REPAIR_FREELY, (_PAIRS_TO_REPAIR, 3))
    _redraw(batch, np.union1d(intricate, tangled))
    _make_valid(batch, np.setdiff1d(invalid, tangled))


def _beyond(geometries: Geometries, index: Indices, freely: int, most: tuple[float, float]) -> Indices:
    """Return which have more pairs of segments than `most` allows: so many, and so many a vertex."""
    vertices = shapely.get_num_coordinates(geometries[index])
    large = zip(index[vertices > freely], vertices[vertices > freely], strict=True)
    return np.array([i for i, n in large if _pairs(geometries[i]) > most[0] + most[1] * n], dtype=np.intp)


def _redraw(batch: Batch, index: Indices) -> None:
    """Draw polygons anew on a grid, up to a number in the layer; the rest, and what vanishes there, is dropped."""
    allowed = max(0, _MOST_REDRAWN - batch.tally.repaired[REDRAWN])
    drawn = np.array([coarse(g) for g in batch.geometries[index[:allowed]]], dtype=object)
    empty = shapely.is_empty(drawn)
    _drop_at(batch, index[allowed:], TANGLED)
    _drop_at(batch, index[:allowed][empty], NO_AREA)
    batch.replace(index[:allowed][~empty], drawn[~empty], REDRAWN)


def _make_valid(batch: Batch, index: Indices) -> None:
    """Replace invalid polygons by what they enclose. A polygon that encloses nothing is dropped."""
    reasons = [reason.partition("[")[0] for reason in shapely.is_valid_reason(batch.geometries[index])]
    valid = shapely.make_valid(batch.geometries[index], method="structure", keep_collapsed=False)
    gone = shapely.is_empty(valid) | (shapely.get_type_id(valid) < 3)
    _drop_at(batch, index[gone], NO_AREA)
    for reason in dict.fromkeys(reasons):
        same = np.array([r == reason for r in reasons]) & ~gone
        batch.replace(index[same], valid[same], _REPAIRS.get(reason, REPAIRED))


def _drop_at(batch: Batch, index: Indices, reason: str) -> None:
    where = np.zeros(len(batch.kept), dtype=bool)
    where[index] = True
    batch.drop(where, reason)


def _pairs(geometry: shapely.Geometry, sample: int = 60) -> float:
    """Estimate how many pairs of segments have overlapping boxes: what checks and repairs cost grows with it."""
    coordinates = shapely.get_coordinates(geometry)
    low, high = np.minimum(coordinates[:-1], coordinates[1:]), np.maximum(coordinates[:-1], coordinates[1:])
    boxes = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
    chosen = boxes[np.linspace(0, len(boxes) - 1, min(sample, len(boxes))).astype(int)]
    hits = shapely.STRtree(boxes).query(chosen).shape[1]
    return float(hits / len(chosen) * len(boxes) / 2)
