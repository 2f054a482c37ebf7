"""Reports of usage: over HTTP for who manages, to each key its own; from the command line; as files that open."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import openpyxl
import pytest
from flask import Flask

from naru.errors import BadRequest
from tests.commands import naru_here, naru_here_json
from tests.serving import Fake, make_home, new_key, open_app, publish, service_of
from tileserver.usage.query import read_query

MANAGE = frozenset(("content", "manage"))
SECRET = Fake("secret", visibility="private")
GROUPS = Fake("plans", visibility="group:planners")


@pytest.fixture
def app(home: Path) -> Flask:
    return open_app(make_home(home, Fake("roads"), Fake("rivers"), SECRET, GROUPS))


def get(app: Flask, path: str, text: str | None = None) -> Any:
    """Ask the server."""
    return app.test_client().get(path, headers={"X-API-Key": text} if text else {})


def used(app: Flask, path: str, text: str) -> dict[str, Any]:
    """Ask for a report, with all that was counted in it."""
    service_of(app).usage.flush()
    answer = get(app, path, text)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json
    return told


def requests(told: dict[str, Any]) -> dict[Any, int]:
    """Return requests by value; two are a pair."""
    by = told["by"]
    return {
        row[by[0]] if len(by) == 1 else tuple(row[name] for name in by): row["requests"] for row in told["rows"]
    }


def today(app: Flask) -> str:
    service = service_of(app)
    return datetime.fromtimestamp(service.clock(), service.usage.ledger.zone).date().isoformat()


# --- who sees what --------------------------------------------------------------------------------


def test_a_managing_key_sees_all_keys_and_layers(app: Flask) -> None:
    boss, boss_text = new_key(app, functions=MANAGE, access="private")
    user, user_text = new_key(app, functions=frozenset(("content",)), access="private")
    get(app, "/tiles/roads/2/3/1.mvt", user_text)
    get(app, "/tiles/secret/2/3/1.mvt", user_text)
    get(app, "/tiles/rivers/2/3/1.mvt", boss_text)
    told = used(app, "/api/usage?by=key,layer", boss_text)
    assert requests(told) == {(user.id, "roads"): 1, (user.id, "secret"): 1, (boss.id, "rivers"): 1}
    assert told["total"]["requests"] == 3
    assert (told["from"], told["to"], told["timezone"]) == (told["from"], today(app), "Asia/Seoul")
    assert set(told["rows"][0]) == {"key", "layer", "requests", "bytes", "errors", "visitors"}


def test_layers_of_groups_that_a_managing_key_is_not_in_have_no_name(app: Flask) -> None:
    _, boss = new_key(app, functions=MANAGE, access="private")
    _, planner = new_key(app, functions=MANAGE, access="private", groups=frozenset(("planners",)))
    get(app, "/tiles/plans/2/3/1.mvt", planner)
    assert requests(used(app, "/api/usage?by=layer&function=content", boss)) == {"(other)": 1}
    assert requests(used(app, "/api/usage?by=layer&function=content", planner)) == {"plans": 1}
    for layer in ("plans", "nothing"):  # one that is hidden is told from none by no answer
        assert get(app, f"/api/usage?layer={layer}", boss).status_code == 404
        assert get(app, f"/api/usage/heatmap?layer={layer}", boss).status_code == 404
    assert get(app, "/api/usage?layer=(other)", boss).status_code == 200


def test_a_managing_key_with_a_list_sees_its_layers_and_nobody(app: Flask) -> None:
    _, boss = new_key(app, functions=MANAGE, layers=frozenset(("roads",)))
    _, user = new_key(app, access="private")
    for layer in ("roads", "rivers", "secret", "roads,rivers"):
        get(app, f"/tiles/{layer}/2/3/1.mvt", user)
    assert requests(used(app, "/api/usage?by=layer", boss)) == {"roads": 1}
    assert used(app, "/api/usage", boss)["total"] | {"bytes": 0} == {
        "requests": 1,
        "bytes": 0,
        "errors": 0,
        "visitors": None,
    }
    for path in ("by=key", "by=day,key", "key=anonymous"):
        assert get(app, f"/api/usage?{path}", boss).json["code"] == "SCOPE"
    for layer in ("rivers", "secret", "nothing"):
        assert get(app, f"/api/usage?layer={layer}", boss).status_code == 404
    assert get(app, "/api/usage/heatmap?layer=rivers", boss).status_code == 403
    assert get(app, "/api/usage/heatmap?layer=secret", boss).status_code == 404


def test_others_do_not_see_the_ledger(app: Flask) -> None:
    _, user = new_key(app)
    assert get(app, "/api/usage").status_code == 401
    assert get(app, "/api/usage", user).status_code == 403
    assert get(app, "/api/usage/heatmap?layer=roads", user).status_code == 403
    assert get(app, "/api/usage/mine").status_code == 401


def test_a_key_sees_its_own_usage_and_what_is_left(app: Flask) -> None:
    key, text = new_key(app, day_quota=100, second_rate=50)
    _, other = new_key(app)
    for _ in range(3):
        get(app, "/tiles/roads/2/3/1.mvt", text)
        get(app, "/tiles/rivers/2/3/1.mvt", other)
    told = used(app, "/api/usage/mine?by=layer", text)
    assert requests(told) == {"roads": 3}
    assert told["key"] == {"id": key.id, "name": "test"}
    day = told["quota"].pop("day")
    assert day.pop("resets_in_s") <= 86_400 and day == {"limit": 100, "used": 3, "left": 97}
    assert told["quota"] == {"month": None, "second": 50}
    assert used(app, "/api/usage/mine", text)["quota"]["day"]["used"] == 3  # asking is free
    assert get(app, "/api/usage/mine?key=anonymous", text).status_code == 404


def test_a_key_learns_nothing_of_layers_that_it_may_not_know_of(app: Flask) -> None:
    _, text = new_key(app)
    _, boss = new_key(app, functions=MANAGE, access="private")
    for layer in ("secret", "nothing-there", "roads,secret"):
        get(app, f"/tiles/{layer}/2/3/1.mvt", text)
    told = used(app, "/api/usage/mine?by=layer,status", text)
    assert {row["layer"] for row in told["rows"]} <= {"(other)", "(none)"}
    assert told["total"]["errors"] == 3
    seen = [get(app, f"/api/usage/mine?layer={layer}", text) for layer in ("secret", "nothing-there")]
    assert [answer.status_code for answer in seen] == [404, 404]
    assert seen[0].json["code"] == seen[1].json["code"]
    assert "nothing-there" not in json.dumps(used(app, "/api/usage?by=layer", boss))


def test_a_layer_that_a_key_may_not_read_any_more_loses_its_name(app: Flask) -> None:
    _, text = new_key(app)
    get(app, "/tiles/roads/2/3/1.mvt", text)
    assert requests(used(app, "/api/usage/mine?by=layer", text)) == {"roads": 1}
    publish(service_of(app).house, Fake("roads", visibility="private"))
    service_of(app).pulse()
    told = used(app, "/api/usage/mine?by=layer", text)
    assert requests(told)["(other)"] == 1 and "roads" not in requests(told)
    assert {row["visitors"] for row in told["rows"]} == {None}


def test_the_heat_map_over_http(app: Flask) -> None:
    _, boss = new_key(app, functions=MANAGE)
    service_of(app).usage.note("k", "content", "roads", 2, 200, 9, "192.0.2.1", (3, 1))
    told = used(app, "/api/usage/heatmap?layer=roads", boss)
    assert told == {"layer": "roads", "from": told["from"], "to": today(app), "zoom": 2, "tiles": [[2, 3, 1, 1]]}
    assert get(app, "/api/usage/heatmap", boss).json["field"] == "layer"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("by=colour", "by"),
        ("by=day,hour", "by"),
        ("by=day,key,layer", "by"),
        ("by=key,key", "by"),
        ("by=", "by"),
        ("by=hour,zoom", "by"),
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("to=20260101", "to"),
        ("to=٢٠٢٦-01-01", "to"),
        ("from=2026-02-02&to=2026-02-01", "from"),
        ("by=minute&from=2020-01-01", "from"),
        ("by=hour&from=2020-01-01", "from"),
        ("layer=%00", "layer"),
        (f"function={'x' * 2000}", "function"),
    ],
)
def test_a_bad_parameter_is_named_with_its_remedy(query: str, field: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_query(dict(parse_qsl(query, keep_blank_values=True)), date(2026, 11, 22))
    assert refused.value.field == field and refused.value.remedy


def test_a_bad_parameter_is_400_over_http(app: Flask) -> None:
    _, boss = new_key(app, functions=MANAGE, access="private")
    for field, query in (("by", "by=colour"), ("from", "from=gestern"), ("format", "format=pdf")):
        for path in ("/api/usage", "/api/usage/mine"):
            answer = get(app, f"{path}?{query}", boss)
            assert (answer.status_code, answer.json["field"]) == (400, field)


def test_a_ledger_that_others_hold_is_said_to_be_busy(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    _, boss = new_key(app, functions=MANAGE, access="private")
    monkeypatch.setattr("tileserver.usage.ledger._PATIENCE_S", 0.05)
    service_of(app).usage.flush()
    with service_of(app).usage.ledger.database.write():
        answer = get(app, "/api/usage", boss)
    assert (answer.status_code, answer.json["code"]) == (503, "NOT_READY")
    assert answer.headers["Retry-After"]


def test_an_unknown_key_is_said_to_be_unknown(app: Flask) -> None:
    _, boss = new_key(app, functions=MANAGE, access="private")
    assert get(app, "/api/usage?key=key-nobody", boss).status_code == 404
    assert get(app, "/api/usage?key=(none)", boss).status_code == 200


# --- files and the command line -------------------------------------------------------------------

EVIL = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    '"x",=1',
    '=HYPERLINK("http://x")',
    "<r>=1</r>",
    "나루, 지도",
]


@pytest.fixture
def evil_home(app: Flask, home: Path) -> Path:
    """Return a home where keys with names that look like formulas were used."""
    service = service_of(app)
    for name in EVIL:
        key, _ = service.keyring.create(name, "test", service.keyring.get("anonymous").permissions)
        service.usage.note(key.id, "content", "roads", 14, 200, 1000, "192.0.2.1")
    service.usage.flush()
    return home


def test_csv_opens_in_excel_and_holds_no_formula(evil_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    assert (
        naru_here(
            "usage", "report", "--by", "key,day", "--format", "csv", "-o", str(path), home=evil_home
        ).returncode
        == 0
    )
    body = path.read_bytes()
    assert body.startswith(b"\xef\xbb\xbf")
    header, *found = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""))
    assert header == ["인증 키", "인증 키 이름", "날짜", "요청 수", "전송량(바이트)", "오류 수", "방문자 수"]
    names = {row[1] for row in found}
    assert {name.removeprefix("'") for name in names} == set(EVIL)
    assert not any(cell.startswith(tuple("=+-@\t\r")) for row in found for cell in row)
    assert {tuple(row[3:]) for row in found} == {("1", "1000", "0", "1")}


def test_xlsx_holds_texts_and_numbers(evil_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "usage.xlsx"
    assert (
        naru_here("usage", "report", "--by", "key", "--format", "xlsx", "-o", str(path), home=evil_home).returncode
        == 0
    )
    book = openpyxl.load_workbook(path)
    header, *found = book["사용량"].iter_rows()
    assert [cell.value for cell in header[:3]] == ["인증 키", "인증 키 이름", "요청 수"]
    assert {row[1].value.replace("_x000D_", "\r") for row in found} == set(EVIL)
    assert {row[1].data_type for row in found} == {"s"}
    assert {tuple(cell.value for cell in row[2:]) for row in found} == {(1, 1000, 0, 1)}
    assert ("요청 수 합계", len(EVIL)) in {tuple(row) for row in book["정보"].iter_rows(values_only=True)}


def test_files_come_over_http_too(app: Flask, evil_home: Path) -> None:
    _, boss = new_key(app, functions=MANAGE, access="private")
    for form, media_type, start in (("csv", "text/csv", b"\xef\xbb\xbf"), ("xlsx", "application/vnd", b"PK")):
        answer = get(app, f"/api/usage?by=key&format={form}", boss)
        assert answer.data.startswith(start)
        assert answer.headers["Content-Type"].startswith(media_type)
        assert answer.headers["Content-Disposition"].endswith(f'.{form}"')


def test_the_command_says_what_the_server_says(app: Flask, home: Path) -> None:
    _, boss = new_key(app, functions=MANAGE, access="private")
    for number in range(5):
        get(app, f"/tiles/roads/{number}/0/0.mvt", boss)
    service_of(app).usage.flush()
    naru_here_json("usage", "tidy", home=home)
    over_http = used(app, "/api/usage?by=hour,status&function=content", boss)
    assert naru_here_json("usage", "report", "--by", "hour,status", "--function", "content", home=home) == over_http
    assert over_http["total"]["requests"] == sum(row["requests"] for row in over_http["rows"]) > 0


def test_the_table_ends_with_the_sums(app: Flask, home: Path) -> None:
    service_of(app).usage.note("k", "content", "roads", 14, 200, 1_234_567, "192.0.2.1")
    service_of(app).usage.flush()
    lines = naru_here("usage", "report", "--by", "layer", home=home).stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["layer", "requests", "bytes", "errors", "visitors"],
        ["roads", "1", "1,234,567", "0", "1"],
        ["total", "1", "1,234,567", "0", "1"],
    ]


def test_used_wrongly_the_command_names_the_option(home: Path) -> None:
    done = naru_here("usage", "report", "--from", "gestern", home=home)
    assert done.returncode == 2 and "--from" in done.stderr and "2026-11-22" in done.stderr


def test_a_file_that_cannot_be_written_is_named(home: Path, tmp_path: Path) -> None:
    done = naru_here("usage", "report", "--format", "csv", "-o", str(tmp_path / "no" / "such.csv"), home=home)
    assert done.returncode == 1 and "such.csv" in done.stderr


def test_tidying_sums_up_and_counts_visitors(app: Flask, home: Path) -> None:
    service_of(app).usage.note("k", "content", "roads", 14, 200, 1, "192.0.2.1")
    service_of(app).usage.flush()
    assert naru_here_json("usage", "tidy", home=home) == {"summed": 1, "visits": 1}
    assert naru_here_json("usage", "tidy", home=home) == {"summed": 0, "visits": 0}
