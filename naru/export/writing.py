"""From an export to bytes: some formats come as a stream, others are made as a file first."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

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


def made_first(make: Callable[[Path], None], scratch: Path) -> Iterator[bytes]:
    """Yield the bytes of a file that `make` writes below `scratch`; it is gone afterwards, however that ends."""
    with disk_errors(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch, prefix="export-") as folder:
            made = Path(folder) / "made"
            make(made)
            yield from chunks(made)


def chunks(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes."""
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
