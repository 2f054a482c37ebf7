"""JSON documents on the wire: encoded once, tagged by content, cached by whoever may."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import Response, request

from tileserver.pyramids import PRIVATE_CACHING, PRIVATE_VARY

REVALIDATE = "public, no-cache"  # may be kept, must be asked about: a publication shows at once


def json_document(value: Any, *, shared: bool, media_type: str = "application/json") -> Response:
    """Return `value` as JSON; `shared` when every caller would get the same."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    response = Response(body, content_type=media_type)
    response.headers["Cache-Control"] = REVALIDATE if shared else PRIVATE_CACHING
    response.vary.update(["Accept-Encoding"] if shared else PRIVATE_VARY.split(", "))
    response.set_etag(hashlib.sha256(body).hexdigest()[:20])
    response.make_conditional(request)
    return response
