"""The page of floods: a painted flood whose depths are known is played, read and compared; a scenario is run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from playwright.sync_api import Page, expect
from pyproj import Transformer

from naru.house import House
from naru.ramps import ramp_colours
from naru.records import Job, Progress
from naru.runs import KIND
from naru.settings import Settings
from naru.work import find_handler, run_here
from tests.browser.conftest import Watched
from tests.browser.looks import faint, nameless, scrolls_sideways
from tests.conftest import Served, naru_json, start_server, stop_server
from tests.painted_floods import FRAME, assembled, flat_domain, rising, run
from tests.valleys import write_valley
from twin.results.publish import parts
from twin.scenario.records import Publication

pytestmark = pytest.mark.timeout(300)

OPEN = Callable[..., Watched]
AT = Callable[..., tuple[float, float]]
MOST_M = {"test-flood": 3.0, "deep-flood": 4.0}
TO_LONLAT = Transformer.from_crs(FRAME.crs, "EPSG:4326", always_xy=True)
COLUMN = 15  # a quarter of the way from the west: dry until half of the time, then rising straight


class Floods(NamedTuple):
    """A server with a terrain, two runs that are done, and a key that may run more."""

    served: Served
    runs: Mapping[str, str]  # scenario: run
    key: str


def painted_run(home: Path, folder: Path, name: str) -> str:
    """Publish a painted flood as a run that has ended; return its id."""
    house = House.open(Settings.from_environ({}, home=home))
    shown = Publication(f"시험 {name}", f"Painted {name}", licence="CC0-1.0", attribution="Naru")
    scenario = replace(assembled(flat_domain(), folder, name=name, publication=shown))

    def paint(house: House, job: Job, progress: Progress) -> Mapping[str, Any]:
        recorder, flood = run(scenario, folder / name, rising(most_m=MOST_M[name]))
        made = {"parts": parts(folder / name, recorder.finish(flood))}
        return run_here(house, "together", made, find_handler("together"), lambda share, words: None)

    params = {"name": name, "out": str(folder / name)}
    run_here(house, KIND, params, paint, lambda share, words: None)
    found = house.jobs.newest(kind=KIND)[0].id
    house.close()
    return found


@pytest.fixture(scope="module")
def floods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floods]:
    folder = tmp_path_factory.mktemp("flood-page")
    home = folder / "home"
    told = ("--id", "valley", "--function", "twin", "--kind", "elevation", "--title", "시험 골짜기")
    naru_json("ingest", str(write_valley(folder / "valley.tif")), *told, home=home)
    runs = {name: painted_run(home, folder, name) for name in MOST_M}
    functions = "basemap,content,twin,manage"
    key = naru_json("keys", "create", "--name", "planner", "--functions", functions, home=home)["key"]
    served = start_server(home, folder / "serve.log", worker=True)
    yield Floods(served, runs, key)
    stop_server(served)


def spotless(watched: Watched) -> None:
    """Check that nothing went wrong, nothing was asked for elsewhere, and everything has a name and can be read."""
    assert (watched.troubles, watched.outside, watched.violations()) == ([], [], [])
    assert nameless(watched.page) == []
    assert faint(watched.page) == []
    assert not scrolls_sideways(watched.page)


def place(column: int = COLUMN, row: int = 20) -> tuple[float, float]:
    lon, lat = TO_LONLAT.transform(FRAME.x[column], FRAME.y[row])
    return float(lon), float(lat)


def depth_at(time_s: float, most_m: float = 3.0, column: int = COLUMN) -> float:
    """The painted depth, m, as `tests.painted_floods.rising` has it."""
    return max(0.0, most_m * (time_s / 600 - 1.25 * column / FRAME.columns))


def with_key(watched: Watched, key: str) -> None:
    watched.page.context.add_init_script(f"sessionStorage.setItem('naru-api-key', '{key}')")


def pixel(watched: Watched, screen_point: AT, at: tuple[float, float], name: str) -> list[int]:
    watched.settled()
    x, y = screen_point(watched.page, *at)
    return [int(part) for part in watched.pixels(name)[int(y), int(x)]]


def bluer(one: list[int], other: list[int]) -> bool:
    """Whether a colour is further along the ramp of depths: darker in red and green."""
    return one[0] + 20 < other[0] and one[1] + 20 < other[1]


def test_the_flood_is_played_between_its_frames_and_stands_in_the_link(
    floods: Floods, open_page: OPEN, screen_point: AT
) -> None:
    watched = open_page(width=1280, height=800)
    url = f"{floods.served.url}/flood#run={floods.runs['test-flood']}"
    page = watched.open(f"{url}&t=150&lang=ko")
    expect(page.locator("#result-title")).to_have_text("시험 test-flood")
    dry = pixel(watched, screen_point, place(), "flood-dry")
    page.fill("#time", "330")  # between two frames, 270 and 330 s have other classes: 0.41 and 0.71 m
    page.locator("#time").dispatch_event("change")
    watched.drawn()
    shallow = pixel(watched, screen_point, place(), "flood-shallow")
    page.fill("#time", "600")
    page.locator("#time").dispatch_event("change")
    watched.drawn()
    deep = pixel(watched, screen_point, place(), "flood-deep")
    expected = {600: depth_at(600), 330: depth_at(330)}
    assert 2.0 < expected[600] < 5.0 and 0.5 < expected[330] < 1.0, expected
    assert bluer(shallow, dry) and bluer(deep, shallow), (dry, shallow, deep)
    assert "t=600" in page.url
    page.keyboard.press(",")
    expect(page.locator(".player-time")).to_contain_text("0:09")
    page.select_option("#speed", "4")
    page.click("#play")
    watched.until("() => document.querySelector('#time').value === '600'")
    expect(page.locator("#play")).to_have_attribute("aria-label", "재생 (K)")
    spotless(watched)


def test_the_depth_at_a_place_is_that_of_the_model_and_follows_the_clock(
    floods: Floods, open_page: OPEN, screen_point: AT
) -> None:
    watched = open_page(width=1280, height=800, locale="en-GB")
    page = watched.open(f"{floods.served.url}/flood#run={floods.runs['test-flood']}&t=600")
    page.mouse.click(*screen_point(page, *place()))
    expect(page.locator(".point-now")).to_have_text(f"{depth_at(600):.2f} m")
    page.fill("#time", "450")
    expect(page.locator(".point-now")).to_have_text(f"{depth_at(450):.2f} m")
    expect(page.locator("#point-body .time-rule")).to_have_count(1)
    expect(page.locator("#panel-result .time-line").first).to_be_attached()  # the first gauge's stage
    expect(page.locator("#panel-result")).to_contain_text("no water was made or lost")
    expect(page.locator("#panel-result")).to_contain_text("it is no forecast")
    page.check("#show-max-hazard")
    watched.drawn()
    expect(page.locator("#flood-legend li")).to_have_count(4)
    assert "show=max-hazard" in page.url
    spotless(watched)


def test_two_runs_are_compared_at_a_line_and_by_their_difference(
    floods: Floods, open_page: OPEN, screen_point: AT
) -> None:
    watched = open_page(width=1280, height=800)
    runs = floods.runs
    page = watched.open(f"{floods.served.url}/flood#run={runs['test-flood']}&with={runs['deep-flood']}&t=420")
    here = place(20)  # 0.85 m in the first run, 1.13 m in the second: another class
    assert depth_at(420, 3.0, 20) < 1 < depth_at(420, 4.0, 20)
    line = page.get_by_role("slider", name="비교 경계. 왼쪽 시험 test-flood, 오른쪽 시험 deep-flood")
    line.press("PageUp")
    line.press("PageUp")
    line.press("PageUp")
    first = pixel(watched, screen_point, here, "flood-first")
    for _ in range(9):
        line.press("PageDown")
    second = pixel(watched, screen_point, here, "flood-second")
    assert bluer(second, first), (first, second)
    page.check("#show-difference")
    watched.drawn()
    red, _, blue = pixel(watched, screen_point, here, "flood-difference")
    assert red > blue + 40  # deeper: red
    page.mouse.click(*screen_point(page, *here))
    expect(page.locator("#point-body .time-line")).to_have_count(2)
    spotless(watched)


def test_a_scenario_is_drawn_saved_opened_run_and_played(
    floods: Floods, open_page: OPEN, screen_point: AT, tmp_path: Path
) -> None:
    watched = open_page(width=1280, height=900)
    with_key(watched, floods.key)
    page = watched.open(f"{floods.served.url}/flood")
    west, south, east, north = (float(v) for v in page.input_value("#f-domain-bbox").split(","))
    _draw_by_keys(watched, (west, south, (west + east) / 2, north))
    assert float(page.input_value("#f-domain-bbox").split(",")[2]) == pytest.approx((west + east) / 2, abs=1e-5)
    page.fill("#f-domain-cell_m", "5")
    expect(page.locator(".flood-sum")).to_contain_text("격자")
    page.fill("#f-duration_h", "0.05")
    page.fill("#f-output_every_min", "1")
    page.fill("#f-rain-design-depth_mm", "80")
    page.fill("#f-rain-design-duration_h", "0.05")
    page.click("summary:has-text('유입·경계·관측점')")
    page.click("text=관측점 찍기")
    page.mouse.click(*screen_point(page, (3 * west + east) / 4, (south + north) / 2))
    expect(page.locator("#f-gauges-0-name")).to_have_value("H1")
    with page.expect_download() as saved:
        page.click("text=파일로 저장")
    saved.value.save_as(tmp_path / "saved.yaml")
    given = yaml.safe_load((tmp_path / "saved.yaml").read_text("utf-8"))
    assert given["rain"] == {"design": {"depth_mm": 80, "duration_h": 0.05, "pattern": "huff-3"}}
    assert given["gauges"][0]["name"] == "H1"
    _change(tmp_path / "saved.yaml", title="열린 파일")
    page.set_input_files("#scenario-file", tmp_path / "saved.yaml")
    expect(page.locator("#f-title")).to_have_value("열린 파일")
    page.click(".flood-run")
    page.get_by_role("button", name="열기: 열린 파일").click(timeout=120_000)
    expect(page.locator("#result-title")).to_have_text("열린 파일")
    watched.drawn()
    spotless(watched)


def _draw_by_keys(watched: Watched, box: tuple[float, float, float, float]) -> None:
    page = watched.page
    page.click("text=지도에 그리기")
    for lon, lat in (box[:2], box[2:]):
        page.evaluate("(at) => naruMap.jumpTo({ center: at })", [lon, lat])
        page.keyboard.press(" ")
    expect(page.locator("#guide")).to_be_hidden()
    page.click("#home")
    watched.settled()


def _change(path: Path, **values: Any) -> None:
    given = yaml.safe_load(path.read_text("utf-8")) | values
    path.write_text(yaml.safe_dump(given, allow_unicode=True), "utf-8")


def test_a_refusal_is_said_at_its_field_and_without_a_key_what_is_missing(floods: Floods, open_page: OPEN) -> None:
    watched = open_page(width=390, height=844, locale="en-GB")
    page = watched.open(f"{floods.served.url}/flood")
    expect(page.locator(".flood-go")).to_contain_text("an API key is needed that has the function twin")
    expect(page.locator(".flood-run")).to_be_disabled()
    page.click("#tab-runs")
    expect(page.locator("#panel-runs li")).not_to_have_count(0)  # public results are seen all the same
    page.click("#key-section summary")
    page.fill("#key-input", floods.key)
    page.click("#key-form button[type=submit]")
    expect(page.locator("#key-message")).to_have_text("This key may run floods.")
    page.click("#tab-make")
    _refused(page, "rain.design.depth_mm", "the depth is too large: 0 to 2000 mm")
    page.click(".flood-run")
    field = page.locator("#f-rain-design-depth_mm")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(page.locator(".field-trouble")).to_have_text("the depth is too large: 0 to 2000 mm")
    assert [one for one in watched.troubles if "422" not in one] == []
    watched.troubles.clear()
    spotless(watched)


def _refused(page: Page, field: str, detail: str) -> None:
    """Let the server refuse the next scenario."""
    problem = {"status": 422, "code": "BAD_SPEC", "detail": detail, "field": field}
    page.route(
        "**/api/scenarios",
        lambda route: route.fulfill(status=422, content_type="application/problem+json", body=json.dumps(problem)),
    )


def test_the_shader_has_the_colours_of_the_legend() -> None:
    """What `bluer` rests on: the ramp darkens from class to class."""
    sums = [sum(int(colour[n : n + 2], 16) for n in (1, 3)) for colour in ramp_colours("depth")]
    assert np.all(np.diff(sums) < 0)
