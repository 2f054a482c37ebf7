"""Writing a PMTiles archive: tiles in any order into a spool, then all in Hilbert order, beside, then renamed."""

from __future__ import annotations

import gzip
import hashlib
import json
import mmap
import os
import tempfile
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from naru.errors import StorageFailed
from naru.pmtiles import header as heads
from naru.pmtiles.directory import Directory, with_leaves
from naru.pmtiles.hilbert import tile_of

ROOT_ROOM = 16_384 - heads.LENGTH  # header and root directory lie in the first 16 KiB
_CODES = {"unknown": 0} | {name: code for code, name in heads.TILE_TYPES.items()}  # PMTiles v3 §3.2


@dataclass(frozen=True, kw_only=True)
class About:
    """What the header says of the tiles. Bounds: west, south, east, north in degrees."""

    tile_type: str = "mvt"
    gzipped: bool = True
    bounds: tuple[float, float, float, float] = (-180.0, -85.05112877980659, 180.0, 85.05112877980659)
    minzoom: int | None = None  # None: the lowest zoom that has a tile
    maxzoom: int | None = None


@dataclass(frozen=True)
class Written:
    """The finished archive."""

    path: Path
    size: int  # bytes
    tiles: int  # addressed
    contents: int  # different ones


class PMTilesWriter:
    """Collects tiles, then writes a clustered archive; the same tiles give the same bytes.

    Use as a context manager: left without `finish`, nothing remains at or beside `path`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._spool: BinaryIO = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 — closed by __exit__
        self._ids, self._content_of = array("Q"), array("Q")
        self._offsets, self._lengths = array("Q"), array("Q")
        self._known: dict[bytes, int] = {}
        self._end = 0

    def __enter__(self) -> PMTilesWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()

    def add(self, number: int, data: bytes) -> None:
        """Keep the tile of a PMTiles id; equal tiles are kept once."""
        digest = hashlib.blake2b(data, digest_size=16).digest()
        content = self._known.setdefault(digest, len(self._offsets))
        if content == len(self._offsets):
            self._spool.write(data)
            self._offsets.append(self._end)
            self._lengths.append(len(data))
            self._end += len(data)
        self._ids.append(number)
        self._content_of.append(content)

    def finish(self, about: About, metadata: Mapping[str, Any], behind: bytes = b"") -> Written:
        """Write the archive under its name, synced to disk.

        `behind` comes after the last tile, within the tile data: no entry points there, so readers pass it by.

        Raises ValueError for a tile given twice, StorageFailed where the disk refuses.
        """
        beside = self._path.with_name(self._path.name + ".part")
        try:
            with beside.open("wb") as out:
                self._write(out, about, metadata, behind)
                out.flush()
                os.fsync(out.fileno())
            size = beside.stat().st_size
            beside.replace(self._path)
        except OSError as cause:
            raise StorageFailed(
                f"the archive could not be written: {cause}",
                file=str(self._path),
                remedy="Make room or give another directory.",
            ) from cause
        finally:
            beside.unlink(missing_ok=True)
        return Written(self._path, size, len(self._ids), len(self._offsets))

    def _write(self, out: BinaryIO, about: About, metadata: Mapping[str, Any], behind: bytes) -> None:
        directory, contents = self._clustered()
        root, leaves = with_leaves(directory, ROOT_ROOM)
        text = gzip.compress(json.dumps(metadata, ensure_ascii=False).encode(), mtime=0)
        sizes = len(root), len(text), len(leaves), self._end + len(behind)
        head = self._header(about, directory, sizes)
        for section in (head.pack(), root, text, leaves):
            out.write(section)
        self._copy_contents(out, contents)
        out.write(behind)

    def _clustered(self) -> tuple[Directory, list[int]]:
        """Return the entries in order of id, and the contents in the order in which they are first used."""
        entries = Directory(array("Q"), array("Q"), array("Q"), array("Q"))
        placed: dict[int, int] = {}
        end, before = 0, None
        for k in sorted(range(len(self._ids)), key=self._ids.__getitem__):
            number, content = self._ids[k], self._content_of[k]
            if before is not None and number == before[0]:
                raise ValueError(f"tile {tile_of(number)} was added twice")
            if before == (number - 1, content):
                entries.runs[-1] += 1
            else:
                offset = placed.setdefault(content, end)
                end += self._lengths[content] if offset == end else 0
                entries.ids.append(number)
                entries.runs.append(1)
                entries.lengths.append(self._lengths[content])
                entries.offsets.append(offset)
            before = number, content
        return entries, list(placed)

    def _copy_contents(self, out: BinaryIO, contents: list[int]) -> None:
        self._spool.flush()
        if not self._end:
            return
        with mmap.mmap(self._spool.fileno(), self._end, access=mmap.ACCESS_READ) as spool:
            for content in contents:
                start = self._offsets[content]
                out.write(spool[start : start + self._lengths[content]])

    def _header(self, about: About, directory: Directory, sizes: tuple[int, int, int, int]) -> heads.Header:
        root, metadata, leaves, data = sizes
        west, south, east, north = (round(degrees * 1e7) for degrees in about.bounds)
        lowest = tile_of(directory.ids[0])[0] if directory.ids else 0
        highest = tile_of(directory.ids[-1])[0] if directory.ids else 0
        minzoom = lowest if about.minzoom is None else about.minzoom
        after_root = heads.LENGTH + root
        return heads.Header(
            root_offset=heads.LENGTH,
            root_length=root,
            metadata_offset=after_root,
            metadata_length=metadata,
            leaves_offset=after_root + metadata,
            leaves_length=leaves,
            data_offset=after_root + metadata + leaves,
            data_length=data,
            addressed_tiles=len(self._ids),
            tile_entries=len(directory.ids),
            tile_contents=len(self._offsets),
            clustered=1,
            internal_compression=heads.COMPRESSION_GZIP,
            tile_compression=heads.COMPRESSION_GZIP if about.gzipped else heads.COMPRESSION_NONE,
            tile_type=_CODES[about.tile_type],
            minzoom=minzoom,
            maxzoom=highest if about.maxzoom is None else about.maxzoom,
            west_e7=west,
            south_e7=south,
            east_e7=east,
            north_e7=north,
            center_zoom=minzoom,
            center_lon_e7=(west + east) // 2,
            center_lat_e7=(south + north) // 2,
        )
