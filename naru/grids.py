"""The tile matrix sets in which layers are served: quadtrees in four coordinate systems, light to import.

Each is a square that is quartered again and again. Its *depth* is 0 for the whole square; a set may begin deeper:
WorldCRS84Quad's zoom 0 is the upper half of a square of 360 degrees at depth 1, two tiles side by side. Archives
(PMTiles) number tiles by depth, so each set fits in one. `naru/tms.py` has the same sets as OGC documents.

EPSG5179 is the grid of the national base map (국토지리정보원 바로e맵): its zooms 5 to 18 are that map's levels L05
to L18, 2088.96 to 0.255 m a pixel from the corner (-200000, 4000000). EPSG5186, for which there is no national
grid, is ours: its zoom 11 has tiles of one kilometre whose corners are whole kilometres.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from naru.records import BBox

if TYPE_CHECKING:
    from pyproj import Transformer

TILE_PX = 256
PIXEL_M = 0.00028  # of the standardised rendering pixel: OGC 17-083r4 §6.1.1.1
WEB_MERCATOR = "WebMercatorQuad"
SEOUL_LATITUDE = 37.5665  # where zooms of different sets are compared
_DENSE = 21  # points put on each edge of a box before it is transformed
_SLACK = 1e-6  # of a tile: what rounding may add to a box that ends at a tile's edge
_RADIUS = 6378137.0


@dataclass(frozen=True, slots=True)
class Grid:
    """One served tile matrix set; x before y here, whatever the axis order of its CRS."""

    id: str
    title: str
    crs: str  # "EPSG:5179"
    left: float  # of the square, in units of the CRS
    top: float
    side: float  # of the square, in units of the CRS
    first: int  # depth of zoom 0
    columns: int  # tiles at zoom 0
    rows: int
    maxzoom: int
    area: BBox  # what is drawn of the world, lon/lat degrees (WGS 84); it lies in the square
    northing_first: bool = False  # the CRS's own order of axes, as OGC documents must have it
    metres_per_unit: float = 1.0  # of the CRS, for scale denominators: OGC 17-083r4 §6.1.1.1

    @property
    def spoken(self) -> str:
        """What people call it."""
        return "Web Mercator" if self.id == WEB_MERCATOR else self.id

    def has(self, z: int, x: int, y: int) -> bool:
        """Return whether the set has the tile.

        >>> GRIDS["WorldCRS84Quad"].has(0, 1, 0), GRIDS["WorldCRS84Quad"].has(0, 1, 1)
        (True, False)
        """
        return 0 <= z <= self.maxzoom and 0 <= x < self.columns << z and 0 <= y < self.rows << z

    def cell_size(self, z: int) -> float:
        """Return the width of a pixel of a 256 px tile, in units of the CRS.

        >>> round(GRIDS["EPSG5179"].cell_size(18), 3)
        0.255
        """
        return self.side / TILE_PX / (1 << (z + self.first))

    def scale_denominator(self, z: int) -> float:
        """Return the scale of a 256 px tile on pixels of 0.28 mm (OGC 17-083r4 §6.1.1.1)."""
        return self.cell_size(z) * self.metres_per_unit / PIXEL_M

    def bounds(self, z: int, x: int, y: int) -> tuple[float, float, float, float]:
        """Return xmin, ymin, xmax, ymax of a tile in the set's CRS, x before y.

        >>> GRIDS["EPSG5186"].bounds(11, 1000, 900)
        (200000.0, 599000.0, 201000.0, 600000.0)
        """
        wide = self.side / (1 << (z + self.first))
        return self.left + x * wide, self.top - (y + 1) * wide, self.left + (x + 1) * wide, self.top - y * wide

    def tile(self, x: float, y: float, z: int) -> tuple[int, int]:
        """Return column and row of the tile at a position in the set's CRS; beyond the edges, the last tile.

        >>> GRIDS["EPSG5186"].tile(200_500.0, 599_500.0, 11)
        (1000, 900)
        """
        column, row = self._place(x, y, z)
        return _within(math.floor(column), self.columns << z), _within(math.floor(row), self.rows << z)

    def zoom_like(self, web_mercator_zoom: int) -> int:
        """Return the zoom whose pixels are nearest in size to those of Web Mercator's zoom, on the ground in Seoul.

        Along the parallel, and by ratio; at least 0, at most the set's last.

        >>> [GRIDS[name].zoom_like(14) for name in GRIDS]
        [14, 13, 13, 10]
        """
        across = math.cos(math.radians(SEOUL_LATITUDE))
        theirs = 2 * math.pi * _RADIUS / TILE_PX * across / 2**web_mercator_zoom
        shrunk = across if self.crs in ("EPSG:3857", "OGC:CRS84") else 1.0
        ours = self.cell_size(0) * self.metres_per_unit * shrunk
        return min(max(0, round(math.log2(ours / theirs))), self.maxzoom)

    def _place(self, x: float, y: float, z: int) -> tuple[float, float]:
        tiles = 1 << (z + self.first)
        return (x - self.left) / self.side * tiles, (self.top - y) / self.side * tiles


_WORLD_M = 2 * 20037508.342789244
_KOREA_M = 66846.72 * TILE_PX  # the national base map's scales, 2088.96 m a pixel at level 5, carried on upwards
_KILOMETRES = 2_048_000.0
_KOREA: BBox = (120.0, 28.0, 136.0, 44.0)  # within it, the scale of both projections is true to 1 %
_MERCATOR: BBox = (-180.0, -85.05112877980659, 180.0, 85.05112877980659)
_WORLD: BBox = (-180.0, -90.0, 180.0, 90.0)
_DEGREE_M = math.radians(_RADIUS)
_SETS = (
    Grid(
        WEB_MERCATOR,
        "Google Maps Compatible for the World",
        "EPSG:3857",
        *(-_WORLD_M / 2, _WORLD_M / 2, _WORLD_M),
        *(0, 1, 1, 24),
        _MERCATOR,
    ),
    Grid(
        "WorldCRS84Quad",
        "CRS84 for the World",
        "OGC:CRS84",
        *(-180.0, 90.0, 360.0),
        *(1, 2, 1, 23),
        _WORLD,
        metres_per_unit=_DEGREE_M,
    ),
    Grid(
        "EPSG5179",
        "Korea 2000 / Unified CS, the levels of the national base map",
        "EPSG:5179",
        *(-200_000.0, 4_000_000.0, _KOREA_M),
        *(0, 1, 1, 23),
        _KOREA,
        northing_first=True,
    ),
    Grid(
        "EPSG5186",
        "Korea 2000 / Central Belt 2010, tiles of whole kilometres",
        "EPSG:5186",
        *(-800_000.0, 1_500_000.0, _KILOMETRES),
        *(0, 1, 1, 20),
        _KOREA,
        northing_first=True,
    ),
)
GRIDS: Mapping[str, Grid] = MappingProxyType({grid.id: grid for grid in _SETS})
_ALIASES = {"EPSG:5179": "EPSG5179", "EPSG:5186": "EPSG5186"}
NAMES: Mapping[str, str] = MappingProxyType({name: name for name in GRIDS} | _ALIASES)  # as it may be written: id


def limits(grid: Grid, bounds: BBox, z: int) -> tuple[int, int, int, int] | None:
    """Return min column, max column, min row, max row of the tiles that a box touches (OGC 17-083r4 §6.3).

    `bounds`: west, south, east, north, degrees (WGS 84); west > east crosses the 180th meridian and takes all
    columns. Its edges are followed where the projection bends them. None: all of it lies beyond the set's area.
    A box that only touches a tile's far edge does not reach the next.

    >>> limits(GRIDS["WebMercatorQuad"], (126.9, 37.4, 127.1, 37.6), 10)
    (872, 873, 396, 397)
    """
    inside = _clipped(bounds, grid.area)
    if inside is None:
        return None
    left, bottom, right, top = _projected(grid, inside)
    first, last = grid._place(left, top, z), grid._place(right, bottom, z)
    columns = _span(first[0], last[0], grid.columns << z)
    return *columns, *_span(first[1], last[1], grid.rows << z)


def bounds_of(grid: Grid, z: int, x: int, y: int) -> BBox:
    """Return west, south, east, north of a tile, degrees (WGS 84): the box round it where its edges are curves.

    `Grid.bounds` gives it in the set's own CRS.

    >>> bounds_of(GRIDS["WorldCRS84Quad"], 1, 0, 0)
    (-180.0, 0.0, -90.0, 90.0)
    """
    return lonlat_bounds(grid, grid.bounds(z, x, y))


def lonlat_bounds(grid: Grid, box: tuple[float, float, float, float]) -> BBox:
    """Return the lon/lat box (degrees, WGS 84) round a box of the set's CRS, x before y, its edges followed."""
    west, south, east, north = box
    if grid.crs == "OGC:CRS84":
        return max(-180.0, west), max(-90.0, south), min(180.0, east), min(90.0, north)
    if grid.crs == "EPSG:3857":
        west, east = max(-180.0, math.degrees(west / _RADIUS)), min(180.0, math.degrees(east / _RADIUS))
        return west, _latitude(south), east, _latitude(north)
    return _transformer(grid.crs).transform_bounds(*box, densify_pts=_DENSE, direction="INVERSE")


