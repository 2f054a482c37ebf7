"""Tiles read by others' code: PMTiles by its reference package and by GDAL, MVT by mapbox_vector_tile and GDAL."""

from __future__ import annotations

import gzip
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import shapely
from pmtiles.reader import MmapSource, Reader, all_tiles
from shapely.geometry import shape

EXTENT = 4096
Tile = tuple[int, int, int]  # z, x, y


def tiles_of(archive: Path, zoom: int | None = None) -> Iterator[tuple[Tile, bytes]]:
    """Yield every tile (of one zoom) of a PMTiles archive, unpacked."""
    with archive.open("rb") as file:
        for tile, data in all_tiles(MmapSource(file)):
            if zoom is None or tile[0] == zoom:
                yield tile, gzip.decompress(data)


def header_of(archive: Path) -> dict[str, Any]:
    """Return the archive's header as the reference package reads it."""
    with archive.open("rb") as file:
        header: dict[str, Any] = Reader(MmapSource(file)).header()
    return header


def features_at(archive: Path, zoom: int, layer: str) -> dict[int, list[dict[str, Any]]]:
    """Return the pieces of each feature of one zoom by feature id; geometry is in lon/lat, not clipped."""
    found = defaultdict(list)
    for tile, data in tiles_of(archive, zoom):
        decoded = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})
        for feature in decoded.get(layer, {"features": []})["features"]:
            found[feature["id"]].append(feature | {"geometry": lonlat(shape(feature["geometry"]), tile)})
    return found


def lonlat(geometry: shapely.Geometry, tile: Tile) -> shapely.Geometry:
    """Return tile coordinates (y down) as lon/lat: OGC 17-083r4, WebMercatorQuad."""
    z, x, y = tile

    def one(point: Any) -> Any:
        across, down = (x + point[:, 0] / EXTENT) / 2**z, (y + point[:, 1] / EXTENT) / 2**z
        out = point.copy()
        out[:, 0] = across * 360 - 180
        out[:, 1] = [math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * v)))) for v in down]
        return out

    return shapely.transform(geometry, one)


def whole(pieces: list[dict[str, Any]]) -> shapely.Geometry:
    """Return a feature put together again from its pieces."""
    return shapely.union_all([shapely.make_valid(piece["geometry"]) for piece in pieces])
