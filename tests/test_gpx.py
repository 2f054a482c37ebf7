"""GPX as devices write it: waypoints, routes, tracks, their times and heights; and what is wrong with some."""

from __future__ import annotations

from pathlib import Path

import pytest

from naru.errors import FileDamaged, NoFeatures
from tests.reading import column, frame, read, read_one, reasons

HEAD = '<?xml version="1.0" encoding="{}"?><gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">{}</gpx>'
POINT = '<trkpt lat="{}" lon="127"><ele>{}</ele><time>2024-05-01T09:0{}:00+09:00</time></trkpt>'


def gpx(path: Path, body: str, encoding: str = "UTF-8") -> Path:
    path.write_bytes(HEAD.format(encoding, body).encode(encoding))
    return path


def test_each_kind_of_feature_is_a_layer_with_the_counts_of_an_independent_reader(shared, tmp_path: Path) -> None:
    layers = {la.name: la for la in read(shared("data/gdal_gpx/test.gpx"), tmp_path)}
    read_counts = {name: la.features_read for name, la in layers.items()}
    assert read_counts == {"waypoints": 2, "routes": 2, "tracks": 3, "route_points": 3, "track_points": 4}
    assert reasons(layers["tracks"].dropped) == {"empty geometry": 2}
    assert frame(layers["routes"]).geometry[0].wkt == "LINESTRING Z (6 5 7, 9 8 10, 12 11 13)"


def test_times_keep_their_zone(shared, tmp_path: Path) -> None:
    waypoints = read(shared("data/gdal_gpx/test.gpx"), tmp_path)[0]
    assert column(waypoints, "time")[0].isoformat() == "2007-11-25T16:58:00+00:00"


def test_a_track_has_its_segments_and_when_it_began_and_ended(tmp_path: Path) -> None:
    segment = "<trkseg>{}</trkseg>"
    first, second = (segment.format(POINT.format(37, 10, n) + POINT.format(37.1, 12, n + 1)) for n in (0, 5))
    lonely = segment.format(POINT.format(38, 1, 9))
    body = f"<trk><name>순찰</name>{first}{second}{lonely}</trk>"
    track, points = read(gpx(tmp_path / "x.gpx", body), tmp_path / "out")
    assert len(frame(track).geometry[0].geoms) == 2
    assert column(track, "begin")[0].isoformat() == "2024-05-01T00:00:00+00:00"
    assert column(track, "end")[0].isoformat() == "2024-05-01T00:09:00+00:00"
    assert column(points, "segment") == [1, 1, 2, 2, 3]
    assert column(points, "ele") == [10, 12, 10, 12, 1]


def test_korean_names_in_euc_kr_and_a_devices_own_fields_are_kept(tmp_path: Path) -> None:
    own = '<extensions><x:수위 xmlns:x="u">3.2</x:수위></extensions>'
    body = f'<wpt lat="37.5" lon="127"><name>뚝섬 수문</name>{own}</wpt>'
    layer = read_one(gpx(tmp_path / "x.gpx", body, "EUC-KR"), tmp_path / "out")
    assert (column(layer, "name"), column(layer, "수위")) == (["뚝섬 수문"], ["3.2"])


def test_points_without_position_are_counted(tmp_path: Path) -> None:
    body = '<wpt lat="37" lon="127"/><wpt lat="x" lon="127"/><wpt lon="127"/>'
    layer = read_one(gpx(tmp_path / "x.gpx", body), tmp_path / "out")
    assert reasons(layer.dropped) == {"geometry cannot be read": 2}


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ('<!DOCTYPE gpx [<!ENTITY a "b">]><gpx/>', FileDamaged, "DOCTYPE"),
        ('<gpx><wpt lat="1" lon="2">', FileDamaged, "line 1, column"),
        ("<gpx>" + "<a>" * 500, FileDamaged, "nested too deeply"),
        ("<gpx></gpx>", NoFeatures, "no waypoint, route or track"),
    ],
)
def test_bad_gpx_is_refused_with_its_reason(tmp_path: Path, text: str, error: type[Exception], says: str) -> None:
    path = tmp_path / "x.gpx"
    path.write_text(text)
    with pytest.raises(error, match=says):
        read(path, tmp_path / "out")
