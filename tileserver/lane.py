"""The lane: a tile request's straight way past Flask, as a WSGI callable in front of the app.

parse → identify → admit → resolve → fetch → respond. On a hit it runs no query, parses no directory and makes
no header: those lie ready in the worker's snapshot.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode
from wsgiref.types import StartResponse, WSGIApplication

from naru.errors import AddressTooLong, ArchiveDamaged, NaruError, TileOutOfRange, WrongTileType
from naru.grids import GRIDS, NAMES
from naru.settings import Clock
from naru.tms import WEB_MERCATOR
from tileserver.access import LONGEST_REMEMBERED, QUERY_NAMES, Environ, caller_text, identify, may_read, permit
from tileserver.dialects import answer_in_dialect
from tileserver.encodings import Coding, coding_for
from tileserver.keys.ring import Key
from tileserver.problems import problem
from tileserver.pyramids import (
    FINEST_PICTURE,
    MOST_LAYERS,
    Answer,
    LayerPyramid,
    Pyramid,
    TileHeaders,
    check_type,
    not_modified,
    recoded,
    too_many_layers,
)
from tileserver.quota.leases import Lease
from tileserver.quota.meter import QuotaMeter
from tileserver.snapshot import Drawn, Place, Snapshot, SnapshotKeeper
from tileserver.twin import meshes
from tileserver.watching.request_ids import request_id
from tileserver.watching.watch import KEY, STORED, Watch

if TYPE_CHECKING:
    from tileserver.service import Service

_PREFIX = "/tiles/"
_PARTS = 6  # "", "tiles", layers, z, x, y.mvt; one more with a tile matrix set behind the layers
LONGEST_ADDRESS = 8192  # characters of path and query: RFC 9110 §4.1 asks for 8000 at least
_METHODS = frozenset(("GET", "HEAD"))
_VECTOR = "mvt"
_STORED: Coding = "gzip"  # vector tiles lie so in their archives
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
    pyramid = snapshot.composite(tuple(_parts(snapshot, key, address)))
    if pyramid.tms != address.tms:
        return pyramid  # a raster, drawn in another grid than its own
    is_drawn = address.tile_type != _VECTOR and not pyramid.parts[0].is_raster
    finest = max(pyramid.maxzoom, FINEST_PICTURE) if is_drawn else pyramid.maxzoom
    if not pyramid.minzoom <= address.z <= finest:
        raise TileOutOfRange(
            f"the zooms here are {pyramid.minzoom} to {finest}",
            layer=address.layers,
            remedy="Clients overzoom by themselves when they read /tiles/{layer}.json.",
        )
    return pyramid


def _parts(snapshot: Snapshot, key: Key, address: TileAddress) -> Iterator[LayerPyramid]:
    """Yield the pyramids of an address: each is permitted before the next is looked for, which would tell of it."""
    if address.layers.count(",") >= MOST_LAYERS:
        raise too_many_layers()
    for layer_id in address.layers.split(","):
        part = snapshot.pyramid(layer_id, address.tms)
        permit(key, part.layer)
        if part.tms != address.tms and part.cog is None:
            raise _not_in_grid(part, address.tms)
        if part.stored_type != address.tile_type:
            check_type(part, address.tile_type)
        yield part


def _not_in_grid(part: LayerPyramid, tms: str) -> NaruError:
    if isinstance(part.reader, ArchiveDamaged):
        return part.reader
    return WrongTileType(
        f"the layer has no tiles in the grid {tms}",
        layer=part.layer.id,
        remedy="Ask for /tiles/{layer}/{z}/{x}/{y}, which are in Web Mercator.",
    )


def must_be_made(snapshot: Snapshot, address: TileAddress, environ: Environ) -> bool:
    """Tell whether a picture is not simply a stored tile: see `tileserver/pictures.py`, which answers then."""
    if address.tile_type == _VECTOR:
        return False
    found = snapshot.pyramids.get(address.layers)
    return (
        found is None
        or address.tms != found.tms
        or found.stored_type != address.tile_type
        or address.scale != 1
        or asks_for_more(environ)
    )


def asks_for_more(environ: Environ) -> bool:
    """Tell whether the query says anything beside who asks: how a picture is to be drawn."""
    query = environ["QUERY_STRING"]
    return bool(query) and ("&" in query or not query.startswith(("key=", "apikey=")))


def _asks_simply(place: Place, environ: Environ) -> bool:
    """Tell whether a request wants what lies at a place as it is."""
    query = environ["QUERY_STRING"]
    return not query or (len(query) <= LONGEST_REMEMBERED and not (place.is_picture and asks_for_more(environ)))


def drawing_name(environ: Environ) -> str:
    """Return a picture's address with all that its query says, but for who asks; empty where that is too long."""
    path, query = environ["PATH_INFO"].replace(f"/{WEB_MERCATOR}/", "/", 1), environ["QUERY_STRING"]  # both are one
    if len(path) + len(query) > LONGEST_REMEMBERED:
        return ""
    return f"{path}?{_without_key(query)}" if asks_for_more(environ) else path


