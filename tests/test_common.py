"""Common functions: heights, coordinates, point numbers, regions, addresses; against what others have found."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from flask import Flask
from pyproj import Geod, Transformer
from rasterio.enums import Resampling
from rasterio.windows import Window
from shapely import Point, box

from naru.errors import NotReady
from naru.house import House
from tests.conftest import naru_json
from tests.rasters import BOUNDS, SIDE, Scene, grid, publish_raster
from tests.serving import new_key, open_app, service_of, settings_of
from tests.sources import write_source
from tests.test_server_access import used
from tileserver.common import gazetteer, gazetteers
from tileserver.common.asking import Position
from tileserver.common.gazetteers import Gazetteers

CITY_HALL = "lon=126.978275264&lat=37.566642192"
COMMON = frozenset(("common",))
ADDRESSES = {
    "건물명": ["서울특별시청", "정부서울청사", "", "역삼빌딩", "강남파이낸스센터"],
    "도로명주소": [
        "서울특별시 중구 세종대로 110",
        "서울특별시 종로구 세종대로 209",
        "서울특별시 중구 세종대로 11",
        "서울특별시 강남구 테헤란로4길 12-3",
        "서울특별시 강남구 테헤란로 152",
    ],
    "지번주소": ["중구 태평로1가 31", "종로구 세종로 77-6", "", "강남구 역삼동 123-4", "강남구 역삼동 737"],
    "비고": ["110", "", "", "세종대로", ""],
}
PLACES = [
    (126.9779, 37.5663),
    (126.9753, 37.5749),
    (126.9754, 37.5587),
    (127.0301, 37.4989),
    (127.0365, 37.5001),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with heights (public, and finer private ones), an address table (public and private), and areas."""
    folder = tmp_path_factory.mktemp("common")
    frame = gpd.GeoDataFrame(ADDRESSES, geometry=[Point(*place) for place in PLACES], crs=4326)
    frame.iloc[:4].to_crs(5174).to_file(folder / "addresses.shp", encoding="cp949")
    hidden = frame.iloc[4:].rename(columns={"도로명주소": "ROAD_ADDR"})[["ROAD_ADDR", "geometry"]]
    hidden.to_file(folder / "hidden.geojson", driver="GeoJSON")
    areas = gpd.GeoDataFrame(
        {"SIG_CD": ["1", "2"], "SIG_KOR_NM": ["서쪽", "동쪽"]},
        geometry=[box(126.9, 37.5, 127.0, 37.6), box(127.0, 37.5, 127.1, 37.6)],
        crs=4326,
    )
    areas.to_crs(5186).to_file(folder / "areas.geojson", driver="GeoJSON")
    home = folder / "home"
    naru_json("ingest", str(folder / "addresses.shp"), "--maxzoom", "8", home=home)
    words = ("--visibility", "private", "--maxzoom", "8")
    naru_json("ingest", str(folder / "hidden.geojson"), str(folder / "areas.geojson"), *words, home=home)
    house = House.open(settings_of(home))
    house.catalogue.amend("areas", {"visibility": "public"})
    publish_raster(house, Scene("dem", "hills", rules={"resolution_m": 5.0}))
    publish_raster(house, Scene("lidar", "hills", "private", rules={"resolution_m": 1.0}, quality=80))
    publish_raster(house, Scene("cover", "cover"))
    house.close()
    return home


@pytest.fixture(scope="module")
def app(home: Path) -> Iterator[Flask]:
    opened = open_app(settings_of(home))
    yield opened
    service_of(opened).close()


@pytest.fixture(scope="module")
def private(app: Flask) -> str:
    return new_key(app, functions=COMMON, access="private")[1]


def ask(app: Flask, path: str, key: str = "", status: int = 200) -> Any:
    """Return what is told; `path` begins behind /common/."""
    answer = app.test_client().get(f"/common/{path}", headers={"X-API-Key": key} if key else {})
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_json(force=True)


