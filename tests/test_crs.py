"""Coordinates land where they belong, and a claim that cannot be true is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyproj import CRS, Transformer

from ingest.crs import Claim, resolve
from ingest.korea import KOREAN, match_korean
from naru.errors import CrsRefused, CrsUnknown
from tests.reading import dbf, frame, geojson, point, read_one, shapefile

CITY_HALL = (126.9782746, 37.5666422)
UNNAMED_BESSEL = (
    'PROJCS["Bessel_1841_Transverse_Mercator",GEOGCS["GCS_Bessel_1841",DATUM["D_Bessel_1841",'
    'SPHEROID["Bessel_1841",6377397.155,299.1528128]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],'
    'PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",{fe}],PARAMETER["False_Northing",{fn}],'
    'PARAMETER["Central_Meridian",{lon}],PARAMETER["Scale_Factor",{k}],PARAMETER["Latitude_Of_Origin",38.0],'
    'UNIT["Meter",1.0]]'
)
ITRF2000_TM = (
    'PROJCS["PCS_ITRF2000_TM",GEOGCS["GCS_ITRF_2000",DATUM["D_ITRF_2000",SPHEROID["GRS_1980",6378137.0,298.257222101]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
    'PARAMETER["False_Easting",200000.0],PARAMETER["False_Northing",{fn}],PARAMETER["Central_Meridian",127.0],'
    'PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",38.0],UNIT["Meter",1.0]]'
)
BESSEL = [k for k in KOREAN if k.bessel]


def place(claim: str | None, *boxes: tuple[float, float, float, float], option: str | None = None):
    return resolve(Claim(claim, ".prj"), option, np.array(boxes, dtype=float), "layer")


def in_the_middle(code: int) -> tuple[float, float, float, float]:
    """Return a point within the CRS's belt, in its own coordinates."""
    korean = next(k for k in KOREAN if k.code == code)
    west, south, east, north = korean.belt
    to_crs = Transformer.from_crs(4326, code, always_xy=True)
    x, y = to_crs.transform((west + east) / 2, (south + north) / 2)
    return (x, y, x, y)


@pytest.mark.parametrize("korean", KOREAN, ids=lambda k: str(k.code))
def test_the_table_is_the_registrys(korean) -> None:
    crs = CRS.from_epsg(korean.code)
    values = [p.value for p in crs.coordinate_operation.params]
    assert values == pytest.approx([38, korean.meridian, korean.scale, korean.easting, korean.northing], abs=1e-10)
    assert crs.ellipsoid.name.startswith("Bessel") == korean.bessel


@pytest.mark.parametrize("korean", KOREAN, ids=lambda k: str(k.code))
def test_esri_spelling_is_recognised(korean) -> None:
    text = CRS.from_epsg(korean.code).to_wkt("WKT1_ESRI")
    assert place(text, in_the_middle(korean.code)).label == f"EPSG:{korean.code}"


@pytest.mark.parametrize("korean", BESSEL, ids=lambda k: str(k.code))
def test_bessel_without_a_datum_name_is_recognised_by_its_parameters(korean) -> None:
    text = UNNAMED_BESSEL.format(
        fe=korean.easting, fn=korean.northing, lon=f"{korean.meridian:.10f}", k=korean.scale
    )
    found = place(text, in_the_middle(korean.code))
    assert found.label == f"EPSG:{korean.code}"
    assert "parameters" in found.how


@pytest.mark.parametrize(("northing", "code"), [(500000, 5181), (600000, 5186), (550000, 5182)])
def test_itrf2000_tm_is_told_apart_by_its_false_northing(northing: int, code: int) -> None:
    assert match_korean(CRS.from_wkt(ITRF2000_TM.format(fn=northing))) == code


def test_the_city_hall_in_a_bessel_system_lands_within_five_metres() -> None:
    x, y = place("EPSG:5174", in_the_middle(5174)).to_lonlat().transform(198011.07, 451595.63)
    metres = np.hypot((x - CITY_HALL[0]) * 88_300, (y - CITY_HALL[1]) * 111_000)
    assert metres < 5


