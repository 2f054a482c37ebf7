"""The national coordinate systems of Korea, recognised by their parameters whatever they are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pyproj import CRS

from naru.records import BBox

_SHIFT = 10.405 / 3600  # the 1985 correction of the Bessel meridians (National Geographic Information Institute)
COUNTRY: BBox = (124.0, 32.8, 132.1, 39.0)
SEOUL: BBox = (126.6, 37.3, 127.4, 37.8)  # the city and its margin


@dataclass(frozen=True)
class KoreanCrs:
    """One national system: transverse Mercator, latitude of origin 38° N. Metres and degrees."""

    code: int
    bessel: bool
    meridian: float
    scale: float
    easting: float
    northing: float
    belt: BBox  # where it is meant to be used, lon/lat


_WEST, _CENTRAL, _EAST = (124.0, 33.1, 126.1, 38.7), (125.9, 33.1, 128.1, 38.7), (127.9, 33.9, 130.1, 38.7)
_SEA, _JEJU, _ALL = (130.5, 37.0, 132.1, 37.8), (126.0, 33.0, 127.1, 34.1), COUNTRY
_BELTS = {125.0: _WEST, 127.0: _CENTRAL, 129.0: _EAST, 131.0: _SEA}


def _belts(codes: dict[int, float], bessel: bool, northing: float, shift: float = 0.0) -> Iterator[KoreanCrs]:
    for code, meridian in codes.items():
        belt = _JEJU if northing == 550_000 else _BELTS[meridian]
        yield KoreanCrs(code, bessel, meridian + shift, 1.0, 200_000, northing, belt)


KOREAN: tuple[KoreanCrs, ...] = (
    *_belts({5185: 125.0, 5186: 127.0, 5187: 129.0, 5188: 131.0}, False, 600_000),
    *_belts({5180: 125.0, 5181: 127.0, 5183: 129.0, 5184: 131.0}, False, 500_000),
    *_belts({5182: 127.0}, False, 550_000),
    *_belts({5173: 125.0, 5174: 127.0, 5176: 129.0, 5177: 131.0}, True, 500_000, _SHIFT),
    *_belts({5175: 127.0}, True, 550_000, _SHIFT),
    *_belts({2098: 125.0, 2097: 127.0, 2096: 129.0}, True, 500_000),
    KoreanCrs(5179, False, 127.5, 0.9996, 1_000_000, 2_000_000, _ALL),
    KoreanCrs(5178, True, 127.5, 0.9996, 1_000_000, 2_000_000, _ALL),
)


def match_korean(crs: CRS) -> int | None:
    """Return the EPSG code of the Korean national system with these parameters, whatever it is called.

    Compares ellipsoid, meridian (10.405 seconds matter: 255 m), scale, false easting and northing.
    """
    wanted = _parameters(crs)
    if wanted is None:
        return None
    bessel, latitude, *rest = wanted
    for korean in KOREAN:
        values = (korean.meridian, korean.scale, korean.easting, korean.northing)
        if bessel == korean.bessel and abs(latitude - 38) < 1e-7 and np.allclose(rest, values, rtol=0, atol=2e-7):
            return korean.code
    return None


def _parameters(crs: CRS) -> tuple[bool, float, float, float, float, float] | None:
    """Return (bessel, latitude, meridian, scale, easting, northing); None for other projections, ellipsoids."""
    operation = crs.coordinate_operation
    if not crs.is_projected or operation is None or "Transverse Mercator" not in operation.method_name:
        return None
    values = {str(p.code): float(p.value) for p in operation.params}
    names = ("8801", "8802", "8805", "8806", "8807")  # EPSG's parameter codes
    units_plain = all(p.unit_name.lower() in {"degree", "metre", "meter", "unity"} for p in operation.params)
    if not units_plain or any(n not in values for n in names):
        return None
    numbers = [values[n] for n in names]
    modern = crs.ellipsoid is not None and abs(crs.ellipsoid.semi_major_metre - 6378137) < 0.01
    if not modern and not is_bessel(crs):
        return None
    return (not modern, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4])


def is_bessel(crs: CRS) -> bool:
    """Whether a CRS is on the Bessel 1841 ellipsoid."""
    return crs.ellipsoid is not None and abs(crs.ellipsoid.semi_major_metre - 6377397.155) < 0.01