def look_up(app: Flask, query: str, key: str = "") -> Any:
    """Return what is told of an address, once every layer can be searched."""
    until = time.monotonic() + 120
    while (told := ask(app, f"address?{query}", key))["incomplete"] and time.monotonic() < until:
        pass
    assert told["incomplete"] == []
    return told["results"]


def spots(count: int, seed: int = 4) -> list[tuple[float, float]]:
    """Return positions in the scene, lon/lat."""
    rng = np.random.default_rng(seed)
    west, south, east, north = BOUNDS
    return [
        (float(x), float(y))
        for x, y in zip(rng.uniform(west, east, count), rng.uniform(south, north, count), strict=True)
    ]


def joined(places: list[tuple[float, float]]) -> str:
    return ";".join(f"{x:.12f},{y:.12f}" for x, y in places)


# --- heights --------------------------------------------------------------------------------------


def archive(app: Flask, layer: str) -> Path:
    service = service_of(app)
    source = service.keeper.current.layers[layer].live.source
    assert source is not None
    return service.house.storage.path(source)


def gdal_height(path: Path, lon: float, lat: float) -> float | None:
    """Return the bilinear value at a position as GDAL reads one pixel around it; None where it mixes in a hole."""
    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)
    with rasterio.open(path) as dataset:
        column, row = ~dataset.transform @ (x, y)
        around = Window(column - 0.5, row - 0.5, 1, 1)
        value = dataset.read(1, window=around, out_shape=(1, 1), resampling=Resampling.bilinear, masked=True)[0, 0]
        return None if np.ma.is_masked(value) else float(value)


def test_heights_between_pixels_are_those_of_gdal(app: Flask) -> None:
    places = spots(100)
    told = ask(app, f"elevation?points={joined(places)}")["points"]
    path = archive(app, "dem")
    compared = 0
    for point, place in zip(told, places, strict=True):
        expected = gdal_height(path, *place)
        if expected is not None and point["elevation_m"] is not None:
            assert point["elevation_m"] == pytest.approx(expected, abs=2e-3), place
            compared += 1
    assert compared > 60
    assert sum(point["elevation_m"] is None for point in told) > 10


def test_heights_in_the_middle_of_pixels_are_the_pixels(app: Flask) -> None:
    transform = grid()
    middles = [transform @ (column + 0.5, row + 0.5) for column in (0, 255, 256, 511) for row in (0, 100, 255, 511)]
    with rasterio.open(archive(app, "dem")) as dataset:
        values = [value[0] for value in dataset.sample(middles, masked=True)]
    text = ";".join(f"{x:.6f},{y:.6f}" for x, y in middles)
    told = ask(app, f"elevation?crs=EPSG:3857&points={text}")
    assert told["crs"] == "EPSG:3857"
    for point, value in zip(told["points"], values, strict=True):
        expected = None if np.ma.is_masked(value) else pytest.approx(float(value), abs=1e-3)
        assert point["elevation_m"] == expected


def test_a_height_names_its_layer_and_resolution(app: Flask) -> None:
    told = ask(app, "elevation?lon=126.92&lat=37.57")
    [layer] = told["layers"]
    assert (layer["id"], layer["resolution_m"], layer["attribution"]) == ("dem", 5.0, "© 서울")
    assert told["points"][0]["at"] == [126.92, 37.57] and told["points"][0]["layer"] == "dem"


def test_nothing_is_null_and_no_layer(app: Flask) -> None:
    [outside] = ask(app, "elevation?lon=0&lat=0")["points"]
    hole = ask(app, f"elevation?lon={BOUNDS[2] - 0.001}&lat={BOUNDS[1] + 0.001}")
    for point in (outside, hole["points"][0]):
        assert (point["elevation_m"], point["layer"]) == (None, None)
    assert hole["layers"] == []


