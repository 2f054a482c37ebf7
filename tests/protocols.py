"""A home for the tests of map protocols: a square of known corners cut into every grid, and a photo from a COG."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import mapbox_vector_tile
from pyproj import Transformer
from shapely import Polygon, transform

from naru.grids import GRIDS, Grid, limits
from naru.house import House
from naru.pmtiles import PMTilesWriter, tile_id
from naru.pmtiles.writer import About
from naru.records import Draft, IngestReport, Release, Tileset
from naru.settings import Settings
from naru.style import Look, default_style
from tests.rasters import Scene, publish_raster
from tests.serving import settings_of

MARK, HALF_M = (
    (198_000.0, 551_900.0),
    400.0,
)  # easting, northing of the square's middle in EPSG:5186, near City Hall
FIRST, LAST = 8, 12  # zooms of Web Mercator; in other grids, those that are like them
_EXTENT = 4096


def corners(crs: str) -> Polygon:
    """Return the square in a CRS, x before y."""
    east, north = MARK
    box = Polygon.from_bounds(east - HALF_M, north - HALF_M, east + HALF_M, north + HALF_M).segmentize(50)
    to = Transformer.from_crs("EPSG:5186", crs, always_xy=True)
    return transform(box, to.transform, interleaved=False)


BOUNDS: tuple[float, float, float, float] = corners("OGC:CRS84").bounds


def make_protocols_home(home: Path, **environ: str) -> Settings:
    """Make a home: `marks` and `secret` (private) in every grid, `plain` in Web Mercator, the raster `ortho`."""
    settings = settings_of(home, **environ)
    house = House.open(settings)
    publish_marks(house, "marks", "public", tuple(GRIDS))
    publish_marks(house, "plain", "public", ("WebMercatorQuad",))
    publish_marks(house, "secret", "private", tuple(GRIDS))
    publish_raster(house, Scene("ortho"))
    house.close()
    return settings


def zooms(grid: Grid) -> tuple[int, int]:
    """Return the zooms that a grid's tiles are made for."""
    return grid.zoom_like(FIRST), grid.zoom_like(LAST)


def publish_marks(house: House, layer_id: str, visibility: str, grids: tuple[str, ...]) -> None:
    """Publish the square as a layer with tiles in `grids`."""
    sets = tuple(_tileset(house, layer_id, GRIDS[name]) for name in grids)
    told = (layer_id, "vector", 1, 1, (), (), None, "EPSG:5186", "given", None, None)
    report = IngestReport(*told, BOUNDS, FIRST, LAST, 5, 1000)
    style = default_style(layer_id, Look("polygon", "#2f6fb0", "이름"))
    names = (layer_id, "표지 <&>", "Marks", "content", visibility, "https://example.kr/licence", "© 서울 & <b>")
    house.catalogue.publish([Release(Draft(*names, "vector", "polygon", style, report), None, sets, None)])


def _tileset(house: House, layer_id: str, grid: Grid) -> Tileset:
    folder = Path(mkdtemp(dir=house.settings.home))
    path, (first, last), square = folder / "tiles.pmtiles", zooms(grid), corners(grid.crs)
    with PMTilesWriter(path) as writer:
        for number, data in sorted(_tiles(layer_id, grid, square).items()):
            writer.add(number, gzip.compress(data, mtime=0))
        writer.finish(About(bounds=BOUNDS, minzoom=first + grid.first, maxzoom=last + grid.first), {})
    archive = house.storage.put(path)
    shutil.rmtree(folder)
    inner: dict[str, Any] = {"id": layer_id, "fields": {"이름": "String"}, "minzoom": first, "maxzoom": last}
    return Tileset(archive, "mvt", grid.id, first, last, BOUNDS, 5, (inner,))


def _tiles(layer_id: str, grid: Grid, square: Polygon) -> dict[int, bytes]:
    """Return every tile that the square touches, by its number in an archive."""
    found = {}
    for z in range(zooms(grid)[0], zooms(grid)[1] + 1):
        reach = limits(grid, BOUNDS, z)
        assert reach is not None
        for x in range(reach[0], reach[1] + 1):
            for y in range(reach[2], reach[3] + 1):
                found[tile_id(z + grid.first, x, y)] = _encoded(layer_id, square, grid.bounds(z, x, y))
    return found


def _encoded(layer_id: str, square: Polygon, box: tuple[float, float, float, float]) -> bytes:
    xmin, ymin, xmax, ymax = box

    def in_tile(x: Any, y: Any) -> Any:
        return (x - xmin) / (xmax - xmin) * _EXTENT, (y - ymin) / (ymax - ymin) * _EXTENT

    placed = transform(square, in_tile, interleaved=False)
    feature = {"geometry": placed.wkt, "properties": {"이름": "표지"}, "id": 1}
    return mapbox_vector_tile.encode({"name": layer_id, "features": [feature]})


def within(tile: bytes, layer: str, box: tuple[float, float, float, float], place: tuple[float, float]) -> bool:
    """Tell whether the square in a tile, which covers `box`, covers a place; all in one CRS, x before y."""
    [feature] = mapbox_vector_tile.decode(tile)[layer]["features"]
    xmin, ymin, xmax, ymax = box
    [ring] = feature["geometry"]["coordinates"]
    points = [(xmin + x / _EXTENT * (xmax - xmin), ymin + y / _EXTENT * (ymax - ymin)) for x, y in ring]
    x, y = place
    left, bottom, right, top = Polygon(points).bounds
    return left <= x <= right and bottom <= y <= top
