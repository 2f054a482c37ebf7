"""Opens ready-made tilesets: MBTiles 1.3 (SQLite, rows from the south) and PMTiles v3."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from naru.errors import ArchiveDamaged, FileDamaged, TooLarge, UnknownFormat
from naru.pmtiles.header import COMPRESSION_GZIP, COMPRESSION_NONE, TILE_TYPES
from naru.pmtiles.hilbert import tile_of
from naru.pmtiles.reader import PMTilesReader, mapped

HIGHEST_ZOOM = 24
MOST_TILES = 20_000_000
_STEPS = 200_000_000  # of SQLite's machine before the first tile: a view that never ends is stopped
_MOST_METADATA = 4 * 2**20  # characters
Tile = tuple[int, int, int, bytes]


class TileSource(Protocol):
    """A ready-made tileset."""

    metadata: Mapping[str, Any]

    def tiles(self) -> Iterator[Tile]:
        """Yield z, x, y (from the north) and the tile's bytes, in any order."""


@contextmanager
def open_tiles(path: Path, kind: str, file: str) -> Iterator[TileSource]:
    """Open an MBTiles or PMTiles file. Raises FileDamaged, TooLarge, UnknownFormat, naming `file`."""
    try:
        with _mbtiles(path) if kind == "MBTiles" else _pmtiles(path) as source:
            yield source
    except (sqlite3.Error, ArchiveDamaged, UnicodeDecodeError) as error:
        said = error.message if isinstance(error, ArchiveDamaged) else str(error)
        if "interrupted" in said:
            raise TooLarge("finding its first tile takes too long", file=file, remedy="Write it anew.") from error
        raise FileDamaged(f"it cannot be read: {said[:300]}", file=file, remedy="Write it anew.") from error


@contextmanager
def _mbtiles(path: Path) -> Iterator[TileSource]:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA cell_size_check=ON")
        connection.set_progress_handler(lambda: 1, _STEPS)
        yield _MBTiles(connection)
    finally:
        connection.close()


class _MBTiles:
    """MBTiles 1.3: a table or view `tiles`, and `metadata`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        rows = connection.execute("SELECT name, value FROM metadata LIMIT 200").fetchall()
        self.metadata: Mapping[str, Any] = {str(k): str(v)[:_MOST_METADATA] for k, v in rows if v is not None}
        inner = self.metadata.get("json")
        if inner:
            self.metadata |= _object(inner)

    def tiles(self) -> Iterator[Tile]:
        """Yield all tiles; rows are turned, as TMS counts them from the south."""
        cursor = self._connection.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles")
        for number, (zoom, column, row, data) in enumerate(cursor):
            if number == 0:
                self._connection.set_progress_handler(None, 0)
            _check_place(number, zoom, column, row)
            if data is not None:
                yield zoom, column, (1 << zoom) - 1 - row, bytes(data)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _check_place(number: int, zoom: object, column: object, row: object) -> None:
    if number >= MOST_TILES:
        raise TooLarge(f"it has more than the {MOST_TILES:,} tiles allowed", remedy="Split it by zooms.")
    numbers = [n for n in (zoom, column, row) if isinstance(n, int)]
    side = 1 << numbers[0] if len(numbers) == 3 and 0 <= numbers[0] <= HIGHEST_ZOOM else 0
    if not side or not all(0 <= n < side for n in numbers[1:]):
        message = f"tile {zoom}/{column}/{row} is outside zooms 0 to {HIGHEST_ZOOM} of the Web Mercator grid"
        raise FileDamaged(message, remedy="Write the tileset anew.")


@contextmanager
def _pmtiles(path: Path) -> Iterator[TileSource]:
    with mapped(path) as file:
        reader = PMTilesReader(file)
        head = reader.header
        if head.addressed_tiles > MOST_TILES:
            raise TooLarge(f"it has more than the {MOST_TILES:,} tiles allowed", remedy="Split it by zooms.")
        if head.tile_compression not in (COMPRESSION_NONE, COMPRESSION_GZIP):
            raise UnknownFormat("its tiles are packed by brotli or zstd", remedy="Pack them with gzip.")
        if TILE_TYPES.get(head.tile_type) not in ("mvt", "png", "jpg", "webp"):
            kind = TILE_TYPES.get(head.tile_type, "an unknown kind")
            raise UnknownFormat(
                f"its tiles are {kind}, which we do not serve", remedy="Use MVT, PNG, JPEG or WebP."
            )
        yield _PMTiles(reader)


class _PMTiles:
    """PMTiles v3."""

    def __init__(self, reader: PMTilesReader) -> None:
        self._reader = reader
        west, south, east, north = reader.header.bounds
        self.metadata: Mapping[str, Any] = {"bounds": f"{west},{south},{east},{north}"} | reader.metadata

    def tiles(self) -> Iterator[Tile]:
        """Yield all tiles, those of a run one by one."""
        number = 0
        for first, run, _, _ in self._reader.entries():
            data = self._reader.get_by_id(first) or b""
            for k in range(run):
                zoom, column, row = tile_of(first + k)
                _check_place(number, zoom, column, row)
                number += 1
                yield zoom, column, row, data
