"""Vertical datums: what heights are above. Heights above different zeros are never mixed, and never ballparked.

PROJ without a geoid grid converts heights by doing nothing, silently: 23 m wrong at Seoul. So a conversion needs a
grid (of PROJ, or one that the user names) or an undulation that the user states; otherwise it is refused.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyproj
from pyproj import CRS, Transformer
from pyproj.crs import CompoundCRS
from pyproj.exceptions import CRSError, ProjError

from naru.errors import DatumRefused
from twin.crs import Mover, horizontal

Floats = npt.NDArray[np.float64]
ELLIPSOIDAL = "ELLIPSOID"  # above the ellipsoid of WGS 84 or GRS 80, which differ by 0.1 mm
LOCAL = "LOCAL"  # above a zero of one's own: the same everywhere, and not to be converted
_CODES = {"KVD1964": 5193, "EGM96": 5773, "EGM2008": 3855}
_NAMES = {code: name for name, code in _CODES.items()}
_ALIASES = {
    "KVD1964": (
        "kvd",
        "kvd64",
        "kvd1964",
        "kvd1964height",
        "el",
        "elm",
        "el.m",
        "incheon",
        "incheonmsl",
        "인천평균해수면",
        "incheonmeansealevel",
        "인천만평균해수면",
        "인천평균해면",
        "인천만평균해면",
        "수준원점",
        "표고",
    ),
    "EGM96": ("egm96", "egm1996", "egm96height"),
    "EGM2008": ("egm08", "egm2008", "egm2008height"),
    ELLIPSOIDAL: (
        "ellipsoid",
        "ellipsoidal",
        "ellipsoidalheight",
        "wgs84",
        "wgs84ellipsoid",
        "grs80",
        "grs80ellipsoid",
        "epsg4979",
        "epsg4927",
        "타원체고",
        "kgd2002",
        "hae",
    ),
    LOCAL: ("local", "assumed", "임의"),
}
_BY_ALIAS = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}
_VAGUE = {
    "msl",
    "meansealevel",
    "sealevel",
    "orthometric",
    "geoid",
    "height",
    "elevation",
    "해발",
    "평균해수면",
    "정표고",
}
_CODE = re.compile(r"(?:epsg:?)?(\d{4,6})")
_SUPPLY = (
    "Supply the geoid as a grid (in Korea KNGeoid18 as GeoTIFF or GTX: `geoid: {file: …}`), state the undulation \
(`geoid: {undulation_m: …}`), or give all heights in "
)


@dataclass(frozen=True)
class Geoid:
    """How high the zero of a datum lies above the ellipsoid, as the user gives it: a grid or one number."""

    grid: Path | None = None  # longitude, latitude → metres; any raster that GDAL reads
    undulation_m: float | None = None


@dataclass(frozen=True)
class Undulation:
    """Heights of a datum's zero above the ellipsoid, and where they are from."""

    metres: Floats
    how: str  # "grid us_nga_egm96_15.tif of PROJ", "stated: 23.1 m"


def canonical(name: str) -> str:
    """Return the one name of a vertical datum: KVD1964, EGM96, EGM2008, ELLIPSOID, LOCAL, or "EPSG:<code>".

    Raises:
        DatumRefused: unknown, or too vague to mean one.

    >>> canonical("EL."), canonical("EPSG:5773"), canonical("WGS84 ellipsoid"), canonical("epsg:5711")
    ('KVD1964', 'EGM96', 'ELLIPSOID', 'EPSG:5711')
    """
    plain = re.sub(r"[\s_()\-.:]+", "", name.casefold())
    if plain in _BY_ALIAS:
        return _BY_ALIAS[plain]
    if match := _CODE.fullmatch(plain):
        return _of_code(int(match[1]), name)
    if plain in _VAGUE:
        raise DatumRefused(
            f"'{name}' may mean several vertical datums",
            remedy="Name one: KVD1964 (EL., Incheon mean sea level), EGM96, EGM2008, ELLIPSOID, or EPSG:<code>.",
        )
    raise DatumRefused(
        f"'{name}' is no vertical datum that is known",
        remedy="Known are KVD1964 (EL., Incheon mean sea level), EGM96, EGM2008, ELLIPSOID (WGS 84, GRS 80), "
        "EPSG:<code> of any vertical system, and LOCAL for heights that are never converted.",
    )


