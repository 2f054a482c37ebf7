"""Usage: what is asked of the server is in the ledger, once each, and stays there whatever is run twice or dies."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask, Response

from naru.database import Database
from naru.settings import Settings
from tests.serving import Fake, make_home, new_key, open_app, service_of, settings_of
from tests.test_quotas import Clock
from tileserver.app import ROUTES
from tileserver.usage import counting, tables
from tileserver.usage.callers import hashed
from tileserver.usage.counting import Usage, pages_of
from tileserver.usage.ledger import MOST_COMPOSITES, Ledger
from tileserver.usage.noting import note_answer
from tileserver.usage.page import Dims, Page, Sums, Visited
from tileserver.usage.query import read_query
from tileserver.usage.report import Report, make_heat_map, make_report
from tileserver.usage.tables import open_database
from tileserver.usage.visitors import count_visitors

SEOUL = ZoneInfo("Asia/Seoul")
NOON = "2026-11-22 03:00:00"  # UTC: noon in Seoul
MINE = Dims("key-a", "content", "roads", 14, 2)
TODAY = date(2026, 11, 22)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def ledger(empty_database: str, tmp_path: Path) -> Iterator[Ledger]:
    home = tmp_path / "ledger-home"
    home.mkdir()
    catalogue = Database.attach(empty_database)
    made = Ledger(open_database(settings_of(home), catalogue), SEOUL)
    yield made
    made.close()
    catalogue.close()


@pytest.fixture
def usage(ledger: Ledger, tmp_path: Path, clock: Clock) -> Usage:
    return Usage(ledger, tmp_path / "cells", lambda: dict.fromkeys(("roads", "rivers")), clock)  # type: ignore[arg-type]


def ask(usage: Usage, layer: str = "roads", *, status: int = 200, size: int = 100, **more: Any) -> None:
    """Note one request."""
    usage.note(
        more.get("key", "key-a"),
        more.get("function", "content"),
        layer,
        more.get("zoom", 14),
        status,
        size,
        more.get("caller", "203.0.113.7"),
        more.get("tile"),
    )


def report(ledger: Ledger, by: str = "day", **given: str) -> Report:
    """Ask the ledger, on the day that tests live on."""
    return make_report(ledger, read_query({"by": by, **given}, TODAY))


def rows(ledger: Ledger, by: str = "day", **given: str) -> dict[Any, int]:
    """Return requests by value; two values are a pair."""
    found = report(ledger, by, **given).lines
    return {line.at if len(line.at) > 1 else line.at[0]: line.counts.requests for line in found}


def contents(ledger: Ledger) -> dict[str, list[Any]]:
    """Return all that is counted, as it lies there."""
    counted = (tables.minutes, tables.hours, tables.days, tables.months, tables.heat, tables.visitors)
    with ledger.database.read() as connection:
        return {table.name: sorted(map(tuple, connection.execute(sa.select(table)))) for table in counted}


# --- sums -----------------------------------------------------------------------------------------


def test_requests_bytes_and_errors_are_told(usage: Usage) -> None:
    for status, size in ((200, 1000), (204, 0), (304, 0), (404, 300), (500, 200), (200, 1000)):
        ask(usage, status=status, size=size)
    usage.flush()
    assert report(usage.ledger).total[:3] == (6, 2500, 2)
    assert rows(usage.ledger, "status") == {"2xx": 3, "3xx": 1, "4xx": 1, "5xx": 1}


@pytest.mark.parametrize(
    ("utc", "minute", "hour", "day", "month"),
    [
        ("2026-11-21 14:59:59", "2026-11-21T23:59+09:00", "2026-11-21T23:00+09:00", "2026-11-21", "2026-11"),
        ("2026-11-21 15:00:00", "2026-11-22T00:00+09:00", "2026-11-22T00:00+09:00", "2026-11-22", "2026-11"),
        ("2026-10-31 14:59:59", None, "2026-10-31T23:00+09:00", "2026-10-31", "2026-10"),
        ("2026-10-31 15:00:00", None, "2026-11-01T00:00+09:00", "2026-11-01", "2026-11"),
        ("2025-12-31 15:00:00", None, "2026-01-01T00:00+09:00", "2026-01-01", "2026-01"),
    ],
)
def test_minutes_hours_days_and_months_begin_at_midnight_in_seoul(
    usage: Usage, clock: Clock, utc: str, minute: str | None, hour: str, day: str, month: str
) -> None:
    clock.now = Clock(utc).now
    ask(usage)
    usage.flush()
    since = {"from": "2025-12-01"}
    assert rows(usage.ledger, "hour", **since) == {hour: 1}
    assert rows(usage.ledger, "day", **since) == {day: 1}
    assert rows(usage.ledger, "month", **since) == {month: 1}
    if minute is not None:
        assert rows(usage.ledger, "minute", **{"from": "2026-11-20"}) == {minute: 1}


def test_hours_of_a_zone_off_by_half_an_hour_begin_on_its_clock(tmp_path: Path, clock: Clock) -> None:
    zone = ZoneInfo("Asia/Kolkata")
    database = open_database(settings_of(tmp_path), Database.attach("sqlite://"))
    usage = Usage(Ledger(database, zone), tmp_path / "cells", dict, clock)
    ask(usage)
    usage.flush()
    assert rows(usage.ledger, "hour") == {"2026-11-22T08:00+05:30": 1}
    usage.close()


def test_all_tables_tell_the_same_sum(usage: Usage, clock: Clock) -> None:
    for step in range(200):
        clock.now += 1000
        ask(usage, zoom=step % 20, status=(200, 304, 404)[step % 3], layer=("roads", "rivers")[step % 2])
        if step % 7 == 0:
            usage.beat()
            usage.ledger.sum_up()
    usage.flush()
    usage.ledger.sum_up()
    with usage.ledger.database.read() as connection:
        for table in (tables.minutes, tables.hours, tables.days, tables.months):
            assert connection.execute(sa.select(sa.func.sum(table.c.requests))).scalar() == 200


def test_part_of_a_month_is_told_by_its_days(usage: Usage, clock: Clock) -> None:
    for utc in ("2026-10-05 03:00:00", "2026-10-20 03:00:00", NOON):
        clock.now = Clock(utc).now
        ask(usage)
    usage.flush()
    assert rows(usage.ledger, "month", **{"from": "2026-10-10"}) == {"2026-10": 1, "2026-11": 1}
    assert rows(usage.ledger, "month", **{"from": "2026-10-01", "to": "2026-11-30"}) == {"2026-10": 2, "2026-11": 1}


def test_two_things_at_once_and_filters(usage: Usage) -> None:
    ask(usage)
    ask(usage, "rivers", key="key-b", zoom=-1)
    ask(usage, "rivers", key="key-b", function="basemap")
    usage.flush()
    assert rows(usage.ledger, "key,layer") == {("key-a", "roads"): 1, ("key-b", "rivers"): 2}
    assert rows(usage.ledger, "zoom", key="key-b") == {None: 1, 14: 1}
    assert rows(usage.ledger, "function", layer="rivers") == {"basemap": 1, "content": 1}


# --- written once, whatever happens -----------------------------------------------------------------


def a_page(number: int = 0, file: str = "one.cells") -> Page:
    """Return a page of one request."""
    minute = int(Clock(NOON).now) // 60
    return Page(
        file,
        number,
        minute,
        {MINE: Sums(1, 10)},
        {Visited("key-a", "content", "roads"): {"a"}},
        {("roads", 1, 1, 0): 1},
    )


def test_a_page_that_comes_again_changes_nothing(ledger: Ledger) -> None:
    assert ledger.write(a_page(0)) and ledger.write(a_page(1))
    ledger.sum_up()
    before = contents(ledger)
    assert not ledger.write(a_page(1)) and not ledger.write(a_page(0))
    ledger.sum_up()
    assert contents(ledger) == before
    assert ledger.write(a_page(0, "two.cells"))


def test_sums_made_twice_are_the_same(ledger: Ledger) -> None:
    ledger.write(a_page())
    assert ledger.sum_up() == 1
    before = contents(ledger)
    assert ledger.sum_up() == 0
    assert contents(ledger) == before


@pytest.mark.parametrize("reached", [1, 2, 3])
def test_sums_that_are_broken_off_are_as_if_not_begun(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, reached: int
) -> None:
    ledger.write(a_page())
    add, calls = sys.modules[Ledger.__module__]._add, []  # type: ignore[attr-defined]

    def dies(*given: Any) -> None:
        add(*given)
        calls.append(given)
        if len(calls) == reached:
            raise KeyboardInterrupt

    before = contents(ledger)
    with monkeypatch.context() as patch:
        patch.setattr(f"{Ledger.__module__}._add", dies)
        with pytest.raises(KeyboardInterrupt):
            ledger.sum_up()
    assert contents(ledger) == before
    assert ledger.sum_up() == 1
    assert rows(ledger, "month") == {"2026-11": 1}


def test_visitors_are_counted_once(ledger: Ledger, clock: Clock) -> None:
    ledger.write(a_page())
    assert count_visitors(ledger, clock()) == 1
    before = contents(ledger)
    assert count_visitors(ledger, clock()) == 0
    assert contents(ledger) == before


def test_a_ledger_that_does_not_answer_costs_no_request(
    usage: Usage, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def silent(_page: Page) -> bool:
        raise sa.exc.OperationalError("", {}, Exception("database is locked"))

    with monkeypatch.context() as patch:
        patch.setattr(usage.ledger, "write", silent)
        for _ in range(20):
            ask(usage)
            clock.now += 60
            usage.beat()
    assert [record.message for record in caplog.records] == [
        "usage could not be written down yet: (builtins.Exception) database is locked"
    ]
    usage.flush()
    assert report(usage.ledger).total.requests == 20


def test_a_clock_that_is_put_back_loses_nothing(usage: Usage, clock: Clock) -> None:
    ask(usage)
    clock.now -= 7200
    ask(usage)
    usage.beat()
    ask(usage)
    usage.flush()
    assert rows(usage.ledger, "hour") == {"2026-11-22T10:00+09:00": 1, "2026-11-22T12:00+09:00": 2}


def test_what_a_stopped_worker_could_not_write_is_written_by_another(
    usage: Usage, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(usage)
    ask(usage, status=404, size=7)
    with monkeypatch.context() as patch:
        patch.setattr(usage.ledger, "write", lambda _page: (_ for _ in ()).throw(OSError("no disk")))
        patch.setattr(usage.ledger, "close", lambda: None)
        usage.close()
    other = Usage(usage.ledger, tmp_path / "cells", dict, clock)
    assert other.collect() == 1
    assert report(usage.ledger).total[:3] == (2, 107, 1)
    assert other.collect() == 0


# --- bounds ---------------------------------------------------------------------------------------


def test_names_that_anyone_can_make_up_are_not_written_down(usage: Usage) -> None:
    for made_up in ("nonsense", "roads,nonsense", "=cmd|' /C calc'!A0", "\ud800", "x" * 5000, "roads," * 40):
        ask(usage, made_up)
    ask(usage, function="made up", status=799, zoom=10**9)
    usage.flush()
    assert set(rows(usage.ledger, "layer")) == {"(other)", "roads"}
    assert set(rows(usage.ledger, "function")) == {"content", "(other)"}


def test_several_layers_at_once_are_one_request_whatever_their_order(usage: Usage) -> None:
    ask(usage, "roads,rivers")
    ask(usage, "rivers,roads")
    usage.flush()
    assert rows(usage.ledger, "layer") == {"rivers,roads": 2}


def test_a_flood_of_different_things_is_folded_and_counted(
    usage: Usage, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(counting, "MOST_ROWS", 50)
    for number in range(500):
        ask(usage, key=f"key-{number}")
    assert len(usage._draft.rows) == 51
    assert len(usage._draft.met) <= 100
    usage.flush()
    assert rows(usage.ledger, "key")["(other)"] == 450
    assert report(usage.ledger).total.requests == 500


def test_one_who_asks_for_everything_does_not_hide_who_else_asks(
    usage: Usage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "MOST_ROWS", 40)
    for zoom in range(20):
        for status in (200, 304, 404):
            ask(usage, key="key-greedy", zoom=zoom, status=status)
    ask(usage, key="key-other", function="common")
    usage.flush()
    assert rows(usage.ledger, "key") == {"key-greedy": 60, "key-other": 1}
    assert rows(usage.ledger, "function") == {"content": 60, "common": 1}


def test_lists_of_layers_are_kept_apart_up_to_a_limit(ledger: Ledger) -> None:
    for number in range(MOST_COMPOSITES + 20):
        dims = MINE._replace(layer=f"a,{number}")
        visited = Visited(dims.key_id, dims.function, dims.layer)
        ledger.write(Page(f"{number}", 0, int(Clock(NOON).now) // 60, {dims: Sums(1, 0)}, {visited: {"x"}}))
    found = rows(ledger, "layer")
    assert len(found) == MOST_COMPOSITES + 1 and found["(other)"] == 20
    count_visitors(ledger, Clock(NOON).now)
    assert report(ledger, "layer").lines[0].counts.visitors == 1


def test_callers_and_tiles_are_bounded(usage: Usage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_MOST_CALLERS", 100)
    usage.flush()
    usage._draft.callers_left = usage._draft.tiles_left = 100
    for number in range(300):
        ask(usage, caller=f"10.0.0.{number}", tile=(number, 0))
    row = next(iter(usage._draft.rows.values()))
    assert row.callers is not None and len(row.callers) == 100 and len(row.tiles) == 100
    usage.flush()
    assert report(usage.ledger).total.requests == 300


def test_without_room_for_cells_requests_are_counted_in_memory(
    usage: Usage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cells").write_text("in the way")
    ask(usage)
    ask(usage)
    assert "counted in memory only" in caplog.text
    usage.flush()
    assert report(usage.ledger).total.requests == 2


def test_cells_are_used_again(usage: Usage, clock: Clock) -> None:
    for _ in range(40):
        for zoom in range(20):
            ask(usage, zoom=zoom)
        clock.now += 60
        usage.beat()
    assert usage._cells is not None and usage._cells._used <= 4 * 20
    usage.flush()
    assert pages_of(usage._cells) == []


def test_what_was_kept_long_enough_is_forgotten_and_sums_stay(usage: Usage, clock: Clock) -> None:
    clock.now = Clock("2024-03-01 03:00:00").now
    ask(usage, tile=(3, 1))
    usage.flush()
    usage.ledger.sum_up()
    clock.now = Clock(NOON).now
    ask(usage)
    usage.flush()
    usage.ledger.forget(clock())
    found = contents(usage.ledger)
    assert [len(found[f"usage_{name}"]) for name in ("minutes", "hours", "heat")] == [1, 0, 0]
    assert rows(usage.ledger, "month", **{"from": "2024-01-01"}) == {"2024-03": 1, "2026-11": 1}


# --- visitors and the heat map --------------------------------------------------------------------


def test_visitors_are_estimated_within_the_error_of_the_sketch(ledger: Ledger, clock: Clock) -> None:
    minute, met = int(clock()) // 60, Visited("key-a", "content", "roads")
    for number in range(40):  # 20 000 callers, each seen twice
        callers = {
            f"10.{part // 256}.{part % 256}.1" for part in range((number % 20) * 1000, (number % 20 + 1) * 1000)
        }
        ledger.write(Page("one", number, minute, {MINE: Sums(1000, 0)}, {met: callers}))
    count_visitors(ledger, clock())
    standard_error = 1.04 / math.sqrt(4096)
    for by in ("day", "key", "function", "layer"):
        line = report(ledger, by).lines[0]
        assert line.counts.visitors == pytest.approx(20_000, rel=3 * standard_error)


def test_few_visitors_are_counted_exactly_and_not_twice(usage: Usage, clock: Clock) -> None:
    for number in range(30):
        ask(usage, caller=f"192.0.2.{number % 10}", layer=("roads", "rivers")[number % 2])
    ask(usage, caller="198.51.100.1", status=404)  # got nothing: no visitor
    usage.flush()
    count_visitors(usage.ledger, clock())
    assert report(usage.ledger).total.visitors == 10
    assert {line.at[0]: line.counts.visitors for line in report(usage.ledger, "layer").lines} == {
        "rivers": 5,
        "roads": 5,
    }
    assert report(usage.ledger, "hour").lines[0].counts.visitors == 10
    assert report(usage.ledger, "hour", layer="roads").total.visitors == 5
    assert [line.counts.visitors for line in report(usage.ledger, "key,layer").lines] == [None, None]
    assert report(usage.ledger, "day", key="key-a").lines[0].counts.visitors == 10


def test_visitors_of_several_days_are_added_up(usage: Usage, clock: Clock) -> None:
    for _ in range(3):
        ask(usage)
        clock.now -= 86_400
        usage.flush()
    count_visitors(usage.ledger, clock())
    assert report(usage.ledger, "month").lines[0].counts.visitors == 3


def test_a_caller_is_an_ipv4_address_or_an_ipv6_network() -> None:
    salt = b"s" * 32
    assert hashed(["2001:db8::1", "2001:db8::ffff:1"], salt) == hashed(["2001:db8::2"], salt)
    assert hashed(["::ffff:192.0.2.1"], salt) == hashed(["192.0.2.1"], salt)
    assert len(hashed(["192.0.2.1", "192.0.2.2", "2001:db8:0:1::", "odd:one"], salt)) == 4 * 8
    assert hashed(["192.0.2.1"], salt) != hashed(["192.0.2.1"], b"t" * 32)


def test_no_address_is_written_anywhere_and_salts_go_with_their_day(
    usage: Usage, clock: Clock, tmp_path: Path
) -> None:
    ask(usage, caller="203.0.113.77")
    usage.flush()
    with usage.ledger.database.read() as connection:
        salt = connection.execute(sa.select(tables.salts.c.salt)).scalar_one()
    count_visitors(usage.ledger, clock())
    usage.ledger.forget(clock() + 86_400)
    count_visitors(usage.ledger, clock() + 86_400)
    with usage.ledger.database.read() as connection:
        assert connection.execute(sa.select(tables.salts)).all() == []
        assert connection.execute(sa.select(tables.visitors.c.sketch).distinct()).scalars().all() == [None]
    if usage.ledger.database.engine.dialect.name == "sqlite":
        usage.close()  # the last connection: the log is taken in
        kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert b"203.0.113.77" not in kept
        assert salt not in kept


def test_the_heat_map_tells_where_tiles_were_asked_for(usage: Usage) -> None:
    for tile in ((13970, 6345), (13970, 6345), (13971, 6345)):
        ask(usage, tile=tile)
    ask(usage, zoom=16, tile=(13970 * 4, 6345 * 4))  # below the first
    ask(usage, zoom=2, tile=(3, 1))
    ask(usage, "roads,rivers", tile=(13970, 6345))
    ask(usage, status=404, tile=(1, 1))
    usage.flush()
    found = make_heat_map(usage.ledger, "roads", TODAY, TODAY).to_dict()
    assert found["tiles"] == [[14, 13970, 6345, 4], [2, 3, 1, 1], [14, 13971, 6345, 1]]
    assert found["zoom"] == 14
    assert make_heat_map(usage.ledger, "rivers", TODAY, TODAY).tiles == [(14, 13970, 6345, 1)]
    assert make_heat_map(usage.ledger, "roads", TODAY, TODAY, most=2).tiles == [(13, 6985, 3172, 5), (2, 3, 1, 1)]
    assert make_heat_map(usage.ledger, "roads", date(2026, 11, 21), date(2026, 11, 21)).tiles == []


# --- through the server ---------------------------------------------------------------------------


def test_every_request_for_a_key_or_a_layer_is_noted_once(home: Path) -> None:
    app = open_app(make_home(home, Fake("roads"), Fake("secret", visibility="private")))
    key, text = new_key(app, functions=frozenset(("content", "manage")))
    sizes = 0
    for path in (
        "/tiles/roads/2/3/1.mvt",
        "/tiles/roads/2/0/0.mvt",
        "/tiles/roads.json",
        "/styles/roads.json",
        "/api/layers",
        "/api/jobs",
        "/content/roads.geojson",
        "/tiles/secret/2/3/1.mvt",
        "/tiles/roads/9/0/0.mvt",
    ):
        sizes += len(app.test_client().get(path, headers={"X-API-Key": text}).data)
    for path in ("/", "/docs", "/health/live", "/nothing/here", "/static/manifest.json"):
        app.test_client().get(path, headers={"X-API-Key": text})
    app.test_client().options("/api/layers")
    app.test_client().get("/tiles/roads.json", headers={"X-API-Key": "wrong"})
    app.test_client().get("/tiles/roads.json")
    service = service_of(app)
    service.pulse()
    told = make_report(service.usage.ledger, read_query({"by": "key"}, _today(app)))
    assert {line.at[0]: line.counts.requests for line in told.lines} == {key.id: 9, "(none)": 1, "anonymous": 1}
    assert next(line.counts.bytes for line in told.lines if line.at[0] == key.id) == sizes
    assert "secret" not in {
        line.at[0] for line in make_report(service.usage.ledger, read_query({"by": "layer"}, _today(app))).lines
    }
    service.close()


@pytest.mark.parametrize(("parts", "size"), [(2, 5), (1, 3), (0, 0)])
def test_a_stream_is_noted_when_it_ends_or_is_broken_off(home: Path, parts: int, size: int) -> None:
    app = open_app(make_home(home))
    with app.test_request_context("/api/jobs", environ_base={"REMOTE_ADDR": "192.0.2.1"}):
        endpoints = {route.endpoint: route for route in ROUTES}
        response = note_answer(service_of(app), endpoints, Response(iter([b"abc", b"de"])))
    body = iter(response.response)
    for _ in range(parts):
        next(body)
    ledger = service_of(app).usage.ledger
    service_of(app).pulse()
    assert make_report(ledger, read_query({}, _today(app))).total.requests == 0
    response.close()
    service_of(app).pulse()
    assert make_report(ledger, read_query({}, _today(app))).total[:2] == (1, size)
    service_of(app).close()


def test_a_picture_drawn_by_flask_is_on_the_heat_map(home: Path) -> None:
    app = open_app(make_home(home, Fake("roads")))
    with app.test_request_context("/tiles/roads/2/3/1@2x.png"):
        endpoints = {route.endpoint: route for route in ROUTES}
        note_answer(service_of(app), endpoints, Response(b"picture"))
    service_of(app).pulse()
    day = _today(app)
    assert make_heat_map(service_of(app).usage.ledger, "roads", day, day).tiles == [(2, 3, 1, 1)]
    service_of(app).close()


def test_the_ledger_holds_what_the_quotas_counted(home: Path) -> None:
    app = open_app(make_home(home, Fake("roads")))
    key, text = new_key(app, functions=frozenset(("content", "manage")), day_quota=40)
    client = app.test_client()
    etag = client.get("/tiles/roads/2/3/1.mvt", headers={"X-API-Key": text}).headers["ETag"]
    for number in range(60):
        path = ("/tiles/roads/2/3/1.mvt", "/tiles/roads.json", "/tiles/roads/9/0/0.mvt", "/api/jobs", "/api/layers")
        client.get(path[number % 5], headers={"X-API-Key": text} | ({"If-None-Match": etag} if number % 2 else {}))
    service = service_of(app)
    service.pulse()
    told = make_report(service.usage.ledger, read_query({"by": "function,status", "key": key.id}, _today(app)))
    counted = sum(
        line.counts.requests for line in told.lines if line.at[0] != "(uncounted)" and line.at[1] in ("2xx", "3xx")
    )
    assert counted == service.meter.standing(key)["day"].used == 37
    service.close()


def test_a_worker_loads_nothing_heavy_to_count(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys, tileserver.service, tileserver.usage.views;"
        "print(sorted({'numpy', 'pyarrow', 'xlsxwriter', 'datasketches', 'geopandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _today(app: Flask) -> date:
    from datetime import datetime

    return datetime.fromtimestamp(service_of(app).clock(), SEOUL).date()


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    settings: Settings = settings_of(tmp_path)
    database = open_database(settings, Database.attach("sqlite://"))
    with database.write() as connection:
        connection.execute(tables.state.update().values(version=tables.VERSION + 1))
    database.close()
    with pytest.raises(Exception, match="newer version"):
        open_database(settings, Database.attach("sqlite://"))
