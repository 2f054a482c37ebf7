"""What a picture of a tile is to be, and of what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from naru.cog import Cog
from naru.raster_facts import Encoding, RasterFacts


class Look(NamedTuple):
    """What a picture of a tile is to be."""

    tile_type: str  # png, webp, jpg
    scale: int = 1  # 2: twice the pixels
    encoding: Encoding | None = None  # heights as colours, for programs; None: for people


@dataclass(frozen=True)
class Subject:
    """What is drawn: a COG, where it lies, and what is known of it."""

    path: Path
    cog: Cog
    facts: RasterFacts
