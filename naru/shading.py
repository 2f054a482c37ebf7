"""Numbers become colours: stretched greys, a ramp over heights with the shade of the sun, classes.

Plain functions on arrays (bands, rows, columns). Values come as float32 or as the raster's own integers; colours
go as uint8.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from naru.ramps import palette_colour, ramp_classes, ramp_colours, ramp_marks
from naru.raster_facts import BandRange, Colour
from naru.relief import brightness, gradient, slope_degrees
from naru.style import palette
from naru.sun import SUN, Sun

Values = NDArray[Any]
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
PixelSides = float | tuple[float, float]  # metres on the ground: width and height where they differ
_SHADE = 0.55  # how much of the colour the shade may take
_RAMP_STEPS = 1024


def stretched(values: Values, span: BandRange) -> Pixels:
    """Return `values` as 0 … 255 between the ends of the band's stretch; NaN is 0."""
    if values.dtype == np.uint8:
        return np.take(stretched(np.arange(256, dtype="f4"), span), values)
    return _steps(values, span, 256).astype("u1")


def _steps(values: Values, span: BandRange, steps: int) -> NDArray[np.int32]:
    """Return which of so many steps from one end of the stretch to the other each value is nearest to."""
    low, high = span.stretch
    with np.errstate(over="ignore", invalid="ignore"):  # far beyond a narrow stretch is its end
        scaled = (values.astype("f4") - np.float32(low)) * np.float32((steps - 1) / (high - low)) + np.float32(0.5)
    np.fmax(scaled, 0, out=scaled)  # fmax: a number wins over NaN
    np.minimum(scaled, steps - 1, out=scaled)
    return np.asarray(scaled, "i4")


def tinted(heights: Values, span: BandRange, name: str = "elevation") -> Pixels:
    """Return heights (rows, columns) in the colours of a ramp: (3, rows, columns)."""
    return np.take(_ramp_table(ramp_colours(name)), _steps(heights, span, _RAMP_STEPS), axis=1)


def marked(values: Values, name: str) -> Pixels:
    """Return values (rows, columns) in the colours of a ramp that has marks, the same on every map.

    NaN is as the lowest value: (3, rows, columns).
    """
    marks = [mark.value for mark in ramp_marks(name)]
    places = np.interp(values, marks, np.arange(len(marks), dtype="f4"))
    last = len(marks) - 1
    return tinted(places, BandRange(0.0, last, 0.0, last), name)


def stepped(values: Values, name: str) -> Pixels:
    """Return values (rows, columns) in the colours of a ramp that has classes, the same on every map.

    NaN is as the lowest class, and so is what is below it: (3, rows, columns).
    """
    inner = np.array([mark.value for mark in ramp_classes(name)[1:]], "f4")
    known = np.nan_to_num(values, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    return np.take(_class_table(ramp_colours(name)), np.searchsorted(inner, known, side="right"), axis=1)


@cache
def _class_table(colours: tuple[str, ...]) -> Pixels:
    return np.array([_rgb(colour) for colour in colours], "u1").T


@cache
def _ramp_table(colours: tuple[str, ...]) -> Pixels:
    """Return a ramp's colours in fine steps: (3, steps)."""
    parts = np.array([_rgb(colour) for colour in colours], "f4")
    at = np.linspace(0, len(colours) - 1, _RAMP_STEPS)
    bands = [np.interp(at, np.arange(len(colours)), parts[:, band]) for band in range(3)]
    return np.asarray(np.rint(np.stack(bands)), "u1")


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def hillshade(heights: Values, pixel_m: PixelSides, sun: Sun = SUN) -> Floats:
    """Return the brightness, 0 … 1, of heights (rows + 2, columns + 2; metres) in the sun: (rows, columns).

    `pixel_m` is a pixel's side on the ground, or its width and its height. Beside NaN the ground counts as flat.
    """
    eastward, northward = gradient(heights, *_sides(pixel_m))
    unknown = np.isnan(eastward + northward)
    eastward[unknown] = northward[unknown] = 0
    return brightness(eastward, northward, sun)


def slope(heights: Values, pixel_m: PixelSides) -> Floats:
    """Return the slope, 0 … 90 degrees, of heights as for `hillshade`: (rows, columns); NaN beside NaN."""
    return slope_degrees(*gradient(heights, *_sides(pixel_m)))


def _sides(pixel_m: PixelSides) -> tuple[float, float]:
    return pixel_m if isinstance(pixel_m, tuple) else (pixel_m, pixel_m)


def shaded_relief(heights: Values, span: BandRange, pixel_m: PixelSides, ramp: str = "elevation") -> Pixels:
    """Return heights (with a margin of one pixel, as for `hillshade`) as a shaded relief: (3, rows, columns)."""
    factor = hillshade(heights, pixel_m) * np.float32(_SHADE / math.sin(math.radians(SUN.altitude)))
    factor += np.float32(1 - _SHADE)  # 1 on flat ground
    lit = tinted(heights[1:-1, 1:-1], span, ramp) * factor
    return np.asarray(np.minimum(lit + np.float32(0.5), np.float32(255), out=lit), "u1")


def classed(values: Values, colormap: Mapping[int, Colour]) -> Pixels:
    """Return classes (rows, columns) in their colours: (4, rows, columns); a class without one is transparent.

    Without any colours each class gets one of the palette's, the same everywhere.
    """
    if not colormap:
        return _by_palette(values)
    known = np.array(sorted(colormap))
    table = np.array([colormap[value] for value in known.tolist()], "u1")
    place = np.clip(np.searchsorted(known, values), 0, len(known) - 1)
    found = np.where((known[place] == values)[..., None], table[place], 0)
    return np.moveaxis(found, -1, 0).astype("u1")


def _by_palette(values: Values) -> Pixels:
    table = np.array([_rgb(palette_colour(k)) for k in range(len(palette()["content"]))], "u1")
    colours = np.moveaxis(table[values.astype("i8") % len(table)], -1, 0)
    return np.concatenate([colours, np.full((1, *values.shape), 255, "u1")])


def as_rgb(bands: Sequence[Pixels]) -> Pixels:
    """Return one band as grey, or the first three as red, green, blue: (3, rows, columns)."""
    return np.stack(list(bands[:3])) if len(bands) >= 3 else np.stack([bands[0]] * 3)
