"""The water that is there at second 0."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from naru.errors import BadSpec, DatumRefused, FileMissing
from twin.burning.cells import inside
from twin.grid import Floats
from twin.scenario.cells import check_heights, read_cells
from twin.scenario.ground import Site
from twin.scenario.opening import open_source
from twin.scenario.shapes import find_shapes
from twin.scenario.spec import InitialSpec, RasterSource

_DEEPEST_M = 12_000.0
FINAL = "final_stage.tif"  # of a run's folder


def initial_depth(wish: InitialSpec, bed: Floats, datum: str, site: Site) -> Floats:
    """Return depths at second 0, m (rows × columns, float64), 0 where it is dry or outside.

    A stage fills every cell whose bed lies below it, whether or not water could get there. Areas stand over the
    rest.

    Raises:
        BadSpec: the terrain has no water_depth; depths that are none; an area that holds no cell.
        FileMissing: a run to begin from has left no final stage.
        DatumRefused: stages above another zero than the terrain's.
    """
    depth = np.nan_to_num(_everywhere(wish, bed, datum, site), nan=0.0)
    for number, area in enumerate(wish.areas):
        cells = inside(list(find_shapes(area.shapes, "Polygon", site.drawing).shapes), site.frame)
        if not (cells & ~np.isnan(bed)).any():
            raise BadSpec(
                f"field 'initial.areas[{number}]' holds the centre of no cell of the domain",
                field=f"initial.areas[{number}]",
                remedy="Check its coordinates; longitude comes before latitude.",
            )
        fresh = np.full(bed.shape, area.depth_m) if area.depth_m is not None else _below(area.stage_m or 0.0, bed)
        depth = np.where(cells, fresh, depth)
    return np.where(np.isnan(bed), 0.0, depth)


def _everywhere(wish: InitialSpec, bed: Floats, datum: str, site: Site) -> Floats:
    if wish.stage_m is not None or wish.depth_m is not None:
        return _below(wish.stage_m, bed) if wish.stage_m is not None else np.full(bed.shape, wish.depth_m)
    if wish.stage is not None:
        return _below(_stage(wish.stage, datum, site, "initial.stage_m"), bed)
    if wish.depth is not None:
        raster = open_source(wish.depth, "water_depth", site.house, "initial.depth_m")
        return _depths(read_cells(raster, site.frame, site.warn), raster.named, "initial.depth_m", site)
    if wish.terrain:
        return _terrain_depth(site)
    if wish.warm_start is not None:
        return _below(
            _stage(RasterSource(file=_final_stage(wish.warm_start, site)), datum, site, "initial.warm_start"), bed
        )
    return np.zeros(bed.shape)


def _below(stage: Floats | float, bed: Floats) -> Floats:
    out: Floats = np.maximum(stage - bed, 0.0)
    return out


def _stage(source: RasterSource, datum: str, site: Site, field: str) -> Floats:
    raster = open_source(source, "stage", site.house, field)
    if raster.datum is not None and raster.datum != datum:
        raise DatumRefused(
            f"the stages are above {raster.datum}, the terrain is above {datum}",
            file=raster.named,
            field=field,
            remedy="Convert them first.",
        )
    values = read_cells(raster, site.frame, site.warn)
    check_heights(values, raster, field)
    return values


def _terrain_depth(site: Site) -> Floats:
    band = site.raster.has("water_depth")
    depth = None
    if band is not None:
        depth = read_cells(replace(site.raster, band=band, scale=1.0, offset=0.0), site.frame, site.warn)
    if depth is None or np.isnan(depth).all():  # the band is there, and empty, where no stage was stated
        raise BadSpec(
            "field 'initial' asks for the terrain's water_depth, which it does not have",
            field="initial",
            remedy="Give `water_stage_m` in the terrain file, or a stage here: `initial: {stage_m: …}`.",
        )
    return _depths(depth, site.raster.named, "initial", site)


def _depths(values: Floats, named: str, field: str, site: Site) -> Floats:
    """Return depths; a stage less the bed is negative where the ground is above the water: dry."""
    known = values[~np.isnan(values)]
    if known.size and not (known.min() >= -_DEEPEST_M and known.max() <= _DEEPEST_M):
        raise BadSpec(
            f"field '{field}' has depths from {known.min():g} to {known.max():g} where 0 to {_DEEPEST_M:g} m are "
            "expected",
            file=named,
            field=field,
            remedy="Declare the number that stands for nothing as nodata, or name the raster as `stage_m`.",
        )
    below = int((known < 0).sum())
    if below:
        site.warn(f"'{named}' has negative depths in {below} cells: they are taken as dry")
    return np.where(values < 0, 0.0, values)


def _final_stage(run: Path | str, site: Site) -> Path:
    """Return the file with a run's final stage: in a folder, or in that of the house's run of that id."""
    folder = run if isinstance(run, Path) else None
    if folder is None and site.house is not None:
        folder = site.house.runs.folder(str(run))
    if folder is not None and (folder / FINAL).is_file():
        return folder / FINAL
    raise FileMissing(
        f"there is no run '{getattr(run, 'name', run)}' with a {FINAL} to begin from",
        field="initial.warm_start",
        remedy="Give the folder of a finished run, or its id.",
    )
