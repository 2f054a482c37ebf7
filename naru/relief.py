"""The shape of the ground, from heights on the grid of Web Mercator: gradient, slope, the shade of the sun.

Plain functions on arrays. Heights are metres, (rows + 2, columns + 2): the outermost rows and columns only give
gradients to their neighbours; rows go south. NaN is no height.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from naru.sun import SUN, Sun

Floats = NDArray[np.float32]
_WGS84_A, _WGS84_E2 = 6378137.0, 0.00669437999014132  # metres; first eccentricity squared


def ground_scale(y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ground metres for one metre of EPSG:3857, eastwards and northwards, at the ordinate `y`.

    On the ellipsoid of WGS 84: EPSG:3857 maps geodetic latitudes by the formulas of the sphere (EPSG guidance note
    7-2, method 1024), so with cos φ go the radii of curvature, N / a across and M / a along the meridian.

    >>> [round(float(k), 4) for k in ground_scale(np.array(4_509_031.0))]
    [0.7943, 0.791]
    """
    latitude = np.arctan(np.sinh(y / _WGS84_A))
    curved = 1 - _WGS84_E2 * np.sin(latitude) ** 2
    across = np.cos(latitude) / np.sqrt(curved)
    return across, np.asarray(across * (1 - _WGS84_E2) / curved)


def gradient(heights: NDArray[Any], across_m: Any, down_m: Any) -> tuple[Floats, Floats]:
    """Return how many metres the ground rises a metre eastwards and northwards: twice (rows, columns).

    `across_m`, `down_m` are the sides of a pixel on the ground: numbers, or (rows, 1). NaN beside NaN. The weights
    are those of Horn (1981), Hill shading and the reflectance map, Proc. IEEE 69(1).
    """
    h = heights.astype("f4")
    west = h[:-2, :-2] + 2 * h[1:-1, :-2] + h[2:, :-2]
    east = h[:-2, 2:] + 2 * h[1:-1, 2:] + h[2:, 2:]
    north = h[:-2, :-2] + 2 * h[:-2, 1:-1] + h[:-2, 2:]
    south = h[2:, :-2] + 2 * h[2:, 1:-1] + h[2:, 2:]
    eighth = np.float32(1 / 8)
    return (
        np.asarray((east - west) * (eighth / np.asarray(across_m, "f4")), "f4"),
        np.asarray((north - south) * (eighth / np.asarray(down_m, "f4")), "f4"),
    )


def slope_degrees(eastward: Floats, northward: Floats) -> Floats:
    """Return the slope, 0 (level) to 90 degrees, of gradients."""
    return np.asarray(np.degrees(np.arctan(np.hypot(eastward, northward))), "f4")


def brightness(eastward: Floats, northward: Floats, sun: Sun = SUN) -> Floats:
    """Return how bright ground of such gradients lies in the sun: 0 (in the shade) to 1 (facing it)."""
    azimuth, altitude = math.radians(sun.azimuth), math.radians(sun.altitude)
    across = np.float32(math.cos(altitude))
    east, north = across * np.float32(math.sin(azimuth)), across * np.float32(math.cos(azimuth))
    lit = np.float32(math.sin(altitude)) - eastward * east - northward * north
    lit /= np.sqrt(1 + eastward * eastward + northward * northward)
    return np.asarray(np.maximum(lit, np.float32(0), out=lit), "f4")
