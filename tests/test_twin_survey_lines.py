"""Sections as lines or points with Z, centre lines, banks, islands: formats, systems, what is missing."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from naru.errors import BadSurvey, NaruError
from tests.surveys import centre_line, geojson_lines, made_sections, surveyed, tributary, with_z, write_csv
from twin.survey.records import Survey

SECTIONS = made_sections()


def frame(crs: str | None = "EPSG:5186") -> gpd.GeoDataFrame:
    lines = [shapely.LineString(with_z(made)) for made in SECTIONS]
    return gpd.GeoDataFrame({"단면": [made.id for made in SECTIONS]}, geometry=lines, crs=crs)


def check(survey: Survey, atol: float = 1e-3) -> None:
    assert [section.id for section in survey.sections] == [made.id for made in SECTIONS]
    for made, section in zip(SECTIONS, survey.sections, strict=True):
        np.testing.assert_allclose(section.x, made.x, atol=atol)
        np.testing.assert_allclose(section.z, made.z, atol=1e-6)


@pytest.mark.parametrize("name", ["xs.shp", "xs.gpkg", "xs.geojson"])
def test_lines_with_z_are_sections(tmp_path: Path, name: str) -> None:
    frame("EPSG:5186").to_crs(4326 if name.endswith("geojson") else 5186).to_file(
        tmp_path / name, **({"encoding": "cp949"} if name.endswith("shp") else {})
    )
    check(surveyed(tmp_path, name=name), atol=0.02)


def test_a_shapefile_without_cpg_is_read_in_cp949(tmp_path: Path) -> None:
    frame().assign(단면=[f"측점{n}" for n in range(len(SECTIONS))]).to_file(tmp_path / "xs.shp", encoding="cp949")
    (tmp_path / "xs.cpg").unlink()
    assert surveyed(tmp_path, name="xs.shp").sections[1].id == "측점1"


def test_lines_in_another_system_are_brought_into_the_terrain_s(tmp_path: Path) -> None:
    frame().to_crs(5174).to_file(tmp_path / "xs.gpkg")
    check(surveyed(tmp_path, name="xs.gpkg"), atol=0.01)


def test_lines_that_do_not_say_their_system_are_refused_until_it_is_named(tmp_path: Path) -> None:
    frame().to_file(tmp_path / "xs.shp")
    (tmp_path / "xs.prj").unlink()
    with pytest.raises(NaruError, match="does not say what its coordinates are in") as caught:
        surveyed(tmp_path, name="xs.shp")
    assert caught.value.code == "CRS_UNKNOWN"
    check(surveyed(tmp_path, name="{file: xs.shp, crs: EPSG:5186, id: 단면}"))


def test_metres_in_a_geojson_without_system_are_no_degrees(tmp_path: Path) -> None:
    geojson_lines(tmp_path / "xs.geojson", [({"id": m.id}, with_z(m)) for m in SECTIONS], crs=None)
    with pytest.raises(NaruError, match=r"cannot be of 'WGS 84.*EPSG:5186") as caught:
        surveyed(tmp_path, name="xs.geojson")
    assert caught.value.code == "CRS_REFUSED"


def test_flat_lines_are_refused(tmp_path: Path) -> None:
    geojson_lines(tmp_path / "xs.geojson", [({"id": m.id}, with_z(m)[:, :2]) for m in SECTIONS])
    with pytest.raises(NaruError, match="the line has no heights") as caught:
        surveyed(tmp_path, name="xs.geojson")
    assert caught.value.feature == "section 'S1'"


def test_lines_in_parts_are_joined_or_refused(tmp_path: Path) -> None:
    whole = frame()
    first = with_z(SECTIONS[0])
    whole.loc[0, "geometry"] = shapely.MultiLineString([first[:6], first[5:]])
    whole.to_file(tmp_path / "xs.gpkg")
    check(surveyed(tmp_path, name="xs.gpkg"))
    whole.loc[0, "geometry"] = shapely.MultiLineString([first[:5], first[6:]])
    whole.to_file(tmp_path / "torn.gpkg")
    with pytest.raises(NaruError, match="2 parts that do not join"):
        surveyed(tmp_path, name="torn.gpkg")


def test_points_with_z_are_sections_by_their_id(tmp_path: Path) -> None:
    points = [(m.id, shapely.Point(p)) for m in SECTIONS for p in with_z(m)]
    rng = np.random.default_rng(0)
    rng.shuffle(points)
    data = gpd.GeoDataFrame({"section": [p[0] for p in points]}, geometry=[p[1] for p in points], crs=5186)
    data.to_file(tmp_path / "xs.gpkg")
    check(surveyed(tmp_path, name="xs.gpkg"))


def test_a_file_of_polygons_is_no_section(tmp_path: Path) -> None:
    gpd.GeoDataFrame(geometry=[shapely.box(198000, 551000, 198100, 551100)], crs=5186).to_file(tmp_path / "xs.gpkg")
    with pytest.raises(NaruError, match="holds Polygon where LineString or Point is expected"):
        surveyed(tmp_path, name="xs.gpkg")


def test_a_file_with_several_layers_is_asked_about(tmp_path: Path) -> None:
    frame().to_file(tmp_path / "xs.gpkg", layer="a")
    frame().to_file(tmp_path / "xs.gpkg", layer="b", mode="a")
    with pytest.raises(NaruError, match="has 2 layers") as caught:
        surveyed(tmp_path, name="xs.gpkg")
    assert "a, b" in caught.value.remedy
    check(surveyed(tmp_path, name="{file: xs.gpkg, layer: b}"))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "xs.gpkg").write_bytes(b"SQLite format 3\x00 no more")
    with pytest.raises(NaruError, match="cannot be read"):
        surveyed(tmp_path, name="xs.gpkg")


def test_a_centre_line_gives_chainages_and_direction(tmp_path: Path) -> None:
    geojson_lines(tmp_path / "centre.geojson", [({}, centre_line())])
    survey = surveyed(tmp_path, SECTIONS, centreline="centre.geojson")
    np.testing.assert_allclose([s.chainage_m for s in survey.sections], [m.chainage for m in SECTIONS], atol=0.5)
    assert survey.warnings == ()


def test_a_centre_line_that_runs_uphill_is_refused_by_name(tmp_path: Path) -> None:
    geojson_lines(tmp_path / "centre.geojson", [({}, centre_line()[::-1])])
    words = rf"runs uphill: .* from section {SECTIONS[-1].id} to {SECTIONS[0].id}"
    with pytest.raises(BadSurvey, match=words) as caught:
        surveyed(tmp_path, SECTIONS, centreline="centre.geojson")
    assert str(caught.value.file).endswith("centre.geojson")
    assert "drawn: upstream" in caught.value.remedy


@pytest.mark.parametrize(("drawn", "first"), [("upstream", 0), ("downstream", -1)])
def test_who_says_which_way_a_centre_line_is_drawn_is_believed(tmp_path: Path, drawn: str, first: int) -> None:
    geojson_lines(tmp_path / "centre.geojson", [({}, centre_line()[::-1])])
    survey = surveyed(tmp_path, SECTIONS, centreline=f"{{file: centre.geojson, drawn: {drawn}}}")
    assert survey.sections[0].id == SECTIONS[first].id
    assert any("runs uphill" in words for words in survey.warnings) == (drawn == "downstream")


def test_parts_of_a_centre_line_are_joined(tmp_path: Path) -> None:
    line = centre_line()
    geojson_lines(tmp_path / "centre.geojson", [({}, line[90:]), ({}, line[:91])])
    survey = surveyed(tmp_path, SECTIONS, centreline="centre.geojson")
    assert len(survey.reaches) == 1
    assert [s.id for s in survey.sections] == [m.id for m in SECTIONS]


def test_what_a_centre_line_goes_on_beyond_the_survey_is_cut(tmp_path: Path) -> None:
    line = centre_line()
    away = np.array([[5000.0, 0.0]])
    long = np.concatenate((line[:1] - away, line, line[-1:] + away))
    geojson_lines(tmp_path / "centre.geojson", [({}, long)])
    survey = surveyed(tmp_path, SECTIONS, centreline="centre.geojson")
    assert survey.reaches[0].length_m < 3300
    assert any("is cut to the survey" in words for words in survey.warnings)


def test_sections_are_of_the_reach_whose_line_they_cross(tmp_path: Path) -> None:
    line = centre_line()
    arm = tributary()
    course = np.array([[m.x.mean(), m.y.mean()] for m in arm] + [list(line[100])])
    geojson_lines(tmp_path / "centre.geojson", [({"reach": "main"}, line), ({"reach": "arm"}, course)])
    write_csv(tmp_path / "sections.csv", [*SECTIONS, *(type(m)(m.id, 0, m.x, m.y, m.z) for m in arm)])
    survey = surveyed(tmp_path, centreline="centre.geojson")
    reaches = {reach.id: reach for reach in survey.reaches}
    assert [s.id for s in reaches["arm"].sections] == [m.id for m in arm]
    assert reaches["arm"].downstream == "main"
    assert reaches["main"].downstream is None


def test_banks_are_told_apart_by_their_side(tmp_path: Path) -> None:
    ends = [np.array([(m.x[n], m.y[n]) for m in SECTIONS]) for n in (0, -1)]
    wide = [end + 0 for end in ends]
    geojson_lines(tmp_path / "banks.geojson", [({}, wide[1][::-1]), ({}, wide[0])])
    reach = surveyed(tmp_path, SECTIONS, banks="banks.geojson").reaches[0]
    np.testing.assert_allclose(reach.left_bank, ends[0], atol=1e-3)
    np.testing.assert_allclose(reach.right_bank, ends[1], atol=1e-3)


def test_sections_that_stop_short_of_a_bank_are_named(tmp_path: Path) -> None:
    line = centre_line()
    left = shapely.get_coordinates(shapely.LineString(line).parallel_offset(45, "left"))
    right = shapely.get_coordinates(shapely.LineString(line).parallel_offset(30, "right"))
    geojson_lines(tmp_path / "banks.geojson", [({}, left), ({}, right)])
    survey = surveyed(tmp_path, SECTIONS, banks="banks.geojson")
    assert any("end short of the left bank line" in words and "S1" in words for words in survey.warnings)


def test_islands_are_rings(tmp_path: Path) -> None:
    island = gpd.GeoDataFrame(geometry=[shapely.box(198200, 551000, 198210, 551020)], crs=5186)
    island.to_crs(4326).to_file(tmp_path / "islands.geojson")
    survey = surveyed(tmp_path, SECTIONS, islands="islands.geojson")
    assert shapely.Polygon(survey.islands[0]).area == pytest.approx(200, rel=0.01)


def test_files_of_several_kinds_make_one_survey(tmp_path: Path) -> None:
    write_csv(tmp_path / "upper.csv", SECTIONS[:9])
    frame().iloc[9:].to_file(tmp_path / "lower.gpkg")
    survey = surveyed(tmp_path, name="[upper.csv, lower.gpkg]")
    assert [s.id for s in survey.sections] == [m.id for m in SECTIONS]
