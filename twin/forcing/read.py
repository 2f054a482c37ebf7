"""What comes from outside, as a scenario file says it: rain, infiltration, inflows, boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twin.fields import Fields
from twin.flood.records import Actor, Boundary
from twin.flood.world import World


@dataclass(frozen=True)
class ForcingSpec:
    """All that a scenario file says of what comes from outside. Nothing: walls all around, a dry sky."""

    def build(self, world: World) -> tuple[Boundary, list[Actor]]:
        """Return the boundary and the actors: the sky, one an inflow, one that renews the boundary's values."""
        return Boundary.none(), []

    def inputs(self) -> list[Mapping[str, Any]]:
        """Return what went in, for the report: of each `role`, and `file`, `layer` or `value`."""
        return []


def read_forcing(top: Fields) -> ForcingSpec:
    """Read the sections `rain`, `infiltration`, `inflows`, `boundaries` and `evaporation` of a scenario file.

    Raises:
        BadSpec: a field is unknown, missing, or has a value that it cannot have.
        FileMissing: a file that it names is not there.
    """
    for name in ("rain", "infiltration", "inflows", "boundaries"):
        if top.has(name):
            raise top.wrong(name, "cannot be read yet", "Leave it out.")
    if top.has("evaporation"):
        top.choice("evaporation", ("none",))
    return ForcingSpec()
