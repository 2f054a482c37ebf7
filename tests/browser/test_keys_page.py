"""The page at `/keys`: keys are made, changed, rotated and taken back; a key's text is shown once."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from naru.house import House
from naru.settings import key_pepper
from tests.browser.conftest import Watched
from tests.browser.looks import faint, kept_keys, nameless, scrolls_sideways
from tests.conftest import Served, start_server, stop_server
from tests.serving import Fake, make_home
from tileserver.keys.ring import KEY_FUNCTIONS, KeyRing, Permissions

pytestmark = pytest.mark.timeout(240)

OPEN = Callable[..., Watched]
TEXT = re.compile(r"nru_live_\w+")
HOSTILE = "<img src=x onerror=window.hacked=1>"


@dataclass(frozen=True)
class Desk:
    """A running server with two layers, and a key that manages."""

    served: Served
    key: str

    def enter(self, watched: Watched, language: str = "en") -> Page:
        """Open the page and hand the key over."""
        page = watched.visit(f"{self.served.url}/keys#lang={language}", "html[data-keys-state=ready]")
        page.fill("#key-input", self.key)
        page.keyboard.press("Enter")
        expect(page.locator("#keys-list li").first).to_be_visible()
        return page

    def made(self, name: str, **fields: Any) -> dict:
        """Make a key over HTTP; return it with its text."""
        said = {"name": name, "functions": ["content"], **fields}
        return self._ask("/api/keys", "POST", said)

    def told(self, key_id: str) -> dict:
        """Return a key as the server tells it."""
        return self._ask(f"/api/keys/{key_id}")

    def revoke(self, key_id: str) -> None:
        """Take a key back."""
        self._ask(f"/api/keys/{key_id}", "DELETE")

    def _ask(self, path: str, method: str = "GET", said: dict | None = None) -> dict:
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        body = json.dumps(said).encode() if said else None
        asked = urllib.request.Request(self.served.url + path, method=method, headers=headers, data=body)
        with urllib.request.urlopen(asked, timeout=30) as reply:
            found: dict = json.loads(reply.read())
        return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("keys-page")
    home = folder / "home"
    home.mkdir()
    settings = make_home(home, Fake("gu"), Fake("secret", "private"))
    house = House.open(settings)
    ring = KeyRing(house.database, key_pepper(settings))
    ring.ensure_anonymous()
    _, key = ring.create("관리자", "live", Permissions(frozenset(KEY_FUNCTIONS), "private"))
    house.close()
    served = start_server(home, folder / "serve.log")
    yield Desk(served, key)
    stop_server(served)


def press(place: Page | Locator, words: str) -> None:
    """Press the button of these words."""
    place.get_by_role("button", name=words, exact=True).click()


def opened(page: Page, key_id: str) -> Locator:
    """Open a key of the list."""
    press(page, "Reload")
    item = page.locator(f"[data-key={key_id}]")
    if not item.locator("details").evaluate("(one) => one.open"):
        item.locator("summary").click()
    return item


def clean(watched: Watched) -> bool:
    """Whether nothing went wrong on the page, and nothing went elsewhere."""
    return (watched.troubles, watched.outside, watched.violations()) == ([], [], [])


def test_a_key_is_made_and_its_text_is_shown_once(open_page: OPEN, desk: Desk) -> None:
    watched = open_page()
    page = desk.enter(watched)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#make > summary").click()
    form = page.locator("#make form")
    form.get_by_label("Name").fill(HOSTILE)
    form.get_by_label("Base maps").uncheck()
    form.get_by_label("Private layers, too").check()
    form.get_by_role("radio", name="Only these layers").check()
    form.get_by_label("Secret (secret)").check()
    form.get_by_label("Requests a day").fill("1,000")
    form.get_by_label("Networks").fill("127.0.0.0/8\n::1/128")
    form.get_by_label("Last day").fill("2099-12-31")
    press(form, "Make the key")
    dialog = page.locator("dialog")
    text = dialog.get_by_label(f"Text of the key “{HOSTILE}”").input_value()
    assert TEXT.fullmatch(text)
    page.keyboard.press("Escape")  # would lose it
    expect(dialog).to_be_visible()
    press(dialog, "Copy")
    expect(dialog.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("() => navigator.clipboard.readText()") == text
    press(dialog, "I have kept it: close")
    expect(page.locator("#keys-message")).to_have_text(f"“{HOSTILE}” was made.")
    assert kept_keys(page, text) == kept_keys(page, desk.key) == []
    assert desk.served.get("/tiles/secret/2/3/1.mvt", X_API_Key=text).status == 200
    assert desk.served.get("/tiles/gu/2/3/1.mvt", X_API_Key=text).status == 403
    made = page.locator("#keys-list li", has_text=text[-4:])
    told = desk.told(made.get_attribute("data-key") or "")
    assert (told["functions"], told["access"], told["layers"]) == (["content"], "private", ["secret"])
    assert (told["day_quota"], told["cidrs"]) == (1000, ["127.0.0.0/8", "::1/128"])
    assert told["expires"] == "2099-12-31T15:00:00+00:00"  # the end of that day in Seoul
    expect(made.locator("dd.fact_expires")).to_have_text("2099-12-31")
    expect(made.get_by_role("link", name="Usage")).to_have_attribute("href", f"usage#lang=en&of={told['id']}")
    assert page.evaluate("() => window.hacked") is None
    assert clean(watched)


def test_only_what_was_changed_is_sent(open_page: OPEN, desk: Desk) -> None:
    key_id = desk.made("앱", day_quota=10, referrers=["*.city.kr"])["id"]
    watched = open_page()
    page = desk.enter(watched)
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "PATCH" else None)
    item = opened(page, key_id)
    press(item, "Edit")
    expect(item.get_by_label("Name")).to_be_focused()
    item.get_by_label("Requests a day").fill("")
    item.get_by_label("Requests a month").fill("50000")
    press(item, "Save")
    expect(page.locator("#keys-message")).to_have_text("“앱” was saved.")
    expect(item.locator("summary")).to_be_focused()
    assert [json.loads(one.post_data or "") for one in sent] == [{"day_quota": None, "month_quota": 50000}]
    told = desk.told(key_id)
    assert (told["day_quota"], told["month_quota"], told["referrers"]) == (None, 50000, ["*.city.kr"])
    press(item, "Edit")
    press(item, "Save")
    expect(page.locator("#keys-message")).to_have_text("Nothing was changed.")
    assert len(sent) == 1
    assert clean(watched)


def test_the_limits_of_callers_without_a_key_are_changed_there_too(open_page: OPEN, desk: Desk) -> None:
    page = desk.enter(open_page())
    item = opened(page, "anonymous")
    press(item, "Edit")
    assert item.get_by_label("Name").count() == item.get_by_label("Management").count() == 0
    item.get_by_label("Requests a second").fill("7")
    press(item, "Save")
    expect(item.locator("dd.fact_second")).to_have_text("7")
    assert desk.told("anonymous")["second_rate"] == 7
    assert item.get_by_role("button", name="Revoke").count() == 0


def test_a_key_is_rotated_and_taken_back(open_page: OPEN, desk: Desk) -> None:
    made = desk.made("app")
    watched = open_page()
    page = desk.enter(watched)
    item = opened(page, made["id"])
    press(item, "Rotate")
    page.get_by_label("Days that the old text stays good (0–30)").fill("0")
    press(page.locator("dialog"), "Rotate")
    text = page.locator("dialog.secret textarea").input_value()
    press(page.locator("dialog.secret"), "I have kept it: close")
    expect(page.locator("#keys-message")).to_have_text("“app” has a new text.")
    assert _comes_to(desk.served, made["key"], 403)  # KEY_EXPIRED
    assert _comes_to(desk.served, text, 200)
    press(item, "Revoke")
    page.keyboard.press("Escape")  # means no
    assert desk.told(made["id"])["state"] == "live"
    press(item, "Revoke")
    press(page.locator("dialog"), "Revoke")
    expect(item.locator(".job-state")).to_have_text("Revoked")
    expect(item.get_by_role("button")).to_have_count(0)
    assert _comes_to(desk.served, text, 401)
    assert kept_keys(page, text) == []
    assert clean(watched)


def _comes_to(served: Served, key: str, status: int) -> bool:
    """Whether requests under a key are answered so within the 5 s that servers may take to learn of a change."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if served.get("/tiles/gu/2/3/1.mvt", X_API_Key=key).status == status:
            return True
        time.sleep(0.1)
    return False


