"""A layer's tiles as they are: PMTiles with its licence in the metadata, or MBTiles 1.3."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from naru.errors import NoSuchExport
from naru.export.about import About
from naru.pmtiles import PMTilesReader, mapped
from naru.pmtiles import header as heads
from naru.pmtiles.hilbert import tile_of
from naru.pmtiles.reader import Mapped
from naru.records import Progress, Tileset, Version

_CHUNK = 1 << 20
_FORMATS = {"mvt": "pbf"}  # what MBTiles calls it; others by their own name
_SAY_EVERY = 4096  # tiles
_SCHEMA = (
    "CREATE TABLE metadata (name TEXT, value TEXT)",
    "CREATE TABLE map (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_id TEXT)",
    "CREATE TABLE images (tile_id TEXT PRIMARY KEY, tile_data BLOB) WITHOUT ROWID",
    "CREATE VIEW tiles AS SELECT zoom_level, tile_column, tile_row, tile_data "
    "FROM map JOIN images ON images.tile_id = map.tile_id",
)
_INDEX = "CREATE UNIQUE INDEX map_index ON map (zoom_level, tile_column, tile_row)"


def tileset_of(version: Version, layer_id: str) -> Tileset:
    """Return the version's pyramid in a PMTiles archive.

    Raises:
        NoSuchExport: it has none.
    """
    for tileset in version.tilesets:
        if tileset.archive.suffix == ".pmtiles" and tileset.tile_matrix_set == "WebMercatorQuad":
            return tileset
    raise NoSuchExport(
        "the layer keeps no tiles, it is drawn from its pixels", layer=layer_id, remedy="Choose the format tif."
    )


def pmtiles_pieces(archive: Path, about: About, progress: Progress) -> Iterator[bytes]:
    """Yield a PMTiles archive whose metadata say whose it is; its directories and tiles stay as they are.

    Raises:
        ArchiveDamaged: the archive is not what it should be.
    """
    with mapped(archive) as read:
        reader = PMTilesReader(read)
        head, metadata = reader.header, gzip.compress(_metadata(reader.metadata, about), mtime=0)
        end = max((offset + length for _, _, offset, length in reader.entries()), default=0)
        if head.internal_compression != heads.COMPRESSION_GZIP:
            metadata = gzip.decompress(metadata)
        leaves = heads.LENGTH + head.root_length + len(metadata)
        moved = replace(
            head,
            root_offset=heads.LENGTH,
            metadata_offset=heads.LENGTH + head.root_length,
            metadata_length=len(metadata),
            leaves_offset=leaves,
            data_offset=leaves + head.leaves_length,
            data_length=end,  # what lies behind the last tile is the engine's own
        )
        yield moved.pack() + read(head.root_offset, head.root_length) + metadata
        yield read(head.leaves_offset, head.leaves_length)
        for at in range(0, end, _CHUNK):
            yield read(head.data_offset + at, min(_CHUNK, end - at))
            progress(at / end, f"{at} of {end} bytes")


def _metadata(found: Mapping[str, Any], about: About) -> bytes:
    members = {"name": about.title_ko, "description": about.title_en, "attribution": about.attribution}
    members |= {"license": about.licence, "version": f"1.{about.version}.0"}
    return json.dumps({**found, **{n: v for n, v in members.items() if v}}, ensure_ascii=False).encode()


def write_mbtiles(archive: Path, tileset: Tileset, about: About, path: Path, progress: Progress) -> int:
    """Write tiles as MBTiles (rows counted from the south) to `path`, where nothing is yet; return their number."""
    with mapped(archive) as read, closing(sqlite3.connect(path, isolation_level=None)) as database:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "application_id=0x4d504258"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("BEGIN")
        for statement in _SCHEMA:
            database.execute(statement)
        reader = PMTilesReader(read)
        rows = _mbtiles_metadata(reader.metadata, tileset, about)
        database.executemany("INSERT INTO metadata VALUES (?, ?)", rows.items())
        count = _copy_tiles(reader, read, database, progress)
        database.execute(_INDEX)
        database.execute("COMMIT")
    return count


def _copy_tiles(reader: PMTilesReader, read: Mapped, database: sqlite3.Connection, progress: Progress) -> int:
    """Copy every tile; equal ones are kept once, as they are in the archive."""
    head, count = reader.header, 0
    for first, run, offset, length in reader.entries():
        image = (str(offset), read(head.data_offset + offset, length))
        database.execute("INSERT OR IGNORE INTO images VALUES (?, ?)", image)
        places = (tile_of(number) for number in range(first, first + run))
        marks = ((z, x, (1 << z) - 1 - y, image[0]) for z, x, y in places)
        database.executemany("INSERT INTO map VALUES (?, ?, ?, ?)", marks)
        count += run
        if count % _SAY_EVERY < run:
            progress(min(1.0, count / max(1, head.addressed_tiles)), f"{count} of {head.addressed_tiles} tiles")
    return count


def _mbtiles_metadata(found: Mapping[str, Any], tileset: Tileset, about: About) -> dict[str, str]:
    west, south, east, north = tileset.bounds
    rows = {
        "name": about.title_ko or about.id,
        "format": _FORMATS.get(tileset.tile_type, tileset.tile_type),
        "bounds": ",".join(f"{degrees:.7g}" for degrees in tileset.bounds),
        "center": f"{(west + east) / 2:.7g},{(south + north) / 2:.7g},{tileset.minzoom}",
        "minzoom": str(tileset.minzoom),
        "maxzoom": str(tileset.maxzoom),
        "attribution": about.attribution,
        "description": about.title_en,
        "license": about.licence,
        "type": "overlay",
        "version": str(about.version),
    }
    if tileset.tile_type == "mvt":
        layers = {"vector_layers": [dict(layer) for layer in tileset.vector_layers]}
        statistics = {"tilestats": found["tilestats"]} if "tilestats" in found else {}
        rows["json"] = json.dumps(layers | statistics, ensure_ascii=False)
    return {name: value for name, value in rows.items() if value}
