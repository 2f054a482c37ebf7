"""TMS 1.0.0's documents: the services, the tile maps, and each tile map with its zooms.

A tile map has one type of tiles: of vector layers it is a picture too, where they are drawn. Its coordinates are x
before y, as the specification has them, with longitude as x where the SRS is EPSG:4326.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from naru.grids import TILE_PX, WEB_MERCATOR, Grid
from tileserver.markup import element
from tileserver.ogc.common import Site
from tileserver.pyramids import MEDIA_TYPES
from tileserver.tilings import Tiling
from tileserver.tms.addresses import ROOT, VERSION

_PROFILES = {WEB_MERCATOR: "global-mercator", "WorldCRS84Quad": "global-geodetic"}
_TITLE = "Naru"


def services(site: Site) -> Markup:
    """Return the list of what is served: one version of one service."""
    service = element("TileMapService", title=_TITLE, version=VERSION, href=f"{_base(site)}/{site.query}")
    return element("Services", service)


def service(layers: Iterable[Sequence[Tiling]], site: Site) -> Markup:
    """Return the list of tile maps: each layer in each grid in which it has tiles."""
    maps = [
        element(
            "TileMap",
            title=tiling.layer.title_ko or tiling.layer.id,
            srs=_srs(tiling.grid),
            profile=_PROFILES.get(tiling.grid.id, "local"),
            href=f"{_address(tiling, site)}{site.query}",
        )
        for tilings in layers
        for tiling in tilings
    ]
    inside = [element("Title", _TITLE), element("Abstract", "A city's layers as tiles."), element("TileMaps", maps)]
    return element("TileMapService", inside, version=VERSION, services=f"{site.base}{ROOT}/{site.query}")


def tile_map(tiling: Tiling, site: Site) -> Markup:
    """Return one layer in one grid. `TileSet`s are its zooms; `order` is the zoom, which need not begin at 0."""
    grid, layer = tiling.grid, tiling.layer
    kind = (tiling.pictures or tiling.types)[0]
    zooms = tiling.zooms(pictures=bool(tiling.pictures))
    least_x, least_y = grid.bounds(0, 0, grid.rows - 1)[:2]
    greatest_x, greatest_y = grid.bounds(0, grid.columns - 1, 0)[2:]
    address = _address(tiling, site)
    sets = [
        element("TileSet", href=f"{address}/{z}", order=z, **{"units-per-pixel": grid.cell_size(z)}) for z in zooms
    ]
    size = {"width": TILE_PX, "height": TILE_PX}
    inside = [
        element("Title", layer.title_ko or layer.id),
        element("Abstract", layer.attribution),
        element("SRS", _srs(grid)),
        element("BoundingBox", minx=least_x, miny=least_y, maxx=greatest_x, maxy=greatest_y),
        element("Origin", x=least_x, y=least_y),
        element("TileFormat", **size, **{"mime-type": MEDIA_TYPES[kind], "extension": kind}),
        element("TileSets", sets, profile=_PROFILES.get(grid.id, "local")),
    ]
    return element("TileMap", inside, version=VERSION, tilemapservice=f"{_base(site)}/{site.query}")


def _base(site: Site) -> str:
    return f"{site.base}{ROOT}/{VERSION}"


def _address(tiling: Tiling, site: Site) -> str:
    """Return a tile map's address; tiles' addresses begin with it, so that it has no query."""
    in_grid = "" if tiling.grid.id == WEB_MERCATOR else f"@{tiling.grid.id}"
    return f"{_base(site)}/{tiling.layer.id}{in_grid}"


def _srs(grid: Grid) -> str:
    return "EPSG:4326" if grid.crs == "OGC:CRS84" else grid.crs
