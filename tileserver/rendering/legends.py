"""A legend as a picture: a swatch and a label an entry, beneath the layer's title."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tileserver.rendering import colours, fonts, kernels
from tileserver.rendering.painter import encoded

_ROW, _SWATCH, _GAP, _MARGIN = 22, (26, 14), 8, 8  # pixels
_TITLE, _TEXT = 14.0, 12.0  # sizes of letters, pixels
_INK = np.array([0.169, 0.184, 0.212, 1.0])
_EDGE = np.array([0.0, 0.0, 0.0, 0.25])
_WIDEST = 480.0  # of a label, pixels
_RAMP_STEP = 18  # pixels from one stop of a ramp to the next
Canvas = NDArray[np.float32]


def drawn(legend: Mapping[str, Any], scale: int) -> bytes:
    """Return a legend (`title`, `type` "classes" or "ramp", `entries` of label, color, geometry, width) as PNG.

    On white: it is shown beside the map, and its letters are dark.
    """
    title, entries = fonts.plain(legend["title"]), legend["entries"]
    labels = [_shortened(fonts.plain(entry["label"]), scale) for entry in entries]
    heading = _shortened(title, scale, _TITLE)
    text_wide = max((fonts.width(label, _TEXT * scale) for label in labels), default=0.0)
    wide = max(fonts.width(heading, _TITLE * scale), (_SWATCH[0] + _GAP) * scale + text_wide)
    step = _RAMP_STEP if legend["type"] == "ramp" else _ROW
    tall = _MARGIN * 2 + _ROW + step * len(entries)
    canvas = np.ones((tall * scale, math.ceil(wide) + 2 * _MARGIN * scale, 4), np.float32)
    _write(canvas, heading, _MARGIN * scale, (_MARGIN + _ROW / 2 - 3) * scale, _TITLE * scale)
    top = _MARGIN + _ROW
    if legend["type"] == "ramp":
        _ramp(canvas, entries, top, scale)
    for number, (entry, label) in enumerate(zip(entries, labels, strict=True)):
        middle = top + (number + 0.5) * step
        if legend["type"] != "ramp":
            _swatch(canvas, entry, middle, scale)
        _write(canvas, label, (_MARGIN + _SWATCH[0] + _GAP) * scale, middle * scale, _TEXT * scale)
    pixels = np.empty(canvas.shape, np.uint8)
    kernels.finished(canvas, pixels)
    return encoded(pixels, "png")


def _shortened(text: str, scale: int, size: float = _TEXT) -> str:
    if fonts.width(text, size * scale) <= _WIDEST * scale:
        return text
    while text and fonts.width(text + "…", size * scale) > _WIDEST * scale:
        text = text[:-1]
    return text + "…"


def _write(canvas: Canvas, text: str, left: float, middle: float, size: float) -> None:
    if text:
        made = fonts.stamp((text,), size, size * 1.2, 0.0)
        x = left + fonts.width(text, size) / 2 + made.left
        kernels.stamp(canvas, made.letters, round(x), round(middle + made.top), _INK)


def _ink(colour: str, opacity: float = 1.0) -> NDArray[np.float64]:
    try:
        red, green, blue, alpha = colours.parse(colour)
    except ValueError:  # a style may say anything; its map leaves that out too
        return np.zeros(4)
    alpha *= min(1.0, max(0.0, opacity))
    return np.array([red * alpha, green * alpha, blue * alpha, alpha])


def _swatch(canvas: Canvas, entry: Mapping[str, Any], middle: float, scale: int) -> None:
    left, ink = _MARGIN * scale, _ink(entry["color"], float(entry.get("opacity", 1.0)))
    wide, tall = _SWATCH[0] * scale, _SWATCH[1] * scale
    top = round(middle * scale - tall / 2)
    if entry.get("geometry") == "point":
        centre = np.array([[left + wide / 2, top + tall / 2]])
        size, rim = np.array([5.0 * scale]), np.array([0.0])
        kernels.discs(canvas, centre, size, ink[None], rim, ink[None])
        return
    if entry.get("geometry") == "line":
        half = max(1, round(min(6.0, max(1.0, float(entry.get("width", 2.0)))) * scale / 2))
        centre_row = top + tall // 2
        _block(canvas, left, centre_row - half, wide, 2 * half, ink)
        return
    _block(canvas, left, top, wide, tall, ink)
    edge = _ink(entry["outline"]) if entry.get("outline") else _EDGE
    for x, y, w, h in ((0, 0, wide, scale), (0, tall - scale, wide, scale)):
        _block(canvas, left + x, top + y, w, h, edge)
    for x in (0, wide - scale):
        _block(canvas, left + x, top + scale, scale, tall - 2 * scale, edge)


def _block(canvas: Canvas, left: int, top: int, wide: int, tall: int, ink: NDArray[np.float64]) -> None:
    kernels.stamp(canvas, np.full((tall, wide), 255, np.uint8), left, top, ink)


def _ramp(canvas: Canvas, entries: Sequence[Mapping[str, Any]], top: int, scale: int) -> None:
    """Paint the colours from stop to stop, the first one on top."""
    stops = np.array([_ink(entry["color"]) for entry in entries])
    for row in range(_RAMP_STEP * scale * len(entries)):
        at = row / (_RAMP_STEP * scale) - 0.5
        ink = np.array([np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(4)])
        _block(canvas, _MARGIN * scale, top * scale + row, _SWATCH[0] * scale, 1, ink)
