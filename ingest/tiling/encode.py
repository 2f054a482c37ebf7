"""Pieces as Mapbox Vector Tiles (specification 2.1), byte by byte; kernels only."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.tiling.attributes import Attributes, varint
from ingest.tiling.clip import Pieces
from ingest.tiling.kernel import inner, kernel
from ingest.tiling.shapes import Ints

LAYER_HEAD = 16  # room kept before a tile's features for the layer's tag and length


class Drawn(NamedTuple):
    """The pieces to encode, in order: where each lies among `pieces`, its source row and kind."""

    piece: Ints
    row: Ints
    kind: NDArray[np.uint8]

    def at(self, index: Ints | slice) -> Drawn:
        """Return some of the pieces."""
        return Drawn(self.piece[index], self.row[index], self.kind[index])


class Scratch(NamedTuple):
    """Per-thread memory of the encoder: number of each value and key in the present tile, or -1."""

    value_number: NDArray[np.int32]
    key_number: NDArray[np.int32]


def scratch_for(attributes: Attributes) -> Scratch:
    """Return clean scratch memory; the encoder leaves it clean."""
    return Scratch(
        np.full(attributes.values.starts.size - 1, -1, np.int32),
        np.full(attributes.keys.starts.size - 1, -1, np.int32),
    )


@inner
def _size(number: Any) -> int:
    size = 1
    while number > 0x7F:
        number >>= 7
        size += 1
    return size


@inner
def _put(out: Any, at: int, number: Any) -> int:
    while number > 0x7F:
        out[at] = number & 0x7F | 0x80
        number >>= 7
        at += 1
    out[at] = number
    return at + 1


@inner
def _zigzag(number: Any) -> Any:
    return (number << 1) ^ (number >> 63)


@inner
def _copy(out: Any, at: int, data: Any, first: int, last: int) -> int:
    for k in range(first, last):
        out[at] = data[k]
        at += 1
    return at


@inner
def _room(out: Any, need: int) -> Any:
    if need <= out.size:
        return out
    bigger = np.empty(max(need, 2 * out.size), np.uint8)
    _copy(bigger, 0, out, 0, out.size)
    return bigger


@inner
def _longer(numbers: Any, size: int) -> Any:
    longer = np.empty(size, np.int32)
    for k in range(numbers.size):
        longer[k] = numbers[k]
    return longer


@inner
def _geometry(pieces: Pieces, i: int, kind: int, out: Any) -> int:
    """Write a piece's command stream (MVT 2.1 §4.3); return its length."""
    at, x, y = 0, np.int64(0), np.int64(0)
    for r in range(pieces.rings[i], pieces.rings[i + 1]):
        a, b = pieces.starts[r], pieces.starts[r + 1]
        moves = b - a if kind == 1 else 1
        at = _put(out, at, moves << 3 | 1)
        for p in range(a, b):
            if p == a + 1 and kind != 1:
                at = _put(out, at, (b - a - 1) << 3 | 2)
            nx, ny = np.int64(pieces.xy[p, 0]), np.int64(pieces.xy[p, 1])
            at = _put(out, at, _zigzag(nx - x))
            at = _put(out, at, _zigzag(ny - y))
            x, y = nx, ny
        if kind == 3:
            out[at] = 15
            at += 1
    return at


@inner
def _tags(attributes: Attributes, row: int, scratch: Scratch, used: Any, counts: Any, out: Any) -> int:
    """Write a row's tags; number values and keys new to the tile. used: their codes; counts: how many."""
    at = 0
    for column in range(attributes.codes.shape[1]):
        code = attributes.codes[row, column]
        if code < 0:
            continue
        if scratch.key_number[column] < 0:
            scratch.key_number[column] = counts[1]
            counts[1] += 1
        if scratch.value_number[code] < 0:
            scratch.value_number[code] = counts[0]
            used[counts[0]] = code
            counts[0] += 1
        at = _put(out, at, scratch.key_number[column])
        at = _put(out, at, scratch.value_number[code])
    return at


@inner
def _geometry_room(pieces: Pieces, i: int) -> Any:
    first, last = pieces.rings[i], pieces.rings[i + 1]
    return 10 * (pieces.starts[last] - pieces.starts[first]) + 12 * (last - first)