@pytest.mark.parametrize("korean", KOREAN, ids=lambda k: str(k.code))
def test_lonlat_of_every_system_is_where_a_1_m_operation_puts_it(korean) -> None:
    box = in_the_middle(korean.code)
    lonlat = place(f"EPSG:{korean.code}", box).to_lonlat()
    middle = ((korean.belt[0] + korean.belt[2]) / 2, (korean.belt[1] + korean.belt[3]) / 2)
    assert lonlat.transform(*box[:2]) == pytest.approx(middle, abs=2e-5)


def test_katec_on_an_unnamed_bessel_datum_is_placed_on_korean_1985() -> None:
    text = UNNAMED_BESSEL.format(fe=400000, fn=600000, lon=128, k=0.9999)
    found = place(text, (309961.2, 552080.8, 309961.2, 552080.8))
    lon, lat = found.to_lonlat().transform(309961.2, 552080.8)
    assert "Korean 1985" in found.label
    assert np.hypot((lon - CITY_HALL[0]) * 88_300, (lat - CITY_HALL[1]) * 111_000) < 60


def test_genuine_kostat_file_lies_on_the_juso_file(shared, tmp_path: Path) -> None:
    kostat = read_one(shared("data/seoul_kostat2013_bessel/seoul_municipalities.shp"), tmp_path / "k")
    juso = read_one(shared("data/seoul_juso2015/seoul_municipalities.shp"), tmp_path / "j")
    assert kostat.crs == "EPSG:5174"
    a = frame(kostat).to_crs(5186).set_index("name").geometry.centroid
    b = frame(juso).to_crs(5186).set_index("SIG_KOR_NM").geometry.centroid
    assert sorted(a.index) == sorted(b.index)
    b = b.loc[a.index]
    assert abs((a.x.to_numpy() - b.x.to_numpy()).mean()) < 60
    assert abs((a.y.to_numpy() - b.y.to_numpy()).mean()) < 60


