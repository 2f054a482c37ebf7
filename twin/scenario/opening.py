"""Rasters that a scenario names, looked at: where their cells lie, what their numbers mean."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from naru.errors import BadInput, BadSpec, DatumRefused, FileDamaged, UnknownLayer
from naru.house import House
from naru.records import Layer
from twin.crs import read_claim
from twin.datum import datum_of
from twin.fields import named_by
from twin.forcing.raster_files import drivers
from twin.scenario.spec import Box, RasterSource
from twin.survey.placing import UNITS_M

Warn = Callable[[str], None]
_MOST_PIXELS = 20_000_000_000
_METRES = {"", "m", "metre", "metres", "meter", "meters", "s m-1/3"}
_FEET = {"ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "us survey foot": 1200 / 3937, "ussurveyfoot": 1200 / 3937}
_RASTERS = (".tif", ".tiff", ".asc", ".dem", ".img", ".txt", ".raw", ".grd", ".flt", ".bil", ".xyz", ".wd")


@dataclass(frozen=True)
class Opened:
    """A raster, looked at. `path` is as GDAL opens it."""

    path: str
    named: str  # as people know it: a file's name or a layer's id
    band: int
    crs: CRS | None  # horizontal; None: it says none
    transform: Affine
    rows: int
    columns: int
    nodata: float | None
    scale: float  # number × scale + offset is in metres, or in the raster's own unit where it is no length
    offset: float
    datum: str | None
    bands: tuple[str, ...]  # what they are called, "" where they are not
    options: tuple[tuple[str, str], ...] = ()  # of GDAL's driver
    extent: Box | None = None  # of a layer, longitude and latitude: its raster is padded to whole tiles

    @property
    def cell(self) -> tuple[float, float]:
        """A cell's width and height in the raster's own unit."""
        return abs(self.transform.a), abs(self.transform.e)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in the raster's own system."""
        t = self.transform
        x, y = sorted((t.c, t.c + self.columns * t.a)), sorted((t.f, t.f + self.rows * t.e))
        return x[0], y[0], x[1], y[1]

    def has(self, band: str) -> int | None:
        """Return the number of the band of a name; None without."""
        return self.bands.index(band) + 1 if band in self.bands else None


def open_source(source: RasterSource, want: str, house: House | None, field: str) -> Opened:
    """Look at the raster of a file or a layer; of several bands the one called `want` is taken, else the first.

    Raises:
        UnknownLayer: no such layer, or no house.
        BadSpec: no such band; a layer that holds no such raster; a raster that is turned, or says no place.
        FileDamaged, DatumRefused, CrsUnknown: of the file.
    """
    with named_by(field):
        return _opened(source, want, house, field)


def _opened(source: RasterSource, want: str, house: House | None, field: str) -> Opened:
    if source.layer is not None:
        layer = _layer(source.layer, house)
        assert house is not None
        path, bands, datum = _layer_raster(layer, want, house, field)
        found = _look(path, source.layer, source, want, (bands, datum))
        return found if bands or not layer.live.tilesets else replace(found, extent=layer.live.tilesets[0].bounds)
    assert source.file is not None  # the reader takes one of both
    return _look(_gdal_path(source, field), source.file.name, source, want, ((), None))


def _layer(name: str, house: House | None) -> Layer:
    if house is None:
        raise UnknownLayer(name)
    return house.catalogue.layer(name)


def _layer_raster(layer: Layer, want: str, house: House, field: str) -> tuple[str, tuple[str, ...], str | None]:
    """Return path, names of bands and vertical datum of a layer's numbers: its grid, else its source."""
    grid = layer.live.assets.get("grid")
    if grid is not None and want in grid.about.get("bands", ()):
        datum = grid.about.get("vertical_datum")
        return (
            str(house.storage.path(grid.archive)),
            tuple(grid.about["bands"]),
            None if datum is None else str(datum),
        )
    archives = [layer.live.source, *(tileset.archive for tileset in layer.live.tilesets)]
    found = next((a for a in archives if a is not None and a.suffix == ".tif"), None)
    if layer.kind != "raster" or found is None:
        raise BadSpec(
            f"field '{field}' names a layer without a raster of numbers",
            layer=layer.id,
            field=field,
            remedy="Name a layer that was ingested from a raster, or a raster file.",
        )
    return str(house.storage.path(found)), (), None


