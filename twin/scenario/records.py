"""A scenario that is assembled: all that a run needs, in numbers on the domain's cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.flood.advance import Plan
from twin.flood.records import Actor, Boundary, Domain, Ints, Maxima, Options
from twin.grid import Floats, Values

if TYPE_CHECKING:
    from twin.scenario.spec import ReportSpec


@dataclass(frozen=True)
class Gauge:
    """A point where stage, depth and speed are written down; `x`, `y` in the domain's CRS."""

    name: str
    x: float
    y: float
    cell: int  # flat index


@dataclass(frozen=True)
class FlowSection:
    """A line of faces through which the discharge is summed, m³/s, positive towards the line's left-hand side.

    A line drawn from the left bank to the right bank, as seen looking downstream, so counts downstream flow
    positive (facilities' lines are drawn the same way).
    """

    name: str
    x_faces: Ints  # flat indices into rows × (columns + 1)
    x_signs: Floats  # +1 or -1: turns eastward flow into flow across the line
    y_faces: Ints  # flat indices into (rows + 1) × columns
    y_signs: Floats


@dataclass(frozen=True)
class Publication:
    """How results are shown on the map."""

    title_ko: str
    title_en: str
    visibility: str = "public"
    licence: str = ""
    attribution: str = ""


Steps = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class HazardSpec:
    """The debris factor DF of the hazard rating HR = d(v + 0.5) + DF, by depth."""

    land_use: str = "woodland"  # as FD2320 names it; empty: a table of the scenario's own
    debris: Steps = Maxima.debris  # depth up to, m, and DF there; the last has no end (inf)

    def told(self) -> dict[str, Any]:
        """Return what run.json says of it: `up_to_m` is None in the deepest class."""
        rows = [{"up_to_m": up_to if isfinite(up_to) else None, "factor": factor} for up_to, factor in self.debris]
        return {"land_use": self.land_use or None, "debris": rows}


@dataclass(frozen=True)
class Assembled:
    """A scenario ready to run."""

    name: str  # the scenario's id: letters, digits, hyphens
    file: Path
    domain: Domain
    depth: Values  # at second 0, m, rows × columns, float64
    boundary: Boundary
    actors: Sequence[Actor]
    options: Options
    plan: Plan
    gauges: tuple[Gauge, ...] = ()
    sections: tuple[FlowSection, ...] = ()
    gauge_every_s: float = 60.0  # gauges and sections are written down at the first step at or after each multiple
    start: datetime | None = None  # the clock time of second 0
    threshold_m: float = 0.05  # of arrival and duration
    hazard: HazardSpec = field(default_factory=HazardSpec)
    outputs: tuple[str, ...] = ()  # what is written; none: everything
    publication: Publication = field(default_factory=lambda: Publication("", ""))
    structures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # as `World.structures`
    report: ReportSpec | None = None  # what the report counts
    inputs: Sequence[Mapping[str, Any]] = ()  # of each: role, file | layer | value, sha256 | version
    warnings: tuple[str, ...] = ()
