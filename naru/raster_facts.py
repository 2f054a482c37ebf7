"""What is known of a raster layer beyond its pixels: `Tileset.rules["raster"]`, written when it was taken in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from naru.errors import ArchiveDamaged

RasterRole = Literal["imagery", "elevation", "classes", "data"]
Encoding = Literal["mapbox", "terrarium"]  # of heights as colours: naru/terrain_rgb.py
ENCODINGS: tuple[Encoding, ...] = ("mapbox", "terrarium")
RAMPS = (  # of styles/ramps.json; "": its role's
    "",
    "slope",
    "vegetation",
    "water",
    "share",
    "difference",
    "roughness",
    "depth",
    "velocity",
    "hazard",
    "arrival",
    "duration",
)
Colour = tuple[int, int, int, int]  # red, green, blue, alpha, 0 … 255
_LONGEST_NAME = 100  # characters
_REMEDY = "Ingest the raster again."


@dataclass(frozen=True)
class BandRange:
    """Between which values a band's pixels lie; p2 and p98 leave out the lowest and highest hundredths."""

    low: float  # the minimum
    high: float
    p2: float
    p98: float

    @property
    def stretch(self) -> tuple[float, float]:
        """What is drawn black and white: p2 and p98 if they differ, else all there is, else one unit's width."""
        if self.p98 > self.p2:
            return self.p2, self.p98
        return (self.low, self.high) if self.high > self.low else (self.low, self.low + 1)


@dataclass(frozen=True)
class RasterFacts:
    """How a raster is to be drawn."""

    role: RasterRole
    dtype: str
    alpha: bool  # its last band says where it is opaque
    unit: str | None
    ranges: tuple[BandRange, ...]  # by band
    colormap: Mapping[int, Colour]  # classes: value to colour; empty: none given
    ramp: str = ""  # of RAMPS
    class_names: Mapping[int, str] = field(default_factory=dict)  # classes: what they are called

    @classmethod
    def of(cls, rules: Mapping[str, Any]) -> RasterFacts:
        """Return the facts in a tileset's rules.

        Raises:
            ArchiveDamaged: they are missing, or not facts.
        """
        try:
            return _facts(rules.get("raster", _PICTURES))
        except (AttributeError, KeyError, TypeError, ValueError) as cause:
            raise ArchiveDamaged("what the catalogue says of the raster is incomplete", remedy=_REMEDY) from cause

    def span(self, band: int = 0) -> BandRange:
        """Return between which values a band lies.

        Raises:
            ArchiveDamaged: nobody knows.
        """
        if band < len(self.ranges):
            return self.ranges[band]
        raise ArchiveDamaged(f"between which values band {band + 1} lies is not known", remedy=_REMEDY)


_PICTURES = {"role": "imagery", "dtype": "uint8"}  # a pre-rendered pyramid of which nothing else is known


def _facts(found: Mapping[str, Any]) -> RasterFacts:
    role = found["role"]
    if role not in get_args(RasterRole):
        raise ValueError(role)
    if found.get("ramp", "") not in RAMPS:
        raise ValueError(found["ramp"])
    return RasterFacts(
        role=role,
        dtype=str(found["dtype"]),
        alpha=bool(found.get("alpha")),
        unit=found.get("unit"),
        ranges=tuple(_range(band) for band in found.get("statistics") or ()),
        colormap={int(value): _colour(rgba) for value, *rgba in found.get("colormap") or ()},
        ramp=str(found.get("ramp", "")),
        class_names={int(value): str(name)[:_LONGEST_NAME] for value, name in found.get("class_names") or ()},
    )


def _range(band: Mapping[str, Any]) -> BandRange:
    if band["min"] is None:  # not one pixel of the band has a value
        return BandRange(0.0, 1.0, 0.0, 1.0)
    low, high = float(band["min"]), float(band["max"])
    return BandRange(low, high, float(band.get("p2", low)), float(band.get("p98", high)))


def _colour(rgba: list[Any]) -> Colour:
    red, green, blue, alpha = (min(255, max(0, int(part))) for part in rgba)
    return red, green, blue, alpha
