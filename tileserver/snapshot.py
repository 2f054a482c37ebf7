"""What a worker knows: one immutable picture of the catalogue, replaced when the catalogue changes.

Requests read the picture that was current when they came; archives of an older one stay open until they end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError

from naru.cog import Cog
from naru.errors import ArchiveDamaged, NaruError, UnknownLayer
from naru.house import House
from naru.pmtiles import PMTilesReader, mapped
from naru.records import Layer, Tileset
from naru.settings import Clock
from naru.tms import WEB_MERCATOR
from tileserver.encodings import Coding
from tileserver.kept import Kept
from tileserver.keys.ring import ANONYMOUS, Credential, Key, KeyRing
from tileserver.keys.text import digest, is_well_formed
from tileserver.pyramids import (
    CompositePyramid,
    LayerPyramid,
    Pyramid,
    Representation,
    TileHeaders,
    TileReader,
    keep_tiles,
)
from tileserver.twin.mesh import MESH, MeshPyramid, mesh_reader, mesh_tileset

log = logging.getLogger("naru.serve")
_MOST_COMPOSITES = 256
_MOST_PLACES = 16_384  # some 5 MB of a worker's memory
_MOST_DRAWN = 4096
_MOST_DOCUMENT_CHARACTERS = 8 << 20  # of long documents, by who asks: uncounted, so they must cost little
_LOOK_AGAIN_S = 5.0


class Place(NamedTuple):
    """A stored tile that was asked for: all that its address says, found out once."""

    pyramid: LayerPyramid
    layer: str  # its id
    function: str
    forms: Mapping[Coding, Representation]
    read: Callable[[int, int], bytes]
    z: int
    is_picture: bool
    offset: int
    length: int  # bytes; 0: nothing is there
    tile: tuple[int, int] | None  # x and y in Web Mercator


class Drawn(NamedTuple):
    """A picture that was drawn for somebody, and may still be kept."""

    pyramid: Pyramid
    z: int
    tile: tuple[int, int] | None  # x and y in Web Mercator
    headers: TileHeaders
    find: Callable[[], bytes | None]  # None: it is kept no more


@dataclass(frozen=True)
class Snapshot:
    """Layers, pyramids and keys as of one generation of the catalogue."""

    generation: int
    layers: Mapping[str, Layer]  # by id, in order
    pyramids: Mapping[str, LayerPyramid]  # those with tiles in Web Mercator
    elsewhere: Mapping[tuple[str, str], LayerPyramid]  # by layer and tile matrix set: their tiles in other grids
    meshes: Mapping[str, MeshPyramid]  # by layer: terrain meshes
    anonymous: Key | None  # None: callers without a key get nothing
    credentials: Mapping[str, Credential]  # by keyed hash
    pepper: bytes = field(repr=False)
    _composites: dict[tuple[str, tuple[str, ...]], CompositePyramid] = field(default_factory=dict)
    _met: dict[str, Credential] = field(default_factory=dict, repr=False)
    places: dict[str, Place] = field(default_factory=dict, repr=False)  # by address: where its tile lies
    documents: Kept[Markup] = field(default_factory=lambda: Kept(_MOST_DOCUMENT_CHARACTERS, len), repr=False)
    drawn: dict[str, Drawn] = field(default_factory=dict, repr=False)  # by address with what it says of the look

    def met(self, text: str) -> Credential | None:
        """Return what a key's text stands for if it was presented before."""
        return self._met.get(text)

    def credential(self, text: str) -> Credential | None:
        """Return what a key's text stands for, or None; one that was good once is not hashed again."""
        found = self._met.get(text)
        if found is None and is_well_formed(text):
            found = self.credentials.get(digest(text, self.pepper))
            if found is not None:
                self._met[text] = found
        return found

    def remember(self, path: str, place: Place) -> None:
        """Keep where the tile of an address lies; the place that was found first makes room."""
        if len(self.places) >= _MOST_PLACES:
            self.places.pop(next(iter(self.places)), None)
        self.places[path] = place

    def remember_drawn(self, name: str, drawn: Drawn) -> None:
        """Keep what is known of a picture; the one that was drawn first makes room."""
        if len(self.drawn) >= _MOST_DRAWN:
            self.drawn.pop(next(iter(self.drawn)), None)
        self.drawn[name] = drawn

    def pyramid(self, layer_id: str, tms: str = WEB_MERCATOR) -> LayerPyramid:
        """Return a layer's pyramid in one grid, or its own where it has none in that one.

        Raises:
            UnknownLayer: no such layer, or none with tiles.
        """
        found = self.pyramids.get(layer_id) if tms == WEB_MERCATOR else self.elsewhere.get((layer_id, tms))
        if found is None:
            found = self.pyramids.get(layer_id)
        if found is None:
            raise UnknownLayer(layer_id)
        return found

    def composite(self, parts: tuple[LayerPyramid, ...]) -> Pyramid:
        """Return several layers as one pyramid.

        Raises:
            BadRequest: too many, or a layer twice.
        """
        if len(parts) == 1:
            return parts[0]
        ids = parts[0].tms, tuple(part.layer.id for part in parts)
        found = self._composites.get(ids)
        if found is None:
            found = CompositePyramid(parts)
            if len(self._composites) < _MOST_COMPOSITES:
                self._composites[ids] = found
        return found


