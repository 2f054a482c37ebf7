"""Drawing by MapLibre Native (mapli, an extra), for those who want its every trait: NARU_RENDERER=maplibre.

It draws Web Mercator alone, decides on labels picture by picture, and needs EGL. What it cannot draw, our own
painter draws.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from PIL import Image

from tileserver.rendering.glyphs import pbf
from tileserver.rendering.painter import TILE_PX, Frame, encoded
from tileserver.rendering.tile_bytes import inflated_all

log = logging.getLogger("naru.rendering")
_MARGIN = 128  # pixels around what is wanted, so that labels are not cut at its edges
_FIRST_ZOOM = 3  # from here on a metatile is smaller than the world
_SCHEME = "naru"
_GLYPHS = f"{_SCHEME}://glyphs/{{fontstack}}/{{range}}"


class Native:
    """One MapLibre Native, and the tiles of the job at hand.

    Raises:
        ImportError: mapli is not installed.
        mapli.MapliError: there is no EGL to draw with.
    """

    def __init__(self) -> None:
        os.environ.setdefault("EGL_PLATFORM", "surfaceless")  # there is no screen
        import mapli

        self._mapli = mapli
        self._tiles: dict[str, bytes] = {}
        self._pool = mapli.RenderPool(workers=1)
        mapli.register_scheme_handler(_SCHEME, self._resource)

    def draws(self, told: Mapping[str, Any]) -> bool:
        """Tell whether it can draw a job: not in other grids, nor where its map would end."""
        frame = told["frame"]
        world = TILE_PX << told["z"]
        inside = _MARGIN <= frame["top"] <= world - frame["tiles"] * TILE_PX - _MARGIN
        known = told["grid"] == "WebMercatorQuad" and told["z"] >= _FIRST_ZOOM
        return known and inside and all(layer["zoom"] < told["z"] for layer in told["layers"])

    def draw(self, told: Mapping[str, Any], blobs: Sequence[bytes]) -> list[bytes]:
        """Return the tiles of a metatile as files; nothing for one on which nothing is."""
        frame = Frame(**told["frame"])
        self._tiles = dict(_named(told["layers"], blobs))
        side = frame.tiles * TILE_PX + 2 * _MARGIN
        longitude, latitude = _middle(frame, TILE_PX << told["z"])
        made = self._pool.render(
            self._style(told["layers"]),
            lon=longitude,
            lat=latitude,
            zoom=frame.zoom,
            width=side,
            height=side,
            pixel_ratio=float(frame.scale),
        )
        return list(_cut(made, frame, told["type"]))

    def _style(self, layers: Sequence[Mapping[str, Any]]) -> str:
        """Return the name under which the layers' style is known, and make it known."""
        document = json.dumps(_document(layers))
        name = hashlib.sha256(document.encode()).hexdigest()
        if not self._pool.has_style(name):
            self._pool.register_style(name, json=document)
        return name

    def _resource(self, request: Any) -> Any:
        """Give MapLibre a tile of the job, or letters. A style holds nothing else to ask for."""
        address = urlsplit(request.url)
        if address.netloc == "glyphs":
            stack, span = address.path.removeprefix("/").split("/")
            return self._mapli.Response(_letters(unquote(stack), int(span.split("-")[0])))
        tile = self._tiles.get(request.url)
        return self._mapli.Response(tile) if tile else self._mapli.Response.no_content()


@lru_cache(maxsize=256)
def _letters(stack: str, first: int) -> bytes:
    return pbf(stack, first)


def _address(layer: Mapping[str, Any]) -> str:
    """Return a layer's tile address; with its content's name in it, for MapLibre keeps what it has read."""
    return f"{_SCHEME}://tiles/{layer['version']}/{layer['zoom']}"


def _named(layers: Sequence[Mapping[str, Any]], blobs: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    rest = inflated_all(blobs)
    for layer in layers:
        for x, y in layer["tiles"]:
            yield f"{_address(layer)}/{x // layer['side']}/{y // layer['side']}", next(rest)


def _document(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    sources, parts = {}, []
    for number, layer in enumerate(layers):
        zooms = {"minzoom": layer["zoom"], "maxzoom": layer["zoom"]}
        sources[str(number)] = {"type": "vector", "tiles": [_address(layer) + "/{x}/{y}"], **zooms}
        parts += [{**part, "source": str(number)} for part in layer["style"]]
    parts.sort(key=lambda part: part["type"] == "symbol")
    return {"version": 8, "glyphs": _GLYPHS, "sources": sources, "layers": parts}


def _middle(frame: Frame, world: int) -> tuple[float, float]:
    """Return longitude and latitude of a frame's middle, degrees (WGS 84)."""
    half = frame.tiles * TILE_PX / 2
    across, down = (frame.left + half) / world, (frame.top + half) / world
    return across * 360 - 180, math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * down))))


def _cut(made: bytes, frame: Frame, tile_type: str) -> Iterator[bytes]:
    pixels = np.asarray(Image.open(io.BytesIO(made)).convert("RGBA"))
    side, margin = TILE_PX * frame.scale, _MARGIN * frame.scale
    for row in range(frame.tiles):
        for column in range(frame.tiles):
            top, left = margin + row * side, margin + column * side
            tile = np.ascontiguousarray(pixels[top : top + side, left : left + side])
            yield encoded(tile, tile_type) if tile[:, :, 3].any() else b""
