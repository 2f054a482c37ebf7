"""The river bed between cross-sections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from naru.errors import BadOption, BadSurvey
from tests.beds import ASIDE, bend, cells, confluence, flat_frame, in_two, section, straight
from twin.bed.interpolate import interpolate_bed, parted
from twin.bed.records import EXTRAPOLATED, INTERPOLATED, METHODS, OUTSIDE, SURVEYED
from twin.grid import Frame, Grid
from twin.survey.records import Reach, Soundings, Survey

RIVERS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "width": st.sampled_from([20.0, 45.0, 90.0]),
        "swing": st.sampled_from([0.0, 40.0, 75.0]),
        "points": st.integers(5, 40),
        "sections": st.integers(2, 9),
        "skew": st.sampled_from([0.0, 10.0, 25.0]),
    }
)
QUICK = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("method", METHODS)
def test_plane_bed_is_found_exactly(method: str) -> None:
    survey = straight([0.0, 90.0, 200.0, 260.0, 400.0], lambda s, u: 5 - 0.001 * s)
    bed = interpolate_bed(survey, flat_frame(), method)
    s, _ = np.meshgrid(bed.elevation.frame.x, bed.elevation.frame.y)
    assert bed.mask.sum() == 200 * 20
    assert np.allclose(bed.elevation.values[bed.mask], 5 - 0.001 * s[bed.mask], atol=1e-4)
    assert np.allclose(bed.s[bed.mask], s[bed.mask], atol=1e-3)


def test_same_shape_everywhere_is_kept_by_every_method() -> None:
    trapezoid = lambda s, u: np.maximum(2.0, 2 + 6 * (np.abs(u) - 0.5))  # noqa: E731
    survey = straight([0.0, 90.0, 200.0, 260.0, 400.0], trapezoid, points=41)
    for method in METHODS:
        bed = interpolate_bed(survey, flat_frame(), method)
        # the frame's rows lie 2 m apart, at u of ±0.05, ±0.15, …; the toes are surveyed
        assert np.allclose(bed.elevation.values[bed.mask], trapezoid(0, bed.u[bed.mask]), atol=1e-4)


@QUICK
@given(RIVERS, st.sampled_from(METHODS))
def test_bed_equals_the_survey_at_its_points(river: dict[str, float], method: str) -> None:
    survey = bend(**river)
    reach = survey.reaches[0]
    part = parted(survey)[0]
    for each in reach.sections:
        s, u = part.along.locate(each.x, each.y)
        bed, near, _ = part.shapes.bed(s, u, method)
        inside = ~np.isnan(s)
        assert inside.sum() >= min(len(each.x) - 2, 0.8 * len(each.x))
        assert np.allclose(bed[inside], each.z[inside], atol=1e-6)
        assert near[inside].max() < 1e-6
    assert interpolate_bed(survey, cells(survey, 4), method).deviation_m < 1e-6


@QUICK
@given(RIVERS)
def test_every_cell_between_banks_and_sections_has_a_bed(river: dict[str, float]) -> None:
    survey = bend(**river)
    import shapely

    bed = interpolate_bed(survey, cells(survey, 3), "linear")
    reach = survey.reaches[0]
    ring = np.concatenate((reach.left_bank, reach.right_bank[::-1]))
    x, y = np.meshgrid(bed.elevation.frame.x, bed.elevation.frame.y)
    channel = shapely.contains_xy(shapely.Polygon(ring).buffer(-1e-6), x, y)
    s, _ = parted(survey)[0].along.locate(x[channel], y[channel])
    assert not np.isnan(s).any()
    first, last = reach.sections[0], reach.sections[-1]
    ends = [parted(survey)[0].along.locate(each.x, each.y)[0] for each in (first, last)]
    askew = river["width"] / 4  # an outermost section's line goes on as it came, from its last point to the bank
    between = (s > np.nanmax(ends[0]) + askew) & (s < np.nanmin(ends[1]) - askew)
    assert bed.mask[channel][between].all()
    assert not bed.mask[~shapely.contains_xy(shapely.Polygon(ring).buffer(1e-6), x, y)].any()
    assert np.array_equal(bed.mask, ~np.isnan(bed.elevation.values))
    assert np.array_equal(bed.mask, bed.reach >= 0)


@QUICK
@given(RIVERS, st.sampled_from(["linear", "pchip", "kriging"]))
def test_bed_stays_between_the_two_sections_at_equal_u(river: dict[str, float], method: str) -> None:
    survey = bend(**river)
    shapes = parted(survey)[0].shapes
    u = np.tile(np.linspace(-1, 1, 41), 50)
    s = np.repeat(np.linspace(shapes.middle[0], shapes.middle[-1], 50), 41)
    bed, _, _ = shapes.bed(s, u, method)
    rows = [shapes.shape(k) for k in range(len(shapes.middle))]
    heights = np.array([np.interp(u, row[:, 0], row[:, 1]) for row in rows])
    places = np.array([np.interp(u, shapes.u[a:b], shapes.s[a:b]) for a, b in _parts(shapes.first)])
    known = ~np.isnan(bed)
    before = np.clip((places <= s).sum(axis=0) - 1, 0, len(rows) - 2)
    every = np.arange(len(s))
    low = np.minimum(heights[before, every], heights[before + 1, every])
    high = np.maximum(heights[before, every], heights[before + 1, every])
    assert (bed[known] >= low[known] - 1e-9).all()
    assert (bed[known] <= high[known] + 1e-9).all()


def _parts(first: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(first[:-1].tolist(), first[1:].tolist(), strict=True))


@QUICK
@given(RIVERS, st.floats(0, 6.28), st.floats(-1e5, 1e5))
def test_bed_does_not_depend_on_where_the_river_lies(river: dict[str, float], turn: float, shift: float) -> None:
    survey = bend(**river)
    along = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])

    def moved(points: np.ndarray) -> np.ndarray:
        return points @ along + [200_000 + shift, 550_000 - shift]

    reach = survey.reaches[0]
    sections = []
    for each in reach.sections:
        x, y = moved(np.stack((each.x, each.y), axis=-1)).T
        sections.append(section(each.id, x, y, each.z))
    lines = [moved(line) for line in (reach.centreline, reach.left_bank, reach.right_bank)]
    other = parted(Survey((Reach("a", *lines, tuple(sections)),), survey.crs, survey.vertical_datum))[0]
    own = parted(survey)[0]
    rng = np.random.default_rng(1)
    points = np.stack([rng.uniform(line.min(), line.max(), 300) for line in reach.centreline.T], axis=-1)
    beds = []
    for part, places in ((own, points), (other, moved(points))):
        s, u = part.along.locate(places[:, 0], places[:, 1])
        beds.append(part.shapes.bed(s, u, "kriging")[0])
    both = ~np.isnan(beds[0]) & ~np.isnan(beds[1])
    assert (np.isnan(beds[0]) == np.isnan(beds[1])).mean() > 0.99
    assert np.allclose(beds[0][both], beds[1][both], atol=1e-4)


@QUICK
@given(RIVERS)
def test_order_of_a_sections_points_does_not_matter(river: dict[str, float]) -> None:
    survey = bend(**river)
    reach = survey.reaches[0]
    turned = tuple(section(e.id, e.x[::-1], e.y[::-1], e.z[::-1]) for e in reach.sections)
    other = Survey(
        (Reach("a", reach.centreline, reach.left_bank, reach.right_bank, turned),), "EPSG:5186", "KVD1964"
    )
    frame = cells(survey, 5)
    beds = [interpolate_bed(each, frame, "pchip").elevation.values for each in (survey, other)]
    assert np.allclose(*beds, atol=1e-4, equal_nan=True)


def test_sharp_bend_does_not_fold() -> None:
    centre = np.array([[0.0, 0], [200, 0], [200, -200]])
    left, right = np.array([[0.0, 30], [230, 30], [230, -200]]), np.array([[0.0, -30], [170, -30], [170, -200]])
    across = np.linspace(-1, 1, 9)
    rows = [section(str(x), np.full(9, x), -30 * across, 2 + 3 * across**2) for x in (10.0, 150.0)]
    rows += [section(str(y), 200 - 30 * across, np.full(9, y), 2 + 3 * across**2) for y in (-100.0, -190.0)]
    survey = Survey((Reach("a", centre, left, right, tuple(rows)),), "EPSG:5186", "KVD1964")
    bed = interpolate_bed(survey, Frame(0, 40, 1, 240, 240, "EPSG:5186"), "linear")
    assert bed.mask.sum() == 220 * 60 + 60 * 160  # from x = 10 to 230, and down to y = −190
    steps = [np.nanmax(np.abs(np.diff(bed.elevation.values, axis=axis))) for axis in (0, 1)]
    assert max(steps) < 0.6  # where the inner corner gathers all of u
    middle = bed.elevation.values[69, 160:170]
    assert np.allclose(middle, middle[0], atol=0.2)


def test_pchip_makes_no_hollow_between_equal_sections() -> None:
    levels = [5.0, 3.0, 3.0, 1.0]
    survey = straight([0.0, 100.0, 200.0, 300.0], lambda s, u: np.full_like(u, levels[int(s // 100)]))
    bed = interpolate_bed(survey, flat_frame(), "pchip")
    flat = bed.mask & (bed.s > 100) & (bed.s < 200)
    assert np.allclose(bed.elevation.values[flat], 3.0)


def test_aligned_moves_the_thalweg_over() -> None:
    def bed(s: float, u: np.ndarray) -> np.ndarray:
        at = -0.5 + s / 200
        return np.where(u < at, (at - u) / (1 + at), (u - at) / (1 - at)) * 3

    survey = straight([0.0, 200.0], bed, points=81)
    found = {m: interpolate_bed(survey, flat_frame(), m).elevation.values[:, 50] for m in ("linear", "aligned")}
    assert np.nanmin(found["aligned"]) < 0.3
    assert np.nanmin(found["linear"]) > 0.8


def test_section_short_of_the_bank_goes_on_to_the_ground() -> None:
    survey = straight([0.0, 100.0, 200.0], lambda s, u: np.full_like(u, 2.0), reach=0.6)
    ground = Grid(np.full((30, 250), 8.0), Frame(-20, 30, 2, 30, 250, "EPSG:5186"))
    held = interpolate_bed(survey, flat_frame(), "linear")
    led = interpolate_bed(survey, flat_frame(), "linear", ground=ground)
    assert np.allclose(held.elevation.values[held.mask], 2.0)
    assert set(np.unique(led.source[led.mask])) == {SURVEYED, INTERPOLATED, EXTRAPOLATED}
    outer = led.mask & (np.abs(led.u) > 0.62)
    assert (led.source[outer & (np.abs(led.s - 100) > 2)] == EXTRAPOLATED).all()
    assert np.allclose(led.elevation.values[outer], 2 + 6 * (np.abs(led.u[outer]) - 0.6) / 0.4, atol=1e-4)
    assert (led.source[led.mask & (np.abs(led.u) < 0.58)] != EXTRAPOLATED).all()


def test_what_lies_beyond_the_banks_is_left_out() -> None:
    levee = lambda s, u: np.where(np.abs(u) <= 1, 2.0, 50.0)  # noqa: E731
    survey = straight([0.0, 100.0, 200.0], levee, reach=2.0, points=81)
    bed = interpolate_bed(survey, flat_frame(), "linear")
    assert bed.elevation.values[bed.mask].max() < 10  # the step to 50 lies between the bank and the next point


def test_soundings_lower_the_bed_about_them_and_not_at_sections() -> None:
    survey = straight([0.0, 100.0, 200.0], lambda s, u: np.full_like(u, 5.0))
    hole = Soundings(np.array([51.0, 52.0]), np.array([1.0, 1.0]), np.array([3.0, 3.0]))
    plain, sounded = (
        interpolate_bed(Survey(survey.reaches, survey.crs, survey.vertical_datum, each), flat_frame(), "linear")
        for each in (None, hole)
    )
    frame = sounded.elevation.frame
    row, column = (round(float(v)) for v in frame.place(np.float64(51), np.float64(1)))
    assert sounded.elevation.values[row, column] == pytest.approx(3.0, abs=0.05)
    assert sounded.source[row, column] == SURVEYED
    assert plain.source[row, column] == INTERPOLATED
    far = sounded.mask & (np.abs(sounded.s - 51.5) > 3 * 40 + 1)
    assert np.allclose(sounded.elevation.values[far], 5.0)
    at_section = sounded.mask & (np.abs(sounded.s - 100) < 1.5)
    assert np.abs(sounded.elevation.values[at_section] - 5).max() < 0.45  # 1 m from it; 2 m without
    assert sounded.elevation.values[sounded.mask].min() > 2.95


def test_islands_have_no_bed_and_banks_of_their_own() -> None:
    survey = straight([0.0, 200.0, 400.0], lambda s, u: np.full_like(u, 2.0))
    ring = np.array([[100.0, -6], [140, -6], [140, 6], [100, 6]])
    bed = interpolate_bed(
        Survey(survey.reaches, survey.crs, survey.vertical_datum, islands=(ring,)), flat_frame(), "linear"
    )
    assert bed.mask.sum() == 200 * 20 - 20 * 6
    frame = bed.elevation.frame
    island = (np.abs(frame.y)[:, None] < 6) & (frame.x > 100) & (frame.x < 140)
    assert (bed.source[island] == OUTSIDE).all()
    beside = int(np.flatnonzero(np.isclose(frame.y, 7))[0]), int(np.flatnonzero(np.isclose(frame.x, 121))[0])
    assert bed.bank_distance_m[beside] == pytest.approx(1.0, abs=1e-4)


def test_bank_distance_is_exact_also_when_banks_lie_beyond_the_frame() -> None:
    survey = straight([0.0, 200.0, 400.0], lambda s, u: np.full_like(u, 2.0))
    for frame in (flat_frame(), Frame(100, 10, 1, 15, 60, "EPSG:5186")):
        bed = interpolate_bed(survey, frame, "linear")
        _, y = np.meshgrid(frame.x, frame.y)
        assert bed.mask.any()
        assert np.allclose(bed.bank_distance_m[bed.mask], 20 - np.abs(y[bed.mask]), atol=1e-3)


@pytest.mark.parametrize("swing", [0.0, 75.0])
@pytest.mark.parametrize(("method", "rms_m"), [("linear", 0.01), ("pchip", 0.3), ("kriging", 0.2)])
def test_a_river_in_two_reaches_has_the_bed_of_one(swing: float, method: str, rms_m: float) -> None:
    for seed in (1, 2):
        whole = bend(seed=seed, width=45.0, swing=swing, points=21, sections=8, skew=10.0)
        frame, two = cells(whole, 3), in_two(whole, 4)
        one, other = interpolate_bed(whole, frame, method), interpolate_bed(two, frame, method)
        assert np.array_equal(one.mask, other.mask)
        apart = (other.elevation.values - one.elevation.values)[one.mask]
        assert np.sqrt(np.mean(apart**2)) < rms_m  # the other methods look at more sections than those beside
        assert set(np.unique(other.reach[other.mask])) == {0, 1}
        lower = other.mask & (other.reach == 1)
        assert np.nanmin(other.s[lower]) == pytest.approx(0.0, abs=10.0)


@pytest.mark.parametrize("split", [True, False])
def test_bed_goes_over_without_a_step_where_a_tributary_joins(split: bool) -> None:
    from scipy.ndimage import label

    survey = confluence(split)
    bed = interpolate_bed(survey, cells(survey, 1), "linear")
    assert label(bed.mask)[1] == 1  # all reaches hang together
    assert bed.warnings == ()
    steps = [np.diff(bed.elevation.values, axis=axis) for axis in (0, 1)]
    assert max(np.nanmax(np.abs(step)) for step in steps) < 1.0
    assert max(np.nanquantile(np.abs(step), 0.999) for step in steps) < 0.4
    lows = [bed.elevation.values[bed.mask & (bed.reach == k)].min() for k in range(len(survey.reaches))]
    assert min(lows) >= 2 - 1e-6


@pytest.mark.parametrize("split", [True, False])
def test_tributary_is_not_dammed_by_the_bank_of_its_river(split: bool) -> None:
    survey = confluence(split)
    bed = interpolate_bed(survey, cells(survey, 1), "linear")
    tributary = survey.reaches[-1]
    frame = bed.elevation.frame
    end = tributary.centreline[-1]
    along = np.linspace(tributary.centreline[-12], end, 200)
    z = bed.elevation.at(along[:, 0], along[:, 1])
    assert not np.isnan(z).any()
    assert z.max() < 4.5  # the tributary's thalweg is at 4, its river's banks at 5
    assert frame.cell_m == 1


def test_junction_too_far_away_is_said() -> None:
    survey = confluence(True)
    up, down, tributary = survey.reaches
    cut = Reach(up.id, up.centreline, up.left_bank, up.right_bank, up.sections[:2], up.downstream)
    far = Reach("far", *(line + np.array([0, 3000.0]) for line in (up.centreline, up.left_bank, up.right_bank)),
                tuple(section(s.id, s.x, s.y + 3000, s.z) for s in up.sections), down.id)  # fmt: skip
    bed = interpolate_bed(Survey((cut, down, tributary, far), "EPSG:5186", "KVD1964"), cells(survey, 2), "linear")
    assert any("far ends" in warning for warning in bed.warnings)


def test_reach_with_one_section_is_refused_by_name() -> None:
    survey = straight([100.0], lambda s, u: np.full_like(u, 2.0))
    with pytest.raises(BadSurvey, match="Reach a has 1 section"):
        interpolate_bed(survey, flat_frame())


def test_unknown_method_is_refused() -> None:
    survey = straight([0.0, 100.0], lambda s, u: np.full_like(u, 2.0))
    with pytest.raises(BadOption, match="no method spline"):
        interpolate_bed(survey, flat_frame(), "spline")


def test_section_off_the_channel_is_named() -> None:
    survey = straight([0.0, 100.0, 200.0], lambda s, u: 2 + u**2)
    reach = survey.reaches[0]
    off = section("off", np.full(5, 150.0), np.linspace(500, 540, 5), np.zeros(5))
    other = Reach("a", reach.centreline, reach.left_bank, reach.right_bank, (*reach.sections, off))
    bed = interpolate_bed(Survey((other,), "EPSG:5186", "KVD1964"), flat_frame(), "linear")
    assert bed.warnings == ("Section off of reach a does not cross its reach's channel and was left out.",)


def test_banks_through_the_ends_of_two_oblique_sections() -> None:
    u = np.linspace(-1, 1, 9)
    rows = tuple(section(str(x), x + 24 * u, 12 - 14 * u, 2 + u**2) for x in (0.0, 380.0))
    left, right = (np.array([[row.x[k], row.y[k]] for row in rows]) for k in (0, -1))
    survey = Survey((Reach("a", (left + right) / 2, left, right, rows),), "EPSG:5186", "KVD1964")
    bed = interpolate_bed(survey, cells(survey, 2), "linear")
    assert bed.mask.sum() * 4 == pytest.approx(380 * 28, rel=0.02)
    assert bed.deviation_m < 1e-6


def test_crossing_sections_are_named() -> None:
    survey = straight([0.0, 100.0, 200.0, 300.0], lambda s, u: 2 + s / 100 + u**2)
    reach = survey.reaches[0]
    u = np.linspace(-1, 1, 21)
    askew = section("askew", 150 + 80 * u, -20 * u, 9 + u)
    crossing = Reach(
        "a", reach.centreline, reach.left_bank, reach.right_bank, (*reach.sections[:2], askew, *reach.sections[2:])
    )
    bed = interpolate_bed(Survey((crossing,), "EPSG:5186", "KVD1964"), flat_frame(), "linear")
    assert bed.deviation_m > 0.1
    assert any("askew" in warning for warning in bed.warnings)


def test_vertical_wall_and_doubled_points_are_taken() -> None:
    across = np.array([20.0, 15, 15, 0, 0, -10, -20])
    z = np.array([6.0, 6, 2, 1.5, 1.5, 2, 6])
    rows = tuple(section(str(x), np.full(7, x), across, z) for x in (0.0, 100.0, 200.0))
    line = np.array([[-10.0, 0], [410, 0]])
    survey = Survey((Reach("a", line, line + ASIDE, line - ASIDE, rows),), "EPSG:5186", "KVD1964")
    bed = interpolate_bed(survey, flat_frame(), "pchip")
    column = bed.elevation.values[:, 30]
    y = bed.elevation.frame.y
    assert np.allclose(column[(y > 15) & (y < 20)], 6.0, atol=1e-4)
    assert (column[(y > 0) & (y < 15)] <= 2.0).all()


def test_frame_off_the_river_has_no_bed() -> None:
    survey = straight([0.0, 100.0], lambda s, u: np.full_like(u, 2.0))
    bed = interpolate_bed(survey, Frame(9000, 9000, 2, 10, 10, "EPSG:5186"), "linear")
    assert not bed.mask.any()
    assert np.isnan(bed.bank_distance_m).all()
