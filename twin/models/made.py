"""What came of making models: the asset's `about`, and what the command says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from naru.records import BBox


@dataclass(frozen=True)
class ModelsMade:
    """Figures of a tileset. Heights are above the layer's vertical datum."""

    features: int
    tiles: int
    bounds: BBox  # lon/lat, WGS 84
    heights_m: tuple[float, float]  # lowest and highest point
    undulation_m: tuple[float, float]  # the datum's zero above the ellipsoid: lowest, highest
    undulation_how: str
    classes: tuple[str, ...]
    vertical_datum: str
    sources: Mapping[str, int] = field(default_factory=dict)  # buildings by source of their height
    without_outline: int = 0  # features that are not among them
    without_ground: int = 0  # of `features`: the terrain says nothing under them

    def about(self) -> dict[str, Any]:
        """Return the `about` of the asset "models"."""
        lowest, highest = self.undulation_m
        out: dict[str, Any] = {
            "format": "3dtiles-1.1",
            "features": self.features,
            "tiles": self.tiles,
            "bounds": list(self.bounds),
            "classes": list(self.classes),
            "height_range_m": [round(height, 3) for height in self.heights_m],
            "vertical_datum": self.vertical_datum,
            "geoid_undulation_m": round((lowest + highest) / 2, 4),
            "geoid_undulation_range_m": [round(lowest, 4), round(highest, 4)],
            "geoid_undulation_how": self.undulation_how,
        }
        if self.sources:
            told = {"without_outline": self.without_outline, "without_ground": self.without_ground}
            out |= {"height_sources": dict(self.sources)} | told
        return out

    def warnings(self) -> list[str]:
        """Return what the user should know of it."""
        told = []
        if self.sources.get("assumed"):
            told.append(
                f"{self.sources['assumed']} buildings without height or floors stand one storey (3.0 m) high"
            )
        if self.without_outline:
            told.append(f"{self.without_outline} features without an outline are left out")
        return told
