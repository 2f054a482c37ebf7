"""Reads TopoJSON (Format Specification 1.0): arcs shared between geometries, delta-coded where quantised.

Each object is a layer. Objects that are no collections are one layer together when there are several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest import wkb_writer as wkb
from ingest.crs import Claim
from ingest.json_text import as_utf8, load
from ingest.layers import SourceLayer
from ingest.receive import Dataset
from ingest.rows import Row, batches
from ingest.sandbox import Limits
from naru.errors import FileDamaged, NoFeatures, TooLarge

Floats = npt.NDArray[np.float64]
_CLAIM = Claim("EPSG:4326", "TopoJSON is longitude, latitude on WGS 84 by convention (it has no member for it)")
_TYPES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)
_DEPTH = 50  # of collections in collections
_OBJECT = "object"


def read(dataset: Dataset, encoding: str | None, folder: Path, limits: Limits) -> Iterator[SourceLayer]:
    """Yield the objects as layers. Raises FileDamaged, EncodingUnknown, NoFeatures, TooLarge."""
    text = as_utf8(dataset, encoding, folder, "TopoJSON")
    document = load(text.path, dataset.file)
    topology = _topology(document, dataset.file, limits)
    layers = _objects(document, dataset)
    if not layers:
        raise NoFeatures("it holds no object", file=dataset.file, remedy="Export it again from the program.")
    for name, geometries in layers.items():
        rows = list(_rows(topology, geometries))
        yield SourceLayer(
            name=name,
            claim=_CLAIM,
            batches=batches(rows, dates=True),
            rows=len(rows),
            encoding=text.codec,
            encoding_how=text.how,
            warnings=list(text.notes),
        )


def _objects(document: Mapping[str, Any], dataset: Dataset) -> dict[str, list[dict[str, Any]]]:
    """Return the geometries of each layer. A list of objects is no TopoJSON, but some programs write one."""
    objects = document.get("objects")
    if isinstance(objects, list):
        objects = {str(o.get("id", n)) if isinstance(o, dict) else str(n): o for n, o in enumerate(objects)}
    if not isinstance(objects, dict):
        raise FileDamaged("member `objects` is no object", file=dataset.file, remedy="Export it again.")
    layers: dict[str, list[dict[str, Any]]] = {}
    single: dict[str, dict[str, Any]] = {}
    for name, item in objects.items():
        if not isinstance(item, dict) or item.get("type") not in _TYPES:
            continue
        if item["type"] != "GeometryCollection":
            single[name] = item
        elif isinstance(item.get("geometries"), list):
            layers[name or dataset.name] = [g for g in item["geometries"] if isinstance(g, dict)]
    return layers | _together(single, dataset.name)


def _together(single: dict[str, dict[str, Any]], name: str) -> dict[str, list[dict[str, Any]]]:
    """Return the objects that are single geometries as one layer; their names are kept in a field."""
    if len(single) <= 1:
        return {key or name: [item] for key, item in single.items()}
    named = [item | {"properties": {_OBJECT: key} | _properties(item)} for key, item in single.items()]
    return {name: named}


def _rows(topology: _Topology, geometries: list[dict[str, Any]]) -> Iterator[Row]:
    for item in geometries:
        properties = dict(_properties(item))
        if item.get("id") is not None:
            properties.setdefault("id", item["id"])
        yield Row(topology.geometry(item), properties)


def _properties(item: Mapping[str, Any]) -> dict[str, Any]:
    properties = item.get("properties")
    return properties if isinstance(properties, dict) else {}


# --- geometries -------------------------------------------------------------------------------------


class _Malformed(Exception):
    """A geometry that does not follow the specification; it costs that feature, not the file."""


@dataclass
class _Topology:
    """The arcs (None: malformed), and what turns quantised positions into coordinates."""

    arcs: list[Floats | None]
    scale: Floats | None
    translate: Floats | None
    file: str
    most: int  # vertices in all geometries together: an arc may be used many times
    used: int = field(default=0)

    def geometry(self, item: Mapping[str, Any]) -> bytes | None:
        """Return the geometry object as WKB; None for a null geometry, no bytes for a malformed one."""
        if item.get("type") is None:
            return None
        try:
            return self._geometry(item, 0)
        except (_Malformed, TypeError, ValueError, IndexError):
            return wkb.UNREADABLE

    def _geometry(self, item: Mapping[str, Any], depth: int) -> bytes:
        kind = item.get("type")
        if kind == "GeometryCollection" and depth < _DEPTH:
            return wkb.collection([self._geometry(g, depth + 1) for g in _list(item.get("geometries"))])
        maker = _MAKERS.get(str(kind))
        if maker is None:
            raise _Malformed
        name = "coordinates" if kind in ("Point", "MultiPoint") else "arcs"
        return maker(self, _list(item.get(name)))

    def point(self, position: list[Any]) -> bytes:
        found = self.place(np.array([position], dtype=np.float64)) if position else np.empty((0, 2))
        return wkb.point(found, _axes(found))

    def multipoint(self, positions: list[Any]) -> bytes:
        return wkb.collection([self.point(_list(p)) for p in positions], wkb.MULTIPOINT)

    def line(self, indexes: list[Any]) -> bytes:
        found = self.joined(indexes)
        return wkb.line(found, _axes(found))

    def multiline(self, lines: list[Any]) -> bytes:
        return wkb.collection([self.line(_list(one)) for one in lines], wkb.MULTILINE)

    def polygon(self, rings: list[Any]) -> bytes:
        found = [self.joined(_list(ring)) for ring in rings]
        return wkb.polygon(found, _axes(found[0]) if found else "")

    def multipolygon(self, polygons: list[Any]) -> bytes:
        return wkb.collection([self.polygon(_list(one)) for one in polygons], wkb.MULTIPOLYGON)

    def joined(self, indexes: list[Any]) -> Floats:
        """Return the arcs end to end; ~i is arc i turned round, and shared ends stand once."""
        pieces: list[Floats] = []
        for index in indexes:
            if type(index) is not int:
                raise _Malformed
            arc = self.arcs[~index if index < 0 else index]
            if arc is None:
                raise _Malformed
            self._count(len(arc))
            turned = arc[::-1] if index < 0 else arc
            pieces.append(turned[1:] if pieces else turned)
        return np.concatenate(pieces) if pieces else np.empty((0, 2))

    def place(self, positions: Floats) -> Floats:
        """Return coordinates of positions: quantised ones are scaled and moved."""
        if positions.ndim != 2 or positions.shape[1] < 2:
            raise _Malformed
        placed = positions[:, :3].copy()
        if self.scale is not None and self.translate is not None:
            placed[:, :2] = placed[:, :2] * self.scale + self.translate
        return placed

    def _count(self, vertices: int) -> None:
        self.used += vertices
        if self.used > self.most:
            message = f"its geometries have more than the {self.most} vertices allowed"
            raise TooLarge(message, file=self.file, remedy="Split it, or simplify it first.")


_MAKERS = {
    "Point": _Topology.point,
    "MultiPoint": _Topology.multipoint,
    "LineString": _Topology.line,
    "MultiLineString": _Topology.multiline,
    "Polygon": _Topology.polygon,
    "MultiPolygon": _Topology.multipolygon,
}


def _topology(document: Any, file: str, limits: Limits) -> _Topology:
    """Return the document's arcs, decoded. Raises FileDamaged."""
    arcs = document.get("arcs") if isinstance(document, dict) else None
    if not isinstance(arcs, list):
        raise FileDamaged("member `arcs` is no array", file=file, remedy="Export it again as TopoJSON.")
    scale, translate = _transform(document.get("transform"), file)
    topology = _Topology([], scale, translate, file, limits.vertices_per_layer)
    topology.arcs = [_arc(topology, arc) for arc in arcs]
    return topology


def _transform(transform: Any, file: str) -> tuple[Floats | None, Floats | None]:
    if transform is None:
        return None, None
    try:
        pair = np.array([transform["scale"], transform["translate"]], dtype=np.float64)
    except (TypeError, KeyError, ValueError):
        pair = np.full((0, 0), np.nan)
    if pair.shape != (2, 2) or not np.isfinite(pair).all():
        message = "member `transform` has no scale and translate of two numbers each"
        raise FileDamaged(message, file=file, remedy="Export it again as TopoJSON.")
    return pair[0], pair[1]


def _arc(topology: _Topology, positions: Any) -> Floats | None:
    """Return an arc's coordinates (spec 2.1.3: with a transform, each position is a step from the one before)."""
    try:
        steps = np.array(_list(positions), dtype=np.float64)
        if topology.scale is not None and steps.ndim == 2:
            steps[:, :2] = np.cumsum(steps[:, :2], axis=0)
        return topology.place(steps)
    except (_Malformed, TypeError, ValueError):
        return None


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _Malformed
    return value


def _axes(coordinates: Floats) -> str:
    return wkb.axes_of(coordinates.shape[1])
