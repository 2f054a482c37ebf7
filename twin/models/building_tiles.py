"""One tile of buildings: its rows become blocks on the ground, the blocks a GLB. Any process may make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from pyproj import Transformer

from twin.models.attributes import BUILT, Attributes
from twin.models.extrude import Blocks, extrude
from twin.models.glb import write_glb
from twin.models.globe import LocalFrame, Region
from twin.models.ground import Ground, GroundFile
from twin.models.heights import SOURCES
from twin.models.outlines import Outlines, outlines
from twin.models.spool import Place, read_rows
from twin.models.table import PropertyTable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ROW, HEIGHT, SOURCE, UNDULATION, GEOMETRY = "*row", "*height", "*source", "*undulation", "*geometry"


_BESIDE = (2.0, 8.0)  # cells about an outline in which its ground is looked for


@dataclass(frozen=True)
class Recipe:
    """What all tiles of a layer have in common."""

    spool: Path
    rows: pa.Schema
    attributes: Attributes
    schema: Mapping[str, Any]
    crs: str  # of the outlines, as WKT; x before y
    ground: GroundFile | None  # None: all stand at `stated_m`
    stated_m: float  # EL metres, also where the terrain says nothing
    closed: bool
    attribution: str


@dataclass(frozen=True)
class TileMade:
    """A tile, ready to be packed."""

    glb: bytes
    frame: LocalFrame
    region: Region
    features: int
    without_ground: int
    heights_m: tuple[float, float]  # lowest ground and highest roof, EL


def make_tile(recipe: Recipe, places: list[Place]) -> TileMade | None:
    """Return a tile of the rows at some places of the spool; None where none of them has an outline."""
    rows = read_rows(recipe.spool, recipe.rows, places)
    shape = outlines(_geometries(rows))
    rows, shape = _with_outline(rows, shape)
    if not rows.num_rows:
        return None
    ground, known = _ground(recipe, shape, _geometries(rows))
    height, undulation = _numbers(rows, HEIGHT), _numbers(rows, UNDULATION)
    lonlat = Transformer.from_crs(recipe.crs, "OGC:CRS84", always_xy=True)
    lon, lat = lonlat.transform(shape.points[:, 0], shape.points[:, 1])
    low = ground + undulation
    mesh = extrude(Blocks(shape, np.asarray(lon), np.asarray(lat), low, low + height), closed=recipe.closed)
    glb = write_glb(mesh, _table(recipe, rows, ground, known), recipe.attribution)
    heights = float(ground.min()), float((ground + height).max())
    without = int((~known).sum()) if recipe.ground else 0
    return TileMade(glb, mesh.frame, mesh.region, rows.num_rows, without, heights)


def _with_outline(rows: pa.RecordBatch, shape: Outlines) -> tuple[pa.RecordBatch, Outlines]:
    """Leave out the rows that have no outline, and number the rest anew."""
    there, feature = np.unique(shape.feature, return_inverse=True)
    if len(there) == rows.num_rows:
        return rows, shape
    return rows.take(pa.array(there)), Outlines(shape.points, shape.after, feature, shape.triangles)


def _geometries(rows: pa.RecordBatch) -> npt.NDArray[np.object_]:
    found: npt.NDArray[np.object_] = shapely.from_wkb(rows.column(GEOMETRY).to_numpy(zero_copy_only=False))
    return found


def _ground(
    recipe: Recipe, shape: Outlines, geometries: npt.NDArray[np.object_]
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return each feature's ground in EL metres, and whether the terrain says so.

    Where it says nothing under a feature, as under buildings that were raised into it, it is asked right beside.
    """
    count = len(geometries)
    if recipe.ground is None:
        return np.full(count, recipe.stated_m), np.zeros(count, bool)
    with Ground(recipe.ground, recipe.crs) as ground:
        found = ground.lowest(shape, count)
        for cells in _BESIDE:
            unknown = np.flatnonzero(np.isnan(found))
            if not len(unknown):
                break
            wider = shapely.buffer(geometries[unknown], cells * ground.cell(*shape.points[0]), quad_segs=2)
            found[unknown] = ground.lowest(outlines(wider), len(unknown))
    known = np.isfinite(found)
    return np.where(known, found, recipe.stated_m), known


def _numbers(rows: pa.RecordBatch, name: str) -> Floats:
    out: Floats = rows.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
    return out


def _table(recipe: Recipe, rows: pa.RecordBatch, ground: Floats, known: npt.NDArray[np.bool_]) -> PropertyTable:
    sources = np.array(SOURCES)[rows.column(SOURCE).to_numpy()]
    built = [
        rows.column(ROW),
        pa.array(np.round(_numbers(rows, HEIGHT), 3)),
        pa.array(sources.tolist(), pa.string()),
        pa.array(np.round(ground, 3)),
        pa.array(np.where(known, "terrain", "stated").tolist(), pa.string()),
    ]
    columns = [*built, *recipe.attributes.columns(rows)]
    properties = [*BUILT, *recipe.attributes.properties]
    return PropertyTable(recipe.schema, "building", properties, columns, rows.num_rows)
