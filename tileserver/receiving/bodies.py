"""Request bodies, read as they come: in pieces, counted, never whole in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from flask import current_app, request

from naru.errors import BadRequest, MediaType, NotReady
from tileserver.service import Service

CHUNK = 64 * 1024
_LARGEST_JSON = 64 * 1024
_DRAIN_BYTES = 32 * 2**20
_DRAIN_S = 5.0


def chunks() -> Iterator[bytes]:
    """Yield the request's body in pieces; it may end before its Content-Length when the caller goes away.

    Raises:
        NotReady: it ended so because the server stops (`tileserver/hanging_up.py`).
    """
    left = request.content_length
    while left is None or left > 0:
        chunk = request.stream.read(CHUNK if left is None else min(CHUNK, left))
        if not chunk:
            if left and _stopping():
                raise NotReady("the server stops before the body was here", remedy="Send it again in a moment.")
            return
        left = None if left is None else left - len(chunk)
        yield chunk


def _stopping() -> bool:
    service: Service = current_app.extensions["naru"]
    return service.stopping.is_set()


def drain() -> None:
    """Read on, if there is not much to come: a caller that is still sending does not hear a refusal."""
    if (request.content_length or 0) > _DRAIN_BYTES:
        return
    until, left = time.monotonic() + _DRAIN_S, _DRAIN_BYTES
    with suppress(NotReady):  # nobody sends any more
        for chunk in chunks():
            left -= len(chunk)
            if left < 0 or time.monotonic() > until:
                return


def json_object() -> dict[str, Any]:
    """Return the request's body: a JSON object; {} where there is none.

    Raises:
        MediaType, BadRequest: it is something else, or too long.
    """
    body = b""
    for chunk in chunks():
        body += chunk
        if len(body) > _LARGEST_JSON:
            raise BadRequest("the body is too long", remedy=f"Send at most {_LARGEST_JSON} bytes.")
    if not body:
        return {}
    if request.mimetype != "application/json":
        raise MediaType("the body is not application/json", remedy="Send Content-Type: application/json.")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON ({error})", remedy="See /openapi.json.") from error
    if not isinstance(value, dict):
        raise BadRequest("the body is not a JSON object", remedy="See /openapi.json.")
    return value
