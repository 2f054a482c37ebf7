"""A layer's legend: what its colours stand for."""

from __future__ import annotations

from typing import Any

from naru.errors import ArchiveDamaged
from naru.raster_facts import RasterFacts
from naru.raster_style import legend_type, raster_legend
from naru.records import Layer, Tileset
from naru.style import colour_of


def legend(layer: Layer) -> dict[str, Any]:
    """Return `legend` and `legend_type` as `/api/layers` shows them.

    A plain style has one colour. A raster's entries begin with the lowest value; the type is "ramp" where their
    colours run into each other, else "classes".
    """
    if layer.kind == "raster":
        facts = known_facts(layer.live.tilesets[0])
        return {"legend": raster_legend(facts), "legend_type": legend_type(facts)}
    colour = colour_of(layer.style)
    entries = [{"label": layer.title_ko, "color": colour}] if colour else []
    return {"legend": entries, "legend_type": "classes"}


def known_facts(tileset: Tileset) -> RasterFacts:
    """Return a raster's facts; plain pictures' where they are damaged: the layer's tiles say so, lists stay."""
    try:
        return RasterFacts.of(tileset.rules)
    except ArchiveDamaged:
        return RasterFacts.of({})
