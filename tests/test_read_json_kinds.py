"""The kinds of JSON that are no GeoJSON: TopoJSON, Esri JSON, JSON-FG. Positions, types and faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely

from naru.errors import CrsRefused, FileDamaged, NoFeatures, TooLarge
from tests.reading import column, frame, read, read_one, reasons

ARCS = [[[0, 0], [10, 0], [0, 10]], [[10, 10], [-10, 0], [0, -10]]]
QUANTISED = {"scale": [0.01, 0.01], "translate": [127, 37]}


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    return path


def topology(objects: object, **members: object) -> dict[str, object]:
    return {"type": "Topology", "arcs": ARCS, "transform": QUANTISED, "objects": objects, **members}


def collection(*geometries: object) -> dict[str, object]:
    return {"type": "GeometryCollection", "geometries": list(geometries)}


# --- TopoJSON ---------------------------------------------------------------------------------------


def test_topojson_neighbourhoods_lie_where_the_shapefile_has_them(shared, tmp_path: Path) -> None:
    dong = read_one(shared("data/seoul_json/seoul_neighborhoods_topo_simple.json"), tmp_path / "a")
    gu = read_one(shared("data/seoul_juso2015/seoul_municipalities.shp"), tmp_path / "b")
    assert dong.features_kept == 467
    assert "대방동" in column(dong, "EMD_KOR_NM")
    assert list(dong.bounds) == pytest.approx(list(gu.bounds), abs=0.005)


def test_arcs_are_delta_coded_turned_and_joined(tmp_path: Path) -> None:
    ring = {"type": "Polygon", "arcs": [[0, 1]], "id": 7, "properties": {"이름": "가"}}
    back = {"type": "LineString", "arcs": [~1], "properties": {}}
    layer = read_one(write(tmp_path / "x.json", topology({"구역": collection(ring, back)})), tmp_path / "out")
    assert layer.name == "구역"
    square, line = frame(layer).geometry
    assert square.equals(shapely.box(127, 37, 127.1, 37.1))
    assert line.equals_exact(shapely.LineString([(127, 37), (127, 37.1), (127.1, 37.1)]), 1e-9)
    assert (column(layer, "id"), column(layer, "이름")) == ([7, None], ["가", None])


def test_each_collection_is_a_layer_and_single_objects_are_one_together(tmp_path: Path) -> None:
    line = {"type": "LineString", "arcs": [0]}
    objects = {"a": collection(line), "b": line, "c": line}
    layers = read(write(tmp_path / "길.topojson", topology(objects)), tmp_path / "out")
    assert [(la.name, la.features_kept) for la in layers] == [("a", 1), ("길", 2)]
    assert column(layers[1], "object") == ["b", "c"]


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        ({"type": "LineString", "arcs": [9]}, "geometry cannot be read"),
        ({"type": "LineString", "arcs": ["0"]}, "geometry cannot be read"),
        ({"type": "Polygon", "arcs": [0]}, "geometry cannot be read"),
        ({"type": "Point", "coordinates": [0]}, "geometry cannot be read"),
        ({"type": "Point", "coordinates": []}, "empty geometry"),
        ({"type": None, "properties": {}}, "no geometry"),
    ],
)
def test_a_malformed_topojson_geometry_costs_that_feature(tmp_path: Path, geometry: object, reason: str) -> None:
    good = {"type": "LineString", "arcs": [0]}
    layer = read_one(write(tmp_path / "x.json", topology({"a": collection(good, geometry)})), tmp_path / "out")
    assert reasons(layer.dropped) == {reason: 1}


def test_an_arc_used_without_end_is_stopped(tmp_path: Path) -> None:
    arc = [[0, 0], *[[1, n % 2] for n in range(2000)]]
    lines = [{"type": "LineString", "arcs": [0]} for _ in range(50_000)]
    document = {"type": "Topology", "arcs": [arc], "objects": {"a": collection(*lines)}}
    with pytest.raises(TooLarge, match="vertices allowed"):
        read(write(tmp_path / "x.json", document), tmp_path / "out")


def test_topojson_that_is_not_in_degrees_is_asked_about(tmp_path: Path) -> None:
    document = topology({"a": collection({"type": "LineString", "arcs": [0]})})
    document["transform"] = {"scale": [1, 1], "translate": [198000, 551000]}
    path = write(tmp_path / "x.json", document)
    with pytest.raises(CrsRefused, match="no degrees"):
        read(path, tmp_path / "a")
    west, south, *_ = read_one(path, tmp_path / "b", crs="EPSG:5186").bounds
    assert (west, south) == pytest.approx((126.977, 37.558), abs=0.001)


@pytest.mark.parametrize(
    ("member", "value", "says"),
    [
        ("arcs", {}, "`arcs` is no array"),
        ("transform", [1], "`transform`"),
        ("objects", 3, "`objects` is no object"),
    ],
)
def test_topojson_with_a_wrong_member_is_refused_by_its_name(tmp_path: Path, member, value, says: str) -> None:
    with pytest.raises(FileDamaged, match=says):
        read(write(tmp_path / "x.json", topology({}) | {member: value}), tmp_path / "out")


# --- Esri JSON --------------------------------------------------------------------------------------


def esri(*geometries: object, **members: object) -> dict[str, object]:
    features = [{"attributes": {"n": n}, "geometry": g} for n, g in enumerate(geometries)]
    return {
        "geometryType": "esriGeometryPolygon",
        "spatialReference": {"wkid": 4326},
        "features": features,
    } | members


def test_esri_rings_become_polygons_with_their_holes_in_any_order(tmp_path: Path) -> None:
    outer = [[0, 0], [0, 9], [9, 9], [9, 0], [0, 0]]
    hole = [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]
    island = [[20, 0], [20, 1], [21, 1], [21, 0], [20, 0]]
    document = esri({"rings": [hole, island, outer]})
    shape = frame(read_one(write(tmp_path / "x.json", document), tmp_path / "out")).geometry[0]
    assert shape.area == pytest.approx(81 - 1 + 1)
    assert len(shape.geoms) == 2


def test_esri_fields_have_their_types_and_dates_are_moments(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/gdal_esrijson/esripoint.json"), tmp_path)
    moment = column(layer, "fooDate")[0]
    assert moment.isoformat() == "2021-12-31T00:00:00+00:00"
    assert str(column(layer, "fooDateOnly")[0]) == "2025-09-20"
    assert column(layer, "fooBigInteger") == [1234567890123456]


@pytest.mark.parametrize(
    ("reference", "label"),
    [
        ({"wkid": 102100, "latestWkid": 3857}, "EPSG:3857"),
        ({"wkid": 102100}, "EPSG:3857"),
        ({"wkid": 5179}, "EPSG:5179"),
    ],
)
def test_esri_wkids_are_understood(tmp_path: Path, reference: dict[str, int], label: str) -> None:
    x, y = (14134893, 4518355) if label == "EPSG:3857" else (953925, 1952047)
    path = write(tmp_path / "x.json", esri({"x": x, "y": y}, spatialReference=reference))
    layer = read_one(path, tmp_path / "out")
    assert layer.crs == label
    assert layer.bounds[:2] == pytest.approx((126.975, 37.566), abs=0.01)


def test_esri_heights_stay_and_measures_are_told(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/gdal_esrijson/esrizmmultipoint.json"), tmp_path)
    assert frame(layer).geometry[0].wkt == "MULTIPOINT Z ((2 49 1), (3 50 2))"
    assert "measures (M) of 1 features were left out; heights stay" in layer.warnings


@pytest.mark.parametrize(
    "segments",
    [
        [{"c": [[126, 37], [127, 38]]}, {"c": [[128, 37], [127, 36]]}],
        [{"a": [[126, 37], [127, 37], 0, 0]}, {"a": [[128, 37], [127, 37], 0, 0]}],
    ],
)
def test_esri_circles_become_lines_and_are_counted(tmp_path: Path, segments: list[object]) -> None:
    document = esri({"curveRings": [[[128, 37], *segments]]})
    layer = read_one(write(tmp_path / "x.json", document), tmp_path / "out")
    assert frame(layer).geometry[0].area == pytest.approx(3.14159, rel=1e-3)
    assert reasons(layer.repaired) == {"curve turned into lines": 1}


def test_esri_without_a_reference_is_a_guess_that_is_told(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/gdal_esrijson/esrilinestring.json"), tmp_path)
    assert any("is a guess" in w for w in layer.warnings)


def test_esri_left_incomplete_by_its_server_is_told(tmp_path: Path) -> None:
    document = esri({"x": 127, "y": 37}, exceededTransferLimit=True)
    layer = read_one(write(tmp_path / "x.json", document), tmp_path / "out")
    assert any("exceededTransferLimit" in w for w in layer.warnings)


def test_esri_with_empty_rings_is_refused_with_the_count(shared, tmp_path: Path) -> None:
    with pytest.raises(NoFeatures, match="1 × empty geometry"):
        read(shared("data/gdal_esrijson/esripolygonempty.json"), tmp_path)


# --- JSON-FG ----------------------------------------------------------------------------------------


def placed(place: object, system: object, **members: object) -> dict[str, object]:
    feature = {"type": "Feature", "geometry": None, "place": place, "properties": {"n": 1}, **members}
    return {"type": "FeatureCollection", "conformsTo": ["x"], "coordRefSys": system, "features": [feature]}


@pytest.mark.parametrize(
    "system",
    ["[EPSG:5186]", "http://www.opengis.net/def/crs/EPSG/0/5186", {"type": "Reference", "href": "[EPSG:5186]"}],
)
def test_a_place_is_in_the_order_of_its_systems_axes(tmp_path: Path, system: object) -> None:
    north_then_east = {"type": "Point", "coordinates": [551900.81, 198080.69]}
    layer = read_one(write(tmp_path / "x.json", placed(north_then_east, system)), tmp_path / "out")
    assert layer.crs == "EPSG:5186"
    assert layer.bounds[:2] == pytest.approx((126.978275, 37.566642), abs=1e-5)


def test_geometry_goes_before_place(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/gdal_jsonfg/crs_32631_fc_and_feat.json"), tmp_path)
    assert (layer.crs, frame(layer).geometry[0].wkt) == ("EPSG:4326", "POINT (0 0)")


def test_places_in_several_systems_come_together_on_wgs_84(tmp_path: Path) -> None:
    document = placed({"type": "Point", "coordinates": [551900.81, 198080.69]}, "[EPSG:5186]")
    document["features"].append(  # type: ignore[attr-defined]
        {"type": "Feature", "coordRefSys": "[EPSG:4326]", "place": {"type": "Point", "coordinates": [37.5, 127]}}
    )
    layer = read_one(write(tmp_path / "x.json", document), tmp_path / "out")
    assert layer.crs == "EPSG:4326"
    assert list(frame(layer).geometry.x) == pytest.approx([126.978275, 127])


def test_time_and_feature_type_become_fields_and_a_prism_its_base(shared, tmp_path: Path) -> None:
    time = {"interval": ["2024-01-01", ".."]}
    place = {"type": "Point", "coordinates": [127, 37]}
    document = placed(place, "http://www.opengis.net/def/crs/OGC/0/CRS84", time=time, featureType="수문")
    layer = read_one(write(tmp_path / "x.json", document), tmp_path / "a")
    assert (column(layer, "time"), column(layer, "featureType")) == (["2024-01-01/.."], ["수문"])
    prism = read_one(shared("data/gdal_jsonfg/prism_with_polygon_base.json"), tmp_path / "b")
    assert (column(prism, "lower"), column(prism, "upper"), prism.geometry) == ([10], [20], "polygon")


def test_a_curved_polygon_of_json_fg_is_drawn(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/gdal_jsonfg/CurvePolygon.json"), tmp_path)
    assert frame(layer).geometry[0].area == pytest.approx(100 - 3.14159 * 16, rel=1e-3)


# --- all of them ------------------------------------------------------------------------------------


def test_commas_too_many_are_forgiven_and_other_faults_told_with_their_place(tmp_path: Path) -> None:
    text = json.dumps(topology({"a": collection({"type": "LineString", "arcs": [0]})}))
    path = tmp_path / "x.json"
    path.write_text(text.replace('"arcs": [0]', '"arcs": [0,]'))
    assert read_one(path, tmp_path / "a").features_kept == 1
    path.write_text(text[: len(text) // 2])
    with pytest.raises(FileDamaged, match=r"not valid JSON.*line 1, column"):
        read(path, tmp_path / "b")


def test_cp949_is_read_and_told(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    line = {"type": "LineString", "arcs": [0], "properties": {"이름": "뚝섬"}}
    path.write_bytes(json.dumps(topology({"a": collection(line)}), ensure_ascii=False).encode("cp949"))
    layer = read_one(path, tmp_path / "out")
    assert (column(layer, "이름"), layer.encoding) == (["뚝섬"], "CP949")
