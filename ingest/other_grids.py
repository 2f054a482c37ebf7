"""A vector layer's tiles in the grids beside Web Mercator: at once where that is quick, else by jobs that follow.

Nothing that is live waits for them: a larger layer is published in Web Mercator, and each other grid is added to
that version when its tiles are cut. A grid that draws no part of the layer is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection

from ingest.made import Put, verify_tiles
from ingest.recut import TilesBefore, tiles_before
from ingest.tiling import TilingOptions, TilingResult, build_tileset
from naru.errors import NoFeatures, UnknownLayer, UnknownVersion
from naru.grid_jobs import in_web_mercator, others
from naru.grids import GRIDS, Grid
from naru.house import House
from naru.records import BBox, Job, Layer, Progress, Tileset, Version
from naru.style import label_field

AT_ONCE = 200_000  # weight of a layer that is cut in all grids before it is published: see bench/README.md
_TILE, _SHARED = 20, 4  # what a tile weighs in vertices; how much more a vertex does that neighbours share


@dataclass(frozen=True)
class GridTiles:
    """A layer's tiles in one grid, in the work folder."""

    grid: Grid
    path: Path
    result: TilingResult
    bounds: BBox  # lon/lat, WGS 84

    def stored(self, put: Put) -> Tileset:
        """Move the archive into storage; return the tileset."""
        result = self.result
        return Tileset(
            archive=put(self.path),
            tile_type="mvt",
            tile_matrix_set=self.grid.id,
            minzoom=result.minzoom,
            maxzoom=result.maxzoom,
            bounds=self.bounds,
            tiles=result.tiles,
            vector_layers=result.vector_layers,
            rules=result.rules,
        )


@dataclass(frozen=True)
class Cutting:
    """What to cut, and where: the source, how its Web Mercator tiles were asked for, and those tiles' zooms."""

    source: Path
    options: TilingOptions
    zooms: tuple[int, int]  # of the Web Mercator tiles
    bounds: BBox  # of the layer, lon/lat
    workdir: Path


def is_quick(result: TilingResult) -> bool:
    """Tell by a layer's Web Mercator tiles whether it is cut in all grids before it is published."""
    shared = 1 if result.rules["borders"] == "own" else _SHARED
    return result.vertices * shared + result.tiles * _TILE <= AT_ONCE


def cut_all(cutting: Cutting, before: Callable[[str], TilesBefore | None]) -> tuple[GridTiles, ...]:
    """Cut a small layer in all other grids, side by side. Raises what `ingest.tiling.build_tileset` raises."""
    grids = others(cutting.bounds)
    if not grids:
        return ()
    with ThreadPoolExecutor(len(grids), "grid") as pool:
        made = pool.map(lambda grid: cut(cutting, grid, before(grid.id), _silent), grids)
        return tuple(one for one in made if one is not None)


def cut(cutting: Cutting, grid: Grid, before: TilesBefore | None, progress: Progress) -> GridTiles | None:
    """Cut a layer in one grid, over the same range of sizes on the ground; None where it draws none of it.

    Tiles that `before` has alike are copied. Raises what `ingest.tiling.build_tileset` raises; ArchiveDamaged.
    """
    lowest, highest = (grid.zoom_like(zoom) for zoom in cutting.zooms)
    options = replace(cutting.options, grid=grid, minzoom=lowest, maxzoom=highest)
    path = cutting.workdir / f"{options.layer}-{grid.id}.pmtiles"
    try:
        result = build_tileset(cutting.source, path, options, progress, before.archive if before else None)
    except NoFeatures:  # Web Mercator shows some, so it is the grid that has none
        return None
    verify_tiles(path, result.tiles)
    return GridTiles(grid, path, result, _smaller(result.bounds, cutting.bounds, grid))


def _smaller(found: BBox, bounds: BBox, grid: Grid) -> BBox:
    """Return the bounds of a grid's tiles: those of the layer are closer where the grid's axes lean."""
    if grid.crs == "OGC:CRS84":
        return found
    west, south = max(found[0], bounds[0]), max(found[1], bounds[1])
    return west, south, min(found[2], bounds[2]), min(found[3], bounds[3])


def _silent(share: float, message: str) -> None:
    """Say nothing: it takes a moment."""


def text_fields(parquet: Path) -> dict[str, str]:
    """Return the columns of text of a source; the kinds are named as in TileJSON."""
    schema = pq.read_schema(parquet)
    return {field.name: "String" for field in schema if pa.types.is_string(field.type)}


def add_grid(house: House, job: Job, workdir: Path, progress: Progress) -> Mapping[str, Any]:
    """Cut the tiles that a job names and add them to their version, which readers then see; end the job with it.

    What was done before is not done again; where the version is gone there is nothing to do.

    Raises JobLost, and what `ingest.tiling.build_tileset` raises.
    """
    layer_id, number, grid = str(job.params["layer"]), int(job.params["version"]), GRIDS[str(job.params["grid"])]
    about: dict[str, Any] = {"layer": layer_id, "version": number, "grid": grid.id}
    try:
        layer = house.catalogue.layer(layer_id)
        versions = {version.number: version for version in house.catalogue.versions(layer_id)}
    except UnknownLayer:
        return about | {"tiles": 0, "left_out": "the layer is gone"}
    version = versions.get(number)
    if version is None or version.source is None:
        return about | {"tiles": 0, "left_out": "the version is gone"}
    for tileset in version.tilesets:
        if tileset.tile_matrix_set == grid.id:
            return about | {"tiles": tileset.tiles}
    before = _version_before(versions, number, grid)
    made = cut(_cutting(house, layer, version, workdir), grid, tiles_before(house, before, grid.id), progress)
    if made is None:
        return about | {"tiles": 0, "left_out": "the grid draws none of the layer"}
    result = about | {"tiles": made.result.tiles, "tiles_kept": made.result.kept}

    def finish(connection: Connection) -> None:
        house.jobs.finish_within(connection, job, result)

    try:
        house.catalogue.add_tilesets(layer_id, number, [made.stored(house.storage.put)], finish)
    except UnknownVersion:
        return about | {"tiles": 0, "left_out": "the version is gone"}
    return result


def _cutting(house: House, layer: Layer, version: Version, workdir: Path) -> Cutting:
    """Return how a version that is published was asked for."""
    mercator = in_web_mercator(version)
    assert version.source is not None
    assert mercator is not None, "a version that is cut in other grids has Web Mercator tiles"
    source = house.storage.path(version.source)
    options = TilingOptions(
        layer=layer.id,
        label=label_field(text_fields(source)),
        keep_all=bool(mercator.rules.get("keep_all")),
        name=layer.title_ko,
        attribution=layer.attribution,
    )
    return Cutting(source, options, (mercator.minzoom, mercator.maxzoom), mercator.bounds, workdir)


def _version_before(versions: Mapping[int, Version], number: int, grid: Grid) -> Version | None:
    """Return the newest version before one that has tiles in a grid."""
    older = [version for version in versions.values() if version.number < number]
    with_grid = [v for v in older if any(t.tile_matrix_set == grid.id for t in v.tilesets)]
    return max(with_grid, key=lambda version: version.number, default=None)
