"""`/fonts/{stack}/{range}.pbf`: letters as MapLibre reads them, 256 a file. Fonts are nobody's data: open to all.

There is one font, the map page's; whatever stack a style asks for gets it, as a list of fonts is meant: the first
one that there is.
"""

from __future__ import annotations

import re
from gzip import decompress

from flask import Response, request

from naru.errors import RouteUnknown
from naru.font_file import font_version
from tileserver.access import Caller
from tileserver.documents import conditional
from tileserver.encodings import accepts_gzip
from tileserver.rendering.plan import Job
from tileserver.routes import Route, Service

MEDIA_TYPE = "application/x-protobuf"
GLYPHS = "/fonts/{fontstack}/{range}.pbf"  # as styles have it
_EDITION = 1  # of how letters are drawn
_LONGEST_STACK = 256  # characters
_CACHING = "public, max-age=86400"
_RANGE = re.compile(r"(0|[1-9][0-9]{0,4})-([1-9][0-9]{2,4})", re.ASCII)


def show_letters(service: Service, caller: Caller, stack: str, letters: str) -> Response:
    """256 letters of the font, as distance fields.

    Raises:
        RouteUnknown: there is no such range, or the stack's name is too long.
        RenderingFailed: they could not be drawn.
        ServerBusy: too many are being drawn.
    """
    first = _first(letters)
    if first is None or len(stack) > _LONGEST_STACK:
        raise RouteUnknown(
            "there are no such letters", remedy="Ranges are 0-255, 256-511 and so on, the last one 65280-65535."
        )
    version = f"{font_version()}-{first}-{_EDITION}"
    packed = service.letters.picture(version, "letters", 0, lambda: Job({"letters": first}, ()))
    is_packed = accepts_gzip(request.environ)
    response = Response(packed if is_packed else decompress(packed), content_type=MEDIA_TYPE)
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = _CACHING
    response.vary.add("Accept-Encoding")
    response.set_etag(f"{version}-gzip" if is_packed else version)
    return conditional(response)


def _first(letters: str) -> int | None:
    """Return a range's first letter; None where it is none."""
    found = _RANGE.fullmatch(letters)
    if found is None:
        return None
    first, last = map(int, found.groups())
    return first if first % 256 == 0 and last == first + 255 and last < 1 << 16 else None


ROUTES = (
    Route(
        "/fonts/<stack>/<letters>.pbf",
        "open",
        show_letters,
        "256 letters as distance fields, for MapLibre",
        {200: ("Glyphs (protobuf, as of node-fontnik)", MEDIA_TYPE), 304: ("You have this version", "")},
        {
            "stack": {
                "description": "Names of fonts, joined by commas; every one is Pretendard Regular",
                "schema": {"type": "string", "minLength": 1, "maxLength": _LONGEST_STACK},
            },
            "letters": {
                "description": "The first and the last letter's number: 0-255, 256-511 … 65280-65535",
                "schema": {"type": "string", "pattern": "^[0-9]{1,5}-[0-9]{3,5}$"},
            },
        },
        tag="styles",
    ),
)
