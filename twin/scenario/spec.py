"""What a scenario file says, once read: paths absolute, lengths in metres, times in seconds, defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from twin.flood.records import Options
from twin.scenario.records import HazardSpec, Publication

Box = tuple[float, float, float, float]
Treatment = Literal["raise", "block", "roughness", "ignore"]
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class RasterSource:
    """A raster file or the raster of a layer; exactly one of `file` and `layer` is given."""

    file: Path | None = None
    layer: str | None = None
    member: str | None = None  # of a zip with several rasters
    band: int | str | None = None  # number from 1, or name; None: what fits the use, else the first
    crs: str | None = None  # of the cells; None: as the file says
    vertical_datum: str | None = None  # of heights
    unit: str | None = None  # of heights or depths; None: as the file says, else metres


@dataclass(frozen=True)
class ShapeSource:
    """Polygons, lines or points: written in the scenario, or in a file, a folder of tables, or a layer."""

    inline: tuple[Points, ...] = ()
    file: Path | None = None  # of shapes, or a table of x and y; or a folder of tables
    layer: str | None = None
    crs: str | None = None  # of the file's coordinates; None: as the file says
    columns: Mapping[str, str] = field(default_factory=dict)  # what a column means → its name in the file
    where: str = ""  # the field, as errors name it


@dataclass(frozen=True)
class DomainSpec:
    """What part of the terrain water runs over, and on what cells."""

    bbox: Box | None = None
    polygon: ShapeSource | None = None
    cell_m: float | None = None  # None: the terrain's own
    crs: str | None = None  # None: the terrain's own


@dataclass(frozen=True)
class RoughnessArea:
    """A part of the domain with its own roughness: one number, or classes by value."""

    shapes: ShapeSource
    n: float


@dataclass(frozen=True)
class RoughnessSpec:
    """Manning's n, s·m^-1/3. What is given later stands over what is given before."""

    default: float | None = None  # where nothing else says it; None: 0.035, with a warning
    raster: RasterSource | None = None  # of n, or of land-cover classes where `table` is given
    cover: ShapeSource | None = None  # land-cover polygons; `table` by the field `cover_field`
    cover_field: str | None = None
    table: Mapping[str, float] = field(default_factory=dict)  # class: n
    areas: tuple[RoughnessArea, ...] = ()


@dataclass(frozen=True)
class BuildingsSpec:
    """Footprints, and what they do to the water's way."""

    shapes: ShapeSource
    treatment: Treatment
    height_m: float = 3.0  # where no field says it
    height_field: str | None = None
    n: float = 0.3


@dataclass(frozen=True)
class InitialArea:
    """Water that stands in a polygon at the start: to a stage, EL m, or to a depth, m."""

    shapes: ShapeSource
    stage_m: float | None = None
    depth_m: float | None = None


@dataclass(frozen=True)
class InitialSpec:
    """The water at second 0; areas stand over the rest."""

    stage_m: float | None = None
    depth_m: float | None = None
    stage: RasterSource | None = None
    depth: RasterSource | None = None
    terrain: bool = False  # the terrain's own water_depth
    warm_start: Path | str | None = None  # the folder of a run (a path), or a run's id (a text)
    areas: tuple[InitialArea, ...] = ()


@dataclass(frozen=True)
class NamedShapes:
    """Gauges (points) or flow sections (lines) by name; those of a file are read when they are placed."""

    named: tuple[tuple[str, Points], ...] = ()
    source: ShapeSource | None = None


@dataclass(frozen=True)
class ReportSpec:
    """What a report counts under water; None: not counted."""

    buildings: ShapeSource | None = None
    roads: ShapeSource | None = None
    regions: ShapeSource | None = None  # such as administrative dong: what is counted is told by them
    coordinates: str = "auto"  # what numbers in the scenario are: see Scenario
    asked: bool = False  # the scenario has `report:`


@dataclass(frozen=True)
class Scenario:
    """A scenario file (design §6)."""

    name: str  # its id
    file: Path
    given: Mapping[str, Any]  # the mapping itself, as it was written
    terrain: RasterSource
    duration_s: float
    output_every_s: float
    gauge_every_s: float
    domain: DomainSpec = field(default_factory=DomainSpec)
    coordinates: str = "auto"  # auto | lonlat | terrain | EPSG:code: what numbers in the file are
    start: datetime | None = None
    options: Options = field(default_factory=Options)
    roughness: RoughnessSpec = field(default_factory=RoughnessSpec)
    buildings: tuple[BuildingsSpec, ...] = ()
    initial: InitialSpec = field(default_factory=InitialSpec)
    gauges: NamedShapes = field(default_factory=NamedShapes)
    sections: NamedShapes = field(default_factory=NamedShapes)
    forcing: Any = None  # twin.forcing.read.ForcingSpec: rain, infiltration, inflows, boundaries, evaporation
    works: Any = None  # twin.works.read.WorksSpec: structures, overrides, levee_breaches, drains
    threshold_m: float = 0.05
    hazard: HazardSpec = field(default_factory=HazardSpec)
    most_error: float = 1e-6
    outputs: tuple[str, ...] = ()
    publication: Publication = field(default_factory=lambda: Publication("", ""))
    report: ReportSpec = field(default_factory=ReportSpec)
    warnings: tuple[str, ...] = ()
