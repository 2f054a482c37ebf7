"""Raster layers on the page: pictures in their place, relief with its ramp, fading, no features to be found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import expect

from naru.house import House
from naru.tms import web_mercator_bounds
from tests.browser.conftest import Watched
from tests.conftest import Served, start_server, stop_server
from tests.rasters import LEFT, TOP, ZOOM, Scene, photo, publish_raster
from tests.serving import make_home

pytestmark = pytest.mark.timeout(240)

OPEN = Callable[..., Watched]
AT = Callable[..., tuple[float, float]]
PAPER = np.array((0xF3, 0xF1, 0xEC))
WEST, SOUTH, EAST, NORTH = web_mercator_bounds(ZOOM, LEFT, TOP)  # the scene's first tile
VIEW = f"/#map=13.4/{SOUTH}/{EAST}"

COLOURS = ["interpolate", ["linear"], ["elevation"], 20, "#204080", 180, "#f0e0c0"]
SHADED = (
    {"id": "shaded--tint", "type": "color-relief", "paint": {"color-relief-color": COLOURS}},
    {"id": "shaded--shade", "type": "hillshade"},
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("raster-page")
    house = House.open(make_home(folder / "home"))
    for scene in (
        Scene("ortho"),
        Scene("dem", "hills"),
        Scene("cover", "cover"),
        Scene("shaded", "hills", style=SHADED),
    ):
        publish_raster(house, scene)
    house.close()
    server = start_server(folder / "home", folder / "serve.log")
    yield server
    stop_server(server)


def colour_at(watched: Watched, name: str, at: tuple[float, float]) -> np.ndarray:
    """Return the mean colour around a point of the screen."""
    column, row = round(at[0]), round(at[1])
    return watched.pixels(name)[row - 2 : row + 3, column - 2 : column + 3].reshape(-1, 3).mean(axis=0)


def test_a_picture_lies_in_its_place_and_fades(open_page: OPEN, served: Served, screen_point: AT) -> None:
    watched = open_page()
    page = watched.open(f"{served.url}{VIEW}&layers=ortho")
    there = screen_point(page, (WEST + 3 * EAST) / 4, (3 * SOUTH + NORTH) / 4)  # pixel 192, 192 of the first tile
    beside = screen_point(page, EAST + 0.01, SOUTH - 0.008)  # the quarter that was left out
    wanted = photo()[:3, 192, 192].astype(float)
    assert np.abs(colour_at(watched, "ortho", there) - wanted).max() < 8
    assert np.abs(colour_at(watched, "ortho", beside) - PAPER).max() < 3
    page.locator("[data-layer=ortho] .icon-button").last.click()
    page.locator("[data-layer=ortho] input[type=range]").fill("50")
    watched.settled()
    half = (wanted + PAPER) / 2
    assert np.abs(colour_at(watched, "ortho-half", there) - half).max() < 8
    assert (watched.troubles, watched.outside, watched.violations()) == ([], [], [])


def test_a_click_on_a_raster_finds_nothing(open_page: OPEN, served: Served, screen_point: AT) -> None:
    watched = open_page()
    page = watched.open(f"{served.url}{VIEW}&layers=ortho,dem,cover")
    page.mouse.click(*screen_point(page, (3 * EAST - WEST) / 2, (SOUTH + NORTH) / 2))
    expect(page.locator("#announcement")).to_have_text("이 지점에는 표시된 객체가 없습니다.")
    expect(page.locator("#feature-card")).to_be_hidden()
    assert watched.troubles == []


def test_heights_are_a_relief_with_holes_and_the_list_shows_their_ramp(
    open_page: OPEN, served: Served, screen_point: AT
) -> None:
    watched = open_page()
    page = watched.open(f"{served.url}{VIEW}&layers=dem")
    scene = watched.pixels("dem")[100:290, 420:600].reshape(-1, 3).astype(float)
    assert np.abs(scene - PAPER).max(axis=1).mean() > 20
    assert len(np.unique(scene.round(-1), axis=0)) > 20
    beside = screen_point(page, EAST + 0.01, SOUTH - 0.008)  # the quarter without heights
    assert np.abs(colour_at(watched, "dem-hole", beside) - PAPER).max() < 3
    page.locator("[data-layer=dem] .icon-button").last.click()
    expect(page.locator("[data-layer=dem] .ramp-ends")).to_have_text("30 m170 m")
    bar = page.locator("[data-layer=dem] .ramp-bar")
    assert "rgb(94, 156, 134)" in bar.evaluate("(bar) => getComputedStyle(bar).backgroundImage")
    watched.pixels("dem-legend")
    page.locator("[data-layer=dem] input[type=range]").fill("0")
    watched.settled()
    gone = watched.pixels("dem-gone")[100:290, 420:600].reshape(-1, 3).astype(float)
    assert np.abs(gone - PAPER).max() < 4
    assert (watched.troubles, watched.outside, watched.violations()) == ([], [], [])


def test_classes_are_drawn_without_mixing_and_listed(open_page: OPEN, served: Served, screen_point: AT) -> None:
    watched = open_page()
    page = watched.open(f"{served.url}{VIEW}&layers=cover")
    fifth = screen_point(page, EAST + (EAST - WEST) / 8, (SOUTH + NORTH) / 2)  # the middle of the fifth stripe
    assert np.abs(colour_at(watched, "cover", fifth) - (200, 40, 40)).max() < 3
    page.locator("[data-layer=cover] .icon-button").last.click()
    expect(page.locator("[data-layer=cover] .legend li")).to_have_count(3)


def test_a_style_may_tint_and_shade_the_heights_themselves(open_page: OPEN, served: Served) -> None:
    watched = open_page()
    page = watched.open(f"{served.url}{VIEW}&layers=shaded")
    scene = watched.pixels("shaded")[100:290, 420:600].reshape(-1, 3).astype(float)
    assert len(np.unique(scene.round(-1), axis=0)) > 20
    page.locator("[data-layer=shaded] .icon-button").last.click()
    page.locator("[data-layer=shaded] input[type=range]").fill("0")
    watched.settled()
    gone = watched.pixels("shaded-gone")[100:290, 420:600].reshape(-1, 3).astype(float)
    assert np.abs(gone - PAPER).max() < 4
    assert watched.troubles == []
