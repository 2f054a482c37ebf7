"""`/api/keys`: made, changed, rotated and taken back over HTTP, by keys that reach far enough."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from naru.errors import ScopeDenied
from tests.conftest import naru_json
from tests.handing_in import staff
from tests.serving import Fake, make_home, new_key, open_app, service_of
from tileserver.keys.fields import FIELDS
from tileserver.keys.reach import check_reach, excess
from tileserver.keys.ring import KEY_FUNCTIONS, Permissions
from tileserver.keys.text import is_well_formed

EVERYTHING = {"functions": frozenset(KEY_FUNCTIONS), "access": "private", "groups": frozenset(("water", "air"))}
PUBLIC_TILE, PRIVATE_TILE = "/tiles/open/2/3/1.mvt", "/tiles/closed/2/3/1.mvt"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    home = tmp_path_factory.mktemp("keys") / "home"
    opened = open_app(make_home(home, Fake("open"), Fake("closed", "private"), NARU_TRUSTED_PROXIES="0"))
    yield opened
    service_of(opened).close()


@pytest.fixture(scope="module")
def manager(app: Flask) -> str:
    return new_key(app, **EVERYTHING)[1]


def ask(app: Flask, key: str, method: str, path: str, said: object = None) -> TestResponse:
    """Send one request with a key in a header, and JSON."""
    body = None if said is None else json.dumps(said)
    headers = {"X-API-Key": key}
    return app.test_client().open(
        path, method=method, data=body, headers=headers, content_type="application/json" if body else None
    )


def make(app: Flask, key: str, **said: Any) -> dict[str, Any]:
    """Make a key over HTTP."""
    answer = ask(app, key, "POST", "/api/keys", {"name": "지도", "functions": ["content"]} | said)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return answer.get_json()


def opens(app: Flask, text: str, path: str = PUBLIC_TILE) -> int:
    """Return the status of a tile for a key's text."""
    return app.test_client().get(path, headers={"X-API-Key": text}).status_code


def test_a_key_is_made_told_once_and_works_at_once(app: Flask, manager: str) -> None:
    answer = ask(app, manager, "POST", "/api/keys", {"name": "시민 앱", "functions": ["content"], "day_quota": 9})
    made = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/keys/{made['id']}"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert is_well_formed(made["key"])
    assert (made["name"], made["functions"], made["day_quota"]) == ("시민 앱", ["content"], 9)
    assert opens(app, made["key"]) == 200
    shown = ask(app, manager, "GET", f"/api/keys/{made['id']}")
    listed = ask(app, manager, "GET", "/api/keys")
    assert made["key"] not in shown.get_data(as_text=True) + listed.get_data(as_text=True)
    assert shown.get_json()["id"] in [row["id"] for row in listed.get_json()["keys"]]


def test_keys_look_alike_over_http_and_from_the_command(tmp_path: Path) -> None:
    made = naru_json(
        "keys", "create", "--name", "m", "--functions", "content,manage,common", home=tmp_path / "home"
    )
    app = open_app(make_home(tmp_path / "home"))
    service_of(app).pulse()
    told = ask(app, made["key"], "GET", f"/api/keys/{made['id']}").get_json()
    listed = next(
        row for row in naru_json("keys", "list", home=tmp_path / "home")["keys"] if row["id"] == made["id"]
    )
    assert told.keys() == listed.keys()
    assert told | {"used_today": 0, "used_this_month": 0} == listed | {"used_today": 0, "used_this_month": 0}
    service_of(app).close()


def test_what_was_used_is_shown(app: Flask, manager: str) -> None:
    made = make(app, manager)
    assert [opens(app, made["key"]) for _ in range(3)] == [200, 200, 200]
    service_of(app).pulse()
    told = ask(app, manager, "GET", f"/api/keys/{made['id']}").get_json()
    assert (told["used_today"], told["used_this_month"]) == (3, 3)