def _of_code(code: int, name: str) -> str:
    if code in _NAMES:
        return _NAMES[code]
    try:
        crs = CRS.from_epsg(code)
    except CRSError as error:
        raise DatumRefused(f"EPSG has no code {code}", remedy="Write it like EPSG:5193.") from error
    if crs.is_vertical and not crs.is_compound:
        return f"EPSG:{code}"
    if crs.is_geographic and len(crs.axis_info) == 3:
        return ELLIPSOIDAL
    raise DatumRefused(
        f"'{name}' ({crs.name}) is no vertical datum",
        remedy="Name the system of the heights: KVD1964 in Korea; that of x and y is named in `crs`.",
    )


def datum_of(crs: CRS) -> tuple[str | None, float]:
    """Return the vertical datum that a coordinate system names (None: none), and how many metres its unit is.

    An unnamed or unknown vertical part comes back as LOCAL.
    """
    while crs.is_bound and crs.source_crs is not None:
        crs = crs.source_crs
    if crs.is_compound:
        part = crs.sub_crs_list[1]
        while part.is_bound and part.source_crs is not None:
            part = part.source_crs
        return _of_part(part), float(part.axis_info[0].unit_conversion_factor) if part.axis_info else 1.0
    if len(crs.axis_info) == 3:
        return ELLIPSOIDAL, float(crs.axis_info[2].unit_conversion_factor)
    return None, 1.0


def _of_part(part: CRS) -> str:
    """Return the datum of the vertical part of a compound system."""
    code = part.to_epsg()
    for name in [f"EPSG:{code}"] if code else [part.name, part.name.removesuffix(" height")]:
        try:
            return canonical(name)
        except DatumRefused:
            continue
    return LOCAL


def convert_heights(
    x: Floats,
    y: Floats,
    z: Floats,
    *,
    crs: str,
    source: str,
    target: str,
    geoid: Geoid | None = None,
    file: str | None = None,
) -> tuple[Floats, str | None]:
    """Return heights above another datum, and how they were converted (None: not at all, the datums are one).

    `crs` is that of x and y. `geoid` is of whichever datum is not the ellipsoid.

    Raises:
        DatumRefused: no grid converts between the two, or a place lies outside it.
    """
    if source == target:
        return z, None
    if LOCAL in (source, target):
        raise DatumRefused(
            f"heights above a local zero cannot be brought to {target if source == LOCAL else source}",
            file=file,
            remedy="State the datum of all heights, or call all of them LOCAL.",
        )
    if geoid is not None and ELLIPSOIDAL in (source, target):
        lon, lat = Mover(horizontal(CRS.from_user_input(crs)), "EPSG:4326", file or "")(x, y)
        found = _given(lon, lat, geoid, file)
        sign = -1.0 if source == ELLIPSOIDAL else 1.0
        return z + sign * found.metres, f"heights{_of(file)} brought from {source} to {target} ({found.how})"
    return _by_proj(x, y, z, (crs, source, target), file)


def _by_proj(
    x: Floats, y: Floats, z: Floats, systems: tuple[str, str, str], file: str | None
) -> tuple[Floats, str]:
    crs, source, target = systems
    try:
        transformer = _heights(crs, source, target)
        moved = transformer.transform(x, y, z, errcheck=False)[2]
    except (ProjError, CRSError) as error:
        raise _no_grid(source, target, file) from error
    heights = np.asarray(moved, float)
    if not np.isfinite(heights).all() or "grids=" not in transformer.definition:
        raise _no_grid(source, target, file)
    grids = ", ".join(sorted(set(re.findall(r"grids=(\S+)", transformer.definition))))
    return heights, f"heights{_of(file)} brought from {source} to {target} by the grid {grids} of PROJ"


def _of(file: str | None) -> str:
    return f" of {Path(file).name}" if file else ""


def _no_grid(source: str, target: str, file: str | None) -> DatumRefused:
    return DatumRefused(
        f"heights above {source} cannot be brought to {target}: PROJ has no grid for it here, and without one it "
        "would leave them as they are, 23 m wrong at Seoul",
        file=file,
        remedy=f"{_SUPPLY}{target if source == ELLIPSOIDAL else source}.",
    )


@lru_cache(maxsize=16)
def _heights(crs: str, source: str, target: str) -> Transformer:
    """Return PROJ's best transformation of heights, which needs all its grids."""
    _know_system_grids()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of grids that are missing: without the best, an error comes
        return Transformer.from_crs(
            _with_heights(crs, source),
            _with_heights(crs, target),
            always_xy=True,
            allow_ballpark=False,
            only_best=True,
        )


