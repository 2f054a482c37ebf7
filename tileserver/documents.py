"""JSON documents on the wire: encoded once, tagged by content, cached by whoever may."""

from __future__ import annotations

import gzip
import hashlib
import json
from http import HTTPStatus
from typing import Any

from flask import Response, request

from naru.errors import PreconditionFailed
from tileserver.encodings import accepts_gzip
from tileserver.pyramids import PRIVATE_CACHING, PRIVATE_VARY

REVALIDATE = "public, no-cache"  # may be kept, must be asked about: a publication shows at once
_WORTH_PACKING = 1400  # bytes: what fits into one packet anyway is sent as it is
_LEVEL = 6


def json_document(value: Any, *, shared: bool, media_type: str = "application/json") -> Response:
    """Return `value` as JSON; `shared` when every caller would get the same."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return bytes_document(body, shared=shared, media_type=media_type)


def bytes_document(body: bytes, *, shared: bool, media_type: str, tag: str = "") -> Response:
    """Return a text that is encoded already; `tag` names its content, where its own hash does not."""
    tag = tag or hashlib.sha256(body).hexdigest()[:20]
    packed = len(body) >= _WORTH_PACKING and accepts_gzip(request.environ)
    response = Response(gzip.compress(body, _LEVEL, mtime=0) if packed else body, content_type=media_type)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = REVALIDATE if shared else PRIVATE_CACHING
    response.vary.update(["Accept-Encoding", "Origin"] if shared else PRIVATE_VARY.split(", "))
    response.set_etag(f"{tag}-gzip" if packed else tag)
    return conditional(response)


def conditional(response: Response) -> Response:
    """Return a tagged answer, or 304 where the caller has it already (RFC 9110 §13).

    Raises:
        PreconditionFailed: the caller wants another version, by If-Match or If-Unmodified-Since.
    """
    response.make_conditional(request)
    if response.status_code == HTTPStatus.PRECONDITION_FAILED:
        raise PreconditionFailed("this is not the version that was asked for", remedy="Ask without If-Match.")
    return response
