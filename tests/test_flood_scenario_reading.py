"""Scenario files: what is read, and how what cannot be read is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from naru.errors import NaruError
from tests.flood_scenarios import mapping, plain
from twin.fields import only_beside
from twin.scenario.read import read_mapping, read_scenario

SQUARE = [[200_010, 549_970], [200_030, 549_970], [200_030, 549_990]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a terrain."""
    plain(tmp_path)
    return tmp_path


def refused(folder: Path, **fields: Any) -> NaruError:
    with pytest.raises(NaruError) as caught:
        read_mapping(mapping(**fields), folder / "scenario.yaml")
    return caught.value


def test_what_is_left_out_has_its_default(folder: Path) -> None:
    scenario = read_mapping(mapping(duration_s=None, duration_h=6), folder / "scenario.yaml")
    assert scenario.terrain.file == folder / "dem.tif"
    assert (scenario.duration_s, scenario.output_every_s, scenario.gauge_every_s) == (21_600.0, 300.0, 60.0)
    assert (scenario.options.scheme, scenario.options.precision) == ("inertial", "float32")
    assert (scenario.most_error, scenario.threshold_m, scenario.coordinates) == (1e-6, 0.05, "auto")
    assert scenario.publication.title_ko == "test"
    assert scenario.publication.visibility == "public"


def test_a_short_run_is_written_a_dozen_times_unless_it_says_otherwise(folder: Path) -> None:
    scenario = read_mapping(mapping(duration_s=12), folder / "scenario.yaml")
    assert (scenario.output_every_s, scenario.gauge_every_s) == (1.0, 0.2)
    scenario = read_mapping(mapping(duration_s=12, output_every_s=4, gauge_every_s=2), folder / "scenario.yaml")
    assert (scenario.output_every_s, scenario.gauge_every_s) == (4.0, 2.0)


def test_a_terrain_that_is_no_file_is_a_layer(folder: Path) -> None:
    scenario = read_mapping(mapping(terrain="sample-river"), folder / "scenario.yaml")
    assert (scenario.terrain.layer, scenario.terrain.file) == ("sample-river", None)


def test_a_file_of_yaml_is_read_with_its_clock(folder: Path) -> None:
    path = folder / "s.yaml"
    path.write_text(
        "scenario: dorimcheon-100yr\nterrain: dem.tif\ndomain: {bbox: [126.90, 37.47, 126.95, 37.52], cell_m: 5}\n"
        "duration_h: 6\noutput_every_min: 5\nscheme: full\norder: 1\nmanning_n: 0.035\n"
        "start: 2022-08-08T18:00:00+09:00\ngauges: [{name: 다리 1, at: [126.93, 37.49]}]\n"
    )
    scenario = read_scenario(path)
    assert scenario.start is not None
    assert scenario.start.utcoffset() is not None
    assert scenario.domain.bbox == (126.90, 37.47, 126.95, 37.52)
    assert scenario.gauges.named == (("다리 1", ((126.93, 37.49),)),)
    assert (scenario.options.scheme, scenario.options.order) == ("full", 1)


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"scenario": None}, "scenario", "missing"),
        ({"scenario": "A b"}, "scenario", "no id"),
        ({"scenario": "x" * 41}, "scenario", "41 characters"),
        ({"terrain": None}, "terrain", "missing"),
        ({"terrain": "missing.tif"}, "terrain", "no file 'missing.tif'"),
        ({"terrain": {"file": "dem.tif", "layer": "a"}}, "terrain.file", "both"),
        ({"terrain": {"file": "dem.tif", "band": 1.5}}, "terrain.band", "whole number"),
        ({"terrain": {"file": "dem.tif", "unit": "yd"}}, "terrain.unit", "'yd'"),
        ({"duration_s": None}, "duration_h", "missing"),
        ({"duration_h": 1}, "duration_s", "again"),
        ({"duration_s": 0}, "duration_s", "0.001 to 3.16224e+07 s"),
        ({"duration_s": None, "duration_h": 10_000}, "duration_h", "to 8784 h"),
        ({"output_every_s": 1e-3, "duration_s": 60}, "output_every_s", "60000 output times"),
        ({"start": "yesterday"}, "start", "no time"),
        ({"start": "2022-08-08T18:00:00"}, "start", "without a zone"),
        ({"scheme": "diffusive"}, "scheme", "'diffusive'"),
        ({"precision": "float16"}, "precision", "'float16'"),
        ({"backend": "cuda"}, "backend", "'cuda'"),
        ({"cfl": 2}, "cfl", "0.01 to 1"),
        ({"threads": 1.5}, "threads", "whole number"),
        ({"dry_m": 1}, "dry_m", "to 0.1 m"),
        ({"limits": {"volume_eror": 1e-3}}, "limits.volume_eror", "unknown"),
        ({"limits": {"volume_error": 2}}, "limits.volume_error", "1e-15 to 1"),
        ({"outputs": ["max_dept"]}, "outputs[0]", "max_dept"),
        ({"visibility": "secret"}, "visibility", "secret"),
        ({"domain": {"bbox": [1, 2, 3]}}, "domain.bbox", "no box"),
        ({"domain": {"bbox": [3, 0, 1, 2]}}, "domain.bbox", "empty"),
        ({"domain": {"cell_m": 0}}, "domain.cell_m", "0.0001 to 10000 m"),
        ({"domain": {"cel_m": 5}}, "domain.cel_m", "unknown"),
        ({"domain": {"polygon": [[0, 0], [1, 1]]}}, "domain.polygon", "2 points"),
        ({"domain": {"polygon": [[0, 0], [1, 1], [1]]}}, "domain.polygon[2]", "no point"),
        ({"manning_n": 20}, "manning_n", "0 to 10 s·m^-1/3"),
        ({"manning_n": True}, "manning_n", "no number"),
        ({"manning_n": {}}, "manning_n.default", "missing"),
        ({"manning_n": {"default": 0.03, "areas": [{"polygon": SQUARE}]}}, "manning_n.areas[0].n", "missing"),
        ({"manning_n": {"default": 0.03, "areas": [{"n": 0.02}]}}, "manning_n.areas[0].polygon", "missing"),
        ({"manning_n": {"default": 0.03, "table": {"1": 0.02}}}, "manning_n.file", "missing"),
        ({"manning_n": {"file": "dem.tif", "table": {"1": -1}}}, "manning_n.table.1", "0 to 10"),
        ({"buildings": {"polygons": SQUARE}}, "buildings.as", "missing"),
        ({"buildings": [{"polygons": SQUARE, "as": "remove"}]}, "buildings[0].as", "'remove'"),
        ({"buildings": {"polygons": SQUARE, "as": "raise", "height_m": 0}}, "buildings.height_m", "0.01 to 1000 m"),
        ({"initial": {"stage_m": 3, "depth_m": 1}}, "initial.depth_m", "beside 'stage_m'"),
        ({"initial": {"depth_m": -1}}, "initial.depth_m", "0 to 12000 m"),
        ({"initial": {"warm_start": "runs/none"}}, "initial.warm_start", "no folder"),
        ({"initial": {"areas": [{"polygon": SQUARE}]}}, "initial.areas[0].stage_m", "needed"),
        ({"initial": "wet"}, "initial", "no group"),
        ({"gauges": [{"name": "a"}]}, "gauges[0].at", "missing"),
        ({"gauges": [{"name": "a", "at": [1, 2, 3]}]}, "gauges[0].at", "no point"),
        ({"gauges": [{"name": "a", "at": [1, 2]}, {"name": "a", "at": [1, 2]}]}, "gauges[1].name", "another's"),
        ({"sections": [{"name": "a", "line": [[1, 2]]}]}, "sections[0].line", "1 points"),
        ({"coordinates": "EPSG:9"}, "coordinates", "no coordinate system"),
        ({"mannings_n": 0.03}, "mannings_n", "unknown"),
    ],
)
def test_a_wrong_value_is_named_by_its_field(folder: Path, fields: dict[str, Any], field: str, told: str) -> None:
    error = refused(folder, **fields)
    assert error.field == field
    assert told in error.message
    assert error.remedy