def test_missing_prj_in_utm_k_is_guessed_with_a_warning(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/korea_crs/gu_5179_noprj/gu_5179_noprj.shp"), tmp_path)
    assert (layer.crs, layer.crs_claimed) == ("EPSG:5179", None)
    assert any("guess" in w and "EPSG:5178" in w for w in layer.warnings)
    assert layer.bounds == pytest.approx((126.76, 37.43, 127.18, 37.70), abs=0.01)


def test_genuine_5186_file_lies_on_the_juso_file(shared, tmp_path: Path) -> None:
    a = frame(read_one(shared("data/korea_crs/gu_5186_cp949/gu_5186_cp949.shp"), tmp_path / "a"))
    b = frame(read_one(shared("data/seoul_juso2015/seoul_municipalities.shp"), tmp_path / "b"))
    gap = a.set_index("SIG_CD").geometry.centroid.distance(b.to_crs(5186).set_index("SIG_CD").geometry.centroid)
    assert gap.max() < 1


def test_5186_in_seoul_without_prj_is_guessed() -> None:
    assert place(None, (179192, 536548, 216243, 566846)).label == "EPSG:5186"


def test_ambiguous_coordinates_ask_and_name_the_options() -> None:
    with pytest.raises(CrsUnknown) as asked:
        place(None, (179192, 436548, 216243, 466846))
    for code in (5181, 5174, 2097):
        assert f"--crs EPSG:{code}" in asked.value.remedy


def test_coordinates_that_fit_nothing_ask() -> None:
    with pytest.raises(CrsUnknown, match="fit none"):
        place(None, (4133437, 15260326, 4597238, 15265731))


def test_the_users_crs_settles_it(tmp_path: Path) -> None:
    path = shapefile(tmp_path / "in" / "x", [(198000, 451900)], dbf([b"n"], [[b"1"]]), prj=None)
    layer = read_one(path, tmp_path / "out", crs="EPSG:5174")
    assert (layer.crs, layer.crs_how) == ("EPSG:5174", "given by --crs")
    x, y = Transformer.from_crs(4326, 5186, always_xy=True).transform(*layer.bounds[:2])
    assert (x, y) == pytest.approx((198069.62, 552205.17), abs=0.1)


@pytest.mark.parametrize("word", ["5186", "EPSG:999999", "http://[::1]/", "+proj=longlat", "EPSG:5714", "x.prj"])
def test_only_codes_of_the_registry_are_taken_from_the_user(word: str) -> None:
    with pytest.raises(CrsUnknown, match="EPSG"):
        place(None, (0, 0, 1, 1), option=word)


@pytest.mark.parametrize("text", ["http://127.0.0.1:1/crs", "/etc/passwd", "", "{}", "PROJCS[", "+init=epsg:5186"])
def test_a_prj_that_is_no_crs_counts_as_none(text: str) -> None:
    found = place(text, (126.9, 37.5, 127.0, 37.6))
    assert found.label == "EPSG:4326"
    assert any(".prj" in w for w in found.warnings)


@pytest.mark.parametrize(
    ("claim", "box", "word"),
    [
        ("EPSG:4326", (37.5, 127.0, 37.6, 127.1), "swapped"),
        ("EPSG:4326", (198056, 551885, 198056, 551885), "--crs EPSG:5186"),
        ("EPSG:5186", (126.9, 37.5, 127.0, 37.6), "--crs EPSG:4326"),
        ("EPSG:5186", (551885, 198056, 551885, 198056), "swapped"),
        ("EPSG:5186", (9e5, 1.9e6, 9.5e5, 1.95e6), "--crs EPSG:5179"),
    ],
)
def test_coordinates_that_cannot_belong_to_the_claim_are_refused(claim, box, word) -> None:
    with pytest.raises(CrsRefused) as refused:
        place(claim, box)
    assert word in refused.value.one_line()


def test_one_stray_feature_does_not_decide(tmp_path: Path) -> None:
    good = [point(126.9 + n / 100, 37.5) for n in range(9)]
    layer = read_one(geojson(tmp_path / "x.geojson", *good, point(126.9, 3750.0)), tmp_path / "out")
    assert (layer.features_read, layer.features_kept) == (10, 9)
    assert layer.dropped[0].reason == "outside the range of longitude and latitude"


def test_legacy_crs_member_is_honoured(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/geojson_made/crs_5186_legacy.geojson"), tmp_path)
    assert layer.crs == "EPSG:5186"
    assert layer.bounds[:2] == pytest.approx((126.978, 37.5665), abs=1e-5)


def test_a_crs_member_that_names_nothing_known_is_not_passed_over(tmp_path: Path) -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::999999"}}
    layer = read_one(geojson(tmp_path / "x.geojson", point(953925.56, 1952047.72), crs=crs), tmp_path / "out")
    assert layer.crs == "EPSG:5179"
    assert any("guess" in w for w in layer.warnings)


@pytest.mark.parametrize(("code", "x", "y"), [(32633, 500000, 5400000), (2154, 652000, 6862000), (3857, 1e6, 6e6)])
def test_systems_of_other_countries_work(tmp_path: Path, code: int, x: float, y: float) -> None:
    path = shapefile(tmp_path / "in" / "x", [(x, y)], dbf([b"n"], [[b"1"]]), prj=f"EPSG:{code}")
    layer = read_one(path, tmp_path / "out")
    assert layer.crs == f"EPSG:{code}"
    assert layer.bounds[:2] == pytest.approx(Transformer.from_crs(code, 4326, always_xy=True).transform(x, y))


def test_a_registered_code_with_rounded_numbers_is_the_registrys() -> None:
    """GeoTIFF keys often spell the ellipsoid anew; PROJ then no longer knows the datum's shift (98 m here)."""
    wkt = CRS.from_epsg(28992).to_wkt("WKT1_GDAL").replace("299.1528128", "299.15281310608")
    assert CRS.from_wkt(wkt).to_epsg() is None
    found = place(wkt, (195000, 424999, 195001, 425000))
    assert (found.label, found.crs) == ("EPSG:28992", CRS.from_epsg(28992))
    assert "differs in the last digits" in found.warnings[0]


def test_a_registered_code_on_other_numbers_is_not_believed() -> None:
    wkt = CRS.from_epsg(28992).to_wkt("WKT1_GDAL").replace("155000", "255000")
    assert place(wkt, (195000, 424999, 195001, 425000)).label == "Amersfoort / RD New"
