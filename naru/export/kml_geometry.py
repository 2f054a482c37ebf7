"""Geometries as KML elements (OGC 07-147r2 §10), a whole batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from naru.export.texts import Texts, join
from naru.features.place import Floats, Geometries

Ints = npt.NDArray[np.integer]
_MANY = "<MultiGeometry>", "</MultiGeometry>"
_OUTER = "<outerBoundaryIs><LinearRing>", "</LinearRing></outerBoundaryIs>"
_INNER = "<innerBoundaryIs><LinearRing>", "</LinearRing></innerBoundaryIs>"


def geometry_texts(geometries: Geometries) -> Texts:
    """Return one element a geometry (longitude, latitude[, height]); heights are absolute, metres."""
    kinds = shapely.get_type_id(geometries) + 100 * shapely.has_z(geometries)
    out = np.full(len(geometries), "", dtype=object)
    for kind in np.unique(kinds).tolist():
        index = np.flatnonzero(kinds == kind)
        write = _collections if kind % 100 == 7 else _plain
        out[index] = write(geometries[index], solid=kind >= 100).to_numpy(zero_copy_only=False)
    return pa.array(out, pa.string())


def _plain(geometries: Geometries, *, solid: bool) -> Texts:
    """Write geometries of one type, all with heights or all without."""
    shapes = shapely.orient_polygons(geometries, exterior_cw=False)
    kind, coordinates, offsets = shapely.to_ragged_array(shapes, include_z=solid)
    tuples, mode = _tuples(coordinates), "<altitudeMode>absolute</altitudeMode>" if solid else ""
    single = int(shapely.get_type_id(geometries[0])) in (0, 1, 2, 3)
    name = kind.name.removeprefix("MULTI")
    if name == "POINT":
        parts, rest = join(f"<Point>{mode}<coordinates>", tuples, "</coordinates></Point>"), offsets
    elif name == "LINESTRING":
        parts, rest = _lines(tuples, offsets[0], "LineString", mode), offsets[1:]
    else:
        parts, rest = _polygons(tuples, offsets, mode), offsets[2:]
    return parts if single else join(_MANY[0], _joined(parts, rest[-1], ""), _MANY[1])


def _tuples(coordinates: Floats) -> Texts:
    """Return x,y or x,y,z a vertex."""
    columns = [pa.array(np.ascontiguousarray(column)).cast(pa.string()) for column in coordinates.T]
    return pc.binary_join_element_wise(*columns, ",")


def _joined(texts: Texts, offsets: Ints, between: str) -> Texts:
    """Return the texts glued in runs: one from each offset to the next."""
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), texts), between)


def _lines(tuples: Texts, offsets: Ints, tag: str, mode: str) -> Texts:
    return join(f"<{tag}>{mode}<coordinates>", _joined(tuples, offsets, " "), f"</coordinates></{tag}>")


def _polygons(tuples: Texts, offsets: Sequence[Ints], mode: str) -> Texts:
    """Write polygons: the first ring of each is its outer boundary."""
    outer = np.zeros(len(offsets[0]) - 1, bool)
    outer[offsets[1][:-1]] = True
    start, end = (np.where(outer, o, i) for o, i in zip(_OUTER, _INNER, strict=True))
    body = join("<coordinates>", _joined(tuples, offsets[0], " "), "</coordinates>")
    rings = join(pa.array(start), body, pa.array(end))
    return join(f"<Polygon>{mode}", _joined(rings, offsets[1], ""), "</Polygon>")


def _collections(geometries: Geometries, *, solid: bool) -> Texts:
    parts, owner = shapely.get_parts(geometries, return_index=True)
    offsets = np.searchsorted(owner, np.arange(len(geometries) + 1))
    return join(_MANY[0], _joined(geometry_texts(parts), offsets, ""), _MANY[1])
