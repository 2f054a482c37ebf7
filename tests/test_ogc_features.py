"""OGC API - Features: assertions of the executable test suite (ogcapi-features-1.0, -2.0) and real clients.

Test names end with the abstract test that they stand for, where there is one (17-069r4 annex A, 18-058r1 annex A).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import openapi_spec_validator
import pyogrio
import pytest
from flask import Flask
from owslib.ogcapi.features import Features
from pyproj import Transformer
from shapely import Point

from tests.conftest import Served, naru_json, require_tool, start_server, stop_server
from tests.serving import new_key, open_app, settings_of

ITEMS = "/ogc/collections/sites/items"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
ROWS = 250


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with points along a line east of City Hall, one a day, and a private layer of the same."""
    folder = tmp_path_factory.mktemp("ogc")
    frame = gpd.GeoDataFrame(
        {
            "이름": [f"지점 {n}" for n in range(ROWS)],
            "구분": ["가" if n % 5 else "나" for n in range(ROWS)],
            "n": range(ROWS),
            "height": [n / 4 for n in range(ROWS)],
            "open": [n % 2 == 0 for n in range(ROWS)],
            "limit_": [None] * ROWS,
        },
        geometry=[Point(126.9 + n / 1000, 37.5) for n in range(ROWS)],
        crs=4326,
    ).to_crs(5186)
    frame["날짜"] = gpd.pd.date_range("2024-01-01", periods=ROWS, freq="D").date
    frame.to_parquet(folder / "sites.parquet", write_covering_bbox=True)
    naru_json("ingest", str(folder / "sites.parquet"), "--title", "지점", home=folder / "home")
    words = ("--id", "secret", "--visibility", "private")
    naru_json("ingest", str(folder / "sites.parquet"), *words, home=folder / "home")
    return folder / "home"


@pytest.fixture(scope="module")
def app(home: Path) -> Flask:
    return open_app(settings_of(home))


@pytest.fixture(scope="module")
def served(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = start_server(home, tmp_path_factory.mktemp("log") / "serve.log")
    yield running
    stop_server(running)


def get(app: Flask, path: str, status: int = 200, **query: Any) -> Any:
    answer = app.test_client().get(path, query_string={name.replace("_", "-"): v for name, v in query.items()})
    assert answer.status_code == status, answer.text
    return answer.json


def links(document: Any) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in document["links"]}


def test_the_landing_page_leads_to_everything__core_root_success(app: Flask) -> None:
    for path in ("/ogc/", "/ogc"):
        found = links(get(app, path))
        assert {"self", "service-desc", "service-doc", "conformance", "data"} <= set(found)
        for link in get(app, path)["links"]:
            assert link["rel"] and link["type"]
            assert app.test_client().get(link["href"]).status_code == 200, link


def test_every_declared_class_is_one_of_the_standards__core_conformance_success(app: Flask) -> None:
    declared = get(app, "/ogc/conformance")["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in declared
    assert "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs" in declared
    assert len(declared) == len(set(declared))


def test_the_interface_is_described_in_openapi_3_0__core_api_definition(app: Flask) -> None:
    answer = app.test_client().get("/ogc/api")
    assert answer.content_type == "application/vnd.oai.openapi+json;version=3.0"
    openapi_spec_validator.validate(answer.json)
    items = answer.json["paths"]["/ogc/collections/{layer}/items"]["get"]
    limit = next(p for p in items["parameters"] if p["name"] == "limit")
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 10000, "default": 100}
    assert limit["explode"] is False and limit["style"] == "form"


def test_collections_are_those_that_the_caller_may_see__core_fc_md_success(app: Flask) -> None:
    assert [c["id"] for c in get(app, "/ogc/collections")["collections"]] == ["sites"]
    _, text = new_key(app, access="private")
    found = get(app, "/ogc/collections", key=text)
    assert [c["id"] for c in found["collections"]] == ["secret", "sites"]
    assert f"?key={text}" in links(found["collections"][0])["items"]
    assert get(app, "/ogc/collections/secret", 404)["code"] == "LAYER_NOT_FOUND"
    assert get(app, "/ogc/collections/secret/items", 404)["code"] == "LAYER_NOT_FOUND"


def test_a_collection_says_what_where_and_when_it_is__core_sfc_md_success(app: Flask) -> None:
    found = get(app, "/ogc/collections/sites")
    assert (found["id"], found["title"], found["itemType"]) == ("sites", "지점", "feature")
    assert found["extent"]["spatial"]["bbox"][0] == pytest.approx([126.9, 37.5, 127.149, 37.5], abs=1e-4)
    assert found["extent"]["temporal"]["interval"] == [["2024-01-01T00:00:00Z", "2024-09-06T00:00:00Z"]]
    assert found["storageCrs"] == f"{EPSG}5186" and found["storageCrs"] in found["crs"]
    assert found["crs"][0] == CRS84 and {f"{EPSG}5179", f"{EPSG}4326"} <= set(found["crs"])
    assert found == next(c for c in get(app, "/ogc/collections")["collections"] if c["id"] == "sites")


