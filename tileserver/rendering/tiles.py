"""`/tiles/{layers}[/{grid}]/{z}/{x}/{y}[@2x].{png,webp,jpg}` of vector layers: drawn in their styles."""

from __future__ import annotations

import json
import zlib
from functools import partial

from flask import request

from naru.grids import GRIDS
from naru.records import Layer
from tileserver.lane import TileAddress
from tileserver.pyramids import (
    Answer,
    CompositePyramid,
    LayerPyramid,
    Pyramid,
    Remember,
    not_modified,
    picture_headers,
)
from tileserver.rendering.plan import Metatile, is_empty, job
from tileserver.routes import Service

_EDITION = 1  # of how things are drawn: to be raised when the same tiles begin to look different


def picture(service: Service, pyramid: Pyramid, address: TileAddress, remember: Remember) -> Answer:
    """Return the answer with vector layers drawn in their styles, the first one lowest.

    `remember` is told how to find the picture when it is asked for again.

    Raises:
        ArchiveDamaged: an archive cannot be read.
        RenderingFailed: it could not be drawn.
        ServerBusy: too many pictures are being drawn.
    """
    parts = pyramid.parts if isinstance(pyramid, CompositePyramid) else (pyramid,)
    version = _version(parts, address, service.settings.renderer)
    headers = picture_headers(version, address.tile_type, shared=pyramid.shared)
    unchanged = not_modified(headers, request.environ)
    if unchanged:
        return unchanged
    z, x, y = address.z, address.x, address.y
    if is_empty(parts, z, x, y):
        return headers.empty
    metatile, number = Metatile.around(address.tms, z, x, y, address.scale)
    tile = service.gallery.picture(version, metatile, number, lambda: job(parts, metatile, address.tile_type))
    if not tile:
        return headers.empty
    remember(headers, partial(service.gallery.find, version, metatile, number))
    return "200 OK", headers.stored, tile


def _version(parts: tuple[LayerPyramid, ...], address: TileAddress, renderer: str) -> str:
    """Return what the entity tag says: the archives, the styles, and how it is drawn."""
    content = "-".join(f"{part.version}-{_style_hash(part.layer)}" for part in parts)
    grid = "" if GRIDS[address.tms].crs == "EPSG:3857" else f"-{address.tms}"
    by = "" if renderer == "naru" else f"-{renderer}"
    return f"{content}-{address.tile_type}{address.scale}{grid}{by}-{_EDITION}"


def _style_hash(layer: Layer) -> str:
    return f"{zlib.crc32(json.dumps(layer.style, sort_keys=True).encode()):08x}"
