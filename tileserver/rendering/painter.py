"""A picture of many tiles at once: read → filter → paint → label → cut."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from naru import png
from tileserver.rendering import fonts, kernels, mvt
from tileserver.rendering.colours import Colour
from tileserver.rendering.expressions import NOTHING, Feature
from tileserver.rendering.kernels import Clip, Floats, Shapes, Stroke, Table
from tileserver.rendering.labels import Label, Place, labels
from tileserver.rendering.mvt import TileLayer
from tileserver.rendering.placing import SIGHT, placed
from tileserver.rendering.sheets import Sheet

TILE_PX = 256
_WIDEST = 32.0  # pixels: circles and lines
_CAPS = {"round": kernels.ROUND, "square": kernels.SQUARE}
_JOINS = {"round": kernels.ROUND, "bevel": kernels.BEVEL}
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class Frame:
    """What is to be drawn: a square of tiles, in pixels of the whole world at its zoom."""

    left: float
    top: float
    tiles: int  # a side
    zoom: float  # that styles mean: of tiles of 512 pixels
    scale: int  # 2: twice the pixels


@dataclass(frozen=True)
class DataTile:
    """A tile of data: its layers by name, where its corner lies and how wide it is, pixels of the world."""

    layers: Mapping[str, TileLayer]
    x: float
    y: float
    side: float


class Painter:
    """Draws frames of one size, one after the other, on the same canvas."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        side = frame.tiles * TILE_PX * frame.scale
        self.canvas: Floats = np.zeros((side, side, 4), np.float32)
        self._table = Table.of(side, side)

    def paint(self, sheets: Sequence[Sheet], tiles: Sequence[DataTile]) -> None:
        """Paint the style layers over each other, without their labels."""
        for sheet in sheets:
            if not sheet.shows(self.frame.zoom) or sheet.kind == "symbol":
                continue
            for tile in tiles:
                layer = tile.layers.get(sheet.source_layer)
                if layer is not None and len(layer.types):
                    _PAINTERS[sheet.kind](self, sheet, layer, tile)

    def write(self, found: Sequence[Label]) -> None:
        """Write the labels for which there is room."""
        for number in placed([label.claim for label in found]):
            self._stamp(found[number])

    def cut(self, tile_type: str) -> Iterator[bytes]:
        """Yield each tile as a file, row by row; nothing for one on which nothing is."""
        side = TILE_PX * self.frame.scale
        pixels = np.empty(self.canvas.shape, np.uint8)
        kernels.finished(self.canvas, pixels)
        for row in range(self.frame.tiles):
            for column in range(self.frame.tiles):
                tile = pixels[row * side : (row + 1) * side, column * side : (column + 1) * side]
                yield encoded(tile, tile_type) if tile[:, :, 3].any() else b""

    # --- geometry ---------------------------------------------------------------------------------

    def clip(self, tile: DataTile) -> Clip:
        """Return the part of the canvas that a tile of data speaks for."""
        side, scale = len(self.canvas), self.frame.scale
        edges = (
            (tile.x - self.frame.left) * scale,
            (tile.y - self.frame.top) * scale,
            (tile.x + tile.side - self.frame.left) * scale,
            (tile.y + tile.side - self.frame.top) * scale,
        )
        left, top, right, bottom = (round(min(side, max(0.0, edge))) for edge in edges)
        return left, top, right, bottom

    def place(self, tile: DataTile, layer: TileLayer) -> NDArray[np.float64]:
        """Return pixels a unit, and the tile's corner on the canvas."""
        scale = self.frame.scale
        corner = (tile.x - self.frame.left) * scale, (tile.y - self.frame.top) * scale
        return np.array([tile.side * scale / layer.extent, *corner])

    def fill(self, sheet: Sheet, layer: TileLayer, tile: DataTile) -> None:
        """Paint areas, and their outlines where the style has a colour for them."""
        clip = self.clip(tile)
        if clip[0] >= clip[2] or clip[1] >= clip[3]:
            return
        chosen, features = self._chosen(sheet, layer, layer.types == mvt.POLYGON)
        if not len(chosen):
            return
        place = self.place(tile, layer)
        colours = self._colours(sheet, features, "fill-color", "fill-opacity")
        shapes = Shapes(layer.points, layer.parts, layer.shapes, chosen)
        kernels.fill(self.canvas, self._table, shapes, colours, place, clip)
        if "fill-outline-color" in sheet.nodes:
            colours = self._colours(sheet, features, "fill-outline-color", "fill-opacity")
            widths = np.full(len(chosen), float(self.frame.scale))
            rings, solid = np.ones(len(chosen), bool), np.empty(0)
            lines = Stroke(colours, widths, rings, solid, (kernels.BUTT, kernels.MITER))
            kernels.stroke(self.canvas, self._table, shapes, lines, place, clip)

    def line(self, sheet: Sheet, layer: TileLayer, tile: DataTile) -> None:
        """Draw lines, and the outlines of areas."""
        clip, zoom = self.clip(tile), self.frame.zoom
        if clip[0] >= clip[2] or clip[1] >= clip[3]:
            return
        chosen, features = self._chosen(sheet, layer, layer.types >= mvt.LINE)
        if not len(chosen):
            return
        colours = self._colours(sheet, features, "line-color", "line-opacity")
        widths = self._numbers(sheet, features, "line-width", _WIDEST)
        rings = layer.types[chosen] == mvt.POLYGON
        dashes = _dashes(sheet.constant("line-dasharray", zoom))
        cap = _CAPS.get(sheet.constant("line-cap", zoom), kernels.BUTT)
        join = _JOINS.get(sheet.constant("line-join", zoom), kernels.MITER)
        shapes = Shapes(layer.points, layer.parts, layer.shapes, chosen)
        lines = Stroke(colours, widths, rings, dashes, (cap, join))
        kernels.stroke(self.canvas, self._table, shapes, lines, self.place(tile, layer), clip)

    def circle(self, sheet: Sheet, layer: TileLayer, tile: DataTile) -> None:
        """Draw a circle at each position within the tile, over its edge if need be."""
        chosen, features = self._chosen(sheet, layer, layer.types > 0)
        if not len(chosen):
            return
        first, last = layer.parts[layer.shapes[chosen]], layer.parts[layer.shapes[chosen + 1]]
        which = np.repeat(np.arange(len(chosen)), last - first)
        points = layer.points[np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])]
        own = ((points >= 0) & (points < layer.extent)).all(axis=1)
        which, place = which[own], self.place(tile, layer)
        centres = points[own] * place[0] + place[1:]
        paint = (
            self._numbers(sheet, features, "circle-radius", _WIDEST)[which],
            self._colours(sheet, features, "circle-color", "circle-opacity")[which],
            self._numbers(sheet, features, "circle-stroke-width", _WIDEST)[which],
            self._colours(sheet, features, "circle-stroke-color", "circle-stroke-opacity")[which],
        )
        kernels.discs(self.canvas, centres, *paint)

    def _chosen(
        self, sheet: Sheet, layer: TileLayer, fitting: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], Sequence[Feature]]:
        """Return the numbers of the features that are drawn, and what expressions see of them."""
        numbers = np.flatnonzero(fitting)
        if not sheet.varies(*sheet.nodes):
            return numbers, [NOTHING] * len(numbers)
        features = [layer.feature(int(number)) for number in numbers]
        kept = [k for k, feature in enumerate(features) if sheet.keeps(feature, self.frame.zoom)]
        return numbers[kept], [features[k] for k in kept]

    def _colours(self, sheet: Sheet, features: Sequence[Feature], colour: str, opacity: str) -> NDArray[np.float64]:
        """Return a colour a feature, multiplied by its alpha."""
        zoom = self.frame.zoom
        asked = features if sheet.varies(colour, opacity) else features[:1]
        found = [_premultiplied(sheet.value(colour, f, zoom), sheet.value(opacity, f, zoom)) for f in asked]
        return np.array(np.broadcast_to(np.array(found), (len(features), 4)))

    def _numbers(self, sheet: Sheet, features: Sequence[Feature], name: str, most: float) -> NDArray[np.float64]:
        """Return a size a feature, in pixels of the canvas."""
        found = np.array([sheet.value(name, feature, self.frame.zoom) for feature in features], "f8")
        return np.asarray(np.clip(found, 0.0, most) * self.frame.scale)

    # --- labels -------------------------------------------------------------------------------------

    def _stamp(self, label: Label) -> None:
        scale = self.frame.scale
        stamps = [self._masks(label, texts) for texts, *_ in label.glyphs]
        inks = ((label.manner.halo_colour, True), (label.manner.colour, False))
        for colour, is_halo in inks:
            ink = np.array(_premultiplied(colour, 1.0))
            for glyphs, stamp in zip(label.glyphs, stamps, strict=True):
                mask = stamp.halo if is_halo else stamp.letters
                if mask is None or not ink[3]:
                    continue
                if glyphs.degrees:
                    mask = fonts.turned(mask, glyphs.degrees)
                x = (glyphs.x - self.frame.left) * scale - mask.shape[1] / 2
                y = (glyphs.y - self.frame.top) * scale - mask.shape[0] / 2
                kernels.stamp(self.canvas, mask, int(np.floor(x + 0.5)), int(np.floor(y + 0.5)), ink)

    def _masks(self, label: Label, texts: tuple[str, ...]) -> fonts.Stamp:
        scale, how = self.frame.scale, label.manner
        return fonts.stamp(texts, how.size * scale, how.line_height * scale, how.halo * scale)


