"""Structures come to stand on the domain's cells."""

from __future__ import annotations

from twin.flood.records import Actor
from twin.flood.world import World
from twin.works.spec import WorksSpec


def build(spec: WorksSpec, world: World) -> list[Actor]:
    """Return the actors of all structures. Raises what `WorksSpec.build` raises."""
    return []
