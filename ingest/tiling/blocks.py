"""One block of a zoom's tiles: cut → repair → encode → compress → hold to the byte budget."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from ingest.tiling.attributes import Attributes
from ingest.tiling.clip import EMPTY, Cut, Instances, Pieces, cut_to_tiles
from ingest.tiling.encode import Drawn, Scratch, encode, layer_head, scratch_for
from ingest.tiling.labels import Labels, Placed, pieces_of
from ingest.tiling.options import BUFFER, EXTENT, GRID_ZOOM
from ingest.tiling.repair import repaired
from ingest.tiling.select import SQUARE_SIDE, Selection
from ingest.tiling.shapes import Ints
from naru.style import LABELS_SUFFIX

Bytes = bytes | memoryview
GZIP_LEVEL = 3  # isal: its smallest, at a fifteenth of the time of zlib 6 for 10 % more bytes
BLOCK_VERTICES = 400_000  # a block's arrays stay near the processor's caches
DENSER = 0.91  # size of a tile packed by zlib level 6, by that of isal's; ten times slower
_GZIP = 31  # zlib's wbits for a gzip wrapper


@dataclass(frozen=True)
class Style:
    """What all blocks of a layer have in common."""

    layer: str
    attributes: Attributes
    importance: NDArray[np.float64]  # by row: 0 the first to keep, 1 the first to drop
    maxzoom: int
    budget: int | None  # bytes of a compressed tile below the top zoom
    labels: Labels | None


@dataclass(frozen=True)
class Block:
    """Some whole tiles of a zoom."""

    zoom: int
    selection: Selection
    instances: Instances
    names: Placed | None  # the zoom's label points


@dataclass(frozen=True)
class Tiles:
    """The finished tiles of a block: Hilbert numbers within the zoom, and compressed bytes."""

    zoom: int
    numbers: list[int]
    data: list[bytes]
    rows: Ints  # source rows that appear
    repaired: int
    dropped: int


def blocks(zoom: int, selection: Selection, names: Placed | None, threads: int) -> Iterator[Block]:
    """Yield a selection's instances in blocks of whole tiles, of like work."""
    instances, shapes = selection.instances, selection.shapes
    if not instances.shape.size:
        return
    vertices = shapes.starts[shapes.rings[1:]] - shapes.starts[shapes.rings[:-1]]
    work = np.cumsum(vertices[instances.shape] + 16)
    size = min(BLOCK_VERTICES, max(20_000, int(work[-1]) // (4 * threads)))
    first_of_tile = np.flatnonzero(np.concatenate([[True], np.diff(instances.tile) != 0]))
    block_of_tile = (work[first_of_tile] - vertices[instances.shape[first_of_tile]]) // size
    begins = first_of_tile[np.concatenate([[True], np.diff(block_of_tile) != 0])]
    for first, last in zip(begins, [*begins[1:], instances.shape.size], strict=True):
        yield Block(zoom, selection, instances.at(slice(first, last)), names)


class Workshop:
    """Makes blocks into tiles; each thread has its own scratch memory."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._head = layer_head(style.layer, EXTENT)
        self._names_head = layer_head(style.layer + LABELS_SUFFIX, EXTENT)
        self._own = threading.local()

    def make(self, block: Block) -> Tiles:
        """Return a block's tiles."""
        pieces, mended = self._cut(block)
        tile, drawn = _drawn(block, pieces)
        begins = np.flatnonzero(np.diff(tile, prepend=-1))
        ends = np.append(begins, tile.size)
        raw, starts = encode(pieces, drawn, ends, self._style.attributes, self._head, self._scratch())
        view = memoryview(raw)
        names = self._names(block, tile[begins], drawn, ends)
        data, rows, dropped = [], [], 0
        for k in range(begins.size):
            of_tile = drawn.at(slice(ends[k], ends[k + 1]))
            packed = _compressed(_joined(view[starts[k] : starts[k + 1]], names[k]))
            kept = of_tile.row
            if self._over_budget(block.zoom, len(packed)):
                packed, kept = self._within_budget(pieces, of_tile, names[k], len(packed))
            dropped += of_tile.row.size - kept.size
            data.append(packed)
            rows.append(kept)
        seen = np.unique(np.concatenate(rows)) if rows else drawn.row
        return Tiles(block.zoom, tile[begins].tolist(), data, seen, mended, dropped)

    def _cut(self, block: Block) -> tuple[Pieces, int]:
        top = block.zoom == self._style.maxzoom
        cut = Cut(GRID_ZOOM - block.zoom, EXTENT, BUFFER, 1 if top else SQUARE_SIDE, top)
        selection = block.selection
        return repaired(cut_to_tiles(selection.shapes, selection.whole, block.instances, cut))

    def _over_budget(self, zoom: int, size: int) -> bool:
        budget = self._style.budget
        return budget is not None and zoom < self._style.maxzoom and size > budget

    def _within_budget(self, pieces: Pieces, drawn: Drawn, names: Bytes, size: int) -> tuple[bytes, Ints]:
        """Return a tile of the most important pieces that fit (one at least), and their rows.

        It is packed as tightly as gzip can, to hold more. The number that fits is found by proportion, then by
        halving; from 95 % of the budget on it is enough.
        """
        budget = self._style.budget or 0
        order = np.argsort(self._style.importance[drawn.row], kind="stable")
        few, many = 1, drawn.row.size
        best = self._tile(pieces, drawn.at(order[:1]), names)
        count = int(many * budget / (DENSER * size) * 0.98)
        while many - few > 1:
            count = count if few < count < many else (few + many) // 2
            data = self._tile(pieces, drawn.at(np.sort(order[:count])), names)
            if len(data) <= budget:
                few, best = count, data
                if len(data) > 0.95 * budget:
                    break
            else:
                many = count
            count = int(count * budget / len(data) * 0.98)
        return best, drawn.row[order[:few]]

    def _names(self, block: Block, tiles: Ints, drawn: Drawn, ends: Ints) -> Sequence[Bytes]:
        """Return each tile's layer of label points, encoded; no bytes where there are none."""
        labels = self._style.labels
        if labels is None or block.names is None:
            return [b""] * tiles.size
        pieces, points, borders = pieces_of(block.names, tiles, drawn, ends)
        scratch = scratch_for(labels.attributes)
        raw, starts = encode(pieces, points, borders, labels.attributes, self._names_head, scratch)
        view = memoryview(raw)
        return [view[starts[k] : starts[k + 1]] for k in range(tiles.size)]

    def _tile(self, pieces: Pieces, drawn: Drawn, names: Bytes) -> bytes:
        whole = np.array([0, drawn.row.size], np.int64)
        raw, _ = encode(pieces, drawn, whole, self._style.attributes, self._head, self._scratch())
        return zlib.compress(_joined(memoryview(raw), names), 6, _GZIP)

    def _scratch(self) -> Scratch:
        if not hasattr(self._own, "scratch"):
            self._own.scratch = scratch_for(self._style.attributes)
        own: Scratch = self._own.scratch
        return own


def _drawn(block: Block, pieces: Pieces) -> tuple[Ints, Drawn]:
    """Return what is left to draw of a block, tile by tile."""
    piece = np.flatnonzero(pieces.state != EMPTY)
    shapes, shape = block.selection.shapes, block.instances.shape[piece]
    return block.instances.tile[piece], Drawn(piece, shapes.row[shape], shapes.kind[shape])


def _compressed(data: Bytes) -> bytes:
    return isal_zlib.compress(data, GZIP_LEVEL, _GZIP)


def _joined(layer: Bytes, names: Bytes) -> Bytes:
    """Return two layers as one tile: a tile is its layers, one after the other (MVT 2.1 §4.1)."""
    return b"".join((layer, names)) if len(names) else layer
