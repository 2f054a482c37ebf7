"""What a terrain file says, once read: every path absolute, every length in metres, every default filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from twin.datum import Geoid

Treatment = Literal["raise", "roughness", "ignore"]
Unit = Literal["m", "cm", "mm", "ft", "us-ft"]


Drawn = Literal["downstream", "upstream"]


@dataclass(frozen=True)
class Source:
    """A file of the survey, and how to read it."""

    file: Path
    crs: str | None = None  # of the file's coordinates; None: as the file says, else the terrain's
    vertical_datum: str | None = None  # of the file's heights; None: the terrain's
    unit: Unit | None = None  # of the file's heights; None: what the file says, else metres
    encoding: str | None = None  # of a text file; None: found
    layer: str | None = None  # of a file with several
    columns: Mapping[str, str] = field(
        default_factory=dict
    )  # what a column means → its name in the file: id, station, x, y, z, reach …
    water_level_m: float | None = None  # depths (the column "depth") are below it, in `vertical_datum`
    drawn: Drawn | None = None  # of a centre line; None: downstream, which the bed's fall must bear out
    keep_interpolated: bool = False  # sections that HEC-RAS interpolated (marked *) are taken for surveyed ones


@dataclass(frozen=True)
class GroundSource:
    """Where the ground comes from: a layer of heights, rasters, or points with a way to make a surface of them."""

    layer: str | None = None  # id of a layer of heights; None: files
    sources: tuple[Source, ...] = ()
    method: Literal["tin", "grid"] = "tin"  # for points
    max_edge_m: float | None = None  # for points: longer triangle edges leave a hole; None: found from the points
    margin_m: float | None = None  # around the survey; None: all of a file that is not too large, else 200 m


@dataclass(frozen=True)
class Buildings:
    """Footprints on the ground, and what they do to it."""

    layer: str | None  # id of a layer of polygons; None: a file
    source: Source | None
    treatment: Treatment  # `as` in the file
    height_m: float | None = None  # where no field says it; None: 3 m a floor, else 3 m
    height: str | None = None  # the field with metres above ground
    floors: str | None = None  # the field with the number of floors


@dataclass(frozen=True)
class Roughness:
    """Manning's n, s·m^-1/3."""

    channel: float = 0.030
    floodplain: float = 0.035
    buildings: float = 0.30


@dataclass(frozen=True)
class Stage:
    """The water's surface for the raster of depths: one stage, or stages along the river (linear between them)."""

    constant_m: float | None = None
    by_chainage: tuple[tuple[str | None, float, float], ...] = ()  # reach (None: the only one), chainage, stage; m
    by_section: tuple[tuple[str | None, str, float], ...] = ()  # reach (None: any), section id, stage in m


@dataclass(frozen=True)
class TerrainSpec:
    """A terrain file (design §6). `crs` is projected in metres; heights are metres above `vertical_datum`."""

    path: Path  # of the terrain file
    terrain: str  # id of the layer to make
    ground: GroundSource
    crs: str  # "EPSG:5186"
    vertical_datum: str  # canonical name: see twin.datum
    cell_m: float
    sections: tuple[Source, ...]
    title_ko: str | None = None
    title_en: str | None = None
    centreline: Source | None = None
    banks: Source | None = None
    soundings: tuple[Source, ...] = ()
    islands: Source | None = None  # polygons
    levees: Source | None = None  # lines; the crest is their Z, or the column "crest"
    bridges: Source | None = None  # polygons or lines of decks; lines have the column "width", metres
    method: str = "auto"  # of the bed's interpolation: "auto", or one of twin.bed.records.METHODS
    bank_blend_m: float = 5.0
    buildings: Buildings | None = None
    manning_n: Roughness = field(default_factory=Roughness)
    water_stage_m: Stage | None = None  # None: no raster of depths
    geoid: Geoid | None = None  # between the ellipsoid and `vertical_datum`, as the user gives it
    height_tolerance_m: float = 5.0  # ends of sections may lie so far from the ground, all the same way
    visibility: str = "public"
    licence: str = ""
    attribution: str = ""
    warnings: tuple[str, ...] = ()
