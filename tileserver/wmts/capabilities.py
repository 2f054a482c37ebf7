"""WMTS's ServiceMetadata document (OGC 07-057r7 §7): what may be asked for, and the grids it lies in.

Corners are written in the axis order of the CRS, northing first in EPSG:5179 and 5186: that is what the standard
says and what clients expect of a CRS named by URN. Clients take a layer's zooms from its tile matrix set, not from
its limits (seen with GDAL 3.6 and 3.10, which then read nothing at the others), so each is linked to a set that has
the zooms that it has: `WebMercatorQuad_Levels8-14` is `WebMercatorQuad` with those.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from markupsafe import Markup

from naru.grids import TILE_PX, WEB_MERCATOR, Grid
from tileserver.flood.times import MAXIMUM, Times, times_of
from tileserver.markup import element
from tileserver.ogc.common import Site
from tileserver.pyramids import MEDIA_TYPES
from tileserver.tilings import VECTOR, Limits, Tiling
from tileserver.wmts.addresses import CAPABILITIES, KVP, OPERATIONS, REST, SERVICE, STYLE, TIME, VERSION, set_id

_SPACES = {
    "xmlns": "http://www.opengis.net/wmts/1.0",
    "xmlns:ows": "http://www.opengis.net/ows/1.1",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": "http://www.opengis.net/wmts/1.0 "
    "http://schemas.opengis.net/wmts/1.0/wmtsGetCapabilities_response.xsd",
}
_URN = "urn:ogc:def:crs"
_SCALE_SETS = {
    WEB_MERCATOR: "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible",
    "WorldCRS84Quad": "urn:ogc:def:wkss:OGC:1.0:GoogleCRS84Quad",
}


def capabilities(layers: Sequence[Sequence[Tiling]], site: Site) -> Markup:
    """Return the document of layers, each given by its tilings (at least one)."""
    used = [tiling for tilings in layers for tiling in tilings]
    sets = dict.fromkeys((tiling.grid, _zooms(tiling)) for tiling in used)
    contents = [
        *(_layer(tilings, site) for tilings in layers),
        *(_matrix_set(grid, zooms) for grid, zooms in sets),
    ]
    inside = [
        _service(),
        _operations(site),
        element("Contents", contents),
        element("ServiceMetadataURL", xlink_href=f"{site.base}{CAPABILITIES}{site.query}"),
    ]
    return element("Capabilities", inside, **_SPACES, version=VERSION)


def _service() -> Markup:
    told = [
        element("ows:Title", "나루", **{"xml:lang": "ko"}),
        element("ows:Title", "Naru", **{"xml:lang": "en"}),
        element("ows:Abstract", "A city's layers as tiles."),
        element("ows:ServiceType", f"OGC {SERVICE}"),
        element("ows:ServiceTypeVersion", VERSION),
        element("ows:Fees", "none"),
        element("ows:AccessConstraints", "Each layer's licence; a key may be needed."),
    ]
    return element("ows:ServiceIdentification", told)


def _operations(site: Site) -> Markup:
    addresses = {
        "KVP": f"{site.base}{KVP}{site.query}{'&' if site.query else '?'}",
        "RESTful": f"{site.base}{CAPABILITIES}{site.query}",
    }
    rest = addresses | {"RESTful": f"{site.base}{REST}/"}
    return element(
        "ows:OperationsMetadata", [_operation(OPERATIONS[0], addresses), _operation(OPERATIONS[1], rest)]
    )


def _operation(name: str, addresses: dict[str, str]) -> Markup:
    ways = [
        element("ows:Get", element("ows:Constraint", _allowed(encoding), name="GetEncoding"), xlink_href=address)
        for encoding, address in addresses.items()
    ]
    return element("ows:Operation", element("ows:DCP", element("ows:HTTP", ways)), name=name)


def _allowed(value: str) -> Markup:
    return element("ows:AllowedValues", element("ows:Value", value))


def _layer(tilings: Sequence[Tiling], site: Site) -> Markup:
    first = tilings[0]
    layer = first.layer
    west, south, east, north = first.bounds
    corners = [element("ows:LowerCorner", f"{west} {south}"), element("ows:UpperCorner", f"{east} {north}")]
    types = [*first.pictures, *(kind for kind in first.types if kind == VECTOR)]  # clients take the first
    titles = [
        element("ows:Title", layer.title_ko or layer.id, **{"xml:lang": "ko"}),
        element("ows:Title", layer.title_en or layer.id, **{"xml:lang": "en"}),
    ]
    described = [element("ows:Abstract", layer.attribution)] if layer.attribution else []
    times = times_of(layer)
    told = [
        *titles,
        *described,
        element("ows:WGS84BoundingBox", corners),
        element("ows:Identifier", layer.id),
        _style(layer.id, site),
        *(element("Format", MEDIA_TYPES[kind]) for kind in types),
        *([_dimension(times)] if times else []),
        *(_link(tiling) for tiling in tilings),
        *(_template(layer.id, kind, site, timed=times is not None) for kind in types),
    ]
    return element("Layer", told)


def _dimension(times: Times) -> Markup:
    """Return the times of a flood (07-057r7 §7.1.1.1.1): "max" is the deepest of all, and the default."""
    values = [MAXIMUM, *(times.clock(seconds) for seconds in times.seconds)]
    unit = "ISO8601" if times.start else "s"
    return element(
        "Dimension",
        [
            element("ows:Identifier", TIME),
            element("ows:UOM", unit),
            element("Default", MAXIMUM),
            *(element("Value", value) for value in values),
        ],
    )


def _style(layer_id: str, site: Site) -> Markup:
    media_type, address = "image/png", f"{site.base}/legends/{layer_id}.png{site.query}"
    legend = element("LegendURL", format=media_type, xlink_href=address)
    return element("Style", [element("ows:Identifier", STYLE), legend], isDefault="true")


def _template(layer_id: str, kind: str, site: Site, *, timed: bool) -> Markup:
    place = f"{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}.{kind}"
    time = f"{'&' if site.query else '?'}{TIME.lower()}={{{TIME}}}" if timed else ""
    template = f"{site.base}{REST}/{layer_id}/{{Style}}/{place}{site.query}{time}"
    return element("ResourceURL", format=MEDIA_TYPES[kind], resourceType="tile", template=template)


def _link(tiling: Tiling) -> Markup:
    limits = [_limits(z, limit) for z, limit in tiling.limits(pictures=bool(tiling.pictures)).items()]
    return element(
        "TileMatrixSetLink",
        [element("TileMatrixSet", set_id(tiling.grid, _zooms(tiling))), element("TileMatrixSetLimits", limits)],
    )


def _zooms(tiling: Tiling) -> range:
    return tiling.zooms(pictures=bool(tiling.pictures))


@lru_cache(maxsize=8192)
def _limits(z: int, limit: Limits) -> Markup:
    names = ("MinTileCol", "MaxTileCol", "MinTileRow", "MaxTileRow")
    by_name = dict(zip(names, limit, strict=True))
    told = [element(name, by_name[name]) for name in (*names[2:], *names[:2])]
    return element("TileMatrixLimits", [element("TileMatrix", z), *told])


@lru_cache(maxsize=128)
def _matrix_set(grid: Grid, zooms: range) -> Markup:
    scales = [element("WellKnownScaleSet", _SCALE_SETS[grid.id])] if grid.id in _SCALE_SETS else []
    told = [
        element("ows:Title", grid.title),
        element("ows:Identifier", set_id(grid, zooms)),
        element("ows:SupportedCRS", crs_urn(grid)),
        *scales,
        *_matrices(grid, zooms),
    ]
    return element("TileMatrixSet", told)


def crs_urn(grid: Grid) -> str:
    """Return a grid's CRS as a URN, the only spelling with an axis order that clients agree on.

    >>> from naru.grids import GRIDS
    >>> crs_urn(GRIDS["EPSG5186"]), crs_urn(GRIDS["WorldCRS84Quad"])
    ('urn:ogc:def:crs:EPSG::5186', 'urn:ogc:def:crs:OGC:1.3:CRS84')
    """
    authority, code = grid.crs.split(":")
    return f"{_URN}:{authority}:{'1.3' if authority == 'OGC' else ''}:{code}"


def _matrices(grid: Grid, zooms: range) -> Iterable[Markup]:
    corner = (grid.top, grid.left) if grid.northing_first else (grid.left, grid.top)
    for z in zooms:
        told = {
            "ows:Identifier": z,
            "ScaleDenominator": grid.scale_denominator(z),
            "TopLeftCorner": " ".join(map(str, corner)),
            "TileWidth": TILE_PX,
            "TileHeight": TILE_PX,
            "MatrixWidth": grid.columns << z,
            "MatrixHeight": grid.rows << z,
        }
        yield element("TileMatrix", [element(name, value) for name, value in told.items()])
