"""Addresses that we hand out: under NARU_PUBLIC_URL, else relative. The request's Host is never believed."""

from __future__ import annotations

from urllib.parse import quote

from naru.settings import Settings
from tileserver.access import Presented


def base_address(settings: Settings) -> str:
    """Return what goes before a path: the public address, or nothing."""
    return settings.public_url


def key_query(presented: Presented) -> str:
    """Return the query that carries the caller's key on, if it came in the query; a header's key is not shown."""
    if presented.parameter is None or presented.text is None:
        return ""
    return f"?{presented.parameter}={quote(presented.text, safe='')}"
