"""The page at `/usage`: what was asked for, as charts, tables, files and a map; what is left of quotas."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from naru.house import House
from naru.settings import key_pepper
from tests.browser.conftest import Watched
from tests.browser.looks import faint, kept_keys, nameless, scrolls_sideways
from tests.conftest import Served, start_server, stop_server
from tests.serving import Fake, make_home
from tileserver.keys.ring import KEY_FUNCTIONS, KeyRing, Permissions
from tileserver.usage.ledger import Ledger
from tileserver.usage.page import Dims, Sums, Visited
from tileserver.usage.page import Page as CountedPage
from tileserver.usage.periods import minute_of
from tileserver.usage.tables import open_database
from tileserver.usage.visitors import count_visitors

pytestmark = pytest.mark.timeout(240)

OPEN = Callable[..., Watched]
SEOUL = ZoneInfo("Asia/Seoul")
READY = "html[data-usage-state=ready]"
TILES = {("roads", 14, 13970, 6345): 70, ("roads", 14, 13971, 6345): 7, ("roads", 14, 13972, 6346): 1}


@dataclass(frozen=True)
class Desk:
    """A running server whose ledger holds a few days: a key that manages, one that reads, one of one layer."""

    served: Served
    manager: str
    reader: str
    partial: str
    today: date

    def enter(self, watched: Watched, key: str | None = None, language: str = "en", more: str = "") -> Page:
        """Open the page and hand a key over."""
        page = watched.visit(f"{self.served.url}/usage#lang={language}{more}", READY)
        page.fill("#key-input", key or self.manager)
        page.keyboard.press("Enter")
        expect(page.locator("#totals div")).to_have_count(4)
        return page


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("usage-page")
    home = folder / "home"
    home.mkdir()
    settings = make_home(home, Fake("roads", function="basemap"), Fake("rivers"))
    house = House.open(settings)
    ring = KeyRing(house.database, key_pepper(settings))
    everything = Permissions(frozenset(KEY_FUNCTIONS), "private")
    _, manager = ring.create("관리자", "live", everything)
    one_layer = replace(everything, functions=frozenset(("content", "manage")), layers=frozenset(("rivers",)))
    _, partial = ring.create("하천팀", "live", one_layer)
    reading = Permissions(frozenset(("content",)), day_quota=100, month_quota=1000, second_rate=20)
    key, reader = ring.create("시민 앱", "live", reading)
    today = datetime.now(SEOUL).date()
    _count(house, today, key.id)
    house.close()
    served = start_server(home, folder / "serve.log")
    yield Desk(served, manager, reader, partial, today)
    stop_server(served)


def _count(house: House, today: date, reader: str) -> None:
    """Have it that this much was asked for at midnight of today and of the two days before."""
    ledger = Ledger(open_database(house.settings, house.database), SEOUL)
    for number, day in enumerate((today - timedelta(days=2), today - timedelta(days=1), today)):
        sums = {
            Dims("anonymous", "basemap", "roads", 14, 2): Sums(600, 6_000_000),
            Dims("anonymous", "basemap", "roads", 15, 4): Sums(30, 3_000),
            Dims(reader, "content", "rivers", 12, 2): Sums(20, 200_000),
            Dims(reader, "content", "rivers", 12, 3): Sums(10, 0),
            Dims(reader, "content", "rivers", -1, 2): Sums(5, 50_000),
        }
        callers = {Visited("anonymous", "basemap", "roads"): {"192.0.2.1", "192.0.2.2"}}
        minute = minute_of(day, SEOUL)
        ledger.write(CountedPage("test.cells", number, minute, sums, callers, TILES if day == today else {}))
    count_visitors(ledger, datetime.now(SEOUL).timestamp())
    ledger.close()


def total(page: Page, name: str) -> Locator:
    """Return one of the totals."""
    return page.locator(f"#totals [data-total={name}] dd").first


def figures(page: Page, dimension: str) -> dict[str, list[str]]:
    """Return the rows of a table: the numbers by name."""
    rows = page.locator(f"[data-by={dimension}] tbody tr").all()
    return {row.locator("th").inner_text().strip(): row.locator("td").all_inner_texts() for row in rows}


def clean(watched: Watched) -> bool:
    """Whether nothing went wrong on the page, and nothing went elsewhere."""
    return (watched.troubles, watched.outside, watched.violations()) == ([], [], [])


def test_who_manages_sees_everybodys_usage(open_page: OPEN, desk: Desk) -> None:
    watched = open_page()
    page = desk.enter(watched)
    expect(total(page, "visitors")).to_have_text("6")  # two, told apart on each of three days
    layers = figures(page, "layer")
    assert layers["Roads"][0] == "1,890" and layers["Roads"][3] == "90"
    assert layers["Rivers"][0] == "105"
    keys = figures(page, "key")
    assert (keys["Callers without a key"][0], keys["시민 앱"][0]) == ("1,890", "105")
    zooms = figures(page, "zoom")
    assert next(iter(zooms)) == "Not tiles" and zooms["Zoom 14"][0] == "1,800" and zooms["Zoom 12"][0] == "90"
    parts = page.locator("#chart svg path").evaluate_all("(all) => all.map((one) => one.dataset.part)")
    assert parts[:2] == ["Base maps", "Thematic maps"]
    assert "".join(page.locator("#chart desc").all_text_contents()).startswith("From ")
    assert kept_keys(page, desk.manager) == []
    assert clean(watched)


def test_the_chart_and_its_table_say_the_same(open_page: OPEN, desk: Desk) -> None:
    watched = open_page()
    page = desk.enter(watched, more="&layer=roads")
    page.locator("#chart-table summary").click()
    rows = page.locator("#chart-figures tbody tr")
    expect(rows).to_have_count(3)  # hours without any are left out
    expect(rows.first).to_contain_text("630")
    bar = page.locator("#chart svg path").first.bounding_box()
    assert bar and bar["height"] > 100  # 630 on an axis to 800
    page.get_by_label("By", exact=True).select_option("day")
    expect(page.locator("#chart svg title").first).to_have_text("Requests by day")
    page.get_by_label("Split by").select_option("status")
    expect(page.locator("#chart-legend li")).to_have_text(["Fine (2xx)1,800", "Bad requests (4xx)90"])
    page.get_by_label("Value").select_option("bytes")
    expect(page.locator("#chart-legend li").first).to_have_text("Fine (2xx)17 MB")
    page.get_by_label("Value").select_option("visitors")
    expect(page.get_by_label("Split by")).to_be_disabled()
    expect(page.locator("#chart")).to_contain_text("Visitors are not told apart so")
    page.get_by_label("Layer", exact=True).first.select_option("")
    expect(rows.first.locator("td")).to_have_text(["2"])
    box = page.locator("#chart svg").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 100)
    expect(page.locator(".chart-tip")).to_contain_text(str(desk.today.year))
    assert clean(watched)


def test_periods_and_filters_are_in_the_address_and_survive_a_reload(open_page: OPEN, desk: Desk) -> None:
    watched = open_page()
    page = desk.enter(watched)
    page.get_by_role("radio", name="Today").check()
    expect(total(page, "requests")).not_to_have_text("1,995")
    page.locator("[data-by=layer]").get_by_role("button", name="Roads").click()
    expect(total(page, "requests")).to_have_text("630")
    expect(page.get_by_label("Layer", exact=True).first).to_have_value("roads")
    assert page.url.endswith("#lang=en&period=today&layer=roads")
    page.reload()
    expect(total(page, "requests")).to_have_text("630")
    page.get_by_role("radio", name="Choose dates").check()
    page.get_by_label("From").fill((desk.today - timedelta(days=1)).isoformat())
    page.get_by_label("From").press("Tab")
    expect(total(page, "requests")).to_have_text("1,260")
    page.get_by_label("Layer", exact=True).first.select_option("")
    page.get_by_label("Function").select_option("twin")
    expect(page.locator("#chart")).to_contain_text("Nothing from")
    assert clean(watched)


def test_what_is_seen_is_saved_as_a_file(open_page: OPEN, desk: Desk) -> None:
    watched = open_page()
    page = desk.enter(watched, more="&layer=rivers")
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download “By zoom level” as CSV").click()
    assert caught.value.suggested_filename == f"naru-usage-zoom-{desk.today - timedelta(days=6)}-{desk.today}.csv"
    text = Path(caught.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sum(int(row["요청 수"]) for row in rows if row["줌 레벨"] == "12") == 90
    expect(page.locator("#usage-message")).to_contain_text("downloaded")
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download “Over time” as Excel").click()
    assert Path(caught.value.path()).read_bytes()[:2] == b"PK"
    assert clean(watched)


def test_requested_tiles_lie_on_the_map(open_page: OPEN, desk: Desk) -> None:
    watched = open_page()
    page = desk.enter(watched, more="&period=today")
    assert page.evaluate("() => window.naruMap") is None  # MapLibre comes when that part of the page does
    page.locator("#heat").scroll_into_view_if_needed()
    page.wait_for_selector("html[data-heat-state=idle]", state="attached")
    drawn = "() => naruMap.queryRenderedFeatures({layers: ['requested-tiles']}).map((one) => one.properties.tile)"
    assert sorted(set(page.evaluate(drawn))) == ["14/13970/6345", "14/13971/6345", "14/13972/6346"]
    expect(page.locator("#heat-message")).to_have_text("Roads: 3 tiles, 78 requests")
    expect(page.locator("#heat-table tbody tr").first).to_contain_text("70")
    assert page.locator("#heat-legend li").count() == 5
    before = page.evaluate("() => naruMap.getZoom()")
    page.get_by_role("button", name="Go to tile 14/13971/6345").click()
    watched.until(f"() => !naruMap.isMoving() && naruMap.getZoom() > {before}")
    page.locator("#heat-layer").select_option("rivers")
    expect(page.locator("#heat-message")).to_contain_text("No tile of this layer")
    assert kept_keys(page, desk.manager) == []
    assert clean(watched)


def test_who_holds_a_key_sees_its_own_usage_and_what_is_left(open_page: OPEN, desk: Desk) -> None:
    for _ in range(3):
        assert desk.served.get("/tiles/rivers/2/3/1.mvt", X_API_Key=desk.reader).status == 200
    watched = open_page()
    page = desk.enter(watched, desk.reader)
    expect(page.locator("#key-message")).to_have_text("The key “시민 앱” is in use.")
    expect(page.locator(".gauge strong").first).to_have_text("3 of 100")
    expect(page.locator(".gauge-rest").first).to_contain_text("97 left")
    expect(page.locator("#gauges")).to_contain_text("20 times a second")
    assert list(figures(page, "layer")) == ["Rivers"]
    assert page.locator("[data-by=key]").count() == 0
    expect(page.locator("#heat")).to_be_hidden()
    expect(page.locator("#filter-key-field")).to_be_hidden()
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download “By layer” as CSV").click()
    assert "roads" not in Path(caught.value.path()).read_text(encoding="utf-8-sig")
    # what such a key may not ask is told to the console by the browser itself
    assert [one for one in watched.troubles if "403" not in one] == []


def test_who_manages_some_layers_sees_those_and_nobodys_keys(open_page: OPEN, desk: Desk) -> None:
    page = desk.enter(open_page(), desk.partial)
    assert list(figures(page, "layer")) == ["Rivers"]
    assert page.locator("[data-by=key]").count() == 0
    expect(page.locator("#gauges")).to_contain_text("no quota")
    expect(page.locator("#heat")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 375), ("dark", 1100)])
def test_everything_has_a_name_can_be_read_and_fits(open_page: OPEN, desk: Desk, scheme: str, width: int) -> None:
    watched = open_page(width=width, height=800)
    watched.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page = desk.enter(watched, desk.manager, "ko")
    page.locator("#chart-table summary").click()
    expect(page.locator("#usage-message")).to_contain_text("요청")
    for language in ("ko", "en"):
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert nameless(page) == []
        assert faint(page) == []
        assert not scrolls_sideways(page)
        page.click("#language")
    expect(page.locator("#site-nav [aria-current=page]")).to_have_text("이용 현황")
    assert clean(watched)


def test_the_last_question_is_the_one_that_is_answered(open_page: OPEN, desk: Desk) -> None:
    yesterday = desk.today - timedelta(days=1)  # a day that what other tests draw does not count for
    page = desk.enter(open_page(), more=f"&from={yesterday}&to={yesterday}")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "function=twin" in route.request.url:
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/usage?*", hold)
    page.get_by_label("Function").select_option("twin")
    page.get_by_label("Function").select_option("basemap")
    expect(total(page, "requests")).to_have_text("630")
    for route in held:
        route.continue_()
    page.wait_for_timeout(300)
    expect(total(page, "requests")).to_have_text("630")


def test_trouble_is_said_in_words_and_a_refused_key_is_forgotten(open_page: OPEN, desk: Desk) -> None:
    watched = open_page()
    page = watched.visit(f"{desk.served.url}/usage#lang=ko", READY)
    page.fill("#key-input", "nru_live_wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#key-message")).to_contain_text("키가 맞지 않거나")
    assert page.evaluate("() => sessionStorage.length") == 0
    page.fill("#key-input", desk.manager)
    page.keyboard.press("Enter")
    expect(page.locator("#totals div")).to_have_count(4)
    busy = json.dumps({"status": 503, "code": "NOT_READY", "detail": "not now"})
    page.route("**/api/usage?*", lambda route: route.fulfill(status=503, body=busy))
    page.click("#reload")
    expect(page.locator("#usage-message")).to_have_text("서버가 바쁩니다. 잠시 뒤 다시 시도하십시오.")
    page.click("#key-remove")
    expect(page.locator("#desk")).to_be_hidden()
    assert page.evaluate("() => sessionStorage.length") == 0
