"""Whole files and entries of packages on the wire: tagged by their content, packed once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from flask import Response, request
from isal import igzip

from tileserver.documents import REVALIDATE, conditional
from tileserver.encodings import accepts_gzip
from tileserver.kept import Kept
from tileserver.pyramids import PRIVATE_CACHING, PRIVATE_VARY, PUBLIC_CACHING

MOST_KEPT_BYTES = 64 << 20  # of a worker: packed pieces
_ABOUT = 300  # bytes that a kept piece costs beside its packed form
_WORTH_PACKING = 1400  # bytes: what fits into one packet anyway is sent as it is
_MOST_PACKED = 32 << 20  # bytes: larger ones are sent as they are, for packing them holds a request up
_LEVEL = 2  # of ISA-L's 0 to 3
_GAIN = 0.95  # of the size: a texture in a GLB is packed already, and unpacking costs the caller


@dataclass(frozen=True)
class Piece:
    """What is remembered of bytes that never change."""

    tag: str  # names the content
    packed: bytes | None  # gzip; None: it is not worth it

    @classmethod
    def of(cls, content: bytes) -> Piece:
        """Hash and pack some bytes."""
        packed = None
        if _WORTH_PACKING <= len(content) <= _MOST_PACKED:
            packed = igzip.compress(content, _LEVEL, mtime=0)
            packed = packed if len(packed) < _GAIN * len(content) else None
        return cls(hashlib.sha256(content).hexdigest()[:20], packed)

    @property
    def cost(self) -> int:
        """Bytes of memory that it takes."""
        return _ABOUT + len(self.packed or b"")


def keep_pieces() -> Kept[Piece]:
    """Return where a worker keeps what it packed."""
    return Kept(MOST_KEPT_BYTES, lambda piece: piece.cost)


def piece_response(
    kept: Kept[Piece],
    name: Hashable,
    read: Callable[[], bytes],
    media_type: str,
    *,
    shared: bool,
    revalidate: bool = True,
) -> Response:
    """Return the bytes that `read` gives, or 304 without reading them; `name` stands for them, version and all.

    `shared`: every caller gets the same. `revalidate`: caches must ask each time; else as with tiles.
    """
    piece = kept.get(name, lambda: Piece.of(read()))
    packed = piece.packed if accepts_gzip(request.environ) else None
    tag = piece.tag if packed is None else f"{piece.tag}-gzip"
    has_it = request.if_none_match.contains_weak(tag)
    response = Response(b"" if has_it else packed or read(), content_type=media_type)
    if packed is not None:
        response.headers["Content-Encoding"] = "gzip"
    public = REVALIDATE if revalidate else PUBLIC_CACHING
    response.headers["Cache-Control"] = public if shared else PRIVATE_CACHING
    response.vary.update(["Accept-Encoding", "Origin"] if shared else PRIVATE_VARY.split(", "))
    response.set_etag(tag)
    return conditional(response)
