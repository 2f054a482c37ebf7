"""The pages: the viewer at `/`, `/3d`, `/flood`, `/upload`, `/usage`, `/keys`, `/docs`, and their files.

Only files that lay in `static/` when the server started are served, by their exact names: nothing that comes
with a request ever becomes part of a path.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from flask import Response, request

from naru.errors import NotReady, RouteUnknown
from naru.settings import Settings
from tileserver.access import Caller
from tileserver.documents import conditional
from tileserver.encodings import accepts_gzip
from tileserver.routes import Route, Service

STATIC = Path(__file__).with_name("static")
IMMUTABLE = "public, max-age=31536000, immutable"
_HASHED = re.compile(r"-[\w-]{8}\.\w+$", re.ASCII)
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
_COMPRESSED_ALREADY = (".png", ".woff2")


@dataclass(frozen=True)
class Asset:
    """One shipped file, in memory once it has been asked for."""

    content_type: str
    cache_control: str
    etag: str
    identity: bytes
    gzipped: bytes | None

    @classmethod
    def read(cls, path: Path) -> Asset:
        """Read a file and make its gzip variant, once."""
        data = path.read_bytes()
        smaller = None if path.suffix in _COMPRESSED_ALREADY else gzip.compress(data, 9, mtime=0)
        caching = IMMUTABLE if _HASHED.search(path.name) else "no-cache"
        return cls(_TYPES[path.suffix], caching, hashlib.sha256(data).hexdigest()[:20], data, smaller)


@cache
def shipped_files() -> Mapping[str, Path]:
    """Return the files of `static/` by name, those whose type we know."""
    found = sorted(path for path in STATIC.rglob("*") if path.is_file() and path.suffix in _TYPES)
    return {path.relative_to(STATIC).as_posix(): path for path in found}


@cache
def _asset(path: Path) -> Asset:
    return Asset.read(path)


def _serve(name: str) -> Response:
    path = shipped_files().get(name)
    if path is None:
        raise RouteUnknown("there is no such file", remedy="Start from /, /upload or /docs.")
    asset = _asset(path)
    packed = asset.gzipped is not None and accepts_gzip(request.environ)
    response = Response(asset.gzipped if packed else asset.identity, content_type=asset.content_type)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = asset.cache_control
    response.vary.add("Accept-Encoding")
    response.set_etag(asset.etag + ("-gzip" if packed else ""))
    return conditional(response)


def _page(service: Service, name: str) -> Response:
    if name not in shipped_files():
        raise NotReady(
            "the page is not built", remedy="Type `npm ci && npm run build` in viewer/, then start again."
        )
    return _under_policy(_serve(name), service)


def _under_policy(response: Response, service: Service) -> Response:
    response.headers["Content-Security-Policy"] = content_security_policy(service.settings)
    return response


def content_security_policy(settings: Settings) -> str:
    """Return what our pages may load: themselves, and this server."""
    public = urlsplit(settings.public_url)
    ours = f"'self' {public.scheme}://{public.netloc}" if public.netloc else "'self'"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "font-src 'self'",
            "img-src 'self' data: blob:",
            f"connect-src {ours}",
            "worker-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def show_viewer(service: Service, caller: Caller) -> Response:
    """The map."""
    return _page(service, "index.html")


def show_upload_page(service: Service, caller: Caller) -> Response:
    """The page where files are handed in and layers managed. It asks for the key itself."""
    return _page(service, "upload.html")


def show_usage_page(service: Service, caller: Caller) -> Response:
    """The page where usage is seen: one's own, or everybody's by who manages. It asks for the key itself."""
    return _page(service, "usage.html")


def show_keys_page(service: Service, caller: Caller) -> Response:
    """The page where keys are made, changed and taken back. It asks for the managing key itself."""
    return _page(service, "keys.html")


def show_flood_page(service: Service, caller: Caller) -> Response:
    """The page where floods are made, run, played and compared. It asks for the key itself."""
    return _page(service, "flood.html")


def show_scene(service: Service, caller: Caller) -> Response:
    """Terrain meshes and models as a 3D scene: `?layer=` names what is shown."""
    return _page(service, "scene.html")


def show_docs(service: Service, caller: Caller) -> Response:
    """The interface's description, for people."""
    return _page(service, "docs.html")


def show_file(service: Service, caller: Caller, name: str) -> Response:
    """A file of the pages. A worker's script brings the worker's own policy, which must let it fetch tiles."""
    return _under_policy(_serve(name), service)


_HTML = {200: ("A page", "text/html"), 304: ("You have this version", "")}
ROUTES = (
    Route("/", "open", show_viewer, "The viewer", _HTML, tag="pages"),
    Route("/upload", "open", show_upload_page, "Hand files in and manage layers, for people", _HTML, tag="pages"),
    Route("/usage", "open", show_usage_page, "See usage and quotas, for people", _HTML, tag="pages"),
    Route("/keys", "open", show_keys_page, "Make and manage keys, for people", _HTML, tag="pages"),
    Route("/flood", "open", show_flood_page, "Make, run and play floods, for people", _HTML, tag="pages"),
    Route("/3d", "open", show_scene, "Terrain and models in 3D", _HTML, tag="pages"),
    Route("/docs", "open", show_docs, "This interface, for people", _HTML, tag="pages"),
    Route(
        "/static/<path:name>",
        "open",
        show_file,
        "A file of the pages",
        {200: ("The file", "application/octet-stream"), 304: ("You have this version", "")},
        {"name": {"schema": {"type": "string"}}},
        tag="pages",
    ),
)
