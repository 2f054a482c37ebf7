"""Heights as the colours of a picture, which map libraries turn back into heights: Mapbox's and Terrarium's way.

mapbox:    height = -10000 + 0.1 · (red · 65536 + green · 256 + blue), so from -10000 to 1667721.5 m
terrarium: height = red · 256 + green + blue / 256 - 32768

A height carries noise far below what a pixel of a coarse zoom can show, and noise does not pack: heights are
rounded to a step that doubles with each zoom up from 14. There is no word for "nothing here": that is 0 m.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from naru.raster_facts import Encoding

_EXACT_ZOOM = 14  # a pixel is some 8 m there, in Korea
_MOST_DOUBLINGS = 3  # steps of about a metre: coarser ones would be seen as terraces
_STEP_M = {"mapbox": 0.1, "terrarium": 1 / 8}  # at zoom 14
_FINEST_M = {"mapbox": 0.1, "terrarium": 1 / 256}  # what the encoding can say
_BASE_AND_UNIT_M = {"mapbox": (10_000.0, 0.1), "terrarium": (32_768.0, 1 / 256)}
_MOST = (1 << 24) - 1


def step_m(encoding: Encoding, zoom: int) -> float:
    """Return to which multiples of metres heights of a zoom are rounded; the error is at most half of it.

    >>> step_m("mapbox", 14), step_m("mapbox", 12), step_m("terrarium", 8), step_m("terrarium", 17)
    (0.1, 0.4, 1.0, 0.015625)
    """
    doublings = min(_EXACT_ZOOM - zoom, _MOST_DOUBLINGS)
    return max(_FINEST_M[encoding], _STEP_M[encoding] * 2.0**doublings)


def encode(heights: NDArray[np.floating[Any]], encoding: Encoding, zoom: int) -> NDArray[np.uint8]:
    """Return heights (rows, columns; metres, NaN: nothing here) as red, green, blue (3, rows, columns).

    Heights beyond what the encoding can say become the lowest or highest that it can.
    """
    step = step_m(encoding, zoom)
    base, unit = _BASE_AND_UNIT_M[encoding]
    numbers = np.nan_to_num(heights.astype("f8"), copy=False, posinf=np.inf, neginf=-np.inf)
    numbers /= step
    np.rint(numbers, out=numbers)
    numbers *= round(step / unit)  # a step is a whole number of units
    numbers += round(base / unit)
    whole = np.clip(numbers, 0, _MOST, out=numbers).astype(">u4")
    parts = whole.view("u1").reshape(*whole.shape, 4)[..., 1:]
    return np.moveaxis(parts, -1, 0)


def decode(colours: NDArray[np.uint8], encoding: Encoding) -> NDArray[np.float64]:
    """Return the heights (rows, columns; metres) in red, green, blue (3 or more, rows, columns).

    >>> decode(encode(np.array([[38.24]]), "mapbox", 15), "mapbox").round(1).tolist()
    [[38.2]]
    """
    red, green, blue = (band.astype("f8") for band in colours[:3])
    base, unit = _BASE_AND_UNIT_M[encoding]
    return np.asarray((red * 65536 + green * 256 + blue) * unit - base, "f8")
