"""A pyramid is what can be asked for a tile: one layer's, or several layers' glued together.

Everything that does not depend on the tile (headers, entity tags) is made once, when the catalogue changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from isal import igzip

from naru.cog import Cog
from naru.errors import ArchiveDamaged, BadRequest, WrongTileType
from naru.grids import GRIDS
from naru.raster_facts import RasterFacts
from naru.records import Layer, Tileset
from tileserver.encodings import CODINGS, Coding
from tileserver.kept import Kept, cost_of_bytes
from tileserver.rasters.blank import BLANK

Headers = list[tuple[str, str]]
Answer = tuple[str, Headers, bytes]
TILE_MEDIA_TYPE = "application/vnd.mapbox-vector-tile"
MEDIA_TYPES = {"mvt": TILE_MEDIA_TYPE, "png": "image/png", "webp": "image/webp", "jpg": "image/jpeg"}
DRAWN_TYPES = ("png", "webp", "jpg")  # what a COG's values are drawn as
STYLED_TYPES = ("png", "webp", "jpg")  # what a vector layer is drawn as, in its style
FINEST_PICTURE = 22  # zoom up to which those are drawn, of coarser data, as clients of WMTS expect
PUBLIC_CACHING = "public, max-age=60, stale-while-revalidate=600"
PRIVATE_CACHING = "private, no-store"
_CALLER = "Authorization, X-API-Key, Origin, Referer"
PRIVATE_VARY = f"Accept-Encoding, {_CALLER}"
MOST_LAYERS = 16  # in one composite tile
MOST_KEPT_BYTES = 16 << 20  # of a worker: tiles that had to be packed anew
_FAST = 2  # ISA-L's level; packing takes a fraction of a millisecond
_BROTLI_QUALITY, _ZSTD_LEVEL = 5, 9  # about a millisecond for 20 kB, once a tile
_FOR_ALL = ("Access-Control-Allow-Origin", "*")
_UNGUESSED = ("X-Content-Type-Options", "nosniff")
_EMBEDDED = ("Cross-Origin-Resource-Policy", "cross-origin")  # of pictures: <img> asks for no CORS
_EMPTY = ("OATiles-hint", "empty")


def keep_tiles() -> Kept[bytes]:
    """Return where a worker keeps tiles that had to be packed anew."""
    return Kept(MOST_KEPT_BYTES, cost_of_bytes)


class TileReader(Protocol):
    """Gives stored tiles by address: vector tiles gzipped, pictures as they are."""

    def locate(self, z: int, x: int, y: int) -> tuple[int, int] | None:
        """Return offset and length of a tile in the archive, or None where there is nothing."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the archive."""
        ...


@dataclass(frozen=True)
class Representation:
    """One form of a tile: what is sent with it, and what to who has it already."""

    etag: str
    headers: Headers
    unchanged: Answer


@dataclass(frozen=True)
class TileHeaders:
    """The headers of every answer a pyramid gives, by content coding."""

    by_coding: Mapping[Coding, Representation]
    empty: Answer  # to who asks where nothing is

    @property
    def stored(self) -> Headers:
        """The headers of a tile as it lies in its archive, or as it was drawn."""
        return self.by_coding["gzip"].headers


Remember = Callable[[TileHeaders, Callable[[], bytes | None]], None]
"""Is told a drawn picture's headers, and what finds it as long as it is kept."""


def tile_headers(version: str, *, shared: bool) -> TileHeaders:
    """Return the headers of vector tiles of content `version`; `shared` caches may keep them only if everybody may.

    The entity tag names the content's version, so it is known before the tile is looked up. It belongs to one
    address (RFC 9110 §8.8.3), hence need not repeat it; each coding is a representation of its own.
    """
    common = [*_common(shared=shared), ("Vary", "Accept-Encoding" if shared else PRIVATE_VARY)]
    typed = [*common, _UNGUESSED, ("Content-Type", TILE_MEDIA_TYPE)]
    forms = {
        coding: _form(f'"{version}-{coding}"', common, [*typed, ("Content-Encoding", coding)]) for coding in CODINGS
    }
    plain = f'"{version}"'
    empty = ("204 No Content", [*common, ("ETag", plain), _EMPTY], b"")
    return TileHeaders({**forms, "identity": _form(plain, common, typed)}, empty)


def _form(etag: str, common: Headers, headers: Headers) -> Representation:
    unchanged = ("304 Not Modified", [*common, ("ETag", etag)], b"")
    return Representation(etag, [*headers, ("ETag", etag)], unchanged)


