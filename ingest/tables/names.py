"""What the name of a column says of it: longitude, latitude, x, y, geometry, point number, address."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Axis = Literal["lon", "lat", "x", "y"]
Piece = Literal["", "degrees", "minutes", "seconds"]

_HANGUL: tuple[tuple[str, Axis], ...] = (("경도", "lon"), ("위도", "lat"), ("횡좌표", "x"), ("종좌표", "y"))
_LATIN: dict[str, Axis] = {
    **dict.fromkeys(("lon", "lng", "long", "longitude", "lo", "lot", "logt", "lngt", "longi"), "lon"),
    **dict.fromkeys(("lat", "latitude", "la", "lati", "latt"), "lat"),
    **dict.fromkeys(("x", "easting", "east"), "x"),
    **dict.fromkeys(("y", "northing", "north"), "y"),
}
_GLUED = re.compile(
    r"(tm|utmk|utm|gps|wgs|map|ent|pos|pnt|point|coord|loc|katec|center|centroid|centre|grs|geo|crd|cent?)?"
    r"(lon|lng|long|longitude|lat|latitude|la|lo|lot|x|y)"
    r"(coord|coordinate|crdnt|crd|pt|point|pos|loc|val|value|cnts|dnts|code|cd)?s?"
)
_NOISE = frozenset(
    {"coord", "coordinate", "coordinates", "crdnt", "value", "val", "e", "n", "dd", "decimal", "m", "p", "epsg"}
)
_HANGUL_NOISE = re.compile(r"좌표|정보|위치|십진|단위|값|의|축")
_PIECES: dict[str, Piece] = {
    **{"도": "degrees", "분": "minutes", "초": "seconds"},
    **{"deg": "degrees", "degree": "degrees", "degrees": "degrees", "d": "degrees"},
    **{"min": "minutes", "minute": "minutes", "minutes": "minutes"},
    **{"sec": "seconds", "second": "seconds", "seconds": "seconds", "s": "seconds"},
}
_EPSG = re.compile(r"epsg\s*[:_\s]?\s*([0-9]{4,5})", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_GEOMETRY = frozenset(
    {
        "wkt",
        "geom",
        "geometry",
        "thegeom",
        "shape",
        "geojson",
        "wkb",
        "ewkt",
        "geomwkt",
        "wktgeom",
        "공간정보",
        "도형",
    }
)
_ADDRESS = re.compile(r"주소|소재지|도로명|지번|address|addr\b|addr_|street", re.IGNORECASE)


@dataclass(frozen=True)
class Role:
    """What a column's name says. `stem` is what is left of the name: columns of one pair share it."""

    axis: Axis
    stem: str
    piece: Piece = ""
    epsg: str | None = None


def role(name: str) -> Role | None:
    """Return the part that a column plays in a position, going by its name.

    >>> role("X좌표(EPSG:5186)"), role("출발지 위도").stem, role("위도(분)").piece, role("box") is None
    (Role(axis='x', stem='', piece='', epsg='EPSG:5186'), '출발지', 'minutes', True)
    """
    plain = unicodedata.normalize("NFKC", name)
    found = _EPSG.search(plain)
    words = re.findall(r"[a-z]+|[가-힣]+|[0-9]+", _CAMEL.sub(" ", _EPSG.sub(" ", plain)).lower())
    axes: list[Axis] = []
    rest: list[str] = []
    for word in words:
        _sort(word, axes, rest)
    if any(hangul in plain for hangul, _ in _HANGUL):  # 종좌표(X) is the northing, whatever its letter
        axes = [axis for hangul, axis in _HANGUL if hangul in plain]
    named: set[Axis] = {a for a in axes if a in ("lon", "lat")} or set(axes)
    if len(named) != 1 or "위경도" in plain:
        return None
    piece: Piece = next((_PIECES[w] for w in rest if w in _PIECES), "")
    stem = " ".join(w for w in rest if w not in _PIECES)
    return Role(named.pop(), stem, piece, f"EPSG:{found.group(1)}" if found else None)


def _sort(word: str, axes: list[Axis], rest: list[str]) -> None:
    """Take a word apart into axes and what is left."""
    if word in _LATIN:
        axes.append(_LATIN[word])
    elif match := _GLUED.fullmatch(word):
        axes.append(_LATIN[match.group(2)])
        if match.group(1):
            rest.append(match.group(1))
    else:
        for hangul, axis in _HANGUL:
            if hangul in word:
                axes.append(axis)
                word = word.replace(hangul, " ")
        rest += [w for w in _HANGUL_NOISE.sub(" ", word).split() if w not in _NOISE]


def names_geometry(name: str) -> bool:
    """Whether a column's name says that it holds geometries."""
    return re.sub(r"[^0-9a-z가-힣]", "", unicodedata.normalize("NFKC", name).lower()) in _GEOMETRY


def names_point_number(name: str) -> bool:
    """Whether a column's name says that it holds national point numbers."""
    return "지점번호" in unicodedata.normalize("NFKC", name).replace(" ", "")


def names_address(name: str) -> bool:
    """Whether a column's name says that it holds addresses."""
    return _ADDRESS.search(unicodedata.normalize("NFKC", name)) is not None
