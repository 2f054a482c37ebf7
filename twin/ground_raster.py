"""Rasters as ground: what a file or a layer of heights says of itself, and its cells on a terrain's frame."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.warp import Resampling, reproject, transform_bounds
from rasterio.windows import Window

from naru.errors import BadInput, BadSurvey, DatumRefused, FileDamaged, NaruError
from naru.house import House
from naru.raster_facts import RasterFacts
from twin.crs import Mover, check_place, read_claim
from twin.datum import convert_heights, datum_of
from twin.grid import Frame, Values
from twin.spec_records import Source, TerrainSpec
from twin.survey.placing import UNITS_M, stated_datum

Box = tuple[float, float, float, float]
Warn = Callable[[str], None]
_LOWEST_M, _HIGHEST_M = -1_000.0, 9_000.0
_NOTHING = (-9999.0, -32768.0, -32767.0, -99999.0, -3.4028234663852886e38, 3.4028234663852886e38)
_METRES = {"m", "metre", "metres", "meter", "meters", ""}
_FEET = {"ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "us survey foot": 1200 / 3937, "ussurveyfoot": 1200 / 3937}
_MOST_PIXELS = 20_000_000_000
_BED = "bed_elevation"
_LATTICE = 33  # places across a frame at which the difference of two datums is taken: geoids are smooth


@dataclass(frozen=True)
class RasterSource:
    """One raster of heights, looked at. `box` is in the terrain's coordinates."""

    path: Path
    band: int
    crs: CRS  # horizontal
    transform: Affine
    size: tuple[int, int]  # rows, columns
    dtype: str
    nodata: float | None
    datum: str
    to_metres: tuple[float, float]  # height = value × first + second
    box: Box
    same_crs: bool

    @property
    def origin(self) -> tuple[float, float]:
        """The corner from which its cells count."""
        return self.transform.c, self.transform.f

    def is_aligned(self, cell_m: float) -> bool:
        """Whether its cells are square, of that size, in rows from the north, and in the terrain's system."""
        t = self.transform
        sizes = (t.a, -t.e)
        return self.same_crs and t.b == t.d == 0 and all(abs(size / cell_m - 1) < 1e-9 for size in sizes)


def layer_raster(house: House, spec: TerrainSpec, warn: Warn) -> RasterSource:
    """Return the raster of a live layer of heights: the grid of a terrain, else its source archive.

    Raises UnknownLayer, BadInput (no layer of heights), and what `open_raster` raises.
    """
    name = spec.ground.layer or ""
    layer = house.catalogue.layer(name)
    stated = spec.ground.sources[0].vertical_datum if spec.ground.sources else None
    grid = layer.live.assets.get("grid")
    if grid is not None and _BED in grid.about.get("bands", ()):
        path = house.storage.path(grid.archive)
        datum = stated or grid.about.get("vertical_datum")
        return _named(
            name, Source(path, vertical_datum=datum), spec, warn, 1 + list(grid.about["bands"]).index(_BED)
        )
    role = (
        RasterFacts.of(layer.live.tilesets[0].rules).role if layer.kind == "raster" and layer.live.tilesets else ""
    )
    if role != "elevation" or layer.live.source is None:
        raise BadInput(
            "the layer is no layer of heights",
            layer=name,
            field="ground",
            remedy="Name one that was ingested with --kind elevation, or a file.",
        )
    if stated is None:
        warn(f"layer '{name}' does not say what its heights are above: taken to be {spec.vertical_datum}")
    return _named(name, Source(house.storage.path(layer.live.source), vertical_datum=stated), spec, warn)


def _named(layer: str, source: Source, spec: TerrainSpec, warn: Warn, band: int = 1) -> RasterSource:
    """Open an archive; errors name its layer instead of the file."""
    try:
        return open_raster(source, spec, warn, band)
    except NaruError as error:
        error.file, error.layer = None, layer
        raise


