"""The page at `/` on the sample city: what a newcomer sees and does first."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import shapely
from playwright.sync_api import expect

from sample_data.boundaries import seoul_gu
from tests.browser.conftest import Watched
from tests.conftest import Served

pytestmark = pytest.mark.timeout(240)

OPEN = Callable[..., Watched]
AT = Callable[..., tuple[float, float]]
ZOOM = 9.6
GU_ONLY = f"/#map={ZOOM}/37.565/126.836&layers=seoul-gu&lang=ko"
CITY_HALL = (126.978275, 37.566642)  # in Jung-gu
GWANAK_MOUNTAIN = (126.9634, 37.4453)  # the summit, in Gwanak-gu
GOYANG = (126.832, 37.658)  # the city hall, outside Seoul
PAPER = (0xF3, 0xF1, 0xEC)
FREE_OF_PANELS = (slice(20, 535), slice(385, 880))  # rows, columns of 600 x 960
EDGE_DEGREES = 0.005  # outlines are drawn this near to a border at most


def _fill_colour(served: Served, zoom: float) -> np.ndarray:
    """What the style says that a fill looks like on the paper."""
    style = served.get("/styles/seoul-gu.json").json()
    paint = next(layer["paint"] for layer in style["layers"] if layer["type"] == "fill")
    colour = np.array([int(paint["fill-color"][i : i + 2], 16) for i in (1, 3, 5)])
    opacity = paint["fill-opacity"]
    if isinstance(opacity, list):  # ["interpolate", ["linear"], ["zoom"], z0, o0, z1, o1, …]
        opacity = np.interp(zoom, opacity[3::2], opacity[4::2])
    return colour * opacity + np.array(PAPER) * (1 - opacity)


def _truth(watched: Watched) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid of screen points, and which of them lie well inside and well outside Seoul."""
    rows, columns = np.mgrid[FREE_OF_PANELS[0], FREE_OF_PANELS[1]][:, ::5, ::5].reshape(2, -1)
    lonlat = watched.page.evaluate(
        "(points) => points.map((p) => naruMap.unproject(p).toArray())",
        np.column_stack([columns, rows]).tolist(),
    )
    points = shapely.points(np.array(lonlat))
    districts = shapely.buffer(np.asarray(seoul_gu().geometry), -EDGE_DEGREES)
    city = shapely.union_all(np.asarray(seoul_gu().geometry))
    inside = shapely.contains(shapely.union_all(districts), points)
    outside = shapely.distance(city, points) > EDGE_DEGREES
    return np.column_stack([rows, columns]), inside, outside


def test_districts_are_drawn_where_seoul_is_and_nowhere_else(open_page: OPEN, served_demo: Served) -> None:
    watched = open_page()
    watched.open(served_demo.url + GU_ONLY)
    watched.pixels("seoul-gu-with-names")
    _hide_names(watched)
    pixels = watched.pixels("seoul-gu").astype(float)
    grid, inside, outside = _truth(watched)
    seen = pixels[grid[:, 0], grid[:, 1]]
    filled = np.abs(seen - _fill_colour(served_demo, ZOOM)).max(axis=1) <= 3
    blank = np.abs(seen - np.array(PAPER)).max(axis=1) <= 3
    assert inside.sum() > 1000
    assert outside.sum() > 1000
    assert filled[inside].mean() > 0.99
    assert blank[outside].mean() > 0.99
    assert not filled[outside].any()


def _hide_names(watched: Watched) -> None:
    watched.page.evaluate("() => naruMap.setLayoutProperty('seoul-gu--label', 'visibility', 'none')")
    watched.settled()


def test_names_are_written_on_the_districts(open_page: OPEN, served_demo: Served) -> None:
    watched = open_page()
    watched.open(served_demo.url + GU_ONLY)
    with_names = watched.pixels("names").astype(float)
    _hide_names(watched)
    without = watched.pixels("no-names").astype(float)
    changed = np.abs(with_names - without).max(axis=2) > 40
    assert changed[FREE_OF_PANELS].sum() > 25 * 2 * 40  # 25 names of 2 to 4 syllables, each of many pixels


