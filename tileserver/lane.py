"""The lane: a tile request's straight way past Flask, as a WSGI callable in front of the app.

parse → identify → admit → resolve → fetch → respond. On a hit it runs no query, parses no directory and makes
no header: those lie ready in the worker's snapshot.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIApplication

from naru.errors import TileOutOfRange, WrongTileType
from naru.grids import GRIDS, NAMES
from naru.settings import Clock
from naru.tms import WEB_MERCATOR
from tileserver.access import Environ, identify, permit
from tileserver.encodings import accepts_gzip
from tileserver.keys.ring import Key
from tileserver.problems import problem
from tileserver.pyramids import Answer, LayerPyramid, Pyramid, TileHeaders, check_type
from tileserver.quota.meter import Lease, QuotaMeter
from tileserver.snapshot import Snapshot, SnapshotKeeper

_PREFIX = "/tiles/"
_PARTS = 6  # "", "tiles", layers, z, x, y.mvt; one more with a tile matrix set behind the layers
_METHODS = frozenset(("GET", "HEAD"))
_VECTOR = "mvt"
_TYPES = {"mvt": _VECTOR, "pbf": _VECTOR, "png": "png", "webp": "webp", "jpg": "jpg", "jpeg": "jpg"}
_DOUBLE = "@2x"  # twice the pixels, for dense screens
_ZOOMS = {str(z): z for z in range(25)}
_LONGEST_NUMBER = 8  # digits of 2^24


class TileAddress(NamedTuple):
    """Which tile of which layers."""

    layers: str  # ids, joined by commas
    z: int
    x: int
    y: int
    tile_type: str = _VECTOR  # mvt, png, webp, jpg
    scale: int = 1
    tms: str = WEB_MERCATOR  # id of the tile matrix set


def parse(path: str) -> TileAddress | None:
    """Return the tile that `path` (percent-decoded) names, or None when it names something else.

    Raises:
        TileOutOfRange: z, x or y is not a canonical number, or outside the tile matrix.
    """
    if not path.startswith(_PREFIX):
        return None
    parts = path.split("/")
    row, _, extension = parts[-1].partition(".")
    tile_type, scale = _TYPES.get(extension), 1
    tms = WEB_MERCATOR
    if len(parts) == _PARTS + 1 and tile_type is not None:
        tms = NAMES.get(parts.pop(3), "")
        if not tms:
            raise TileOutOfRange(f"tiles come in the grids {', '.join(GRIDS)}", remedy="Ask for one of these.")
    if len(parts) != _PARTS or tile_type is None:
        return None
    if tile_type != _VECTOR and row.endswith(_DOUBLE):
        row, scale = row.removesuffix(_DOUBLE), 2
    z, x, y = _ZOOMS.get(parts[3], -1), _number(parts[4]), _number(row)
    if z < 0 or x < 0 or y < 0 or not GRIDS[tms].has(z, x, y):
        raise TileOutOfRange(
            "z, x and y must be plain decimal numbers, z from 0 to 24, x and y from 0 to 2^z - 1",
            remedy="/tiles/{layer}.json says which zooms a layer has.",
        )
    return TileAddress(parts[2], z, x, y, tile_type, scale, tms)


def _number(text: str) -> int:
    """Return a canonical ASCII number, or -1: other spellings of one tile would be as many cache entries."""
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and (text[0] != "0" or text == "0"):
        return int(text)
    return -1


def resolve(snapshot: Snapshot, key: Key, address: TileAddress) -> Pyramid:
    """Return the pyramid that answers, if `key` may read all of it and it has the zoom.

    Raises:
        UnknownLayer, ScopeDenied, BadRequest: see `permit` and `Snapshot.composite`.
        WrongTileType: a layer has no tiles of this type, or none in this grid.
        TileOutOfRange: none of the layers has this zoom.
    """
    parts = tuple(snapshot.pyramid(layer_id, address.tms) for layer_id in address.layers.split(","))
    for part in parts:
        permit(key, part.layer)
        if part.tms != address.tms and part.cog is None:
            raise _not_in_grid(part, address.tms)
        if part.stored_type != address.tile_type:
            check_type(part, address.tile_type)
    pyramid = snapshot.composite(parts)
    if pyramid.tms != address.tms:
        return pyramid  # a raster, drawn in another grid than its own
    if not pyramid.minzoom <= address.z <= pyramid.maxzoom:
        raise TileOutOfRange(
            f"the zooms here are {pyramid.minzoom} to {pyramid.maxzoom}",
            layer=address.layers,
            remedy="Clients overzoom by themselves when they read /tiles/{layer}.json.",
        )
    return pyramid


def _not_in_grid(part: LayerPyramid, tms: str) -> WrongTileType:
    return WrongTileType(
        f"the layer has no tiles in the grid {tms}",
        layer=part.layer.id,
        remedy="Ask for /tiles/{layer}/{z}/{x}/{y}, which are in Web Mercator.",
    )


def must_be_drawn(snapshot: Snapshot, address: TileAddress, environ: Environ) -> bool:
    """Tell whether a picture is not simply a stored tile: see `tileserver/rasters/tiles.py`, which answers then."""
    found = snapshot.pyramids.get(address.layers)
    return (
        found is None
        or address.tms != WEB_MERCATOR
        or found.stored_type != address.tile_type
        or address.scale != 1
        or "encoding=" in environ.get("QUERY_STRING", "")
    )


def not_modified(headers: TileHeaders, environ: Environ, as_stored: bool) -> Answer | None:
    """Return a 304 if the caller has this version already (RFC 9110 §13.1.2), before the tile is looked up."""
    condition = environ.get("HTTP_IF_NONE_MATCH")
    if condition is None:
        return None
    known = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    if as_stored and (headers.etag_stored in known or "*" in known):
        return "304 Not Modified", headers.not_modified_stored, b""
    if headers.etag_identity in known or "*" in known:
        return "304 Not Modified", headers.not_modified_identity, b""
    return None


def fetch(pyramid: Pyramid, address: TileAddress, as_stored: bool) -> Answer:
    """Return the tile as it lies in the archive; unpacked only for a caller who does not take gzip."""
    tile = pyramid.get(address.z, address.x, address.y)
    if not tile:
        return pyramid.headers.empty
    if as_stored:
        return "200 OK", pyramid.headers.stored, tile
    return "200 OK", pyramid.headers.identity, gzip.decompress(tile)


@dataclass(frozen=True)
class Lane:
    """Answers GET and HEAD of stored tiles; hands everything else to `app`."""

    app: WSGIApplication
    keeper: SnapshotKeeper
    meter: QuotaMeter
    proxies: int
    clock: Clock = time.time

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        answer = self.respond(environ)
        if answer is None:
            return self.app(environ, start_response)
        status, headers, body = answer
        start_response(status, headers)
        return [body]

    def respond(self, environ: Environ) -> Answer | None:
        """Return what to send in answer to GET or HEAD of a tile; None when the request is for something else."""
        method = environ["REQUEST_METHOD"]
        answer = self.answer(environ) if method in _METHODS else None
        return _without_body(answer) if answer and method == "HEAD" else answer

    def answer(self, environ: Environ) -> Answer | None:
        """Return the answer to a request for a tile; None when it is for something else."""
        lease: Lease | None = None
        try:
            address = parse(environ["PATH_INFO"])
            if address is None:
                return None
            snapshot = self.keeper.current
            is_picture = address.tile_type != _VECTOR
            if is_picture and must_be_drawn(snapshot, address, environ):
                return None
            key = identify(snapshot, environ, self.clock(), self.proxies)
            lease = self.meter.admit(key)
            pyramid = resolve(snapshot, key, address)
            as_stored = is_picture or accepts_gzip(environ)
            return not_modified(pyramid.headers, environ, as_stored) or fetch(pyramid, address, as_stored)
        except Exception as error:
            return _failed(error, lease)


def _failed(error: Exception, lease: Lease | None) -> Answer:
    if lease is not None:
        lease.refund()
    return problem(error)


def _without_body(answer: Answer) -> Answer:
    status, headers, body = answer
    return status, [*headers, ("Content-Length", str(len(body)))] if body else headers, b""
