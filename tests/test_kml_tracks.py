"""Time in KML: tracks with a time at each position, TimeStamp and TimeSpan, and fields typed by each Schema."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.reading import column, frame, read, read_one, reasons
from tests.test_kml import AT, DATA, HEAD, SCHEMA_DATA, SIMPLE, kml, placemark

TIMES = ["2024-07-01T09:00:00+09:00", "2024-07-01T09:00:10+09:00"]
PLACES = ["127 37.5 12", "127.1 37.6 14"]
ARRAY = '<gx:SimpleArrayData name="{}">{}</gx:SimpleArrayData>'


def track(times: list[str], places: list[str], inside: str = "") -> str:
    whens = "".join(f"<when>{t}</when>" for t in times)
    coords = "".join(f"<gx:coord>{p}</gx:coord>" for p in places)
    return f"<gx:Track><altitudeMode>absolute</altitudeMode>{whens}{coords}{inside}</gx:Track>"


def array(name: str, *values: str) -> str:
    data = ARRAY.format(name, "".join(f"<gx:value>{v}</gx:value>" for v in values))
    return f'<ExtendedData><SchemaData schemaUrl="#s">{data}</SchemaData></ExtendedData>'


def test_a_track_is_a_line_with_its_times_and_the_values_at_its_positions(tmp_path: Path) -> None:
    schema = '<Schema id="s"><gx:SimpleArrayField name="수온" type="float"/></Schema>'
    path = kml(tmp_path / "x.kml", schema + placemark("배", track(TIMES, PLACES, array("수온", "21.5", "22"))))
    layer = read_one(path, tmp_path / "out")
    assert frame(layer).geometry[0].wkt == "LINESTRING Z (127 37.5 12, 127.1 37.6 14)"
    assert column(layer, "begin") == [datetime(2024, 7, 1, tzinfo=UTC)]
    assert column(layer, "end") == [datetime(2024, 7, 1, 0, 0, 10, tzinfo=UTC)]
    assert json.loads(str(column(layer, "times")[0])) == TIMES
    assert json.loads(str(column(layer, "수온")[0])) == [21.5, 22.0]


def test_a_multitrack_has_one_list_of_times_for_each_track(tmp_path: Path) -> None:
    later = ["2024-07-01T10:00:00+09:00", "2024-07-01T10:00:10+09:00"]
    both = f"<gx:MultiTrack>{track(later, PLACES)}{track(TIMES, ['126 37', '126.5 37'])}</gx:MultiTrack>"
    layer = read_one(kml(tmp_path / "x.kml", placemark("배", both)), tmp_path / "out")
    assert frame(layer).geometry[0].geom_type == "MultiLineString"
    assert json.loads(str(column(layer, "times")[0])) == [later, TIMES]
    assert column(layer, "begin") == [datetime(2024, 7, 1, tzinfo=UTC)]
    assert column(layer, "end") == [datetime(2024, 7, 1, 1, 0, 10, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("times", "places", "wkt", "says"),
    [
        (TIMES[:1], PLACES[:1], "POINT Z (127 37.5 12)", ()),
        (TIMES, ["127 37.5 12", "127 37.5 9"], "POINT Z (127 37.5 12)", ("1 tracks that stay in one place",)),
        (TIMES[:1], PLACES, "LINESTRING Z (127 37.5 12, 127.1 37.6 14)", ("1 tracks have not as many times",)),
        (TIMES, ["127 37.5 12", "", "127.1 37.6 14"], "LINESTRING Z", ("1 tracks have not", "1 empty positions")),
        ([], ["127 37.5", "127.1 37.6"], "LINESTRING (127 37.5, 127.1 37.6)", ()),
    ],
)
def test_what_is_odd_about_a_track_is_told(tmp_path: Path, times, places, wkt: str, says: tuple[str, ...]) -> None:
    layer = read_one(kml(tmp_path / "x.kml", placemark("배", track(times, places))), tmp_path / "out")
    assert frame(layer).geometry[0].wkt.startswith(wkt)
    assert [w[: len(s)] for w, s in zip(layer.warnings, says, strict=True)] == list(says)


def test_a_single_place_beside_lines_of_a_multitrack_is_left_out_and_told(tmp_path: Path) -> None:
    both = f"<gx:MultiTrack>{track(TIMES, PLACES)}{track(TIMES[:1], PLACES[:1])}</gx:MultiTrack>"
    layer = read_one(kml(tmp_path / "x.kml", placemark("배", both)), tmp_path / "out")
    assert layer.geometry == "line"
    assert "1 parts of tracks with a single place were left out beside their lines" in layer.warnings


def test_all_features_of_googles_sample_are_accounted_for(shared, tmp_path: Path) -> None:
    layers = read(shared("data/libkml/gx__all-gx.kml"), tmp_path)
    assert sum(
        la.features_read - reasons(la.dropped).get("picture laid on the ground, no feature", 0) for la in layers
    )
    assert [(la.features_kept, la.geometry) for la in layers] == [(2, "mixed"), (1, "point")]
    assert json.loads(str(column(layers[1], "SAD_1")[0]))[2] == "3rd SAD value for SAF 1"
    assert "when" not in frame(layers[0]).columns  # a camera's, not the feature's


def test_tracks_of_gdals_tests_have_local_times(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/gdal_kml/gxtrack.kml"), tmp_path)
    assert column(layer, "begin") == [datetime(2013, 5, 28, 12)]  # noqa: DTZ001 (the file names no zone)


def test_time_stamps_and_spans_are_typed(tmp_path: Path) -> None:
    stamp = "<TimeStamp><when>2024-07-01T09:00:00Z</when></TimeStamp>"
    span = "<TimeSpan><begin>2024-07-01</begin><end>2024-07-02</end></TimeSpan>"
    layer = read_one(
        kml(tmp_path / "x.kml", placemark("a", AT, stamp) + placemark("b", AT, span)), tmp_path / "out"
    )
    assert column(layer, "when") == [datetime(2024, 7, 1, 9, tzinfo=UTC), None]
    assert (column(layer, "begin"), column(layer, "end")) == ([None, date(2024, 7, 1)], [None, date(2024, 7, 2)])


def test_a_year_alone_stays_text(tmp_path: Path) -> None:
    span = "<TimeSpan><begin>1959</begin></TimeSpan>"
    assert column(read_one(kml(tmp_path / "x.kml", placemark("a", AT, span)), tmp_path / "o"), "begin") == ["1959"]


def test_dates_in_data_are_typed_and_the_name_is_not(tmp_path: Path) -> None:
    data = f"<ExtendedData>{DATA.format('준공일', '2024-07-01')}</ExtendedData>"
    layer = read_one(kml(tmp_path / "x.kml", placemark("2024-07-01", AT, data)), tmp_path / "out")
    assert (column(layer, "준공일"), column(layer, "name")) == ([date(2024, 7, 1)], ["2024-07-01"])


def _schema(name: str, kind: str) -> str:
    return f'<Schema id="{name}"><SimpleField name="값" type="{kind}"/></Schema>'


def _row(schema: str, value: str) -> str:
    return SCHEMA_DATA.replace("#s", f"#{schema}").format(SIMPLE.format("값").format(value))


def test_schemas_of_one_document_are_kept_apart(tmp_path: Path) -> None:
    folder = "<Folder><name>{}</name>{}</Folder>"
    body = _schema("a", "int") + _schema("b", "string")
    body += folder.format("수", placemark("1", AT, _row("a", "7")))
    body += folder.format("글", placemark("2", AT, _row("b", "007")))
    numbers, texts = read(kml(tmp_path / "x.kml", body), tmp_path / "out")
    assert (column(numbers, "값"), column(texts, "값")) == ([7], ["007"])


@pytest.mark.parametrize(
    ("kinds", "values", "expected"),
    [(("int", "double"), ("7", "1.5"), [7.0, 1.5]), (("int", "string"), ("7", "007"), ["7", "007"])],
)
def test_many_folders_of_several_kml_agree_on_a_type_that_holds_all(
    tmp_path: Path, kinds, values, expected
) -> None:
    with zipfile.ZipFile(tmp_path / "x.kmz", "w") as archive:
        for n in range(40):
            body = _schema("s", kinds[n % 2]) + placemark(str(n), AT, _row("s", values[n % 2]))
            archive.writestr(f"files/{n:02d}.kml", HEAD.format("UTF-8", f"<Folder><name>{n}</name>{body}</Folder>"))
    layer = read_one(tmp_path / "x.kmz", tmp_path / "out")
    assert layer.features_kept == 40
    assert sorted(set(column(layer, "값")), key=str) == sorted(expected, key=str)
