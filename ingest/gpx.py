"""Reads GPX 1.0 and 1.1 (topografix.com/GPX/1/1): waypoints, routes and tracks, and the points of the latter two.

GDAL's reader forgets the time zone and fills tables with empty columns; this one keeps what stands there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest import wkb_writer as wkb
from ingest.crs import Claim
from ingest.encoding import decoded
from ingest.layers import SourceLayer
from ingest.receive import Dataset
from ingest.rows import Row, batches
from ingest.xml_text import find_codec, follow, refuse_doctype
from naru.errors import FileDamaged, NoFeatures

_CLAIM = Claim("EPSG:4326", "GPX is WGS 84 (GPX 1.1, latitudeType and longitudeType)")
_DEPTH = 64
_POINTS = {"wpt": "waypoints", "rtept": "route_points", "trkpt": "track_points"}
_LINES = {"rte": "routes", "trk": "tracks"}
_LAYERS = ("waypoints", "routes", "tracks", "route_points", "track_points")
_WHOLE = frozenset({"number", "sat", "dgpsid"})
_NUMBERS = frozenset({"ele", "magvar", "geoidheight", "hdop", "vdop", "pdop", "ageofdgpsdata", "course", "speed"})
Floats = npt.NDArray[np.float64]


def read(dataset: Dataset, encoding: str | None) -> Iterator[SourceLayer]:
    """Yield a layer for each kind of feature that occurs. Raises FileDamaged, EncodingUnknown, NoFeatures."""
    codec, how = find_codec(dataset.main, dataset.file, encoding)
    layers = _parse(dataset.main, dataset.file, codec)
    if not any(layers.values()):
        raise NoFeatures("it holds no waypoint, route or track", file=dataset.file, remedy="Record or draw some.")
    for name in _LAYERS:
        if rows := layers[name]:
            yield SourceLayer(
                name=name,
                claim=_CLAIM,
                batches=batches(rows),
                rows=len(rows),
                encoding=codec.upper(),
                encoding_how=how,
            )


def _parse(path: Path, file: str, codec: str) -> dict[str, list[Row]]:
    """Parse the document into rows by layer. Raises FileDamaged with line and column."""
    handler = _Handler(file)
    with path.open("rb") as stream:
        follow(decoded(stream, codec), handler, file)
    return handler.layers


@dataclass
class _Feature:
    """A waypoint, route or track that is being read; `lines` are the positions of its route or segments."""

    tag: str
    depth: int
    properties: dict[str, Any] = field(default_factory=dict)
    position: tuple[float, float] | None = None
    lines: list[list[_Feature]] = field(default_factory=list)

    def put(self, name: str, value: str) -> None:
        """Set a field; a second one of the same name gets a number."""
        number, free = 1, name
        while free in self.properties:
            number, free = number + 1, f"{name}_{number}"
        self.properties[free] = _typed(name, value)


class _Handler:
    """Follows the parser through the elements."""

    def __init__(self, file: str) -> None:
        self.layers: dict[str, list[Row]] = {name: [] for name in _LAYERS}
        self._file = file
        self._stack: list[str] = []
        self._open: list[_Feature] = []  # the route or track, and the point in it
        self._text: list[str] = []
        self._leaf = False

    def doctype(self, *_: object) -> None:
        raise refuse_doctype("GPX", self._file)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        tag = name.rpartition(":")[2]
        self._stack.append(tag)
        self._text.clear()
        self._leaf = True
        if len(self._stack) > _DEPTH:
            raise FileDamaged("its elements are nested too deeply", file=self._file, remedy="Save it again.")
        if tag in _POINTS:
            point = _Feature(tag, len(self._stack), position=_position(attributes))
            if self._open and self._open[-1].lines:
                self._open[-1].lines[-1].append(point)
            self._open.append(point)
        elif tag in _LINES:
            self._open.append(_Feature(tag, len(self._stack), lines=[[]] if tag == "rte" else []))
        elif tag == "trkseg" and self._open:
            self._open[-1].lines.append([])
        elif tag == "link" and self._open and attributes.get("href"):
            self._open[-1].put("link", attributes["href"])

    def text(self, data: str) -> None:
        self._text.append(data)

    def end(self, _: str) -> None:
        tag, depth = self._stack.pop(), len(self._stack) + 1
        text = "".join(self._text).strip()
        self._text.clear()
        leaf, self._leaf = self._leaf, False
        if not self._open:
            return
        feature = self._open[-1]
        if tag == feature.tag and depth == feature.depth:
            self._close(self._open.pop())
        elif leaf and text:
            feature.put(f"link_{tag}" if "link" in self._stack[feature.depth :] else tag, text)

    def _close(self, feature: _Feature) -> None:
        if feature.tag in _POINTS:
            properties = self._belonging() | feature.properties
            self.layers[_POINTS[feature.tag]].append(Row(_point(feature), properties))
        else:
            self.layers[_LINES[feature.tag]].append(Row(_line(feature), feature.properties | _span(feature)))

    def _belonging(self) -> dict[str, int]:
        """Say which route or track, and which segment of it, a point belongs to; counted from 1."""
        if not self._open:
            return {}
        around = self._open[0]
        number = len(self.layers[_LINES[around.tag]]) + 1
        return {"route": number} if around.tag == "rte" else {"track": number, "segment": len(around.lines)}


def _typed(name: str, value: str) -> Any:
    """Return a value in the type that GPX gives its element; as text where it is not of that type."""
    try:
        if name in _WHOLE:
            return int(value)
        if name in _NUMBERS:
            return float(value)
        if name == "time":
            found = datetime.fromisoformat(value)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        return value
    return value


def _position(attributes: Mapping[str, str]) -> tuple[float, float] | None:
    try:
        return float(attributes["lon"]), float(attributes["lat"])
    except (KeyError, ValueError):
        return None


def _point(feature: _Feature) -> bytes:
    found, axes = _positions([feature])
    return wkb.point(found, axes) if len(found) else wkb.UNREADABLE


def _line(feature: _Feature) -> bytes:
    """Return a route as a line, a track as a line for each segment that has two points."""
    pieces = [_positions(line) for line in feature.lines]
    made = [wkb.line(c, axes) for c, axes in pieces if len(c) > 1]
    return made[0] if len(made) == 1 else wkb.collection(made, wkb.MULTILINE)


def _positions(points: list[_Feature]) -> tuple[Floats, str]:
    """Return the positions; with heights where every point has one."""
    placed = [p for p in points if p.position is not None]
    heights = [p.properties.get("ele") for p in placed]
    if placed and all(isinstance(h, float) for h in heights):
        return np.array([[*p.position, h] for p, h in zip(placed, heights, strict=True) if p.position]), "z"
    return np.array([p.position for p in placed], np.float64).reshape(-1, 2), ""


def _span(feature: _Feature) -> dict[str, datetime]:
    """Return when a route or track began and ended, by the times of its points."""
    times = [p.properties["time"] for line in feature.lines for p in line if "time" in p.properties]
    known = [t for t in times if isinstance(t, datetime)]
    return {"begin": min(known), "end": max(known)} if known else {}