@inner
def _keys(attributes: Attributes, scratch: Scratch, count: int, out: Any, at: int) -> int:
    """Write the tile's keys in their order of first use, and forget them."""
    starts = attributes.keys.starts
    for number in range(count):
        for column in range(scratch.key_number.size):
            if scratch.key_number[column] == number:
                at = _copy(out, at, attributes.keys.data, starts[column], starts[column + 1])
    for column in range(scratch.key_number.size):
        scratch.key_number[column] = -1
    return at


@kernel
def encode(
    pieces: Pieces, drawn: Drawn, tiles: Ints, attributes: Attributes, head: Any, scratch: Scratch
) -> tuple[Any, Ints]:
    """Return the tiles' bytes one after the other, and where each begins.

    tiles (t+1): tile k draws drawn.piece[tiles[k]:tiles[k+1]]; one without pieces gets no bytes. `head` is the
    layer's name, version and extent, encoded. Feature ids are 1-based source rows.
    """
    columns = attributes.codes.shape[1]
    starts = np.zeros(tiles.size, np.int64)
    out = np.empty(1 << 16, np.uint8)
    geometry, tags = np.empty(1 << 12, np.uint8), np.empty(10 * columns + 1, np.uint8)
    used, counts = np.empty(1024, np.int32), np.zeros(2, np.int64)
    done = 0
    for t in range(tiles.size - 1):
        starts[t + 1] = done
        if tiles[t] == tiles[t + 1]:
            continue
        out = _room(out, done + LAYER_HEAD + head.size)
        at = _copy(out, done + LAYER_HEAD, head, 0, head.size)
        counts[0] = counts[1] = 0
        for d in range(tiles[t], tiles[t + 1]):
            if used.size < counts[0] + columns:
                used = _longer(used, 2 * (counts[0] + columns))
            geometry = _room(geometry, _geometry_room(pieces, drawn.piece[d]))
            geometry_size = _geometry(pieces, drawn.piece[d], drawn.kind[d], geometry)
            tags_size = _tags(attributes, drawn.row[d], scratch, used, counts, tags)
            body = 1 + _size(drawn.row[d] + 1) + 2 + 1 + _size(geometry_size) + geometry_size
            if tags_size:
                body += 1 + _size(tags_size) + tags_size
            out = _room(out, at + body + 16)
            out[at] = 0x12  # layer.features
            at = _put(out, at + 1, body)
            out[at] = 0x08  # feature.id
            at = _put(out, at + 1, drawn.row[d] + 1)
            if tags_size:
                out[at] = 0x12  # feature.tags
                at = _copy(out, _put(out, at + 1, tags_size), tags, 0, tags_size)
            out[at], out[at + 1] = 0x18, drawn.kind[d]  # feature.type
            out[at + 2] = 0x22  # feature.geometry
            at = _copy(out, _put(out, at + 3, geometry_size), geometry, 0, geometry_size)
        need = attributes.keys.data.size
        for k in range(counts[0]):
            need += attributes.values.starts[used[k] + 1] - attributes.values.starts[used[k]]
        out = _room(out, at + need)
        at = _keys(attributes, scratch, counts[1], out, at)
        for k in range(counts[0]):
            code = used[k]
            at = _copy(
                out, at, attributes.values.data, attributes.values.starts[code], attributes.values.starts[code + 1]
            )
            scratch.value_number[code] = -1
        size = at - done - LAYER_HEAD
        out[done] = 0x1A  # tile.layers
        begin = _put(out, done + 1, size)
        for k in range(size):  # close the gap that the head's room left
            out[begin + k] = out[done + LAYER_HEAD + k]
        done = begin + size
        starts[t + 1] = done
    return out[:done], starts


def layer_head(name: str, extent: int) -> NDArray[np.uint8]:
    """Return version 2, name and extent of a layer, encoded (vector_tile.proto, 2.1)."""
    text = name.encode()
    head = bytes((0x78, 2, 0x0A)) + varint(len(text)) + text + b"\x28" + varint(extent)
    return np.frombuffer(head, np.uint8)
