"""What the parser says of a ready-made tileset, checked before anyone believes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from naru.records import BBox, Kind


@dataclass(frozen=True)
class ReadTiles:
    """One ready-made tileset, opened: no tile is checked yet. Its tiles lie on WebMercatorQuad."""

    name: str
    vector: bool
    attribution: str
    recipe: Mapping[str, Any]
    files: tuple[Path, ...]
    warnings: tuple[str, ...] = ()

    takes: ClassVar[frozenset[str]] = frozenset()

    # what a report has for every layer
    features_read = 0
    features_kept = 0
    dropped = ()
    repaired = ()
    crs_claimed = None
    crs = "EPSG:3857"
    crs_how = "tilesets lie on the Web Mercator grid"
    encoding = None
    encoding_how = None
    bounds: BBox = (-180.0, -85.05, 180.0, 85.05)

    @property
    def kind(self) -> Kind:
        """What its tiles are: features, or pictures."""
        return "vector" if self.vector else "raster"

    @property
    def geometry(self) -> str:
        """What the catalogue says of its geometries: nobody has counted them."""
        return "mixed" if self.vector else ""


def checked_tiles(entry: Mapping[str, Any], files: Sequence[Path]) -> ReadTiles:
    """Return the child's answer as a record. Raises KeyError, TypeError or ValueError where it is not one."""
    return ReadTiles(
        name=str(entry["name"])[:200],
        vector=entry["vector"] is True,
        attribution=str(entry["attribution"])[:2000],
        recipe=dict(entry["recipe"]),
        files=tuple(files),
        warnings=tuple(str(w)[:500] for w in entry["warnings"]),
    )