def test_a_near_miss_is_told(folder: Path) -> None:
    assert "Did you mean 'manning_n'" in refused(folder, mannings_n=0.03).remedy


def test_an_option_of_another_scheme_is_warned_of(folder: Path) -> None:
    scenario = read_mapping(mapping(order=1), folder / "scenario.yaml")
    assert scenario.warnings == ("'order' is of another scheme: 'inertial' has none",)


def test_a_member_that_cannot_be_read_is_named(folder: Path) -> None:
    error = refused(folder, vary={"manning_n": [0.03, 300]})
    assert "member 'manning-n-300'" in error.message
    assert error.field == "manning_n"


def test_a_scenario_that_came_over_the_net_reaches_no_other_files(folder: Path) -> None:
    inside = folder / "inputs"
    inside.mkdir()
    plain(inside)
    file = inside / "scenario.yaml"
    here = {"raster": {"files": "*.tif", "kind": "depth_mm", "every_min": 10}}
    elsewhere = {"raster": {"files": "../*.tif", "kind": "depth_mm", "every_min": 10}}
    read_mapping(mapping(rain=elsewhere), file)  # one's own may
    with only_beside(inside):
        read_mapping(mapping(rain=here), file)
        for fields in (
            {"terrain": "../dem.tif"},
            {"terrain": str(folder / "dem.tif")},
            {"rain": elsewhere},
            {"gauges": "/etc/passwd"},
            {"buildings": {"file": "..", "as": "block"}},
            {"initial": {"warm_start": ".."}},
            {"initial": {"warm_start": str(folder)}},
        ):
            with pytest.raises(NaruError):
                read_mapping(mapping(**fields), file)


def test_a_table_without_a_column_is_named(folder: Path) -> None:
    storm = {"return_period_y": 100, "place": "here", "duration_h": 1, "depth_table": "idf.csv"}
    (folder / "idf.csv").write_text("place,return_period_y,duration_h,depth_mm\nhere,100,1,90\n")
    read_mapping(mapping(rain={"design": storm}), folder / "scenario.yaml")
    (folder / "idf.csv").write_text("place,return_period_y,duration_h\nhere,100,1\n")
    error = refused(folder, rain={"design": storm})
    assert (error.code, error.field) == ("COLUMNS_UNKNOWN", "rain.design.depth_table")