def test_the_finest_layer_that_the_key_may_know_of_answers(app: Flask, private: str) -> None:
    path = "elevation?lon=126.92&lat=37.57"
    assert ask(app, path)["points"][0]["layer"] == "dem"
    assert ask(app, path, private)["points"][0]["layer"] == "lidar"
    assert ask(app, f"{path}&layer=dem", private)["points"][0]["layer"] == "dem"
    assert ask(app, f"{path}&layer=lidar", status=404)["code"] == "LAYER_NOT_FOUND"
    assert "lidar" not in json.dumps(ask(app, f"{path}&layer=nothing", status=404)["detail"])
    assert ask(app, f"{path}&layer=cover", status=400)["field"] == "layer"
    listed = new_key(app, functions=COMMON, layers=frozenset(("cover",)))[1]
    assert ask(app, path, listed)["points"][0]["layer"] is None
    assert ask(app, f"{path}&layer=dem", listed, status=403)["code"] == "SCOPE"


def test_a_profile_is_measured_on_the_ellipsoid(app: Flask) -> None:
    line = [(126.915, 37.578), (126.925, 37.575), (126.935, 37.560)]
    told = ask(app, f"profile?line={joined(line)}&samples=41")
    geod = Geod(ellps="WGS84")
    assert told["length_m"] == pytest.approx(geod.line_length(*zip(*line, strict=True)), abs=1e-3)
    points = told["points"]
    steps = geod.line_lengths(*zip(*(point["at"] for point in points), strict=True))
    assert len(points) == 41 and points[0]["at"] == list(line[0]) and points[-1]["at"] == list(line[-1])
    corner = np.argmax(abs(np.diff([point["distance_m"] for point in points]) - steps))
    others = np.delete(steps, corner)
    assert others == pytest.approx(told["length_m"] / 40, abs=0.02)  # positions are told to a centimetre
    path = archive(app, "dem")
    for point in points[:10]:
        assert point["elevation_m"] == pytest.approx(gdal_height(path, *point["at"]), abs=0.02)


