"""Sewers in SWMM below the street: every m³ is counted, what cannot flow away comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from naru.errors import BadSpec, ExtraMissing
from tests.still_water import actors_of, reading, run, still, world_of

pytest.importorskip("pyswmm")
SHARED = Path(__file__).parents[1] / "../shared/data/swmm/model_weir_setting.inp"
PIPES = """[OPTIONS]
FLOW_UNITS {units}
FLOW_ROUTING DYNWAVE
START_DATE 07/01/2026
START_TIME 00:00:00
END_DATE 07/01/2026
END_TIME 00:10:00
ROUTING_STEP 1
ALLOW_PONDING NO
[JUNCTIONS]
J1 {z1} {deep} 0 0 0
J2 {z2} {deep} 0 0 0
[OUTFALLS]
O1 {z3} FREE NO
[CONDUITS]
C1 J1 J2 {long} 0.013 0 0 0 0
C2 J2 O1 {long} 0.013 0 0 0 0
[XSECTIONS]
C1 CIRCULAR {wide} 0 0 0 1
C2 CIRCULAR {narrow} 0 0 0 1
"""


def model(folder: Path, units: str = "CMS") -> Path:
    """Write two manholes and an outfall, metric or not: the second pipe is too narrow for what the first brings."""
    foot = 1.0 if units == "CMS" else 0.3048
    sizes = {"z1": 8, "z2": 7.5, "z3": 7, "deep": 2, "long": 100, "wide": 0.6, "narrow": 0.25}
    file = folder / f"{units}.inp"
    file.write_text(PIPES.format(units=units, **{k: v / foot for k, v in sizes.items()}), encoding="ascii")
    return file


def flooded_street(folder: Path, units: str = "CMS", depth_m: float = 1.0) -> tuple[Any, Any]:
    world = world_of(np.full((10, 10), 10.0), 10.0, duration_s=900.0)
    bed = world.domain.bed
    bed[5:, :] = 9.5  # the second manhole lies lower
    inlets = [{"at": [15, 95], "node": "J1"}, {"at": [85, 5], "node": "J2", "diameter_m": 0.7}]
    drains = {"swmm": str(model(folder, units)), "inlets": inlets}
    actors = actors_of(world, drains=drains)
    depth = np.zeros((10, 10))
    depth[0, 1] = depth_m
    return still(world, depth, actors, step_s=1.7), actors[0]


def test_water_goes_down_and_comes_up_where_the_pipe_is_too_narrow(tmp_path: Path) -> None:
    flood, sewers = flooded_street(tmp_path)
    run(flood, 600.0)
    balance = flood.balance()
    assert balance.relative_error < 1e-12
    assert reading(sewers, "volume_m3", "J1") > 30
    assert float(flood.water.depth[9, 8]) > 0, "out of the second manhole"
    outfall = balance.terms["drains/outfalls"][1]
    assert outfall > 10
    come, gone = balance.terms["drains/network error"]
    assert abs(come - gone) < 0.01 * reading(sewers, "volume_m3", "J1"), "SWMM's own continuity error is told apart"


def test_units_of_the_model_do_not_matter(tmp_path: Path) -> None:
    volumes = []
    for units in ("CMS", "CFS"):
        flood, sewers = flooded_street(tmp_path, units)
        run(flood, 300.0)
        volumes.append([reading(sewers, "volume_m3", "J1"), flood.balance().terms["drains/outfalls"][1]])
    assert volumes[0] == pytest.approx(volumes[1], rel=0.02)


def test_a_run_with_sewers_goes_on_bit_by_bit(tmp_path: Path) -> None:
    whole, _ = flooded_street(tmp_path)
    run(whole, 100.0)
    run(whole, 100.0)
    kept = np.array(whole.water.depth)
    first, _ = flooded_street(tmp_path)
    run(first, 100.0)
    saved = first.save()
    arrays = {k: np.array(v) for k, v in saved["arrays"].items()}
    second, _ = flooded_street(tmp_path)
    second.load({"facts": saved["facts"], "arrays": arrays})
    run(second, 100.0)
    np.testing.assert_array_equal(second.water.depth, kept)
    assert second.balance().relative_error < 1e-12


@pytest.mark.skipif(not SHARED.exists(), reason="no shared data here")
def test_a_model_in_feet_with_its_own_inflows_runs(tmp_path: Path) -> None:
    world = world_of(np.full((4, 4), 15.0), 10.0, duration_s=600.0)
    inlets = [{"at": [15, 15], "node": "J1"}]
    actors = actors_of(world, drains={"swmm": str(SHARED.resolve()), "inlets": inlets})
    flood = still(world, np.full((4, 4), 0.3), actors, step_s=2.0)
    run(flood, 300.0)
    balance = flood.balance()
    assert balance.relative_error < 1e-12
    assert balance.terms["drains/own inflow"][0] > 50, "11 cfs come into the network by itself"


def test_unknown_nodes_and_broken_models_are_named(tmp_path: Path) -> None:
    world = world_of(np.zeros((4, 4)), 10.0)
    drains = {"swmm": str(model(tmp_path)), "inlets": [{"at": [5, 5], "node": "J9"}]}
    with pytest.raises(BadSpec, match="J9") as error:
        actors_of(world, drains=drains)
    assert error.value.field == "drains.inlets[0].node"
    broken = tmp_path / "broken.inp"
    broken.write_text("[JUNCTIONS]\nJ1 nonsense\n", encoding="ascii")
    with pytest.raises(BadSpec) as error:
        actors_of(world, drains={**drains, "swmm": str(broken)})
    assert error.value.field == "drains.swmm"


def test_without_pyswmm_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyswmm", None)
    drains = {"swmm": str(model(tmp_path)), "inlets": [{"at": [5, 5], "node": "J1"}]}
    with pytest.raises(ExtraMissing, match="pyswmm"):
        actors_of(world_of(np.zeros((4, 4)), 10.0), drains=drains)
