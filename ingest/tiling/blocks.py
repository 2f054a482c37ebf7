"""One block of a zoom's tiles: cut → repair → encode → compress → hold to the byte budget."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from ingest.tiling.attributes import Attributes
from ingest.tiling.clip import EMPTY, Cut, Instances, Pieces, cut_to_tiles
from ingest.tiling.encode import Drawn, Scratch, encode, layer_head, scratch_for
from ingest.tiling.options import BUFFER, EXTENT, GRID_ZOOM
from ingest.tiling.repair import repaired
from ingest.tiling.select import SQUARE_SIDE, Selection
from ingest.tiling.shapes import Ints

GZIP_LEVEL = 3  # isal: its smallest, at a fifteenth of the time of zlib 6 for 10 % more bytes
BLOCK_VERTICES = 400_000  # a block's arrays stay near the processor's caches
_GZIP = 31  # zlib's wbits for a gzip wrapper


@dataclass(frozen=True)
class Style:
    """What all blocks of a layer have in common."""

    layer: str
    attributes: Attributes
    importance: NDArray[np.float64]  # by row: 0 the first to keep, 1 the first to drop
    maxzoom: int
    budget: int | None  # bytes of a compressed tile below the top zoom


@dataclass(frozen=True)
class Block:
    """Some whole tiles of a zoom."""

    zoom: int
    selection: Selection
    instances: Instances


@dataclass(frozen=True)
class Tiles:
    """The finished tiles of a block: Hilbert numbers within the zoom, and compressed bytes."""

    zoom: int
    numbers: list[int]
    data: list[bytes]
    rows: Ints  # source rows that appear
    repaired: int
    dropped: int


def blocks(zoom: int, selection: Selection, threads: int) -> Iterator[Block]:
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
        yield Block(zoom, selection, instances.at(slice(first, last)))


class Workshop:
    """Makes blocks into tiles; each thread has its own scratch memory."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._head = layer_head(style.layer, EXTENT)
        self._own = threading.local()

    def make(self, block: Block) -> Tiles:
        """Return a block's tiles."""
        selection, instances = block.selection, block.instances
        top = block.zoom == self._style.maxzoom
        cut = Cut(GRID_ZOOM - block.zoom, EXTENT, BUFFER, 1 if top else SQUARE_SIDE, top)
        pieces, mended = repaired(cut_to_tiles(selection.shapes, selection.whole, instances, cut))
        piece = np.flatnonzero(pieces.state != EMPTY)
        shape = instances.shape[piece]
        drawn = Drawn(piece, selection.shapes.row[shape], selection.shapes.kind[shape])
        tile = instances.tile[piece]
        begins = np.flatnonzero(np.concatenate([[True], np.diff(tile) != 0])) if tile.size else tile
        ends = np.append(begins, tile.size)
        raw, starts = encode(pieces, drawn, ends, self._style.attributes, self._head, self._scratch())
        view = memoryview(raw)
        data = [_compressed(view[starts[k] : starts[k + 1]]) for k in range(begins.size)]
        kept = [drawn.row]
        dropped = 0
        if self._style.budget is not None and not top:
            for k in range(begins.size):
                if len(data[k]) > self._style.budget:
                    of_tile = drawn.at(slice(ends[k], ends[k + 1]))
                    data[k], fewer = self._within_budget(pieces, of_tile, len(data[k]))
                    dropped += of_tile.row.size - fewer.size
                    kept.append(fewer)
                    drawn.row[ends[k] : ends[k + 1]] = -1
        rows = np.unique(np.concatenate(kept))
        return Tiles(block.zoom, tile[begins].tolist(), data, rows[rows >= 0], mended, dropped)

    def _within_budget(self, pieces: Pieces, drawn: Drawn, size: int) -> tuple[bytes, Ints]:
        """Return a tile of the most important pieces that fit, and their rows."""
        budget = self._style.budget or 0
        order = np.argsort(self._style.importance[drawn.row], kind="stable")
        few, many, best = 0, drawn.row.size, (b"", drawn.row[:0])
        count = int(many * budget / size * 0.98)
        for _ in range(12):
            count = min(max(count, few + 1), many - 1)
            chosen = np.sort(order[:count])
            data = self._tile(pieces, drawn.at(chosen))
            if len(data) <= budget:
                few, best = count, (data, drawn.row[chosen].copy())
                if len(data) > 0.95 * budget:
                    break
            else:
                many = count
            if many - few <= 1:
                break
            count = int(count * budget / len(data) * 0.98)
            if not few < count < many:
                count = (few + many) // 2
        return best

    def _tile(self, pieces: Pieces, drawn: Drawn) -> bytes:
        whole = np.array([0, drawn.row.size], np.int64)
        raw, _ = encode(pieces, drawn, whole, self._style.attributes, self._head, self._scratch())
        return _compressed(memoryview(raw))

    def _scratch(self) -> Scratch:
        if not hasattr(self._own, "scratch"):
            self._own.scratch = scratch_for(self._style.attributes)
        own: Scratch = self._own.scratch
        return own


def _compressed(data: memoryview) -> bytes:
    return isal_zlib.compress(data, GZIP_LEVEL, _GZIP)
