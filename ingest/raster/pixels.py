"""Reads a raster's pixels on the tile grid: warped to EPSG:3857, repaired, and as blocks want them.

Pictures come as RGBA; values come with `nodata` wherever there are none: outside, masked, NaN, infinite.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from ingest.raster.opening import damaged, gdal, open_raster
from ingest.raster.roles import Treatment
from ingest.raster.tiff import Level

Pixels = npt.NDArray[Any]
HALF_WORLD = math.pi * 6378137.0
_WARP_MB = 64
_EXACT = 1e-3  # of a pixel: a source that lies on the grid so closely is copied, not resampled


@dataclass(frozen=True)
class Recipe:
    """What the first visit found (`ingest.raster.looking`)."""

    path: Path
    format: str
    file: str
    crs_wkt: str
    outline: str  # WKB, hexadecimal, EPSG:3857
    gcps: bool
    treatment: Treatment

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Recipe:
        """Build it from its JSON form."""
        told = dict(said["treatment"])
        colours = told["colours"]
        told["colours"] = {k: tuple(v) for k, *v in colours} if colours else None
        told["names"] = dict(told["names"]) if told["names"] else None
        told["src_nodata"] = None if told["src_nodata"] is None else float(told["src_nodata"])
        told["bands"], told["warnings"] = tuple(told["bands"]), ()
        plain = {f.name: said[f.name] for f in fields(cls) if f.name not in {"path", "treatment"}}
        return cls(path=Path(said["path"]), treatment=Treatment(**told), **plain)


class PixelSource:
    """A raster on the grid of one zoom. Each thread that reads has a handle of its own; `close` ends them all."""

    def __init__(self, recipe: Recipe, level: Level, threads_share: int = 1) -> None:
        self.recipe, self.level = recipe, level
        self._memory = max(16, _WARP_MB // threads_share)
        self._local = threading.local()
        self._opened: list[Any] = []
        self._lock = threading.Lock()

    def __enter__(self) -> PixelSource:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in reversed(self._opened):
            handle.close()

    def read(self, window: Window) -> Pixels:
        """Return (bands, rows, columns) of a window of the level, in pixels from its top left corner.

        Raises FileDamaged where the source cannot be read.
        """
        treatment = self.recipe.treatment
        with gdal():
            try:
                warped = self._warped()
                if treatment.painted:
                    return self._painted(warped, window)
                return self._measured(warped, window)
            except RasterioError as error:
                raise damaged(error, self.recipe.path, self.recipe.file) from error

    def _warped(self) -> WarpedVRT:
        found: WarpedVRT | None = getattr(self._local, "warped", None)
        if found is None:
            source = open_raster(self.recipe.path, self.recipe.format, self.recipe.file)
            opened: list[DatasetReader] = [source]
            if self.recipe.gcps:  # rasterio sets right by control points only onto a grid of its own choice
                opened.append(WarpedVRT(source, **self._source_options(source, Resampling.bilinear)))
            found = WarpedVRT(opened[-1], **self._warp_options(opened[-1]))
            self._local.warped = found
            with self._lock:
                self._opened += [*opened, found]
        return found

    def _warp_options(self, source: DatasetReader) -> dict[str, Any]:
        treatment, level = self.recipe.treatment, self.level
        pixel = 2 * HALF_WORLD / (256 << level.zoom)
        left, top = level.column * 256 * pixel - HALF_WORLD, HALF_WORLD - level.row * 256 * pixel
        crs = CRS.from_epsg(3857) if self.recipe.gcps else CRS.from_wkt(self.recipe.crs_wkt)
        options = self._source_options(source, self._resampling(source, crs, pixel, (left, top)))
        if self.recipe.gcps:
            options |= {"src_crs": crs, "add_alpha": False} if treatment.painted else {"src_crs": crs}
        return options | {
            "transform": Affine(pixel, 0, left, 0, -pixel, top),
            "width": level.across * 256,
            "height": level.down * 256,
        }

    def _source_options(self, source: DatasetReader, resampling: Resampling) -> dict[str, Any]:
        """Return how the source's own pixels are to be taken."""
        treatment = self.recipe.treatment
        kept_as_is = treatment.role == "classes" or treatment.colours is not None
        options: dict[str, Any] = {
            "crs": CRS.from_epsg(3857),
            "src_crs": CRS.from_wkt(self.recipe.crs_wkt),
            "resampling": Resampling.nearest if kept_as_is else resampling,
            "warp_mem_limit": self._memory,
            "SAMPLE_GRID": "YES",
        }
        if treatment.src_nodata is not None and treatment.alpha is None:
            options["src_nodata"] = treatment.src_nodata
        if treatment.painted:
            return options | {"add_alpha": treatment.alpha is None, "UNIFIED_SRC_NODATA": "YES"}
        return options | {"nodata": self._outside(), "dtype": self._working_type(source), "INIT_DEST": "NO_DATA"}

    def _outside(self) -> float:
        assert self.recipe.treatment.nodata is not None  # settled by `settled`
        return self.recipe.treatment.nodata

    def _working_type(self, source: DatasetReader) -> str:
        wide = np.result_type(*(np.dtype(d) for d in source.dtypes)).name
        kept = self.recipe.treatment.dtype
        return (
            kept
            if self.recipe.treatment.factor == 1.0 and np.dtype(kept).itemsize >= np.dtype(wide).itemsize
            else ("float64" if np.dtype(wide).itemsize > 4 else "float32")
        )

    def _resampling(self, source: DatasetReader, crs: CRS, pixel: float, corner: tuple[float, float]) -> Resampling:
        return Resampling.nearest if _on_grid(source, crs, pixel, corner) else Resampling.bilinear

    def _painted(self, warped: WarpedVRT, window: Window) -> Pixels:
        """Return RGBA; what is transparent has no colour."""
        treatment = self.recipe.treatment
        alpha_band = treatment.alpha or warped.count
        read = warped.read(indexes=[*treatment.bands, alpha_band], window=window)
        colours, alpha = read[:-1], read[-1]
        if treatment.colours is not None:
            table = _table(treatment.colours)
            colours, own = table[:3, colours[0]], table[3, colours[0]]
            alpha = np.minimum(alpha, own)
        rgba = np.empty((4, *alpha.shape), np.uint8)
        rgba[:3], rgba[3] = colours, alpha  # one band of grey becomes three
        rgba[:3, alpha == 0] = 0
        return rgba

    def _measured(self, warped: WarpedVRT, window: Window) -> Pixels:
        """Return values; nodata wherever there is none."""
        treatment, outside = self.recipe.treatment, self._outside()
        values = warped.read(indexes=list(treatment.bands), window=window)
        gone = values == outside
        if values.dtype.kind == "f":
            gone |= ~np.isfinite(values)
            gone |= np.abs(values) > np.finfo(np.float32).max if treatment.dtype == "float32" else False
        if treatment.alpha is not None:
            alpha = warped.read(treatment.alpha, window=window)
            gone |= alpha == 0
        if (treatment.factor, treatment.offset) != (1.0, 0.0):
            values = values * treatment.factor + treatment.offset
        kept = np.where(gone, 0, values).astype(treatment.dtype)
        kept[gone] = outside
        return kept


def _table(colours: Mapping[int, tuple[int, int, int, int]]) -> Pixels:
    """Return a palette as 4 × 256; numbers without a colour are transparent."""
    table = np.zeros((4, 256), np.uint8)
    for value, colour in colours.items():
        if 0 <= value < 256:
            table[:, value] = colour
    return table


def _on_grid(source: DatasetReader, crs: CRS, pixel: float, corner: tuple[float, float]) -> bool:
    """Whether the source's pixels are those of the grid already."""
    t = source.transform
    if crs.to_epsg() != 3857 or (t.b, t.d) != (0, 0):
        return False
    across, down = (t.c - corner[0]) / pixel, (corner[1] - t.f) / pixel
    same_size = max(abs(t.a / pixel - 1), abs(-t.e / pixel - 1)) < 1e-9
    return bool(same_size and max(abs(across - round(across)), abs(down - round(down))) < _EXACT)
