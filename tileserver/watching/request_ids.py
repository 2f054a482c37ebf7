"""Each request has an id: the one that a trusted proxy gave it, else one of our own."""

from __future__ import annotations

import re
import secrets
from collections.abc import MutableMapping
from typing import Any

_KEPT = "naru.request_id"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def request_id(environ: MutableMapping[str, Any], proxies: int) -> str:
    """Return a request's id; `X-Request-Id` is believed where a trusted proxy stands in front."""
    known: str | None = environ.get(_KEPT)
    if known is None:
        given = environ.get("HTTP_X_REQUEST_ID", "") if proxies else ""
        known = environ[_KEPT] = given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(8)
    return known
