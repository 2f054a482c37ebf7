"""The tile matrix sets in which layers are served: quadtrees in four coordinate systems, light to import.

Each is a square that is quartered again and again. Its *depth* is 0 for the whole square; a set may begin deeper:
WorldCRS84Quad's zoom 0 is the upper half of a square of 360 degrees at depth 1, two tiles side by side. Archives
(PMTiles) number tiles by depth, so each set fits in one. `naru/tms.py` has the same sets as OGC documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

TILE_PX = 256


@dataclass(frozen=True, slots=True)
class Grid:
    """One served tile matrix set; x before y here, whatever the axis order of its CRS."""

    id: str
    crs: str  # "EPSG:5179"
    left: float  # of the square, in units of the CRS
    top: float
    side: float  # of the square, in units of the CRS
    first: int  # depth of zoom 0
    columns: int  # tiles at zoom 0
    rows: int
    maxzoom: int

    def has(self, z: int, x: int, y: int) -> bool:
        """Return whether the set has the tile."""
        return 0 <= z <= self.maxzoom and 0 <= x < self.columns << z and 0 <= y < self.rows << z

    def cell_size(self, z: int) -> float:
        """Return the width of a pixel of a 256 px tile, in units of the CRS."""
        return self.side / TILE_PX / (1 << (z + self.first))

    def bounds(self, z: int, x: int, y: int) -> tuple[float, float, float, float]:
        """Return xmin, ymin, xmax, ymax of a tile in the set's CRS, x before y."""
        wide = self.side / (1 << (z + self.first))
        return self.left + x * wide, self.top - (y + 1) * wide, self.left + (x + 1) * wide, self.top - y * wide


_WORLD_M = 2 * 20037508.342789244
_KOREA_M = 66846.72 * TILE_PX  # the national base map's scales, 2088.96 m a pixel at level 5, carried on upwards
_SETS = (
    Grid("WebMercatorQuad", "EPSG:3857", -_WORLD_M / 2, _WORLD_M / 2, _WORLD_M, 0, 1, 1, 24),
    Grid("WorldCRS84Quad", "OGC:CRS84", -180.0, 90.0, 360.0, 1, 2, 1, 23),
    Grid("EPSG5179", "EPSG:5179", -200_000.0, 4_000_000.0, _KOREA_M, 0, 1, 1, 22),
    Grid("EPSG5186", "EPSG:5186", -1_000_000.0, 2_600_000.0, _KOREA_M, 0, 1, 1, 22),
)
GRIDS: Mapping[str, Grid] = MappingProxyType({grid.id: grid for grid in _SETS})
_ALIASES = {"EPSG:5179": "EPSG5179", "EPSG:5186": "EPSG5186"}
NAMES: Mapping[str, str] = MappingProxyType({name: name for name in GRIDS} | _ALIASES)  # as it may be written: id
