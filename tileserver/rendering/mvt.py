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
_HEAD = 6  # numbers
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
    heads: NDArray[np.int64]  # by feature: type, where its tags begin and end, its geometry, whether it has an id
    ids: NDArray[np.uint64]
    packed: NDArray[np.uint8]  # the features' bytes
    keys: list[str]
    values: Values

    def feature(self, number: int) -> Feature:
        """Return what expressions see of a feature.

        Raises:
            TileBroken: its tags point nowhere.
        """
        kind, start, stop, _, _, has_id = self.heads[number].tolist()
        tags = _numbers(self.packed[start:stop].tobytes())
        try:
            pairs = zip(tags[::2], tags[1::2], strict=True)
            properties = {self.keys[key]: self.values[value] for key, value in pairs}
        except (IndexError, ValueError) as cause:
            raise TileBroken("tags without a value") from cause
        return Feature(TYPES[kind], int(self.ids[number]) if has_id else None, properties)


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
    value, shift, end = 0, 0, len(data)
    while shift < 64 and at < end:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise TileBroken("a number without an end")


def _numbers(data: bytes) -> list[int]:
    """Return packed varints."""
    if data.isascii():  # all below 128, each a byte
        return list(data)
    found, at, view = [], 0, memoryview(data)
    while at < len(data):
        value, at = _varint(view, at)
        found.append(value)
    return found


class Values:
    """A layer's values, each read when it is first asked for."""

    def __init__(self, packed: list[memoryview]) -> None:
        self._packed = packed
        self._read: dict[int, Any] = {}

    def __getitem__(self, number: int) -> Any:
        """Return a value; raises IndexError where there is none, TileBroken where it is damaged."""
        if number not in self._read:
            try:
                self._read[number] = _value(self._packed[number])
            except (struct.error, TypeError, UnicodeDecodeError) as cause:
                raise TileBroken(f"a value is damaged: {cause}") from cause
        return self._read[number]


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
            values.append(value)
        elif number == 5:
            extent = value
    if not 0 < extent <= _MOST_EXTENT:
        raise TileBroken("the extent is out of range")
    packed = np.frombuffer(b"".join(features), np.uint8)
    ends = np.cumsum([0, *map(len, features)], dtype=np.int64)
    heads, ids = np.zeros((len(features), _HEAD), np.int64), np.zeros(len(features), np.uint64)
    if not _heads(packed, ends, heads, ids):
        raise TileBroken("a feature is damaged")
    points, parts, shapes = _geometries(packed, heads[:, 3:5].copy())
    return TileLayer(
        name, extent, points, parts, shapes, heads[:, 0].copy(), heads, ids, packed, keys, Values(values)
    )


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


def _geometries(
    data: NDArray[np.uint8], places: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    most = int((places[:, 1] - places[:, 0]).sum()) // 2  # a point takes two bytes, at least
    points = np.empty((most, 2), np.int32)
    parts, shapes = np.zeros(most + 1, np.int64), np.zeros(len(places) + 1, np.int64)
    used, count = _commands(data, places, points, parts, shapes)
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
    places: NDArray[np.int64],
    points: NDArray[np.int32],
    parts: NDArray[np.int64],
    shapes: NDArray[np.int64],
) -> tuple[int, int]:
    """Follow the geometries' commands (specification §4.3); return how many points and parts there are, or -1.

    Points that follow each other by MoveTo alone are one part each.
    """
    used = count = 0
    for k in range(len(places)):
        at, end = places[k, 0], places[k, 1]
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


@inner
def _long(data: NDArray[np.uint8], at: int, end: int) -> tuple[np.uint64, int]:
    """Return the varint of up to 64 bits at a place and where it ends; -1 for that where there is none."""
    value, shift = np.uint64(0), np.uint64(0)
    while at < end and shift < np.uint64(64):
        byte = np.uint64(data[at])
        at += 1
        value |= (byte & np.uint64(127)) << shift
        if byte < np.uint64(128):
            return value, at
        shift += np.uint64(7)
    return value, -1


@kernel
def _heads(
    data: NDArray[np.uint8], ends: NDArray[np.int64], heads: NDArray[np.int64], ids: NDArray[np.uint64]
) -> bool:
    """Read where each feature has what (specification §4.2); False where one is damaged."""
    for k in range(len(heads)):
        at, end = ends[k], ends[k + 1]
        while at < end:
            key, at = _number(data, at, end)
            field, wire = key >> 3, key & 7
            if key < 0 or wire not in {0, 1, 2, 5}:
                return False
            if wire == 0:
                value, at = _long(data, at, end)
                if at < 0:
                    return False
                if field == 1:
                    ids[k], heads[k, 5] = value, 1
                elif field == 3 and value <= np.uint64(3):
                    heads[k, 0] = np.int64(value)
                continue
            size = 8 if wire == 1 else 4
            if wire == 2:
                size, at = _number(data, at, end)
            if size < 0 or at + size > end:
                return False
            if wire == 2 and field == 2:
                heads[k, 1], heads[k, 2] = at, at + size
            elif wire == 2 and field == 4:
                heads[k, 3], heads[k, 4] = at, at + size
            at += size
    return True
