"""Scenarios by the careless and the hostile: refused with the field, never followed out of the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from naru import runs
from naru.errors import NaruError
from tests.flood_scenarios import NORTH, WEST, made, mapping, plain, write_raster
from twin.crs import usable_crs
from twin.fields import only_beside
from twin.forcing import raster_files
from twin.grid import Frame
from twin.runs.member import table
from twin.scenario.assemble import assemble
from twin.scenario.read import read_mapping
from twin.scenario.vary import members
from twin.works.faces import lay

NDF = """NDF_REVISION=2;
NUMBER_OF_BANDS_IN_VOLUME=1;
PIXELS_PER_LINE=20;
LINES_PER_DATA_FILE=20;
PIXEL_FORMAT=BYTE;
BITS_PER_PIXEL=8;
BAND1_FILENAME={secret};
BAND1_NAME=x;
USGS_MAP_ZONE=52;
UPPER_LEFT_CORNER=0,0,200000,550000;
UPPER_RIGHT_CORNER=0,0,200040,550000;
LOWER_LEFT_CORNER=0,0,200000,549960;
LOWER_RIGHT_CORNER=0,0,200040,549960;
USGS_PROJECTION_NUMBER=1;
HORIZONTAL_DATUM=WGS84;
END_OF_HDR;
"""
GRID = "ncols 3\nnrows 2\nxllcorner 200000\nyllcorner 549996\ncellsize 2\n5 4 3\n5 4 3\n"
RAIN = {"raster": {"file": "grid.txt", "kind": "depth_mm", "every_min": 10, "crs": "EPSG:5186"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a terrain and what a stranger sent along, beside a file that is none of his business."""
    (tmp_path / "secret.bin").write_bytes(b"TOPSECRET" * 100)
    inside = tmp_path / "inputs"
    inside.mkdir()
    plain(inside)
    (inside / "header.txt").write_text(NDF.format(secret=tmp_path / "secret.bin") + " " * 1100)
    (inside / "grid.txt").write_text(GRID)
    return inside


@pytest.mark.parametrize(
    "fields",
    [
        {"terrain": "header.txt"},
        {"rain": {"raster": {**RAIN["raster"], "file": "header.txt"}}, "terrain": "grid.txt"},
    ],
    ids=["terrain", "rain"],
)
def test_texts_that_lead_gdal_to_other_files_are_no_rasters(folder: Path, fields: dict[str, Any]) -> None:
    terrain = {"file": fields["terrain"], "crs": "EPSG:5186"}
    scenario = read_mapping(mapping(**{**fields, "terrain": terrain}), folder / "scenario.yaml")
    with only_beside(folder), pytest.raises(NaruError, match="cannot be read"):
        assemble(scenario, None)


def test_an_ascii_grid_that_came_along_is_a_terrain_and_rain(folder: Path) -> None:
    with only_beside(folder):
        found = made(folder, terrain={"file": "grid.txt", "crs": "EPSG:5186"}, rain=RAIN)
    assert found.domain.bed.tolist() == [[5, 4, 3], [5, 4, 3]]


def test_a_stranger_names_no_sewers(folder: Path) -> None:
    (folder / "model.txt").write_text('[FILES]\nSAVE OUTFLOWS "/var/tmp/anything"\n')
    drains = {"swmm": "model.txt", "inlets": [{"at": [WEST + 5, NORTH - 5], "node": "J1"}]}
    with only_beside(folder), pytest.raises(NaruError, match="over HTTP") as caught:
        read_mapping(mapping(drains=drains), folder / "scenario.yaml")
    assert caught.value.field == "drains.swmm"


@pytest.mark.parametrize("pattern", ["", "..", "../*", "/etc/*", "**x", "../../**/*.tif"])
def test_a_strangers_pattern_of_files_stays_in_the_folder(folder: Path, pattern: str) -> None:
    rain = {"raster": {"files": pattern, "kind": "depth_mm", "every_min": 10}}
    with only_beside(folder), pytest.raises(NaruError) as caught:
        read_mapping(mapping(rain=rain), folder / "scenario.yaml")
    assert caught.value.field == "rain.raster.files"


@pytest.mark.parametrize("value", [10**400, -(10**400), float("nan"), float("inf"), 1e308])
def test_a_number_beyond_all_is_refused_with_its_field(folder: Path, value: float) -> None:
    breach = {"line": [[WEST, NORTH], [value, NORTH - 9]], "width_m": 4, "bottom_elevation_m": 7, "start_h": 0}
    for field, fields in (("duration_s", {"duration_s": value}), ("levee_breaches", {"levee_breaches": [breach]})):
        with pytest.raises(NaruError, match="where a number from") as caught:
            read_mapping(mapping(**fields), folder / "scenario.yaml")
        assert (caught.value.field or "").startswith(field)


def test_a_line_from_far_away_is_walked_only_where_the_domain_is() -> None:
    frame = Frame(0.0, 20.0, 1.0, 20, 30, "")
    far = lay(frame, np.array([[-1e9, 10.0], [1e9, 10.0]]))
    assert far.face.tolist() == lay(frame, np.array([[0.0, 10.0], [30.0, 10.0]])).face.tolist()
    assert len(lay(frame, np.array([[-1e9, 1e9], [1e9, 1e9 + 5]])).face) == 0


