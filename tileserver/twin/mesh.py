"""A layer's terrain mesh as one more of its pyramids: quantized-mesh tiles, packed, in WorldCRS84Quad.

An address that was answered once lies among the places that the lane knows (`Snapshot.remember`): from then on a
mesh tile costs what a vector tile costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from naru.errors import ArchiveDamaged, NoSuchAsset
from naru.pmtiles import PMTilesReader, mapped
from naru.pmtiles.header import COMPRESSION_GZIP
from naru.records import Asset, Layer, Tileset
from tileserver.pyramids import Headers, LayerPyramid, TileHeaders, keep_tiles, tile_headers
from tileserver.service import Service
from tileserver.snapshot import Snapshot, everybody_reads

T = TypeVar("T")
GRID = "WorldCRS84Quad"
MEDIA_TYPE = "application/vnd.quantized-mesh"
_REMEDY = "Make the mesh again: `naru twin mesh LAYER`."


class MeshPyramid(LayerPyramid):
    """The mesh tiles of a layer, by zoom, column and row from the north."""

    @property
    def is_raster(self) -> bool:
        """Whether its tiles are pictures."""
        return False

    @cached_property
    def headers(self) -> TileHeaders:
        """The headers of its tiles: those of vector tiles, under the media type of meshes."""
        told = tile_headers(self.version, shared=self.shared)
        forms = {name: replace(form, headers=_retyped(form.headers)) for name, form in told.by_coding.items()}
        return TileHeaders(forms, told.empty)


def mesh_of(service: Service, snapshot: Snapshot, layer: Layer) -> MeshPyramid:
    """Return a layer's mesh, opened when it is first asked for and kept as long as the snapshot.

    Raises:
        NoSuchAsset: it has none.
        ArchiveDamaged: it cannot be read.
    """
    found = snapshot.meshes.get(layer.id)
    if found is None:
        asset = asset_of(layer, "mesh", "terrain mesh", "`naru twin mesh LAYER` makes one.")
        reader = opened(service, asset, _reader)
        tiles = snapshot.pyramids.get(layer.id)
        kept = tiles.kept if tiles else keep_tiles()
        shared = everybody_reads(snapshot.anonymous, layer)
        found = snapshot.meshes[layer.id] = MeshPyramid(layer, _tileset(asset), reader, shared, kept)
    assert isinstance(found, MeshPyramid), layer.id
    return found


def asset_of(layer: Layer, name: str, what: str, remedy: str) -> Asset:
    """Return what belongs to a layer's live version under a name.

    Raises:
        NoSuchAsset: nothing does; the message says `what` is missing.
    """
    found = layer.live.assets.get(name)
    if found is None:
        raise NoSuchAsset(f"the layer has no {what}", layer=layer.id, remedy=remedy)
    return found


def opened(service: Service, asset: Asset, open_file: Callable[[Path], T]) -> T:
    """Return what `open_file` makes of an asset's file.

    Raises:
        ArchiveDamaged: the file is not there, or not what it should be.
    """
    path = service.house.storage.path(asset.archive)
    try:
        return open_file(path)
    except OSError as cause:
        raise ArchiveDamaged(f"the archive cannot be opened ({cause.strerror})", file=str(path)) from cause


@lru_cache(maxsize=64)
def _reader(path: Path) -> PMTilesReader:
    reader = PMTilesReader(mapped(path))  # archives never change: a name stands for its bytes
    if reader.header.tile_compression != COMPRESSION_GZIP:
        raise ArchiveDamaged("the mesh's tiles are not gzipped", file=str(path), remedy=_REMEDY)
    return reader


def _tileset(asset: Asset) -> Tileset:
    about = asset.about
    return Tileset(asset.archive, "terrain", GRID, fact(about, "minzoom"), fact(about, "maxzoom"), bounds(about), 0)


def fact(about: Mapping[str, Any], name: str) -> Any:
    """Return what the catalogue says of an asset; raises ArchiveDamaged where it does not."""
    if name not in about:
        raise ArchiveDamaged(f"the catalogue does not say the mesh's {name}", remedy=_REMEDY)
    return about[name]


def bounds(about: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Return west, south, east, north of a mesh, degrees."""
    west, south, east, north = fact(about, "bounds")
    return west, south, east, north


def _retyped(headers: Headers) -> Headers:
    return [(name, MEDIA_TYPE if name == "Content-Type" else value) for name, value in headers]
