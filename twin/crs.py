"""Coordinate systems of a survey: the terrain's own, those of its files, and whether numbers can belong to them.

Coordinates are x (east) before y (north) throughout, whatever the registry's order of axes.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from pyproj.transformer import TransformerGroup

from naru.errors import CrsRefused, CrsUnknown

Floats = npt.NDArray[np.float64]
_EPSG = re.compile(r"(?:EPSG:)?([0-9]{4,6})", re.IGNORECASE)
_AROUND_DEG = 1.0  # how far beyond its area of use a system is still used in earnest
# what Korean surveys are in, the likeliest first (domain.md §2)
_KOREAN = (5186, 5187, 5185, 5188, 5179, 5181, 5174, 2097, 5176, 5178, 4326)
_KOREA = (124.0, 32.8, 132.1, 39.0)


def usable_crs(text: str, file: str, field: str) -> str:
    """Return "EPSG:<code>" of a system that locates things on a map.

    Raises:
        CrsRefused: no code, no such code, or a system of heights alone.
    """
    match = _EPSG.fullmatch(text.strip())
    try:
        crs = CRS.from_epsg(int(match[1])) if match else None
    except CRSError:
        crs = None
    if match is None or crs is None or not (crs.is_projected or crs.is_geographic):
        raise CrsRefused(
            f"'{text}' is no coordinate system of a map", file=file, field=field, remedy="Write it like EPSG:5186."
        )
    if crs.is_compound or len(crs.axis_info) > 2:
        raise CrsRefused(
            f"{text} ({crs.name}) also says where heights begin",
            file=file,
            field=field,
            remedy="Name the system of x and y alone, and the heights' in vertical_datum.",
        )
    return f"EPSG:{int(match[1])}"


def terrain_crs(text: str, file: str) -> str:
    """Return "EPSG:<code>" of a system that is projected in metres. Raises CrsRefused."""
    code = usable_crs(text, file, "crs")
    crs = CRS.from_user_input(code)
    if not crs.is_projected or any(abs(axis.unit_conversion_factor - 1) > 1e-12 for axis in crs.axis_info):
        unit = crs.axis_info[0].unit_name
        raise CrsRefused(
            f"{code} ({crs.name}) is in {unit}s; a terrain's cells are metres",
            file=file,
            field="crs",
            remedy="Name a system in metres, in Korea EPSG:5186 or EPSG:5179; the files may be in others.",
        )
    if code == "EPSG:3857":
        raise CrsRefused(
            "EPSG:3857 stretches lengths (by a quarter at Seoul): its metres are none",
            file=file,
            field="crs",
            remedy="Name a projected system of the place, in Korea EPSG:5186 or EPSG:5179.",
        )
    return code


def horizontal(crs: CRS) -> CRS:
    """Return the part of a system that is for x and y."""
    while crs.is_bound and crs.source_crs is not None:
        crs = crs.source_crs
    if crs.is_compound:
        return horizontal(crs.sub_crs_list[0])
    return crs.to_2d() if len(crs.axis_info) > 2 else crs


def read_claim(text: str | None, file: str) -> CRS | None:
    """Return the horizontal system that a file's WKT or code names; None without one. Raises CrsUnknown."""
    if not text or not text.strip():
        return None
    try:
        crs = horizontal(CRS.from_user_input(text))
    except CRSError as error:
        raise CrsUnknown(
            "what the file says of its coordinate system cannot be read",
            file=file,
            remedy="Name its `crs` in the terrain file.",
        ) from error
    if not (crs.is_projected or crs.is_geographic):
        return None
    code = crs.to_epsg()
    return crs if code is None else CRS.from_epsg(code)