def test_what_cannot_be_is_said_at_its_field(open_page: OPEN, desk: Desk) -> None:
    page = desk.enter(open_page(), "ko")
    page.locator("#make > summary").click()
    form = page.locator("#make form")
    press(form, "키 만들기")
    expect(form.get_by_label("이름")).to_be_focused()
    form.get_by_label("이름").fill("앱")
    form.get_by_label("하루 요청 수").fill("많이")
    press(form, "키 만들기")
    expect(form.get_by_label("하루 요청 수")).to_be_focused()
    expect(form.get_by_role("alert")).to_have_text("1 이상의 정수를 쓰거나 비워 두십시오.")
    form.get_by_label("하루 요청 수").fill("")
    form.get_by_label("네트워크").fill("10.1.0.1/16")  # has host bits: the server refuses it
    press(form, "키 만들기")
    expect(form.get_by_label("네트워크")).to_be_focused()
    expect(form.get_by_label("네트워크")).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_role("alert")).to_contain_text("고치십시오")
    expect(form.get_by_role("alert")).to_contain_text("10.1.0.1/16")


def test_keys_that_ended_are_out_of_the_way_and_many_are_searched(open_page: OPEN, desk: Desk) -> None:
    ids = [desk.made(f"부서 {number}")["id"] for number in range(8)]
    desk.revoke(ids[0])
    page = desk.enter(open_page())
    expect(page.locator(f"[data-key={ids[1]}]")).to_be_visible()
    expect(page.locator(f"[data-key={ids[0]}]")).to_have_count(0)
    page.get_by_label("Show revoked and expired keys, too").check()
    expect(page.locator(f"[data-key={ids[0]}]")).to_be_visible()
    page.get_by_label("Find by name or id").fill("부서 3")
    expect(page.locator("#keys-list li")).to_have_count(1)
    page.get_by_label("Find by name or id").fill("none such")
    expect(page.locator("#keys-list")).to_have_text("No such key.")


