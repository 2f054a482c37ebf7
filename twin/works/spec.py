"""What a scenario file says of its structures, once read: nothing is placed on cells yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twin.flood.records import Actor
from twin.flood.world import World

Pairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class StructureSource:
    """Where structures come from: exactly one of a layer of facilities, a file, or one written in the scenario."""

    where: str  # the field, as errors name it
    layer: str | None = None
    file: Path | None = None
    crs: str | None = None  # of a file's coordinates; None: as the file says
    inline: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Growth:
    """How a breach grows once it has begun.

    "linear": width and depth grow evenly over `duration_s`. "verheij": the bottom falls over `duration_s`, then the
    width grows with the flow's erosion (Verheij & Van der Knaap 2003) at `critical_velocity_m_s` of the soil.
    """

    kind: str = "linear"  # linear | verheij
    duration_s: float = 3600.0
    start_width_m: float = 0.0
    critical_velocity_m_s: float = 0.2


@dataclass(frozen=True)
class BreachSpec:
    """A breach of a levee: of a facility by its id, or along a line drawn over an embankment of the terrain."""

    where: str
    levee: str | None = None
    line: Pairs = ()
    at: Pairs = ()  # one point; none: the middle
    between: Pairs = ()  # two points: from, to
    name: str | None = None
    width_m: float | None = None  # None: between the two points, or as the levee says
    bottom_m: float | None = None  # EL m; None: as the levee says
    start_s: float | None = None
    when_stage_m: float | None = None  # EL m beside the breach
    when_over_m: float | None = None  # depth of water over the crest
    growth: Growth = field(default_factory=Growth)


@dataclass(frozen=True)
class InletSpec:
    """A street inlet: a grating or a manhole, with what it leads into."""

    where: str
    name: str
    at: Pairs
    area_m2: float
    perimeter_m: float
    capacity_m3_s: float | None = None  # None: as much as the law lets in
    node: str | None = None  # of the SWMM model; None: water leaves the model


@dataclass(frozen=True)
class InletLaw:
    """Coefficients of all inlets: after Rubinato et al. (2017), `grate` after FHWA HEC-22."""

    weir: float = 0.54
    grate: float = 0.67  # of a drowned grating over a sewer with room
    submerged_weir: float = 0.056
    orifice: float = 0.167


@dataclass(frozen=True)
class DrainsSpec:
    """Street drains: a capacity by area, single inlets, a SWMM model of the sewers."""

    capacity: Any = None  # mm/h: a number, or what names a raster
    inlets: tuple[InletSpec, ...] = ()
    law: InletLaw = field(default_factory=InletLaw)
    swmm: Path | None = None
    swmm_step_s: float = 5.0
    where: str = "drains"


@dataclass(frozen=True)
class WorksSpec:
    """All that a scenario file says of structures. Nothing: none."""

    file: Path
    sources: tuple[StructureSource, ...] = ()
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # id: field: value
    breaches: tuple[BreachSpec, ...] = ()
    drains: DrainsSpec | None = None

    def build(self, world: World) -> list[Actor]:
        """Return the actors that move water through structures; what is odd is added to `world.warnings`.

        Raises:
            BadSpec: a field of the scenario does not fit the domain.
            BadFacility, FacilitiesRefused: a structure is impossible, or cannot stand where it is said to; with id.
            UnknownLayer, FileMissing, …: what a source names is not there or cannot be read.
            ExtraMissing: `drains.swmm` needs pyswmm.
        """
        from twin.works.assembling import build

        return build(self, world)

    def inputs(self) -> list[Mapping[str, Any]]:
        """Return what went in, for the report: of each `role`, and `file`, `layer` or `value`."""
        out: list[Mapping[str, Any]] = []
        for each in self.sources:
            if each.layer:
                out.append({"role": "structures", "layer": each.layer})
            elif each.file:
                out.append({"role": "structures", "file": str(each.file)})
            elif each.inline:
                out.append({"role": "structures", "value": dict(each.inline)})
        if self.overrides:
            out.append({"role": "overrides", "value": {k: dict(v) for k, v in self.overrides.items()}})
        out += [{"role": "levee breach", "value": b.name or b.levee or b.where} for b in self.breaches]
        if self.drains and self.drains.swmm:
            out.append({"role": "sewers (SWMM)", "file": str(self.drains.swmm)})
        if self.drains and self.drains.capacity is not None:
            out.append({"role": "drain capacity, mm/h", "value": self.drains.capacity})
        if self.drains and self.drains.inlets:
            out.append({"role": "drain inlets", "value": len(self.drains.inlets)})
        return out