def test_a_click_shows_every_attribute_in_korean(open_page: OPEN, served_demo: Served, screen_point: AT) -> None:
    watched = open_page()
    page = watched.open(served_demo.url + GU_ONLY)
    page.mouse.click(*screen_point(page, *GWANAK_MOUNTAIN))
    expect(page.locator("#card-title")).to_have_text("관악구")
    row = seoul_gu().set_index("시군구명").loc["관악구"]
    assert dict(_attributes(watched)) == {
        "시군구코드": row["시군구코드"],
        "시군구명": "관악구",
        "영문명": "Gwanak-gu",
        "면적_㎢": str(row["면적_㎢"]),
        "기준일": str(row["기준일"]),
    }
    page.mouse.click(*screen_point(page, *GOYANG))
    expect(page.locator("#feature-card")).to_be_hidden()


def _attributes(watched: Watched) -> list[tuple[str, str]]:
    rows = watched.page.locator("#card-body tr").all()
    return [(row.locator("th").inner_text(), row.locator("td").inner_text()) for row in rows]


def test_the_selected_feature_is_marked_and_unmarked(
    open_page: OPEN, served_demo: Served, screen_point: AT
) -> None:
    watched = open_page()
    page = watched.open(served_demo.url + GU_ONLY)
    plain = watched.pixels("plain").astype(float)
    page.mouse.click(*screen_point(page, *GWANAK_MOUNTAIN))
    expect(page.locator("#feature-card")).to_be_visible()
    watched.settled()
    orange = np.abs(watched.pixels("selected").astype(float) - (0xD9, 0x48, 0x0F)).max(axis=2) < 30
    assert orange.sum() > 300
    page.click("#card-close")
    watched.settled()
    assert np.abs(watched.pixels("unselected").astype(float) - plain).max() <= 3


def test_several_hits_are_turned_like_pages(open_page: OPEN, served_demo: Served, screen_point: AT) -> None:
    watched = open_page()
    page = watched.open(served_demo.url + "/#map=11/37.565/126.98&layers=seoul-gu,seoul-dong&lang=ko")
    page.mouse.click(*screen_point(page, *CITY_HALL))
    expect(page.locator("#card-page")).to_have_text("1 / 2")
    names = {page.locator("#card-title").inner_text()}
    page.click("#card-next")
    expect(page.locator("#card-page")).to_have_text("2 / 2")
    names.add(page.locator("#card-title").inner_text())
    assert "중구" in names
    assert any(name.endswith(("동", "가", "로")) for name in names)


def test_the_first_view_has_all_layers_and_nothing_from_elsewhere(open_page: OPEN, served_demo: Served) -> None:
    watched = open_page()
    page = watched.open(served_demo.url + "/")
    listed = {item.get_attribute("data-layer") for item in page.locator(".layer").all()}
    assert listed == {layer["id"] for layer in served_demo.get("/api/layers").json()["layers"]}
    west, south, east, north = page.evaluate("() => naruMap.getBounds().toArray().flat()")
    assert west < 126.77 and south < 37.43 and east > 127.18 and north > 37.70
    assert watched.outside == []
    assert watched.troubles == []
    assert watched.violations() == []
    watched.pixels("first-view")


def test_unticking_a_layer_takes_it_off_the_map(open_page: OPEN, served_demo: Served) -> None:
    watched = open_page()
    page = watched.open(served_demo.url + GU_ONLY)
    page.uncheck("#layer-seoul-gu")
    watched.settled()
    pixels = watched.pixels("unticked").astype(float)
    assert np.abs(pixels[FREE_OF_PANELS] - np.array(PAPER)).max() <= 3
    assert "layers=&" in page.url


def test_the_opacity_slider_fades_a_layer(open_page: OPEN, served_demo: Served, screen_point: AT) -> None:
    watched = open_page()
    page = watched.open(served_demo.url + GU_ONLY)
    place = tuple(int(v) for v in reversed(screen_point(page, *GWANAK_MOUNTAIN)))
    before = watched.pixels("whole").astype(float)[place]
    page.click("[data-layer=seoul-gu] button[aria-controls]")
    page.fill("[data-layer=seoul-gu] input[type=range]", "50")
    watched.settled()
    after = watched.pixels("half").astype(float)[place]
    assert np.abs((after - PAPER) - (before - PAPER) / 2).max() <= 4
    assert "seoul-gu:50" in page.url


