"""Which grids a version of a layer could be had in and is not yet, and the jobs that cut them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from naru.grids import GRIDS, WEB_MERCATOR, Grid, limits
from naru.records import BBox, Tileset, Version

KIND = "grids"  # of job; whoever waits for another kind goes first: see naru/jobs.py


def others(bounds: BBox) -> tuple[Grid, ...]:
    """Return the grids beside Web Mercator that draw some of a layer with these bounds (lon/lat, WGS 84).

    >>> [grid.id for grid in others((2.2, 48.8, 2.5, 48.9))]
    ['WorldCRS84Quad']
    """
    return tuple(grid for grid in GRIDS.values() if grid.id != WEB_MERCATOR and limits(grid, bounds, 0))


def in_web_mercator(version: Version) -> Tileset | None:
    """Return a version's vector tiles in Web Mercator, by which those in other grids are cut; None without."""
    for tileset in version.tilesets:
        if tileset.tile_matrix_set == WEB_MERCATOR and tileset.tile_type == "mvt":
            return tileset
    return None


def missing(version: Version) -> tuple[str, ...]:
    """Return the grids that a version could have and has not: none where it has no source of features."""
    mercator = in_web_mercator(version)
    if mercator is None or version.source is None or version.source.suffix != ".parquet":
        return ()
    there = {tileset.tile_matrix_set for tileset in version.tilesets}
    return tuple(grid.id for grid in others(mercator.bounds) if grid.id not in there)


def parameters(version: Version, grids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the parameters of the jobs that cut a version in other grids, one each: none keeps others long."""
    about = {"layer": version.layer_id, "version": version.number}
    return [{**about, "grid": grid, "name": f"{version.layer_id} · {grid}"} for grid in grids]
