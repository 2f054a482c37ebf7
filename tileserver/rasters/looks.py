"""What a picture of a tile is to be, and of what."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from naru.cog import Cog
from naru.raster_facts import Encoding, RasterFacts
from naru.sun import SUN, Sun
from naru.tms import WEB_MERCATOR
from tileserver.rasters.expression import Expression

Algorithm = Literal["hillshade", "slope"]
Span = tuple[float, float]  # the values that become the first and the last colour
PARAMETERS = (
    "encoding",
    "nodata",
    "rescale",
    "colormap",
    "bands",
    "expression",
    "algorithm",
    "azimuth",
    "altitude",
    "exaggeration",
)


class Look(NamedTuple):
    """What a picture of a tile is to be; what is left out is as the raster's role and statistics have it."""

    tile_type: str  # png, webp, jpg
    scale: int = 1  # 2: twice the pixels
    encoding: Encoding | None = None  # heights as colours, for programs; None: for people
    grid: str = WEB_MERCATOR
    rescale: tuple[Span, ...] = ()  # one for all bands, or one each
    colormap: str = ""  # a ramp's name, with _r: backwards
    bands: tuple[int, ...] = ()  # one or three, the first is 1
    expression: Expression | None = None
    algorithm: Algorithm | None = None
    sun: Sun = SUN  # of a hillshade
    exaggeration: float = 1.0  # how much higher than they are the heights count, in a hillshade and slopes
    nodata_m: float = 0.0  # what encoded heights say where there is none: the encodings have no word for it

    @property
    def plain(self) -> bool:
        """Whether nothing is asked but type and size."""
        return self[2:] == _PLAIN[2:]

    @property
    def name(self) -> str:
        """A short name of it, for entity tags and keys of caches: equal looks have equal names."""
        base = f"{self.tile_type}{self.scale}"
        if self.grid != WEB_MERCATOR:
            base += f"-{self.grid}"
        if self.encoding:
            base += f"-{self.encoding}"
        if self[4:] == _PLAIN[4:]:
            return base
        computed = self.expression.text if self.expression else ""
        numbers = (*self.sun, self.exaggeration, self.nodata_m)
        rest = (self.rescale, self.colormap, self.bands, computed, self.algorithm, *numbers)
        return f"{base}-{hashlib.sha256(repr(rest).encode()).hexdigest()[:16]}"


_PLAIN = Look("png")


@dataclass(frozen=True)
class Subject:
    """What is drawn: a COG, where it lies, and what is known of it."""

    path: Path
    cog: Cog
    facts: RasterFacts
    before: int = 0  # bands of the file before those that are the raster's: of a flood, those of earlier times