@lru_cache(maxsize=1024)
def _without_key(query: str) -> str:
    return urlencode([pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in QUERY_NAMES])


def remember_drawn(
    snapshot: Snapshot,
    pyramid: Pyramid,
    address: TileAddress,
    environ: Environ,
    headers: TileHeaders,
    find: Callable[[], bytes | None],
) -> None:
    """Have the lane answer the next request for a picture that was just drawn, as long as `find` gives it."""
    drawn = Drawn(pyramid, address.z, _in_web_mercator(address), headers, find)
    if name := drawing_name(environ):
        snapshot.remember_drawn(name, drawn)


def fetch(pyramid: Pyramid, address: TileAddress, coding: Coding) -> Answer:
    """Return the tile as it lies in the archive, or packed for a caller who does not take gzip."""
    tile = pyramid.get(address.z, address.x, address.y)
    if not tile:
        return pyramid.headers.empty
    if coding != _STORED and address.tile_type == _VECTOR:
        tile = recoded(pyramid, tile, coding, (address.z, address.x, address.y))
    return "200 OK", pyramid.headers.by_coding[coding].headers, tile


Note = Callable[[str, str, str, int, int, int, str, tuple[int, int] | None], None]
"""Counts one answer: key id, function, layer, zoom (-1: none), status, bytes, the caller's address, x and y."""
_STATUS = {f"{status.value} {status.phrase}": status.value for status in HTTPStatus}


