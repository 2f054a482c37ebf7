"""`/tiles/{layer}/{z}/{x}/{y}[@2x].{png,webp,jpg}`: pictures that are not simply stored tiles.

The lane in front answers vector tiles, and pictures that lie in the archive as they are asked for. What comes here
is drawn from a COG's numbers: another type or size than the stored one, elevation, classes, measurements.
"""

from __future__ import annotations

import json
import zlib

from flask import request

from naru.cog import Cog
from naru.errors import ArchiveDamaged, BadRequest, WrongTileType
from naru.raster_facts import ENCODINGS, Encoding
from tileserver.lane import TileAddress, not_modified
from tileserver.pyramids import Answer, LayerPyramid, picture_headers
from tileserver.rasters.looks import Look, Subject
from tileserver.routes import Service

_EDITION = 1  # of how things are drawn: to be raised when the same archive begins to look different


def picture(service: Service, pyramid: LayerPyramid, address: TileAddress) -> Answer:
    """Return the answer with a raster's tile.

    Raises:
        ArchiveDamaged: the archive cannot be read.
        WrongTileType: the pictures are made already, and there are none of this size.
        BadRequest: heights are asked of something else, or in a type that would spoil them.
    """
    if address.tms != pyramid.tms:
        raise WrongTileType(f"the layer's pictures lie in the grid {pyramid.tms}", layer=pyramid.layer.id)
    look = Look(address.tile_type, address.scale, _encoding(pyramid, address.tile_type))
    cog = _cog(pyramid)
    version = _version(pyramid, look)
    headers = picture_headers(version, look.tile_type, shared=pyramid.shared)
    unchanged = not_modified(headers, request.environ, as_stored=True)
    if unchanged:
        return unchanged
    tile = address.z, address.x, address.y
    if not look.encoding and not cog.has(*tile):
        return headers.empty
    subject = Subject(service.house.storage.path(pyramid.tileset.archive), cog, pyramid.facts)
    return "200 OK", headers.stored, service.studio.draw(version, subject, look, tile)


def _cog(pyramid: LayerPyramid) -> Cog:
    if isinstance(pyramid.reader, ArchiveDamaged):
        raise pyramid.reader
    if pyramid.cog is None:
        raise WrongTileType(
            "the layer's pictures are made already, in one size",
            layer=pyramid.layer.id,
            remedy="Ask without @2x.",
        )
    return pyramid.cog


def _encoding(pyramid: LayerPyramid, tile_type: str) -> Encoding | None:
    asked = request.args.get("encoding")
    if asked is None:
        return None
    if tile_type == "jpg":
        raise BadRequest(
            "JPEG would spoil the heights",
            layer=pyramid.layer.id,
            field="encoding",
            remedy="Ask for .png or .webp.",
        )
    return encoding_for(pyramid, asked)


def encoding_for(pyramid: LayerPyramid, asked: str) -> Encoding:
    """Return how a caller wants a layer's heights.

    Raises:
        BadRequest: there is no such encoding, or the layer has no heights.
    """
    if pyramid.tileset.archive.suffix != ".tif" or pyramid.facts.role != "elevation":
        raise BadRequest(
            "only elevation layers have heights to encode",
            layer=pyramid.layer.id,
            field="encoding",
            remedy="Leave out encoding.",
        )
    for encoding in ENCODINGS:
        if asked == encoding:
            return encoding
    raise BadRequest(f"encoding '{asked}' is none", field="encoding", remedy=f"Choose {' or '.join(ENCODINGS)}.")


def heights_address(base: str, layer_id: str, query: str, encoding: Encoding = ENCODINGS[0]) -> str:
    """Return the address of a layer's heights as tiles; `query` carries the caller's key on, or is empty."""
    return f"{base}/tiles/{layer_id}/{{z}}/{{x}}/{{y}}.png?encoding={encoding}{query.replace('?', '&')}"


def _version(pyramid: LayerPyramid, look: Look) -> str:
    """Return what the entity tag says: the archive, what is known of it, and how it is drawn."""
    known = zlib.crc32(json.dumps(pyramid.tileset.rules.get("raster"), sort_keys=True).encode())
    encoding = f"-{look.encoding}" if look.encoding else ""
    return f"{pyramid.version}-{known:08x}-{look.tile_type}{look.scale}{encoding}-{_EDITION}"


ENCODING = {
    "encoding": {
        "description": "Elevation layers: heights as colours (terrain-RGB) in place of a shaded relief",
        "schema": {"type": "string", "enum": list(ENCODINGS)},
    }
}
