"""What a pyramid of vector tiles can be asked to be, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from naru.errors import BadSetting
from naru.grids import GRIDS, WEB_MERCATOR, Grid
from naru.records import BBox

EXTENT = 4096  # units along a tile's side (MVT 2.1 §4.1)
GRID_ZOOM = 18  # the integer grid is that of this depth: 2**30 steps a side, in Web Mercator 3.7 cm at the equator
BUFFER = 64  # units that a tile's geometry reaches beyond its border
GZIP_LEVEL = 3  # isal: its smallest, at a fifteenth of the time of zlib 6 for 10 % more bytes
TIGHT_LEVEL = 6  # zlib: where a tile must hold more


@dataclass(frozen=True, kw_only=True)
class TilingOptions:
    """How to build one layer's pyramid. Zooms are the grid's own; maxzoom None is chosen from the data."""

    layer: str  # layer id; the name of the layer inside the tiles
    grid: Grid = GRIDS[WEB_MERCATOR]
    minzoom: int = 0
    maxzoom: int | None = None
    label: str | None = None  # the field that names polygons: they get a second layer of label points
    keep_all: bool = False  # no byte budget at any zoom
    tile_bytes: int = 500_000  # a compressed tile's limit below the top zoom
    name: str = ""
    description: str = ""
    attribution: str = ""
    threads: int | None = None  # None: one per core that the process may use, eight at most

    def __post_init__(self) -> None:
        finest = GRID_ZOOM - self.grid.first
        top = finest if self.maxzoom is None else self.maxzoom
        if not 0 <= self.minzoom <= top <= finest:
            raise BadSetting(
                f"zooms {self.minzoom} to {self.maxzoom} cannot be built",
                layer=self.layer,
                remedy=f"Give 0 ≤ minzoom ≤ maxzoom ≤ {finest}.",
            )
        if self.tile_bytes < 1000:
            raise BadSetting(
                f"a tile cannot be held to {self.tile_bytes} bytes",
                layer=self.layer,
                remedy="Give tile_bytes of 1000 or more.",
            )


@dataclass(frozen=True)
class ZoomRules:
    """What was done to the features at one zoom of the grid: the record that goes into the tileset's metadata."""

    zoom: int
    features: int  # distinct source features that appear at this zoom
    unit_m: float  # size of a tile unit in the grid's CRS, metres; of degrees and Web Mercator, at the equator
    simplified_units: float  # tolerance of simplification, in tile units; 0: only snapped to the grid
    tiny_merged: int  # polygons too small to see whose area was given to the squares below
    tiny_squares: int  # squares that stand for tiny polygons
    points_merged: int  # points left out for a more important one within the same four units
    dropped: int  # features left out of a tile to keep it within the byte budget, summed over tiles
    repaired: int  # geometries made valid after snapping or clipping
    tiles: int
    largest_tile: int  # bytes, compressed

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return dict(vars(self))


@dataclass(frozen=True)
class TilingResult:
    """What `build_tileset` made."""

    minzoom: int
    maxzoom: int
    bounds: BBox  # lon/lat, WGS 84
    geometry: str  # "point", "line", "polygon" or "mixed"
    features: int  # distinct source features at the top zoom
    tiles: int
    bytes: int
    skipped: Mapping[str, int]  # reason → source features that have no tile geometry
    vector_layers: tuple[Mapping[str, Any], ...]  # as in TileJSON 3
    rules: Mapping[str, Any] = field(default_factory=dict)  # the "naru" member of the archive's metadata
    vertices: int = 0  # of the shapes, as they came
    kept: int = 0  # of the tiles: copied from the version before, because nothing that goes into them has changed
