"""Tile matrix sets (OGC 17-083r4): Web Mercator by plain arithmetic, the others read once through morecantile.

A tile is (x, y, z) in words and z, x, y in order of URLs; x counts columns from the west (or left), y rows from
the north (or top). The sets that layers are served in are those of `naru/grids.py`, the Korean ones among them;
`definition` gives them as morecantile's objects, `document` as OGC's JSON. Morecantile is imported when a set other
than WebMercatorQuad is first asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from naru.errors import BadRequest, TileOutOfRange
from naru.grids import GRIDS, NAMES, TILE_PX, Grid
from naru.grids import WEB_MERCATOR as WEB_MERCATOR  # noqa: PLC0414 (others take it from here)
from naru.records import BBox

if TYPE_CHECKING:
    from morecantile.models import TileMatrixSet as Definition

WEB_MERCATOR_LIMIT = 85.05112877980659  # latitude where the square world ends, degrees
HIGHEST_ZOOM = 30  # of WebMercatorQuad, as TileJSON 3.0 has it


def in_web_mercator(z: int, x: int, y: int) -> bool:
    """Return whether WebMercatorQuad has the tile.

    >>> in_web_mercator(1, 1, 1), in_web_mercator(1, 2, 0)
    (True, False)
    """
    return 0 <= z <= HIGHEST_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z


def web_mercator_bounds(z: int, x: int, y: int) -> BBox:
    """Return west, south, east, north of a WebMercatorQuad tile, degrees (WGS 84).

    Raises TileOutOfRange where there is no such tile.

    >>> web_mercator_bounds(1, 1, 0)
    (0.0, 0.0, 180.0, 85.0511287798066)
    """
    if not in_web_mercator(z, x, y):
        raise _out_of_range(WEB_MERCATOR, z, x, y)
    return _longitude(x, z), _latitude(y + 1, z), _longitude(x + 1, z), _latitude(y, z)


def web_mercator_tile(longitude: float, latitude: float, z: int) -> tuple[int, int]:
    """Return x, y of the WebMercatorQuad tile at a position (WGS 84 degrees); beyond the edges, the last tile.

    >>> web_mercator_tile(126.9780, 37.5665, 12)  # Seoul City Hall
    (3492, 1586)
    """
    side = 1 << z
    sine = math.sin(math.radians(max(-89.9, min(89.9, latitude))))
    across = (longitude / 360.0 + 0.5) * side
    down = (0.5 - math.atanh(sine) / (2 * math.pi)) * side
    return min(side - 1, max(0, math.floor(across))), min(side - 1, max(0, math.floor(down)))


def _longitude(column: int, z: int) -> float:
    return column / (1 << z) * 360.0 - 180.0


def _latitude(row: int, z: int) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / (1 << z)))))


@dataclass(frozen=True)
class TileMatrix:
    """One zoom of a set. The origin is the top left corner, x before y, in the set's CRS."""

    id: str
    scale_denominator: float
    cell_size: float  # CRS units per pixel
    origin: tuple[float, float]
    tile_width: int
    tile_height: int
    width: int  # tiles
    height: int
    merged: tuple[tuple[int, int, int], ...] = ()  # (first row, last row, tiles that are one) near the poles

    def merged_at(self, y: int) -> int:
        """Return how many tiles of a row are one."""
        return next((count for first, last, count in self.merged if first <= y <= last), 1)


@dataclass(frozen=True)
class TileMatrixSet:
    """A set of tile matrices by zoom, which is the number that a matrix has for its id."""

    id: str
    title: str
    uri: str | None
    crs_uri: str
    northing_first: bool  # the CRS's own axis order; everything here is x before y nevertheless
    matrices: Mapping[int, TileMatrix]

    def has(self, z: int, x: int, y: int) -> bool:
        """Return whether the set has the tile."""
        matrix = self.matrices.get(z)
        return matrix is not None and 0 <= x < matrix.width and 0 <= y < matrix.height

    def bounds(self, z: int, x: int, y: int) -> BBox:
        """Return xmin, ymin, xmax, ymax of a tile in the set's CRS, x before y whatever the CRS's axis order.

        Raises TileOutOfRange where the set has no such tile.
        """
        if not self.has(z, x, y):
            raise _out_of_range(self.id, z, x, y)
        matrix = self.matrices[z]
        merged = matrix.merged_at(y)
        wide, high = matrix.cell_size * matrix.tile_width, matrix.cell_size * matrix.tile_height
        left = matrix.origin[0] + x // merged * merged * wide
        top = matrix.origin[1] - y * high
        return left, top - high, left + merged * wide, top


