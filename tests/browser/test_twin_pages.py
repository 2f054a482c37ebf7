"""The river twin on the page: sections against a known bed, profile, facilities, the ground in 3D, `/3d`."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.browser.looks import faint, nameless, scrolls_sideways
from tests.browser.rivers import (
    BANK_M,
    GEOID_M,
    HALF_M,
    HOUSES,
    MIDDLE,
    RIVER,
    STAGE_M,
    WEST,
    WORKS,
    bed,
    offsets,
    place,
    publish_river,
)
from tests.conftest import Served, start_server, stop_server

pytestmark = pytest.mark.timeout(300)

OPEN = Callable[..., Watched]
AT = Callable[..., tuple[float, float]]
LON, LAT = place(800, 0)
VIEW = f"/#map=15.5/{LAT}/{LON}&layers={RIVER},{WORKS},{HOUSES}"
DRAWN_TIMEOUT_MS = 150_000  # software rendering on a busy machine


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("twin-page")
    publish_river(folder / "home", folder)
    server = start_server(folder / "home", folder / "serve.log")
    yield server
    stop_server(server)


def spotless(watched: Watched) -> None:
    """Check that nothing went wrong, nothing was asked for elsewhere, and everything has a name and can be read."""
    assert (watched.troubles, watched.outside, watched.violations()) == ([], [], [])
    assert nameless(watched.page) == []
    assert faint(watched.page) == []
    assert not scrolls_sideways(watched.page)


def true_bed(east_m: float, north_m: float) -> float:
    return float(bed(np.float64(WEST + east_m), np.float64(MIDDLE + north_m)))


def _above_the_dock(watched: Watched, at: list[float]) -> None:
    """Wait until the map has made room: the place is not under the sheet with the chart."""
    top = "document.getElementById('dock').getBoundingClientRect().top"
    watched.until(f"() => naruMap.project({at}).y < {top}")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_section_drawn_by_clicks_has_the_bed_the_water_and_the_banks(
    open_page: OPEN, served: Served, screen_point: AT, tmp_path: Path
) -> None:
    watched = open_page(width=1100, height=700)
    page = watched.open(f"{served.url}{VIEW}&lang=ko")
    page.click("#section")
    expect(page.locator("#section")).to_have_attribute("aria-pressed", "true")  # its code has come
    page.mouse.click(*screen_point(page, *place(1000, 70)))
    page.mouse.dblclick(*screen_point(page, *place(1000, -70)))
    expect(page.locator("#section-chart svg")).to_be_visible(timeout=30_000)
    expect(page.locator(".plot-summary")).to_contain_text("최대 수심")
    assert page.locator("#section-chart .plot-mark-bank").count() == 2
    assert "좌안" in page.locator("#section-chart svg").inner_html()
    _above_the_dock(watched, place(1000, -70))
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV 내려받기").click()
    saved.value.save_as(tmp_path / "section.csv")
    rows = rows_of(tmp_path / "section.csv")
    assert len(rows) == 400
    for row in rows:
        east, north = offsets(float(row["경도"]), float(row["위도"]))
        if abs(abs(north) - HALF_M) < 6:
            continue  # a cell of 4 m rounds the edge between bed and ground
        assert float(row["하상표고_m"]) == pytest.approx(true_bed(east, north), abs=0.06)
        assert row["근거"] == ("interpolated" if abs(north) < HALF_M else "terrain")
        assert not row["수위_m"] or float(row["수위_m"]) == pytest.approx(STAGE_M, abs=0.01)
    wet = [float(row["거리_m"]) for row in rows if row["수심_m"]]
    shore = HALF_M * np.sqrt((STAGE_M - true_bed(1000, 0)) / (BANK_M - true_bed(1000, 0)))
    assert wet[-1] - wet[0] == pytest.approx(2 * shore, abs=2)
    watched.pixels("twin-section")
    spotless(watched)


def test_a_section_can_be_typed_and_read_with_keys_on_a_phone(open_page: OPEN, served: Served) -> None:
    watched = open_page(width=390, height=780, locale="en-US")
    page = watched.open(f"{served.url}{VIEW}&lang=en")
    page.focus("#map canvas")
    page.keyboard.press("s")
    line = "; ".join(f"{lon:.7f},{lat:.7f}" for lon, lat in (place(300, 60), place(300, -60)))
    page.fill("#section-line", line.replace(";", " and "))
    page.keyboard.press("Enter")
    expect(page.locator(".section-typing [role=alert]")).to_contain_text("semicolons")
    page.fill("#section-line", line)
    page.keyboard.press("Enter")
    page.focus("#section-chart .plot-cursor")
    page.keyboard.press("End")
    page.keyboard.press("Home")
    for _ in range(20):  # of ten stops each: the middle of 400
        page.keyboard.press("PageUp")
    told = page.get_attribute("#section-chart .plot-cursor", "aria-valuetext") or ""
    assert told.startswith("At 60.2 m: Bed and ground EL -1.")
    assert "Water surface EL 2.50 m" in told
    assert "Known from surveyed" in told
    expect(page.locator(".plot-tip")).to_be_visible()
    watched.pixels("twin-section-phone")
    spotless(watched)
    page.keyboard.press("Escape")
    expect(page.locator("#dock")).to_be_hidden()


def test_the_long_profile_shows_reach_sections_scores_and_files(open_page: OPEN, served: Served) -> None:
    watched = open_page(width=1100, height=760, locale="en-US")
    page = watched.open(f"{served.url}{VIEW}&lang=en")
    page.click(f"[data-layer={RIVER}] button[aria-controls]")
    page.get_by_role("button", name="River profile").click()
    expect(page.locator("#river-chart svg")).to_be_visible()
    assert page.locator("#river-chart .plot-mark-section").count() == 7
    _above_the_dock(watched, place(800, -400))
    page.select_option("#river-section", label="Section S4 (800 m)")
    expect(page.locator("#river-section-chart svg")).to_be_visible()
    page.focus("#river-chart .plot-cursor")
    page.keyboard.press("End")
    told = page.get_attribute("#river-chart .plot-cursor", "aria-valuetext") or ""
    assert told == "At 1,600 m: Thalweg EL -2.60 m, Left bank EL 5.00 m, Right bank EL 5.30 m, Stage EL 2.50 m"
    body = page.locator("#dock-body")
    for words in (
        "pchip (smooth, without overshoot) · chosen",
        "0.180",
        "-182,346 m³",
        "0.12 m",
        "KVD1964",
        "가상 측량 2026",
        "section S3",
    ):
        expect(body).to_contain_text(words)
    with page.expect_download() as saved:
        page.get_by_role("button", name="GLB (3D model)").click()
    assert saved.value.suggested_filename == f"{RIVER}-bed.glb"
    watched.pixels("twin-profile")
    spotless(watched)


def test_a_facility_shows_its_data_with_units_and_says_what_is_unverified(
    open_page: OPEN, served: Served, screen_point: AT
) -> None:
    watched = open_page(width=1100, height=760)
    page = watched.open(f"{served.url}{VIEW}&lang=ko")
    page.mouse.click(*screen_point(page, *place(900, 90)))
    expect(page.locator("#card-title")).to_have_text("시험 펌프장 (가상)")
    card = page.locator("#card-body")
    for words in (
        "배수펌프장",
        "상태: 일부고장",
        "대당토출량",
        "90 m³/min",
        "가동수위",
        "EL 3.1 m",
        "확인되지 않음",
    ):
        expect(card).to_contain_text(words)
    assert page.locator("#card-body .curve-point").count() == 5
    page.click("#language")
    expect(card).to_contain_text("Start level")
    expect(page.locator("#card-title")).to_have_text("Test pump station (synthetic)")
    watched.pixels("twin-facility")
    spotless(watched)


def test_the_ground_stands_up_as_high_as_the_bed_says_and_the_link_keeps_it(
    open_page: OPEN, served: Served
) -> None:
    watched = open_page(width=520, height=420)
    page = watched.open(f"{served.url}{VIEW}&lang=ko")
    page.focus("#map canvas")
    page.emulate_media(reduced_motion="reduce")
    page.keyboard.press("3")
    page.wait_for_selector("html[data-map-state=idle]", state="attached", timeout=DRAWN_TIMEOUT_MS)
    expect(page.locator("#relief")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("() => naruMap.getTerrain().exaggeration") == 1.5
    assert page.evaluate("() => naruMap.getPitch()") > 50
    assert f"3d={RIVER}:1.5" in page.url
    watched.until(f"() => naruMap.getLayer('{HOUSES}--fill--block')")
    page.goto("about:blank")
    restored = f"{served.url}{VIEW}&3d={RIVER}:2&lang=ko"
    page.goto(restored)
    page.wait_for_selector("html[data-map-state=idle]", state="attached", timeout=DRAWN_TIMEOUT_MS)
    assert page.evaluate("() => naruMap.getTerrain().exaggeration") == 2
    watched.until(f"() => naruMap.queryTerrainElevation({place(800, 0)}) !== null", seconds=60)
    heights = [_drawn_height(page, *place(800, north)) for north in (0, 200)]
    assert heights[1] - heights[0] == pytest.approx(2 * (true_bed(800, 200) - true_bed(800, 0)), abs=0.5)
    watched.pixels("twin-3d")
    spotless(watched)
    page.click("#relief")
    assert page.evaluate("() => naruMap.getTerrain()") is None
    assert "3d=" not in page.url


def _drawn_height(page: Page, lon: float, lat: float) -> float:
    return float(page.evaluate("(at) => naruMap.queryTerrainElevation(at)", [lon, lat]))


def test_the_3d_scene_stands_on_the_mesh_and_names_what_is_picked(open_page: OPEN, served: Served) -> None:
    watched = open_page(width=560, height=440)
    watched.own = served.url.removeprefix("http://")
    page = watched.page
    page.goto(f"{served.url}/3d?layer={RIVER}#lang=ko")
    page.wait_for_selector("html[data-scene-state=idle]", state="attached", timeout=DRAWN_TIMEOUT_MS)
    lon, lat = place(900, 90)
    bottom = page.evaluate("(at) => naruScene.groundAt(...at)", place(800, 0))
    assert bottom == pytest.approx(true_bed(800, 0) + GEOID_M, abs=0.3)
    roof = true_bed(900, 90) + GEOID_M + 9
    page.evaluate("(at) => naruScene.pick(naruScene.project(...at))", [lon, lat, roof])
    expect(page.locator("#card-title")).to_have_text("시험 펌프장 (가상)")
    expect(page.locator("#card-body")).to_contain_text("대당토출량")
    expect(page.locator("#card-body")).not_to_contain_text("undefined")
    page.screenshot(path=Path(__file__).parent.parent / "shots" / "twin-scene.png", timeout=DRAWN_TIMEOUT_MS)
    page.click("#card-close")
    page.click("#choices > summary")  # folded on narrow screens
    page.click(".scene-features summary")
    page.fill("#feature-search", "w-1")
    expect(page.locator(".scene-features li")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#card-title")).to_have_text("시험보 (가상)")
    middle = page.evaluate("() => [scene.clientWidth / 2, scene.clientHeight / 2]")
    weir = [*place(800, 0), GEOID_M]
    gone_to = page.evaluate("(at) => { const p = naruScene.project(...at); return [p.x, p.y]; }", weir)
    assert gone_to == pytest.approx(middle, abs=25)
    spotless(watched)
