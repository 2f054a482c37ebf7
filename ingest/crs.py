"""Finds the coordinate reference system of a layer and says how it was found.

Korean files carry .prj texts that no registry identifies: Bessel ellipsoid without a datum name, the central
meridian moved by 10.405 seconds. They are matched by their parameters (`ingest.korea` holds EPSG's own).
A claim is believed only if the coordinates can belong to it; without a claim the coordinates must fit one
system alone, or the user is asked.
"""

from __future__ import annotations

import re
import warnings as python_warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from pyproj.crs import ProjectedCRS
from pyproj.exceptions import CRSError, ProjError

from ingest.korea import COUNTRY, KOREAN, SEOUL, is_bessel, match_korean
from naru.errors import CrsRefused, CrsUnknown
from naru.records import BBox

Floats = npt.NDArray[np.float64]
_KOREAN_1985 = 4162
_AUTHORITY = re.compile(r"(EPSG|ESRI|OGC|IGNF):([A-Za-z0-9]{1,12})", re.IGNORECASE)
_LONLAT_CODES = {"OGC:CRS84": "EPSG:4326", "OGC:CRS83": "EPSG:4269", "OGC:CRS27": "EPSG:4267"}
# No authority defines KATEC; the shift to WGS 84 is that of EPSG:5174 as Bursa-Wolf parameters.
_KATEC = (
    "+proj=tmerc +lat_0=38 +lon_0=128 +k=0.9999 +x_0=400000 +y_0=600000 +ellps=bessel "
    "+towgs84=-115.80,474.99,674.11,1.16,-2.31,-1.63,6.43 +type=crs"
)
_EPSG = re.compile(r"EPSG:[0-9]{4,6}", re.IGNORECASE)
GUESSED = "none given"  # how `Resolved.how` begins where the coordinates alone decided


@dataclass(frozen=True)
class Claim:
    """What a file says of its CRS: WKT, PROJJSON or AUTHORITY:CODE; `source` says where it stood."""

    text: str | None
    source: str


@dataclass(frozen=True)
class Resolved:
    """The CRS that a layer's coordinates are in (x before y, whatever the registry's axis order)."""

    crs: CRS
    label: str  # "EPSG:5174", or the name of a system without a code
    claimed: str | None
    how: str
    warnings: tuple[str, ...] = ()

    def to_lonlat(self) -> Transformer:
        """Return the most accurate transformation to WGS 84 that PROJ knows, x/y to lon/lat."""
        return _transformer(self.crs.to_wkt())


@dataclass(frozen=True)
class _Reading:
    """A claim understood."""

    crs: CRS
    label: str
    how: str
    warnings: tuple[str, ...] = ()


def resolve(claim: Claim, option: str | None, boxes: Floats, layer: str) -> Resolved:
    """Resolve a layer's CRS.

    `boxes` are bounds of features in the layer's own coordinates, n × (xmin, ymin, xmax, ymax).
    `option` is the user's `EPSG:<int>`, which goes before the claim.
    Raises CrsUnknown (none claimed and several fit, or none), CrsRefused (the coordinates cannot belong to it).
    """
    claimed = _shown(claim.text)
    if option is not None:
        reading: _Reading | None = _Reading(_from_option(option), option.upper(), "given by --crs")
        doubts: tuple[str, ...] = ()
    else:
        reading, doubts = _read(claim, boxes)
    extent = _extent(boxes)
    if reading is None:
        reading = _guess(extent, layer)
    else:
        _check(reading, extent, layer)
        doubts += _stray(reading.crs, extent)
    return Resolved(reading.crs, reading.label, claimed, reading.how, (*doubts, *reading.warnings))


# --- claims ---------------------------------------------------------------------------------------


def _from_option(option: str) -> CRS:
    """Only a code of the EPSG registry: other texts may name files and addresses."""
    if not _EPSG.fullmatch(option):
        raise CrsUnknown(f"'{option}' is no EPSG code", remedy="Write it like --crs EPSG:5186.")
    try:
        crs = CRS.from_epsg(int(option[5:]))
    except CRSError as error:
        raise CrsUnknown(f"EPSG has no code {option[5:]}", remedy="Write it like --crs EPSG:5186.") from error
    flat = _horizontal(crs)
    if flat is None:
        raise CrsUnknown(f"{option} ({crs.name}) does not locate things on a map", remedy="Name a 2D system.")
    return flat


