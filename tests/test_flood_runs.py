"""Runs of floods: a folder with results, killed and gone on with, refused and stopped, as a job or alone."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from naru import runs
from naru.errors import BadSpec, FloodStopped, JobLost, StorageFailed
from naru.house import House
from naru.runs import KIND, WORK
from naru.settings import Settings
from naru.work import run_job, work
from tests.commands import naru_here, naru_here_json
from tests.serving import Fake, publish
from tests.valleys import read, write_scenario
from twin.run_command import run_flood_handler
from twin.runs import checkpoint
from twin.runs.request import RunRequest
from twin.runs.run import Place, run_flood
from twin.strict_yaml import load_yaml

CONTRACT = {"run", "steps", "seconds", "cell_steps_per_second", "volume", "outputs", "gauges"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the valley and its scenario, and an unbroken run of it in `whole`."""
    folder = tmp_path_factory.mktemp("floods")
    path = write_scenario(folder)
    naru_here_json("twin", "run", str(path), "--out", str(folder / "whole"), home=folder / "nowhere")
    return folder


def run_here(scenario: Path, out: Path, progress: Any = None, **wishes: Any) -> dict[str, Any]:
    """Run a scenario in this process, without a house."""
    request = RunRequest(scenario=str(scenario), out=str(out), **wishes)
    return run_flood(request, Place(out, "0" * 16, None, progress or (lambda share, words: None)))


def results(out: Path) -> dict[str, str]:
    """Return the hashes of what a run left that says nothing of when and by whom it was run."""
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    timeless = {name: path for name, path in files.items() if name not in ("run.json", ".run-began.json")}
    return {name: hashlib.sha256(content_of(path)).hexdigest() for name, path in timeless.items()}


def content_of(path: Path) -> bytes:
    """Return a file's bytes; of NetCDF those of its variables, for its history says when it was written."""
    if path.suffix != ".nc":
        return path.read_bytes()
    with netCDF4.Dataset(path) as found:
        found.set_auto_mask(False)
        return b"".join(np.asarray(found[name][...]).tobytes() for name in sorted(found.variables))


def test_a_run_without_layers_needs_no_home(folder: Path) -> None:
    assert not (folder / "nowhere").exists()
    told = json.loads((folder / "whole" / "run.json").read_text())
    assert told.keys() >= CONTRACT
    assert told["volume"]["relative_error"] <= 1e-6
    assert told["gauges"]["low"]["max_stage_m"] > 8.5
    assert read(folder / "whole" / "max_depth.tif").max() > 0.3
    assert not (folder / "whole" / WORK).exists()


