"""Losses against their laws in closed form; never more is lost than is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naru.errors import BadSpec, NaruError
from tests.forcings import Pond, let_act, spec, world
from twin.flood.ledger import Balance

LOAM = {"method": "green-ampt", "hydraulic_conductivity_mm_h": 3.4, "suction_mm": 88.9, "moisture_deficit": 0.3}


def lost(infiltration: Any, rain: Any = None, until_s: float = 3600.0, **more: Any) -> tuple[float, Balance, Pond]:
    """Return what soaked in, mm, the balance, and the pond, which begins `depth` deep; the cell is 1 m² large."""
    here = more.pop("world", None) or world(np.zeros((2, 3)), cell_m=1.0, duration_s=until_s)
    sections = {"infiltration": infiltration} | ({"rain": rain} if rain is not None else {})
    boundary, actors = spec(more.pop("file", None), **sections).build(here)
    pond = Pond(here.domain, boundary, more.pop("dtype", "float64"), more.pop("depth", 0.0))
    ledger = let_act(actors, pond, until_s, more.pop("step_s", 2.0))
    balance = ledger.balance(pond.stored_m3() + sum(a.held_m3() for a in actors))
    assert balance.relative_error < 1e-12
    cells = int(here.domain.active.sum()) * here.domain.area_m2
    return balance.terms.get("infiltration", (0.0, 0.0))[1] / cells * 1000, balance, pond


def green_ampt(time_h: float, supply: float, law: dict[str, Any]) -> float:
    """Return the infiltration, mm, of steady rain on dry ground without head (Chow et al. 1988, §5.4)."""
    k, pull = law["hydraulic_conductivity_mm_h"], law["suction_mm"] * law["moisture_deficit"]
    ponding_h = k * pull / (supply * (supply - k))
    at_ponding = supply * ponding_h
    if time_h <= ponding_h:
        return supply * time_h
    f = at_ponding
    for _ in range(200):  # F = Fp + K·(t - tp) + ψΔθ·ln((F + ψΔθ) / (Fp + ψΔθ)), by going on from the last
        f = at_ponding + k * (time_h - ponding_h) + pull * np.log((f + pull) / (at_ponding + pull))
    return float(f)


@pytest.mark.parametrize("supply", [20.0, 60.0])
@pytest.mark.parametrize("time_h", [0.25, 1.0, 3.0])
def test_green_ampt_against_its_closed_form(supply: float, time_h: float) -> None:
    soaked, _, pond = lost(LOAM, {"uniform_mm_h": supply}, 3600 * time_h)
    exact = green_ampt(time_h, supply, LOAM)
    head = 1 + float(pond.depth.max()) * 1000 / LOAM["suction_mm"]  # ponded water helps, by less than this
    assert exact * 0.999 <= soaked <= exact * head * 1.001


def test_green_ampt_without_head_is_exact_to_a_thousandth() -> None:
    stiff = {**LOAM, "suction_mm": 8890.0, "moisture_deficit": 0.003}  # the same ψΔθ: a head hardly counts
    for time_h in (0.3, 1.0, 4.0):
        soaked, _, pond = lost(stiff, {"uniform_mm_h": 40}, 3600 * time_h, step_s=20.0)
        exact, head = green_ampt(time_h, 40, stiff), float(pond.depth.max()) * 1000 / 8890
        assert exact * 0.9995 <= soaked <= exact * (1.0005 + head)


def test_ponding_begins_when_the_closed_form_says() -> None:
    k, pull, supply = 3.4, 88.9 * 0.3, 40.0
    ponding_s = 3600 * k * pull / (supply * (supply - k))
    dry = lost(LOAM, {"uniform_mm_h": supply}, ponding_s * 0.97, step_s=1.0)[2].depth.max()
    wet = lost(LOAM, {"uniform_mm_h": supply}, ponding_s * 1.10, step_s=1.0)[2].depth.max()
    assert dry == 0
    assert wet > 1e-6


def test_green_ampt_under_a_pond_draws_it_down_by_the_law() -> None:
    """f = K·(1 + (ψ + h)·Δθ/F), integrated finely by another way."""
    soaked, _, _ = lost(LOAM, None, 3600.0, depth=0.2)
    depth, f, dt = 200.0, 1e-6, 0.05 / 3600
    for _ in range(round(1 / dt)):
        mid = f + 0.5 * dt * 3.4 * (1 + (88.9 + depth) * 0.3 / max(f, (2 * 3.4 * 26 * dt) ** 0.5))
        step = dt * 3.4 * (1 + (88.9 + depth) * 0.3 / mid)
        f, depth = f + step, depth - step
    assert soaked == pytest.approx(f, rel=5e-3)


@pytest.mark.parametrize("ratio", [0.2, 0.05])
@pytest.mark.parametrize("step_s", [0.9, 20.0])
def test_the_curve_number_is_exact_whatever_the_steps(ratio: float, step_s: float) -> None:
    soaked, _, _ = lost(
        {"method": "scs-cn", "curve_number": 75, "ia_ratio": ratio}, {"uniform_mm_h": 80}, 3600, step_s=step_s
    )
    s = 25400 / 75 - 254
    excess = (80 - ratio * s) ** 2 / (80 - ratio * s + s)
    assert soaked == pytest.approx(80 - excess, rel=1e-12)


def test_antecedent_moisture_changes_the_curve_number() -> None:
    by = {
        amc: lost({"method": "scs-cn", "curve_number": 75, "amc": amc}, {"uniform_mm_h": 80})[0]
        for amc in ("I", "II", "III")
    }
    assert by["I"] > by["II"] > by["III"]
    wet = 23 * 75 / (10 + 0.13 * 75)
    again, _, _ = lost({"method": "scs-cn", "curve_number": wet}, {"uniform_mm_h": 80})
    assert by["III"] == pytest.approx(again, rel=1e-12)


def test_horton_against_its_integral() -> None:
    law = {"method": "horton", "initial_rate_mm_h": 50, "final_rate_mm_h": 5, "decay_1_h": 4}
    soaked, _, _ = lost(law, {"uniform_mm_h": 100}, 1800)  # always more than may soak in
    assert soaked == pytest.approx(5 * 0.5 + 45 / 4 * (1 - np.exp(-2)), rel=1e-9)
    slow, _, _ = lost(law, {"uniform_mm_h": 4}, 3600)  # never as much: everything soaks in
    assert slow == pytest.approx(4, rel=1e-12)
    gone, _, _ = lost(
        law, {"hyetograph": [[0, 10], [30, 100], [60, 0]], "kind": "intensity_mm_h", "time_unit": "min"}
    )
    delay = _horton_time(5.0)  # so far the curve has come when 5 mm have soaked in
    assert gone == pytest.approx(_horton(delay + 0.5), rel=1e-6)


def _horton(t: float) -> float:
    return float(5 * t + 45 / 4 * (1 - np.exp(-4 * t)))


def _horton_time(depth: float) -> float:
    low, high = 0.0, 10.0
    for _ in range(60):
        low, high = ((low + high) / 2, high) if _horton((low + high) / 2) < depth else (low, (low + high) / 2)
    return low


def test_a_constant_rate_after_an_initial_loss() -> None:
    soaked, _, pond = lost({"method": "constant", "rate_mm_h": 12, "initial_loss_mm": 5}, {"uniform_mm_h": 70})
    assert 12 <= soaked <= 17 + 1e-9
    assert soaked == pytest.approx(5 + 12 * (1 - 5 / 70), rel=5e-3)  # the rate begins when the loss is used up
    assert float(pond.depth[0, 0]) * 1000 == pytest.approx(70 - soaked, rel=1e-12)


def test_drains_take_after_the_soil_and_are_a_term_of_their_own() -> None:
    _, balance, pond = lost(
        {"method": "constant", "rate_mm_h": 10, "impervious": 0.6, "drain_loss_mm_h": 12}, {"uniform_mm_h": 70}
    )
    assert balance.terms["infiltration"][1] == pytest.approx(6 * 0.004, rel=1e-9)
    assert balance.terms["drain loss"][1] == pytest.approx(6 * 0.012, rel=1e-9)
    assert float(pond.depth[0, 0]) * 1000 == pytest.approx(70 - 4 - 12, rel=1e-9)


LAWS = [
    LOAM,
    {"method": "constant", "rate_mm_h": 30, "initial_loss_mm": 3},
    {"method": "horton", "initial_rate_mm_h": 80, "final_rate_mm_h": 0, "decay_1_h": 2},
    {"method": "scs-cn", "curve_number": 60},
]


@settings(max_examples=25)
@given(
    st.sampled_from(LAWS),
    st.floats(0, 0.02),
    st.floats(0, 60),
    st.floats(0, 1),
    st.sampled_from(["float32", "float64"]),
)
def test_never_more_is_lost_than_is_there(
    law: Any, depth: float, rain: float, impervious: float, dtype: str
) -> None:
    given_ = {**law, "impervious": impervious, "drain_loss_mm_h": 20}
    _, balance, pond = lost(given_, {"uniform_mm_h": rain}, 600, depth=depth, dtype=dtype, step_s=11.0)
    assert (pond.depth >= 0).all()
    assert balance.out_m3 <= (balance.initial_m3 + balance.in_m3) * (1 + 1e-12)


# --- parameters ---------------------------------------------------------------------------------------


def test_a_soil_by_name_gives_what_is_not_stated() -> None:
    named = lost({"method": "green-ampt", "soil": "사양토", "initial_saturation": 0.25}, {"uniform_mm_h": 90})[0]
    stated = {"hydraulic_conductivity_mm_h": 10.9, "suction_mm": 110.1, "moisture_deficit": 0.412 * 0.75}
    assert named == lost({"method": "green-ampt", **stated}, {"uniform_mm_h": 90})[0]


def test_the_report_hears_where_a_soil_and_a_pattern_come_from() -> None:
    told = spec(
        rain={"design": {"depth_mm": 100, "duration_h": 1}},
        infiltration={"method": "green-ampt", "soil": "loam", "initial_saturation": 0.5},
    ).inputs()
    assert "Illinois" in told[0]["value"]["pattern_source"]
    assert told[1] == {
        "role": "infiltration",
        "value": "green-ampt",
        "soil": "loam",
        "initial_saturation": 0.5,
        "source": "Rawls et al. 1983",
    }


def test_parameters_from_rasters_differ_by_cell(tmp_path: Path) -> None:
    rate = np.array([[0.0, 10.0, 20.0], [np.nan, 5.0, 5.0]])
    bed = np.where(np.isnan(rate), np.nan, 0.0)
    here = world(bed, cell_m=1.0, rasters={"rate.tif": rate})
    _, _, pond = lost({"method": "constant", "rate_mm_h": "rate.tif"}, {"uniform_mm_h": 30}, world=here)
    assert pond.depth[0] * 1000 == pytest.approx([30, 20, 10], rel=1e-9)
    (tmp_path / "cn.csv").write_text("class,curve_number\n1,98\n2,60\n")
    classes = np.array([[1.0, 2.0, 1.0], [np.nan, 2.0, 2.0]])
    here = world(bed, cell_m=1.0, rasters={"cover.tif": classes})
    number = {"land_cover": "cover.tif", "table": "cn.csv"}
    _, _, pond = lost(
        {"method": "scs-cn", "curve_number": number},
        {"uniform_mm_h": 80},
        world=here,
        file=tmp_path / "scenario.yaml",
    )
    assert pond.depth[0, 0] > 0.07 > pond.depth[0, 1] > 0
    here = world(bed, cell_m=1.0, rasters={"cover.tif": classes + 1})
    with pytest.raises(BadSpec, match="does not have the class 3"):
        lost(
            {"method": "scs-cn", "curve_number": number}, {"uniform_mm_h": 8}, world=here, file=tmp_path / "s.yaml"
        )


@pytest.mark.parametrize(
    ("infiltration", "field"),
    [
        ({"method": "philip"}, "infiltration.method"),
        ({"method": "constant"}, "infiltration.rate_mm_h"),
        ({"method": "constant", "rate_mm_h": -3}, "infiltration.rate_mm_h"),
        ({"method": "constant", "rate_mm_h": 3, "curve_number": 70}, "infiltration.curve_number"),
        ({"method": "green-ampt", "soil": "rock", "moisture_deficit": 0.2}, "infiltration.soil"),
        ({"method": "green-ampt", "soil": "loam"}, "infiltration.moisture_deficit"),
        ({**LOAM, "initial_saturation": 0.3}, "infiltration.initial_saturation"),
        ({"method": "scs-cn", "curve_number": 101}, "infiltration.curve_number"),
        ({"method": "scs-cn", "curve_number": 70, "amc": 4}, "infiltration.amc"),
        ({**LOAM, "impervious": 54}, "infiltration.impervious"),
        ("lots", "infiltration"),
    ],
)
def test_a_bad_field_is_named(infiltration: Any, field: str) -> None:
    with pytest.raises(NaruError) as refused:
        spec(infiltration=infiltration)
    assert refused.value.field == field
    assert refused.value.remedy


def test_a_raster_out_of_range_is_refused_with_its_place() -> None:
    here = world(np.zeros((2, 3)), cell_m=1.0, rasters={"i.tif": np.array([[0, 0.5, 1], [0, 54.0, 0]])})
    with pytest.raises(BadSpec, match=r"has 54 in 1 cells \(first at x 1.5, y 0.5\) where 0 to 1"):
        lost({**LOAM, "impervious": "i.tif"}, world=here)


def test_water_that_lies_there_is_lost_without_rain() -> None:
    soaked, balance, _ = lost({"drain_loss_mm_h": 12}, depth=0.005)
    assert soaked == 0
    assert balance.terms["drain loss"][1] == pytest.approx(6 * 0.005, rel=1e-12)