@cache
def names() -> tuple[str, ...]:
    """Return the ids of the sets there are: morecantile's, and the Korean ones."""
    from morecantile import tms

    return tuple(dict.fromkeys((*GRIDS, *tms.list())))


@cache
def load(name: str) -> TileMatrixSet:
    """Return a set by id, read once per process; raises BadRequest for a name that is none.

    >>> load("WebMercatorQuad").bounds(0, 0, 0)[2]
    20037508.342789...
    >>> load("EPSG5186").bounds(11, 1000, 900)
    (200000.0, 599000.0, 201000.0, 600000.0)
    """
    return _converted(definition(name))


@cache
def definition(name: str) -> Definition:
    """Return a set as morecantile's object; do not change it. Raises BadRequest for a name that is none."""
    from morecantile import tms

    wanted = NAMES.get(name, name)
    if wanted in tms.list():
        return tms.get(wanted)
    if wanted not in GRIDS:
        raise BadRequest(
            f"there is no tile matrix set '{name}'", field="tms", remedy=f"Choose one of {', '.join(names())}."
        )
    return _defined(GRIDS[wanted])


def document(name: str) -> dict[str, Any]:
    """Return a set as OGC's JSON (17-083r4 §7.2, tileMatrixSet.json), in the axis order of its CRS.

    `pointOfOrigin` of EPSG5179 and EPSG5186 is northing, easting, as `orderedAxes` says; `cellSize` is in units of
    the CRS, `scaleDenominator` is for pixels of 0.28 mm. Raises BadRequest for a name that is none.

    >>> document("EPSG5179")["orderedAxes"], document("EPSG5179")["tileMatrices"][5]["pointOfOrigin"]
    (['N', 'E'], [4000000.0, -200000.0])
    """
    found: dict[str, Any] = definition(name).model_dump(mode="json", exclude_none=True)
    return found


def _defined(grid: Grid) -> Definition:
    """Return a set that no registry has. EPSG calls the northing X and the easting Y here: N and E are plain."""
    from morecantile.models import TileMatrixSet as Theirs

    origin = (grid.top, grid.left) if grid.northing_first else (grid.left, grid.top)
    matrices = [
        {
            "id": str(z),
            "scaleDenominator": grid.scale_denominator(z),
            "cellSize": grid.cell_size(z),
            "cornerOfOrigin": "topLeft",
            "pointOfOrigin": origin,
            "tileWidth": TILE_PX,
            "tileHeight": TILE_PX,
            "matrixWidth": grid.columns << z,
            "matrixHeight": grid.rows << z,
        }
        for z in range(grid.maxzoom + 1)
    ]
    axes = ["N", "E"] if grid.northing_first else ["E", "N"]
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{grid.crs.removeprefix('EPSG:')}"
    about = {"id": grid.id, "title": grid.title, "orderedAxes": axes, "crs": uri, "tileMatrices": matrices}
    return Theirs.model_validate(about)


def _converted(definition: Definition) -> TileMatrixSet:
    northing_first = bool(definition._invert_axis)
    return TileMatrixSet(
        id=str(definition.id),
        title=str(definition.title or definition.id),
        uri=str(definition.uri) if definition.uri else None,
        crs_uri=str(definition.crs.root),
        northing_first=northing_first,
        matrices=MappingProxyType({int(m.id): _matrix(m, northing_first) for m in definition.tileMatrices}),
    )


def _matrix(matrix: object, northing_first: bool) -> TileMatrix:
    found = matrix.model_dump()  # type: ignore[attr-defined]
    first, second = found["pointOfOrigin"]
    if found["cornerOfOrigin"] == "bottomLeft":
        raise BadRequest(
            f"tile matrix {found['id']} counts rows from the south", remedy="Choose a set with origin topLeft."
        )
    merged = found["variableMatrixWidths"] or []
    return TileMatrix(
        id=str(found["id"]),
        scale_denominator=found["scaleDenominator"],
        cell_size=found["cellSize"],
        origin=(second, first) if northing_first else (first, second),
        tile_width=found["tileWidth"],
        tile_height=found["tileHeight"],
        width=found["matrixWidth"],
        height=found["matrixHeight"],
        merged=tuple((m["minTileRow"], m["maxTileRow"], m["coalesce"]) for m in merged),
    )


def _out_of_range(name: str, z: int, x: int, y: int) -> TileOutOfRange:
    return TileOutOfRange(f"{name} has no tile {z}/{x}/{y}", remedy="Ask for a tile within the set's limits.")
