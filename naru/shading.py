"""Numbers become colours: stretched greys, a ramp over heights with the shade of the sun, classes.

Plain functions on arrays (bands, rows, columns). Values come as float32 or as the raster's own integers; colours
go as uint8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from naru.ramps import palette_colour, ramp_stops
from naru.raster_facts import BandRange, Colour
from naru.style import palette

Values = NDArray[Any]
Pixels = NDArray[np.uint8]
_SUN_AZIMUTH, _SUN_ALTITUDE = 315.0, 45.0  # degrees: from the north-west, as on printed maps
_SHADE = 0.55  # how much of the colour the shade may take


def stretched(values: Values, span: BandRange) -> Pixels:
    """Return `values` as 0 … 255 between the ends of the band's stretch."""
    low, high = span.stretch
    scaled = (values.astype("f4") - low) * (255 / (high - low))
    return _as_bytes(np.nan_to_num(scaled))


def _as_bytes(numbers: Values) -> Pixels:
    return np.asarray(np.clip(np.rint(numbers), 0, 255), "u1")


def tinted(heights: Values, span: BandRange, name: str = "elevation") -> Pixels:
    """Return heights (rows, columns) in the colours of a ramp: (3, rows, columns)."""
    stops = ramp_stops(name, span)
    at = [value for value, _ in stops]
    parts = np.array([_rgb(colour) for _, colour in stops], "f4")
    known = np.nan_to_num(heights.astype("f4"), nan=at[0])
    return np.stack([np.rint(np.interp(known, at, parts[:, band])) for band in range(3)]).astype("u1")


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def hillshade(heights: Values, pixel_m: float) -> NDArray[np.float32]:
    """Return the brightness, 0 … 1, of heights (rows + 2, columns + 2; metres) in oblique sun: (rows, columns).

    `pixel_m` is a pixel's side on the ground. The outermost rows and columns only give slopes to their neighbours.
    Slope and aspect: Horn (1981), Hill shading and the reflectance map, Proc. IEEE 69(1). Beside NaN it is flat.
    """
    h = heights.astype("f4")
    west = h[:-2, :-2] + 2 * h[1:-1, :-2] + h[2:, :-2]
    east = h[:-2, 2:] + 2 * h[1:-1, 2:] + h[2:, 2:]
    north = h[:-2, :-2] + 2 * h[:-2, 1:-1] + h[:-2, 2:]
    south = h[2:, :-2] + 2 * h[2:, 1:-1] + h[2:, 2:]
    eastward, northward = (east - west) / (8 * pixel_m), (north - south) / (8 * pixel_m)
    unknown = np.isnan(eastward + northward)
    eastward[unknown] = northward[unknown] = 0
    azimuth, altitude = np.radians(_SUN_AZIMUTH), np.radians(_SUN_ALTITUDE)
    towards = eastward * np.sin(azimuth) + northward * np.cos(azimuth)
    lit = (np.sin(altitude) - np.cos(altitude) * towards) / np.sqrt(1 + eastward**2 + northward**2)
    return np.asarray(np.clip(lit, 0, 1), "f4")


def shaded_relief(heights: Values, span: BandRange, pixel_m: float) -> Pixels:
    """Return heights (with a margin of one pixel, as for `hillshade`) as a shaded relief: (3, rows, columns)."""
    light = hillshade(heights, pixel_m) / np.sin(np.radians(_SUN_ALTITUDE))  # 1 on flat ground
    factor = 1 - _SHADE + _SHADE * light
    tint = tinted(heights[1:-1, 1:-1], span)
    return _as_bytes(tint * factor)


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
