"""Sources for tests of the tiling engine, and what their tiles hold when others decode them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas
import mapbox_vector_tile
import numpy as np
import shapely
from shapely.geometry import shape

from ingest.tiling import TilingOptions, TilingResult, build_tileset
from tests.decode import Tile, tiles_of

LAYER = "layer"
SEOUL = (127.0, 37.5)


def source(
    folder: Path, geometries: Sequence[Any], columns: Mapping[str, Any] | None = None, crs: Any = 4326
) -> Path:
    """Write geometries and columns as GeoParquet."""
    path = folder / "source.parquet"
    frame = geopandas.GeoDataFrame(dict(columns or {}), geometry=list(geometries), crs=crs)
    frame.to_parquet(path, write_covering_bbox=True)
    return path


def build(path: Path, **options: Any) -> tuple[Path, TilingResult]:
    """Build a source's tiles beside it."""
    destination = path.with_suffix(".pmtiles")
    given = TilingOptions(layer=LAYER, **options)
    return destination, build_tileset(path, destination, given, lambda share, message: None)


def tiled(
    folder: Path, geometries: Sequence[Any], columns: Mapping[str, Any] | None = None, **options: Any
) -> tuple[Path, TilingResult]:
    """Build the tiles of geometries in lon/lat."""
    return build(source(folder, geometries, columns), **options)


def decoded(archive: Path, zoom: int | None = None) -> list[tuple[Tile, dict[str, Any]]]:
    """Return every feature of every tile as (tile, feature); geometry as shapely, tile units, y down."""
    return [pair for tile, data in tiles_of(archive, zoom) for pair in _features(tile, data)]


def _features(tile: Tile, data: bytes) -> Iterator[tuple[Tile, dict[str, Any]]]:
    layers = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})
    assert list(layers) == [LAYER]
    for feature in layers[LAYER]["features"]:
        yield tile, feature | {"geometry": shape(feature["geometry"])}


def ids_by_zoom(archive: Path) -> dict[int, set[int]]:
    """Return the ids that appear at each zoom."""
    seen: dict[int, set[int]] = {}
    for (zoom, _, _), feature in decoded(archive):
        seen.setdefault(zoom, set()).add(feature["id"])
    return seen


def within_tiles(archive: Path, zoom: int) -> list[shapely.Geometry]:
    """Return the geometries of a zoom without their buffers, in units of the zoom's whole grid."""
    square = shapely.box(0, 0, 4096, 4096)
    return [
        shapely.transform(
            feature["geometry"].intersection(square), lambda xy, t=tile: xy + np.array([t[1], t[2]]) * 4096.0
        )
        for tile, feature in decoded(archive, zoom)
    ]


def to_grid(geometry: Any, zoom: int) -> Any:
    """Return a lon/lat geometry in units of a zoom's whole grid (Web Mercator, 4096 a tile)."""

    def project(lonlat: Any) -> Any:
        x = lonlat[:, 0] / 360 + 0.5
        y = 0.5 - np.arctanh(np.sin(np.radians(lonlat[:, 1]))) / (2 * np.pi)
        return np.column_stack([x, y]) * 4096 * 2**zoom

    return shapely.transform(geometry, project)
