"""A pyramid is what can be asked for a tile: one layer's, or several layers' glued together.

Everything that does not depend on the tile (headers, entity tags) is made once, when the catalogue changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from isal import igzip

from naru.errors import ArchiveDamaged, BadRequest
from naru.records import Layer, Tileset

Headers = list[tuple[str, str]]
TILE_MEDIA_TYPE = "application/vnd.mapbox-vector-tile"
PUBLIC_CACHING = "public, max-age=60, stale-while-revalidate=600"
PRIVATE_CACHING = "private, no-store"
PRIVATE_VARY = "Accept-Encoding, Authorization, X-API-Key, Origin, Referer"
MOST_LAYERS = 16  # in one composite tile
_FAST = 2  # ISA-L's level; packing takes a fraction of a millisecond
_ALWAYS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("X-Content-Type-Options", "nosniff"),
]


class TileReader(Protocol):
    """Gives stored (gzipped) tiles by address."""

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """Return the stored bytes of a tile, or None where there is nothing."""
        ...


@dataclass(frozen=True)
class TileHeaders:
    """The headers of every answer a pyramid gives."""

    etag_gzip: str
    etag_identity: str
    gzip: Headers
    identity: Headers
    not_modified_gzip: Headers
    not_modified_identity: Headers
    empty: Headers


def tile_headers(version: str, *, shared: bool) -> TileHeaders:
    """Return the headers of tiles of content `version`; `shared` caches may keep them only if everybody may.

    The entity tag names the content's version, so it is known before the tile is looked up. It belongs to one
    address (RFC 9110 §8.8.3), hence need not repeat it; gzip and identity are two representations.
    """
    cache = ("Cache-Control", PUBLIC_CACHING if shared else PRIVATE_CACHING)
    common = [*_ALWAYS, cache, ("Vary", "Accept-Encoding" if shared else PRIVATE_VARY)]
    etag_gzip, etag_identity = f'"{version}-gzip"', f'"{version}"'
    typed = [*common, ("Content-Type", TILE_MEDIA_TYPE)]
    return TileHeaders(
        etag_gzip=etag_gzip,
        etag_identity=etag_identity,
        gzip=[*typed, ("ETag", etag_gzip), ("Content-Encoding", "gzip")],
        identity=[*typed, ("ETag", etag_identity)],
        not_modified_gzip=[*common, ("ETag", etag_gzip)],
        not_modified_identity=[*common, ("ETag", etag_identity)],
        empty=[*common, ("ETag", etag_identity), ("OATiles-hint", "empty")],
    )


@dataclass(frozen=True)
class LayerPyramid:
    """One layer's vector tiles."""

    layer: Layer
    tileset: Tileset
    reader: TileReader | ArchiveDamaged  # the fault, where the archive cannot be read
    shared: bool  # everybody may read it, so shared caches may keep it

    @property
    def minzoom(self) -> int:
        """Coarsest zoom with tiles."""
        return self.tileset.minzoom

    @property
    def maxzoom(self) -> int:
        """Finest zoom with tiles."""
        return self.tileset.maxzoom

    @cached_property
    def version(self) -> str:
        """What the entity tag says: changes whenever the tiles do."""
        return self.tileset.archive.sha256[:20]

    @cached_property
    def headers(self) -> TileHeaders:
        """The headers of its answers."""
        return tile_headers(self.version, shared=self.shared)

    @cached_property
    def get(self) -> Callable[[int, int, int], bytes | None]:
        """The reader's own look-up, so that nothing stands between a request and the archive.

        Raises:
            ArchiveDamaged: the archive cannot be read.
        """
        if isinstance(self.reader, ArchiveDamaged):
            raise self.reader
        return self.reader.get


class CompositePyramid:
    """Several layers in one tile: the layers of MVT messages may follow each other.

    Gzip members may too (RFC 1952 §2.2), but curl and others stop after the first one and lose layers without
    a word, so the messages are joined unpacked and packed again.
    """

    def __init__(self, parts: Sequence[LayerPyramid]) -> None:
        _check_disjoint(parts)
        self.parts = tuple(parts)
        self.minzoom = min(part.minzoom for part in parts)
        self.maxzoom = max(part.maxzoom for part in parts)
        self.shared = all(part.shared for part in parts)
        self.version = "-".join(part.version for part in parts)
        self.headers = tile_headers(self.version, shared=self.shared)

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """Return the layers that have something here, in order, as one gzipped tile."""
        here = (part.get(z, x, y) for part in self.parts if part.minzoom <= z <= part.maxzoom)
        found = [tile for tile in here if tile]
        if len(found) < 2:
            return found[0] if found else None
        return igzip.compress(b"".join(map(igzip.decompress, found)), _FAST, mtime=0)


Pyramid = LayerPyramid | CompositePyramid


def _check_disjoint(parts: Sequence[LayerPyramid]) -> None:
    names = [layer["id"] for part in parts for layer in part.tileset.vector_layers]
    if len(parts) > MOST_LAYERS or len(set(names)) < len(names):
        raise BadRequest(
            f"one tile can hold at most {MOST_LAYERS} layers, each of them once",
            remedy="Ask for fewer layers, or for each in a request of its own.",
        )
