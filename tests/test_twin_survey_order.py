"""Order along a river, direction of flow, left and right, banks drawn through sections, confluences; refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from naru.errors import NaruError
from tests.surveys import (
    Made,
    centre_line,
    geojson_lines,
    made_sections,
    moved,
    surveyed,
    tributary,
    write_csv,
)
from twin.survey.lines import beside, distances, locate, unlooped
from twin.survey.records import Survey

SECTIONS = made_sections()


def reversed_points(made: Made) -> Made:
    return replace(made, x=made.x[::-1], y=made.y[::-1], z=made.z[::-1])


def ids(survey: Survey) -> list[str]:
    return [section.id for section in survey.sections]


def faces_downstream(survey: Survey) -> bool:
    """Whether the left bank is at the left of every section."""
    line = survey.reaches[0].centreline
    ends = [np.array([[s.x[n], s.y[n]] for s in survey.sections]) for n in (0, -1)]
    return bool((locate(line, ends[0])[1] > 0).all() and (locate(line, ends[1])[1] < 0).all())


@given(
    turn=st.floats(0, 1.3),
    spacing=st.floats(60, 300),
    skew=st.floats(-0.15, 0.15),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_meander_is_followed_whatever_the_order_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, turn: float, spacing: float, skew: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    made = made_sections(spacing=spacing, turn=turn, skew=skew)
    names = rng.permutation(len(made))
    named = [replace(m, id=f"X{names[n]}") for n, m in enumerate(made)]
    turned = [reversed_points(m) if rng.random() < 0.5 else m for m in named]
    survey = surveyed(tmp_path_factory.mktemp("order"), [turned[n] for n in rng.permutation(len(made))])
    assert ids(survey) == [m.id for m in named]
    assert faces_downstream(survey)


def test_a_file_in_upstream_order_is_turned(tmp_path: Path) -> None:
    assert ids(surveyed(tmp_path, SECTIONS[::-1])) == [m.id for m in SECTIONS]


def test_a_level_bed_leaves_the_file_s_order_with_a_word(tmp_path: Path) -> None:
    level = [replace(m, z=m.z + m.chainage * 0.0005) for m in SECTIONS]
    for made in (level, level[::-1]):
        survey = surveyed(tmp_path, made)
        assert ids(survey) == [m.id for m in made]
        assert any("falls too little" in words for words in survey.warnings)


def test_two_sections_swapped_in_a_long_file_are_put_right(tmp_path: Path) -> None:
    made = made_sections(spacing=50)
    made[20], made[21] = replace(made[21], id="S21"), replace(made[20], id="S22")
    survey = surveyed(tmp_path, made)
    assert ids(survey)[19:23] == ["S20", "S22", "S21", "S23"]


def test_chainages_that_are_given_make_the_order(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "sections.csv", SECTIONS[::-1])
    head, *lines = path.read_text().splitlines()
    far = {m.id: 5000 - m.chainage for m in SECTIONS}  # from the mouth, as Korean rivers are measured
    path.write_text("\n".join([f"{head},chainage", *(f"{line},{far[line.split(',')[0]]}" for line in lines)]))
    assert ids(surveyed(tmp_path)) == [m.id for m in SECTIONS]


def test_the_centre_line_drawn_follows_the_river(tmp_path: Path) -> None:
    reach = surveyed(tmp_path, SECTIONS).reaches[0]
    truth = shapely.LineString(centre_line())
    assert shapely.distance(shapely.points(reach.centreline), truth).max() < 6  # a tenth of the width
    np.testing.assert_allclose(
        [s.chainage_m for s in reach.sections], [m.chainage - 100 for m in SECTIONS], rtol=0.01, atol=1
    )


def test_the_banks_drawn_pass_through_the_sections_ends_and_keep_their_distance(tmp_path: Path) -> None:
    reach = surveyed(tmp_path, SECTIONS).reaches[0]
    for bank, end in ((reach.left_bank, 0), (reach.right_bank, -1)):
        places = shapely.points([(s.x[end], s.y[end]) for s in reach.sections])
        assert shapely.distance(places, shapely.LineString(bank)).max() < 1e-6
        away = shapely.distance(shapely.points(bank), shapely.LineString(centre_line()))
        assert 25 < away.min() <= away.max() < 35
    assert not shapely.LineString(reach.left_bank).intersects(shapely.LineString(reach.right_bank))


def test_sections_skewed_to_the_river_are_named(tmp_path: Path) -> None:
    geojson_lines(tmp_path / "centre.geojson", [({}, centre_line())])
    survey = surveyed(tmp_path, made_sections(skew=0.9), centreline="centre.geojson")
    assert len(survey.sections) == len(SECTIONS)
    assert any("more than 40° from square" in words for words in survey.warnings)


def test_a_tributary_flows_into_the_river_it_reaches(tmp_path: Path) -> None:
    main = [replace(m, reach="main") for m in SECTIONS]
    survey = surveyed(tmp_path, [*tributary(), *main])
    reaches = {reach.id: reach for reach in survey.reaches}
    assert (reaches["trib"].downstream, reaches["main"].downstream) == ("main", None)
    assert [s.id for s in reaches["trib"].sections] == ["T1", "T2", "T3", "T4", "T5"]
    end = shapely.Point(reaches["trib"].centreline[-1])
    assert end.distance(shapely.LineString(reaches["main"].centreline)) < 1e-6


def test_rivers_that_do_not_meet_are_named(tmp_path: Path) -> None:
    main = [replace(m, reach="main") for m in SECTIONS]
    survey = surveyed(tmp_path, [*(moved(t, 2000, 2000) for t in tributary()), *main])
    assert all(reach.downstream is None for reach in survey.reaches)
    assert "reaches that flow into no other: trib, main" in survey.warnings


# --- refusals -----------------------------------------------------------------------------------------


def refused(folder: Path, sections: list[Made], **fields: str) -> NaruError:
    with pytest.raises(NaruError) as caught:
        surveyed(folder, sections, **fields)
    assert caught.value.code == "SURVEY"
    assert caught.value.file == str(folder / "sections.csv")
    return caught.value


def test_crossing_sections_are_both_named(tmp_path: Path) -> None:
    made = list(SECTIONS)
    x, y, other = made[4].x, made[4].y, made[5]
    across = np.linspace(0, 1, len(x))
    made[5] = replace(other, x=x[0] - 10 + across * (x[-1] - x[0] + 20), y=y[0] + across * (y[-1] - y[0]))
    error = refused(tmp_path, made)
    assert "sections 'S5' and 'S6' cross each other at (" in error.message


def test_a_section_off_the_centre_line_is_named(tmp_path: Path) -> None:
    geojson_lines(tmp_path / "centre.geojson", [({}, centre_line())])
    made = [*SECTIONS[:5], moved(SECTIONS[5], 0, 400), *SECTIONS[6:]]
    error = refused(tmp_path, made, centreline="centre.geojson")
    assert error.feature == "section 'S6'"
    assert "m off the centre line" in error.message


def test_sections_that_all_lie_elsewhere_point_to_the_system(tmp_path: Path) -> None:
    geojson_lines(tmp_path / "centre.geojson", [({}, centre_line() + np.array([0.0, 100_000.0]))])
    error = refused(tmp_path, SECTIONS, centreline="centre.geojson")
    assert "19 of 19 sections lie off the centre line" in error.message
    assert error.field == "crs"


def test_a_section_along_the_river_is_none(tmp_path: Path) -> None:
    geojson_lines(tmp_path / "centre.geojson", [({}, centre_line(0.0))])
    made = made_sections(turn=0.0)
    middle = made[5]
    along = np.linspace(-40, 40, len(middle.x))
    made[5] = replace(middle, x=middle.x.mean() + along, y=middle.y.mean() + along * 0.1)
    error = refused(tmp_path, made, centreline="centre.geojson")
    assert error.feature == "section 'S6'"
    assert "runs along the river" in error.message


def test_a_section_in_the_place_of_another_is_named(tmp_path: Path) -> None:
    geojson_lines(tmp_path / "centre.geojson", [({}, centre_line())])
    twin = replace(SECTIONS[5], id="again")
    error = refused(tmp_path, [*SECTIONS, twin], centreline="centre.geojson")
    assert "sections 'S6' and 'again' stand in the same place" in error.message


def test_sections_with_and_without_a_reach_are_refused(tmp_path: Path) -> None:
    some = [replace(m, reach="main") for m in SECTIONS[:4]] + SECTIONS[4:]
    assert "the section has no reach" in refused(tmp_path, some).message


# --- lines --------------------------------------------------------------------------------------------


@given(st.floats(0.2, 1.2), st.floats(5, 60))
@settings(max_examples=30, deadline=None)
def test_a_line_beside_another_crosses_itself_nowhere(turn: float, offset: float) -> None:
    line = centre_line(turn)
    s = distances(line)
    for side in (offset, -offset):
        parallel = unlooped(beside(line, s, np.full(len(s), side)), 8 * offset)
        assert shapely.LineString(parallel).is_simple
        away = shapely.distance(shapely.points(parallel), shapely.LineString(line))
        assert away.max() < offset + 1e-6


@given(st.floats(100, 2900), st.floats(-50, 50))
@settings(max_examples=50, deadline=None)
def test_a_place_beside_a_line_is_found_again(s: float, offset: float) -> None:
    line = centre_line(0.8)
    place = beside(line, np.array([s]), np.array([offset]))
    found, away = locate(line, place)
    assert found[0] == pytest.approx(s, abs=2.0)
    assert away[0] == pytest.approx(offset, abs=0.1)


def test_what_is_turned_is_said(tmp_path: Path) -> None:
    survey = surveyed(tmp_path, [reversed_points(made) for made in SECTIONS[::-1]])
    assert "reach 'main': the file begins downstream; the sections are put upstream first" in survey.warnings
    assert any(words.startswith("sections run from right to left") for words in survey.warnings)


def test_two_thousand_sections_are_ordered_within_seconds(tmp_path: Path) -> None:
    import time

    from twin.survey.order import passed_order
    from twin.survey.raw import RawSection

    way = np.arange(2000) * 0.05
    middles = np.column_stack((way * 800 + 300 * np.sin(way), 600 * np.sin(way * 2)))
    ahead = np.gradient(middles, axis=0)
    chords = np.column_stack((ahead[:, 1], -ahead[:, 0]))
    mixed = np.random.default_rng(0).permutation(2000)
    sections = [RawSection(str(n), tmp_path) for n in np.random.default_rng(1).permutation(2000)]
    began = time.process_time()
    order = mixed[passed_order(sections, middles[mixed], chords[mixed])]
    assert time.process_time() - began < 20
    assert np.array_equal(order, np.arange(2000)) or np.array_equal(order[::-1], np.arange(2000))
