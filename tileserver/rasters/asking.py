"""What a caller says in the query about how a raster is to be drawn, checked before anything is opened."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Protocol, get_args

from naru.errors import BadRequest
from naru.ramps import is_ramp, ramp_names
from naru.raster_facts import ENCODINGS, Encoding
from naru.sun import SUN, Sun
from tileserver.flood.times import DEPTHS, MAXIMUM, PARAMETER
from tileserver.lane import TileAddress
from tileserver.pyramids import LayerPyramid
from tileserver.rasters import expression
from tileserver.rasters.looks import PARAMETERS, Algorithm, Look, Span

_NUMBER = re.compile(r"[+-]?(\d{1,12}(\.\d{0,12})?|\.\d{1,12})(e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)
_LARGEST = 1e30  # float32 ends at 3e38, and sums are to fit
_NARROWEST = 1e-30  # of a range: 255 divided by it must fit, too
_LONGEST = 200  # characters of one parameter
_HEIGHTS_M = (-10_000.0, 30_000.0)  # what both encodings can say
_RGB = (1, 3)  # how many bands make a picture


class Query(Protocol):
    """A query's parameters, of which some may come several times; werkzeug's MultiDict is one."""

    def getlist(self, key: str) -> list[str]:
        """Return every value of a parameter."""
        ...


class Once(dict[str, str]):
    """A query in which nothing comes twice, for callers that have a plain mapping."""

    def getlist(self, key: str) -> list[str]:
        """Return every value of a parameter."""
        return [self[key]] if key in self else []


def look_for(pyramid: LayerPyramid, address: TileAddress, query: Query) -> Look:
    """Return the picture that `query` asks for, of a layer that is drawn from a COG.

    Raises:
        BadRequest: a parameter is malformed, out of its range, given twice, or not for this layer.
        ArchiveDamaged: what is known of the raster is incomplete.
    """
    asked = {name: value for name in PARAMETERS if (value := single(query, name)) is not None}
    base = Look(address.tile_type, address.scale, grid=address.tms)
    if not asked:
        return base
    if "encoding" in asked:
        encoding = _encoding(pyramid, address.tile_type, asked)
        return base._replace(encoding=encoding, nodata_m=_number(asked, "nodata", 0.0, *_HEIGHTS_M))
    _check_fit(pyramid, asked)
    look = base._replace(
        rescale=_rescale(asked),
        colormap=_colormap(asked),
        bands=_bands(pyramid, asked),
        expression=_expression(pyramid, asked),
        algorithm=_algorithm(asked),
        sun=_sun(asked),
        exaggeration=_number(asked, "exaggeration", 1.0, 0.01, 1000.0),
    )
    _check_bands(pyramid, look)
    return look


def single(query: Query, name: str) -> str | None:
    """Return a parameter's value, None where it is not given; `rescale` may come once a band.

    Raises:
        BadRequest: it is given twice, or is too long.
    """
    values = query.getlist(name)
    if not values:
        return None
    if len(values) > 1 and name != "rescale":  # which may come once a band, as other servers have it
        raise BadRequest(f"{name} is given {len(values)} times", field=name, remedy="Give it once.")
    text = ",".join(values)
    if len(text) > _LONGEST:
        raise BadRequest(
            f"{name} has {len(text)} characters, and {_LONGEST} are the most",
            field=name,
            remedy="Write it shorter.",
        )
    return text


# --- heights for programs ------------------------------------------------------------------------


def _encoding(pyramid: LayerPyramid, tile_type: str, asked: Mapping[str, str]) -> Encoding:
    if tile_type == "jpg":
        raise BadRequest(
            "JPEG would spoil the heights",
            layer=pyramid.layer.id,
            field="encoding",
            remedy="Ask for .png or .webp.",
        )
    found = encoding_for(pyramid, asked["encoding"])
    if others := [name for name in asked if name not in ("encoding", "nodata")]:
        raise _not_together("encoding", others[0])
    return found


def encoding_for(pyramid: LayerPyramid, asked: str) -> Encoding:
    """Return how a caller wants a layer's heights.

    Raises:
        BadRequest: there is no such encoding, or the layer has no heights.
    """
    measured = pyramid.facts.role == "elevation" or DEPTHS in pyramid.layer.live.assets
    if pyramid.tileset.archive.suffix != ".tif" or not measured:
        raise BadRequest(
            "only elevation layers and floods over time have heights to encode",
            layer=pyramid.layer.id,
            field="encoding",
            remedy="Leave out encoding.",
        )
    for encoding in ENCODINGS:
        if asked == encoding:
            return encoding
    raise BadRequest(f"encoding '{asked}' is none", field="encoding", remedy=f"Choose {' or '.join(ENCODINGS)}.")


# --- which parameters go with a layer, and with each other --------------------------------------


def _check_fit(pyramid: LayerPyramid, asked: Mapping[str, str]) -> None:
    role, first = pyramid.facts.role, next(iter(asked))
    if "nodata" in asked:
        raise BadRequest(
            "nodata is for heights as colours",
            layer=pyramid.layer.id,
            field="nodata",
            remedy="Give encoding, too, or leave out nodata.",
        )
    if role == "classes":
        raise BadRequest(
            "classes have colours of their own",
            layer=pyramid.layer.id,
            field=first,
            remedy=f"Leave out {first}.",
        )
    if "algorithm" in asked and role != "elevation":
        raise BadRequest(
            "only elevation layers have a hillshade or slopes",
            layer=pyramid.layer.id,
            field="algorithm",
            remedy="Leave out algorithm.",
        )
    for name, others in _APART.items():
        for other in others:
            if name in asked and other in asked:
                raise _not_together(name, other)
    if asked.get("algorithm") == "hillshade":
        for other in ("rescale", "colormap"):
            if other in asked:
                raise _not_together("algorithm=hillshade", other)
    for name, algorithms in _ONLY_WITH.items():
        if name in asked and asked.get("algorithm") not in algorithms:
            raise BadRequest(
                f"{name} is for {' and '.join(f'algorithm={each}' for each in algorithms)}",
                field=name,
                remedy=f"Leave out {name}, or give the algorithm.",
            )
    if "expression" in asked and "rescale" not in asked:
        raise BadRequest(
            "what an expression gives has no range that is known",
            field="rescale",
            remedy="Give rescale=min,max, such as rescale=-1,1.",
        )


_APART = {"algorithm": ("bands", "expression"), "expression": ("bands",)}
_ONLY_WITH = {
    "azimuth": ("hillshade",),
    "altitude": ("hillshade",),
    "exaggeration": ("hillshade", "slope"),
}


def _not_together(name: str, other: str) -> BadRequest:
    return BadRequest(f"{name} and {other} do not go together", field=other, remedy=f"Leave out {other}.")


def _check_bands(pyramid: LayerPyramid, look: Look) -> None:
    """Refuse a colormap for three bands, and more ranges than bands."""
    shown = 1 if look.expression or look.algorithm else len(look.bands) or _shown_at_first(pyramid)
    if look.colormap and shown != 1:
        raise BadRequest(
            "a colormap is for one band",
            field="colormap",
            remedy="Name one with bands=1, or give an expression.",
        )
    if len(look.rescale) not in (0, 1, shown):
        raise BadRequest(
            f"rescale has {len(look.rescale)} ranges for {shown} band{'s' * (shown > 1)}",
            field="rescale",
            remedy="Give min,max once, or once for each band.",
        )


def _shown_at_first(pyramid: LayerPyramid) -> int:
    return 3 if pyramid.facts.role == "imagery" and band_count(pyramid) >= 3 else 1


def band_count(pyramid: LayerPyramid) -> int:
    """Return how many bands a raster has beside its alpha."""
    cog = pyramid.cog
    return cog.bands - cog.has_alpha if cog else 0


# --- single parameters ---------------------------------------------------------------------------


def _rescale(asked: Mapping[str, str]) -> tuple[Span, ...]:
    if "rescale" not in asked:
        return ()
    numbers = [_real("rescale", text, -_LARGEST, _LARGEST) for text in asked["rescale"].split(",")]
    pairs = tuple(zip(numbers[::2], numbers[1::2], strict=False))
    if len(numbers) % 2 or len(pairs) not in _RGB:
        raise BadRequest(
            f"rescale has {len(numbers)} numbers", field="rescale", remedy="Give min,max once, or for three bands."
        )
    if any(high - low < _NARROWEST for low, high in pairs):
        raise BadRequest("rescale's minimum is not below its maximum", field="rescale", remedy="Give min,max.")
    return pairs


def _colormap(asked: Mapping[str, str]) -> str:
    name = asked.get("colormap", "")
    if "colormap" in asked and not is_ramp(name):
        raise BadRequest(
            f"there is no colormap '{name}'",
            field="colormap",
            remedy=f"Choose {', '.join(ramp_names())}, each also backwards with _r behind it.",
        )
    return name


def _bands(pyramid: LayerPyramid, asked: Mapping[str, str]) -> tuple[int, ...]:
    if "bands" not in asked:
        return ()
    most, parts = band_count(pyramid), asked["bands"].split(",")
    numbers = tuple(int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 4)
    if len(numbers) != len(parts) or len(parts) not in _RGB or not all(1 <= number <= most for number in numbers):
        raise BadRequest(
            f"bands '{asked['bands']}' cannot be shown",
            field="bands",
            remedy=f"Name one band or three, from 1 to {most}, such as bands=1.",
        )
    return numbers


def _expression(pyramid: LayerPyramid, asked: Mapping[str, str]) -> expression.Expression | None:
    if "expression" not in asked:
        return None
    parsed, most = expression.parse(asked["expression"]), band_count(pyramid)
    if not parsed.bands or parsed.bands[-1] > most:
        named = f"names b{parsed.bands[-1]}" if parsed.bands else "names no band"
        raise BadRequest(
            f"the expression {named}", field="expression", remedy=f"The layer has b1{f' to b{most}' * (most > 1)}."
        )
    return parsed


def _algorithm(asked: Mapping[str, str]) -> Algorithm | None:
    name = asked.get("algorithm")
    for known in get_args(Algorithm):
        if name == known:
            found: Algorithm = known
            return found
    if name is None:
        return None
    raise BadRequest(
        f"algorithm '{name}' is none", field="algorithm", remedy=f"Choose {' or '.join(get_args(Algorithm))}."
    )


def _sun(asked: Mapping[str, str]) -> Sun:
    azimuth = _number(asked, "azimuth", SUN.azimuth, 0, 360)
    return Sun(azimuth % 360, _number(asked, "altitude", SUN.altitude, 0, 90))


def _number(asked: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    return _real(name, asked[name], low, high) if name in asked else default


def _real(name: str, text: str, low: float, high: float) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if low <= value <= high:
        return value
    raise BadRequest(f"{name} '{text}' is no number from {low:g} to {high:g}", field=name, remedy="Correct it.")


# --- for the OpenAPI document ---------------------------------------------------------------------


def _said(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string", **schema}}


def _degrees(description: str, most: float, default: float) -> dict[str, Any]:
    return {
        "description": description,
        "schema": {"type": "number", "minimum": 0, "maximum": most, "default": default},
    }


ENCODING = {
    "encoding": _said(
        "Elevation layers, and depths of floods: heights in metres as colours (terrain-RGB)", enum=list(ENCODINGS)
    )
}
TIME: dict[str, Mapping[str, Any]] = {
    PARAMETER: _said(
        "Floods: the depths at this time, seconds since the start or a clock time (ISO 8601); "
        "between outputs those of the earlier one. Without it, the deepest of all times",
        default=MAXIMUM,
    )
}
LOOK: dict[str, Mapping[str, Any]] = {
    **TIME,
    **ENCODING,
    "nodata": {
        "description": "With encoding: the height to say where there is none, metres",
        "schema": {"type": "number", "minimum": _HEIGHTS_M[0], "maximum": _HEIGHTS_M[1], "default": 0},
    },
    "rescale": _said("Rasters: the values of the first and last colour, `min,max`, or three such pairs"),
    "colormap": _said(
        "Rasters, one band: the colours, first to last",
        enum=[name + end for name in ramp_names() for end in ("", "_r")],
    ),
    "bands": _said("Rasters: one band or three, the first is 1", pattern=r"^\d{1,3}(,\d{1,3},\d{1,3})?$"),
    "expression": _said(
        "Rasters: band arithmetic such as `(b4-b1)/(b4+b1)`; needs `rescale`", maxLength=expression.LONGEST
    ),
    "algorithm": _said("Elevation layers: computed from the heights", enum=list(get_args(Algorithm))),
    "azimuth": _degrees("With algorithm=hillshade: where the sun stands, clockwise from north", 360, SUN.azimuth),
    "altitude": _degrees("With algorithm=hillshade: how high the sun stands", 90, SUN.altitude),
    "exaggeration": {
        "description": "With algorithm=hillshade or slope: by how much the heights are multiplied",
        "schema": {"type": "number", "minimum": 0.01, "maximum": 1000, "default": 1},
    },
}