@dataclass(frozen=True)
class Lane:
    """Answers GET and HEAD of stored tiles; hands everything else to `app`."""

    app: WSGIApplication
    keeper: SnapshotKeeper
    meter: QuotaMeter
    note: Note
    watch: Watch
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

    @classmethod
    def of(cls, service: Service, app: WSGIApplication) -> Lane:
        """Return a service's lane before `app`."""
        proxies = service.settings.trusted_proxies
        return cls(app, service.keeper, service.meter, service.usage.note, service.watch, proxies, service.clock)

    def respond(self, environ: dict[str, Any]) -> Answer | None:
        """Return what to send in answer to GET or HEAD of a tile; None when the request is for something else."""
        began, snapshot = time.perf_counter(), self.keeper.current
        place = snapshot.places.get(environ["PATH_INFO"])
        if place is not None and environ["REQUEST_METHOD"] == "GET" and _asks_simply(place, environ):
            return self._again(snapshot, place, environ, began)
        answer: Answer | None
        if len(environ["PATH_INFO"]) + len(environ["QUERY_STRING"]) > LONGEST_ADDRESS:
            answer = self._too_long(environ)
        elif environ["PATH_INFO"].startswith(_PREFIX):
            answer = self.answer(environ)
        elif environ["PATH_INFO"].startswith(meshes.PREFIX):
            answer = meshes.answer(self, environ) if environ["REQUEST_METHOD"] in _METHODS else None
        else:
            answer = answer_in_dialect(self, environ) if environ["REQUEST_METHOD"] in _METHODS else None
        if answer is not None:
            self.watch.seen(STORED, environ, _STATUS[answer[0]], len(answer[2]), began)
        return answer

    def _too_long(self, environ: dict[str, Any]) -> Answer:
        """Refuse an address that would take long to read: this thread is the only one for tiles."""
        error = AddressTooLong(
            f"the address has more than {LONGEST_ADDRESS} characters",
            remedy="Ask for less at once: fewer layers, points or conditions.",
        )
        answer, caller = self._failed(error, None, environ), caller_text(environ, self.proxies)
        self.note("", "", "", -1, _STATUS[answer[0]], len(answer[2]), caller, None)
        return answer

    def answer(self, environ: dict[str, Any]) -> Answer | None:
        """Answer for an address under `/tiles/`; None when it is for something that does not simply lie there."""
        snapshot, method = self.keeper.current, environ["REQUEST_METHOD"]
        if method == "GET" and snapshot.drawn and (drawn := snapshot.drawn.get(drawing_name(environ))):
            picture = drawn.find()
            if picture is not None:
                return self._shown_again(snapshot, drawn, picture, environ)
        answer = self._found(snapshot, environ) if method in _METHODS else None
        return _without_body(answer) if answer and method == "HEAD" else answer

    def _again(self, snapshot: Snapshot, place: Place, environ: dict[str, Any], began: float) -> Answer:
        """Answer for an address that was asked for before: it is not read again. Here microseconds matter."""
        pyramid, layer, function, forms, read, z, is_picture, offset, length, tile = place
        key = lease = None
        is_permitted, now = False, self.clock()
        try:
            key = identify(snapshot, environ, now, self.proxies)
            lease = self.meter.admit(key, now)
            key_id = key.id
            if key_id not in pyramid.readers:
                permit(key, pyramid.layer)
                pyramid.readers.add(key_id)
            is_permitted, coding = True, coding_for(environ)
            if "HTTP_IF_NONE_MATCH" in environ and (unchanged := not_modified(pyramid.headers, environ, coding)):
                answer, status = unchanged, 304
            elif not length:
                answer = pyramid.headers.empty
                status = _STATUS[answer[0]]
            elif coding == _STORED or is_picture:
                answer, status = ("200 OK", forms[coding].headers, read(offset, length)), 200
            else:
                answer, status = _recoded(place, coding), 200
        except Exception as error:
            answer = self._failed(error, lease, environ)
            key_id, status = "" if key is None else key.id, _STATUS[answer[0]]
        environ[KEY] = key_id
        size = len(answer[2])
        caller = caller_text(environ, self.proxies) if self.proxies else environ["REMOTE_ADDR"]
        if is_permitted:
            self.note(key_id, function, layer, z, status, size, caller, tile)
        else:
            self.note(key_id, "", "", z, status, size, caller, None)
        self.watch.seen(STORED, environ, status, size, began)
        return answer

    def _shown_again(self, snapshot: Snapshot, drawn: Drawn, picture: bytes, environ: dict[str, Any]) -> Answer:
        """Answer with a picture that was drawn before and is kept."""
        key, lease, pyramid, layers = None, None, drawn.pyramid, ""
        try:
            key = identify(snapshot, environ, self.clock(), self.proxies)
            lease = self.meter.admit(key)
            for part in pyramid.parts:
                permit(key, part.layer)
            layers = pyramid.id
            answer = not_modified(drawn.headers, environ) or ("200 OK", drawn.headers.stored, picture)
        except Exception as error:
            answer = self._failed(error, lease, environ)
        key_id = environ[KEY] = "" if key is None else key.id
        status, size, caller = _STATUS[answer[0]], len(answer[2]), caller_text(environ, self.proxies)
        function, tile = (pyramid.function, drawn.tile) if layers else ("", None)
        self.note(key_id, function, layers, drawn.z, status, size, caller, tile)
        return answer

    def _found(self, snapshot: Snapshot, environ: dict[str, Any]) -> Answer | None:
        """Answer for an address that is new; where it names one stored tile, its place is remembered."""
        key, lease, layers, function, zoom, tile = None, None, "", "", -1, None
        try:
            address = parse(environ["PATH_INFO"])
            if address is None:
                return None
            zoom, tile = address.z, _in_web_mercator(address)
            key = identify(snapshot, environ, self.clock(), self.proxies)
            if must_be_made(snapshot, address, environ) and may_read(snapshot, key, address.layers):
                return None  # what may not be read is refused here, whether it is there or not, as what lies ready
            lease = self.meter.admit(key)
            pyramid = resolve(snapshot, key, address)
            layers, function = pyramid.id, pyramid.function
            coding = coding_for(environ)
            answer = not_modified(pyramid.headers, environ, coding) or fetch(pyramid, address, coding)
            if isinstance(pyramid, LayerPyramid):
                snapshot.remember(environ["PATH_INFO"], _place(pyramid, address))
        except Exception as error:
            answer = self._failed(error, lease, environ)
        key_id = environ[KEY] = "" if key is None else key.id
        size = len(answer[2]) if environ["REQUEST_METHOD"] == "GET" else 0
        status, caller = _STATUS[answer[0]], caller_text(environ, self.proxies)
        self.note(key_id, function, layers, zoom, status, size, caller, tile if layers else None)
        return answer

    def _failed(self, error: Exception, lease: Lease | None, environ: dict[str, Any]) -> Answer:
        if lease is not None:
            lease.refund()
        return problem(error, request_id(environ, self.proxies))


def _place(pyramid: LayerPyramid, address: TileAddress) -> Place:
    offset, length = pyramid.locate(address.z, address.x, address.y) or (0, 0)
    is_picture, tile = address.tile_type != _VECTOR, _in_web_mercator(address)
    known = pyramid.id, pyramid.function, pyramid.headers.by_coding, pyramid.read
    return Place(pyramid, *known, address.z, is_picture, offset, length, tile)


def _in_web_mercator(address: TileAddress) -> tuple[int, int] | None:
    return (address.x, address.y) if address.tms == WEB_MERCATOR else None


def _recoded(place: Place, coding: Coding) -> Answer:
    """Return a vector tile in another coding than the stored one."""
    name = (place.offset, place.length)  # what the tile is called among those of its archive
    tile = recoded(place.pyramid, place.read(place.offset, place.length), coding, name)
    return "200 OK", place.forms[coding].headers, tile


def _without_body(answer: Answer) -> Answer:
    status, headers, body = answer
    return status, [*headers, ("Content-Length", str(len(body)))] if body else headers, b""
