"""What an archive remembers of its making, so that the next version cuts only the tiles that change.

Behind the tiles, where no directory entry points, an archive carries one record a tile: the digest of all that
went in, and what was counted while it was made. A new version's tile whose digest is the same is copied.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.tiling.digest import Digests
from ingest.tiling.options import TIGHT_LEVEL
from ingest.tiling.shapes import Ints
from naru.errors import ArchiveDamaged
from naru.pmtiles import PMTilesReader, mapped
from naru.pmtiles.reader import Mapped

MEMBER = "inputs"  # of the metadata's `naru`: how many bytes the records take at the end of the tile data
_HEAD = struct.Struct("<8sQQ")  # mark, digest of program and rules, number of tiles
_MARK = b"naru-in1"
_REMEDY = "Ingest the layer again; `naru verify` looks for more."


class Records(NamedTuple):
    """What is remembered of tiles, in order of their ids."""

    tile: Digests  # (n) PMTiles ids
    digest: Digests  # (n) of all that goes into the tile
    order: Digests  # (n) of its features' order of importance, where the byte budget needed it, else 0
    repaired: NDArray[np.uint32]  # (n)
    dropped: NDArray[np.uint32]  # (n)
    instances: NDArray[np.uint32]  # (n) how many shapes might be drawn
    drawn: NDArray[np.bool_]  # which of them are, tile by tile

    def ends(self) -> Ints:
        """Return where each tile's part of `drawn` begins, and at last the end."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.instances, dtype=np.int64)])


def joined(parts: Sequence[Records]) -> Records:
    """Return records of several blocks, given in order of their ids."""
    return Records._make(np.concatenate(columns) for columns in zip(*parts, strict=True))


def packed(records: Records, made_by: np.uint64) -> bytes:
    """Return the records as bytes; `made_by` names program and rules."""
    columns: list[NDArray[Any]] = [*records[:-1], np.packbits(records.drawn)]
    body = b"".join(column.astype(column.dtype.newbyteorder("<")).tobytes() for column in columns)
    return _HEAD.pack(_MARK, int(made_by), records.tile.size) + zlib.compress(body, TIGHT_LEVEL)


def _unpacked(data: bytes, made_by: np.uint64) -> Records | None:
    """Return the records; None where another program or other rules made them. Raises ArchiveDamaged."""
    try:
        mark, program, count = _HEAD.unpack_from(data)
        if mark != _MARK or program != int(made_by):
            return None
        body = zlib.decompress(data[_HEAD.size :])
        at, columns = 0, list[NDArray[Any]]()
        for kind in ("<u8", "<u8", "<u8", "<u4", "<u4", "<u4"):
            columns.append(np.frombuffer(body, kind, count, at))
            at += columns[-1].nbytes
        bits = np.frombuffer(body, np.uint8, offset=at)
        drawn = np.unpackbits(bits, count=int(columns[-1].sum())).astype(np.bool_)
    except (struct.error, zlib.error, ValueError) as cause:
        raise ArchiveDamaged(f"its records of what went into the tiles: {cause}", remedy=_REMEDY) from cause
    return Records._make([*columns, drawn])


class Before:
    """The tiles of the version before, by what went into them."""

    def __init__(self, reader: PMTilesReader, records: Records) -> None:
        self._reader, self.records = reader, records
        self._ends = records.ends()
        self._lock = threading.Lock()

    def same(self, tiles: Digests, digests: Digests, instances: Ints) -> Ints:
        """Return for each tile (PMTiles id) the number of its record where all that goes in is the same, or -1."""
        at = np.minimum(np.searchsorted(self.records.tile, tiles), self.records.tile.size - 1)
        equal = (self.records.tile[at] == tiles) & (self.records.digest[at] == digests)
        equal &= self.records.instances[at] == instances
        return np.where(equal, at, -1)

    def tile(self, number: int) -> bytes:
        """Return the compressed bytes of the tile of a record. Raises ArchiveDamaged."""
        with self._lock:  # the reader keeps the directories that it has read
            data = self._reader.get_by_id(int(self.records.tile[number]))
        if data is None:
            raise ArchiveDamaged("a tile is missing", remedy=_REMEDY)
        return data

    def drawn(self, number: int) -> NDArray[np.bool_]:
        """Return which of a tile's instances are drawn."""
        return self.records.drawn[self._ends[number] : self._ends[number + 1]]


@contextmanager
def version_before(archive: Path | None, made_by: np.uint64) -> Iterator[Before | None]:
    """Give the tiles of an archive that the same program made by the same rules; None for any other.

    Raises ArchiveDamaged where its bytes are not what they say.
    """
    if archive is None:
        yield None
        return
    with mapped(archive) as file:
        reader = PMTilesReader(file)
        records = _unpacked(_section(file, reader), made_by)
        yield Before(reader, records) if records is not None and records.tile.size else None


def _section(file: Mapped, reader: PMTilesReader) -> bytes:
    head, naru = reader.header, reader.metadata.get("naru")
    size = naru.get(MEMBER) if isinstance(naru, dict) else None
    if not isinstance(size, int) or not _HEAD.size <= size <= head.data_length:
        return bytes(_HEAD.size)
    return file(head.data_offset + head.data_length - size, size)