@pytest.mark.parametrize(("scheme", "width"), [("light", 375), ("dark", 1000)])
def test_everything_has_a_name_can_be_read_and_fits(open_page: OPEN, desk: Desk, scheme: str, width: int) -> None:
    watched = open_page(width=width, height=800)
    watched.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page = desk.enter(watched, "ko")
    page.locator("#make > summary").click()
    page.get_by_label("비공개 레이어도").check()
    page.get_by_role("radio", name="다음 레이어만").check()
    page.locator("#keys-list summary").last.click()
    for language in ("ko", "en"):
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert nameless(page) == []
        assert faint(page) == []
        assert not scrolls_sideways(page)
        page.click("#language")
    expect(page.locator("#site-nav [aria-current=page]")).to_have_text("API 키")
    assert clean(watched)


def test_a_key_that_does_not_manage_is_refused_in_words_and_forgotten(open_page: OPEN, desk: Desk) -> None:
    key = desk.made("r")["key"]
    watched = open_page()
    page = watched.visit(f"{desk.served.url}/keys#lang=en", "html[data-keys-state=ready]")
    page.fill("#key-input", key)
    page.keyboard.press("Enter")
    expect(page.locator("#key-message")).to_contain_text("function “manage”")
    expect(page.locator("#desk")).to_be_hidden()
    assert page.evaluate("() => sessionStorage.length") == 0