def test_a_page_has_what_it_says__core_fc_response(app: Flask) -> None:
    found = get(app, ITEMS)
    assert found["type"] == "FeatureCollection" and found["timeStamp"].endswith("Z")
    assert (found["numberMatched"], found["numberReturned"], len(found["features"])) == (ROWS, 100, 100)
    first = found["features"][0]
    assert first["id"] == 1 and first["properties"]["이름"] == "지점 0"
    assert first["properties"]["날짜"] == "2024-01-01" and first["properties"]["open"] is True
    assert first["geometry"]["coordinates"] == pytest.approx([126.9, 37.5], abs=1e-6)


def test_leafing_through_finds_every_feature_once__core_fc_links(app: Flask) -> None:
    ids, path = [], f"{ITEMS}?limit=60&구분=가"
    while path:
        page = app.test_client().get(path).json
        ids += [feature["id"] for feature in page["features"]]
        path = links(page).get("next", "")
    assert ids == [n + 1 for n in range(ROWS) if n % 5]


@pytest.mark.parametrize(
    ("limit", "status", "returned"),
    [("1", 200, 1), ("10001", 200, ROWS), ("0", 400, 0), ("-1", 400, 0), ("ten", 400, 0), ("1.5", 400, 0)],
)
def test_limit__core_fc_limit_response(app: Flask, limit: str, status: int, returned: int) -> None:
    found = get(app, ITEMS, status, limit=limit)
    assert status == 400 or len(found["features"]) == returned


def test_a_box_chooses_what_meets_it__core_fc_bbox_response(app: Flask) -> None:
    found = get(app, ITEMS, bbox="126.9095,37.4,126.9125,37.6")
    assert [f["id"] for f in found["features"]] == [11, 12, 13]
    with_heights = get(app, ITEMS, bbox="126.9095,37.4,-50,126.9125,37.6,9000")
    assert [f["id"] for f in with_heights["features"]] == [11, 12, 13]
    assert get(app, ITEMS, bbox="0,0,1,1")["numberMatched"] == 0
    assert get(app, ITEMS, bbox="170,0,130,60")["numberMatched"] == ROWS  # over the 180th meridian, to 130 E


@pytest.mark.parametrize("bbox", ["1,2,3", "1,2,3,4,5", "a,b,c,d", "1,5,2,4", "", "nan,0,1,1", "1,2,3,4,5,6,7"])
def test_a_box_that_is_none_is_refused__core_fc_bbox_definition(app: Flask, bbox: str) -> None:
    assert get(app, ITEMS, 400, bbox=bbox)["code"] in ("SELECTION", "BAD_REQUEST")


@pytest.mark.parametrize(
    ("period", "ids"),
    [
        ("2024-01-03", [3]),
        ("2024-01-03/2024-01-05", [3, 4, 5]),
        ("../2024-01-02", [1, 2]),
        ("2024-09-05/..", [249, 250]),
        ("2024-01-03T00:00:00Z", [3]),
        ("2030-01-01/..", []),
    ],
)
def test_a_period_chooses_by_the_date_field__core_fc_time_response(app: Flask, period: str, ids: list[int]) -> None:
    assert [f["id"] for f in get(app, ITEMS, datetime=period)["features"]] == ids


@pytest.mark.parametrize(
    "period",
    [
        "yesterday",
        "2024-13-01",
        "2024-01-05/2024-01-01",
        "../..",
        "/",
        "0001-01-01T00:00:00+09:00",
        "9999-12-31T23:59:59-09:00",
    ],
)
def test_a_period_that_is_none_is_refused__core_fc_time_definition(app: Flask, period: str) -> None:
    assert get(app, ITEMS, 400, datetime=period)["code"] == "SELECTION"


def test_fields_filter_by_value_in_their_type(app: Flask) -> None:
    assert [f["id"] for f in get(app, ITEMS, n="7")["features"]] == [8]
    assert [f["id"] for f in get(app, ITEMS, height="0.25")["features"]] == [2]
    assert get(app, ITEMS, open="false", 구분="나")["numberMatched"] == 25
    assert get(app, ITEMS, 400, n="seven")["code"] == "SELECTION"


@pytest.mark.parametrize("query", [{"nosuch": "1"}, {"LIMIT": "1"}, {"f": "html"}])
def test_an_unknown_parameter_is_refused__core_query_param_unknown(app: Flask, query: dict[str, str]) -> None:
    assert get(app, ITEMS, 400, **query)["code"] == "BAD_REQUEST"


def test_a_repeated_parameter_is_refused(app: Flask) -> None:
    assert app.test_client().get(f"{ITEMS}?limit=1&limit=2").status_code == 400


@pytest.mark.parametrize("path", ["/0", "/251", "/x", "/01", "/-1", "/1.0", "/" + "9" * 40])
def test_a_feature_that_is_not_there__core_f_success(app: Flask, path: str) -> None:
    assert get(app, ITEMS + path, 404)["code"] == "FEATURE_NOT_FOUND"


