"""What comes from outside, as a scenario file says it: rain, infiltration, inflows, boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twin.fields import Fields
from twin.flood.records import Actor, Boundary
from twin.flood.world import World
from twin.forcing.boundaries import BoundarySpec, build_boundary, read_boundaries
from twin.forcing.infiltration import Infiltration, read_infiltration
from twin.forcing.inflows import InflowSpec, read_inflows
from twin.forcing.rain import RainSpec, read_rain
from twin.forcing.sky import Sky


@dataclass(frozen=True)
class ForcingSpec:
    """All that a scenario file says of what comes from outside. Nothing: walls all around, a dry sky."""

    rain: RainSpec = field(default_factory=RainSpec)
    infiltration: Infiltration = field(default_factory=Infiltration)
    inflows: tuple[InflowSpec, ...] = ()
    boundaries: tuple[BoundarySpec, ...] = ()

    def build(self, world: World) -> tuple[Boundary, list[Actor]]:
        """Return the boundary and the actors: the sky, one an inflow, one that renews the boundary's values.

        Raises:
            BadSpec: a place lies outside the domain or selects nothing; clock times, but no `start`.
            CrsUnknown, CrsRefused, FileDamaged, TooLarge: of rasters that it names.
        """
        boundary, renewer = build_boundary(self.boundaries, world)
        actors: list[Actor] = []
        rain, losses = self.rain.build(world), self.infiltration.build(world)
        if rain.series or losses.lasting:
            actors.append(Sky(rain, losses, world.duration_s))
        actors.extend(inflow.build(world) for inflow in self.inflows)
        return boundary, actors if renewer is None else [*actors, renewer]

    def inputs(self) -> list[Mapping[str, Any]]:
        """Return what went in, for the report: of each `role`, and `file`, `layer` or `value`."""
        flows = [one.inputs() for one in self.inflows]
        edges = [one.inputs() for one in self.boundaries]
        return [*self.rain.inputs(), *self.infiltration.inputs(), *flows, *edges]


def read_forcing(top: Fields) -> ForcingSpec:
    """Read the sections `rain`, `infiltration`, `inflows`, `boundaries` and `evaporation` of a scenario file.

    Raises:
        BadSpec: a field is unknown, missing, or has a value that it cannot have.
        FileMissing, ColumnsUnknown, EncodingUnknown, FileDamaged, TooLarge: of tables that it names.
    """
    if top.has("evaporation") and top.get("evaporation") != "none":
        raise top.wrong(
            "evaporation", "is given; it is not computed (millimetres a day, in floods of hours)", "Leave it out."
        )
    return ForcingSpec(read_rain(top), read_infiltration(top), read_inflows(top), read_boundaries(top))
