"""Geometries of HEC-RAS: the format as its files have it, reaches and junctions, and what damage is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from naru.errors import NaruError
from tests.surveys import (
    G01_HEAD,
    LATERAL,
    centre_line,
    g01_nodes,
    g01_reach,
    g01_section,
    g01_structure,
    made_sections,
    tributary,
    write_spec,
)
from twin.spec import read_spec
from twin.survey.load import load_survey
from twin.survey.records import Survey

SECTIONS = made_sections()
JUNCTION = (
    "Junct Name=Confluence      \nJunct Desc=, 0 , 0 ,-1 ,0\nJunct X Y & Text X Y=1,2,3,4\n"
    "Up River,Reach=Big             ,Upper           \nUp River,Reach=Small           ,Only            \n"
    "Dn River,Reach=Big             ,Lower           \nJunc L&A=0,0\nJunc L&A=0,0\n\n"
)


def network() -> str:
    """Return two reaches of one river, and a tributary between them."""
    line = centre_line()
    upper, lower = [m for m in SECTIONS if m.chainage < 1400], [m for m in SECTIONS if m.chainage > 1600]
    far, near = tributary()[0], tributary()[-1]
    mouth = line[100]
    course = np.array([[far.x.mean(), far.y.mean()], [near.x.mean(), near.y.mean()], mouth])
    return (
        G01_HEAD
        + JUNCTION
        + g01_reach("Big", "Upper", line[:101], g01_nodes(upper) + LATERAL)
        + g01_reach("Big", "Lower", line[100:], g01_nodes(lower))
        + g01_reach("Small", "Only", course, g01_nodes(tributary(), 1000))
    )


def one(nodes: str) -> str:
    return G01_HEAD + g01_reach("Big", "Only", centre_line(), nodes)


def load(folder: Path, text: str, **options: str) -> Survey:
    (folder / "river.g01").write_text(text, newline="\r\n")
    name = "{" + ", ".join(["file: river.g01", *(f"{k}: {v}" for k, v in options.items())]) + "}"
    return load_survey(read_spec(write_spec(folder, name)))


def refused(folder: Path, text: str) -> NaruError:
    with pytest.raises(NaruError) as caught:
        load(folder, text)
    assert caught.value.file == str(folder / "river.g01")
    return caught.value


def test_sections_lie_where_their_cut_lines_and_stations_put_them(tmp_path: Path) -> None:
    survey = load(tmp_path, one(g01_nodes(SECTIONS)))
    assert [section.id for section in survey.sections] == [f"{9000 - m.chainage:.2f}" for m in SECTIONS]
    for made, section in zip(SECTIONS, survey.sections, strict=True):
        np.testing.assert_allclose(section.x, made.x, atol=0.02)  # stations have two digits behind the point
        np.testing.assert_allclose(section.y, made.y, atol=0.02)
        np.testing.assert_allclose(section.z, made.z, atol=1e-3)
        assert section.chainage_m == pytest.approx(made.chainage, abs=1)


def test_bank_stations_and_roughness_are_kept(tmp_path: Path) -> None:
    section = load(tmp_path, one(g01_nodes(SECTIONS))).sections[0]
    assert section.banks == (2, 10)
    stations, n = np.array(section.manning_n).T
    np.testing.assert_allclose(stations, [0, 10, 50], atol=0.01)
    np.testing.assert_allclose(n, [0.2, 0.03, 0.2])


def test_numbers_that_touch_are_parted_by_their_columns(tmp_path: Path) -> None:
    """As in a file of HEC-RAS 4.1: 16 characters a coordinate, 8 a station, nothing between them."""
    made = SECTIONS[0]
    cut = "".join(f"{value:.12f}"[:16] for n in (0, -1) for value in (made.x[n], made.y[n]))
    node = (
        f"Type RM Length L Ch R = 1 ,8900.00 ,46.68,46.68,46.68\nXS GIS Cut Line=2\n{cut}\n"
        "#Sta/Elev= 6 \n-135.123  33.125-33.6812   29.16  -13.86   29.03  -3.042   28.94  28.223   33.14\n"
        "  126.41   32.83\nBank Sta=-33.6812,28.223\n\n"
    )
    text = GOOD.replace(g01_section(made, "8900.00"), node)
    assert " " not in cut
    section = load(tmp_path, text).sections[0]
    np.testing.assert_allclose(section.z, [33.125, 29.16, 29.03, 28.94, 33.14, 32.83])
    assert section.x[0] == pytest.approx(made.x[0], abs=1e-8)
    assert section.y[-1] == pytest.approx(made.y[-1], abs=1e-8)
    assert section.banks == (1, 4)


def test_reaches_and_junctions_make_a_network(tmp_path: Path) -> None:
    survey = load(tmp_path, network())
    found = {reach.id: reach for reach in survey.reaches}
    assert {name: reach.downstream for name, reach in found.items()} == {
        "Big Upper": "Big Lower",
        "Big Lower": None,
        "Small": "Big Lower",
    }
    assert len(found["Small"].sections) == 5
    np.testing.assert_allclose(found["Small"].centreline[-1], found["Big Lower"].centreline[0], atol=0.01)
    assert any("culverts of river.g01 are left out (1 in all)" in words for words in survey.warnings)


@pytest.mark.parametrize("kind", [2, 3])
def test_bridges_and_culverts_between_sections_are_left_out_with_a_word(tmp_path: Path, kind: int) -> None:
    nodes = g01_nodes(SECTIONS[:4]) + g01_structure(kind, "8111.5") + g01_nodes(SECTIONS[4:])
    survey, plain = load(tmp_path, one(nodes)), load(tmp_path, one(g01_nodes(SECTIONS)))
    assert [section.id for section in survey.sections] == [section.id for section in plain.sections]
    assert all(np.array_equal(a.z, b.z) for a, b in zip(survey.sections, plain.sections, strict=True))
    assert any("culverts" in words and "left out (1 in all)" in words for words in survey.warnings)


def test_interpolated_sections_are_left_out_unless_wanted(tmp_path: Path) -> None:
    nodes = "".join(
        g01_section(made, f"{9000 - made.chainage:.1f}{'*' if n % 2 else ''}") for n, made in enumerate(SECTIONS)
    )
    survey = load(tmp_path, one(nodes))
    assert len(survey.sections) == (len(SECTIONS) + 1) // 2
    assert any("interpolated (*) are left out" in words for words in survey.warnings)
    assert len(load(tmp_path, one(nodes), keep_interpolated="true").sections) == len(SECTIONS)


def test_vertical_walls_keep_both_heights(tmp_path: Path) -> None:
    made = SECTIONS[0]
    place = 3
    walled = replace(
        made,
        x=np.insert(made.x, place, made.x[place]),
        y=np.insert(made.y, place, made.y[place]),
        z=np.insert(made.z, place, made.z[place] + 2),
    )
    section = load(tmp_path, one(g01_nodes([walled, *SECTIONS[1:]]))).sections[0]
    assert len(section.x) == 14
    assert section.z[place] - section.z[place + 1] == pytest.approx(2, abs=1e-6)
    assert (np.diff(section.station_m) > 0).all()


def test_a_project_in_feet_is_converted(tmp_path: Path) -> None:
    (tmp_path / "river.prj").write_text("Proj Title=x\nEnglish Units\n")
    survey = load(tmp_path, one(g01_nodes([replace(m, z=m.z / 0.3048) for m in SECTIONS])))
    np.testing.assert_allclose(survey.sections[0].z, SECTIONS[0].z, atol=1e-3)
    assert any("are in ft" in words for words in survey.warnings)


def test_a_centre_line_drawn_upstream_is_turned(tmp_path: Path) -> None:
    text = G01_HEAD + g01_reach("Big", "Only", centre_line()[::-1], g01_nodes(SECTIONS))
    survey = load(tmp_path, text)
    assert survey.sections[0].id == "8900.00"
    assert any("drawn upstream" in words for words in survey.warnings)


def without(text: str, start: str) -> str:
    """Return a text without the first block that begins so."""
    first = text.index(start)
    rest = text[first:].splitlines(keepends=True)
    end = next(n for n, line in enumerate(rest[1:], 1) if line[:1] not in " 0123456789-.")
    return text[:first] + "".join(rest[end:])


GOOD = one(g01_nodes(SECTIONS))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (without(GOOD, "XS GIS Cut Line="), "section is not georeferenced"),
        (without(GOOD, "#Sta/Elev= 13"), "no stations and elevations"),
        (GOOD.replace("#Sta/Elev= 13", "#Sta/Elev= 14", 1), "announces 28 numbers and 26 follow"),
        (GOOD.replace("#Sta/Elev= 13", "#Sta/Elev= 12", 1), "announces 24 numbers and more follow"),
        (GOOD.replace("#Sta/Elev= 13", "#Sta/Elev= many", 1), "is no count"),
        (GOOD.replace("     -25", "    x-25", 1), "is no number"),
        (GOOD.replace("     -25", "     -35", 1), "stations must not fall"),
        (GOOD.replace(" 1 ,8900.00 ", " 1 ,        "), "no river station"),
        (G01_HEAD, "no cross-section"),
    ],
)
def test_what_is_wrong_in_a_geometry_is_named(tmp_path: Path, text: str, words: str) -> None:
    error = refused(tmp_path, text)
    assert words in error.message
    if text != G01_HEAD and "no river station" not in words:
        assert error.feature == "section '8900.00'"


def test_a_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    text = GOOD[: GOOD.rindex("#Sta/Elev= 13") + 60]
    assert "follow" in refused(tmp_path, text).message


@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=10), st.booleans()
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_damage_to_a_geometry_is_more_than_an_error_with_a_name(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    data = bytearray(GOOD.encode())
    for place, value in changes:
        data[place] = value
    (folder / "any.g01").write_bytes(bytes(data[: changes[0][0]] if cut else data))
    try:
        load_survey(read_spec(write_spec(folder, "any.g01")))
    except NaruError as error:
        assert error.message
