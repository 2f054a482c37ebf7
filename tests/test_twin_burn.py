"""The bed of a known river is burnt into the ground: the order of the steps, and what each leaves to the next."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import shapely

from naru.errors import BadSpec
from tests.twin_rivers import (
    BRIDGE_AT_M,
    BRIDGE_WIDTH_M,
    CREST_M,
    CRS,
    DECK_M,
    LEVEE_AT_M,
    LOW_M,
    River,
    deck,
    houses,
    true_bed,
    true_ground,
    true_survey,
)
from twin.bed.records import Bed
from twin.burn import Burnt, Obstacles, burn
from twin.burning import provenance
from twin.burning.bridges import Deck
from twin.burning.levees import Levee
from twin.grid import Grid
from twin.obstacles import Footprints
from twin.spec_records import Buildings, GroundSource, Roughness, Stage, TerrainSpec
from twin.stage import stage_lines
from twin.survey.records import Survey

RIVER = River(length_m=600.0)
CELL_M = 4.0


def spec(**fields: object) -> TerrainSpec:
    """Return a terrain file's record."""
    given = {"bank_blend_m": 12.0, "water_stage_m": Stage(2.5)} | fields
    return TerrainSpec(
        path=Path("terrain.yaml"),
        terrain="toy",
        ground=GroundSource(),
        crs=CRS,
        vertical_datum="KVD1964",
        cell_m=CELL_M,
        sections=(),
        **given,  # type: ignore[arg-type]
    )


@cache
def ground(bridge: bool = False) -> Grid:
    return true_ground(RIVER, CELL_M, bridge=bridge)


@cache
def measured() -> tuple[Survey, Bed]:
    """Return the survey, and the bed as it is."""
    survey = true_survey(RIVER)
    return survey, true_bed(RIVER, ground().frame, survey)


def burnt(obstacles: Obstacles | None = None, bridge: bool = False, **fields: object) -> Burnt:
    """Burn the true bed into the ground."""
    (survey, bed), found = measured(), spec(**fields)
    return burn(ground(bridge), survey, bed, obstacles or Obstacles(), stage_lines(found, survey), found)


def test_bed_stands_in_the_channel_and_the_ground_beyond_the_blend() -> None:
    made = burnt()
    _, bed = measured()
    z = made.surfaces.bed_elevation
    assert np.array_equal(z[bed.mask], bed.elevation.values[bed.mask].astype("f4"))
    untouched = made.surfaces.provenance == provenance.TERRAIN
    assert np.array_equal(z[untouched], ground().values[untouched].astype("f4"))
    assert not np.isnan(z).any()


def test_volume_is_what_the_two_surfaces_say() -> None:
    made = burnt()
    change = made.surfaces.bed_elevation.astype(np.float64) - ground().values.astype("f4")
    assert made.volume.net_m3 == pytest.approx(change.sum() * CELL_M**2, abs=1e-6)
    assert made.volume.cut_m3 == pytest.approx(-change[change < 0].sum() * CELL_M**2, abs=1e-6)


def test_gap_at_the_bank_is_closed_and_the_step_grows_nowhere() -> None:
    made = burnt()
    assert made.gap_before_m is not None and made.gap_m is not None
    assert made.gap_before_m == pytest.approx(0.6, abs=0.1)
    assert made.gap_m < 0.5 * made.gap_before_m
    assert made.step and made.step_before and made.step.step_m <= made.step_before.step_m


def test_a_wide_gap_is_no_notch_in_the_levee() -> None:
    made = burnt(bank_blend_m=60.0)  # reaches beyond the levee
    x, y = RIVER.offset(LEVEE_AT_M)[30:100].T
    crest = made.surfaces.bed_elevation
    row, column = (np.rint(v).astype(int) for v in ground().frame.place(x, y))
    assert np.array_equal(crest[row, column], ground().values[row, column].astype("f4"))