def _with_heights(crs: str, datum: str) -> CRS:
    flat = horizontal(CRS.from_user_input(crs))
    if datum == ELLIPSOIDAL:
        return flat.to_3d()
    code = _CODES.get(datum) or int(datum.removeprefix("EPSG:"))
    return CompoundCRS(f"{flat.name} + {datum}", [flat, CRS.from_epsg(code)])


@lru_cache(maxsize=1)
def _know_system_grids() -> None:
    """Let PROJ find the grids that Debian's proj-data brings, beside those of pyproj's own folder."""
    folder = Path("/usr/share/proj")
    if folder.is_dir() and str(folder) not in pyproj.datadir.get_data_dir():
        pyproj.datadir.append_data_dir(str(folder))


def geoid_undulation_m(lon: Floats, lat: Floats, datum: str, *, geoid: Geoid | None = None) -> Undulation:
    """Return how high a datum's zero lies above the ellipsoid at places (degrees, WGS 84), metres.

    What the user gives goes first; else PROJ's grid of the datum, where it is installed.

    Raises:
        DatumRefused: neither is there, or a place lies outside the grid.
    """
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    datum = canonical(datum)
    if datum == ELLIPSOIDAL:
        return Undulation(np.zeros_like(lon), "heights are above the ellipsoid already")
    if geoid is not None:
        return _given(lon, lat, geoid, None)
    if datum == LOCAL:
        raise DatumRefused(
            "heights above a local zero have no known place above the ellipsoid",
            remedy="State the undulation there (the height of the zero above the ellipsoid, in metres).",
        )
    zero, how = _by_proj(lon, lat, np.zeros_like(lon), ("EPSG:4326", datum, ELLIPSOIDAL), None)
    return Undulation(zero, how.split(" by the ")[1])


def to_ellipsoidal(
    lon: Floats, lat: Floats, height: Floats, datum: str, *, geoid: Geoid | None = None
) -> tuple[Floats, str]:
    """Return heights above the ellipsoid, and where the undulation is from. Raises DatumRefused."""
    found = geoid_undulation_m(lon, lat, datum, geoid=geoid)
    return np.asarray(height, float) + found.metres, found.how


def _given(lon: Floats, lat: Floats, geoid: Geoid, file: str | None) -> Undulation:
    if geoid.undulation_m is not None:
        return Undulation(np.full_like(lon, geoid.undulation_m), f"stated: {geoid.undulation_m:g} m")
    if geoid.grid is None:
        raise DatumRefused("neither a grid nor an undulation is given", file=file, remedy="Give one of them.")
    return Undulation(_sampled(lon, lat, geoid.grid), f"grid {geoid.grid.name}")


def _sampled(lon: Floats, lat: Floats, path: Path) -> Floats:
    """Return a geoid grid's values at places, bilinear between the centres of its cells."""
    import rasterio
    from rasterio.errors import RasterioError
    from scipy.ndimage import map_coordinates

    try:
        with rasterio.open(path) as grid:
            inverse, values = ~grid.transform, grid.read(1, masked=True).astype("float64").filled(np.nan)
            turned = grid.bounds.right > 180.5 and bool((lon < grid.bounds.left).any())
            geographic = grid.crs is None or grid.crs.is_geographic
    except RasterioError as error:
        raise DatumRefused(
            "the geoid grid cannot be read", file=str(path), remedy="Give it as GeoTIFF or GTX in degrees."
        ) from error
    if not geographic:
        raise DatumRefused(
            "the geoid grid is not in longitude and latitude", file=str(path), remedy="Give it in EPSG:4326."
        )
    column, row = inverse @ (np.where(lon < 0, lon + 360, lon) if turned else lon, lat)
    found: Floats = map_coordinates(values, [row - 0.5, column - 0.5], order=1, mode="constant", cval=np.nan)
    if not np.isfinite(found).all():
        raise DatumRefused(
            "the geoid grid does not reach all places", file=str(path), remedy="Supply one that covers them."
        )
    if float(np.abs(found).max()) > 120:  # the geoid is nowhere further from the ellipsoid than 107 m
        raise DatumRefused(
            f"the geoid grid holds {float(np.abs(found).max()):.0f} m, more than any geoid",
            file=str(path),
            remedy="Give a grid of undulations in metres.",
        )
    return found