class Mover:
    """Brings coordinates of one system into another."""

    def __init__(self, source: CRS | str, target: CRS | str, file: str) -> None:
        self.source, self.target, self.file = CRS.from_user_input(source), CRS.from_user_input(target), file
        same = self.source.equals(self.target, ignore_axis_order=True)
        self._transformer = None if same else _transformer(self.source.to_wkt(), self.target.to_wkt(), file)

    @property
    def moves(self) -> bool:
        """Whether the two systems differ."""
        return self._transformer is not None

    def __call__(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return x and y in the target. Raises CrsRefused where a place has none there."""
        if self._transformer is None:
            return x, y
        try:
            moved = self._transformer.transform(x, y, errcheck=False)
        except ProjError as error:
            raise _unmoved(self.source, self.target, self.file) from error
        out = np.asarray(moved[0], float), np.asarray(moved[1], float)
        if not (np.isfinite(out[0]).all() and np.isfinite(out[1]).all()):
            raise _unmoved(self.source, self.target, self.file)
        return out


@lru_cache(maxsize=64)
def _transformer(source: str, target: str, file: str) -> Transformer:
    """Return the best transformation; a ballpark one, which leaves out the shift between datums, is refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a better one lacks its grid: PROJ takes the next best
            group = TransformerGroup(source, target, always_xy=True, allow_ballpark=False)
        found = group.transformers
    except ProjError:
        found = []
    if not found:
        raise _unmoved(CRS.from_wkt(source), CRS.from_wkt(target), file)
    return Transformer.from_crs(source, target, always_xy=True, allow_ballpark=False)


def _unmoved(source: CRS, target: CRS, file: str) -> CrsRefused:
    return CrsRefused(
        f"the coordinates cannot be brought from '{source.name}' into '{target.name}'",
        file=file,
        remedy="Check the file's coordinate system, and name it as `crs` in the terrain file (such as EPSG:5174).",
    )


def check_place(x: Floats, y: Floats, crs: CRS | str, file: str) -> None:
    """Refuse coordinates that lie far from where their system is used, with what they look like instead.

    `crs` is the system that they are said to be in.

    Raises:
        CrsRefused: x and y look exchanged, or like those of another system.
    """
    if lies_in(crs, x, y):
        return
    crs = CRS.from_user_input(crs)
    box = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    swapped = (box[1], box[0], box[3], box[2])
    shown = f"x {box[0]:.6g} to {box[2]:.6g}, y {box[1]:.6g} to {box[3]:.6g}"
    if _fits(crs, swapped):
        raise CrsRefused(
            f"x and y look exchanged ({shown}): northing comes first in many Korean tables",
            file=file,
            field="x",
            remedy="Exchange the names of the columns x and y in the terrain file.",
        )
    guesses = likely_systems(box, but=crs)[:4]
    looks = f"; they could be {' or '.join(guesses)}" if guesses else ""
    raise CrsRefused(
        f"the coordinates ({shown}) cannot be of '{crs.name}'{looks}",
        file=file,
        field="crs",
        remedy="Name the file's own `crs` in the terrain file.",
    )


def lies_in(crs: CRS | str, x: Floats, y: Floats) -> bool:
    """Whether coordinates lie where their system is used, or near it."""
    return _fits(CRS.from_user_input(crs), (float(x.min()), float(y.min()), float(x.max()), float(y.max())))


def likely_systems(box: tuple[float, float, float, float], but: CRS) -> list[str]:
    """Return the Korean systems in which a box would lie in Korea, with "(x and y exchanged)" where it must be."""
    out = []
    for code in _KOREAN:
        crs = _epsg(code)
        if crs.equals(but, ignore_axis_order=True):
            continue
        if _fits(crs, box, _KOREA):
            out.append(f"EPSG:{code}")
        elif _fits(crs, (box[1], box[0], box[3], box[2]), _KOREA):
            out.append(f"EPSG:{code} (x and y exchanged)")
    return out


@lru_cache(maxsize=32)
def _epsg(code: int) -> CRS:
    return CRS.from_epsg(code)


def to_lonlat(crs: CRS | str) -> Transformer:
    """Return the transformation to longitude and latitude on the system's own datum, exact."""
    crs = CRS.from_user_input(crs)
    return Transformer.from_crs(crs, crs.geodetic_crs or crs, always_xy=True)


def _fits(
    crs: CRS, box: tuple[float, float, float, float], within: tuple[float, float, float, float] | None = None
) -> bool:
    """Whether a box lies where a system is used."""
    area = crs.area_of_use
    limits = (area.west, area.south, area.east, area.north) if area is not None else (-180.0, -90.0, 180.0, 90.0)
    corners_x = np.array([box[0], box[2], box[0], box[2]])
    corners_y = np.array([box[1], box[1], box[3], box[3]])
    if crs.is_geographic:
        lon, lat = corners_x, corners_y
    else:
        lon, lat = to_lonlat(crs).transform(corners_x, corners_y, errcheck=False)
    for west, south, east, north in [limits, *([within] if within else [])]:
        if west > east:  # across the 180th meridian
            lon = np.where(np.asarray(lon) < 0, np.asarray(lon) + 360, lon)
        end = east + 360 if west > east else east
        margin = _AROUND_DEG if within is None else 0.0
        inside = (lon >= west - margin) & (lon <= end + margin) & (lat >= south - margin) & (lat <= north + margin)
        if not bool(np.all(np.isfinite(lon)) and np.all(np.isfinite(lat)) and np.all(inside)):
            return False
    return True
