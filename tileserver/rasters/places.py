"""Which zooms and tiles of each grid a raster has: arithmetic, light to import."""

from __future__ import annotations

from functools import lru_cache

from naru.cog import Cog
from naru.grids import GRIDS, Grid, limits
from naru.records import BBox
from tileserver.pyramids import LayerPyramid


def grid_range(pyramid: LayerPyramid, grid_id: str) -> tuple[int, int] | None:
    """Return the coarsest and finest zoom in which a raster is to be had in a grid; None where it is not.

    In another grid than its own it is drawn from its COG, at the zooms whose pixels are nearest to its own on the
    ground. Pictures that are made already are to be had in their own grid only.
    """
    tileset = pyramid.tileset
    if grid_id == pyramid.tms:
        return tileset.minzoom, tileset.maxzoom
    if pyramid.cog is None or grid_id not in GRIDS or tile_limits(tileset.bounds, grid_id, 0) is None:
        return None
    return GRIDS[grid_id].zoom_like(tileset.minzoom), GRIDS[grid_id].zoom_like(tileset.maxzoom)


@lru_cache(maxsize=8192)
def tile_limits(bounds: BBox, grid_id: str, z: int) -> tuple[int, int, int, int] | None:
    """Return `naru.grids.limits` of a box (W, S, E, N, degrees), remembered."""
    return limits(GRIDS[grid_id], bounds, z)


def reaches(bounds: BBox, grid_id: str, z: int, x: int, y: int) -> bool:
    """Tell whether a raster within `bounds` (W, S, E, N, degrees) may have something in a grid's tile."""
    found = tile_limits(bounds, grid_id, z)
    return found is not None and found[0] <= x <= found[1] and found[2] <= y <= found[3]


def level_for(cog: Cog, grid: Grid, z: int) -> int:
    """Return the zoom of a COG, which lies in Web Mercator, from which a grid's zoom is drawn.

    The finest one whose pixels are not finer than the grid's by half or more; the last one beyond it.
    """
    zooms = range(cog.maxzoom, cog.minzoom, -1)
    return next((zoom for zoom in zooms if grid.zoom_like(zoom) <= z), cog.minzoom)