def picture_headers(version: str, tile_type: str, *, shared: bool) -> TileHeaders:
    """Return the headers of pictures, which are packed by themselves and have one form.

    Where nothing is, PNG and WebP answer with a transparent picture, for clients that draw a missing one as
    broken; JPEG has no transparency, and answers 204.
    """
    common = [*_common(shared=shared), *([] if shared else [("Vary", _CALLER)])]
    form = _form(f'"{version}"', common, [*common, _UNGUESSED, _EMBEDDED, ("Content-Type", MEDIA_TYPES[tile_type])])
    blank = BLANK.get(tile_type)
    tagged = form.headers if blank else form.unchanged[1]
    empty = ("200 OK" if blank else "204 No Content", [*tagged, _EMPTY], blank or b"")
    return TileHeaders(dict.fromkeys((*CODINGS, "identity"), form), empty)


def _common(*, shared: bool) -> Headers:
    """Return what even a 304 says: each header costs a tenth of a microsecond, and most can be said once."""
    return [_FOR_ALL, ("Cache-Control", PUBLIC_CACHING if shared else PRIVATE_CACHING)]


def not_modified(headers: TileHeaders, environ: Mapping[str, Any], coding: Coding = "identity") -> Answer | None:
    """Return a 304 if the caller has this version already (RFC 9110 §13.1.2), before the tile is looked up."""
    condition = environ.get("HTTP_IF_NONE_MATCH")
    if condition is None:
        return None
    chosen, plain = headers.by_coding[coding], headers.by_coding["identity"]
    if condition == chosen.etag:
        return chosen.unchanged
    known = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    if chosen.etag in known or "*" in known:
        return chosen.unchanged
    return plain.unchanged if plain.etag in known else None


@dataclass(frozen=True)
class LayerPyramid:
    """One layer's tiles: vector tiles, pictures that are made already, or a COG from which they are drawn."""

    layer: Layer
    tileset: Tileset
    reader: TileReader | ArchiveDamaged  # the fault, where the archive cannot be read
    shared: bool  # everybody may read it, so shared caches may keep it
    kept: Kept[bytes] = field(default_factory=keep_tiles, repr=False)  # what had to be packed anew
    readers: set[str] = field(default_factory=set, compare=False)  # ids of keys that were found to be permitted

    @property
    def id(self) -> str:
        """The layer's id."""
        return self.layer.id

    @property
    def function(self) -> str:
        """The layer's function."""
        return self.layer.function

    @property
    def parts(self) -> tuple[LayerPyramid, ...]:
        """Itself, as composites have parts."""
        return (self,)

    @property
    def minzoom(self) -> int:
        """Coarsest zoom with tiles."""
        return self.tileset.minzoom

    @property
    def maxzoom(self) -> int:
        """Finest zoom with tiles."""
        return self.tileset.maxzoom

    @cached_property
    def tms(self) -> str:
        """The id of the tile matrix set that its tiles lie in."""
        return self.tileset.tile_matrix_set

    @cached_property
    def version(self) -> str:
        """What the entity tag says: changes whenever the tiles do."""
        return self.tileset.archive.sha256[:20]

    @property
    def is_raster(self) -> bool:
        """Whether its tiles are pictures."""
        return self.tileset.tile_type != "mvt"

    @cached_property
    def cog(self) -> Cog | None:
        """The COG from which its pictures are drawn; None where they are made already, or cannot be read."""
        return self.reader if isinstance(self.reader, Cog) else None

    @cached_property
    def stored_type(self) -> str | None:
        """What its stored tiles are; None where none can be sent as it is: each has to be drawn from numbers."""
        if self.tileset.archive.suffix != ".tif":
            return self.tileset.tile_type
        return self.cog.tile_type if self.cog else None

    @property
    def types(self) -> tuple[str, ...]:
        """Every type in which its tiles can be had, the best one first."""
        if not self.is_raster:
            return (self.tileset.tile_type, *STYLED_TYPES)
        if self.tileset.archive.suffix != ".tif":
            return (self.tileset.tile_type,)
        return tuple(sorted(DRAWN_TYPES, key=lambda kind: kind != self.picture_type))

    @property
    def picture_type(self) -> str:
        """The type of picture that suits it best: what is stored, else WebP, but PNG for sharp edges."""
        if self.tileset.archive.suffix != ".tif":
            return self.tileset.tile_type
        known = self.tileset.rules.get("raster")
        sharp = isinstance(known, Mapping) and known.get("role") == "classes"
        return self.stored_type or ("png" if sharp else "webp")

    @cached_property
    def facts(self) -> RasterFacts:
        """What is known of a raster; raises ArchiveDamaged where that is incomplete."""
        return RasterFacts.of(self.tileset.rules)

    @cached_property
    def headers(self) -> TileHeaders:
        """The headers of its stored tiles."""
        if self.is_raster:
            return picture_headers(self.version, self.tileset.tile_type, shared=self.shared)
        return tile_headers(self.version, shared=self.shared)

    @cached_property
    def locate(self) -> Callable[[int, int, int], tuple[int, int] | None]:
        """The reader's own look-up: offset and length of a tile's bytes, None where nothing is.

        Raises:
            ArchiveDamaged: the archive cannot be read.
        """
        locate, deeper = self._readable.locate, GRIDS[self.tms].first
        if not deeper:
            return locate
        return lambda z, x, y: locate(z + deeper, x, y)  # archives count depth: see naru/grids.py

    @cached_property
    def read(self) -> Callable[[int, int], bytes]:
        """The reader's own way to bytes: nothing stands between a request and the archive. Raises likewise."""
        return self._readable.read

    @property
    def _readable(self) -> TileReader:
        if isinstance(self.reader, ArchiveDamaged):
            raise self.reader
        return self.reader

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """Return a tile's stored bytes, or None where nothing is; raises ArchiveDamaged."""
        place = self.locate(z, x, y)
        return None if place is None else self.read(*place)