def _read(claim: Claim, boxes: Floats) -> tuple[_Reading | None, tuple[str, ...]]:
    """Understand a claim; (None, doubts) when there is none, or none that can be used."""
    if claim.text is None:
        return None, ()
    try:
        crs = _horizontal(_parse(claim.text))
    except (CRSError, ValueError) as error:
        reason = str(error).split("(Internal")[0].strip()[:120]
        return None, (f"{claim.source} is not a readable coordinate reference system ({reason})",)
    if crs is None or "undefined" in crs.name.lower():
        return None, (f"{claim.source} names no usable coordinate reference system",)
    return _identify(crs, claim.source, boxes), ()


def _parse(text: str) -> CRS:
    """Parse WKT, PROJJSON or AUTHORITY:CODE; never a file name or an address."""
    plain = text.strip("\ufeff\x00 \r\n\t")
    if match := _AUTHORITY.fullmatch(plain):
        return CRS.from_authority(*match.groups())
    return CRS.from_json(plain) if plain.startswith("{") else CRS.from_wkt(plain)


def _horizontal(crs: CRS) -> CRS | None:
    """Return the two-dimensional, georeferenced part of a CRS."""
    while crs.is_bound and crs.source_crs is not None:
        crs = crs.source_crs
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
        while crs.is_bound and crs.source_crs is not None:
            crs = crs.source_crs
    return crs.to_2d() if crs.is_geographic or crs.is_projected else None


def _identify(crs: CRS, source: str, boxes: Floats) -> _Reading:
    if code := match_korean(crs):
        exact = crs.to_epsg() == code
        how = source if exact else f"{source}: parameters of '{crs.name}' are those of EPSG:{code}"
        return _Reading(CRS.from_epsg(code), f"EPSG:{code}", how)
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        epsg, authority = crs.to_epsg(), crs.to_authority()
    if epsg:
        return _Reading(CRS.from_epsg(epsg).to_2d(), f"EPSG:{epsg}", source)
    if authority:
        label = ":".join(authority)
        return _Reading(crs, _LONLAT_CODES.get(label, label), source)
    if (registered := _registered(crs)) is not None:
        label = f"EPSG:{registered.to_epsg()}"
        note = f"{source} differs in the last digits from {label}, which it names; the registry's is used"
        return _Reading(registered, label, source, (note,))
    if crs.ellipsoid is not None and is_bessel(crs) and _unnamed_datum(crs) and _on_korean_datum(crs, boxes):
        how = f"{source}: '{crs.name}', Bessel ellipsoid without a datum, in Korea: datum Korean 1985"
        return _Reading(_with_korean_datum(crs), f"{crs.name} on Korean 1985", how)
    notes = (f"the datum of '{crs.name}' is not named: places may be off by hundreds of metres",)
    return _Reading(crs, crs.name, f"{source}: '{crs.name}', no EPSG code", notes if _unnamed_datum(crs) else ())


def _registered(crs: CRS) -> CRS | None:
    """Return the registry's CRS of the code that a definition bears, where they differ by rounding alone.

    PROJ transforms only the datums that it knows: with one of its own, places would be off by a hundred metres.
    """
    said = crs.to_json_dict().get("id", {})
    if said.get("authority") != "EPSG":
        return None
    try:
        known = CRS.from_epsg(int(said["code"])).to_2d()
    except (CRSError, ValueError):
        return None
    ours, theirs = _shape(crs), _shape(known)
    same = len(ours) == len(theirs) and np.allclose(ours, theirs, rtol=1e-8, atol=1e-7)
    return known if same and known.is_projected == crs.is_projected else None


def _shape(crs: CRS) -> list[float]:
    """Return the numbers that make a CRS: ellipsoid, then the projection's parameters by their EPSG codes."""
    ellipsoid, operation = crs.ellipsoid, crs.coordinate_operation
    size = [ellipsoid.semi_major_metre, ellipsoid.inverse_flattening] if ellipsoid is not None else []
    parameters = sorted(operation.params, key=lambda p: str(p.code)) if operation is not None else []
    return size + [float(p.value) * float(p.unit_conversion_factor) for p in parameters]


def _unnamed_datum(crs: CRS) -> bool:
    name = crs.datum.name.lower() if crs.datum is not None else ""
    return not name or "unknown" in name or "not specified" in name or "d_bessel" in name


def _on_korean_datum(crs: CRS, boxes: Floats) -> bool:
    lonlat = _lonlat(_with_korean_datum(crs), _extent(boxes))
    return lonlat is not None and _inside(lonlat, COUNTRY)


