"""Sections and soundings in tables: encodings, delimiters, columns, units, and faults by line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from naru.errors import NaruError
from tests.surveys import DEPTH, FALL, TOP, Made, made_sections, surveyed, write_csv, write_spec
from twin.spec import read_spec
from twin.survey.load import load_survey
from twin.survey.records import Survey
from twin.text import find_delimiter, parse_number

SECTIONS = made_sections()


def check_first(survey: Survey) -> None:
    """The first section is what it was made as."""
    section, made = survey.sections[0], SECTIONS[0]
    assert section.id == "S1"
    np.testing.assert_allclose(np.column_stack((section.x, section.y, section.z)),
                               np.column_stack((made.x, made.y, made.z)), atol=6e-4)  # fmt: skip
    np.testing.assert_allclose(section.station_m, made.station, atol=2e-3)


def refused(folder: Path, text: str, **fields: str) -> NaruError:
    (folder / "sections.csv").write_text(text, encoding="utf-8")
    with pytest.raises(NaruError) as caught:
        surveyed(folder, **fields)
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_korean_tables_are_read_in_any_of_their_encodings(tmp_path: Path, encoding: str) -> None:
    path = write_csv(tmp_path / "sections.csv", SECTIONS)
    text = path.read_text().replace("section,station_m,x,y,bed_el_m", "단면,거리,X좌표,Y좌표,하상고")
    path.write_text(text, encoding=encoding)
    check_first(surveyed(tmp_path))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
def test_columns_are_parted_by_what_the_file_uses(tmp_path: Path, delimiter: str) -> None:
    write_csv(tmp_path / "sections.csv", SECTIONS, delimiter=delimiter)
    check_first(surveyed(tmp_path))


def test_decimal_commas_are_read_where_semicolons_part(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "sections.csv", SECTIONS, delimiter=";")
    path.write_text(path.read_text().replace(".", ","))
    check_first(surveyed(tmp_path))


def test_columns_are_named_in_the_terrain_file(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "sections.csv", SECTIONS)
    path.write_text(path.read_text().replace("section,station_m,x,y,bed_el_m", "가,나,다,라,마"))
    named = "{file: sections.csv, id: 가, station: 나, x: 다, y: 라, z: 마}"
    check_first(surveyed(tmp_path, name=named))


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    write_csv(tmp_path / "sections.csv", SECTIONS)
    with pytest.raises(NaruError, match="there is no column 'elev'") as caught:
        surveyed(tmp_path, name="{file: sections.csv, z: elev}")
    assert "section, station_m, x, y, bed_el_m" in caught.value.remedy


def test_points_in_any_order_are_put_in_order(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "sections.csv", SECTIONS, station=False)
    head, *lines = path.read_text().splitlines()
    np.random.default_rng(1).shuffle(lines)
    path.write_text("\n".join([head, *lines]))
    survey = surveyed(tmp_path)
    check_first(survey)
    assert [s.id for s in survey.sections] == [made.id for made in SECTIONS]
    assert any("not in order along their section" in words for words in survey.warnings)


def test_depths_become_heights_below_the_water_level(tmp_path: Path) -> None:
    depths = [replace(made, z=25.0 - made.z) for made in SECTIONS]
    path = write_csv(tmp_path / "sections.csv", depths)
    path.write_text(path.read_text().replace("bed_el_m", "depth"))
    check_first(surveyed(tmp_path, name="{file: sections.csv, depth: depth, water_level_m: 25}"))


@pytest.mark.parametrize(
    ("unit", "factor"), [("cm", 100.0), ("ft", 1 / 0.3048), ("mm", 1000.0), ("us-ft", 3937 / 1200)]
)
def test_heights_in_other_units_are_converted(tmp_path: Path, unit: str, factor: float) -> None:
    write_csv(tmp_path / "sections.csv", [replace(made, z=made.z * factor) for made in SECTIONS])
    check_first(surveyed(tmp_path, name=f"{{file: sections.csv, unit: {unit}}}"))


def test_a_table_in_another_system_is_brought_into_the_terrain_s(tmp_path: Path) -> None:
    from pyproj import Transformer

    to = Transformer.from_crs(5186, 5179, always_xy=True)
    write_csv(
        tmp_path / "sections.csv",
        [replace(m, x=to.transform(m.x, m.y)[0], y=to.transform(m.x, m.y)[1]) for m in SECTIONS],
    )
    check_first(surveyed(tmp_path, name="{file: sections.csv, crs: EPSG:5179}"))


def test_ellipsoidal_heights_are_brought_down_by_a_stated_undulation(tmp_path: Path) -> None:
    write_csv(tmp_path / "sections.csv", [replace(m, z=m.z + 23.1) for m in SECTIONS])
    name = "{file: sections.csv, vertical_datum: WGS84 ellipsoid}"
    survey = surveyed(tmp_path, name=name, geoid="{undulation_m: 23.1}")
    check_first(survey)
    assert any("stated: 23.1 m" in words for words in survey.warnings)
    with pytest.raises(NaruError, match="PROJ has no grid") as caught:
        surveyed(tmp_path, name=name)
    assert caught.value.code == "DATUM"


def test_marks_of_banks_are_kept(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "sections.csv", SECTIONS)
    head, *lines = path.read_text().splitlines()
    marks = {2: "LB", 10: "RB"}
    path.write_text(
        "\n".join([f"{head},code", *(f"{line},{marks.get(n % 13, '')}" for n, line in enumerate(lines))])
    )
    survey = surveyed(tmp_path)
    assert all(section.banks == (2, 10) for section in survey.sections)
    width = np.hypot(*(survey.reaches[0].left_bank[0] - survey.reaches[0].right_bank[0]))
    assert width == pytest.approx(60 * 8 / 12, abs=0.01)


def faulty(change: dict[int, str], lines: int = 40) -> str:
    """Return a table in which some lines are others."""
    out = ["section,station,x,y,z"]
    for made in SECTIONS[:3]:
        out += [f"{made.id},{s:.2f},{x:.2f},{y:.2f},{z:.2f}" for s, x, y, z in
                zip(made.station, made.x, made.y, made.z, strict=True)]  # fmt: skip
    for n, text in change.items():
        out[n - 1] = text
    return "\n".join(out[:lines])


@pytest.mark.parametrize(
    ("line", "words", "field"),
    [
        ("S1,15.00,198098.0,551040.0,abc", "line 5: 'abc' in column 'z' is no number", "z"),
        ("S1,15.00,198098.0,551040.0,", "line 5: nothing in column 'z' is no number", "z"),
        ("S1,15.00,198098.0,nan,3", "line 5: 'nan' in column 'y' is no number", "y"),
        ("S1,15.00,198098.0,1e999,3", "line 5: '1e999' in column 'y' is no number", "y"),
        ("S1,,198098.0,551040.0,3", "line 5: it has no station", "station"),
        (",15.00,198098.0,551040.0,3", "line 5: the point has no section id", "section"),
    ],
)
def test_a_cell_that_cannot_be_is_named_by_line_and_column(
    tmp_path: Path, line: str, words: str, field: str
) -> None:
    error = refused(tmp_path, faulty({5: line}))
    assert words in error.message
    assert error.field == field
    assert error.file == str(tmp_path / "sections.csv")


def test_fewer_than_three_points_are_no_section(tmp_path: Path) -> None:
    error = refused(tmp_path, faulty({}, lines=29))  # of S3, two points are left
    assert error.feature == "section 'S3'"
    assert "2 points" in error.message


def test_one_station_with_two_heights_is_refused_with_both_lines(tmp_path: Path) -> None:
    text = faulty({}).splitlines()
    _, station, x, y, _ = text[4].split(",")
    error = refused(tmp_path, "\n".join([*text[:5], f"S1,{station},{x},{y},99", *text[5:]]))
    assert error.feature == "section 'S1'"
    assert "line 5 and line 6 have the same station" in error.message


def test_a_point_that_stands_twice_counts_once(tmp_path: Path) -> None:
    text = faulty({}).splitlines()
    (tmp_path / "sections.csv").write_text("\n".join([*text[:5], text[4], *text[5:]]))
    survey = surveyed(tmp_path)
    assert len(survey.sections[0].x) == 13
    assert "points that stand twice count once: S1" in survey.warnings


def test_a_station_that_contradicts_the_coordinates_is_refused(tmp_path: Path) -> None:
    text = faulty({}).splitlines()
    _, _, x, y, z = text[4].split(",")
    error = refused(tmp_path, "\n".join([*text[:4], f"S1,45.10,{x},{y},{z}", *text[5:]]))
    assert error.feature == "section 'S1'"
    assert "station" in error.message
    assert error.field == "station"


def test_one_id_for_two_sections_is_refused_with_their_lines(tmp_path: Path) -> None:
    again = [*SECTIONS[:4], replace(SECTIONS[4], id="S1")]
    write_csv(tmp_path / "sections.csv", again)
    with pytest.raises(NaruError, match=r"lines 2 to 14 and lines 54 to 66 may be two sections") as caught:
        surveyed(tmp_path)
    assert caught.value.feature == "section 'S1'"


@pytest.mark.parametrize(
    ("swap", "words"),
    [
        (lambda m: replace(m, x=m.y, y=m.x), "x and y look exchanged"),
        (lambda m: replace(m, x=m.x * 0 + 126.98 + m.station / 1e5, y=m.x * 0 + 37.5), "EPSG:4326"),
        (lambda m: replace(m, x=m.x + 755_000, y=m.y + 1_400_000), "EPSG:5179"),
        (lambda m: replace(m, z=m.z * 30_000), "none of the Earth's surface"),
        (lambda m: replace(m, z=m.z * 100), "m deep"),
    ],
)
def test_numbers_of_another_system_or_unit_are_refused_with_what_they_look_like(
    tmp_path: Path, swap, words
) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NaruError) as caught:
        surveyed(tmp_path, [swap(made) for made in SECTIONS])
    assert words in caught.value.one_line()


def test_depths_that_pass_for_heights_are_refused(tmp_path: Path) -> None:
    depths = [replace(m, z=TOP - FALL * m.chainage - m.z + 0.2) for m in SECTIONS]
    with pytest.raises(NaruError, match="they look like depths") as caught:
        surveyed(tmp_path, depths)
    assert "water_level_m" in caught.value.remedy


def test_soundings_are_heights_or_depths_below_a_level(tmp_path: Path) -> None:
    write_csv(tmp_path / "sections.csv", SECTIONS)
    (tmp_path / "el.csv").write_text("x,y,z\n198100,551001,15.5\n198101,551002,15.25\n")
    (tmp_path / "depth.xyz").write_text("198102 551003 3.5\n198103 551004 2.25\n198104 551004 2\n")
    soundings = "[el.csv, {file: depth.xyz, depth: z, water_level_m: 19}]"
    found = surveyed(tmp_path, soundings=soundings).soundings
    assert found is not None
    np.testing.assert_allclose(found.z, [15.5, 15.25, 15.5, 16.75, 17.0])
    np.testing.assert_allclose(found.x, [198100, 198101, 198102, 198103, 198104])


@given(st.floats(-1e9, 1e9).map(lambda v: round(v, 3)))
def test_numbers_are_read_as_written(value: float) -> None:
    assert parse_number(f"{value}") == value
    assert parse_number(f"{value:,.3f}") == value
    assert parse_number(f"{value:.3f}".replace(".", ","), comma_parts=False) == value


@given(
    st.lists(st.lists(st.sampled_from("ab1"), min_size=3, max_size=3), min_size=2, max_size=5),
    st.sampled_from(",;\t|"),
)
def test_the_delimiter_is_found(cells: list[list[str]], delimiter: str) -> None:
    assert find_delimiter("\n".join(delimiter.join(line) for line in cells)) == delimiter


BASE = faulty({}).encode()


@given(
    st.lists(st.tuples(st.integers(0, len(BASE) - 1), st.integers(0, 255)), min_size=1, max_size=12), st.booleans()
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_damage_to_a_table_is_more_than_an_error_with_a_name(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    data = bytearray(BASE)
    for place, value in changes:
        data[place] = value
    (folder / "sections.csv").write_bytes(bytes(data[: changes[0][0]] if cut else data))
    try:
        load_survey(read_spec(write_spec(folder)))
    except NaruError as error:
        assert error.message


def test_the_bed_is_what_was_surveyed(tmp_path: Path) -> None:
    survey = surveyed(tmp_path, SECTIONS)
    for made, section in zip(SECTIONS, survey.sections, strict=True):
        assert section.thalweg_m == pytest.approx(TOP - made.chainage * FALL - DEPTH, abs=1e-3)


def test_a_section_keeps_its_place_whatever_its_name(tmp_path: Path) -> None:
    named = [replace(made, id=f"No.{n}+{n * 7 % 13}") for n, made in enumerate(SECTIONS)]
    survey = surveyed(tmp_path, named)
    assert [s.id for s in survey.sections] == [m.id for m in named]


def test_one_reach_may_have_one_section_too_few(tmp_path: Path) -> None:
    lone: list[Made] = [replace(SECTIONS[0])]
    with pytest.raises(NaruError, match="one section only"):
        surveyed(tmp_path, lone)
