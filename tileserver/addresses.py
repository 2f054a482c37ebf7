"""Addresses that we hand out: under NARU_PUBLIC_URL, else relative. The request's Host is never believed.

A page of another site cannot use relative ones: its map library would look for them on that site's own server.
Where the server listens on loopback only, it knows the one address under which such a page can have reached it,
and tells that. Whether a page is another site's, its browser says: it sends Origin with such requests alone.
"""

from __future__ import annotations

from urllib.parse import quote

from tileserver.access import Environ, Presented
from tileserver.service import Service


def base_address(service: Service, environ: Environ) -> str:
    """Return what goes before a path: the public one, for other sites' pages our loopback one, or nothing."""
    public = service.settings.public_url
    return public or (service.loopback if "HTTP_ORIGIN" in environ else "")


def key_query(presented: Presented) -> str:
    """Return the query that carries the caller's key on, if it came in the query; a header's key is not shown."""
    if presented.parameter is None or presented.text is None:
        return ""
    return f"?{presented.parameter}={quote(presented.text, safe='')}"
