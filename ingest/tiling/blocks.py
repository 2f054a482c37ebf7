"""Some whole tiles of a zoom at a time: cut → repair → encode → compress → hold to the byte budget."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from ingest.tiling.attributes import Attributes
from ingest.tiling.clip import EMPTY, Cut, Instances, Pieces, cut_to_tiles
from ingest.tiling.delta import Before, Records
from ingest.tiling.digest import Digests, digest_of, digest_of_order, digests
from ingest.tiling.encode import Drawn, Scratch, encode, layer_head, scratch_for
from ingest.tiling.kernel import kernel
from ingest.tiling.labels import Labels, Placed, pieces_of
from ingest.tiling.options import BUFFER, EXTENT, GRID_ZOOM, GZIP_LEVEL, TIGHT_LEVEL
from ingest.tiling.repair import repaired
from ingest.tiling.select import SQUARE_SIDE, Selection
from ingest.tiling.shapes import Ints, Shapes
from naru.pmtiles.hilbert import first_id
from naru.style import LABELS_SUFFIX

Bytes = bytes | memoryview
BLOCK_VERTICES = 400_000  # a block's arrays stay near the processor's caches
DENSER = 0.91  # size of a tile packed by zlib level 6, by that of isal's; ten times slower
_GZIP = 31  # zlib's wbits for a gzip wrapper


@dataclass(frozen=True)
class Style:
    """What all blocks of a layer have in common."""

    layer: str
    attributes: Attributes
    rows: Digests  # by row: of its attributes
    importance: NDArray[np.float64]  # by row: 0 the first to keep, 1 the first to drop
    maxzoom: int
    budget: int | None  # bytes of a compressed tile below the top zoom
    labels: Labels | None
    made_by: np.uint64  # digest of the program and its rules


@dataclass(frozen=True)
class Block:
    """Some whole tiles of a zoom: the selection's instances from `first` to `last`."""

    selection: Selection
    first: int
    last: int
    names: Placed | None  # the zoom's label points

    @property
    def zoom(self) -> int:
        """The zoom."""
        return self.selection.zoom


@dataclass(frozen=True)
class Tiles:
    """The finished tiles of a block, in order: compressed bytes, and what is remembered of each."""

    zoom: int
    data: list[bytes]
    rows: Ints  # source rows that appear
    records: Records
    kept: int  # tiles taken from the version before


@dataclass(frozen=True)
class _Work:
    """A block's shapes and instances by themselves, and where the instances of each tile begin and end."""

    zoom: int
    shapes: Shapes
    whole: NDArray[np.bool_]
    instances: Instances
    ends: Ints

    def only(self, chosen: NDArray[np.bool_]) -> _Work:
        """Return the work of some of the tiles."""
        if chosen.all():
            return self
        sizes = np.diff(self.ends)
        instances = self.instances.at(np.flatnonzero(np.repeat(chosen, sizes)))
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes[chosen])])
        return _Work(self.zoom, self.shapes, self.whole, instances, ends)

    @property
    def tiles(self) -> Ints:
        """The tiles, as Hilbert numbers within the zoom."""
        return self.instances.tile[self.ends[:-1]]

    @property
    def rows(self) -> Ints:
        """The source row of each instance."""
        return self.shapes.row[self.instances.shape]


@dataclass
class _Made:
    """What became of the tiles of some work: by tile, and by instance."""

    data: list[bytes]  # empty for a tile where nothing is left to draw
    order: Digests
    repaired: NDArray[np.uint32]
    dropped: NDArray[np.uint32]
    drawn: NDArray[np.bool_]

    @classmethod
    def nothing(cls, work: _Work) -> _Made:
        """Return empty tiles."""
        count = work.ends.size - 1
        repaired, dropped = np.zeros((2, count), np.uint32)
        drawn = np.zeros(int(work.ends[-1]), np.bool_)
        return cls([b""] * count, np.zeros(count, np.uint64), repaired, dropped, drawn)

    def put(self, tiles: NDArray[np.bool_], sizes: Ints, made: _Made) -> None:
        """Put in what became of some of the tiles; `sizes`: instances of each tile."""
        for k, data in zip(np.flatnonzero(tiles), made.data, strict=True):
            self.data[k] = data
        self.order[tiles], self.repaired[tiles], self.dropped[tiles] = made.order, made.repaired, made.dropped
        self.drawn[np.repeat(tiles, sizes)] = made.drawn


