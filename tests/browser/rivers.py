"""A straight river whose bed is known at every point, published with all that pages show of it.

It flows east between banks at EL 5 m, 80 m apart; its bed is a parabola that falls 1 m a kilometre. The water
stands at EL 2.5 m. In the first 400 m the bed is surveyed, further down it is interpolated.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

from naru.house import House
from naru.settings import Settings
from tests.conftest import naru_json
from tests.terrains import attach
from twin.burning.provenance import ORIGINS

Floats = NDArray[np.float64]
CRS, CELL_M = "EPSG:5186", 4.0
WEST, NORTH, LENGTH_M, WIDTH_M = 199_200.0, 550_400.0, 1600.0, 800.0
MIDDLE = NORTH - WIDTH_M / 2  # northing of the river's middle
HALF_M, BANK_M, STAGE_M, THALWEG_M, SLOPE = 40.0, 5.0, 2.5, -1.0, 0.001
SURVEYED_TO_M = 400.0
GEOID_M = 23.1  # above the ellipsoid
RIVER, WORKS, HOUSES = "toy-bed", "toy-works", "toy-houses"
_LONLAT = Transformer.from_crs(CRS, "OGC:CRS84", always_xy=True)


def bed(easting: Floats, northing: Floats) -> Floats:
    """Return the true elevation of bed and ground, EL metres."""
    thalweg = THALWEG_M - SLOPE * (easting - WEST)
    across = np.abs(northing - MIDDLE) / HALF_M
    channel = thalweg + (BANK_M - thalweg) * across**2
    out: Floats = np.where(across < 1, channel, BANK_M + 0.02 * HALF_M * (across - 1))
    return out


def place(east_m: float, north_m: float) -> list[float]:
    """Return longitude and latitude, so many metres east of the upstream end and north of the river's middle."""
    lon, lat = _LONLAT.transform(WEST + east_m, MIDDLE + north_m)
    return [float(lon), float(lat)]


def offsets(lon: float, lat: float) -> tuple[float, float]:
    """Return how many metres east of the upstream end and north of the river's middle a place lies."""
    x, y = _LONLAT.transform(lon, lat, direction="INVERSE")
    return float(x) - WEST, float(y) - MIDDLE


def publish_river(home: Path, folder: Path) -> None:
    """Publish the river's bed with its grid and `river.json`, its works and the houses beside it."""
    write_grid(folder / "grid.tif")
    with rasterio.open(folder / "grid.tif") as grid:
        _write(folder / "bed.tif", grid.read(1)[None], ())
    told = ["--title", "시험 하천", "--title-en", "Toy river", "--function", "twin"]
    naru_json("ingest", str(folder / "bed.tif"), "--id", RIVER, "--kind", "elevation", *told, home=home)
    (folder / "river.json").write_text(json.dumps(river(), ensure_ascii=False), "utf-8")
    (folder / "bed.glb").write_bytes(b"glTF")
    about = {"crs": CRS, "cell_m": CELL_M, "vertical_datum": "KVD1964", "water_stage_m": STAGE_M}
    house = House.open(Settings.from_environ({}, home=home))
    about["provenance"] = {str(origin.code): origin.name for origin in ORIGINS}
    files = {"grid": (folder / "grid.tif", about), "river": (folder / "river.json", {})}
    attach(house, RIVER, files | {"bed.glb": (folder / "bed.glb", {"triangles": 0})})
    house.close()
    write_works(folder / "works.csv")
    described = ["--title", "시험 시설", "--title-en", "Toy works", "--terrain", RIVER]
    naru_json("twin", "mesh", RIVER, "--geoid-undulation", f"{GEOID_M}", home=home)
    naru_json("twin", "facilities", "publish", str(folder / "works.csv"), "--id", WORKS, *described, home=home)
    collection = {"type": "FeatureCollection", "features": houses()}
    (folder / "houses.geojson").write_text(json.dumps(collection, ensure_ascii=False), "utf-8")
    naru_json("ingest", str(folder / "houses.geojson"), "--id", HOUSES, "--grids", "web", home=home)


def write_grid(path: Path) -> None:
    """Write the grid that a river terrain has: bed, depth, roughness, provenance."""
    columns, rows = int(LENGTH_M / CELL_M), int(WIDTH_M / CELL_M)
    x = WEST + (np.arange(columns) + 0.5) * CELL_M
    y = NORTH - (np.arange(rows) + 0.5) * CELL_M
    easting, northing = np.meshgrid(x, y)
    heights = bed(easting, northing)
    depth = np.maximum(STAGE_M - heights, 0)
    is_river = np.abs(northing - MIDDLE) < HALF_M
    origin = np.where(is_river, np.where(easting < WEST + SURVEYED_TO_M, 1, 2), 0)
    bands = np.stack([heights, depth, np.where(is_river, 0.03, 0.05), origin])
    _write(path, bands, ("bed_elevation", "water_depth", "manning_n", "provenance"))