def test_levee_line_keeps_water_out_of_the_low_land() -> None:
    line = RIVER.offset(LEVEE_AT_M)
    levee = Levee("L", line, np.full(len(line), CREST_M + 0.5))
    made = burnt(Obstacles((levee,)), water_stage_m=Stage(CREST_M + 0.25))
    assert (made.surfaces.provenance == provenance.LEVEE).sum() > len(line)
    x, y = RIVER.offset(LEVEE_AT_M + 30)[60:90].T
    depth = Grid(made.surfaces.water_depth, ground().frame)  # type: ignore[arg-type]
    assert np.nanmax(depth.at(x, y)) > 0  # round the levee's ends: the stage is above all else
    dry = burnt(Obstacles((levee,)), water_stage_m=Stage(5.0))
    assert ground().at(x, y).max() == LOW_M
    assert np.nanmax(Grid(dry.surfaces.water_depth, ground().frame).at(x, y)) == 0  # type: ignore[arg-type]


def test_bridge_is_gone_from_banks_and_channel() -> None:
    obstacles = Obstacles(decks=(Deck("시험교", deck(RIVER)),))
    made = burnt(obstacles, bridge=True)
    without = burnt()
    assert made.surfaces.bed_elevation.max() < DECK_M
    assert np.abs(made.surfaces.bed_elevation - without.surfaces.bed_elevation).max() < 0.35
    x, y = RIVER.at(BRIDGE_AT_M, 28.0)
    row, column = (int(np.rint(v)) for v in ground().frame.place(x, y))
    assert made.surfaces.provenance[row, column] == provenance.BRIDGE
    assert (made.surfaces.provenance == provenance.BRIDGE).sum() >= 2 * 10 * BRIDGE_WIDTH_M / CELL_M**2


def buildings(treatment: str) -> dict[str, object]:
    return {"buildings": Buildings(None, None, treatment)}  # type: ignore[arg-type]


def test_buildings_are_raised_or_roughened_by_choice() -> None:
    shapes = np.empty(3, object)
    shapes[:] = houses(RIVER)
    obstacles = Obstacles(footprints=Footprints(shapes, np.array([9.0, 9.0, 9.0]), 0))
    high, rough = burnt(obstacles, **buildings("raise")), burnt(obstacles, **buildings("roughness"))
    on = shapely.contains_xy(shapely.union_all(shapes), *np.meshgrid(ground().frame.x, ground().frame.y))
    assert np.allclose((high.surfaces.bed_elevation - rough.surfaces.bed_elevation)[on], 9.0, atol=1e-5)
    assert (rough.surfaces.manning_n[on] == np.float32(Roughness().buildings)).all()
    assert (high.surfaces.manning_n[on] == np.float32(Roughness().floodplain)).all()
    assert high.volume == rough.volume == burnt().volume  # a building is no earth
    assert high.volumes[provenance.BUILDING].fill_m3 == pytest.approx(on.sum() * 9 * CELL_M**2, rel=1e-5)


def test_stage_along_the_river_slopes_with_it() -> None:
    made = burnt(water_stage_m=Stage(by_chainage=((None, 100.0, 3.0), (None, 500.0, 1.0))))
    _, bed = measured()
    wet = bed.mask & (made.surfaces.water_depth > 0)  # type: ignore[operator]
    surface = made.surfaces.water_depth[wet] + made.surfaces.bed_elevation[wet]  # type: ignore[index]
    assert np.allclose(surface, np.interp(bed.s[wet], [100, 500], [3.0, 1.0]), atol=1e-4)


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (Stage(by_chainage=(("elsewhere", 0.0, 1.0),)), "names a reach 'elsewhere'"),
        (Stage(by_section=((None, "X99", 1.0),)), "names a section 'X99' that there is not"),
        (Stage(by_chainage=((None, 5.0, 1.0), (None, 5.0, 2.0))), "two stages at one chainage"),
    ],
)
def test_stage_that_is_nowhere_is_named(stage: Stage, words: str) -> None:
    with pytest.raises(BadSpec, match=words) as caught:
        stage_lines(spec(water_stage_m=stage), measured()[0])
    assert caught.value.field == "water_stage_m"


def test_stage_below_the_bed_is_told() -> None:
    made = burnt(water_stage_m=Stage(-50.0))
    assert any("no water" in warning for warning in made.warnings)


def test_blend_narrower_than_a_cell_is_told() -> None:
    assert any("nothing is blended" in warning for warning in burnt(bank_blend_m=1.0).warnings)
