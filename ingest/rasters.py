"""What the parser says of a raster, checked before anyone believes it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from naru.records import BBox, Kind

ROLES = frozenset({"imagery", "elevation", "classes", "data"})
_WORLD = 20_037_508.35  # half the side of EPSG:3857's world, metres


@dataclass(frozen=True)
class ReadRaster:
    """One raster, looked at: what the file claimed, where it lies, what it is for. No pixel is kept yet.

    `boxes` (EPSG:3857) are one, or two across the 180th meridian; `cell` is a pixel's side there. `recipe` is
    what the second visit needs. `files` are those that it reads.
    """

    name: str
    role: str  # imagery, elevation, classes or data
    crs_claimed: str | None
    crs: str
    crs_how: str
    bounds: BBox  # lon/lat on WGS 84
    width: int
    height: int
    bands: int
    dtype: str
    cell: float
    boxes: tuple[BBox, ...]
    recipe: Mapping[str, Any]
    files: tuple[Path, ...]
    warnings: tuple[str, ...] = ()

    kind: ClassVar[Kind] = "raster"
    takes: ClassVar[frozenset[str]] = frozenset(
        {"--minzoom", "--maxzoom", "--crs", "--kind", "--bands", "--pyramid", "--quality"}
    )

    # what others have, and a raster has not
    attribution = None
    features_read = 0
    features_kept = 0
    dropped = ()
    repaired = ()
    encoding = None
    encoding_how = None
    geometry = ""


def checked_raster(entry: Mapping[str, Any], files: Sequence[Path]) -> ReadRaster:
    """Return the child's answer as a record. Raises KeyError, TypeError or ValueError where it is not one."""
    boxes = tuple(_box(b, _WORLD, _WORLD) for b in entry["boxes"])
    claimed = entry["crs_claimed"]
    raster = ReadRaster(
        name=str(entry["name"])[:200],
        role=str(entry["role"]),
        crs_claimed=None if claimed is None else str(claimed)[:500],
        crs=str(entry["crs"])[:500],
        crs_how=str(entry["crs_how"])[:500],
        bounds=_box(entry["bounds"], 180.000001, 90.000001),
        width=int(entry["width"]),
        height=int(entry["height"]),
        bands=int(entry["bands"]),
        dtype=str(entry["dtype"])[:20],
        cell=float(entry["cell"]),
        boxes=boxes,
        recipe=dict(entry["recipe"]),
        files=tuple(files),
        warnings=tuple(str(w)[:500] for w in entry["warnings"]),
    )
    usable = raster.role in ROLES and 1 <= len(boxes) <= 2 and 0 < raster.cell < math.inf
    if not usable or min(raster.width, raster.height, raster.bands) < 1:
        raise ValueError("role, size or place of a raster")
    return raster


def _box(values: Sequence[float], across: float, along: float) -> BBox:
    west, south, east, north = (float(v) for v in values)
    if not (-across <= west <= east <= across and -along <= south <= north <= along):
        raise ValueError("a box that is none")
    return west, south, east, north
