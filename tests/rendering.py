"""Vector layers to be drawn as pictures: hand-made tiles in any grid, and what is on the pictures."""

from __future__ import annotations

import gzip
import io
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import mapbox_vector_tile
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from naru.grids import GRIDS
from naru.house import House
from naru.pmtiles import PMTilesWriter, tile_id
from naru.pmtiles.writer import About
from naru.records import Draft, IngestReport, Release, Tileset
from tests.serving import SEOUL

Tile = tuple[int, int, int]  # z, x, y
HOLE = "(1536 1536, 1536 2560, 2560 2560, 2560 1536, 1536 1536)"
HOLED = f"POLYGON ((512 512, 3584 512, 3584 3584, 512 3584, 512 512), {HOLE})"
RED, BLUE = "#d03020", "#2040c0"


def feature(geometry: str, number: int = 1, **properties: Any) -> dict[str, Any]:
    """Return a feature of a tile from WKT in units of 4096 a tile, y down."""
    return {"geometry": geometry, "properties": properties, "id": number}


def tile_of(**layers: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a vector tile; layer names have _ for -."""
    made = [{"name": name.replace("_", "-"), "features": list(features)} for name, features in layers.items()]
    return mapbox_vector_tile.encode(made, default_options={"y_coord_down": True})


def fill(layer: str, colour: Any = RED, **more: Any) -> dict[str, Any]:
    """Return a style layer that fills areas."""
    return {"id": f"{layer}--fill", "type": "fill", "source-layer": layer, "paint": {"fill-color": colour}} | more


@dataclass(frozen=True)
class Plan:
    """A layer to be published."""

    id: str
    tiles: Mapping[Tile, bytes]
    style: tuple[Mapping[str, Any], ...]
    zooms: tuple[int, int] = (1, 4)
    grid: str = "WebMercatorQuad"
    visibility: str = "public"


def publish(house: House, *plans: Plan) -> None:
    """Publish layers; plans of one id are its tilesets in several grids."""
    for layer_id in dict.fromkeys(plan.id for plan in plans):
        same = [plan for plan in plans if plan.id == layer_id]
        tilesets = tuple(_tileset(house, plan) for plan in same)
        low, high = same[0].zooms
        counts = (1, 1, (), (), None, "EPSG:5186", "given", None, None)
        report = IngestReport(layer_id, "vector", *counts, SEOUL, low, high, 1, 1)
        names = (layer_id, f"{layer_id} 층", layer_id, "content", same[0].visibility, "CC-BY", "© 서울")
        draft = Draft(*names, "vector", "mixed", same[0].style, report)
        live = next((layer.live.number for layer in house.catalogue.layers() if layer.id == layer_id), None)
        house.catalogue.publish([Release(draft, None, tilesets, live)])


def _tileset(house: House, plan: Plan) -> Tileset:
    folder = Path(mkdtemp(dir=house.settings.home))
    path, deeper = folder / "tiles.pmtiles", GRIDS[plan.grid].first
    numbered = {tile_id(z + deeper, x, y): tile for (z, x, y), tile in plan.tiles.items()}
    low, high = plan.zooms
    with PMTilesWriter(path) as writer:
        for number in sorted(numbered):
            writer.add(number, gzip.compress(numbered[number], mtime=0))
        writer.finish(About(bounds=SEOUL, minzoom=low + deeper, maxzoom=high + deeper), {"vector_layers": []})
    archive = house.storage.put(path)
    shutil.rmtree(folder)
    fields: dict[str, Any] = {"id": plan.id, "fields": {}, "minzoom": low, "maxzoom": high}
    return Tileset(archive, "mvt", plan.grid, low, high, SEOUL, len(numbered), (fields,))


def pixels(body: bytes) -> NDArray[np.uint8]:
    """Return a picture as rows × columns × (red, green, blue, alpha)."""
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGBA"))