def blocks(selection: Selection, names: Placed | None, threads: int) -> Iterator[Block]:
    """Yield a selection's instances in blocks of whole tiles, of like work."""
    begins = _begins(selection, threads, BLOCK_VERTICES)
    for first, last in pairwise(begins):
        yield Block(selection, int(first), int(last), names)


@kernel
def _begins_of(tile: Ints, shape: Any, shapes: Shapes, parts: Shapes, sizes: tuple[int, int]) -> Ints:
    """Return where blocks begin, and at last the end; `sizes`: blocks to make, and the most work of one."""
    base, total = shapes.kind.size, 0
    work = np.empty(tile.size, np.int64)
    for i in range(tile.size):
        s = shape[i]
        if s < base:
            total += shapes.starts[shapes.rings[s + 1]] - shapes.starts[shapes.rings[s]] + 16
        else:
            total += parts.starts[parts.rings[s - base + 1]] - parts.starts[parts.rings[s - base]] + 16
        work[i] = total
    size = min(sizes[1], max(20_000, total // sizes[0]))
    out, n, done = np.empty(tile.size + 1, np.int64), 0, 0
    for i in range(tile.size):
        if i == 0 or (tile[i] != tile[i - 1] and work[i - 1] - done >= size):
            out[n] = i
            n += 1
            done = work[i - 1] if i else 0
    out[n] = tile.size
    return out[: n + 1].copy()


def _begins(selection: Selection, threads: int, most: int) -> Ints:
    if not selection.shape.size:
        return np.zeros(1, np.int64)
    return _begins_of(selection.tile, selection.shape, selection.shapes, selection.parts, (4 * threads, most))


class Workshop:
    """Makes blocks into tiles; each thread has its own scratch memory."""

    def __init__(self, style: Style, before: Before | None) -> None:
        self._style, self._before = style, before
        self._head = layer_head(style.layer, EXTENT)
        self._names_head = layer_head(style.layer + LABELS_SUFFIX, EXTENT)
        self._own = threading.local()

    def make(self, block: Block) -> Tiles:
        """Return a block's tiles: those of the version before where nothing has changed, the others cut."""
        work = _work(block)
        inputs = self._digests(work, block)
        same = self._same(work, inputs)
        made = self._copied(work, same)
        made.put(same < 0, np.diff(work.ends), self._cut(work.only(same < 0), block.names))
        return _finished(work, inputs, made, int((same >= 0).sum()))

    def _digests(self, work: _Work, block: Block) -> Digests:
        top = block.zoom == self._style.maxzoom
        seed = digest_of(int(self._style.made_by), top)
        of = (work.shapes, work.whole, work.instances)
        return digests(of, work.ends, block.names, self._style.rows, seed)

    def _same(self, work: _Work, inputs: Digests) -> Ints:
        """Return the number of each tile's record in the version before, or -1 where it must be cut."""
        if self._before is None:
            return np.full(inputs.size, -1, np.int64)
        same = self._before.same(_ids(work), inputs, np.diff(work.ends))
        for k in np.flatnonzero((same >= 0) & (self._before.records.order[same] != 0)).tolist():
            if self._before.records.order[same[k]] != self._order(work, k):
                same[k] = -1
        return same

    def _order(self, work: _Work, k: int) -> np.uint64:
        of_tile = slice(work.ends[k], work.ends[k + 1])
        return digest_of_order(self._style.importance[work.shapes.row[work.instances.shape[of_tile]]])

    def _copied(self, work: _Work, same: Ints) -> _Made:
        """Return the tiles that the version before has; the others are empty."""
        made = _Made.nothing(work)
        if self._before is None:
            return made
        old, known = np.flatnonzero(same >= 0), self._before.records
        for k in old:
            made.data[k] = self._before.tile(int(same[k]))
            made.drawn[work.ends[k] : work.ends[k + 1]] = self._before.drawn(int(same[k]))
        then = same[old]
        made.order[old], made.repaired[old], made.dropped[old] = (
            known.order[then],
            known.repaired[then],
            known.dropped[then],
        )
        return made

    def _cut(self, work: _Work, labels: Placed | None) -> _Made:
        """Cut, encode and compress tiles."""
        made = _Made.nothing(work)
        if not made.data:
            return made
        pieces, mended = self._pieces(work)
        np.add.at(made.repaired, np.searchsorted(work.ends, mended, "right") - 1, 1)
        drawn = _drawn(work, pieces)
        made.drawn[drawn.piece] = True
        ends = np.searchsorted(drawn.piece, work.ends)
        raw, starts = encode(pieces, drawn, ends, self._style.attributes, self._head, self._scratch())
        view, names = memoryview(raw), self._names(labels, work.tiles, drawn, ends)
        for k in np.flatnonzero(np.diff(ends)).tolist():
            data = _compressed(_joined(view[starts[k] : starts[k + 1]], names[k]))
            if self._over_budget(work.zoom, len(data)):
                of_tile = drawn.at(slice(ends[k], ends[k + 1]))
                data, left_out = self._within_budget(pieces, of_tile, names[k], len(data))
                made.drawn[left_out] = False
                made.dropped[k], made.order[k] = left_out.size, self._order(work, k)
            made.data[k] = data
        return made

    def _pieces(self, work: _Work) -> tuple[Pieces, Ints]:
        top = work.zoom == self._style.maxzoom
        cut = Cut(GRID_ZOOM - work.zoom, EXTENT, BUFFER, 1 if top else SQUARE_SIDE, top)
        return repaired(cut_to_tiles(work.shapes, work.whole, work.instances, cut))

    def _over_budget(self, zoom: int, size: int) -> bool:
        budget = self._style.budget
        return budget is not None and zoom < self._style.maxzoom and size > budget

    def _within_budget(self, pieces: Pieces, drawn: Drawn, names: Bytes, size: int) -> tuple[bytes, Ints]:
        """Return a tile of the most important pieces that fit (one at least), and the pieces left out.

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
        return best, drawn.piece[order[few:]]

    def _names(self, names: Placed | None, tiles: Ints, drawn: Drawn, ends: Ints) -> Sequence[Bytes]:
        """Return each tile's layer of label points, encoded; no bytes where there are none."""
        labels = self._style.labels
        if labels is None or names is None:
            return [b""] * tiles.size
        pieces, points, borders = pieces_of(names, tiles, drawn, ends)
        scratch = scratch_for(labels.attributes)
        raw, starts = encode(pieces, points, borders, labels.attributes, self._names_head, scratch)
        view = memoryview(raw)
        return [view[starts[k] : starts[k + 1]] for k in range(tiles.size)]

    def _tile(self, pieces: Pieces, drawn: Drawn, names: Bytes) -> bytes:
        whole = np.array([0, drawn.row.size], np.int64)
        raw, _ = encode(pieces, drawn, whole, self._style.attributes, self._head, self._scratch())
        return zlib.compress(_joined(memoryview(raw), names), TIGHT_LEVEL, _GZIP)

    def _scratch(self) -> Scratch:
        if not hasattr(self._own, "scratch"):
            self._own.scratch = scratch_for(self._style.attributes)
        own: Scratch = self._own.scratch
        return own


def _work(block: Block) -> _Work:
    shapes, whole, instances = block.selection.at(block.first, block.last)
    begins = np.flatnonzero(np.diff(instances.tile, prepend=-1))
    return _Work(block.zoom, shapes, whole, instances, np.append(begins, instances.tile.size))


def _finished(work: _Work, inputs: Digests, made: _Made, kept: int) -> Tiles:
    """Return the tiles that show anything."""
    shown = np.array([len(data) > 0 for data in made.data])
    sizes = np.diff(work.ends)
    columns = (_ids(work), inputs, made.order, made.repaired, made.dropped, sizes.astype(np.uint32))
    records = Records._make([*(column[shown] for column in columns), made.drawn[np.repeat(shown, sizes)]])
    return Tiles(work.zoom, [data for data in made.data if data], np.unique(work.rows[made.drawn]), records, kept)


def _ids(work: _Work) -> Digests:
    """Return the PMTiles ids of the tiles."""
    return (work.tiles + first_id(work.zoom)).astype(np.uint64)


def _drawn(work: _Work, pieces: Pieces) -> Drawn:
    """Return what is left to draw, tile by tile."""
    piece = np.flatnonzero(pieces.state != EMPTY)
    shape = work.instances.shape[piece]
    return Drawn(piece, work.shapes.row[shape], work.shapes.kind[shape])


def _compressed(data: Bytes) -> bytes:
    return isal_zlib.compress(data, GZIP_LEVEL, _GZIP)


def _joined(layer: Bytes, names: Bytes) -> Bytes:
    """Return two layers as one tile: a tile is its layers, one after the other (MVT 2.1 §4.1)."""
    return b"".join((layer, names)) if len(names) else layer
