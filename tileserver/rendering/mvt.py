"""Reading vector tiles (Mapbox Vector Tile 2.1) into arrays that can be drawn."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from naru.kernel import inner, kernel
from tileserver.rendering.expressions import Feature

TYPES = ("", "Point", "LineString", "Polygon")
POINT, LINE, POLYGON = 1, 2, 3
_MOST_EXTENT = 1 << 16
_FARTHEST = 1 << 28  # units from a tile's corner
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5  # protobuf's wire types


class TileBroken(ValueError):
    """Bytes that are no vector tile."""


@dataclass(frozen=True)
class TileLayer:
    """One layer of a tile: `points` (n, 2) in units of `extent`, x right, y down.

    Part p (a line, a ring, the points of a multipoint) is points[parts[p]:parts[p + 1]]; feature f has the parts
    shapes[f] to shapes[f + 1]. A ring's last point is not its first one again.
    """

    name: str
    extent: int
    points: NDArray[np.int32]
    parts: NDArray[np.int64]
    shapes: NDArray[np.int64]
    types: NDArray[np.int64]
    ids: list[int | None]
    tags: list[bytes]
    keys: list[str]
    values: list[Any]

    def feature(self, number: int) -> Feature:
        """Return what expressions see of a feature.

        Raises:
            TileBroken: its tags point nowhere.
        """
        tags = list(_varints(self.tags[number]))
        try:
            pairs = zip(tags[::2], tags[1::2], strict=True)
            properties = {self.keys[key]: self.values[value] for key, value in pairs}
        except (IndexError, ValueError) as cause:
            raise TileBroken("tags without a value") from cause
        return Feature(TYPES[self.types[number]], self.ids[number], properties)


def layers(tile: bytes, wanted: Collection[str]) -> dict[str, TileLayer]:
    """Return the `wanted` layers of an unpacked tile, by name.

    Raises:
        TileBroken: it is no vector tile.
    """
    found: dict[str, TileLayer] = {}
    try:
        for number, value in _fields(memoryview(tile)):
            if number == 3 and _name(value) in wanted:
                layer = _layer(value)
                found[layer.name] = layer
    except (IndexError, struct.error, TypeError, UnicodeDecodeError) as cause:
        raise TileBroken(f"the vector tile is damaged: {cause}") from cause
    return found


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """Yield the fields of a protobuf message: (number, bytes or a whole number)."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        size = 8 if wire == _FIXED64 else 4 if wire == _FIXED32 else -1
        if wire == _LENGTH:
            size, at = _varint(data, at)
        if size < 0 or at + size > end:
            raise TileBroken("the vector tile is cut short")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise TileBroken("a number without an end")


def _varints(data: bytes) -> Iterator[int]:
    at, view = 0, memoryview(data)
    while at < len(data):
        value, at = _varint(view, at)
        yield value


def _name(layer: memoryview) -> str:
    return next((str(value, "utf-8") for number, value in _fields(layer) if number == 1), "")


def _layer(data: memoryview) -> TileLayer:
    name, extent = "", 4096
    keys: list[str] = []
    values: list[Any] = []
    features: list[memoryview] = []
    for number, value in _fields(data):
        if number == 1:
            name = str(value, "utf-8")
        elif number == 2:
            features.append(value)
        elif number == 3:
            keys.append(str(value, "utf-8"))
        elif number == 4:
            values.append(_value(value))
        elif number == 5:
            extent = value
    if not 0 < extent <= _MOST_EXTENT:
        raise TileBroken("the extent is out of range")
    read = [_feature(feature) for feature in features]
    points, parts, shapes = _geometries([geometry for *_, geometry in read])
    types = np.array([kind for kind, *_ in read], np.int64)
    ids, tags = [number for _, number, *_ in read], [tag for _, _, tag, _ in read]
    return TileLayer(name, extent, points, parts, shapes, types, ids, tags, keys, values)


def _feature(data: memoryview) -> tuple[int, int | None, bytes, memoryview]:
    """Return type, id, tags and geometry."""
    kind, number, tags, geometry = 0, None, b"", memoryview(b"")
    for field, value in _fields(data):
        if field == 1:
            number = value
        elif field == 2:
            tags = bytes(value)
        elif field == 3:
            kind = value if 0 <= value < len(TYPES) else 0
        elif field == 4:
            geometry = value
    return kind, number, tags, geometry


def _value(data: memoryview) -> Any:
    for number, value in _fields(data):
        if number == 1:
            return str(value, "utf-8")
        if number in (2, 3):
            return struct.unpack("<f" if number == 2 else "<d", value)[0]
        if number in (4, 5):
            return value - (1 << 64) if number == 4 and value >= 1 << 63 else value
        if number == 6:
            return (value >> 1) ^ -(value & 1)
        if number == 7:
            return bool(value)
    return None


def _geometries(packed: list[memoryview]) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    data = np.frombuffer(b"".join(packed), np.uint8)
    ends = np.cumsum([0, *map(len, packed)], dtype=np.int64)
    points = np.empty((len(data), 2), np.int32)
    parts, shapes = np.zeros(len(data) + 2, np.int64), np.zeros(len(packed) + 1, np.int64)
    used, count = _commands(data, ends, points, parts, shapes)
    if used < 0:
        raise TileBroken("a geometry is damaged")
    return points[:used].copy(), parts[: count + 1].copy(), shapes


@inner
def _number(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Return the varint at a place and where it ends; -1 where there is none."""
    value = shift = 0
    while at < end and shift <= 28:
        byte = int(data[at])
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    return -1, end


@kernel
def _commands(
    data: NDArray[np.uint8],
    ends: NDArray[np.int64],
    points: NDArray[np.int32],
    parts: NDArray[np.int64],
    shapes: NDArray[np.int64],
) -> tuple[int, int]:
    """Follow the geometries' commands (specification §4.3); return how many points and parts there are, or -1.

    Points that follow each other by MoveTo alone are one part each.
    """
    used = count = 0
    for k in range(len(ends) - 1):
        at, end = ends[k], ends[k + 1]
        x = y = command = left = 0
        while at < end:
            value, at = _number(data, at, end)
            if value < 0:
                return -1, 0
            if left == 0:
                command, left = value & 7, value >> 3
                if command == 7:
                    left = 0
                elif not 1 <= command <= 2 or left > end - at:
                    return -1, 0
                continue
            down, at = _number(data, at, end)
            if down < 0:
                return -1, 0
            x, y, left = x + ((value >> 1) ^ -(value & 1)), y + ((down >> 1) ^ -(down & 1)), left - 1
            if command == 1:
                parts[count] = used
                count += 1
            if count == shapes[k] or abs(x) > _FARTHEST or abs(y) > _FARTHEST:
                return -1, 0
            points[used, 0], points[used, 1] = x, y
            used += 1
        if left:
            return -1, 0
        shapes[k + 1] = count
    parts[count] = used
    return used, count