def test_a_damaged_layer_is_named(home: Path, private: str, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("naru.storage.Storage.path", lambda self, archive: home / "gone.tif")
    told = ask(app, "elevation?lon=126.92&lat=37.57", status=503)
    assert (told["code"], told["layer"]) == ("ARCHIVE_DAMAGED", "dem")
    assert str(home) not in json.dumps(told)


# --- coordinates ----------------------------------------------------------------------------------

# as seven parameters; the registry's have a pivot (Molodensky-Badekas), and differ from these by 5 cm
BESSEL = "+ellps=bessel +towgs84=-115.80,474.99,674.11,1.16,-2.31,-1.63,6.43 +units=m"
CENTRAL = "+proj=tmerc +lat_0=38 +lon_0={} +k=1 +x_0=200000 +y_0={} "
GRS80 = "+ellps=GRS80 +towgs84=0,0,0 +units=m"
WRITTEN_OUT = {  # the systems as anybody writes them out for PROJ, without the registry
    "EPSG:5174": CENTRAL.format(127 + 10.405 / 3600, 500000) + BESSEL,
    "EPSG:2097": CENTRAL.format(127, 500000) + BESSEL,
    "EPSG:5186": CENTRAL.format(127, 600000) + GRS80,
    "EPSG:5181": CENTRAL.format(127, 500000) + GRS80,
    "EPSG:5179": "+proj=tmerc +lat_0=38 +lon_0=127.5 +k=0.9996 +x_0=1000000 +y_0=2000000 " + GRS80,
    "EPSG:32652": "+proj=utm +zone=52 +datum=WGS84",
}


@pytest.mark.parametrize("target", WRITTEN_OUT)
@pytest.mark.parametrize("source", WRITTEN_OUT)
def test_positions_come_out_where_the_parameters_put_them(app: Flask, source: str, target: str) -> None:
    to_source = Transformer.from_crs("EPSG:4326", WRITTEN_OUT[source], always_xy=True)
    places = [to_source.transform(lon, lat) for lon, lat in ((126.978, 37.5665), (127.4, 35.2), (129.0, 37.0))]
    text = ";".join(f"{x:.6f},{y:.6f}" for x, y in places)
    told = ask(app, f"transform?from={source}&to={target}&points={text}")
    expected = Transformer.from_crs(WRITTEN_OUT[source], WRITTEN_OUT[target], always_xy=True)
    for found, place in zip(told["points"], places, strict=True):
        shifted = ("bessel" in WRITTEN_OUT[source]) != ("bessel" in WRITTEN_OUT[target])
        assert found == pytest.approx(expected.transform(*place), abs=0.12 if shifted else 0.002)
    assert told["unit"] == "m" and told["accuracy_m"] in (0.0, 1.0)


def test_the_datum_shift_is_the_registrys(app: Flask) -> None:
    """The same numbers without their pivot are 17 m off, without any shift 361 m."""
    [found] = ask(app, "transform?from=EPSG:5174&to=EPSG:5186&points=198000,451900")["points"]
    assert found == pytest.approx((198069.619, 552205.173), abs=0.002)


@pytest.mark.parametrize(
    ("crs", "place"),
    [
        (2097, (198266.39, 451595.57)),
        (5174, (198011.07, 451595.63)),
        (5178, (954114.83, 1951741.60)),
        (5179, (953925.56, 1952047.72)),
        (5181, (198080.69, 451900.81)),
        (5186, (198080.69, 551900.81)),
    ],
)
def test_city_hall_is_where_each_national_system_has_it(app: Flask, crs: int, place: tuple[float, float]) -> None:
    [found] = ask(app, f"transform?from=EPSG:4326&to=EPSG:{crs}&points=126.978275264,37.566642192")["points"]
    assert found == pytest.approx(place, abs=0.01)


def test_axes_follow_the_registry_on_wish(app: Flask) -> None:
    plain = ask(app, "transform?from=EPSG:4326&to=EPSG:5186&points=126.978,37.5665")["points"][0]
    turned = ask(app, "transform?from=EPSG:4326&to=EPSG:5186&points=37.5665,126.978&axis=crs")["points"][0]
    assert turned == plain[::-1]
    lonlat = ask(app, "transform?from=OGC:CRS84&to=EPSG:5186&points=126.978,37.5665&axis=crs")["points"][0]
    assert lonlat == turned


def test_a_position_without_a_place_is_null(app: Flask) -> None:
    told = ask(app, "transform?from=EPSG:4326&to=EPSG:5179&points=127,37.5;37.5,0")
    assert told["points"][0] and told["points"][1] is None


@pytest.mark.parametrize("digits", [2, 3, 4, 5])
def test_a_point_number_leads_back_to_its_cell(app: Flask, digits: int) -> None:
    told = ask(app, f"point-number?{CITY_HALL}&digits={digits}")
    assert ask(app, f"point-number?number={told['number']}") == told
    west, south, east, north = told["epsg5179"]["bounds"]
    assert east - west == north - south == told["size_m"] == 10 ** (5 - digits)
    assert west <= 953925.56 < east and south <= 1952047.72 < north


def test_the_point_number_of_city_hall(app: Flask) -> None:
    told = ask(app, f"point-number?{CITY_HALL}")
    assert told["number"] == "다사 5392 5204"
    ring = told["polygon"]["coordinates"][0]
    east, north = Transformer.from_crs(4326, 5179, always_xy=True).transform(*zip(*ring, strict=True))
    assert (min(east), max(north)) == pytest.approx((953920, 1952050), abs=0.001)
    area, _ = Geod(ellps="GRS80").geometry_area_perimeter(
        gpd.GeoSeries.from_wkt([f"POLYGON (({', '.join(f'{x} {y}' for x, y in ring)}))"])[0]
    )
    assert area == pytest.approx(100, rel=0.002)  # anticlockwise, as RFC 7946 has it


# --- regions --------------------------------------------------------------------------------------


def test_city_hall_lies_in_jung_gu(demo_home: Path) -> None:
    app = open_app(settings_of(demo_home))
    told = ask(app, f"region?{CITY_HALL}")["regions"]
    named = {region["layer"]: region["name"] for region in told}
    assert (named["seoul-gu"], named["seoul-dong"]) == ("중구", "태평로1가")
    assert [region["area_km2"] for region in told] == sorted((r["area_km2"] for r in told), reverse=True)
    gu = next(region for region in told if region["layer"] == "seoul-gu")
    assert gu["properties"]["시군구코드"] == "11140" and gu["properties"]["기준일"] == "2023-09-15"
    assert gu["area_km2"] == pytest.approx(9.97, abs=0.02)  # 9.96 km² by the city's yearbook
    found = look_up(app, "q=강남구 역삼동")[0]
    assert (found["layer"], found["name"]) == ("seoul-dong", "역삼동")
    service_of(app).close()


def test_on_a_border_both_sides_are_told(app: Flask) -> None:
    inside = ask(app, "region?lon=126.95&lat=37.55")["regions"]
    assert [region["name"] for region in inside] == ["서쪽"]
    assert ask(app, "region?lon=128&lat=36")["regions"] == []


def test_another_layer_of_areas_is_asked_by_its_id(app: Flask) -> None:
    told = ask(app, "region?lon=127.05&lat=37.55&layer=areas")["regions"]
    assert [region["name"] for region in told] == ["동쪽"]
    assert ask(app, "region?lon=127.05&lat=37.55&layer=addresses", status=400)["field"] == "layer"
    assert ask(app, "region?lon=127.05&lat=37.55&layer=hidden", status=404)["code"] == "LAYER_NOT_FOUND"


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("세종대로 110", "서울특별시 중구 세종대로 110"),
        ("중구 세종대로 11", "서울특별시 중구 세종대로 11"),
        ("세종대로209", "서울특별시 종로구 세종대로 209"),
        ("테헤란로4길 12-3", "서울특별시 강남구 테헤란로4길 12-3"),
        ("역삼동 123-4", "서울특별시 강남구 테헤란로4길 12-3"),
        ("시청", "서울특별시 중구 세종대로 110"),
        ("서울특별시청", "서울특별시 중구 세종대로 110"),
        ("역삼 빌딩", "서울특별시 강남구 테헤란로4길 12-3"),
    ],
)
def test_an_address_is_found_by_its_words(app: Flask, words: str, address: str) -> None:
    first = look_up(app, f"q={words}")[0]
    assert (first["layer"], first["address"]) == ("addresses", address)
    row = ADDRESSES["도로명주소"].index(address)
    assert (first["feature"], first["lon"], first["lat"]) == (
        row + 1,
        *(pytest.approx(d, abs=2e-5) for d in PLACES[row]),
    )
    assert 0 < first["score"] <= 1 and first["text"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gazetteer of 3,000 addresses of one city, three districts and a street each."""
    folder = tmp_path_factory.mktemp("many")
    districts = ("중구", "종로구", "강남구")
    texts = [f"서울특별시 {districts[n % 3]} 세종대로{n % 50}길 {n}" for n in range(3000)]
    source = write_source(folder / "many.parquet", [Point(127, 37 + n / 1e5) for n in range(3000)], {"주소": texts})
    gazetteer.make(source, folder / "many.sqlite")
    return folder / "many.sqlite"


@pytest.mark.parametrize("row", [7, 1234, 2999])
def test_words_that_are_everywhere_hide_no_address(many: Path, row: int) -> None:
    found = gazetteer.search(many, f"서울특별시 세종대로{row % 50}길 {row}", 5)
    assert found[0].feature == row + 1


def test_a_common_word_must_be_there_all_the_same(many: Path) -> None:
    assert gazetteer.search(many, "강남구 1234", 5) == []  # 1234 lies in 종로구
    assert [match.feature for match in gazetteer.search(many, "종로구 1234", 5)] == [1235]
    assert len(gazetteer.search(many, "종로구", 5)) == 5
    assert {
        match.address.split()[1] for match in gazetteer.search(many, "종로구 서울특별시", 50) if match.address
    } == {"종로구"}


def test_ranking_that_takes_too_long_is_given_up(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gazetteer, "_PATIENCE_S", -1.0)
    monkeypatch.setattr(gazetteer, "_OPCODES", 1)
    assert gazetteer.search(many, "세종대로7길", 3)[0].address.split()[2] == "세종대로7길"  # type: ignore[union-attr]


def test_a_source_that_cannot_be_read_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    ready = Gazetteers(tmp_path / "made").ready([tmp_path / "bad.parquet"], patience_s=60)
    assert ready == {}
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["lock"]


@pytest.mark.parametrize("content", [None, b"no database", b"SQLite format 3\0" + bytes(4080)])
def test_a_broken_gazetteer_is_put_out_of_the_way(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "broken.sqlite"
    if content is not None:
        file.write_bytes(content)
    for ask_it in (
        lambda: gazetteer.search(file, "시청", 5),
        lambda: gazetteer.nearest(file, Position(127, 37), 100, 5),
    ):
        with pytest.raises(NotReady, match="made anew"):
            ask_it()
        assert not file.exists()


def test_few_wait_for_a_gazetteer_so_that_threads_are_left_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, sources, may_end = Gazetteers(tmp_path / "made"), [tmp_path / "slow.parquet"], threading.Event()
    monkeypatch.setattr(gazetteers, "_run", lambda _wanted: str(may_end.wait(60)))
    threads = [threading.Thread(target=made.ready, args=(sources, 60)) for _ in range(24)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 20
    while sum(thread.is_alive() for thread in threads) > gazetteers.MOST_WAITING and time.monotonic() < until:
        time.sleep(0.01)
    waiting = sum(thread.is_alive() for thread in threads)
    may_end.set()
    for thread in threads:
        thread.join()
    assert waiting == gazetteers.MOST_WAITING


def test_the_least_used_gazetteers_go_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gazetteers, "MOST_BYTES", 1000)
    kept = tmp_path / f"new-{gazetteer.EDITION}.sqlite"
    for age, name in enumerate(
        (kept.name, f"recent-{gazetteer.EDITION}.sqlite", f"old-{gazetteer.EDITION}.sqlite", "recent-0.sqlite")
    ):
        (tmp_path / name).write_bytes(b"x" * 400)
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    gazetteers._drop_least_used(tmp_path, but=[kept])
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        (kept.name, f"recent-{gazetteer.EDITION}.sqlite")
    )


def test_the_whole_address_scores_one_and_a_part_less(app: Flask) -> None:
    scores = [look_up(app, f"q={q}")[0]["score"] for q in ("서울특별시 중구 세종대로 110", "세종대로")]
    assert scores[0] == 1.0 and 0 < scores[1] < 1


@pytest.mark.parametrize(
    "words", ["부산광역시", "세종대로 1", "테헤란로 1", "OR", 'x" OR "서울', "NEAR(서울 중구)"]
)
def test_what_is_nowhere_is_not_found(app: Flask, words: str) -> None:
    answer = app.test_client().get("/common/address", query_string={"q": words})
    assert answer.status_code == 200
    assert all(one["score"] < 0.9 for one in answer.get_json()["results"])


def test_private_addresses_are_for_keys_that_may_see_them(app: Flask, private: str) -> None:
    assert "hidden" not in json.dumps(look_up(app, "q=테헤란로 152"))
    [found] = [one for one in look_up(app, "q=테헤란로 152", private) if one["layer"] == "hidden"]
    assert found["address"] == "서울특별시 강남구 테헤란로 152"
    place = "lon=127.0365&lat=37.5001"
    assert look_up(app, place) == []
    assert look_up(app, place, private)[0]["distance_m"] < 1


def test_the_nearest_address_is_within_a_hundred_metres(app: Flask) -> None:
    lon, lat = PLACES[0]
    for east_m, found in ((0, True), (60, True), (140, False)):
        east, north, _ = Geod(ellps="WGS84").fwd(lon, lat, 90, east_m)
        results = look_up(app, f"lon={east}&lat={north}")
        assert bool(results) == found
        if found:
            assert results[0]["address"] == "서울특별시 중구 세종대로 110"
            assert results[0]["distance_m"] == pytest.approx(east_m, abs=1.0)


def test_gazetteers_are_made_once_and_again_when_they_are_gone(app: Flask, home: Path) -> None:
    look_up(app, "q=시청")
    files = sorted((home / "cache" / "gazetteers").glob("*.sqlite"))
    before = [file.stat().st_ino for file in files]
    look_up(app, "q=시청")
    assert [file.stat().st_ino for file in files] == before
    files[0].unlink()
    look_up(app, "q=시청")
    assert files[0].exists()


# --- what is refused, and what counts -------------------------------------------------------------

WRONG = [
    ("elevation", "lon"),
    ("elevation?lon=127", "lat"),
    ("elevation?lon=181&lat=37", "lon"),
    ("elevation?lon=127&lat=-91", "lat"),
    ("elevation?lon=nan&lat=37", "lon"),
    ("elevation?lon=1e999&lat=37", "lon"),
    ("elevation?lon=１２７&lat=37", "lon"),
    ("elevation?lon=1_2&lat=37", "lon"),
    ("elevation?lon=127&lat=37&crs=EPSG:5186", "crs"),
    ("elevation?lon=127&lat=37&points=1,2", "points"),
    ("elevation?points=1,2,3", "points"),
    ("elevation?points=", "points"),
    ("elevation?points=" + ";".join(["1,2"] * 101), "points"),
    ("elevation?points=200000,500000", "points"),
    ("elevation?lon=127&lat=37&lat=38", "lat"),
    ("elevation?lon=127&lat=37&z=3", "z"),
    ("profile?line=127,37", "line"),
    ("profile?line=127,37;127,37", "line"),
    ("profile?line=127,37;-60,-20", "line"),
    ("profile?line=127,37;127.1,37&samples=1", "samples"),
    ("profile?line=127,37;127.1,37&samples=1001", "samples"),
    ("transform?to=5179&points=1,2", "from"),
    ("transform?from=5174&points=1,2", "to"),
    ("transform?from=5174&to=5179", "points"),
    ("transform?from=EPSG:27700&to=5179&points=1,2", "from"),
    ("transform?from=http://canary.example/crs&to=5179&points=1,2", "from"),
    ("transform?from=%2Bproj%3Dlonglat&to=5179&points=1,2", "from"),
    ("transform?from=5174&to=5179&points=1,2&axis=yx", "axis"),
    ("point-number?lon=127", "lat"),
    ("point-number?lon=127&lat=37&digits=6", "digits"),
    ("point-number?lon=127&lat=37&number=다사", "number"),
    ("point-number?number=" + "다" * 61, "number"),
    ("region?lon=127", "lat"),
    ("address", "q"),
    ("address?q=...", "q"),
    ("address?q=" + "가" * 101, "q"),
    ("address?q=가&limit=0", "limit"),
    ("address?q=가&lon=1&lat=1", "q"),
    ("address?lon=127", "lat"),
]


@pytest.mark.parametrize(("path", "field"), WRONG, ids=lambda v: v[:40])
def test_what_cannot_be_asked_is_named_with_its_remedy(app: Flask, path: str, field: str) -> None:
    told = ask(app, path, status=400)
    assert (told["code"], told["field"]) == ("BAD_REQUEST", field)
    assert told["detail"].count(".") >= 1 and len(told["detail"]) < 700


@pytest.mark.parametrize("path", ["point-number?number=가나다라", "point-number?lon=0&lat=0"])
def test_no_point_number(app: Flask, path: str) -> None:
    assert ask(app, path, status=400)["code"] == "POINT_NUMBER"


def test_common_functions_need_the_function_and_count(app: Flask) -> None:
    key, text = new_key(app, functions=COMMON)
    ask(app, f"point-number?{CITY_HALL}", text)
    ask(app, "point-number?lon=999&lat=0", text, status=400)
    assert used(app, key.id) == 1
    other = new_key(app, functions=frozenset(("basemap", "content", "twin", "manage")))[1]
    assert ask(app, f"point-number?{CITY_HALL}", other, status=403)["code"] == "SCOPE"


def test_answers_are_for_the_caller_alone(app: Flask) -> None:
    answer = app.test_client().get(f"/common/point-number?{CITY_HALL}")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Authorization" in answer.headers["Vary"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_scene_is_as_large_as_the_tests_take_it(app: Flask) -> None:
    with rasterio.open(archive(app, "dem")) as dataset:
        assert (dataset.width, dataset.height) == (SIDE, SIDE)