class CompositePyramid:
    """Several layers in one tile: the layers of MVT messages may follow each other.

    Gzip members may too (RFC 1952 §2.2), but curl and others stop after the first one and lose layers without
    a word, so the messages are joined unpacked and packed again.
    """

    def __init__(self, parts: Sequence[LayerPyramid]) -> None:
        _check_disjoint(parts)
        self.parts = tuple(parts)
        self.tms = parts[0].tms
        self.id = ",".join(part.id for part in parts)
        self.function = parts[0].function
        self.kept = parts[0].kept
        self.readers: set[str] = set()
        self.minzoom = min(part.minzoom for part in parts)
        self.maxzoom = max(part.maxzoom for part in parts)
        self.shared = all(part.shared for part in parts)
        self.version = "-".join(part.version for part in parts)
        self.headers = tile_headers(self.version, shared=self.shared)

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """Return the layers that have something here, in order, as one gzipped tile; packed once, and kept."""
        here = (part.get(z, x, y) for part in self.parts if part.minzoom <= z <= part.maxzoom)
        found = [tile for tile in here if tile]
        if len(found) < 2:
            return found[0] if found else None
        return self.kept.get((self.version, z, x, y), lambda: _joined(found))


Pyramid = LayerPyramid | CompositePyramid


def _joined(tiles: Sequence[bytes]) -> bytes:
    return igzip.compress(b"".join(map(_unpacked, tiles)), _FAST, mtime=0)


_unpacked: Callable[[bytes], bytes] = igzip.decompress


def recoded(pyramid: Pyramid, tile: bytes, coding: Coding, name: tuple[int, ...]) -> bytes:
    """Return a stored vector tile in another coding than gzip; made once, and kept under the tile's `name`."""
    if coding == "identity":
        return _unpacked(tile)
    return pyramid.kept.get((pyramid.version, *name, coding), lambda: _PACKERS[coding](_unpacked(tile)))


def _brotli(tile: bytes) -> bytes:
    import brotli

    return bytes(brotli.compress(tile, quality=_BROTLI_QUALITY))


def _zstd(tile: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(tile)


_PACKERS: Mapping[str, Callable[[bytes], bytes]] = {"br": _brotli, "zstd": _zstd}


def check_type(part: LayerPyramid, tile_type: str) -> None:
    """Return if a layer's tiles can be had as `tile_type`.

    Raises:
        WrongTileType: it has others.
    """
    if tile_type not in part.types:
        what = "pictures" if part.is_raster else "vector tiles"
        raise WrongTileType(
            f"the layer's tiles are {what}, which are not to be had as .{tile_type}",
            layer=part.layer.id,
            remedy=f"Ask for .{' or .'.join(part.types)}.",
        )


def _check_disjoint(parts: Sequence[LayerPyramid]) -> None:
    pictures = [part.layer.id for part in parts if part.is_raster]
    if pictures:
        raise BadRequest(
            "only vector tiles can be joined in one tile",
            layer=pictures[0],
            remedy="Ask for each raster layer in a request of its own.",
        )
    names = [layer["id"] for part in parts for layer in part.tileset.vector_layers]
    if len(parts) > MOST_LAYERS or len(set(names)) < len(names):
        raise too_many_layers()


def too_many_layers() -> BadRequest:
    """Return the error for more layers than one tile can hold, or one of them twice."""
    return BadRequest(
        f"one tile can hold at most {MOST_LAYERS} layers, each of them once",
        remedy="Ask for fewer layers, or for each in a request of its own.",
    )
