"""RateLimit and RateLimit-Policy: how a key stands, on every answer but tiles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from tests.serving import Fake, make_home, new_key, open_app, service_of
from tests.test_server_access import PUBLIC

DOCUMENT = "/tiles/open.json"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    now = datetime(2026, 11, 22, 14, 59, 0, tzinfo=UTC).timestamp()  # a minute before midnight in Seoul
    app = open_app(make_home(tmp_path / "home", Fake("open")), lambda: now)
    yield app
    service_of(app).close()


def test_an_answer_says_what_is_left_of_day_and_month(app: Flask) -> None:
    _key, text = new_key(app, day_quota=100, month_quota=1000, second_rate=50)
    client = app.test_client()
    for left in (99, 98, 97):
        headers = client.get(DOCUMENT, headers={"X-API-Key": text}).headers
        assert headers["RateLimit-Policy"] == '"day";q=100;w=86400, "month";q=1000;w=2592000, "second";q=50;w=1'
        month_left = left + 900
        assert headers["RateLimit"] == f'"day";r={left};t=60, "month";r={month_left};t={60 + 8 * 86400}'
        assert "RateLimit" in headers["Access-Control-Expose-Headers"]


def test_a_window_without_a_limit_is_not_named(app: Flask) -> None:
    _key, text = new_key(app, month_quota=1000)
    headers = app.test_client().get(DOCUMENT, headers={"X-API-Key": text}).headers
    assert headers["RateLimit"].startswith('"month";r=999;')
    assert "day" not in headers["RateLimit-Policy"]


@pytest.mark.parametrize("path", [PUBLIC, DOCUMENT])
def test_nothing_is_said_to_keys_without_limits_nor_on_tiles(app: Flask, path: str) -> None:
    _key, text = new_key(app, **({"day_quota": 100} if path == PUBLIC else {}))
    answer = app.test_client().get(path, headers={"X-API-Key": text})
    assert answer.status_code == 200
    assert not {"RateLimit", "RateLimit-Policy"} & set(answer.headers.keys())


def test_nothing_is_said_to_callers_without_a_key(app: Flask) -> None:
    answer = app.test_client().get(DOCUMENT)
    assert answer.status_code == 200
    assert "RateLimit" not in answer.headers


def test_what_is_left_is_told_exactly_where_one_worker_asks_alone(app: Flask) -> None:
    key, text = new_key(app, day_quota=5)
    client, mine = app.test_client(), {"X-API-Key": text}
    seen = [client.get(DOCUMENT, headers=mine).headers["RateLimit"] for _ in range(5)]
    assert seen == [f'"day";r={left};t=60' for left in (4, 3, 2, 1, 0)]
    service = service_of(app)
    service.pulse()
    standing = service.meter.standing(key)
    assert standing["day"].as_json() == {"limit": 5, "used": 5, "left": 0, "resets_in_s": 60}
    assert standing["month"].as_json() is None
    assert standing["month"].used == 5
