"""Structures come to stand on the domain's cells: gather → lay lines → lay what stands in them → join."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from naru.errors import BadFacility
from twin.facilities.openings import Bridge, Culvert, SluiceGate, Weir
from twin.facilities.records import Facility
from twin.facilities.storage import Levee, PumpStation, RetentionBasin
from twin.flood.records import Actor
from twin.flood.world import World
from twin.works.crossings import Crossings, Layout
from twin.works.culverts import place_culvert
from twin.works.drains import Capacity, Inlets, Openings, capacity_of
from twin.works.gather import Found, gather
from twin.works.placing import Placer, place_basin, place_bridge, place_levee, place_weir
from twin.works.placing_gates import place_gate
from twin.works.pumps import place_pump
from twin.works.rupture import place_breaches
from twin.works.site import Site
from twin.works.spec import WorksSpec

_LINES: dict[type[Facility], Callable[[Placer, Any], Any]] = {  # in the order in which they are laid
    Levee: place_levee,
    Weir: place_weir,
    SluiceGate: place_gate,
    RetentionBasin: place_basin,
    Bridge: place_bridge,
}
_NAMED = 10  # that a warning names


def build(spec: WorksSpec, world: World) -> list[Actor]:
    """Return the actors of all structures. Raises what `WorksSpec.build` raises."""
    site = Site(world.domain)
    placer = Placer(world, site, Layout(site))
    here = _inside(gather(spec, world), world)
    world.structures.update({it.id: _standing(it) for it in here})
    lowest_deck_first = sorted(here, key=lambda it: it.low_chord_elevation_m if isinstance(it, Bridge) else 0.0)
    for kind, place in _LINES.items():
        for it in lowest_deck_first:
            if isinstance(it, kind):
                place(placer, it)
    place_breaches(placer, spec.breaches)
    actors: list[Actor] = [place_culvert(placer, it) for it in here if isinstance(it, Culvert)]
    actors += [place_pump(placer, it) for it in here if isinstance(it, PumpStation)]
    if placer.layout.count:
        actors.insert(0, Crossings(placer.layout, placer.buckets))
    return actors + _drains(spec, world, site)


def _inside(found: Sequence[Found], world: World) -> list[Facility]:
    """Return the structures that touch the domain's frame; those of layers and files that do not are told."""
    west, south, east, north = world.domain.frame.bounds
    out, away = [], []
    for each in found:
        xy = np.vstack([each.it.geometry.xy, each.it.plan.xy])
        low, high = xy.min(axis=0), xy.max(axis=0)
        if low[0] <= east and high[0] >= west and low[1] <= north and high[1] >= south:
            out.append(each.it)
        elif each.own:
            raise BadFacility(
                "lies outside the domain",
                file=str(world.file),
                feature=each.it.id,
                field=each.where,
                remedy="Check its coordinates, or make the domain larger.",
            )
        else:
            away.append(each.it.id)
    if away:
        more = f" and {len(away) - _NAMED} more" if len(away) > _NAMED else ""
        named = ", ".join(away[:_NAMED])
        world.warnings.append(f"{len(away)} structures lie outside the domain and are left out: {named}{more}")
    return out


def _standing(it: Facility) -> Mapping[str, Any]:
    """Return what reports tell of a structure, and where it stands."""
    points = [[round(float(x), 3), round(float(y), 3)] for x, y in it.geometry.xy]
    return {"type": it.type, "name": it.name, "at": points}


def _drains(spec: WorksSpec, world: World, site: Site) -> list[Actor]:
    drains, out = spec.drains, list[Actor]()
    if drains is None:
        return out
    if drains.capacity is not None:
        rate = capacity_of(drains.capacity, f"{drains.where}.capacity_mm_h", world)
        out.append(Capacity(rate, world.domain.area_m2))
    if drains.inlets:
        openings = Openings(drains.inlets, drains.law, world, site)
        if drains.swmm is None:
            out.append(Inlets(openings))
        else:
            from twin.works.sewers import Sewers

            out.append(Sewers(drains, openings, world))
    return out
