"""From an export to bytes: some formats come as a stream, others are made as a file first."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from naru.export import geojson, geopackage, geoparquet, kml, shapefile, table, xlsx
from naru.export.job import Export
from naru.storage import disk_errors

STREAMS: dict[str, Callable[[Export], Iterator[bytes]]] = {
    "geojson": geojson.pieces,
    "kml": kml.pieces,
    "csv": table.pieces,
    "parquet": geoparquet.pieces,
}
FILES: dict[str, Callable[[Export, Path], None]] = {
    "shp": shapefile.write,
    "xlsx": xlsx.write,
    "gpkg": geopackage.write,
}
_CHUNK = 1 << 18


def pieces(export: Export, scratch: Path) -> Iterator[bytes]:
    """Return the bytes of an export. What must be made as a file first is made below `scratch`.

    Raises:
        BadSelection, ExportLimit, ArchiveDamaged, StorageFailed: while they are taken; before the first of them
            where a file is made.
    """
    name = export.format.name
    return STREAMS[name](export) if name in STREAMS else made_first(partial(FILES[name], export), scratch)


def write(export: Export, path: Path) -> None:
    """Write the file of an export to `path`; raises as `pieces`."""
    name = export.format.name
    if name in FILES:
        FILES[name](export, path)
        return
    with path.open("wb") as stream:
        for piece in STREAMS[name](export):
            stream.write(piece)


def made_first(make: Callable[[Path], None], scratch: Path) -> Iterator[bytes]:
    """Yield the bytes of a file that `make` writes below `scratch`."""
    with kept_open(make, scratch) as stream:
        yield from chunks(stream)


def kept_open(make: Callable[[Path], None], scratch: Path) -> BinaryIO:
    """Return a file that `make` writes below `scratch`, open and already without a name: it cannot be left behind.

    Raises:
        StorageFailed: the disk is full, or the folder may not be written to.
    """
    with disk_errors(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch, prefix="export-") as folder:
            made = Path(folder) / "made"
            make(made)
            return made.open("rb")


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what is left of an open file."""
    while chunk := stream.read(_CHUNK):
        yield chunk