def test_a_change_is_felt_at_once_and_what_is_not_named_stays(app: Flask, manager: str) -> None:
    made = make(app, manager, day_quota=50, referrers=["a.kr"])
    path = f"/api/keys/{made['id']}"
    assert opens(app, made["key"]) == 403
    told = ask(app, manager, "PATCH", path, {"referrers": [], "access": "private", "month_quota": 500}).get_json()
    assert (told["referrers"], told["access"], told["day_quota"], told["month_quota"]) == ([], "private", 50, 500)
    assert opens(app, made["key"], PRIVATE_TILE) == 200
    assert ask(app, manager, "PATCH", path, {"layers": ["open"], "day_quota": None}).get_json()["day_quota"] is None
    assert opens(app, made["key"], PRIVATE_TILE) == 404
    assert ask(app, manager, "PATCH", path, {"expires": "2020-01-01"}).get_json()["state"] == "expired"
    assert opens(app, made["key"]) == 403


def test_a_last_day_is_whole_in_the_local_time_zone(app: Flask, manager: str) -> None:
    assert make(app, manager, expires="2099-12-31")["expires"] == "2099-12-31T15:00:00+00:00"


def test_while_rotating_both_texts_open(app: Flask, manager: str) -> None:
    made = make(app, manager)
    path = f"/api/keys/{made['id']}/rotate"
    new = ask(app, manager, "POST", path, {"grace_days": 1}).get_json()["key"]
    assert new != made["key"]
    assert [opens(app, text) for text in (made["key"], new)] == [200, 200]
    newest = ask(app, manager, "POST", path, {"grace_days": 0}).get_json()["key"]
    assert [opens(app, text) for text in (made["key"], new, newest)] == [403, 403, 200]


def test_a_key_that_is_taken_back_opens_nothing(app: Flask, manager: str) -> None:
    made = make(app, manager)
    told = ask(app, manager, "DELETE", f"/api/keys/{made['id']}")
    assert (told.status_code, told.get_json()["state"]) == (200, "revoked")
    assert opens(app, made["key"]) == 401
    again = ask(app, manager, "POST", f"/api/keys/{made['id']}/rotate")
    assert (again.status_code, again.get_json(force=True)["code"]) == (404, "KEY_NOT_FOUND")


# --- what is refused ------------------------------------------------------------------------------

BAD = [
    ("name", ""),
    ("name", "x" * 201),
    ("name", "two\nlines"),
    ("name", None),
    ("functions", []),
    ("functions", "content"),
    ("functions", ["content", "everything"]),
    ("access", "all"),
    ("groups", ["a b"]),
    ("groups", ["water"]),  # of a key with access public
    ("layers", []),
    ("layers", ["../x"]),
    ("layers", ["a"] * 101),
    ("referrers", ["https://a.kr/path"]),
    ("referrers", [7]),
    ("cidrs", ["10.0.0.1/8"]),
    ("day_quota", 0),
    ("day_quota", 1.5),
    ("day_quota", True),
    ("day_quota", "9"),
    ("month_quota", -1),
    ("second_rate", 2**60),
    ("expires", "tomorrow"),
    ("expires", 20271231),
    ("expires", "0001-01-01T00:00:00+14:00"),
    ("environment", "Live!"),
    ("key", "nru_live_mine"),
    ("id", "key-0"),
]


@pytest.mark.parametrize(("field", "value"), BAD, ids=lambda v: str(v)[:20])
def test_a_field_that_cannot_be_this_is_named(app: Flask, manager: str, field: str, value: object) -> None:
    answer = ask(app, manager, "POST", "/api/keys", {"name": "m", "functions": ["content"], field: value})
    told = answer.get_json(force=True)
    assert (answer.status_code, told["code"], told["field"]) == (400, "BAD_REQUEST", field)
    assert len(told["detail"]) < 400


@pytest.mark.parametrize("needed", ["name", "functions"])
def test_what_a_key_needs_is_named(app: Flask, manager: str, needed: str) -> None:
    said = {"name": "m", "functions": ["content"]}
    del said[needed]
    assert ask(app, manager, "POST", "/api/keys", said).get_json(force=True)["field"] == needed


