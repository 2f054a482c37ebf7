"""Ensembles: members side by side, what they have in common, failures by name, going on, a cluster."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from naru.errors import ExtraMissing, FloodStopped, MemberDied
from tests.commands import naru_here_json
from tests.test_flood_runs import Killed, run_here
from tests.valleys import read, write_scenario
from twin.runs import pool
from twin.runs.member import run_member
from twin.runs.statistics import THRESHOLDS_M, Statistics

DEPTHS_M = (0.05, 0.1, 0.2)
VARY = {"initial.depth_m": list(DEPTHS_M), "manning_n": [0.03, 0.06]}
MAPS = ("exceedance_0.1m", "exceedance_0.3m", "exceedance_0.5m", "exceedance_1.0m", "max_depth", "mean_depth")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run members one after the other in this process: starting others takes seconds."""

    def one_by_one(errand: Any, members: Any, *, look: Any, **_: Any) -> Any:
        for member in members:
            look()
            yield run_member(errand, member)

    monkeypatch.setattr("twin.runs.ensemble.run_members", one_by_one)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an ensemble of six and its results in `whole`, run in two processes."""
    folder = tmp_path_factory.mktemp("ensemble")
    path = write_scenario(folder, vary=VARY, duration_h=0.05)
    naru_here_json("twin", "run", str(path), "--out", str(folder / "whole"), "--workers", "2", home=folder / "no")
    return folder


def maps(out: Path) -> dict[str, bytes]:
    return {name: (out / f"{name}.tif").read_bytes() for name in MAPS}


def test_maps_are_what_single_runs_say(folder: Path, tmp_path: Path) -> None:
    depths = []
    for depth_m, n in itertools.product(DEPTHS_M, VARY["manning_n"]):
        out = tmp_path / f"{depth_m}-{n}"
        path = write_scenario(folder, "single.yaml", duration_h=0.05, initial={"depth_m": depth_m}, manning_n=n)
        run_here(path, out)
        depths.append(np.nan_to_num(read(out / "max_depth.tif")))
    found = {name: read(folder / "whole" / f"{name}.tif") for name in MAPS}
    stack = np.stack(depths)
    for threshold in THRESHOLDS_M:
        share = (stack >= np.float32(threshold)).mean(axis=0)
        assert np.array_equal(found[f"exceedance_{threshold:.1f}m"], share.astype(np.float32))
    assert np.array_equal(np.nan_to_num(found["max_depth"]), stack.max(axis=0))
    assert np.allclose(np.nan_to_num(found["mean_depth"]), stack.mean(axis=0), atol=1e-3)  # films below 1 mm
    assert 0 < found["exceedance_0.3m"].mean() < 1


def test_members_are_told_in_a_table_and_in_json(folder: Path) -> None:
    told = json.loads((folder / "whole" / "run.json").read_text())
    assert len(told["members"]) == 6
    assert told["steps"] == sum(member["steps"] for member in told["members"])
    assert told["volume"]["relative_error"] == max(m["volume"]["relative_error"] for m in told["members"])
    with (folder / "whole" / "members.csv").open(encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["manning_n"] for row in rows} == {"0.03", "0.06"}
    assert all(float(row["max_stage_m low"]) > 8 for row in rows)
    assert {m["name"] for m in told["members"]} == {row["member"] for row in rows}
    peak = told["gauges"]["low"]
    assert peak["max_stage_m"] == max(m["gauges"]["low"]["max_stage_m"] for m in told["members"])
    assert peak["member"].startswith("depth-m-0-2")


def test_the_order_of_the_members_changes_no_bit() -> None:
    rng = np.random.default_rng(3)
    depths = [rng.gamma(0.5, 0.4, (7, 9)).astype(np.float32) for _ in range(6)]
    outcomes = set()
    for order in itertools.islice(itertools.permutations(range(6)), 0, 720, 97):
        statistics = Statistics((7, 9))
        for number in order:
            statistics.add(depths[number])
        found = statistics.maps(np.ones((7, 9), bool))
        outcomes.add(b"".join(found[name].tobytes() for name in sorted(found)))
    assert len(outcomes) == 1


def test_a_killed_ensemble_goes_on_with_what_it_has(folder: Path, tmp_path: Path, at_once: None) -> None:
    done: list[str] = []

    def stop_after_three(share: float, words: str) -> None:
        if words.startswith("3 of"):
            raise Killed

    scenario, out = folder / "valley.yaml", tmp_path / "out"
    with pytest.raises(Killed):
        run_here(scenario, out, stop_after_three, checkpoint_s=0.0)
    assert not (out / "run.json").exists()
    told = run_here(scenario, out, lambda share, words: done.append(words), resume=True)
    assert "0 of 6 members" not in done
    assert len(told["members"]) == 6
    assert maps(out) == maps(folder / "whole")


def test_a_failed_member_is_named_and_the_others_may_go_on(folder: Path, tmp_path: Path, at_once: None) -> None:
    wishes = [{"name": "calm", "set": {"initial.depth_m": 0.1}}, {"name": "wrong", "set": {"manning_n": -1}}]
    path = write_scenario(folder, "failing.yaml", duration_h=0.02, vary=wishes)
    with pytest.raises(FloodStopped, match="member 'wrong' failed"):
        run_here(path, tmp_path / "out")
    told = run_here(path, tmp_path / "out", resume=True, keep_going=True)
    by_name = {member["name"]: member for member in told["members"]}
    assert by_name["wrong"]["error"]["code"] == "SPEC"
    assert by_name["calm"]["steps"] > 0
    assert set(np.unique(read(tmp_path / "out" / "exceedance_0.1m.tif"))) <= {0.0, 1.0}  # of one, not of two


def test_members_on_other_cells_are_refused_by_name(folder: Path, tmp_path: Path, at_once: None) -> None:
    vary = [{"name": "fine", "set": {}}, {"name": "coarse", "set": {"domain.cell_m": 10}}]
    path = write_scenario(folder, "cells.yaml", duration_h=0.02, domain={"cell_m": 5}, vary=vary)
    with pytest.raises(FloodStopped, match="member 'coarse' failed: its domain has 20 × 30 cells"):
        run_here(path, tmp_path / "out")


def test_members_are_kept_where_that_is_wished(folder: Path, tmp_path: Path, at_once: None) -> None:
    vary = {"initial.depth_m": [0.1, 0.2]}
    path = write_scenario(folder, "kept.yaml", duration_h=0.02, vary=vary)
    run_here(path, tmp_path / "out", keep_members=True)
    kept = sorted(p.name for p in (tmp_path / "out" / "members").iterdir())
    assert kept == ["depth-m-0-1", "depth-m-0-2"]
    both = [read(tmp_path / "out" / "members" / name / "max_depth.tif") for name in kept]
    assert np.array_equal(read(tmp_path / "out" / "max_depth.tif"), np.fmax(*both))


def test_the_terrain_is_read_once_for_all_members(
    folder: Path, tmp_path: Path, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twin.scenario import assemble

    read_again: list[Any] = []
    make = assemble._domain
    monkeypatch.setattr(assemble, "_domain", lambda *words: read_again.append(1) or make(*words))
    path = write_scenario(folder, "once.yaml", duration_h=0.01, vary={"initial.depth_m": [0.1, 0.2, 0.3]})
    run_here(path, tmp_path / "out")
    assert len(read_again) == 1


def test_a_cluster_gives_the_same_bits(folder: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    settings = {"distributed.worker.daemon": False, "distributed.admin.tick.limit": "30s"}
    import dask

    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
        ) as cluster,
    ):
        from twin.runs.request import RunRequest
        from twin.runs.run import Place, run_flood

        request = RunRequest(scenario=str(folder / "valley.yaml"), out=str(tmp_path / "out"))
        place = Place(
            tmp_path / "out", "0" * 16, None, lambda share, words: None, cluster=cluster.scheduler_address
        )
        run_flood(request, place)
    assert maps(tmp_path / "out") == maps(folder / "whole")


def test_a_cluster_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(pool, "_ANSWERS_WITHIN_S", 0.2)
    with pytest.raises(MemberDied, match="answer"):
        pool._cluster("tcp://127.0.0.1:9")


def test_without_the_extra_a_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ExtraMissing, match="NARU_DASK_ADDRESS"):
        pool._cluster("tcp://127.0.0.1:9")