def _with_korean_datum(crs: CRS) -> CRS:
    base = CRS.from_epsg(_KOREAN_1985)
    if crs.is_geographic:
        return base
    return ProjectedCRS(crs.coordinate_operation, name=f"{crs.name} on Korean 1985", geodetic_crs=base)


def _shown(text: str | None) -> str | None:
    """Return a claim as people may read it: a code, or the name in the WKT."""
    if text is None:
        return None
    if _AUTHORITY.fullmatch(text.strip()):
        return text.strip()
    name = re.search(r'"name"\s*:\s*"([^"]*)"' if text.lstrip().startswith("{") else r'"([^"]*)"', text)
    return (name.group(1) if name else text.strip())[:200]


# --- do the coordinates belong to it? ---------------------------------------------------------------


def _extent(boxes: Floats) -> Floats:
    """Return the bounds of the features, a tenth at each end left out: a few strays must not decide."""
    finite = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(finite):
        return np.full(4, np.nan)
    low, high = finite[:, :2], finite[:, 2:]
    if len(finite) < 5:
        return np.array([*low.min(axis=0), *high.max(axis=0)])
    inner = (
        np.percentile(low, 10, axis=0, method="higher"),
        np.percentile(high, 90, axis=0, method="lower"),
    )
    return np.array([*np.minimum(*inner), *np.maximum(*inner)])


def _check(reading: _Reading, extent: Floats, layer: str) -> None:
    """Raise CrsRefused when the coordinates cannot belong to the CRS."""
    if np.isnan(extent).any():
        return
    geographic = reading.crs.is_geographic
    problem = _geographic_problem(extent) if geographic else _projected_problem(reading.crs, extent)
    if problem:
        fits = ", ".join(f"--crs {c}" for c in candidates(extent))
        remedy = (
            f"If another system is meant, give it: {fits}."
            if fits
            else "Give the right one with --crs EPSG:<code>."
        )
        if "swapped" in problem:
            remedy = "Write x (longitude, easting) before y (latitude, northing)."
        raise CrsRefused(
            f"coordinates ({_numbers(extent)}) do not fit {reading.label}: {problem}", layer=layer, remedy=remedy
        )


def _geographic_problem(extent: Floats) -> str:
    west, south, east, north = extent
    if max(abs(west), abs(east)) <= 360 and max(abs(south), abs(north)) <= 90:
        return ""
    if max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 180:
        return "latitude is out of range, the axes look swapped"
    return "they are no degrees"


def _projected_problem(crs: CRS, extent: Floats) -> str:
    if _is_degrees(extent) and crs.axis_info[0].unit_conversion_factor < 10:
        return "they look like degrees, not metres"
    place = _lonlat(crs, extent)
    if place is None:
        return "they lie outside the projection"
    area = crs.area_of_use
    if area is None or area.west > area.east:
        return ""
    swapped = _lonlat(crs, extent[[1, 0, 3, 2]])
    if not _inside(place, area.bounds) and swapped is not None and _inside(swapped, area.bounds):
        return "they fit when x and y are exchanged, the axes look swapped"
    korean = match_korean(crs) is not None
    return f"they would lie at {_place(place)}" if korean and not _inside(place, _wider(COUNTRY, 3)) else ""


def _stray(crs: CRS, extent: Floats) -> tuple[str, ...]:
    """Return a warning when the coordinates lie far from where a foreign CRS is meant to be used."""
    area, place = crs.area_of_use, None if np.isnan(extent).any() else _lonlat(crs, extent)
    if (
        crs.is_geographic
        or area is None
        or place is None
        or area.west > area.east
        or place[2] - place[0] > 180  # across the 180th meridian
        or _inside(place, _wider(area.bounds, 8))
    ):
        return ()
    return (f"the coordinates lie at {_place(place)}, far outside the area of {crs.name} ({area.name[:60]})",)


def _numbers(extent: Floats) -> str:
    return f"x {extent[0]:.7g} to {extent[2]:.7g}, y {extent[1]:.7g} to {extent[3]:.7g}"


def _place(lonlat: Floats) -> str:
    return f"{(lonlat[0] + lonlat[2]) / 2:.2f}° E, {(lonlat[1] + lonlat[3]) / 2:.2f}° N"


def _is_degrees(extent: Floats) -> bool:
    return bool(np.abs(extent[[0, 2]]).max() <= 180 and np.abs(extent[[1, 3]]).max() <= 90)


def _wider(box: BBox, degrees: float) -> BBox:
    return (box[0] - degrees, box[1] - degrees, box[2] + degrees, box[3] + degrees)


def _inside(inner: Floats, outer: BBox) -> bool:
    return bool(inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3])