def open_raster(source: Source, spec: TerrainSpec, warn: Warn, band: int = 1) -> RasterSource:
    """Look at a raster.

    Without a system of its own it is taken to be in the terrain's, with a warning.
    Raises FileDamaged, CrsRefused, CrsUnknown, DatumRefused, BadSurvey.
    """
    file = str(source.file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # _check_kind refuses such
            opened = rasterio.open(source.file)
        with opened:
            _check_kind(opened, file)
            wkt = opened.crs.to_wkt() if opened.crs else None
            claimed = read_claim(wkt, file)
            facts = (opened.transform, (opened.height, opened.width), opened.dtypes[band - 1], opened.nodata)
            scale, offset, unit = opened.scales[band - 1], opened.offsets[band - 1], opened.units[band - 1]
            bounds = tuple(opened.bounds)
    except RasterioError as error:
        raise FileDamaged(
            f"the raster cannot be read ({str(error).splitlines()[0][:120]})",
            file=file,
            remedy="Give a GeoTIFF, an ESRI ASCII grid or another raster of heights.",
        ) from error
    crs = CRS.from_user_input(source.crs) if source.crs else claimed
    if crs is None:
        crs = CRS.from_user_input(spec.crs)
        warn(f"{source.file.name} does not say what it is in: taken to be {spec.crs}")
    corners = np.array(bounds)
    check_place(corners[[0, 2]], corners[[1, 3]], crs, file)
    mover = Mover(crs, spec.crs, file)
    claim_datum, unit_m = (None, 1.0) if wkt is None else datum_of(CRS.from_user_input(wkt))
    factor = _metres(source, unit, unit_m, file, warn)
    return RasterSource(
        path=source.file,
        band=band,
        crs=crs,
        transform=facts[0],
        size=facts[1],
        dtype=facts[2],
        nodata=None if facts[3] is None else float(facts[3]),
        datum=stated_datum(claim_datum, source, spec),
        to_metres=(scale * factor, offset * factor),
        box=_box(bounds, crs, spec, mover.moves),
        same_crs=not mover.moves,
    )


def _check_kind(opened: Any, file: str) -> None:
    if opened.height * opened.width > _MOST_PIXELS:
        raise BadInput("the raster has more cells than can be read", file=file, remedy="Cut it to the river.")
    if opened.dtypes[0].startswith("complex"):
        raise BadInput(
            "the raster holds complex numbers, no heights", file=file, remedy="Give a raster of heights."
        )
    if opened.count in (3, 4) and opened.dtypes[0] == "uint8":
        raise BadInput("the raster is a picture, no heights", file=file, remedy="Give a raster of heights.")
    if opened.transform == Affine.identity():
        raise BadInput(
            "the raster does not say where it lies", file=file, remedy="Give it its world file, or a GeoTIFF."
        )


def _box(bounds: Any, crs: CRS, spec: TerrainSpec, moves: bool) -> Box:
    if not moves:
        return bounds[0], bounds[1], bounds[2], bounds[3]
    west, south, east, north = transform_bounds(crs.to_wkt(), spec.crs, *bounds, densify_pts=21)
    return west, south, east, north


def _metres(source: Source, unit: str | None, unit_m: float, file: str, warn: Warn) -> float:
    """Return how many metres a raster's unit of heights is: as stated, as its band says, as its system says."""
    if source.unit is not None:
        return UNITS_M[source.unit]
    word = (unit or "").strip().casefold()
    factor = _FEET.get(word) if word not in _METRES else unit_m
    if factor is None:
        raise DatumRefused(
            f"the heights are in '{unit}', which is no length that is known",
            file=file,
            field="unit",
            remedy="Say what they are in: `unit: m`, cm, mm, ft or us-ft.",
        )
    if factor != 1:
        warn(f"heights of {source.file.name} are in units of {factor:.10g} m: converted to metres")
    return factor


# --- cells --------------------------------------------------------------------------------------------


def read_raster(raster: RasterSource, frame: Frame, spec: TerrainSpec, warn: Warn) -> Values:
    """Return a raster's heights on a frame, metres above the terrain's datum; NaN where it has none."""
    try:
        with rasterio.open(raster.path) as opened:
            aligned = raster.is_aligned(frame.cell_m) and _on_its_cells(raster, frame)
            nodata = raster.nodata if raster.nodata is not None else _undeclared(opened, raster, warn)
            raw = _untouched(opened, raster, frame, nodata) if aligned else _warped(opened, raster, frame, nodata)
    except RasterioError as error:
        raise FileDamaged(
            f"the raster cannot be read ({str(error).splitlines()[0][:120]})",
            file=str(raster.path),
            remedy="Copy it again.",
        ) from error
    scale, offset = raster.to_metres
    values = raw if (scale, offset) == (1.0, 0.0) else (raw * scale + offset).astype(raw.dtype)
    _check_range(values, raster)
    if raster.datum != spec.vertical_datum:
        values = (values + _datum_difference(raster, frame, spec, warn)).astype(values.dtype)
    return values


def _on_its_cells(raster: RasterSource, frame: Frame) -> bool:
    x0, y0 = raster.origin
    shift = np.array([frame.west - x0, frame.north - y0]) / frame.cell_m
    return bool(np.allclose(shift, np.round(shift), rtol=0, atol=1e-6))


def _untouched(opened: Any, raster: RasterSource, frame: Frame, nodata: float | None) -> Values:
    """Return the cells themselves."""
    x0, y0 = raster.origin
    column, row = round((frame.west - x0) / frame.cell_m), round((y0 - frame.north) / frame.cell_m)
    dtype = "float64" if raster.dtype in ("float64", "int32", "uint32", "int64") else "float32"
    values = np.full((frame.rows, frame.columns), np.nan, dtype)
    top, left = max(0, row), max(0, column)
    bottom, right = min(raster.size[0], row + frame.rows), min(raster.size[1], column + frame.columns)
    if bottom > top and right > left:
        cells = opened.read(raster.band, window=Window(left, top, right - left, bottom - top)).astype(dtype)
        known = _known(cells, nodata)
        if opened.nodata is None:
            known &= opened.read_masks(raster.band, window=Window(left, top, right - left, bottom - top)) > 0
        values[top - row : bottom - row, left - column : right - column] = np.where(known, cells, np.nan)
    return values


def _known(cells: Values, nodata: float | None) -> Values:
    known = np.isfinite(cells)
    return known if nodata is None or np.isnan(nodata) else known & (cells != np.asarray(nodata, cells.dtype))


def _warped(opened: Any, raster: RasterSource, frame: Frame, nodata: float | None) -> Values:
    """Return heights resampled: bilinear; where cells are less than half as large, their mean."""
    values = np.full((frame.rows, frame.columns), np.nan, "float32")
    finer = (raster.box[2] - raster.box[0]) / raster.size[1] < 0.5 * frame.cell_m
    reproject(
        rasterio.band(opened, raster.band),
        values,
        src_transform=raster.transform,
        src_crs=raster.crs.to_wkt(),
        src_nodata=nodata,
        dst_transform=Affine(frame.cell_m, 0, frame.west, 0, -frame.cell_m, frame.north),
        dst_crs=frame.crs,
        dst_nodata=np.nan,
        init_dest_nodata=True,
        resampling=Resampling.average if finer else Resampling.bilinear,
        num_threads=2,
        warp_mem_limit=256,
    )
    return values


def _undeclared(opened: Any, raster: RasterSource, warn: Warn) -> float | None:
    """Return the number that stands for nothing though the file does not say so, if one does (in a thumbnail)."""
    shape = tuple(min(512, size) for size in raster.size)
    look = opened.read(raster.band, out_shape=shape, resampling=Resampling.nearest)
    for number in _NOTHING:
        if bool((look == np.asarray(number, look.dtype if look.dtype.kind == "f" else "float64")).any()):
            warn(f"{raster.path.name} does not declare a nodata value; {number:g} is taken for one")
            return number
    return None


def _check_range(values: Values, raster: RasterSource) -> None:
    if not np.isfinite(values).any():
        return
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low < _LOWEST_M or high > _HIGHEST_M:
        raise BadSurvey(
            f"the ground has heights from {low:.6g} to {high:.6g} m, none of the Earth's surface",
            file=str(raster.path),
            field="ground",
            remedy="State the unit (`unit: cm` …), and declare the number that stands for nothing as nodata.",
        )


def _datum_difference(raster: RasterSource, frame: Frame, spec: TerrainSpec, warn: Warn) -> Values:
    """Return what brings heights from the raster's datum to the terrain's, on the frame. Raises DatumRefused."""
    from scipy.interpolate import RegularGridInterpolator

    west, south, east, north = frame.bounds
    x, y = np.linspace(west, east, _LATTICE), np.linspace(south, north, _LATTICE)
    places = np.meshgrid(x, y)
    moved, how = convert_heights(
        places[0].ravel(),
        places[1].ravel(),
        np.zeros(places[0].size),
        crs=spec.crs,
        source=raster.datum,
        target=spec.vertical_datum,
        geoid=spec.geoid,
        file=str(raster.path),
    )
    if how is not None:
        warn(how)
    between = RegularGridInterpolator((y, x), moved.reshape(places[0].shape))
    rows = [between(np.column_stack((np.full(frame.columns, row_y), frame.x))) for row_y in frame.y]
    out: Values = np.array(rows, "float32")
    return out