@pytest.mark.parametrize("encoding", ["idna", "hex", "a\0b", "undefined", "x" * 500])
def test_an_encoding_that_is_none_is_refused(folder: Path, encoding: str) -> None:
    (folder / "rain.csv").write_text("time_min,mm/h\n0,1\n1,강우\n", encoding="utf-8")
    with pytest.raises(NaruError):
        read_mapping(mapping(rain={"hyetograph": "rain.csv", "encoding": encoding}), folder / "scenario.yaml")


def test_errors_steer_no_terminal() -> None:
    with pytest.raises(NaruError) as caught:
        usable_crs("EPSG:\x1b[2J\n1", "a.yaml", "crs")
    assert caught.value.one_line().isprintable()


@pytest.mark.parametrize(("most", "field"), [("cells", "domain.cell_m"), ("numbers", "output_every_min")])
def test_a_stranger_takes_no_more_of_a_server_than_is_said(folder: Path, most: str, field: str) -> None:
    fields = {"terrain": {"file": "grid.txt", "crs": "EPSG:5186"}, "output_every_s": 60}
    made(folder, **fields)  # one's own may
    share = runs.sharing(runs.Share(**{most: 5}))
    with (
        only_beside(folder),
        share,
        pytest.raises(NaruError, match=r"3 × 2 cells of 2 m are more than the 5") as caught,
    ):
        made(folder, **fields)
    assert caught.value.field == field


def test_many_members_of_a_long_scenario_are_refused_before_they_are_made(folder: Path) -> None:
    many = [{"name": f"g{n}", "at": [WEST + 1, NORTH - 1]} for n in range(1000)]
    with pytest.raises(NaruError, match="1000 runs of a scenario with 5006 values") as caught:
        members(mapping(gauges=many, vary={"manning_n": [n / 1e5 for n in range(1, 1001)]}))
    assert caught.value.field == "vary"


@pytest.mark.parametrize("title", ["a\0b", "a\x1b[2J", "a\u202eb", "a\x9b"])
def test_titles_steer_no_terminal_and_no_page(folder: Path, title: str) -> None:
    with pytest.raises(NaruError, match="steer") as caught:
        read_mapping(mapping(title=title), folder / "scenario.yaml")
    assert caught.value.field == "title"


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_start_at_the_end_of_the_calendar_is_refused(folder: Path, start: str) -> None:
    with pytest.raises(NaruError, match="1800 to 2500") as caught:
        read_mapping(mapping(start=start), folder / "scenario.yaml")
    assert caught.value.field == "start"


@pytest.mark.parametrize(
    "fields", [{"terrain": "nowhere"}, {"manning_n": "nowhere"}, {"buildings": {"layer": "nowhere", "as": "raise"}}]
)
def test_a_layer_that_is_not_there_is_told_with_the_field(folder: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(NaruError) as caught:
        made(folder, **fields)
    assert (caught.value.field or "").startswith(next(iter(fields)))


def test_names_are_no_formulas_in_tables(folder: Path) -> None:
    gauges = [{"name": "=cmd|x", "at": [WEST + 1, NORTH - 1]}, {"name": "잠수교", "at": [WEST + 3, NORTH - 1]}]
    assert [gauge.name for gauge in made(folder, gauges=gauges).gauges] == ["'=cmd|x", "잠수교"]
    rows = table([{"name": "a", "values": {"title": "=1+1", "manning_n": -1}}])
    assert rows[1][1:3] == ["'=1+1", -1]


@pytest.mark.parametrize(
    ("cell", "crs", "claim", "what"),
    [
        (1e9, "EPSG:5186", None, "where 0.0001 to 100000 m are expected"),
        (1e-12, "EPSG:5186", None, "where 0.0001 to 100000 m are expected"),
        (2.0, None, "EPSG:4326", "does not lie where EPSG:5186"),
    ],
)
def test_a_terrain_that_cannot_be_is_refused(
    folder: Path, cell: float, crs: str | None, claim: str | None, what: str
) -> None:
    write_raster(folder / "odd.tif", np.full((4, 5), 3.0), cell=cell, crs=crs)
    terrain = {"file": "odd.tif", "crs": claim} if claim else "odd.tif"
    domain = {"crs": "EPSG:5186", "cell_m": 2} if claim else None
    with pytest.raises(NaruError, match=what):
        made(folder, terrain=terrain, domain=domain)


def test_what_stands_for_nothing_is_looked_for_around_the_domain(folder: Path) -> None:
    values = np.full((40, 40), 3.0)
    values[2, 2] = values[30, 30] = -9999
    write_raster(folder / "odd.tif", values)
    near = made(folder, terrain="odd.tif", domain={"bbox": [WEST, NORTH - 12, WEST + 12, NORTH]})
    assert np.isnan(near.domain.bed[2, 2])
    away = made(folder, terrain="odd.tif", domain={"bbox": [WEST + 24, NORTH - 36, WEST + 36, NORTH - 24]})
    assert not any("nodata" in text for text in away.warnings)


def test_rain_of_more_numbers_than_fit_is_refused_unread(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raster_files, "_MOST_NUMBERS", 5)
    with pytest.raises(NaruError, match="more than 5 numbers") as caught:
        made(folder, rain={"raster": {**RAIN["raster"], "file": "grid.txt"}})
    assert caught.value.field == "rain.raster"
