"""A compressed year: 420 million requests through the count, the ledger and its sums, on a clock set by hand.

    python -m bench.year [--days 365] [--single-days 1] [--tiles-per-view 15] [--home FOLDER] [--resume FILE]

How the requests come: 1000 keys used as Zipf has it, each with a few of 40 layers; a view of the map is some 15
tiles of one key, layer and zoom (`--tiles-per-view 1`: each request by itself, which no map does); by hour as a
city is awake; of a view 72 % answers 200 or 204, 25 % 304, 3 % 404. 7600 visitors.

The first `--single-days` days call `Usage.note` for every request. After that equal requests of one view are noted
once and the others added to the same two cells, as so many calls would have; visitors and pages are as ever.

A year takes more than an hour of processor time. With `--resume FILE` the ledger lies beside FILE and outlives the
run; what was asked so far is written into FILE after each day, and a run that finds it goes on from there.

Limits (exit 1): sums by key and function, day and month exact; the ledger of 365 days at most 2 GB; a year's report
of 1000 keys × functions within 10 s.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa

from naru.database import Database
from naru.settings import Settings
from tileserver.usage import files
from tileserver.usage.counting import Usage
from tileserver.usage.ledger import Ledger
from tileserver.usage.page import Page
from tileserver.usage.query import Query
from tileserver.usage.report import Report, make_report
from tileserver.usage.tables import open_database
from tileserver.usage.visitors import count_visitors

CALLS_A_YEAR = 420_000_000
KEYS, LAYERS, VISITORS_A_DAY = 1000, 40, 7600
SEOUL = ZoneInfo("Asia/Seoul")
FIRST = date(2025, 1, 1)
_FUNCTIONS = ("basemap", "content", "content", "twin")
_SHARES = ((200, 0.62, 1800), (204, 0.10, 0), (304, 0.25, 0), (404, 0.03, 290))
_AWAKE = np.array([2, 1, 1, 1, 1, 2, 4, 7, 10, 11, 11, 10, 9, 10, 11, 11, 11, 10, 9, 8, 7, 6, 5, 3], float)
_LEAST_S = 10.0
_MOST_BYTES = 2_000_000_000


class View(NamedTuple):
    """Requests that differ by their tile only."""

    key: str
    function: str
    layer: str
    zoom: int
    status: int
    size: int
    times: int
    caller: str
    tile: tuple[int, int]


class City:
    """Who asks for what."""

    def __init__(self, tiles_per_view: int, seed: int = 7) -> None:
        self._rng = np.random.default_rng(seed)
        self._per_view = tiles_per_view
        weight = 1 / np.arange(1, KEYS + 1) ** 1.05
        self._popular = weight / weight.sum()
        self.layers = [f"layer-{number:02}" for number in range(LAYERS)]
        self._own = [self._rng.choice(LAYERS, 1 + number % 6, replace=False) for number in range(KEYS)]

    def day(self, calls: int) -> Iterator[tuple[int, list[View]]]:
        """Give each minute's requests, `calls` of them in all."""
        share = np.repeat(_AWAKE, 60) / (60 * _AWAKE.sum())
        for minute, count in enumerate(self._rng.multinomial(calls, share)):
            yield minute, list(self._minute(int(count)))

    def _minute(self, calls: int) -> Iterator[View]:
        sizes = self._sizes(calls)
        rng, count = self._rng, len(sizes)
        keys = rng.choice(KEYS, count, p=self._popular)
        places, zooms = rng.integers(0, 6, count), np.clip(np.round(rng.normal(14, 2.2, count)), 6, 19).astype(int)
        callers, tiles = rng.integers(0, VISITORS_A_DAY, count), rng.integers(0, 12, (count, 2))
        split = rng.multinomial(sizes, [share for _, share, _ in _SHARES])
        for at in range(count):
            layer = int(self._own[keys[at]][places[at] % len(self._own[keys[at]])])
            zoom, caller = int(zooms[at]), int(callers[at])
            tile = (int(tiles[at, 0]) + (873 << zoom >> 10), int(tiles[at, 1]) + (396 << zoom >> 10))
            for (status, _, size), times in zip(_SHARES, split[at], strict=True):
                if times:
                    function, address = _FUNCTIONS[layer % 4], f"10.{caller >> 8}.{caller & 255}.9"
                    yield View(
                        f"key-{keys[at]:08x}",
                        function,
                        self.layers[layer],
                        zoom,
                        status,
                        size,
                        int(times),
                        address,
                        tile,
                    )

    def _sizes(self, calls: int) -> np.ndarray[Any, Any]:
        """Return how many requests each view makes, `calls` in all."""
        sizes = self._rng.geometric(1 / self._per_view, max(1, 2 * calls // self._per_view + 20))
        until = int(np.searchsorted(np.cumsum(sizes), calls))
        sizes = sizes[: until + 1]
        sizes[-1] -= sizes.sum() - calls
        return sizes[sizes > 0]


class Expected:
    """What the ledger must say."""

    def __init__(self) -> None:
        self.by_key: Counter[tuple[str, str]] = Counter()
        self.by_day: Counter[str] = Counter()
        self.by_month: Counter[str] = Counter()
        self.bytes = 0

    def add(self, day: date, views: list[View]) -> None:
        """Count as a child would."""
        for view in views:
            self.by_key[view.key, view.function] += view.times
            self.by_day[day.isoformat()] += view.times
            self.by_month[day.isoformat()[:7]] += view.times
            self.bytes += view.times * view.size


class Again(Ledger):
    """A ledger to which the minutes of a day may come again: it knows the pages by their minutes."""

    def write(self, page: Page) -> bool:
        """Write a page down unless it has been."""
        day, minute = divmod(page.minute, 24 * 60)
        return super().write(replace(page, file=f"day-{day}", number=minute + 1))


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def note_each(usage: Usage, views: list[View]) -> None:
    """Call `note` for every request."""
    for view in views:
        key, function, layer, zoom, status, size, times, caller, (x, y) = view
        for number in range(times):
            usage.note(key, function, layer, zoom, status, size, caller, (x + number % 4, y + number // 4))


def note_views(usage: Usage, views: list[View]) -> None:
    """Call `note` once a view and status, and add the others to the same cells."""
    for key, function, layer, zoom, status, size, times, caller, tile in views:
        usage.note(key, function, layer, zoom, status, size, caller, tile)
        if times > 1:
            row = usage._draft.met[key, function, layer, zoom, status]
            row.values[row.requests] += times - 1
            row.values[row.bytes] += (times - 1) * size


_Replayed = tuple[int, City, Expected, "Counter[str]"]  # days, who asks, what for, processor seconds by what


def main() -> int:
    """Replay the days, print what it took, compare the sums."""
    options = _options()
    if options.resume is not None:
        folder = options.resume.with_suffix(".home")
        folder.mkdir(exist_ok=True, parents=True)
        return 0 if _replay(options, folder) else 1
    with TemporaryDirectory(dir=options.home, prefix="year-") as scratch:
        return 0 if _replay(options, Path(scratch)) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--single-days", type=int, default=1)
    parser.add_argument("--tiles-per-view", type=int, default=15)
    parser.add_argument("--home", type=Path, help="where to make the ledger; it takes up to 2 GB")
    parser.add_argument("--resume", type=Path, help="where to write down how far it is, to go on from there")
    return parser.parse_args()


def _replay(options: argparse.Namespace, home: Path) -> bool:
    done, city, expected, spent = _so_far(options)
    clock = Clock()
    ledger = Again(open_database(Settings.from_environ({}, home=home), Database.attach("sqlite://")), SEOUL)
    shutil.rmtree(home / "usage", ignore_errors=True)  # of a run that was killed: its day is played again
    usage = Usage(ledger, home / "usage", lambda: dict.fromkeys(city.layers), clock)  # type: ignore[arg-type,return-value]
    per_day, rest = divmod(CALLS_A_YEAR * options.days // 365, options.days)
    for number in range(done, options.days):
        day = FIRST + timedelta(days=number)
        single = number < options.single_days
        midnight = datetime(day.year, day.month, day.day, tzinfo=SEOUL).timestamp()
        for minute, views in city.day(per_day + (rest if number == 0 else 0)):
            expected.add(day, views)
            clock.now = midnight + minute * 60
            with _timed(spent, "single" if single else "views"):
                (note_each if single else note_views)(usage, views)
            clock.now += 60
            with _timed(spent, "pages"):
                usage.beat()
            if minute % 60 == 59:
                with _timed(spent, "sums"):
                    ledger.sum_up()
                with _timed(spent, "visitors"):
                    count_visitors(ledger, clock())
        with _timed(spent, "forgetting"):
            ledger.forget(clock())
        if number % 10 == 0:
            print(f"  {day} {_size(home) / 1e6:8.1f} MB", file=sys.stderr, flush=True)
        if options.resume is not None:
            usage.flush()
            _write_down(options.resume, (number + 1, city, expected, spent))
    usage.flush()
    return _judge(options, home, ledger, expected, spent, per_day * options.single_days + rest)


def _so_far(options: argparse.Namespace) -> _Replayed:
    if options.resume is not None and options.resume.exists():
        replayed: _Replayed = pickle.loads(options.resume.read_bytes())  # written by ourselves
        return replayed
    return 0, City(options.tiles_per_view), Expected(), Counter()


def _write_down(file: Path, replayed: _Replayed) -> None:
    aside = file.with_suffix(".part")
    aside.write_bytes(pickle.dumps(replayed))
    aside.rename(file)


class _timed:  # noqa: N801 (reads as a word where it is used)
    def __init__(self, spent: Counter[str], name: str) -> None:
        self._spent, self._name = spent, name

    def __enter__(self) -> None:
        self._began = time.process_time()

    def __exit__(self, *_: object) -> None:
        self._spent[self._name] += time.process_time() - self._began  # type: ignore[assignment]


def _judge(
    options: argparse.Namespace,
    home: Path,
    ledger: Ledger,
    expected: Expected,
    spent: Counter[str],
    single_calls: int,
) -> bool:
    last = FIRST + timedelta(days=options.days - 1)
    reports, seconds = {}, {}
    for by in ("key,function", "day", "month", "month,key"):
        began = time.perf_counter()
        reports[by] = make_report(ledger, Query(tuple(by.split(",")), FIRST, last))
        files.as_xlsx(reports[by], {})
        seconds[by] = time.perf_counter() - began
    exact = (
        _requests(reports["key,function"]) == dict(expected.by_key)
        and _requests(reports["day"]) == {(day,): count for day, count in expected.by_day.items()}
        and _requests(reports["month"]) == {(month,): count for month, count in expected.by_month.items()}
        and reports["day"].total.bytes == expected.bytes
    )
    size, calls = _size(home), expected.by_key.total()
    print(f"requests                      {calls:,} in {options.days} days of {datetime.now(UTC).date()}'s run")
    print(f"sums                          {'exact' if exact else 'WRONG'}")
    a_year = _size_of_a_year(ledger, options.days)
    print(f"ledger                        {size / 1e6:,.0f} MB; after a year about {a_year / 1e6:,.0f} MB")
    for name in ("single", "views", "pages", "sums", "visitors", "forgetting"):
        print(f"CPU, {name:<24} {spent[name]:,.1f} s")
    if single_calls and spent["single"]:
        print(
            f"a single note                 {spent['single'] / single_calls * 1e6:.2f} µs of CPU, new rows included"
        )
    for by in ("key,function", "month,key"):
        print(f"report {f'by {by}, XLSX':<22} {seconds[by]:.2f} s")
    print(f"largest memory                {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    return exact and max(size, a_year) <= _MOST_BYTES and max(seconds.values()) <= _LEAST_S


def _size_of_a_year(ledger: Ledger, days: int) -> float:
    """Return the bytes of a ledger after a year: the tables that grow, scaled; the others, as they are (dbstat)."""
    growth = dict.fromkeys(("usage_hours", "usage_days", "usage_heat", "usage_visitors"), 365 / days)
    growth["usage_months"] = 365 / max(days, 30)
    with ledger.database.read() as connection:
        found = connection.execute(sa.text("SELECT name, SUM(pgsize) FROM dbstat GROUP BY name")).all()
        sketches = connection.execute(sa.text("SELECT SUM(LENGTH(sketch)) FROM usage_visitors")).scalar() or 0
        for name, size in found:
            if name in growth or name == "usage_minutes":
                rows = connection.execute(sa.text(f"SELECT COUNT(*) FROM {name}")).scalar_one()
                print(f"{name:<29} {rows:,} rows, {size / 1e6:,.1f} MB")
    rest = sketches * (growth["usage_visitors"] - 1)  # the open day's are gone when it is over
    return float(sum(size * growth.get(name, 1.0) for name, size in found) - rest)


def _requests(report: Report) -> dict[tuple[Any, ...], int]:
    return {line.at: line.counts.requests for line in report.lines}


def _size(home: Path) -> int:
    return sum(path.stat().st_size for path in home.glob("usage.sqlite*"))


if __name__ == "__main__":
    sys.exit(main())
