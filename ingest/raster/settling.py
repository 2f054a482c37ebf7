"""Finds a number that stands for "no data" in a raster of whole numbers that names none itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from rasterio.errors import RasterioError

from ingest.raster.opening import damaged, gdal, open_raster
from ingest.raster.pixels import Recipe
from ingest.raster.roles import Treatment

_NEXT = {"uint8": "int16", "int16": "int32", "uint16": "int32", "int32": "float64", "uint32": "float64"}


def settled(recipe: Recipe) -> Recipe:
    """Return the recipe with a nodata that no pixel has: outside of the raster there must be something to write.

    Reads every pixel once, and only where the file names no nodata. Where all numbers are taken the next wider
    type is used. Raises FileDamaged.
    """
    treatment = recipe.treatment
    if treatment.painted or treatment.nodata is not None:
        return recipe
    info = np.iinfo(treatment.dtype)
    free = _free(recipe, [info.max, info.min] if treatment.dtype != "uint8" else list(range(255, -1, -1)))
    if free is not None:
        return replace(recipe, treatment=replace(treatment, nodata=float(free)))
    return replace(recipe, treatment=_widened(treatment))


def _free(recipe: Recipe, candidates: list[int]) -> int | None:
    """Return the first candidate that no pixel of the bands has."""
    left = np.array(candidates)
    with gdal():
        try:
            with open_raster(recipe.path, recipe.format, recipe.file) as source:
                for _, window in source.block_windows(recipe.treatment.bands[0]):
                    left = left[~np.isin(left, source.read(list(recipe.treatment.bands), window=window))]
                    if not left.size:
                        return None
        except RasterioError as error:
            raise damaged(error, recipe.path, recipe.file) from error
    return int(left[0])


def _widened(treatment: Treatment) -> Treatment:
    dtype = _NEXT[treatment.dtype]
    nodata = float(np.finfo(np.float32).min) if dtype == "float64" else float(np.iinfo(dtype).min)
    return replace(treatment, dtype=dtype, nodata=nodata)