def _write(path: Path, bands: NDArray[Any], names: Sequence[str]) -> None:
    shape = {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2], "dtype": "float32"}
    lies = {"crs": CRS, "transform": Affine(CELL_M, 0, WEST, 0, -CELL_M, NORTH), "nodata": np.nan}
    with rasterio.open(path, "w", driver="GTiff", tiled=True, compress="deflate", **shape, **lies) as out:
        out.write(bands.astype("f4"))
        for number, name in enumerate(names, 1):
            out.set_band_description(number, name)


def river() -> dict[str, Any]:
    """Return `river.json`: one reach, sections every 200 m of eleven points each."""
    along = np.arange(0, LENGTH_M + 1, 40.0)
    thalweg = THALWEG_M - SLOPE * along
    profile = {
        "chainage_m": along.tolist(),
        "thalweg_m": thalweg.tolist(),
        "water_stage_m": [STAGE_M] * len(along),
        "left_bank_m": [BANK_M] * len(along),
        "right_bank_m": [BANK_M + 0.3] * len(along),
    }
    ways = {name: [place(0, side), place(LENGTH_M, side)] for name, side in _WAYS}
    sections = [_section(number, 200.0 * number) for number in range(1, 8)]
    reach = {"id": "본류", "downstream": None, **ways, "profile": profile, "sections": sections}
    return {
        "reaches": [reach],
        "leave_one_out": [
            {"method": "linear", "rmse_m": 0.21, "bias_m": 0.01, "thalweg_rmse_m": 0.3},
            {"method": "pchip", "rmse_m": 0.18, "bias_m": -0.01, "thalweg_rmse_m": 0.26},
        ],
        "chosen_method": "pchip",
        "volume_change_m3": -182_345.6,
        "max_bank_step_m": 0.12,
        "vertical_datum": "KVD1964",
        "sources": ["가상 측량 2026 (synthetic)"],
        "warnings": ["section S3: the left bank is 0.3 m above the ground"],
    }


_WAYS = (("centreline", 0.0), ("left_bank", HALF_M), ("right_bank", -HALF_M))


def _section(number: int, chainage_m: float) -> dict[str, Any]:
    stations = np.linspace(0, 2 * HALF_M, 11)
    heights = bed(np.full(11, WEST + chainage_m), MIDDLE + HALF_M - stations)
    return {
        "id": f"S{number}",
        "chainage_m": chainage_m,
        "line": [place(chainage_m, HALF_M - station) for station in stations.tolist()],
        "station_m": stations.tolist(),
        "bed_elevation_m": heights.round(3).tolist(),
    }


def works() -> list[dict[str, str]]:
    """Return a weir across the river and a pump station beside it, as rows of the facilities' table."""
    weir = {
        "id": "W-1",
        "type": "weir",
        "name": "시험보 (가상)",
        "name_en": "Test weir (synthetic)",
        "geometry": f"LINESTRING ({_xy(800, HALF_M)}, {_xy(800, -HALF_M)})",
        "crest_elevation_m": "1.25",
        "crest_breadth_m": "6",
        "height_m": "2.8",
    }
    ring = ", ".join(_xy(900 + a * 25, 90 + b * 25) for a, b in _CORNERS)
    pump = {
        "id": "P-1",
        "type": "pump_station",
        "name": "시험 펌프장 (가상)",
        "name_en": "Test pump station (synthetic)",
        "geometry": f"POLYGON (({ring}))",
        "status": "partial",
        "failure_fraction": "0.25",
        "units": "4",
        "unit_capacity_m3_min": "90",
        "start_level_m": "3.1",
        "stop_level_m": "2.1",
        "lag_min": "5",
        "pump_curve": "0:104; 3:98; 6:90; 8:78; 10:60",
        "height_m": "9",
    }
    return [row | {"source": "made up (가상)", "verified": "no"} for row in (weir, pump)]


def write_works(path: Path) -> None:
    """Write the table of facilities."""
    rows = works()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(f"# crs: {CRS}; vertical_datum: KVD1964\n")
        writer = csv.DictWriter(out, columns)
        writer.writeheader()
        writer.writerows(rows)


def houses() -> list[dict[str, Any]]:
    """Return houses: one with a height, one with floors only, one with neither."""
    told = ({"height_m": 21.0, "floors": 9}, {"height_m": None, "floors": 4}, {"height_m": None, "floors": None})
    return [
        _feature({"name": f"집 {n}", **some}, _square(500 + 120 * n, 120, 20)) for n, some in enumerate(told, 1)
    ]


def _feature(properties: dict[str, Any], geometry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))


def _xy(east_m: float, north_m: float) -> str:
    return f"{WEST + east_m} {MIDDLE + north_m}"


def _square(east_m: float, north_m: float, half_m: float) -> dict[str, Any]:
    ring = [place(east_m + a * half_m, north_m + b * half_m) for a, b in _CORNERS]
    return {"type": "Polygon", "coordinates": [ring]}
