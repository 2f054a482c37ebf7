"""Reading a PMTiles archive: the root directory parsed at opening, each leaf once when first needed."""

from __future__ import annotations

import json
import mmap
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from naru.errors import ArchiveDamaged, TileOutOfRange
from naru.pmtiles import header as heads
from naru.pmtiles.directory import Directory, parse, unpacked
from naru.pmtiles.hilbert import tile_id

GetBytes = Callable[[int, int], bytes]
_DEEPEST = 4  # directories from root to tile; the specification advises one level of leaves


class Mapped:
    """A file as `get_bytes(offset, length)`, through the system's page cache."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            try:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError as cause:  # mmap's word for an empty file
                raise ArchiveDamaged("the archive is empty", file=str(path), remedy=heads.REMEDY) from cause

    def __call__(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; fewer at the end of the file."""
        return self._map[offset : offset + length]

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def __enter__(self) -> Mapped:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def mapped(path: Path) -> Mapped:
    """Return a file as the callable that a reader takes; raises ArchiveDamaged for an empty one."""
    return Mapped(path)


class PMTilesReader:
    """Tiles of one archive by z, x, y.

    `get_bytes(offset, length)` is all that is known of the archive, so disk, memory and network look alike.
    Opening costs the root directory (at most 16 KiB packed); a look-up costs a table walk and one or two
    bisections. Raises ArchiveDamaged wherever the bytes are not what PMTiles v3 asks.
    """

    def __init__(self, get_bytes: GetBytes) -> None:
        self._get_bytes = get_bytes
        self.header = heads.unpack(get_bytes(0, heads.LENGTH))
        self._leaves: dict[int, Directory] = {}
        self._root = self._directory(self.header.root_offset, self.header.root_length)
        self._metadata: dict[str, Any] | None = None

    @property
    def metadata(self) -> dict[str, Any]:
        """The archive's JSON metadata, parsed once."""
        if self._metadata is None:
            self._metadata = self._read_metadata()
        return self._metadata

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """Return a tile as it is stored (compressed as `header.tile_compression` says), or None: it is empty.

        Raises TileOutOfRange for a zoom that the archive does not cover, or x, y outside of the zoom.
        """
        place = self.locate(z, x, y)
        return None if place is None else self.read(*place)

    def locate(self, z: int, x: int, y: int) -> tuple[int, int] | None:
        """Return offset and length of a tile in the archive, or None: it is empty. Raises as `get` does."""
        if not self.header.minzoom <= z <= self.header.maxzoom or not (0 <= x < 1 << z and 0 <= y < 1 << z):
            raise TileOutOfRange(
                f"tile {z}/{x}/{y} is outside zooms {self.header.minzoom} to {self.header.maxzoom}",
                remedy="Ask within the zooms that the TileJSON names.",
            )
        return self._locate(tile_id(z, x, y))

    def get_by_id(self, number: int) -> bytes | None:
        """Return the tile of a PMTiles id, or None."""
        place = self._locate(number)
        return None if place is None else self.read(*place)

    def _locate(self, number: int) -> tuple[int, int] | None:
        directory = self._root
        for _ in range(_DEEPEST):
            i = bisect_right(directory.ids, number) - 1
            if i < 0:
                return None
            run = directory.runs[i]
            if run:
                if number - directory.ids[i] >= run:
                    return None
                return self.header.data_offset + directory.offsets[i], directory.lengths[i]
            directory = self._leaf(directory, i)
        raise ArchiveDamaged("directories are nested too deep", remedy=heads.REMEDY)

    def entries(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield (first id, run, offset in the data section, length) of every tile entry, by id."""
        yield from self._entries(self._root, _DEEPEST)

    def check(self) -> None:
        """Walk all directories and compare with the header; raises ArchiveDamaged where they differ."""
        tiles = count = 0
        ahead = 0
        for number, run, offset, length in self.entries():
            if number < ahead or offset + length > self.header.data_length:
                raise ArchiveDamaged(f"the entry of tile id {number} cannot be", remedy=heads.REMEDY)
            ahead, tiles, count = number + run, tiles + run, count + 1
        said = self.header.addressed_tiles, self.header.tile_entries
        if all(said) and said != (tiles, count):
            raise ArchiveDamaged(
                f"{tiles} tiles in {count} entries where the header says {said[0]} in {said[1]}",
                remedy=heads.REMEDY,
            )
        if self.header.data_length:
            self.read(self.header.data_offset + self.header.data_length - 1, 1)

    def _entries(self, directory: Directory, depth: int) -> Iterator[tuple[int, int, int, int]]:
        if not depth:
            raise ArchiveDamaged("directories are nested too deep", remedy=heads.REMEDY)
        for i, run in enumerate(directory.runs):
            if run:
                yield directory.ids[i], run, directory.offsets[i], directory.lengths[i]
            else:
                yield from self._entries(self._leaf(directory, i), depth - 1)

    def _leaf(self, parent: Directory, i: int) -> Directory:
        offset = self.header.leaves_offset + parent.offsets[i]
        leaf = self._leaves.get(offset)
        if leaf is None:
            leaf = self._leaves[offset] = self._directory(offset, parent.lengths[i])
        return leaf

    def _directory(self, offset: int, length: int) -> Directory:
        return parse(unpacked(self.read(offset, length), self.header.internal_compression))

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the archive; raises ArchiveDamaged where it ends before."""
        data = self._get_bytes(offset, length)
        if len(data) != length:
            raise ArchiveDamaged(
                f"the archive ends before byte {offset + length}: it is cut short", remedy=heads.REMEDY
            )
        return data

    def _read_metadata(self) -> dict[str, Any]:
        head = self.header
        if not head.metadata_length:
            return {}
        text = unpacked(self.read(head.metadata_offset, head.metadata_length), head.internal_compression)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as cause:
            raise ArchiveDamaged(f"the archive's metadata is no JSON: {cause}", remedy=heads.REMEDY) from cause
        if not isinstance(found, dict):
            raise ArchiveDamaged("the archive's metadata is no JSON object", remedy=heads.REMEDY)
        return found
