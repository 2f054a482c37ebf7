"""kill -9 in the midst of counting: the ledger holds what the quotas counted, but for one request a kill."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from naru.settings import Settings
from tests.serving import Fake, make_home, new_key, open_app, service_of
from tileserver import service as service_module
from tileserver.lane import Lane
from tileserver.service import Pulse
from tileserver.usage import tables
from tileserver.usage.query import read_query
from tileserver.usage.report import make_report

KILLS = int(os.environ.get("USAGE_KILLS", "8"))
FAST = 300  # minutes pass in a fifth of a second, so that kills meet pages being written
_FORK = multiprocessing.get_context("fork")


Clock = Callable[[], float]


def fast_clock(began: float) -> Clock:
    """Return a clock that runs fast since `began`, the same in all processes."""
    return lambda: began + (time.time() - began) * FAST


def ask_for_ever(settings: Settings, text: str, clock: Clock) -> None:
    """Be a worker that never rests."""
    app = open_app(settings, clock)
    service, lane = service_of(app), app.wsgi_app
    assert isinstance(lane, Lane)
    service.usage._settings = None  # no process of its own to tidy: this test does it in between
    with patch.object(service_module, "BEAT_S", 0.02), patch.object(service_module, "SETTLE_S", 0.05):
        Pulse(service).start()
    number = 0
    while True:
        path = ("/tiles/roads/2/3/1.mvt", "/tiles/rivers/3/6/3.mvt", "/tiles/roads/9/0/0.mvt")[number % 3]
        lane.respond(request(path, text, number))
        number += 1


def request(path: str, text: str, number: int) -> dict[str, Any]:
    """Return a request as a server hands it over."""
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "HTTP_X_API_KEY": text,
        "REMOTE_ADDR": f"192.0.2.{number % 250}",
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forking beside threads, from Python 3.12 on
def test_the_ledger_holds_what_the_quotas_counted_also_when_workers_are_killed(home: Path) -> None:
    settings = make_home(home, Fake("roads"), Fake("rivers"))
    began = time.time()  # of this test, not of the whole run: a quarter of an hour is three days here
    clock = fast_clock(began)
    app = open_app(settings, clock)
    key, text = new_key(app, day_quota=10**9)
    service_of(app).close()
    chance, killed = random.Random(4), 0
    workers = [_FORK.Process(target=ask_for_ever, args=(settings, text, clock)) for _ in range(2)]
    try:
        for worker in workers:
            worker.start()
        time.sleep(1.5)  # until both ask
        while killed < KILLS:
            time.sleep(chance.uniform(0.05, 0.4))
            victim = chance.randrange(2)
            assert workers[victim].is_alive()
            os.kill(workers[victim].pid or 0, signal.SIGKILL)
            workers[victim].join()
            killed += 1
            workers[victim] = _FORK.Process(target=ask_for_ever, args=(settings, text, clock))
            workers[victim].start()
        time.sleep(1.0)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()
    killed += 2

    app = open_app(settings, clock)  # the next start settles what was left
    service = service_of(app)
    service.usage.collect()
    service.pulse()
    today = datetime.fromtimestamp(began, UTC).date()
    days = [(today + timedelta(days=number)).isoformat() for number in range(-1, 4)]
    counted = sum(service.meter._store.counted(days, [key.id]).values())
    asked = {"by": "status", "key": key.id, "from": days[0], "to": days[-1]}
    told = {
        line.at[0]: line.counts.requests
        for line in make_report(service.usage.ledger, read_query(asked, today)).lines
    }
    in_ledger = told["2xx"] + told.get("3xx", 0)
    assert in_ledger > 1000 and told["4xx"] > 300
    assert 0 <= counted - in_ledger <= killed  # counted, and killed before it was noted
    with service.usage.ledger.database.read() as connection:
        for table in (tables.minutes, tables.hours, tables.days, tables.months):
            everything = connection.execute(sa.select(sa.func.sum(table.c.requests))).scalar_one()
            assert everything == sum(told.values())
    print(f"{killed} kills: {counted} counted, {in_ledger} in the ledger, {sum(told.values())} with errors")
    service.close()