def test_the_address_bar_brings_back_what_was_seen(open_page: OPEN, served_demo: Served) -> None:
    watched = open_page()
    page = watched.open(served_demo.url + "/#map=13/37.5172/127.0473&layers=seoul-gu:40&lang=en")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.evaluate("() => naruMap.getZoom()") == pytest.approx(13)
    assert page.locator("#layer-seoul-dong").is_checked() is False
    page.evaluate("() => naruMap.jumpTo({center: [126.9, 37.5], zoom: 12})")
    expect(page).to_have_url(re.compile(r"#map=12/37\.50*/126\.90*&layers=seoul-gu:40&lang=en$"))


def test_the_page_speaks_the_readers_language_and_switches(open_page: OPEN, served_demo: Served) -> None:
    for locale, language, title in (("ko-KR", "ko", "서울 자치구"), ("de-DE", "en", "Seoul districts (gu)")):
        watched = open_page(locale=locale)
        page = watched.open(served_demo.url + "/")
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator("[data-layer=seoul-gu] .layer-title")).to_have_text(title)
    page.click("#language")
    expect(page.locator("[data-layer=seoul-gu] .layer-title")).to_have_text("서울 자치구")


def test_everything_can_be_done_with_the_keyboard(open_page: OPEN, served_demo: Served) -> None:
    watched = open_page()
    lon, lat = GWANAK_MOUNTAIN
    page = watched.open(f"{served_demo.url}/#map=12/{lat}/{lon}&layers=seoul-gu&lang=ko")
    page.keyboard.press("Tab")
    expect(page.locator("#skip-to-map")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#map canvas")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#card-title")).to_be_focused()
    expect(page.locator("#card-title")).to_have_text("관악구")
    expect(page.locator("#announcement")).to_contain_text("관악구")
    page.keyboard.press("Escape")
    expect(page.locator("#feature-card")).to_be_hidden()
    expect(page.locator("#map canvas")).to_be_focused()
    page.focus("#layer-seoul-gu")
    page.keyboard.press("Space")
    expect(page.locator("#layer-seoul-gu")).not_to_be_checked()
    assert "layers=&" in page.url


def test_on_a_phone_the_list_is_folded_and_opens(open_page: OPEN, served_demo: Served) -> None:
    watched = open_page(width=390, height=780)
    page = watched.open(served_demo.url + "/")
    expect(page.locator("#panel-body")).to_be_hidden()
    page.click("#panel-fold")
    expect(page.locator("#layer-seoul-gu")).to_be_visible()
    watched.pixels("phone")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_on_a_phone_the_card_does_not_hide_what_was_tapped(
    open_page: OPEN, served_demo: Served, screen_point: AT
) -> None:
    watched = open_page(width=390, height=780)
    page = watched.open(served_demo.url + "/#map=9.6/37.64/126.96&layers=seoul-gu&lang=ko")
    page.mouse.click(*screen_point(page, *GWANAK_MOUNTAIN))
    expect(page.locator("#card-title")).to_have_text("관악구")
    watched.drawn()
    watched.settled()
    card = page.locator("#feature-card").bounding_box()
    assert card is not None
    assert screen_point(page, *GWANAK_MOUNTAIN)[1] < card["y"] - 40
    watched.pixels("phone-card")


@pytest.mark.parametrize(("width", "height"), [(360, 640), (600, 380)])
def test_the_scale_covers_no_sources_on_small_or_enlarged_screens(
    open_page: OPEN, served_demo: Served, width: int, height: int
) -> None:
    page = open_page(width=width, height=height).open(served_demo.url + "/#lang=ko")
    scale, sources = (page.locator(name).bounding_box() for name in (".maplibregl-ctrl-scale", "#attribution"))
    assert scale is not None and sources is not None
    assert scale["y"] + scale["height"] <= sources["y"]
    assert scale["y"] >= 0 and scale["x"] >= 0