def everybody_reads(anonymous: Key | None, layer: Layer) -> bool:
    """Tell whether who has no key may read a layer: then shared caches may keep its tiles, and what is said of it.

    `anonymous` is the key of such callers; None: they get nothing.
    """
    if anonymous is None or layer.visibility != "public":
        return False
    may = anonymous.permissions
    return layer.function in may.functions and (may.layers is None or layer.id in may.layers)


class SnapshotKeeper:
    """Keeps a worker's snapshot current; `refresh` is called twice a second, off the request path."""

    def __init__(self, house: House, keyring: KeyRing, pepper: bytes, clock: Clock = time.time) -> None:
        self._house, self._keyring, self._pepper, self._clock = house, keyring, pepper, clock
        self._readers: dict[str, TileReader] = {}
        self._kept = keep_tiles()
        self._faults: set[str] = set()  # archives that could not be opened
        self._looked = clock()
        self._silent = False
        self._lock = threading.Lock()
        self.confirmed = clock()  # when the catalogue was last asked, and answered
        self.current = self._take(house.catalogue.generation())

    def refresh(self) -> None:
        """Replace the snapshot if the catalogue has changed; keep it, and say so, if it does not answer."""
        with self._lock:
            try:
                generation = self._house.catalogue.generation()
                if generation != self.current.generation or self._worth_another_look():
                    self.current = self._take(generation)
                self.confirmed, self._silent = self._clock(), False
            except (SQLAlchemyError, NaruError) as error:
                if not self._silent:  # said once, not twice a second
                    log.warning("the catalogue does not answer, serving what was known before: %s", error)
                self._silent = True

    def _worth_another_look(self) -> bool:
        """Tell whether it is time to see if archives that could not be opened can be now: a disk may be back."""
        return bool(self._faults) and not 0 <= self._clock() - self._looked < _LOOK_AGAIN_S

    def age(self) -> float:
        """Return for how many seconds the snapshot has gone unconfirmed."""
        return self._clock() - self.confirmed

    def _take(self, generation: int) -> Snapshot:
        self._looked = self._clock()
        layers = {layer.id: layer for layer in self._house.catalogue.layers()}
        credentials = self._keyring.credentials()
        anonymous = self._anonymous()
        found = {
            (layer.id, tileset.tile_matrix_set): LayerPyramid(
                layer=layer,
                tileset=tileset,
                reader=self._reader(layer, tileset),
                shared=everybody_reads(anonymous, layer),
                kept=self._kept,
            )
            for layer in layers.values()
            for tileset in layer.live.tilesets
        }
        meshes = {
            layer.id: MeshPyramid(
                layer, made, self._reader(layer, made), everybody_reads(anonymous, layer), self._kept
            )
            for layer in layers.values()
            if (made := mesh_tileset(layer)) is not None
        }
        self._forget_all_but({pyramid.tileset.archive.name for pyramid in (*found.values(), *meshes.values())})
        pyramids = {layer_id: pyramid for (layer_id, tms), pyramid in found.items() if tms == WEB_MERCATOR}
        elsewhere = {name: pyramid for name, pyramid in found.items() if name[1] != WEB_MERCATOR}
        return Snapshot(generation, layers, pyramids, elsewhere, meshes, anonymous, credentials, self._pepper)

    def _anonymous(self) -> Key | None:
        if self._house.settings.anonymous == "none":
            return None
        key = self._keyring.get(ANONYMOUS)
        return None if key.revoked else key

    def _reader(self, layer: Layer, tileset: Tileset) -> TileReader | ArchiveDamaged:
        """Open an archive once and keep it; a damaged one must not take the other layers down."""
        archive = tileset.archive
        if archive.name in self._readers:
            return self._readers[archive.name]
        try:
            self._readers[archive.name] = _opened(self._house.storage.path(archive), tileset)
        except (ArchiveDamaged, OSError) as error:
            if archive.name not in self._faults:  # said once, not at every look
                log.error("layer %s cannot be served: %s", layer.id, error)
            self._faults.add(archive.name)
            if isinstance(error, ArchiveDamaged):
                return error
            return ArchiveDamaged(f"the archive cannot be opened ({error.strerror})", layer=layer.id)
        self._faults.discard(archive.name)
        return self._readers[archive.name]

    def _forget_all_but(self, wanted: set[str]) -> None:
        self._readers = {name: reader for name, reader in self._readers.items() if name in wanted}
        self._faults &= wanted


def _opened(path: Path, tileset: Tileset) -> TileReader:
    if tileset.tile_type == MESH:
        return mesh_reader(path)
    if tileset.archive.suffix != ".tif":
        return PMTilesReader(mapped(path))
    cog = Cog(mapped(path))
    if tileset.minzoom < cog.minzoom or tileset.maxzoom > cog.maxzoom:
        raise ArchiveDamaged(
            f"the raster archive has zooms {cog.minzoom} to {cog.maxzoom} on the tile grid, where the catalogue "
            f"says {tileset.minzoom} to {tileset.maxzoom}",
            remedy="Ingest the raster again.",
        )
    return cog