def _clipped(bounds: BBox, area: BBox) -> BBox | None:
    west, south, east, north = bounds
    if west > east:
        west, east = -180.0, 180.0
    inside = max(west, area[0]), max(south, area[1]), min(east, area[2]), min(north, area[3])
    return None if inside[0] > inside[2] or inside[1] > inside[3] else inside


def _projected(grid: Grid, bounds: BBox) -> tuple[float, float, float, float]:
    """Return the box, in the set's CRS, round a lon/lat box whose edges are followed."""
    west, south, east, north = bounds
    if grid.crs == "OGC:CRS84":
        return bounds
    if grid.crs == "EPSG:3857":
        return math.radians(west) * _RADIUS, _northing(south), math.radians(east) * _RADIUS, _northing(north)
    return _transformer(grid.crs).transform_bounds(west, south, east, north, densify_pts=_DENSE)


@cache
def _transformer(crs: str) -> Transformer:
    """Return the way from lon/lat (WGS 84) into a CRS, x before y. Pyproj is loaded here and not before."""
    from pyproj import Transformer

    return Transformer.from_crs("OGC:CRS84", crs, always_xy=True)


def _northing(latitude: float) -> float:
    return _RADIUS * math.asinh(math.tan(math.radians(latitude)))


def _latitude(northing: float) -> float:
    return math.degrees(math.atan(math.sinh(northing / _RADIUS)))


def _span(first: float, last: float, tiles: int) -> tuple[int, int]:
    """Return the first and the last tile along one axis; one that ends at a tile's edge ends before it."""
    low = _within(math.floor(first + _SLACK), tiles)
    return low, max(low, _within(math.ceil(last - _SLACK) - 1, tiles))


def _within(number: int, tiles: int) -> int:
    return min(max(number, 0), tiles - 1)
