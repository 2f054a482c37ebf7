"""A bed is burnt into the ground: what the blend may do, what it must leave, and how much earth that is."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

from twin.burning.banks import RIDGE_M, bank_step, blend, edge_of
from twin.burning.bridges import Deck, remove_decks
from twin.burning.buildings import footprint_cells, raise_buildings
from twin.burning.cells import distance_m, walk
from twin.burning.levees import Levee, keep_crests
from twin.burning.roughness import roughness
from twin.burning.volume import volume_changes
from twin.burning.water import water_depth
from twin.grid import Frame, Values

ROWS, COLUMNS, CELL_M = 30, 40, 2.0
FRAME = Frame(0.0, ROWS * CELL_M, CELL_M, ROWS, COLUMNS, "EPSG:5186")


def straight(bank_m: float = 5.0, deep_m: float = 4.0) -> Values:
    """Return the bed of a channel that runs east through rows 10 to 19."""
    bed = np.full((ROWS, COLUMNS), np.nan)
    u = np.linspace(-0.9, 0.9, 10)
    bed[10:20] = (bank_m - deep_m * (1 - u**2))[:, None]
    return bed


def at_bank(bed: Values) -> Values:
    """Return the rows of the straight channel beside its banks."""
    out = np.zeros(bed.shape, bool)
    out[[10, 19]] = True
    return out & ~np.isnan(bed)


heights = st.lists(st.floats(0, 10, width=32), min_size=ROWS * 4, max_size=ROWS * 4)


@given(heights)
@settings(max_examples=40, deadline=None)
def test_blend_is_no_dam_and_no_notch(values: list[float]) -> None:
    ground = np.repeat(np.array(values).reshape(ROWS, 4), COLUMNS // 4, axis=1)
    bed = straight()
    out, strip = blend(ground, bed, FRAME, 8.0, at_bank(bed))
    bank = edge_of(bed, at_bank(bed), FRAME).z
    assert (out[strip] <= np.maximum(ground[strip], bank.max()) + 1e-9).all()
    assert (out[strip] >= np.minimum(ground[strip], bank.min()) - 1e-9).all()


@given(heights, st.floats(0, 12))
@settings(max_examples=40, deadline=None)
def test_ground_beyond_the_blend_is_untouched_to_the_bit(values: list[float], width_m: float) -> None:
    ground = np.repeat(np.array(values).reshape(ROWS, 4), COLUMNS // 4, axis=1)
    bed = straight()
    out, strip = blend(ground, bed, FRAME, width_m, at_bank(bed))
    channel = ~np.isnan(bed)
    assert np.array_equal(out[channel], bed[channel])
    assert np.array_equal(out[~channel & ~strip], ground[~channel & ~strip])
    y = np.broadcast_to(FRAME.y[:, None], ground.shape)
    beyond_banks = np.maximum(y - (ROWS - 10) * CELL_M, (ROWS - 20) * CELL_M - y)  # metres outside the bank lines
    assert not strip[beyond_banks > width_m].any()


def test_blend_takes_the_step_out_of_the_bank() -> None:
    bed, ground = straight(), np.full((ROWS, COLUMNS), 8.0)
    channel = ~np.isnan(bed)
    before = bank_step(np.where(channel, bed, ground), channel, at_bank(bed), FRAME)
    out, _ = blend(ground, bed, FRAME, 10.0, at_bank(bed))
    after = bank_step(out, channel, at_bank(bed), FRAME)
    assert before and after
    assert before.step_m == pytest.approx(3.76)
    assert after.step_m < 0.15 * before.step_m
    assert np.abs(np.diff(out[:10, 20])).max() < 2.0  # nor is it put elsewhere
    assert (np.diff(out[:10, 20]) <= 1e-9).all()  # falls towards the river all the way


def test_end_of_the_survey_across_the_river_is_no_bank() -> None:
    bed = straight()
    bed[:, 30:] = np.nan  # the survey ends across the river: there the ground is as it was
    ground = np.full((ROWS, COLUMNS), 20.0)
    out, strip = blend(ground, bed, FRAME, 6.0, at_bank(bed))
    assert not strip[12:18, 30:].any()
    step = bank_step(out, ~np.isnan(bed), at_bank(bed), FRAME)
    assert step and step.step_m < 20 - 5


def test_levee_beside_the_river_is_not_lowered_without_being_named() -> None:
    bed, ground = straight(bank_m=3.0), np.full((ROWS, COLUMNS), 4.0)
    ground[6] = 7.0  # a ridge three cells from the bank, with low land behind
    out, _ = blend(ground, bed, FRAME, 12.0, at_bank(bed))
    assert np.array_equal(out[:7], ground[:7])
    assert out[9, 20] < 4.0  # its foot is still blended


def test_bump_lower_than_a_ridge_is_blended() -> None:
    bed, ground = straight(bank_m=3.0), np.full((ROWS, COLUMNS), 4.0)
    ground[6] += RIDGE_M / 2
    out, strip = blend(ground, bed, FRAME, 12.0, at_bank(bed))
    assert strip[6, 20]
    assert out[6, 20] < ground[6, 20]


def test_cells_without_ground_at_the_bank_are_filled() -> None:
    bed, ground = straight(), np.full((ROWS, COLUMNS), 6.0)
    ground[8:10] = np.nan
    out, strip = blend(ground, bed, FRAME, 8.0, at_bank(bed))
    assert strip[8:10].all()
    assert ((out[8:10] > 4.2) & (out[8:10] < 6.0)).all()


def test_hole_wider_than_the_blend_stays_a_hole() -> None:
    bed, ground = straight(), np.full((ROWS, COLUMNS), 6.0)
    ground[:10] = np.nan
    out, _ = blend(ground, bed, FRAME, 4.0, at_bank(bed))
    assert np.isnan(out[:8]).all()


def test_volume_is_the_sum_over_the_cells_by_where_they_come_from() -> None:
    before = np.array([[5.0, 5.0], [np.nan, 1.0]])
    codes = np.array([[1, 0], [0, 1]], np.uint8)
    other, channel = volume_changes(before, np.array([[3.5, 5.25], [2.0, 1.0]]), codes, 10.0, 2)
    assert (channel.cut_m3, channel.fill_m3) == (150.0, 0.0)
    assert (other.cut_m3, other.fill_m3) == (0.0, 25.0)
    assert (other + channel).net_m3 == -125.0


@given(st.lists(st.tuples(st.floats(-20, 100), st.floats(-20, 80)), min_size=2, max_size=6))
@settings(max_examples=150, deadline=None)
def test_cells_of_a_line_share_sides_and_lie_on_it(points: list[tuple[float, float]]) -> None:
    line = np.array(points)
    there = walk(line, FRAME)
    whole = shapely.LineString(line)
    for row, column in zip(there.row, there.column, strict=True):
        x, y = FRAME.x[column], FRAME.y[row]
        assert whole.distance(shapely.box(x - 1, y - 1, x + 1, y + 1)) < 1e-6
    if whole.within(shapely.box(0.01, 0.01, COLUMNS * CELL_M - 0.01, ROWS * CELL_M - 0.01)):
        moves = np.abs(np.diff(there.row)) + np.abs(np.diff(there.column))
        assert (moves <= 1).all()
    assert (np.diff(there.along_m) >= -1e-9).all()


@given(st.floats(3, 57), st.floats(3, 57), st.floats(9, 10))
@settings(max_examples=80, deadline=None)
def test_no_water_gets_through_a_levee_at_its_corners(left: float, right: float, crest: float) -> None:
    line = np.array([[-5.0, left], [85.0, right]])
    ground, channel = np.full((ROWS, COLUMNS), 2.0), np.zeros((ROWS, COLUMNS), bool)
    raised = keep_crests(ground, ground, [Levee("L", line, np.full(2, crest))], channel, FRAME)
    parts, count = label(raised.values < crest, np.ones((3, 3)))  # water that moves to any of eight neighbours
    rows, columns = np.nonzero(raised.values < crest)
    above = FRAME.y[rows] > left + (right - left) * (FRAME.x[columns] + 5) / 90
    assert not set(parts[rows[above], columns[above]]) & set(parts[rows[~above], columns[~above]])
    assert count >= 2


def test_levee_takes_its_crest_along_the_line_and_never_lowers() -> None:
    ground, channel = np.full((ROWS, COLUMNS), 2.0), np.zeros((ROWS, COLUMNS), bool)
    ground[5, 20] = 12.0
    line = np.array([[0.0, 49.0], [80.0, 49.0]])  # along row 5
    out = keep_crests(ground, ground, [Levee("L", line, np.array([6.0, 10.0]))], channel, FRAME).values
    assert out[5, 0] == pytest.approx(6.05)
    assert out[5, 39] == pytest.approx(9.95)
    assert out[5, 20] == 12.0
    assert np.array_equal(np.delete(out, 5, axis=0), np.delete(ground, 5, axis=0))


def test_levee_without_a_crest_gets_back_what_the_blend_took() -> None:
    ground, channel = np.full((ROWS, COLUMNS), 6.0), np.zeros((ROWS, COLUMNS), bool)
    line = np.array([[0.0, 49.0], [80.0, 49.0]])
    out = keep_crests(ground - 1.5, ground, [Levee("L", line, np.full(2, np.nan))], channel, FRAME).values
    assert (out[5] == 6.0).all()


def test_levee_across_the_river_is_no_dam() -> None:
    bed = straight()
    channel = ~np.isnan(bed)
    ground = np.where(channel, bed, 6.0)
    across = Levee("across", np.array([[41.0, 0.0], [41.0, 60.0]]), np.full(2, 9.0))
    raised = keep_crests(ground, ground, [across], channel, FRAME)
    assert np.array_equal(raised.values[channel], ground[channel])
    assert [crossing[0] for crossing in raised.crossings] == ["across"]
    assert (raised.values[~channel & (np.arange(COLUMNS) == 20)] == 9.0).all()


def test_levee_that_slips_over_the_bank_has_no_gap() -> None:
    bed = straight()
    channel = ~np.isnan(bed)
    ground = np.where(channel, bed, 6.0)
    line = np.array([[0.0, 43.0], [40.0, 38.0], [80.0, 43.0]])  # row 8, one cell into the channel, row 8
    raised = keep_crests(ground, ground, [Levee("L", line, np.full(3, 9.0))], channel, FRAME)
    assert not raised.crossings
    assert (raised.values.max(axis=0) == 9.0).all()


def bridge() -> Deck:
    """Return a deck across the straight channel, from row 4 to row 25, over columns 18 to 21."""
    return Deck("B", shapely.box(36.0, 8.0, 44.0, 52.0))


def test_bridge_is_taken_from_the_ground_and_the_bed_stands() -> None:
    bed = straight()
    slope = np.broadcast_to(6 + FRAME.x * 0.01, (ROWS, COLUMNS)).copy()
    ground = slope.copy()
    ground[4:26, 18:22] = 11.0
    cleared = remove_decks(ground, bed, [bridge()], FRAME)
    outside = np.isnan(bed)
    assert np.abs(cleared.values - slope)[outside].max() < 0.011
    assert np.array_equal(cleared.values[~outside], ground[~outside])  # the bed is burnt in over it
    assert cleared.cells[5, 19] and not cleared.cells[15, 19] and not cleared.left


def test_bridge_wider_than_long_is_taken_from_its_river_sides() -> None:
    bed = straight()
    ground = np.full((ROWS, COLUMNS), 6.0)
    ground[:, :5] = 3.0  # nothing to do with the bridge
    ground[8:22, 8:33] = 11.0  # a square deck: 50 m of road width over a channel of 20 m
    ground[4:8, 8:33] = ground[22:26, 8:33] = 11.0  # and the road on its ends
    deck = Deck("B", shapely.box(16.0, 16.0, 66.0, 44.0))
    cleared = remove_decks(ground, bed, [deck], FRAME)
    assert np.allclose(cleared.values[9, 9:32], 6.0)


def test_bridge_without_ground_beside_it_is_left_and_named() -> None:
    ground = np.full((ROWS, COLUMNS), np.nan)
    ground[4:26, 18:22] = 11.0
    cleared = remove_decks(ground, np.full(ground.shape, np.nan), [bridge()], FRAME)
    assert cleared.left == ("B",)
    assert not cleared.cells.any()


def test_buildings_are_raised_on_their_ground_but_not_in_the_channel() -> None:
    bed = straight()
    ground = np.where(np.isnan(bed), np.broadcast_to(FRAME.x * 0.1, bed.shape), bed)
    houses = [shapely.box(10, 50, 20, 58), shapely.box(16, 50, 26, 58), shapely.box(60, 30, 70, 36)]
    out, cells = raise_buildings(ground, houses, np.array([9.0, 3.0, 30.0]), ~np.isnan(bed), FRAME)
    assert out[2, 6] == pytest.approx(ground[2, 6] + 9)
    assert out[2, 9] == pytest.approx(ground[2, 9] + 9)  # of two that overlap, the higher
    assert out[2, 11] == pytest.approx(ground[2, 11] + 3)
    assert np.array_equal(out[10:20], ground[10:20])
    assert cells.sum() == 32
    assert footprint_cells(houses, ~np.isnan(bed), FRAME).sum() == 32


def test_roughness_of_the_channel_goes_before_what_lies_over_it() -> None:
    channel = ~np.isnan(straight())
    known = np.ones(channel.shape, bool)
    known[0, 0] = False
    over = np.full(channel.shape, np.nan, np.float32)
    over[:, 5] = 0.3
    n = roughness(channel, known, 0.025, 0.04, over)
    assert n[15, 5] == np.float32(0.025)
    assert n[2, 5] == np.float32(0.3)
    assert n[2, 6] == np.float32(0.04)
    assert np.isnan(n[0, 0])


def test_low_land_behind_a_levee_stays_dry() -> None:
    bed = straight(bank_m=3.0)
    channel = ~np.isnan(bed)
    surface = np.where(channel, bed, 3.0)
    surface[[5, 24]] = 8.0
    depth = water_depth(surface, np.float64(4.0), channel)
    assert (depth[6:10] == 1.0).all()
    assert (depth[:6] == 0.0).all()
    surface[5, 20] = 3.5  # a gap in the crest
    assert (water_depth(surface, np.float64(4.0), channel)[:5] == 1.0).all()


def test_water_does_not_get_through_between_two_corners() -> None:
    surface = np.array([[0.0, 9.0], [9.0, 0.0]])
    channel = np.array([[True, False], [False, False]])
    assert water_depth(surface, np.float64(2.0), channel).tolist() == [[2.0, 0.0], [0.0, 0.0]]


@given(st.integers(0, 2**32 - 1), st.floats(2.0, 30.0))
@settings(max_examples=15, deadline=None)
def test_distances_in_bands_are_those_of_the_whole(seed: int, reach: float) -> None:
    from scipy.ndimage import distance_transform_edt

    mask = np.random.default_rng(seed).random((1100, 6)) < 0.002
    found = distance_m(mask, 2.0, reach)
    whole = distance_transform_edt(~mask) * 2.0 if mask.any() else np.full(mask.shape, np.inf)
    near = whole <= reach
    assert np.allclose(found[near], whole[near])
    assert np.isinf(found[whole > reach + 1e-4]).all()  # distances are float32