def _lonlat(crs: CRS, extent: Floats) -> Floats | None:
    """Return the lon/lat box of an extent's corners; None where the projection has no answer."""
    x, y = extent[[0, 2, 0, 2]], extent[[1, 1, 3, 3]]
    try:
        lon, lat = _transformer(crs.to_wkt()).transform(x, y)
    except ProjError:
        return None
    if not np.isfinite([lon, lat]).all():
        return None
    return np.array([lon.min(), lat.min(), lon.max(), lat.max()])


@lru_cache(maxsize=64)
def _transformer(wkt: str) -> Transformer:
    """Return the transformation to WGS 84; ballpark ones are used only when there is no other."""
    return Transformer.from_crs(CRS.from_wkt(wkt), CRS.from_epsg(4326), always_xy=True)


# --- no claim: what fits? ---------------------------------------------------------------------------


def _guess(extent: Floats, layer: str) -> _Reading:
    """Return the one CRS that the coordinates fit. Raises CrsUnknown when there is none or several."""
    fits = candidates(extent)
    shown = _numbers(extent)
    if not fits and _looks_like_katec(extent):
        raise CrsUnknown(
            f"the coordinates ({shown}) look like KATEC, the grid of car navigation, which has no EPSG code",
            layer=layer,
            remedy="Have them transformed to EPSG:5179 or WGS 84 first.",
        )
    if not fits:
        raise CrsUnknown(
            f"no coordinate reference system is given, and the coordinates ({shown}) fit none that we would guess",
            layer=layer,
            remedy="Give it: --crs EPSG:<code>.",
        )
    unlikely = fits[1:] if fits == ["EPSG:5179", "EPSG:5178"] else []
    if len(fits) > 1 and not unlikely:
        raise CrsUnknown(
            f"no coordinate reference system is given, and the coordinates ({shown}) fit {len(fits)}",
            layer=layer,
            remedy=f"Give one: {' or '.join('--crs ' + f for f in fits)}.",
        )
    where = "on the globe" if fits[0] == "EPSG:4326" else "in Seoul" if _fits_seoul(fits[0], extent) else "in Korea"
    note = f"no coordinate reference system is given; {fits[0]} is a guess from the coordinates ({shown})"
    note += f"; {unlikely[0]} would be some 300 m off it" if unlikely else ""
    how = f"{GUESSED}; of the systems we know only this one puts the coordinates {where}"
    return _Reading(CRS.from_epsg(int(fits[0][5:])), fits[0], how, (note,))


def _looks_like_katec(extent: Floats) -> bool:
    """Whether an extent lies in Seoul on the KATEC grid."""
    place = None if np.isnan(extent).any() else _lonlat(CRS.from_proj4(_KATEC), extent)
    return place is not None and _inside(place, SEOUL)


def candidates(extent: Floats) -> list[str]:
    """Return the systems that an extent fits, likeliest first: those that put it in Seoul go before others."""
    if np.isnan(extent).any():
        return []
    if _is_degrees(extent):
        return ["EPSG:4326"]
    in_seoul: list[str] = []
    in_korea: list[str] = []
    for code, belt in _known():
        place = _lonlat(CRS.from_epsg(code), extent)
        if place is None or not _inside(place, belt):
            continue
        (in_seoul if _inside(place, SEOUL) else in_korea).append(f"EPSG:{code}")
    return in_seoul or in_korea


def fits(option: str, extent: Floats) -> bool:
    """Whether an extent lies where an EPSG system is meant to be used. Raises CrsUnknown for no such system."""
    crs = _from_option(option)
    if np.isnan(extent).any() or crs.is_geographic != _is_degrees(extent):
        return False
    place, area = _lonlat(crs, extent), crs.area_of_use
    return place is not None and (area is None or area.west > area.east or _inside(place, _wider(area.bounds, 0.5)))


def in_degrees(option: str) -> bool:
    """Whether an EPSG system is in degrees. Raises CrsUnknown for no such system."""
    return bool(_from_option(option).is_geographic)


def _fits_seoul(label: str, extent: Floats) -> bool:
    place = _lonlat(CRS.from_epsg(int(label[5:])), extent)
    return place is not None and _inside(place, SEOUL)


def _known() -> Sequence[tuple[int, BBox]]:
    others = ((3857, COUNTRY), (32651, (120.0, 32.8, 126.0, 39.0)), (32652, (126.0, 32.8, 132.0, 39.0)))
    return (*((k.code, k.belt) for k in KOREAN), *others)
