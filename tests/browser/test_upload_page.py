"""The page at `/upload`: dropped files are checked, published, seen; what must be chosen is chosen there."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Watched
from tests.conftest import Served, naru_json, start_server, stop_server
from tests.handing_in import geojson

pytestmark = pytest.mark.timeout(240)

OPEN = Callable[..., Watched]
HOSTILE = "<img src=x onerror=window.hacked=1>.geojson"
SLOW_MS = 60_000
_DROP = """(files) => {
  const data = new DataTransfer();
  for (const [name, text] of files) {
    data.items.add(new File([Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0))], name,
      {lastModified: 0}));
  }
  const event = {dataTransfer: data, bubbles: true, cancelable: true};
  document.getElementById('drop-zone').dispatchEvent(new DragEvent('drop', event));
}"""


@dataclass(frozen=True)
class Desk:
    """A running server with its worker, and a key for managing and reading."""

    served: Served
    key: str

    def enter(self, watched: Watched, language: str = "en") -> Page:
        """Open the page and hand the key over."""
        page = watched.visit(f"{self.served.url}/upload#lang={language}", "html[data-upload-state=ready]")
        page.fill("#key-input", self.key)
        page.keyboard.press("Enter")
        expect(page.locator("#desk")).to_be_visible()
        return page


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("upload-page")
    home = folder / "home"
    words = ("--name", "page", "--functions", "content,manage", "--access", "private")
    key = naru_json("keys", "create", *words, home=home)["key"]
    served = start_server(home, folder / "serve.log", worker=True)
    yield Desk(served, key)
    stop_server(served)


def seen(desk: Desk) -> tuple[str, int]:
    """Return the title and version of the layer that the test made, as who manages it is told, by any worker."""
    told = desk.served.get("/api/layers/parks", X_API_Key=desk.key).json()
    return told["title"]["ko"], told["version"]


def drop(page: Page, *files: tuple[str, bytes]) -> None:
    """Drop files on the page."""
    page.evaluate(_DROP, [[name, base64.b64encode(content).decode()] for name, content in files])


def card(page: Page, name: str) -> Locator:
    """Return the card of a dataset."""
    return page.locator(".dataset", has=page.locator("h3", has_text=name))


def press(place: Page | Locator, words: str) -> None:
    """Press the button of these words."""
    place.get_by_role("button", name=words, exact=True).click()


def comes_to(one: Locator, state: str) -> None:
    """Wait until a dataset is in this state."""
    expect(one).to_have_attribute("data-state", state, timeout=SLOW_MS)


def clean(watched: Watched) -> bool:
    """Whether nothing went wrong on the page, and nothing went elsewhere."""
    return (watched.troubles, watched.outside, watched.violations()) == ([], [], [])


def test_a_dropped_shapefile_is_checked_published_and_seen_on_the_map(
    open_page: OPEN, desk: Desk, shared: Callable[[str], Path]
) -> None:
    watched = open_page(locale="ko-KR")
    page = desk.enter(watched, "ko")
    parts = sorted(shared("data/korea_crs/gu_5186_cp949").iterdir())
    drop(page, *((part.name, part.read_bytes()) for part in parts))
    one = card(page, "gu_5186_cp949.shp")
    expect(one.locator(".together")).to_contain_text(f"파일 {len(parts)}개를 한 자료로")
    press(one, "먼저 검사")
    comes_to(one, "checked")
    expect(one.locator("dd.reportFeatures")).to_have_text("읽은 25개 가운데 25개")
    expect(one.locator("dd.reportEncoding strong")).to_have_text("CP949")
    expect(one.locator("dd.reportCrs strong")).to_have_text("EPSG:5186")
    assert desk.served.get("/api/layers/gu-5186-cp949").status == 404  # a check publishes nothing
    press(one, "게시")
    comes_to(one, "published")
    one.get_by_role("link", name="지도에서 보기").click()
    watched.drawn()
    drawn = "() => naruMap.queryRenderedFeatures().filter((one) => one.source === 'gu-5186-cp949').length"
    assert page.evaluate(drawn) >= 25
    west, south, east, north = page.evaluate("() => naruMap.getBounds().toArray().flat()")
    assert west < 126.77 and south < 37.43 and east > 127.18 and north > 37.7 and east - west < 2
    assert desk.key not in page.url
    assert clean(watched)


def test_the_coordinate_system_is_asked_for_and_its_candidates_are_buttons(open_page: OPEN, desk: Desk) -> None:
    watched = open_page(width=360, height=740)
    page = desk.enter(watched)
    table = "이름,X좌표,Y좌표\n가,198000,451500\n나,199000,452500\n다,201000,450500\n"
    drop(page, ("permits.csv", table.encode("cp949")))
    one = card(page, "permits.csv")
    press(one, "Check first")
    comes_to(one, "failed")
    expect(one.locator(".trouble-words")).to_contain_text("does not say its coordinate system")
    expect(one.get_by_label("Coordinate system")).to_be_focused()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    one.locator(".choice", has_text="EPSG:5174").click()
    comes_to(one, "checked")
    expect(one.locator("dd.reportCrs strong")).to_have_text("EPSG:5174")
    press(one, "Publish")
    comes_to(one, "published")
    expect(page.locator("[data-layer=permits] summary").first).to_be_visible()
    assert clean(watched)


def test_a_large_file_goes_on_where_the_line_broke(open_page: OPEN, desk: Desk) -> None:
    watched = open_page()
    page = desk.enter(watched)
    sent: list[str] = []

    def break_second(route: Route) -> None:
        if route.request.method == "PATCH":
            sent.append(route.request.headers["upload-offset"])
        if len(sent) == 2 and route.request.method == "PATCH":
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(re.compile("/api/uploads/"), break_second)
    drop(page, ("large.geojson", geojson("구" * 1200, 2600)))
    one = card(page, "large.geojson")
    press(one, "Check first")
    comes_to(one, "checked")
    assert sent[:3] == ["0", str(4 * 2**20), str(4 * 2**20)]  # the broken piece again, not the first
    assert watched.outside == []
    assert [trouble for trouble in watched.troubles if "ERR_CONNECTION_RESET" not in trouble] == []


def test_a_page_that_is_loaded_again_goes_on_with_what_it_was_sending(open_page: OPEN, desk: Desk) -> None:
    watched = open_page()
    page = desk.enter(watched)
    page.on("dialog", lambda dialog: dialog.accept())  # "files are still being sent"
    sent: list[str] = []
    hanging: list[Route] = []

    def hold_second(route: Route) -> None:
        if route.request.method == "PATCH":
            sent.append(route.request.headers["upload-offset"])
        if len(sent) == 2 and not hanging:
            hanging.append(route)
        else:
            route.continue_()

    page.route(re.compile("/api/uploads/"), hold_second)
    large = ("again.geojson", geojson("시" * 1200, 2500))
    drop(page, large)
    press(card(page, "again.geojson"), "Check first")
    _wait(watched, lambda: bool(hanging))
    page.reload()
    expect(page.locator("#desk")).to_be_visible()
    drop(page, large)
    press(card(page, "again.geojson"), "Check first")
    comes_to(card(page, "again.geojson"), "checked")
    assert sent[:3] == ["0", str(4 * 2**20), str(4 * 2**20)]


def _wait(watched: Watched, done: Callable[[], bool]) -> None:
    for _ in range(300):
        if done():
            return
        watched.page.wait_for_timeout(100)
    raise AssertionError("not within 30 s")


def test_a_job_that_waits_is_cancelled_and_nothing_is_published(open_page: OPEN, tmp_path: Path) -> None:
    words = ("--name", "c", "--functions", "content,manage", "--access", "private")
    key = naru_json("keys", "create", *words, home=tmp_path / "home")["key"]
    served = start_server(tmp_path / "home", tmp_path / "serve.log")  # no worker takes the job
    try:
        watched = open_page()
        page = Desk(served, key).enter(watched)
        drop(page, ("waits.geojson", geojson()))
        one = card(page, "waits.geojson")
        press(one, "Publish without check")
        expect(one.locator(".card-status")).to_have_text("Waiting for its turn on the server…")
        press(one, "Cancel")
        comes_to(one, "cancelled")
        expect(page.locator("#jobs-list .job-state")).to_have_text("Cancelled")
        assert clean(watched)
    finally:
        stop_server(served)


def test_hostile_names_stay_text_and_refusals_are_said_in_words(open_page: OPEN, desk: Desk) -> None:
    watched = open_page()
    page = desk.enter(watched)
    drop(page, (HOSTILE, geojson("<b>")), ("broken.zip", b"PK\x03\x04 and nothing"))
    press(page, "Check all")
    comes_to(card(page, "onerror"), "checked")
    comes_to(card(page, "broken.zip"), "failed")
    expect(card(page, "broken.zip").locator(".trouble-words")).to_contain_text("wrong with the zip")
    assert page.locator("main img").count() == 0
    assert page.evaluate("() => window.hacked") is None
    press(page, "한국어")
    expect(card(page, "broken.zip").locator(".trouble-words")).to_contain_text("zip 파일에 문제")
    assert clean(watched)


def test_a_layer_is_renamed_replaced_rolled_back_and_deleted(open_page: OPEN, desk: Desk) -> None:
    watched = open_page(width=1000, height=900)
    page = desk.enter(watched)
    for count in (1, 2):
        drop(page, ("parks.geojson", geojson("공원", count)))
        one = page.locator(".dataset").last
        press(one, "Publish without check")
        comes_to(one, "published")
    layer = page.locator("#layers-list [data-layer=parks]")
    layer.locator("summary").first.click()
    expect(layer.locator("[data-version]")).to_have_count(2)
    expect(layer.locator("[data-version='1']")).to_contain_text("file parks.geojson")
    layer.get_by_label("Title", exact=True).fill("공원 2026")
    press(layer, "Save")
    expect(page.locator("#layers-message")).to_have_text("Saved.")
    press(layer, "Go back to this one")
    press(page.locator("dialog"), "Go back")
    expect(page.locator("#layers-message")).to_have_text("Back at version 1.")
    assert seen(desk) == ("공원 2026", 1)
    press(layer, "Delete layer")
    page.keyboard.press("Escape")  # means no
    expect(layer).to_be_visible()
    press(layer, "Delete layer")
    press(page.locator("dialog"), "Delete")
    expect(layer).to_have_count(0)
    assert desk.served.get("/api/layers/parks").status == 404
    assert clean(watched)


def test_a_key_for_reading_only_is_refused_in_words_and_forgotten(open_page: OPEN, desk: Desk) -> None:
    key = naru_json("keys", "create", "--name", "r", "--functions", "content", home=desk.served.home)["key"]
    watched = open_page()
    page = Desk(desk.served, key)
    opened = watched.visit(f"{desk.served.url}/upload#lang=en", "html[data-upload-state=ready]")
    opened.fill("#key-input", page.key)
    opened.keyboard.press("Enter")
    expect(opened.locator("#key-message")).to_contain_text("function “manage”")
    expect(opened.locator("#desk")).to_be_hidden()
    assert opened.evaluate("() => sessionStorage.length") == 0


def test_a_layer_is_downloaded_from_the_maps_list(open_page: OPEN, desk: Desk) -> None:
    watched = open_page()
    page = desk.enter(watched)
    drop(page, ("spots.geojson", geojson("자리", 3)))
    press(card(page, "spots.geojson"), "Publish without check")
    comes_to(card(page, "spots.geojson"), "published")
    page.locator(".map-link").click()
    watched.drawn()
    page.locator("[data-layer=spots] .icon-button").last.click()
    form = page.locator("[data-layer=spots] .download")
    form.locator("select").first.select_option("csv")
    with page.expect_download() as caught:
        press(form, "Download")
    assert caught.value.suggested_filename == "spots.csv"
    assert "자리2" in Path(caught.value.path()).read_text(encoding="utf-8-sig")
    assert clean(watched)
