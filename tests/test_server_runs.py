"""Floods over HTTP: scenarios come in, runs are shown to who may see them, and can be cancelled."""

from __future__ import annotations

import json
import re
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import rasterio
import yaml
from pyproj import Transformer
from werkzeug.test import TestResponse

from naru import runs
from naru.errors import TooLarge
from naru.runs import Share
from naru.sandbox import Allowance, Sandbox, Task
from naru.work import work
from tests import valleys
from tests.commands import naru_here_json
from tests.handing_in import MANAGE, Staff, events, staff
from tests.serving import make_home, new_key, open_app, service_of, settings_of
from tileserver.managing import scenarios
from twin.runs import check
from twin.runs.guarded import Guard
from twin.runs.load import load
from twin.runs.request import RunRequest
from twin.runs.run import Place

RAIN = "time_min,depth_mm\n0,20\n5,0\n"
FLOODS = MANAGE | {"twin"}
DOMAIN = {"crs": "EPSG:5186", "cell_m": 5}  # a layer of heights lies in Web Mercator


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the valley as two layers, a public one and a private one."""
    folder = tmp_path_factory.mktemp("runs")
    make_home(folder / "home")
    valley = str(valleys.write_valley(folder / "valley.tif"))
    for name, visibility in (("valley", "public"), ("secret-valley", "private")):
        words = ("--id", name, "--function", "twin", "--visibility", visibility, "--kind", "elevation")
        naru_here_json("ingest", valley, *words, home=folder / "home")
    return folder / "home"


@pytest.fixture(scope="module")
def planner(home: Path) -> Iterator[Staff]:
    """Somebody who may manage public layers."""
    app = open_app(settings_of(home))
    service_of(app).pulse()
    yield staff(app, functions=FLOODS, access="public")
    service_of(app).close()


@pytest.fixture(scope="module")
def run(planner: Staff) -> str:
    """A run that was handed in and is done: with a table of rain in its text."""
    rain = {"hyetograph": "rain.csv"}
    answer = send(planner, scenario(rain=rain, files={"rain.csv": RAIN}))
    assert answer.status_code == 202, answer.get_json()
    told = answer.get_json()
    assert answer.headers["Location"] == f"/api/runs/{told['run']}"
    assert told["job"]["id"] == told["run"]
    assert told["scenario"] == "valley"
    planner.work()
    return str(told["run"])


def scenario(**changes: Any) -> dict[str, Any]:
    """Return a scenario of the valley on the map, three minutes long."""
    return valleys.scenario(**({"terrain": "valley", "domain": DOMAIN, "duration_h": 0.05} | changes))


def send(who: Staff, given: Any, media_type: str = "application/json") -> TestResponse:
    """Hand a scenario in."""
    body = given if isinstance(given, str | bytes) else json.dumps(given)
    return who.client.post("/api/scenarios", data=body, content_type=media_type, headers=who.headers)


def test_a_run_is_shown_with_what_came_of_it(planner: Staff, run: str) -> None:
    shown = planner.get(f"/api/runs/{run}").get_json()
    assert shown["state"] == "done", shown["error"]
    assert shown["result"]["volume"]["relative_error"] < 1e-6
    assert any(term["in_m3"] > 0 for name, term in shown["result"]["terms"].items() if name.startswith("rain"))
    assert "max_depth" in shown["result"]["outputs"]
    assert "valley-max-depth" in shown["layers"]
    assert run in [one["id"] for one in planner.get("/api/runs").get_json()["runs"]]
    told = events(planner.get(shown["links"]["events"]).data)
    assert told[-1][0] == "done"


def test_its_files_can_be_fetched_and_opened(planner: Staff, run: str) -> None:
    files = planner.get(f"/api/runs/{run}").get_json()["files"]
    assert {"max_depth", "netcdf", "gauges", "balance", "scenario"} <= files.keys()
    depths = planner.get(files["max_depth"])
    assert depths.headers["Content-Disposition"] == 'attachment; filename="valley-max_depth.tif"'
    with rasterio.MemoryFile(depths.data) as memory, memory.open() as raster:
        assert raster.crs.to_epsg() == 5186
        assert np.nanmax(raster.read(1)) > 0.1
    assert yaml.safe_load(planner.get(files["scenario"]).data)["scenario"] == "valley"
    headers = planner.headers | {"Range": "bytes=0-3"}
    assert planner.client.get(files["netcdf"], headers=headers).data == b"\x89HDF"
    for name in ("run.json", ".run-began.json", "..%2frun.json", "frames", "none.tif"):
        assert planner.get(f"/api/runs/{run}/files/{name}").status_code == 404


def test_another_run_of_the_same_id_says_whose_layers_it_replaces(planner: Staff, run: str) -> None:
    told = send(planner, scenario(title="다시")).get_json()
    assert {"valley-depth", "valley-max-depth"} <= set(told["replaces"])
    assert planner.get(f"/api/runs/{told['run']}").get_json()["title"] == {"ko": "다시", "en": "다시"}
    assert planner.get(f"/api/runs/{run}").get_json()["replaced_by"] is None
    planner.work()
    assert planner.get(f"/api/runs/{run}").get_json()["replaced_by"] == told["run"]
    listed = {one["id"]: one["replaced_by"] for one in planner.get("/api/runs").get_json()["runs"]}
    assert (listed[run], listed[told["run"]]) == (told["run"], None)
    assert send(planner, scenario(scenario="other")).get_json()["replaces"] == []


def test_a_run_that_floods_nothing_is_done_and_says_why_it_is_not_on_the_map(planner: Staff) -> None:
    told = send(planner, scenario(scenario="dry", initial={"depth_m": 0.001})).get_json()
    planner.work()
    shown = planner.get(f"/api/runs/{told['run']}").get_json()
    assert (shown["state"], shown["layers"], shown["error"]) == ("done", [], None)
    assert "nothing is flooded: the deepest water" in shown["not_published"]
    assert planner.get(shown["files"]["max_depth"]).status_code == 200


def test_its_layers_are_on_the_map(planner: Staff, run: str) -> None:
    layers = {layer["id"] for layer in planner.get("/api/layers").get_json()["layers"]}
    assert layers >= {"valley-max-depth", "valley-depth"}


def test_yaml_is_taken_as_well(planner: Staff) -> None:
    text = yaml.safe_dump(scenario())
    answer = send(planner, text, "application/yaml")
    assert answer.status_code == 202, answer.get_json()
    run = answer.get_json()["run"]
    cancelled = planner.client.delete(f"/api/runs/{run}", headers=planner.headers)
    assert cancelled.get_json()["state"] == "cancelled"
    assert not service_of(planner.app).house.runs.folder(run).exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"duration_h": -1}, "duration_h"),
        ({"durationh": 1}, "durationh"),
        ({"rain": {"hyetograph": "/etc/passwd"}}, "rain.hyetograph"),
        ({"rain": {"hyetograph": "rain.csv"}, "files": {"rain.csv": "<VRTDataset/>"}}, "files.rain.csv"),
        ({"files": {"../../key-pepper.csv": "a"}}, "files.../../key-pepper.csv"),
        ({"vary": {"manning_n": [0.03, -2]}}, "manning_n"),
    ],
    ids=["negative", "misspelt", "a file of the server", "what GDAL follows", "a path", "a member"],
)
def test_a_wrong_scenario_is_refused_at_once_with_its_field(
    planner: Staff, change: dict[str, Any], field: str
) -> None:
    before = len(planner.get("/api/runs").get_json()["runs"])
    answer = send(planner, scenario(**change))
    assert answer.status_code == 422, answer.get_json()
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["field"] == field
    assert "/tmp" not in answer.get_data(as_text=True)
    assert len(planner.get("/api/runs").get_json()["runs"]) == before


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"a: 1", "text/plain", 415),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/yaml", 400),
        (b"", "application/yaml", 400),
        (b"[1, 2]", "application/json", 422),
        (b"a: &a [*a]", "application/yaml", 422),
        (b'{"scenario": "\\ud800"}', "application/json", 400),
        (b"a" * (2**20 + 1), "application/yaml", 413),
    ],
)
def test_what_is_no_scenario_is_refused(planner: Staff, body: bytes, media_type: str, status: int) -> None:
    assert send(planner, body, media_type).status_code == status


def test_a_layer_that_the_key_may_not_read_is_not_there(planner: Staff) -> None:
    answers = [send(planner, scenario(terrain=name)) for name in ("secret-valley", "no-valley")]
    runs = [answer.get_json()["run"] for answer in answers]
    planner.work()
    errors = [planner.get(f"/api/runs/{run}").get_json()["error"] for run in runs]
    assert errors[0]["message"].replace("secret-valley", "no-valley") == errors[1]["message"]
    assert errors[0]["code"] == errors[1]["code"]
    for run in runs:
        assert not service_of(planner.app).house.runs.folder(run).exists()


def test_results_more_private_than_the_key_are_refused(planner: Staff) -> None:
    answer = send(planner, scenario(visibility="private"))
    assert answer.status_code == 403


def test_series_are_given_by_name_as_json_or_csv(planner: Staff, run: str) -> None:
    address = f"/api/runs/{run}/timeseries"
    assert planner.get(address).get_json()["gauges"] == ["low"]
    series = planner.get(f"{address}?gauge=low").get_json()
    assert len(series["time_s"]) == len(series["stage_m"]) > 2
    assert max(series["depth_m"]) > 0.1
    text = planner.get(f"{address}?gauge=low&format=csv")
    assert text.content_type.startswith("text/csv")
    assert text.get_data(as_text=True).splitlines()[0] == "time_s,stage_m,depth_m,speed_m_s"
    headers = planner.headers | {"Accept": "text/csv"}
    assert planner.client.get(f"{address}?gauge=low", headers=headers).data == text.data
    assert planner.get(f"{address}?gauge=high").status_code == 404
    assert planner.get(f"{address}?gauge=low&structure=x").status_code == 400


def test_depth_and_stage_at_a_place_are_those_of_the_result_file(planner: Staff, run: str) -> None:
    folder = service_of(planner.app).house.runs.folder(run)
    with netCDF4.Dataset(folder / "result.nc") as file:
        depth, bed = np.asarray(file["depth"][:]), np.asarray(file["bed_elevation"][:])
        x, y = np.asarray(file["x"][:]), np.asarray(file["y"][:])
        times = np.asarray(file["time"][:])
    row, column = np.unravel_index(int(np.nanargmax(depth[-1])), bed.shape)
    lon, lat = Transformer.from_crs("EPSG:5186", "EPSG:4326", always_xy=True).transform(x[column], y[row])
    address = f"/api/runs/{run}/timeseries?at={lon:.7f},{lat:.7f}"
    told = planner.get(address).get_json()
    assert told.get("at") == pytest.approx([lon, lat], abs=1e-6)
    assert told["time_s"] == times.tolist()
    assert told["depth_m"] == pytest.approx(depth[:, row, column].tolist(), abs=6e-4)
    assert told["depth_m"][-1] > 0.1
    assert told["stage_m"][-1] == pytest.approx(float(bed[row, column] + depth[-1, row, column]), abs=2e-3)
    text = planner.get(f"{address}&format=csv").get_data(as_text=True)
    assert text.splitlines()[0] == "time_s,stage_m,depth_m"
    assert len(text.splitlines()) == 1 + len(times)


@pytest.mark.parametrize(("at", "status"), [("0,0", 404), ("126.9", 400), ("east,north", 400), ("200,99", 400)])
def test_a_place_that_was_not_modelled_or_is_none_is_refused(
    planner: Staff, run: str, at: str, status: int
) -> None:
    answer = planner.get(f"/api/runs/{run}/timeseries?at={at}")
    assert answer.status_code == status
    assert answer.get_json()["field"] in ("at", "lon", "lat")


def test_a_run_is_seen_by_who_sees_its_layers_and_by_nobody_else(planner: Staff, run: str, home: Path) -> None:
    client = planner.client
    assert client.get(f"/api/runs/{run}").status_code == 200  # its layers are public
    assert client.get(f"/api/runs/{run}").get_json()["job"] is None
    assert set(client.get(f"/api/runs/{run}").get_json()["links"]) <= {"self", "report", "report.pdf", "timeseries"}
    assert client.delete(f"/api/runs/{run}").status_code == 401
    _, narrow = new_key(planner.app, functions=frozenset(("content",)))
    assert client.get(f"/api/runs/{run}", headers={"X-API-Key": narrow}).status_code == 404
    assert client.get("/api/runs", headers={"X-API-Key": narrow}).get_json()["runs"] == []
    waiting = send(planner, scenario()).get_json()["run"]
    assert client.get(f"/api/runs/{waiting}").status_code == 404  # not done: for who handed it in
    other = staff(planner.app, functions=FLOODS, access="public")
    assert other.client.delete(f"/api/runs/{waiting}", headers=other.headers).status_code == 404
    assert planner.client.delete(f"/api/runs/{waiting}", headers=planner.headers).status_code == 200


def test_a_key_of_the_twin_follows_and_cancels_its_own_runs_and_no_others(planner: Staff, run: str) -> None:
    twin = staff(planner.app, functions=frozenset({"basemap", "content", "twin"}), access="private")
    handed_in = send(twin, scenario(scenario="twins-own")).get_json()
    assert set(handed_in["links"]) == {"run", "events"}  # a job is for keys that may manage
    mine = handed_in["run"]
    assert twin.client.delete(f"/api/runs/{mine}", headers=twin.headers).status_code == 200
    [last] = events(twin.get(handed_in["links"]["events"]).data)
    assert last[0] == "cancelled"
    assert twin.get(f"/api/runs/{run}").status_code == 200  # its layers are public
    assert twin.get(f"/api/runs/{run}/events").status_code == 404
    assert planner.get(f"/api/runs/{mine}/events").status_code == 404


def test_a_job_of_another_kind_is_no_run(planner: Staff, home: Path) -> None:
    job = service_of(planner.app).house.jobs.submit("ingest", {"file": "none"})
    assert planner.get(f"/api/runs/{job.id}").status_code == 404
    service_of(planner.app).house.jobs.cancel(job.id)


def test_a_report_that_is_not_there_is_said(planner: Staff) -> None:
    waiting = send(planner, scenario()).get_json()["run"]
    answer = planner.get(f"/api/runs/{waiting}/report")
    assert answer.status_code == 404
    assert "queued" in answer.get_json()["detail"]
    planner.client.delete(f"/api/runs/{waiting}", headers=planner.headers)


def test_a_report_is_shown_without_its_scripts(planner: Staff, run: str) -> None:
    folder = service_of(planner.app).house.runs.folder(run)
    (folder / "report.html").write_text("<h1>보고서</h1><script>alert(1)</script>", encoding="utf-8")
    pdf = folder / "report.pdf"
    pdf.unlink(missing_ok=True)
    for told in (planner.get(f"/api/runs/{run}").get_json(), planner.get("/api/runs").get_json()["runs"][-1]):
        assert (told["id"], "report" in told["links"], "report.pdf" in told["links"]) == (run, True, False)
    answer = planner.get(f"/api/runs/{run}/report")
    assert answer.status_code == 200
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_going_on_from_another_keys_run_is_refused(planner: Staff, run: str) -> None:
    other = staff(planner.app, functions=FLOODS, access="public")
    answer = send(other, scenario(initial={"warm_start": run}))
    if answer.status_code == 202:
        work(service_of(planner.app).house, once=True)
        error = other.get(f"/api/runs/{answer.get_json()['run']}").get_json()["error"]
        assert error["field"] == "initial.warm_start"
    else:
        assert answer.get_json()["field"] == "initial.warm_start"


def test_one_key_does_not_fill_the_queue(planner: Staff, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "MOST_WAITING", 1)
    first = send(planner, scenario())
    assert first.status_code == 202
    refused = send(planner, scenario())
    assert refused.status_code == 429
    assert refused.get_json()["code"] == "RUNS_WAITING"
    another = staff(planner.app, functions=FLOODS, access="public")
    theirs = send(another, scenario())
    assert theirs.status_code == 202
    for who, answer in ((planner, first), (another, theirs)):
        who.client.delete(f"/api/runs/{answer.get_json()['run']}", headers=who.headers)
    again = send(planner, scenario())
    assert again.status_code == 202
    planner.client.delete(f"/api/runs/{again.get_json()['run']}", headers=planner.headers)


def test_a_name_given_twice_in_json_is_refused_as_in_yaml(planner: Staff) -> None:
    answer = send(planner, '{"scenario": "a", "scenario": "b", "terrain": "valley", "duration_h": 1}')
    assert (answer.status_code, answer.get_json()["field"]) == (422, "scenario")


def test_a_scenario_that_fills_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hoard(*_: object) -> None:
        bytearray(4 * 2**30)

    monkeypatch.setattr(check, "load", hoard)
    path = tmp_path / "a.yaml"
    path.write_text("scenario: a\n", encoding="utf-8")
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(TooLarge, match="memory"):
        check.check(RunRequest(scenario=str(path)), alone=True)
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_going_on_from_another_keys_run_is_refused_in_a_member_too(planner: Staff, run: str) -> None:
    other = staff(planner.app, functions=FLOODS, access="public")
    answer = send(other, scenario(initial=None, vary={"initial": [{"warm_start": run}]}))
    assert answer.status_code == 202, answer.get_json()
    work(service_of(planner.app).house, once=True)
    error = other.get(f"/api/runs/{answer.get_json()['run']}").get_json()["error"]
    assert (error["field"], error["code"]) == ("initial.warm_start", "SPEC")


def test_going_on_from_ones_own_run(planner: Staff, run: str) -> None:
    answer = send(planner, scenario(scenario="later", duration_h=0.01, initial={"warm_start": run}))
    assert answer.status_code == 202, answer.get_json()
    work(service_of(planner.app).house, once=True)
    shown = planner.get(f"/api/runs/{answer.get_json()['run']}").get_json()
    assert shown["state"] == "done", shown["error"]
    assert shown["result"]["volume"]["initial_m3"] > 0


def test_a_run_that_would_take_too_much_is_refused_with_what_it_would_take(
    planner: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenarios, "share_of", lambda settings: Share(cpu_s=0.01, members=2))
    answer = send(planner, scenario(duration_h=2))
    told = answer.get_json()
    assert (answer.status_code, told["code"], told["field"]) == (422, "TOO_LARGE", "domain.cell_m")
    assert "of processor time" in told["detail"]
    assert "Take cells of" in answer.get_data(as_text=True)
    many = send(planner, scenario(vary={"manning_n": [0.02, 0.03, 0.04]})).get_json()
    assert (many["code"], many["field"]) == ("TOO_LARGE", "vary")


def test_a_run_that_takes_more_than_it_may_is_stopped_and_says_how_far_it_came(
    planner: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = send(planner, scenario(duration_h=400, output_every_min=1200)).get_json()["run"]
    monkeypatch.setattr(runs, "share_of", lambda settings: Share(cpu_s=1.0))
    planner.work()
    error = planner.get(f"/api/runs/{run}").get_json()["error"]
    assert error["code"] == "TOO_LARGE"
    assert re.search(r"1 s of processor time allowed; of the 1440000 s of .* had run \d+ s", error["message"])
    assert not service_of(planner.app).house.runs.folder(run).exists()


def test_the_process_of_a_run_sees_the_layers_it_names_and_no_more_of_the_house(
    planner: Staff, run: str, tmp_path: Path
) -> None:
    house = service_of(planner.app).house
    job = house.jobs.job(run)
    folder = tmp_path / "run"
    (folder / "inputs").mkdir(parents=True)
    (folder / "inputs" / "scenario.yaml").write_text(
        yaml.safe_dump(scenario(title="valley and secret-valley")), "utf-8"
    )
    request = RunRequest(publish=True)
    wish = load(request, folder)
    seen = Guard(wish, request, Place(folder, run, house, lambda share, words: None, job)).task("run", {})
    tests = Path(__file__).parent
    others = house.storage.folder / f"{'0' * 64}.tif"
    others.write_bytes(b"II*")
    looked = {
        "its terrain": house.storage.path(house.catalogue.layer("valley").live.tilesets[0].archive),
        "another's": others,
        "the keys": house.settings.home / "key-pepper",
        "the catalogue": house.settings.home / "catalog.sqlite",
        "another run": house.runs.folder(run) / "run.json",
    }
    box = Sandbox([])
    try:
        found = {
            what: box.run(
                Task("tests.sandbox_tasks:can_open", {"path": str(path)}, [*seen.readable, tests], seen.writable),
                Allowance(),
                lambda share, words: None,
            )
            for what, path in looked.items()
        }
    finally:
        box.close()
        others.unlink()
    if "landlock" not in found["its terrain"].layers:
        pytest.skip("this kernel has no Landlock")
    assert {what: answer.result for what, answer in found.items()} == dict.fromkeys(looked, "PermissionError") | {
        "its terrain": "done"
    }
