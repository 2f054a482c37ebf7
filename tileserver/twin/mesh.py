"""A layer's terrain mesh as one more of its pyramids: quantized-mesh tiles, packed, in WorldCRS84Quad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from naru.errors import ArchiveDamaged
from naru.grids import GRIDS
from naru.pmtiles import PMTilesReader, mapped
from naru.pmtiles.header import COMPRESSION_GZIP
from naru.records import Layer, Tileset
from tileserver.pyramids import Headers, LayerPyramid, TileHeaders, tile_headers

GRID = "WorldCRS84Quad"
MESH: Literal["terrain"] = "terrain"  # type of its tiles
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


def _retyped(headers: Headers) -> Headers:
    return [(name, MEDIA_TYPE if name == "Content-Type" else value) for name, value in headers]


def mesh_tileset(layer: Layer) -> Tileset | None:
    """Return the tileset of a layer's mesh; None where it has none."""
    asset = layer.live.assets.get("mesh")
    if asset is None:
        return None
    about, grid = asset.about, GRIDS[GRID]
    zooms = about.get("minzoom", 0), about.get("maxzoom", grid.maxzoom)
    return Tileset(asset.archive, MESH, GRID, *zooms, about.get("bounds", grid.area), 0)


def mesh_reader(path: Path) -> PMTilesReader:
    """Open an archive of mesh tiles.

    Raises:
        ArchiveDamaged: it is none, or its tiles are not gzipped.
        OSError: it cannot be opened.
    """
    reader = PMTilesReader(mapped(path))
    if reader.header.tile_compression != COMPRESSION_GZIP:
        raise ArchiveDamaged("the mesh's tiles are not gzipped", file=str(path), remedy=_REMEDY)
    return reader


def fact(about: Mapping[str, Any], name: str) -> Any:
    """Return what the catalogue says of a mesh; raises ArchiveDamaged where it does not."""
    if name not in about:
        raise ArchiveDamaged(f"the catalogue does not say the mesh's {name}", remedy=_REMEDY)
    return about[name]