def test_a_killed_run_goes_on_and_ends_with_the_same_bits(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["twin", "run", str(folder / "valley.yaml"), "--out", str(out), "--checkpoint-every", "0"]
    process = subprocess.Popen([sys.executable, "-m", "naru", "--home", str(tmp_path / "no"), *words])
    mark, until = out / WORK / checkpoint.FILE, time.monotonic() + 60
    while not (mark.exists() and _time_of(out) > 100) and time.monotonic() < until:
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -9, "it ended before it could be killed"
    assert not (out / "run.json").exists()
    reached = _time_of(out)
    assert 100 < reached < 600
    told = naru_here_json(*words[:5], "--resume", home=tmp_path / "no")
    assert results(out) == results(folder / "whole")
    whole = json.loads((folder / "whole" / "run.json").read_text())
    assert {k: told[k] for k in ("steps", "volume", "gauges", "terms")} == {
        k: whole[k] for k in ("steps", "volume", "gauges", "terms")
    }


def _time_of(out: Path) -> float:
    saved = checkpoint.load(out)
    return 0.0 if saved is None else float(saved["flood"]["facts"]["time_s"])


@pytest.fixture
def chatty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have progress told at each look, not once a second: these runs take less."""
    monkeypatch.setattr("twin.results.recorder._TELL_S", 0.0)


class Killed(BaseException):
    """Stands for a kill: nothing that handles errors sees it."""


def killed_at(share: float) -> Any:
    """Return a progress that ends the run on the spot when it has come so far."""

    def progress(fraction: float, words: str) -> None:
        if fraction >= share:
            raise Killed

    return progress


@pytest.fixture
def broken(folder: Path, tmp_path: Path, chatty: None) -> Path:
    """A folder with a run that was broken off after its first checkpoints."""
    scenario = write_scenario(tmp_path)
    with pytest.raises(Killed):
        run_here(scenario, tmp_path / "out", killed_at(0.4), checkpoint_s=0.0)
    assert (tmp_path / "out" / WORK / checkpoint.FILE).exists()
    return tmp_path


def test_a_run_whose_scenario_has_changed_does_not_go_on(broken: Path) -> None:
    changed = write_scenario(broken, initial={"depth_m": 0.2})
    with pytest.raises(StorageFailed, match="the scenario"):
        run_here(changed, broken / "out", resume=True)
    assert (broken / "out" / WORK / checkpoint.FILE).exists()  # the right scenario could go on


def test_a_run_whose_terrain_has_changed_does_not_go_on(broken: Path) -> None:
    from tests.valleys import write_valley

    write_valley(broken / "valley.tif", rows=41)
    with pytest.raises(StorageFailed, match="terrain"):
        run_here(broken / "valley.yaml", broken / "out", resume=True)


def test_a_comment_in_the_scenario_is_no_change(broken: Path, folder: Path) -> None:
    path = broken / "valley.yaml"
    path.write_text("# nothing\n" + path.read_text())
    run_here(path, broken / "out", resume=True)
    assert read(broken / "out" / "max_depth.tif").tobytes() == read(folder / "whole" / "max_depth.tif").tobytes()


def test_a_damaged_checkpoint_is_named(broken: Path) -> None:
    path = broken / "out" / WORK / checkpoint.FILE
    path.write_bytes(path.read_bytes()[:1000])
    done = naru_here(
        "twin", "run", str(broken / "valley.yaml"), "--out", str(broken / "out"), "--resume", home=broken / "h"
    )
    assert done.returncode == 1
    assert "checkpoint cannot be read" in done.stderr


def test_a_folder_with_a_run_is_left_alone_unless_told(folder: Path) -> None:
    done = naru_here("twin", "run", str(folder / "valley.yaml"), "--out", str(folder / "whole"), home=folder)
    assert done.returncode == 1
    assert "--resume" in done.stderr


def test_a_finished_run_is_only_told_again(folder: Path) -> None:
    before = results(folder / "whole")
    told = run_here(folder / "valley.yaml", folder / "whole", resume=True)
    assert told["steps"] > 0
    assert results(folder / "whole") == before


def test_a_folder_of_somebody_else_is_never_touched(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for wish in ({"overwrite": True}, {"resume": True}, {}):
        with pytest.raises(StorageFailed, match="no run of ours"):
            run_here(folder / "valley.yaml", tmp_path, **wish)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_overwriting_begins_anew(broken: Path) -> None:
    changed = write_scenario(broken, initial={"depth_m": 0.3})
    told = run_here(changed, broken / "out", overwrite=True)
    assert told["volume"]["initial_m3"] == pytest.approx(0.3 * 40 * 60 * 25, rel=1e-6)


def test_two_runs_do_not_share_a_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from twin.runs import folder as folders

    monkeypatch.setattr(folders, "_PATIENCE_S", 0.1)
    with folders.held(tmp_path / "out"), pytest.raises(StorageFailed, match="at work"):
        run_here(folder / "valley.yaml", tmp_path / "out")


def test_values_are_set_by_their_paths(folder: Path, tmp_path: Path) -> None:
    words = ("--set", "initial.depth_m=0.4", "--set", "duration_h=0.01", "--set", "gauges.low.name=down")
    out = tmp_path / "out"
    told = naru_here_json("twin", "run", str(folder / "valley.yaml"), "--out", str(out), *words, home=tmp_path)
    assert told["duration_s"] == pytest.approx(36.0)
    assert list(told["gauges"]) == ["down"]
    assert "0.4" in (out / "scenario.yaml").read_text()


def test_a_path_that_leads_nowhere_is_named(folder: Path, tmp_path: Path) -> None:
    words = ("--out", str(tmp_path / "out"), "--set", "rain.uniform_mm_h=3")
    done = naru_here("twin", "run", str(folder / "valley.yaml"), *words, home=tmp_path)
    assert done.returncode == 1
    assert "rain.uniform_mm_h" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_it_would_be_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    told = naru_here_json("twin", "run", str(folder / "valley.yaml"), "--dry-run", home=tmp_path / "home")
    assert told["cells"] == 40 * 60
    assert told["steps"] > 100
    assert told["memory_bytes"] > 40 * 60 * 50
    assert {"role": "terrain", "file": "valley.tif"}.items() <= told["inputs"][1].items()
    assert not (tmp_path / "home").exists()


def test_the_scheme_can_be_chosen_and_an_unknown_one_is_refused(folder: Path, tmp_path: Path) -> None:
    words = ("twin", "run", str(folder / "valley.yaml"), "--check")
    done = naru_here(*words, "--scheme", "kinematic", home=tmp_path)
    assert done.returncode == 1
    assert "scheme" in done.stderr


# --- as jobs --------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House.open(Settings.from_environ({}, home=tmp_path / "home"))


def submit(house: House, scenario: Path, **params: Any) -> str:
    return house.jobs.submit(KIND, {"scenario": str(scenario), **params}).id


def test_a_job_leaves_its_run_in_the_home(folder: Path, house: House) -> None:
    job = submit(house, folder / "valley.yaml")
    assert work(house, once=True) == 1
    told = runs.told(house.runs.folder(job))
    assert house.jobs.job(job).state == "done", house.jobs.job(job).error
    assert told is not None
    assert told["run"] == job
    assert results(house.runs.folder(job)) == results(folder / "whole")
    assert (house.jobs.job(job).result or {})["volume"] == told["volume"]


def test_a_run_does_not_put_its_flood_in_the_place_of_a_layer_that_is_none(folder: Path, house: House) -> None:
    name = load_yaml(folder / "valley.yaml")["scenario"]
    publish(house, Fake(f"{name}-depth", "public", "twin"))
    job = submit(house, folder / "valley.yaml", publish=True)
    work(house, once=True)
    error = house.jobs.job(job).error or {}
    assert (error["code"], error["field"], error["layer"]) == ("SPEC", "scenario", f"{name}-depth")


def test_the_next_attempt_goes_on_where_a_dead_worker_left_it(folder: Path, house: House, chatty: None) -> None:
    job = submit(house, folder / "valley.yaml", checkpoint_s=0.0)
    first = house.jobs.claim("one")
    assert first is not None
    with pytest.raises(Killed):
        run_flood_handler(house, first, killed_at(0.4))  # no word to the catalogue
    reached = _time_of(house.runs.folder(job))
    assert reached > 100
    heard: list[str] = []
    second = replace(first, attempt=2)
    run_job(house, second, run_flood_handler, lambda share, words: heard.append(words))
    assert house.jobs.job(job).state == "done"
    assert results(house.runs.folder(job)) == results(folder / "whole")


def test_a_cancelled_run_stops_and_leaves_nothing(folder: Path, house: House, chatty: None) -> None:
    job = submit(house, folder / "valley.yaml", checkpoint_s=0.0)
    claimed = house.jobs.claim("one")
    assert claimed is not None

    def cancel(share: float, words: str) -> None:
        if share > 0.4:
            house.jobs.cancel(job)
            house.jobs.check_held(claimed)

    with pytest.raises(JobLost):
        run_job(house, claimed, run_flood_handler, cancel)
    assert house.jobs.job(job).state == "cancelled"
    assert not house.runs.folder(job).exists()


def test_a_run_that_was_taken_over_leaves_the_folder_to_the_other(folder: Path, house: House, chatty: None) -> None:
    job = submit(house, folder / "valley.yaml", checkpoint_s=0.0)
    first = house.jobs.claim("one")
    assert first is not None

    def lose(share: float, words: str) -> None:
        if share > 0.4:
            house.jobs.check_held(replace(first, fence=first.fence + 1))

    with pytest.raises(JobLost):
        run_flood_handler(house, first, lose)
    assert (house.runs.folder(job) / WORK / checkpoint.FILE).exists()


def test_a_run_that_loses_water_fails_with_its_code(
    folder: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twin.flood.advance import Flood

    held = Flood.held_m3
    monkeypatch.setattr(Flood, "held_m3", lambda self: held(self) * (1.0 if self.time_s < 100 else 0.99))
    job = submit(house, folder / "valley.yaml")
    claimed = house.jobs.claim("one")
    assert claimed is not None
    with pytest.raises(FloodStopped):
        run_job(house, claimed, run_flood_handler)
    found = house.jobs.job(job)
    assert found.state == "failed"
    assert (found.error or {})["code"] == "FLOOD_STOPPED"
    assert not house.runs.folder(job).exists()


def test_words_that_pass_are_no_lines_of_the_log(folder: Path, house: House) -> None:
    job = submit(house, folder / "valley.yaml")
    work(house, once=True)
    assert len(house.jobs.log(job)) < 12


# --- what a text may reach ------------------------------------------------------------------------


def _reading(house: House, mapping: Mapping[str, Any], **params: Any) -> dict[str, Any]:
    text = json.dumps(mapping)
    job = house.jobs.submit(KIND, {"text": text, **params}, claim_as="me", max_attempts=1)
    return dict(run_job(house, job, run_flood_handler))


def test_a_scenario_that_came_as_a_text_names_no_files_of_the_machine(folder: Path, house: House) -> None:
    from tests.valleys import scenario

    for name in (str(folder / "valley.tif"), "../../../valley.tif", "~/valley.tif"):
        with pytest.raises(Exception, match=r"no file|no such|layer|terrain") as caught:
            _reading(house, scenario(terrain=name))
        assert getattr(caught.value, "field", None) == "terrain", caught.value


def test_a_text_may_hold_no_file_that_gdal_would_follow(house: House) -> None:
    from tests.valleys import scenario

    trap = '<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>'
    with pytest.raises(BadSpec, match="files") as caught:
        _reading(house, scenario(terrain="trap.csv", files={"trap.csv": trap}))
    assert caught.value.field == "files.trap.csv"
    with pytest.raises(BadSpec):
        _reading(house, scenario(files={"../trap.csv": "a"}))


# --- care -----------------------------------------------------------------------------------------


def test_gc_removes_what_no_run_needs(folder: Path, house: House) -> None:
    from naru.care import sweep

    done = submit(house, folder / "valley.yaml")
    work(house, once=True)
    left = house.runs.folder(done) / WORK
    left.mkdir()
    stray = house.runs.folder("f" * 16)
    stray.mkdir()
    waiting = submit(house, folder / "valley.yaml")
    house.runs.lay_down(waiting, "scenario: x")
    other = house.runs.root / "notes"
    other.mkdir()
    gone = dict(sweep(house, grace_s=-1.0))
    assert set(gone) >= {f"runs/{done}/{WORK}", f"runs/{'f' * 16}"}
    assert not left.exists()
    assert not stray.exists()
    assert (house.runs.folder(done) / "run.json").exists()
    assert (house.runs.folder(waiting) / "inputs" / "scenario.yaml").exists()
    assert other.exists()