def test_one_feature__core_f_success(app: Flask) -> None:
    found = get(app, f"{ITEMS}/42")
    assert (found["type"], found["id"], found["properties"]["n"]) == ("Feature", 42, 41)
    assert {"self", "collection"} <= set(links(found))
    assert found["geometry"] == get(app, ITEMS, n="41")["features"][0]["geometry"]


@pytest.mark.parametrize(("code", "north_first"), [(5186, True), (5179, True), (4326, True), (3857, False)])
def test_coordinates_come_in_the_axis_order_of_the_system__crs_coordinate_order(
    app: Flask, code: int, north_first: bool
) -> None:
    answer = app.test_client().get(f"{ITEMS}?limit=1&crs={EPSG}{code}")
    assert answer.headers["Content-Crs"] == f"<{EPSG}{code}>"
    x, y = Transformer.from_crs(4326, code, always_xy=True).transform(126.9, 37.5)
    wanted = [y, x] if north_first else [x, y]
    assert answer.json["features"][0]["geometry"]["coordinates"] == pytest.approx(wanted, abs=0.01)


def test_without_crs_it_is_crs84__crs_default(app: Flask) -> None:
    answer = app.test_client().get(f"{ITEMS}?limit=1")
    assert answer.headers["Content-Crs"] == f"<{CRS84}>"
    assert answer.content_type == "application/geo+json"


def test_a_box_is_read_in_the_axis_order_of_its_system__crs_bbox_crs(app: Flask) -> None:
    to = Transformer.from_crs(4326, 5186, always_xy=True)
    west, south = to.transform(126.9095, 37.4)
    east, north = to.transform(126.9125, 37.6)
    query = {"bbox": f"{south},{west},{north},{east}", "bbox-crs": f"{EPSG}5186"}
    answer = app.test_client().get(ITEMS, query_string=query)
    assert [f["id"] for f in answer.json["features"]] == [11, 12, 13]


@pytest.mark.parametrize("crs", ["EPSG:99999", f"{EPSG}2154", "http://127.0.0.1:1/", "WKT", ""])
@pytest.mark.parametrize("name", ["crs", "bbox-crs"])
def test_a_system_that_is_not_offered_is_refused__crs_crs_parameter(app: Flask, name: str, crs: str) -> None:
    answer = app.test_client().get(ITEMS, query_string={name: crs, "bbox": "1,2,3,4"})
    assert answer.status_code == 400 and answer.content_type == "application/problem+json"


def test_an_answer_is_known_again_until_a_new_version(app: Flask) -> None:
    first = app.test_client().get(ITEMS)
    again = app.test_client().get(ITEMS, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    other = app.test_client().get(f"{ITEMS}?limit=5", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200


def test_queryables_name_the_fields_and_their_types(app: Flask) -> None:
    found = get(app, "/ogc/collections/sites/queryables")["properties"]
    assert found["n"] == {"type": "integer"} and found["이름"] == {"type": "string"}
    assert found["날짜"] == {"type": "string", "format": "date"}


def test_gdal_of_the_wheel_reads_every_feature_over_many_pages(served: Served) -> None:
    frame = gpd.read_file(f"OAPIF:{served.url}/ogc", layer="sites", engine="pyogrio")
    assert len(frame) == ROWS and set(frame["구분"]) == {"가", "나"}
    assert frame.crs == 5186  # this GDAL asks for the storage system
    first = frame.to_crs(4326).geometry.iloc[0]
    assert (first.x, first.y) == pytest.approx((126.9, 37.5), abs=1e-6)
    assert [name for name, _ in pyogrio.list_layers(f"OAPIF:{served.url}/ogc")] == ["sites"]


def test_gdal_of_debian_reads_counts_and_filters(served: Served) -> None:
    require_tool("ogrinfo")
    told = subprocess.run(
        ["ogrinfo", "-al", "-so", f"OAPIF:{served.url}/ogc", "sites"], capture_output=True, text=True, check=True
    ).stdout
    assert f"Feature Count: {ROWS}" in told and "이름: String" in told
    box = ("-spat", "126.9095", "37.4", "126.9125", "37.6")
    some = subprocess.run(
        ["ogrinfo", "-al", *box, f"OAPIF:{served.url}/ogc", "sites"], capture_output=True, text=True, check=True
    ).stdout
    assert some.count("OGRFeature(sites)") == 3


def test_gdal_reads_a_northing_first_system_the_right_way_round(served: Served) -> None:
    options = {"CRS": "EPSG:5179"}
    frame = gpd.read_file(f"OAPIF:{served.url}/ogc", layer="sites", engine="pyogrio", max_features=1, **options)
    x, y = Transformer.from_crs(4326, 5179, always_xy=True).transform(126.9, 37.5)
    assert (frame.geometry.iloc[0].x, frame.geometry.iloc[0].y) == pytest.approx((x, y), abs=0.01)


def test_owslib_reads_the_service(served: Served) -> None:
    service = Features(f"{served.url}/ogc/")
    assert service.feature_collections() == ["sites"]
    found = service.collection_items("sites", limit=7, bbox=[126.9, 37.4, 126.95, 37.6])
    assert found["numberReturned"] == 7
    assert json.dumps(found, ensure_ascii=False).count('"지점 ') == 7
