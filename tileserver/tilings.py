"""What the documents of every protocol say of a layer's tiles: in which grids, zooms and types, and how far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from naru.grids import GRIDS, Grid
from naru.records import BBox, Layer
from tileserver.pyramids import FINEST_PICTURE, LayerPyramid
from tileserver.rasters.places import grid_range, tile_limits
from tileserver.snapshot import Snapshot

VECTOR = "mvt"
_OVERHANG = 1  # tiles by which what is drawn of features, such as their names, may reach beyond them
Limits = tuple[int, int, int, int]  # least column, last column, least row, last row
Tile = tuple[int, int, int]  # z, x, y


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

    def zooms(self, *, pictures: bool) -> range:
        """Return the zooms that there are: of features drawn as pictures more than of their vector tiles."""
        last = (
            max(self.maxzoom, min(FINEST_PICTURE, self.grid.maxzoom)) if self._is_drawn(pictures) else self.maxzoom
        )
        return range(self.minzoom, last + 1)

    def limits(self, *, pictures: bool) -> dict[int, Limits]:
        """Return the tiles in which something may be, by zoom."""
        found = ((z, self._limit(z, pictures)) for z in self.zooms(pictures=pictures))
        return {z: limit for z, limit in found if limit is not None}

    def reaches(self, tile: Tile, *, pictures: bool) -> bool:
        """Tell whether a tile is within these limits."""
        z, x, y = tile
        limit = self._limit(z, pictures) if z in self.zooms(pictures=pictures) else None
        return limit is not None and limit[0] <= x <= limit[1] and limit[2] <= y <= limit[3]

    def _is_drawn(self, pictures: bool) -> bool:
        return pictures and not self.pyramid.is_raster

    def _limit(self, z: int, pictures: bool) -> Limits | None:
        found = tile_limits(self.bounds, self.grid.id, z)
        if found is None or not self._is_drawn(pictures):
            return found
        columns, rows = (self.grid.columns << z) - 1, (self.grid.rows << z) - 1
        left, right, top, bottom = found
        across = max(0, left - _OVERHANG), min(columns, right + _OVERHANG)
        return *across, max(0, top - _OVERHANG), min(rows, bottom + _OVERHANG)


def together(boxes: Sequence[BBox]) -> BBox:
    """Return the box round boxes (W, S, E, N, degrees); where one crosses the 180th meridian, all the way round.

    >>> together([(126.0, 37.0, 127.0, 38.0), (127.5, 36.0, 128.0, 37.0)]), together([(170.0, 0.0, -170.0, 10.0)])
    ((126.0, 36.0, 128.0, 38.0), (-180.0, 0.0, 180.0, 10.0))
    """
    wests, souths, easts, norths = zip(*boxes, strict=True)
    across = any(west > east for west, east in zip(wests, easts, strict=True))
    west, east = (-180.0, 180.0) if across else (min(wests), max(easts))
    return west, min(souths), east, max(norths)


def tilings(snapshot: Snapshot, layer: Layer) -> tuple[Tiling, ...]:
    """Return a layer's tiles in every grid in which it has any, Web Mercator first."""
    found = (tiling_in(snapshot, layer, grid) for grid in GRIDS)
    return tuple(tiling for tiling in found if tiling is not None)


def tiling_in(snapshot: Snapshot, layer: Layer, grid_id: str) -> Tiling | None:
    """Return a layer's tiles in one grid, or None where it has none."""
    pyramid = snapshot.elsewhere.get((layer.id, grid_id)) or snapshot.pyramids.get(layer.id)
    zooms = grid_range(pyramid, grid_id) if pyramid else None
    if pyramid is None or zooms is None or tile_limits(pyramid.tileset.bounds, grid_id, zooms[0]) is None:
        return None
    return Tiling(pyramid, GRIDS[grid_id], *zooms)


def reaches(snapshot: Snapshot, layers: Sequence[Layer], grid: str, tile: Tile, *, pictures: bool) -> bool:
    """Tell whether a tile is within the limits of any of the layers; true where one has no tiles in this grid."""
    found = [tiling_in(snapshot, layer, grid) for layer in layers]
    return any(tiling is None or tiling.reaches(tile, pictures=pictures) for tiling in found)
