"""Who may have what: keys in their three places, functions, visibility, origins, networks, and what counts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.serving import Fake, make_home, new_key, open_app, service_of
from tileserver.access import client_address
from tileserver.keys.ring import Permissions
from tileserver.keys.text import make_key_text

PUBLIC, PRIVATE, WATER = "/tiles/open/2/3/1.mvt", "/tiles/closed/2/3/1.mvt", "/tiles/water/2/3/1.mvt"
VISIBILITIES = ("public", "private", "group:water")
FUNCTIONS = ("basemap", "content", "twin")
FORMS = ("/tiles/{}/2/3/1.mvt", "/tiles/{}/2/0/0.mvt", "/tiles/{}.json", "/styles/{}.json")
LAYERS = [
    Fake(f"{function}-{visibility.replace(':', '-')}", visibility, function)
    for function, visibility in itertools.product(FUNCTIONS, VISIBILITIES)
]
KEYS: dict[str, dict[str, Any] | None] = {
    "nobody": None,
    "public content": {"functions": frozenset(("content",))},
    "private content": {"functions": frozenset(("content",)), "access": "private"},
    "water group": {
        "functions": frozenset(("content", "twin")),
        "access": "private",
        "groups": frozenset(("water",)),
    },
    "public everything": {},
    "private everything": {"access": "private", "groups": frozenset(("water", "air"))},
    "other group": {"access": "private", "groups": frozenset(("air",))},
    "one public layer": {"layers": frozenset(("content-public",))},
    "one private layer": {"access": "private", "layers": frozenset(("twin-private",))},
    "no map function": {"functions": frozenset(("manage",)), "access": "private", "groups": frozenset(("water",))},
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    fakes = (Fake("open"), Fake("closed", "private"), Fake("water", "group:water"), *LAYERS)
    opened = open_app(make_home(tmp_path_factory.mktemp("access") / "home", *fakes))
    yield opened
    service_of(opened).close()


@pytest.fixture(scope="module")
def texts(app: Flask) -> dict[str, str]:
    return {name: new_key(app, **may)[1] for name, may in KEYS.items() if may is not None}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def expected(may: dict[str, Any] | None, layer: Fake) -> int:
    """Return the status the contract demands, written down a second time and differently."""
    held = Permissions(**({"functions": frozenset(FUNCTIONS)} | (may or {})))
    in_list = held.layers is None or layer.id in held.layers
    if layer.visibility == "private" and not (held.access == "private" and in_list):
        return 404
    if layer.visibility == "group:water" and not (held.access == "private" and "water" in held.groups and in_list):
        return 404
    return 200 if in_list and layer.function in held.functions else 403


@pytest.mark.parametrize("name", KEYS)
def test_the_matrix_of_keys_layers_and_routes(client: FlaskClient, texts: dict[str, str], name: str) -> None:
    headers = {"X-API-Key": texts[name]} if name in texts else {}
    for layer, form in itertools.product(LAYERS, FORMS):
        status = client.get(form.format(layer.id), headers=headers).status_code
        found = 200 if status == 204 else status
        assert found == expected(KEYS[name], layer), f"{name}: {form.format(layer.id)}"


@pytest.mark.parametrize("name", KEYS)
def test_lists_show_what_can_be_had_and_nothing_else(client: FlaskClient, texts: dict[str, str], name: str) -> None:
    headers = {"X-API-Key": texts[name]} if name in texts else {}
    due = {layer.id for layer in LAYERS if expected(KEYS[name], layer) == 200}
    ours = {layer.id for layer in LAYERS}
    listed = {row["id"] for row in client.get("/api/layers", headers=headers).get_json()["layers"]}
    drawn = set(client.get("/styles/naru.json", headers=headers).get_json()["sources"])
    assert listed & ours == due
    assert drawn & ours == due


# --- where a key is sent --------------------------------------------------------------------------


@pytest.fixture
def private(app: Flask) -> str:
    return new_key(app, access="private")[1]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_can_come_as_bearer(client: FlaskClient, private: str, scheme: str) -> None:
    assert client.get(PRIVATE, headers={"Authorization": f"{scheme} {private}"}).status_code == 200


@pytest.mark.parametrize("name", ["key", "apikey"])
def test_a_key_can_come_in_the_query(client: FlaskClient, private: str, name: str) -> None:
    assert client.get(f"{PRIVATE}?a=b&{name}={private}").status_code == 200


def test_the_header_wins_over_the_query(client: FlaskClient, private: str) -> None:
    assert client.get(f"{PRIVATE}?key={private}", headers={"X-API-Key": "nonsense"}).status_code == 401
    assert client.get(f"{PRIVATE}?key=nonsense", headers={"X-API-Key": private}).status_code == 200


def test_another_authorization_scheme_is_not_ours(client: FlaskClient) -> None:
    assert client.get(PUBLIC, headers={"Authorization": "Basic dXNlcjpwdw=="}).status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        pytest.param(make_key_text("live"), id="unknown"),
        "nru_live_",
        "비밀키",
        "x" * 5000,
        "nru_live_é",
    ],
)
@pytest.mark.parametrize("path", [PUBLIC, "/tiles/open.json", "/styles/open.json", "/api/layers"])
def test_a_bad_key_is_401_even_for_what_is_public(client: FlaskClient, path: str, text: str) -> None:
    answer = client.get(path, query_string={"key": text})
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (401, "KEY_INVALID")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert text not in answer.get_data(as_text=True)


def test_without_anonymous_access_a_key_is_needed(tmp_path: Path) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("open"), NARU_ANONYMOUS="none"))
    client = app.test_client()
    answer = client.get(PUBLIC)
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (401, "KEY_MISSING")
    assert client.get("/api/layers").get_json() == {"layers": []}
    assert client.get("/").status_code == 200
    service_of(app).close()


def test_the_anonymous_key_can_be_revoked_and_limited(tmp_path: Path) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("open")))
    client, service = app.test_client(), service_of(app)
    service.keyring.limit("anonymous", day=2, month=None)
    service.pulse()
    assert [client.get(PUBLIC).status_code for _ in range(3)] == [200, 200, 429]
    service.keyring.revoke("anonymous")
    service.pulse()
    assert client.get(PUBLIC).status_code == 401
    service.close()


def test_an_expired_key_is_403_to_the_second(tmp_path: Path) -> None:
    settings = make_home(tmp_path / "home", Fake("open"))
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    now = [ends.timestamp() - 0.001]
    app = open_app(settings, lambda: now[0])
    _key, text = new_key(app, expires=ends)
    client = app.test_client()
    assert client.get(PUBLIC, headers={"X-API-Key": text}).status_code == 200
    now[0] = ends.timestamp()
    answer = client.get(PUBLIC, headers={"X-API-Key": text})
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (403, "KEY_EXPIRED")
    service_of(app).close()


def test_a_revoked_key_is_401_after_the_next_pulse(app: Flask) -> None:
    key, text = new_key(app)
    client, service = app.test_client(), service_of(app)
    assert client.get(PUBLIC, headers={"X-API-Key": text}).status_code == 200
    service.keyring.revoke(key.id)
    service.pulse()
    assert client.get(PUBLIC, headers={"X-API-Key": text}).status_code == 401


# --- where a request comes from -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "headers", "status"),
    [
        ("maps.seoul.go.kr", {"Origin": "https://maps.seoul.go.kr"}, 200),
        ("maps.seoul.go.kr", {"Referer": "http://maps.seoul.go.kr:8080/page?x=1"}, 200),
        ("maps.seoul.go.kr", {"Origin": "https://evil.kr", "Referer": "https://maps.seoul.go.kr/"}, 403),
        ("maps.seoul.go.kr", {"Origin": "https://maps.seoul.go.kr.evil.kr"}, 403),
        ("maps.seoul.go.kr", {"Origin": "https://maps.seoul.go.kr@evil.kr"}, 403),
        ("maps.seoul.go.kr", {"Origin": "null"}, 403),
        ("maps.seoul.go.kr", {}, 403),
        ("*.seoul.go.kr", {"Origin": "https://a.b.seoul.go.kr"}, 200),
        ("*.seoul.go.kr", {"Origin": "https://evilseoul.go.kr"}, 403),
        ("*.seoul.go.kr", {"Origin": "https://seoul.go.kr"}, 403),
        ("https://a.kr", {"Origin": "https://a.kr"}, 200),
        ("https://a.kr", {"Origin": "http://a.kr"}, 403),
        ("a.kr", {"Origin": "https://[bad"}, 403),
    ],
)
def test_a_key_bound_to_sites(app: Flask, allowed: str, headers: dict[str, str], status: int) -> None:
    _key, text = new_key(app, referrers=(allowed,))
    answer = app.test_client().get(PUBLIC, headers=headers | {"X-API-Key": text})
    assert answer.status_code == status
    if status == 403:
        assert answer.get_json(force=True)["code"] == "REFERRER"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "1.2.3.4", "10.0.0.1"),
        (1, "1.2.3.4", "1.2.3.4"),
        (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (2, "6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
        (2, "1.2.3.4", None),
        (1, "", None),
        (1, "unknown", None),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "::ffff:1.2.3.4", "1.2.3.4"),
    ],
)
def test_the_address_is_what_a_trusted_proxy_wrote(proxies: int, forwarded: str, address: str | None) -> None:
    environ = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": forwarded}
    found = client_address(environ, proxies)
    assert (str(found) if found else None) == address


def test_a_key_bound_to_networks(app: Flask) -> None:
    _key, text = new_key(app, cidrs=("10.1.0.0/16", "2001:db8::/32"))
    client = app.test_client()
    for address, status in (("10.1.2.3", 200), ("10.2.0.1", 403), ("2001:db8::7", 200), ("::1", 403)):
        answer = client.get(PUBLIC, headers={"X-API-Key": text}, environ_base={"REMOTE_ADDR": address})
        assert answer.status_code == status, address
    spoofed = {"X-API-Key": text, "X-Forwarded-For": "10.1.2.3"}
    assert client.get(PUBLIC, headers=spoofed, environ_base={"REMOTE_ADDR": "10.2.0.1"}).status_code == 403


# --- what counts ----------------------------------------------------------------------------------


def used(app: Flask, key_id: str) -> int:
    """Return what was counted for a key, after a settlement."""
    from zoneinfo import ZoneInfo

    from tileserver.quota.sql import SqlQuotaStore
    from tileserver.quota.windows import windows_at

    service = service_of(app)
    service.pulse()
    day = windows_at(service.clock(), ZoneInfo(service.settings.timezone)).day.name
    return SqlQuotaStore(service.house.database).counted([day]).get((key_id, day), 0)


@pytest.mark.parametrize(
    ("path", "condition", "status", "counts"),
    [
        (PUBLIC, "", 200, 1),
        (PUBLIC, "*", 304, 1),
        ("/tiles/open/2/0/0.mvt", "", 204, 1),
        ("/tiles/open.json", "", 200, 1),
        ("/tiles/open.json", "*", 304, 1),
        ("/styles/open.json", "", 200, 1),
        ("/tiles/open/9/0/0.mvt", "", 404, 0),
        ("/tiles/open/2/9/0.mvt", "", 404, 0),
        ("/tiles/none/2/0/0.mvt", "", 404, 0),
        ("/tiles/none.json", "", 404, 0),
        (PRIVATE, "", 404, 0),
        ("/tiles/open,open/2/3/1.mvt", "", 400, 0),
        ("/tiles/basemap-public/2/3/1.mvt", "", 403, 0),
        ("/styles/basemap-public.json", "", 403, 0),
        ("/api/layers", "", 200, 0),
        ("/openapi.json", "", 200, 0),
        ("/nothing", "", 404, 0),
    ],
)
def test_answers_count_one_and_errors_none(app: Flask, path: str, condition: str, status: int, counts: int) -> None:
    key, text = new_key(app, functions=frozenset(("content",)))
    headers = {"X-API-Key": text} | ({"If-None-Match": condition} if condition else {})
    answer = app.test_client().get(path, headers=headers)
    assert (answer.status_code, used(app, key.id)) == (status, counts)


def test_head_counts_like_get_and_a_preflight_does_not(app: Flask) -> None:
    key, text = new_key(app)
    client = app.test_client()
    client.head(PUBLIC, headers={"X-API-Key": text})
    client.options(PUBLIC, headers={"X-API-Key": text})
    assert used(app, key.id) == 1


def test_a_failure_of_the_server_is_free(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    key, text = new_key(app)
    pyramid = service_of(app).keeper.current.pyramids["open"]

    def fail(*_: int) -> bytes:
        raise OSError("disk")

    monkeypatch.setitem(pyramid.__dict__, "get", fail)
    answer = app.test_client().get(PUBLIC, headers={"X-API-Key": text})
    assert (answer.status_code, used(app, key.id)) == (500, 0)
    assert "disk" not in answer.get_data(as_text=True)


def test_over_the_quota_is_429_with_everything_a_client_needs(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, 14, 59, 0, tzinfo=UTC).timestamp()
    app = open_app(make_home(tmp_path / "home", Fake("open")), lambda: now)
    _key, text = new_key(app, day_quota=1)
    client = app.test_client()
    assert client.get("/tiles/open.json", headers={"X-API-Key": text}).status_code == 200
    for path in (PUBLIC, "/tiles/open.json"):
        answer = client.get(path, headers={"X-API-Key": text})
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "60"
        assert answer.headers["RateLimit"] == '"day";r=0;t=60'
        assert answer.headers["RateLimit-Policy"] == '"day";q=1;w=86400'
        told = answer.get_json(force=True)
        assert (told["code"], told["violated-policies"]) == ("QUOTA_DAY", ["day"])
        assert told["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    service_of(app).close()


def test_faster_than_the_rate_is_429_with_a_code_of_its_own(tmp_path: Path) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("open")), lambda: 1_800_000_000.0)
    _key, text = new_key(app, second_rate=2)
    client = app.test_client()
    answers = [client.get(PUBLIC, headers={"X-API-Key": text}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].get_json(force=True)["code"] == "RATE"
    assert answers[1].headers["RateLimit-Policy"] == '"second";q=2;w=1'
    service_of(app).close()


def test_the_quota_begins_anew_at_midnight_in_seoul(tmp_path: Path) -> None:
    now = [datetime(2026, 11, 22, 14, 59, 59, tzinfo=UTC).timestamp()]
    app = open_app(make_home(tmp_path / "home", Fake("open")), lambda: now[0])
    _key, text = new_key(app, day_quota=1)
    client, seen = app.test_client(), []
    for second in (0, 0, 1, 0):
        now[0] += second
        seen.append(client.get(PUBLIC, headers={"X-API-Key": text}).status_code)
    assert seen == [200, 429, 200, 429]
    service_of(app).close()


def test_a_store_that_does_not_answer_is_503(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlalchemy as sa

    _key, text = new_key(app, day_quota=5)
    database = service_of(app).house.database

    def fail(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("UPDATE", {}, Exception("locked"))

    monkeypatch.setattr(type(database), "write", fail)
    answer = app.test_client().get(PUBLIC, headers={"X-API-Key": text})
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (503, "QUOTA_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
