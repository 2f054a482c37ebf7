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
FEATURE_HEAD = 48  # room for a feature's own tags, lengths, id and type
VALUES, KEYS, GEOMETRY, TAGS = 0, 1, 2, 3  # places in _Paper.sizes


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


class _Paper(NamedTuple):
    """Where a feature is drafted before its length is known."""

    geometry: NDArray[np.uint8]
    tags: NDArray[np.uint8]
    used: NDArray[np.int32]  # codes of the values in the present tile, by number
    sizes: Ints  # (4) values and keys in the tile, bytes of the drafted geometry and tags


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
def _draft_geometry(pieces: Pieces, i: int, kind: int, paper: _Paper) -> None:
    """Write a piece's command stream (MVT 2.1 §4.3)."""
    at, x, y, out = 0, np.int64(0), np.int64(0), paper.geometry
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
    paper.sizes[GEOMETRY] = at


@inner
def _draft_tags(attributes: Attributes, row: int, scratch: Scratch, paper: _Paper) -> None:
    """Write a row's tags; number the values and keys that are new to the tile."""
    at = 0
    for column in range(attributes.codes.shape[1]):
        code = attributes.codes[row, column]
        if code < 0:
            continue
        if scratch.key_number[column] < 0:
            scratch.key_number[column] = paper.sizes[KEYS]
            paper.sizes[KEYS] += 1
        if scratch.value_number[code] < 0:
            scratch.value_number[code] = paper.sizes[VALUES]
            paper.used[paper.sizes[VALUES]] = code
            paper.sizes[VALUES] += 1
        at = _put(paper.tags, at, scratch.key_number[column])
        at = _put(paper.tags, at, scratch.value_number[code])
    paper.sizes[TAGS] = at


@inner
def _write_feature(out: Any, at: int, row: int, kind: int, paper: _Paper) -> int:
    """Write the feature whose geometry and tags are drafted."""
    geometry, tags = paper.sizes[GEOMETRY], paper.sizes[TAGS]
    body = 1 + _size(row + 1) + 2 + 1 + _size(geometry) + geometry
    if tags:
        body += 1 + _size(tags) + tags
    out[at] = 0x12  # layer.features
    at = _put(out, at + 1, body)
    out[at] = 0x08  # feature.id
    at = _put(out, at + 1, row + 1)
    if tags:
        out[at] = 0x12  # feature.tags
        at = _copy(out, _put(out, at + 1, tags), paper.tags, 0, tags)
    out[at], out[at + 1] = 0x18, kind  # feature.type
    out[at + 2] = 0x22  # feature.geometry
    return _copy(out, _put(out, at + 3, geometry), paper.geometry, 0, geometry)


@inner
def _dictionary_room(attributes: Attributes, paper: _Paper) -> Any:
    room, starts = attributes.keys.data.size, attributes.values.starts
    for k in range(paper.sizes[VALUES]):
        room += starts[paper.used[k] + 1] - starts[paper.used[k]]
    return room


@inner
def _write_dictionary(out: Any, at: int, attributes: Attributes, scratch: Scratch, paper: _Paper) -> int:
    """Write the tile's keys and values in order of their first use, and forget their numbers."""
    keys, values = attributes.keys, attributes.values
    for number in range(paper.sizes[KEYS]):
        for column in range(scratch.key_number.size):
            if scratch.key_number[column] == number:
                at = _copy(out, at, keys.data, keys.starts[column], keys.starts[column + 1])
    for column in range(scratch.key_number.size):
        scratch.key_number[column] = -1
    for k in range(paper.sizes[VALUES]):
        code = paper.used[k]
        at = _copy(out, at, values.data, values.starts[code], values.starts[code + 1])
        scratch.value_number[code] = -1
    return at


@inner
def _close_layer(out: Any, begin: int, end: int) -> int:
    """Put tag and length before a layer that was begun LAYER_HEAD later; return where it ends now."""
    size = end - begin - LAYER_HEAD
    out[begin] = 0x1A  # tile.layers
    at = _put(out, begin + 1, size)
    for k in range(size):
        out[at + k] = out[begin + LAYER_HEAD + k]
    return at + size


@inner
def _paper_for(pieces: Pieces, drawn: Drawn, tiles: Ints, columns: int) -> _Paper:
    largest, most = 16, 1
    for i in drawn.piece:
        first, last = pieces.rings[i], pieces.rings[i + 1]
        largest = max(largest, 10 * (pieces.starts[last] - pieces.starts[first]) + 12 * (last - first))
    for t in range(tiles.size - 1):
        most = max(most, tiles[t + 1] - tiles[t])
    return _Paper(
        np.empty(largest, np.uint8),
        np.empty(20 * columns + 1, np.uint8),
        np.empty(most * columns + 1, np.int32),
        np.zeros(4, np.int64),
    )


@kernel
def encode(
    pieces: Pieces, drawn: Drawn, tiles: Ints, attributes: Attributes, head: Any, scratch: Scratch
) -> tuple[Any, Ints]:
    """Return the tiles' bytes one after the other, and where each begins.

    tiles (t+1): tile k draws drawn.piece[tiles[k]:tiles[k+1]]; one without pieces gets no bytes. `head` is the
    layer's name, version and extent, encoded. Feature ids are 1-based source rows.
    """
    paper = _paper_for(pieces, drawn, tiles, attributes.codes.shape[1])
    starts, out = np.zeros(tiles.size, np.int64), np.empty(1 << 16, np.uint8)
    for t in range(tiles.size - 1):
        done = starts[t]
        starts[t + 1] = done
        if tiles[t] == tiles[t + 1]:
            continue
        out = _room(out, done + LAYER_HEAD + head.size)
        at = _copy(out, done + LAYER_HEAD, head, 0, head.size)
        paper.sizes[VALUES] = paper.sizes[KEYS] = 0
        for d in range(tiles[t], tiles[t + 1]):
            _draft_geometry(pieces, drawn.piece[d], drawn.kind[d], paper)
            _draft_tags(attributes, drawn.row[d], scratch, paper)
            out = _room(out, at + paper.sizes[GEOMETRY] + paper.sizes[TAGS] + FEATURE_HEAD)
            at = _write_feature(out, at, drawn.row[d], drawn.kind[d], paper)
        out = _room(out, at + _dictionary_room(attributes, paper))
        at = _write_dictionary(out, at, attributes, scratch, paper)
        starts[t + 1] = _close_layer(out, done, at)
    return out[: starts[-1]], starts


def layer_head(name: str, extent: int) -> NDArray[np.uint8]:
    """Return version 2, name and extent of a layer, encoded (vector_tile.proto, 2.1)."""
    text = name.encode()
    head = bytes((0x78, 2, 0x0A)) + varint(len(text)) + text + b"\x28" + varint(extent)
    return np.frombuffer(head, np.uint8)
