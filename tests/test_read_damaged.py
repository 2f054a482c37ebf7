"""One bad feature never loses a layer, and every feature is accounted for: read = kept + dropped."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from naru.errors import BadInput, FileDamaged, NoFeatures
from tests.reading import column, dbf, frame, geojson, point, read, read_one, reasons, shapefile

SQUARE = [[127, 37], [127.1, 37], [127.1, 37.1], [127, 37.1], [127, 37]]
BOWTIE = [[127, 37], [127.1, 37.1], [127.1, 37], [127, 37.1], [127, 37]]


def polygon(*rings: list) -> dict:
    return {"type": "Polygon", "coordinates": list(rings)}


def line(*coordinates: list) -> dict:
    return {"type": "LineString", "coordinates": list(coordinates)}


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        (None, "no geometry"),
        ({"type": "MultiPoint", "coordinates": []}, "empty geometry"),
        (line([127, 37], [127, 37]), "line of zero length"),
        (polygon([[127, 37], [127.1, 37], [127, 37], [127, 37]]), "polygon without area"),
        (point(127, 91), "outside the range of longitude and latitude"),
        ({"type": "Point", "coordinates": ["127", "37"]}, "malformed GeoJSON geometry"),
        ({"type": "Polygon", "coordinates": [127, 37]}, "malformed GeoJSON geometry"),
    ],
)
def test_what_cannot_be_drawn_is_dropped_with_its_reason(tmp_path: Path, geometry: object, reason: str) -> None:
    good = [point(127 + n / 100, 37) for n in range(5)]
    layer = read_one(geojson(tmp_path / "x.geojson", *good, geometry), tmp_path / "out")
    assert (layer.features_read, layer.features_kept) == (6, 5)
    assert reasons(layer.dropped) == {reason: 1}
    assert column(layer, "n") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("geometry", "reason", "area"),
    [
        (polygon(SQUARE[:-1]), "open ring closed", 0.01),
        (polygon(BOWTIE), "self-crossing or overlapping rings repaired", 0.005),
        (polygon([*SQUARE[:2], *SQUARE[1:]]), "repeated vertices removed", 0.01),
        (
            {"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE]]},
            "self-crossing or overlapping rings repaired",
            0.01,
        ),
    ],
)
def test_what_can_be_repaired_is_repaired_and_counted(tmp_path: Path, geometry, reason: str, area: float) -> None:
    layer = read_one(geojson(tmp_path / "x.geojson", geometry), tmp_path / "out")
    repaired = frame(layer).geometry[0]
    assert reasons(layer.repaired) == {reason: 1}
    assert repaired.is_valid
    assert repaired.area == pytest.approx(area)
    assert repaired.geom_type in {"Polygon", "MultiPolygon"}


def test_a_collection_of_one_family_becomes_a_plain_geometry(tmp_path: Path) -> None:
    inside = {
        "type": "GeometryCollection",
        "geometries": [polygon(SQUARE), {"type": "MultiPolygon", "coordinates": []}],
    }
    layer = read_one(geojson(tmp_path / "x.geojson", inside), tmp_path / "out")
    assert frame(layer).geometry[0].geom_type == "Polygon"


def test_a_malformed_feature_is_named(tmp_path: Path) -> None:
    bad = {"type": "LineString", "coordinates": [[127, 37], [127]]}
    layer = read_one(geojson(tmp_path / "x.geojson", point(), bad), tmp_path / "out")
    assert any("feature 1: a position of a LineString has 1 numbers" in w for w in layer.warnings)


def test_salvage_keeps_the_crs_member(tmp_path: Path) -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::5186"}}
    bad = {"type": "Point", "coordinates": ["a", "b"]}
    layer = read_one(geojson(tmp_path / "x.geojson", point(198056, 551885), bad, crs=crs), tmp_path / "out")
    assert (layer.crs, layer.features_kept) == ("EPSG:5186", 1)


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({"type": "FeatureCollection", "features": {}}, "`features` is no array"),
        ({"type": "Feature", "properties": {}, "geometry": "x"}, "`geometry` is no object"),
        ({"type": "Point", "coordinates": [[127, 37]]}, "nested too deeply"),
        ({"type": "Feature", "geometry": {"type": "Blob", "coordinates": []}, "properties": {}}, "Blob"),
    ],
)
def test_geojson_that_is_wrong_throughout_names_the_member(tmp_path: Path, document: dict, word: str) -> None:
    (tmp_path / "x.geojson").write_text(json.dumps(document))
    with pytest.raises(BadInput) as refused:
        read(tmp_path / "x.geojson", tmp_path / "out")
    assert word in refused.value.message


def test_cut_geojson_is_refused_with_the_position(shared, tmp_path: Path) -> None:
    with pytest.raises(FileDamaged, match=r"ends too early \(line 12, column"):
        read(shared("data/truncated/cut.geojson"), tmp_path)


# --- shapefiles -------------------------------------------------------------------------------------

POINTS = [(127 + n / 100, 37.5) for n in range(10)]


def ten_points(folder: Path) -> Path:
    return shapefile(folder / "in" / "x", POINTS, dbf([b"n"], [[str(n).encode()] for n in range(10)]))


def test_a_cut_shp_gives_what_is_left_and_counts_the_rest(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/truncated/shp_truncated/shp_truncated.shp"), tmp_path)
    assert (layer.features_read, layer.features_kept) == (25, 11)
    assert reasons(layer.dropped) == {"record lies beyond the end of the .shp": 14}
    assert "the .shp is cut off: 11 of 25 shapes can be read" in layer.warnings


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(0, 380))
def test_a_shp_cut_anywhere_is_accounted_for_or_refused(tmp_path: Path, length: int) -> None:
    path = ten_points(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    whole = max(0, (length - 100) // 28)
    if whole == 0:
        with pytest.raises(BadInput):
            read(path, tmp_path / "out")
        return
    layer = read_one(path, tmp_path / "out")
    assert (layer.features_read, layer.features_kept) == (10, whole)
    assert column(layer, "n") == [str(n) for n in range(whole)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(0, 179))
def test_a_shx_cut_anywhere_loses_nothing(tmp_path: Path, length: int) -> None:
    path = ten_points(tmp_path)
    index = path.with_suffix(".shx")
    index.write_bytes(index.read_bytes()[:length])
    layer = read_one(path, tmp_path / "out")
    assert (layer.features_kept, column(layer, "n")) == (10, [str(n) for n in range(10)])


def test_a_missing_shx_is_made_anew_beside_nothing_of_the_users(tmp_path: Path) -> None:
    path = ten_points(tmp_path)
    path.with_suffix(".shx").unlink()
    layer = read_one(path, tmp_path / "out")
    assert layer.features_kept == 10
    assert any("no .shx" in w for w in layer.warnings)
    assert not path.with_suffix(".shx").exists()


def test_a_shx_with_lying_offsets_loses_nothing(tmp_path: Path) -> None:
    path = ten_points(tmp_path)
    index = bytearray(path.with_suffix(".shx").read_bytes())
    index[100:108] = struct.pack(">ii", 2**29, 2**29)
    path.with_suffix(".shx").write_bytes(index)
    assert read_one(path, tmp_path / "out").features_kept == 10


def test_a_missing_dbf_gives_features_without_attributes(tmp_path: Path) -> None:
    path = ten_points(tmp_path)
    path.with_suffix(".dbf").unlink()
    layer = read_one(path, tmp_path / "out")
    assert layer.features_kept == 10
    assert any("no .dbf" in w for w in layer.warnings)


@pytest.mark.parametrize("length", [5, 40, 200])
def test_a_cut_dbf_is_refused_or_warned_of(tmp_path: Path, length: int) -> None:
    path = ten_points(tmp_path)
    table = path.with_suffix(".dbf")
    table.write_bytes(table.read_bytes()[:length])
    try:
        layer = read_one(path, tmp_path / "out")
    except FileDamaged as error:
        assert ".dbf" in error.message
        return
    assert layer.features_kept == 10
    assert any("rows" in w for w in layer.warnings)


def test_a_dbf_that_claims_more_rows_than_it_has(shared, tmp_path: Path) -> None:
    assert read_one(shared("data/truncated/dbf_count_lies/dbf_count_lies.shp"), tmp_path).features_kept == 25


@pytest.mark.parametrize("name", ["buggymultiline", "buggymultipoly", "buggypoint"])
def test_a_damaged_record_is_told_from_a_missing_geometry(shared, tmp_path: Path, name: str) -> None:
    with pytest.raises(NoFeatures, match="1 × shape record damaged"):
        read(shared(f"data/gdal_shp/{name}.shp"), tmp_path, crs="EPSG:4326")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 700), value=st.integers(0, 255), part=st.sampled_from([".shp", ".shx", ".dbf"]))
def test_a_changed_byte_never_kills_the_caller(tmp_path: Path, position: int, value: int, part: str) -> None:
    path = ten_points(tmp_path)
    data = bytearray(path.with_suffix(part).read_bytes())
    data[position % len(data)] = value
    path.with_suffix(part).write_bytes(data)
    try:
        layers = read(path, tmp_path / "out")
    except BadInput as error:
        assert error.file
        return
    for layer in layers:
        assert layer.features_read == layer.features_kept + sum(c.count for c in layer.dropped)
        assert shapely.is_valid(frame(layer).geometry.to_numpy()).all()