def test_the_text_of_a_key_cannot_be_changed(app: Flask, manager: str) -> None:
    made = make(app, manager)
    answer = ask(app, manager, "PATCH", f"/api/keys/{made['id']}", {"environment": "test"})
    assert (answer.status_code, answer.get_json(force=True)["field"]) == (400, "environment")


@pytest.mark.parametrize("days", [-1, 31, 1.5, "7", None])
def test_a_grace_out_of_range_is_refused(app: Flask, manager: str, days: object) -> None:
    made = make(app, manager)
    answer = ask(app, manager, "POST", f"/api/keys/{made['id']}/rotate", {"grace_days": days})
    assert (answer.status_code, answer.get_json(force=True)["field"]) == (400, "grace_days")


def test_an_unknown_key_is_404(app: Flask, manager: str) -> None:
    forms = (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate"))
    found = [ask(app, manager, method, f"/api/keys/key-none{tail}", {}) for method, tail in forms]
    assert {(answer.status_code, answer.get_json(force=True)["code"]) for answer in found} == {
        (404, "KEY_NOT_FOUND")
    }


# --- how far a managing key reaches ---------------------------------------------------------------

NARROW = {"functions": ["manage", "content"], "access": "public", "layers": ["open"], "cidrs": ["127.0.0.0/8"]}
WIDER = [
    ("functions", {"functions": ["content", "twin"], "layers": ["open"]}),
    ("access", {"functions": ["content"], "access": "private", "layers": ["open"]}),
    ("layers", {"functions": ["content"]}),
    ("layers", {"functions": ["content"], "layers": ["open", "closed"]}),
    ("cidrs", {"functions": ["manage"], "layers": ["open"]}),
    ("cidrs", {"functions": ["manage"], "layers": ["open"], "cidrs": ["126.0.0.0/7"]}),
]


@pytest.mark.parametrize(("field", "wanted"), WIDER)
def test_a_managing_key_makes_none_that_reaches_further(
    app: Flask, manager: str, field: str, wanted: dict[str, Any]
) -> None:
    narrow = make(app, manager, **NARROW)["key"]
    answer = ask(app, narrow, "POST", "/api/keys", {"name": "wider"} | wanted)
    told = answer.get_json(force=True)
    assert (answer.status_code, told["code"], told["field"]) == (403, "SCOPE", field)


def test_a_managing_key_makes_what_is_within_its_reach(app: Flask, manager: str) -> None:
    narrow = make(app, manager, **NARROW)["key"]
    reading = make(app, narrow, functions=["content"], layers=["open"], day_quota=10**9)
    assert opens(app, reading["key"]) == 200
    assert make(app, narrow, functions=["manage"], layers=["open"], cidrs=["127.9.0.0/16"])["access"] == "public"


def test_a_managing_key_neither_widens_itself_nor_others(app: Flask, manager: str) -> None:
    narrow = make(app, manager, **NARROW)
    path = f"/api/keys/{narrow['id']}"
    for wider in ({"layers": None}, {"access": "private"}, {"functions": ["manage", "twin"]}, {"cidrs": []}):
        assert ask(app, narrow["key"], "PATCH", path, wider).status_code == 403
    assert ask(app, narrow["key"], "PATCH", path, {"name": "좁은"}).get_json()["name"] == "좁은"


def test_keys_that_reach_further_are_not_there(app: Flask, manager: str) -> None:
    narrow, wide = make(app, manager, **NARROW)["key"], make(app, manager, functions=["content"])["id"]
    listed = {row["id"] for row in ask(app, narrow, "GET", "/api/keys").get_json()["keys"]}
    assert wide not in listed and "anonymous" not in listed and len(listed) >= 1
    forms = (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate"))
    assert {ask(app, narrow, m, f"/api/keys/{wide}{tail}", {}).status_code for m, tail in forms} == {404}


def test_reach_is_an_order() -> None:
    """What reaches no further than a key that reaches no further than mine reaches no further than mine."""
    later = datetime(2030, 1, 1, tzinfo=UTC)
    kinds = [
        Permissions(functions, access, groups, layers, referrers, cidrs, expires=expires)  # type: ignore[arg-type]
        for functions, access, groups, layers, referrers, cidrs, expires in itertools.product(
            (frozenset(("twin",)), frozenset(("manage", "twin"))),
            ("public", "private"),
            (frozenset(), frozenset(("water",))),
            (None, frozenset(("a",))),
            ((), ("a.kr",)),
            ((), ("10.0.0.0/8",)),
            (None, later),
        )
    ]
    below = {(i, k) for i, a in enumerate(kinds) for k, b in enumerate(kinds) if excess(a, b) is None}
    managing = {i for i, kind in enumerate(kinds) if "manage" in kind.functions}
    assert all((i, i) in below for i in managing)
    broken = [(i, j, k) for i, j in below for k in range(len(kinds)) if (j, k) in below and (i, k) not in below]
    assert all(j not in managing for _i, j, _k in broken)


def test_a_short_lived_manager_leaves_no_manager_behind() -> None:
    soon = datetime(2030, 1, 1, tzinfo=UTC)
    own = Permissions(frozenset(("manage", "content")), expires=soon)
    assert excess(own, replace(own, expires=soon + timedelta(days=1))) == "expires"
    assert excess(own, Permissions(frozenset(("content",)))) is None
    with pytest.raises(ScopeDenied, match="expires"):
        check_reach(own, replace(own, expires=None))


# --- the key of callers without one ---------------------------------------------------------------


def test_the_anonymous_key_can_be_limited_and_not_widened(tmp_path: Path) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("open")))
    key = new_key(app, **EVERYTHING)[1]
    path, client = "/api/keys/anonymous", app.test_client()
    told = ask(app, key, "PATCH", path, {"day_quota": 2, "functions": ["content"]}).get_json()
    assert (told["day_quota"], told["functions"]) == (2, ["content"])
    assert [client.get(PUBLIC_TILE).status_code for _ in range(3)] == [200, 200, 429]
    refused = {
        "access": "private",
        "functions": ["content", "manage"],
        "groups": ["water"],
        "name": "x",
        "expires": None,
        "cidrs": [],
    }
    for field, value in refused.items():
        answer = ask(app, key, "PATCH", path, {field: value})
        assert (answer.status_code, answer.get_json(force=True)["field"]) == (400, field)
    assert ask(app, key, "DELETE", path).status_code == 400
    assert ask(app, key, "POST", f"{path}/rotate").status_code == 404
    service_of(app).close()


def test_pages_of_other_sites_learn_nothing_of_keys(app: Flask) -> None:
    someone = staff(app, **EVERYTHING)
    answer = someone.client.get("/api/keys", headers=someone.headers | {"Origin": "https://evil.kr"})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
    preflight = someone.client.options("/api/keys", headers={"Origin": "https://evil.kr"})
    assert "Access-Control-Allow-Methods" not in preflight.headers


# --- the command ----------------------------------------------------------------------------------


def test_edit_changes_what_is_named_and_clears_what_is_cleared(home: Path) -> None:
    words = ("--name", "m", "--functions", "content", "--day", "5", "--referrer", "a.kr", "--layer", "x")
    made = naru_json("keys", "create", *words, home=home)
    edit = ("--functions", "content,twin", "--month", "70", "--clear", "referrers", "--clear", "day_quota")
    told = naru_json("keys", "edit", made["id"], *edit, home=home)
    assert (told["functions"], told["month_quota"], told["referrers"]) == (["content", "twin"], 70, [])
    assert (told["day_quota"], told["layers"], told["name"]) == (None, ["x"], "m")


def test_every_field_has_a_schema_for_openapi() -> None:
    assert set(FIELDS) == {"name", "environment", *Permissions.__dataclass_fields__}