def gathered(sheets: Sequence[Sheet], tiles: Sequence[DataTile], frame: Frame) -> list[Label]:
    """Return every label that could be shown, or be in the way of one; those of upper style layers come first."""
    wide = frame.tiles * TILE_PX
    view = frame.left - SIGHT, frame.top - SIGHT, frame.left + wide + SIGHT, frame.top + wide + SIGHT
    return [
        label
        for height, sheet in enumerate(sheets)
        if sheet.kind == "symbol" and sheet.shows(frame.zoom)
        for tile in tiles
        if (layer := tile.layers.get(sheet.source_layer)) is not None
        for label in labels(sheet, layer, Place(tile.side / layer.extent, tile.x, tile.y, view), frame.zoom, height)
    ]


_PAINTERS: Mapping[str, Callable[[Painter, Sheet, TileLayer, DataTile], None]] = {
    "fill": Painter.fill,
    "line": Painter.line,
    "circle": Painter.circle,
}


def _premultiplied(colour: Colour, opacity: float) -> tuple[float, float, float, float]:
    alpha = min(1.0, max(0.0, colour[3] * opacity))
    red, green, blue = (min(1.0, max(0.0, channel)) * alpha for channel in colour[:3])
    return red, green, blue, alpha


def _dashes(given: list[float]) -> NDArray[np.float64]:
    """Return dashes and gaps in turns; nothing for a solid line."""
    if len(given) % 2:
        given = given * 2
    known = np.array([max(0.0, length) for length in given], "f8")
    return known if known.sum() > 0 and known[1::2].any() else np.empty(0)


def encoded(pixels: NDArray[np.uint8], tile_type: str) -> bytes:
    """Return rows × columns × (red, green, blue, alpha) as a PNG, WebP (both lossless) or JPEG (on white) file."""
    if tile_type == "png":
        return png.encode(pixels.transpose(2, 0, 1))
    out = io.BytesIO()
    if tile_type == "webp":
        Image.fromarray(pixels).save(out, "WEBP", lossless=True, quality=0, method=0)
    else:
        alpha = pixels[:, :, 3:].astype("u2")
        solid = (pixels[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255
        Image.fromarray(solid.astype("u1")).save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue()
