"""What the documents of every protocol say of a layer's tiles: in which grids, zooms and types, and how far."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from naru.grids import GRIDS, Grid, limits
from naru.records import BBox, Layer
from tileserver.pyramids import LayerPyramid
from tileserver.snapshot import Snapshot

VECTOR = "mvt"
Limits = tuple[int, int, int, int]  # least column, last column, least row, last row


@dataclass(frozen=True)
class Tiling:
    """One layer's tiles in one grid."""

    pyramid: LayerPyramid
    grid: Grid
    minzoom: int  # of the grid
    maxzoom: int

    @property
    def layer(self) -> Layer:
        """Whose tiles they are."""
        return self.pyramid.layer

    @property
    def bounds(self) -> BBox:
        """West, south, east, north, degrees (WGS 84)."""
        return self.pyramid.tileset.bounds

    @property
    def types(self) -> tuple[str, ...]:
        """The types in which they can be had (mvt, png, …), the best one first."""
        return self.pyramid.types

    @property
    def pictures(self) -> tuple[str, ...]:
        """Those of the types that are pictures."""
        return tuple(kind for kind in self.types if kind != VECTOR)

    def limits(self) -> dict[int, Limits]:
        """Return the tiles that the layer touches, by zoom."""
        found = ((z, _limits(self.grid.id, self.bounds, z)) for z in range(self.minzoom, self.maxzoom + 1))
        return {z: limit for z, limit in found if limit is not None}


def tilings(snapshot: Snapshot, layer: Layer) -> tuple[Tiling, ...]:
    """Return a layer's tiles in every grid in which it has any, Web Mercator first."""
    found = (tiling_in(snapshot, layer, grid) for grid in GRIDS)
    return tuple(tiling for tiling in found if tiling is not None)


def reaches(snapshot: Snapshot, layer: Layer, grid: str, tile: tuple[int, int, int]) -> bool:
    """Tell whether a tile (z, x, y) is within the layer's limits; true where it has no tiles in this grid."""
    tiling = tiling_in(snapshot, layer, grid)
    if tiling is None:
        return True
    z, x, y = tile
    limit = _limits(grid, tiling.bounds, z) if tiling.minzoom <= z <= tiling.maxzoom else None
    return limit is not None and limit[0] <= x <= limit[1] and limit[2] <= y <= limit[3]


def tiling_in(snapshot: Snapshot, layer: Layer, grid_id: str) -> Tiling | None:
    """Return a layer's tiles in one grid, or None where it has none."""
    grid = GRIDS[grid_id]
    pyramid = snapshot.elsewhere.get((layer.id, grid_id)) or snapshot.pyramids.get(layer.id)
    if pyramid is None:
        return None
    if pyramid.tms == grid.id:
        tiling = Tiling(pyramid, grid, pyramid.minzoom, pyramid.maxzoom)
    elif pyramid.cog is not None:  # drawn in any grid
        tiling = Tiling(pyramid, grid, grid.zoom_like(pyramid.minzoom), grid.zoom_like(pyramid.maxzoom))
    else:
        return None
    return tiling if _limits(grid.id, tiling.bounds, tiling.minzoom) else None


@lru_cache(maxsize=8192)  # a layer has some twenty in each grid
def _limits(grid: str, bounds: BBox, z: int) -> Limits | None:
    return limits(GRIDS[grid], bounds, z)