def _gdal_path(source: RasterSource, field: str) -> str:
    """Return a file's path for GDAL: into a zip, through a gzip, or as it is."""
    path = source.file
    assert path is not None
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return f"/vsigzip/{path}"
    if suffix != ".zip":
        return str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = [i.filename for i in archive.infolist() if not i.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise FileDamaged(
            f"the zip cannot be read ({error})", file=str(path), field=field, remedy="Copy it again."
        ) from error
    if source.member is not None:
        rasters = [name for name in names if name == source.member]
    else:
        rasters = [name for name in names if name.lower().endswith(_RASTERS)]
    if len(rasters) != 1:
        listed = ", ".join(names[:20]) or "nothing"
        raise BadSpec(
            f"field '{field}' names a zip with {len(rasters) or 'no'} raster{'s' * (len(rasters) != 1)}"
            + (f" called '{source.member}'" if source.member else ""),
            file=str(path),
            field=field,
            remedy=f"Name one: {{file: {path.name}, member: NAME}}; it holds {listed}.",
        )
    return f"/vsizip/{path}/{rasters[0]}"


def _drivers(source: RasterSource) -> dict[str, str]:
    """Return what GDAL may take a raster for; see `twin.forcing.raster_files.drivers`."""
    return {"driver": "GTiff"} if source.file is None else drivers(source.file)


def _look(
    path: str, named: str, source: RasterSource, want: str, known: tuple[tuple[str, ...], str | None]
) -> Opened:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # refused below
            opened = rasterio.open(path, **_drivers(source))
        with opened:
            bands = known[0] or tuple(text or "" for text in opened.descriptions)
            band = _band(opened.count, bands, source, want, named)
            facts: dict[str, Any] = {
                "transform": opened.transform,
                "rows": opened.height,
                "columns": opened.width,
                "nodata": None if opened.nodata is None else float(opened.nodata),
                # GDAL reads ASCII grids as float32 unless told otherwise
                "options": (
                    *_drivers(source).items(),
                    *([("DATATYPE", "Float64")] if opened.driver == "AAIGrid" else []),
                ),
            }
            wkt = opened.crs.to_wkt() if opened.crs else None
            scale, offset, unit = opened.scales[band - 1], opened.offsets[band - 1], opened.units[band - 1]
            _check_kind(opened, named)
    except RasterioError as error:
        told = str(error).splitlines()[0][:120] if str(error) else "unknown"
        raise FileDamaged(
            f"the raster cannot be read ({told})",
            file=named,
            remedy="Give a GeoTIFF, an ESRI ASCII grid, an Erdas IMG or another raster of numbers.",
        ) from error
    claim = read_claim(source.crs or wkt, named)
    datum, unit_m = (None, 1.0) if wkt is None else datum_of(CRS.from_user_input(wkt))
    factor = _metres(source.unit, unit, unit_m, named)
    return Opened(
        path=path,
        named=named,
        band=band,
        crs=claim,
        scale=scale * factor,
        offset=offset * factor,
        datum=source.vertical_datum or known[1] or datum,
        bands=bands,
        **facts,
    )


def _band(count: int, bands: tuple[str, ...], source: RasterSource, want: str, named: str) -> int:
    given = source.band
    if given is None:
        return bands.index(want) + 1 if want in bands else 1
    if isinstance(given, str) and given in bands:
        return bands.index(given) + 1
    if isinstance(given, int) and given <= count:
        return given
    names = ", ".join(name for name in bands if name)
    raise BadSpec(
        f"field 'band' is '{given}', which the raster does not have",
        file=named,
        field="band",
        remedy=f"It has {count} band{'s' * (count > 1)}" + (f": {names}." if names else "."),
    )


def _check_kind(opened: Any, named: str) -> None:
    t = opened.transform
    what = remedy = ""
    if opened.height * opened.width > _MOST_PIXELS:
        what, remedy = "has more cells than can be read", "Cut it to the domain."
    elif opened.dtypes[0].startswith("complex"):
        what, remedy = "holds complex numbers", "Give a raster of heights."
    elif opened.count in (3, 4) and opened.dtypes[0] == "uint8":
        what, remedy = "is a picture", "Give a raster of numbers."
    elif not (np.isfinite(t[:6]).all() and (t.a or t.b) and (t.e or t.d)):
        what, remedy = "has cells without a size", "Give it again where it lies."
    elif t == Affine.identity():
        what, remedy = "does not say where it lies", "Give it its world file, or a GeoTIFF."
    elif t.b or t.d:
        what, remedy = "is turned: its rows do not run from west to east", "Bring it north-up with gdalwarp."
    if what:
        raise BadInput(f"the raster {what}", file=named, remedy=remedy)


def _metres(stated: str | None, unit: str | None, unit_m: float, named: str) -> float:
    if stated is not None:
        return UNITS_M[stated]
    word = (unit or "").strip().casefold()
    if word in _METRES:
        return unit_m
    if word in _FEET:
        return _FEET[word]
    raise DatumRefused(
        f"its numbers are in '{unit}', which is no length that is known",
        file=named,
        field="unit",
        remedy="Say what they are in: `unit: m`, cm, mm, ft or us-ft.",
    )
