"""`/tiles/{layer}[/{grid}]/{z}/{x}/{y}[@2x].{png,webp,jpg}`: pictures that are not simply stored tiles.

The lane in front answers vector tiles, and pictures that lie in the archive as they are asked for. What comes here
is drawn from a COG's numbers: another type, size, grid or look than the stored one; elevation, classes, data.
"""

from __future__ import annotations

import json
import zlib
from functools import partial

from flask import request

from naru.cog import Cog
from naru.errors import ArchiveDamaged, BadRequest, TileOutOfRange, WrongTileType
from naru.raster_facts import ENCODINGS, Encoding
from naru.tms import WEB_MERCATOR
from tileserver.flood.moments import moment_of
from tileserver.flood.times import PARAMETER
from tileserver.lane import TileAddress, fetch
from tileserver.pyramids import Answer, LayerPyramid, Remember, TileHeaders, not_modified, picture_headers
from tileserver.rasters.asking import ENCODING, LOOK, TIME, Query, encoding_for, look_for, single
from tileserver.rasters.looks import Look, Subject
from tileserver.rasters.places import grid_range, reaches
from tileserver.routes import Service

_EDITION = 3  # of how things are drawn: to be raised when the same archive begins to look different


def picture(
    service: Service,
    pyramid: LayerPyramid,
    address: TileAddress,
    query: Query | None = None,
    *,
    remember: Remember | None = None,
) -> Answer:
    """Return the answer with a raster's tile; `query` says how it is to look, the request's own if not given.

    `remember` is told how to find a picture that had to be drawn.

    Raises:
        ArchiveDamaged: the archive cannot be read.
        WrongTileType: the pictures are made already, and there are none of this size, in this grid or look.
        TileOutOfRange: the layer has no such zoom in this grid.
        BadRequest: a parameter is malformed, or not for this layer.
        ServerBusy: too many pictures are being drawn.
    """
    asked = request.args if query is None else query
    if pyramid.cog is None:
        return _made_already(pyramid, address, asked)
    _check_zoom(pyramid, address)
    look, moment = look_for(pyramid, address, asked), moment_of(service, pyramid, single(asked, PARAMETER))
    if look.plain and look.scale == 1 and look.tile_type == pyramid.stored_type and moment is None:
        return _stored(pyramid, address)
    subject = moment.subject if moment else _own(service, pyramid, pyramid.cog)
    version = _version(pyramid, look) + (f"-{moment.name}" if moment else "")
    headers = picture_headers(version, look.tile_type, shared=pyramid.shared)
    unchanged = not_modified(headers, request.environ)
    if unchanged:
        return unchanged
    tile = address.z, address.x, address.y
    if not look.encoding and not _may_have(pyramid, subject, address):
        return headers.empty
    drawn = service.studio.draw(version, subject, look, tile)
    if drawn is not None and remember is not None:
        remember(headers, partial(service.studio.find, version, tile))
    return _found(headers, drawn)


def _found(headers: TileHeaders, drawn: bytes | None) -> Answer:
    return headers.empty if drawn is None else ("200 OK", headers.stored, drawn)


def _made_already(pyramid: LayerPyramid, address: TileAddress, asked: Query) -> Answer:
    """Answer with a stored picture. None is redrawn: it may be a stranger's, whom no parser in the server meets."""
    if isinstance(pyramid.reader, ArchiveDamaged):
        raise pyramid.reader
    if address.scale != 1 or address.tms != pyramid.tms:
        raise WrongTileType(
            "the layer's pictures are made already, in one size and grid",
            layer=pyramid.layer.id,
            remedy=f"Ask in the grid {pyramid.tms}, without @2x.",
        )
    if given := [name for name in LOOK if asked.getlist(name)]:
        raise BadRequest(
            "the layer's pictures are made already, and are not drawn otherwise",
            layer=pyramid.layer.id,
            field=given[0],
            remedy=f"Leave out {given[0]}.",
        )
    return _stored(pyramid, address)


def _stored(pyramid: LayerPyramid, address: TileAddress) -> Answer:
    """Answer as the lane does, which leaves to us who says more in the query than a key."""
    return not_modified(pyramid.headers, request.environ) or fetch(pyramid, address, "identity")


def _check_zoom(pyramid: LayerPyramid, address: TileAddress) -> None:
    found = grid_range(pyramid, address.tms)
    if found is None:
        raise TileOutOfRange(
            f"the layer lies outside of the grid {address.tms}",
            layer=pyramid.layer.id,
            remedy="Ask for /tiles/{layer}/{z}/{x}/{y}, which are in Web Mercator.",
        )
    if not found[0] <= address.z <= found[1]:
        raise TileOutOfRange(
            f"the zooms here are {found[0]} to {found[1]}",
            layer=pyramid.layer.id,
            remedy="Clients overzoom by themselves when they know the limits.",
        )


def _own(service: Service, pyramid: LayerPyramid, cog: Cog) -> Subject:
    return Subject(service.house.storage.path(pyramid.tileset.archive), cog, pyramid.facts)


def _may_have(pyramid: LayerPyramid, subject: Subject, address: TileAddress) -> bool:
    """Tell whether the raster may have something here, as far as that is known before drawing."""
    tile = address.z, address.x, address.y
    if address.tms == WEB_MERCATOR:
        return subject.cog.has(*tile)
    return reaches(pyramid.tileset.bounds, address.tms, *tile)


def heights_address(base: str, layer_id: str, query: str, encoding: Encoding = ENCODINGS[0]) -> str:
    """Return the address of a layer's heights as tiles; `query` carries the caller's key on, or is empty."""
    return f"{base}/tiles/{layer_id}/{{z}}/{{x}}/{{y}}.png?encoding={encoding}{query.replace('?', '&')}"


def _version(pyramid: LayerPyramid, look: Look) -> str:
    """Return what the entity tag says: the archive, what is known of it, and how it is drawn."""
    known = zlib.crc32(json.dumps(pyramid.tileset.rules.get("raster"), sort_keys=True).encode())
    return f"{pyramid.version}-{known:08x}-{look.name}-{_EDITION}"


__all__ = ["ENCODING", "LOOK", "TIME", "encoding_for", "heights_address", "picture"]
