"""What does a quota cost a request, and does it stay exact when workers are killed?

    python -m bench.quota [--workers 2] [--kills 60] [--stores sqlite,redis,postgresql] [--without-cost]

- **cost**: `meter.admit` in the path of a request, day and month at once, with the threads that settle and lease
  ahead running beside it; beside it the same asked of Redis each time (redis-py, INCR), in the same run.
- **kills**: workers of two threads each spend the quotas of one key after the other, and are killed (SIGKILL) at
  any time after their first request; others take their place. Each thread writes down, in a mapped page of its own,
  what it was granted *after* it was. In the end one process spends what is left of every key. Then, key by key:
  nothing was granted beyond the limit; everything up to it was granted or lost (counted, and killed before the
  answer: at most one a kill, asked of two threads that could lose one each); and the store's count is the limit.
  Ends with 1 if not.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import mmap
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench.lab import free_port
from naru.database import Database
from naru.errors import QuotaExceeded, QuotaUnavailable
from tileserver.keys.ring import Key, Permissions
from tileserver.quota.meter import QuotaMeter
from tileserver.quota.redis import RedisQuotaStore
from tileserver.quota.sql import SqlQuotaStore
from tileserver.quota.stores import QuotaStore
from tileserver.quota.windows import windows_at

SEOUL = ZoneInfo("Asia/Seoul")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_KEYS = 4096  # at most, in a run
_THREADS = 2  # of each worker, that ask
_SETTLE_S = 0.1  # a server settles once a second; here more deaths should meet a settlement
_MEDIAN_LIMIT_US, _P99_LIMIT_US = 5.0, 50.0

Opener = Callable[[], QuotaStore]


# --- stores ---------------------------------------------------------------------------------------


@contextmanager
def running(kind: str, folder: Path) -> Iterator[Opener]:
    """Run what the store needs as long as the block lasts; give what opens it, in any process."""
    if kind == "sqlite":
        url = f"sqlite:///{folder}/catalog.sqlite"
        Database.open(url).close()
        yield lambda: SqlQuotaStore(Database.open(url))
    elif kind == "redis":
        with _redis(folder) as port:
            yield lambda: RedisQuotaStore.open(f"redis://127.0.0.1:{port}/0")
    else:
        with _postgresql(folder) as url:
            Database.open(url).close()
            yield lambda: SqlQuotaStore(Database.open(url))


@contextmanager
def _redis(folder: Path) -> Iterator[int]:
    port = free_port()
    words = [
        "redis-server",
        "--port",
        f"{port}",
        "--bind",
        "127.0.0.1",
        "--dir",
        f"{folder}",
        "--appendonly",
        "yes",
    ]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        _wait_for_redis(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wait_for_redis(port: int) -> None:
    import redis

    with redis.Redis(port=port) as client:
        for _ in range(200):
            try:
                client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.05)
    raise TimeoutError("redis-server does not answer")


@contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    port, data = free_port(), folder / "postgresql"
    data.mkdir()
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if user:
        shutil.chown(data, "postgres")
        folder.chmod(0o711)

    def run(program: str, *words: str) -> None:
        command = [*user, str(binaries / program), "-D", f"{data}/db", *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=data)

    run("initdb", "-A", "trust", "-U", "naru", "-E", "UTF8")
    run("pg_ctl", "-o", f"-p {port} -k {data} -c listen_addresses=127.0.0.1", "-l", f"{data}/log", "-w", "start")
    try:
        yield f"postgresql+psycopg://naru@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-m", "fast", "stop")


def make_key(number: int, *, limit: int) -> Key:
    """Return the key of that number: even ones have the limit on the day, odd ones on the month."""
    day, month = (limit, 10 * limit) if number % 2 == 0 else (10 * limit, limit)
    may = Permissions(frozenset(("content",)), day_quota=day, month_quota=month)
    return Key(f"key-{number}", "bench", "live", may, datetime(2026, 1, 1, tzinfo=UTC))


# --- cost -----------------------------------------------------------------------------------------


def cost(opener: Opener, folder: Path, requests: int, a_second: int) -> list[float]:
    """Return how long each decision took (µs), at `a_second` requests a second."""
    meter = QuotaMeter(opener(), SEOUL, 2, time.time, folder / "quota")
    key, taken = make_key(0, limit=10**9), []
    with _beating(meter, settle_s=1.0):
        meter.admit(key)
        start = time.perf_counter()
        for number in range(requests):
            wait = start + number / a_second - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            before = time.perf_counter_ns()
            meter.admit(key)
            taken.append((time.perf_counter_ns() - before) / 1000)
    meter.settle(close=True)
    return taken


def cost_of_asking_redis(folder: Path, requests: int, a_second: int) -> list[float]:
    """Return how long one INCR each takes (µs): what a shared counter costs without leases."""
    import redis

    taken = []
    with _redis(folder) as port, redis.Redis(port=port) as client:
        client.ping()
        start = time.perf_counter()
        for number in range(requests):
            wait = start + number / a_second - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            before = time.perf_counter_ns()
            client.incr("counter")
            taken.append((time.perf_counter_ns() - before) / 1000)
    return taken


@contextmanager
def _beating(meter: QuotaMeter, settle_s: float) -> Iterator[None]:
    """Settle and lease ahead in threads, as `tileserver/service.py` has it."""
    stop = threading.Event()

    def settle() -> None:
        while not stop.wait(settle_s):
            try:
                meter.settle()
            except QuotaUnavailable as error:
                print("  a settlement waits:", str(error.__cause__).splitlines()[0][:100], file=sys.stderr)

    def refill() -> None:
        while not stop.is_set():
            meter.refill(0.2)

    threads = [threading.Thread(target=beat, daemon=True) for beat in (settle, refill)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# --- kills ----------------------------------------------------------------------------------------


@dataclass
class Account:
    """What became of a run."""

    keys: int
    limit: int
    kills: int = 0
    wall_s: float = 0.0
    granted: list[int] = field(default_factory=list)  # by key
    counted: list[int] = field(default_factory=list)
    at_the_end: int = 0  # of those granted, by the process that spent what was left

    @property
    def overshoot(self) -> int:
        """Requests granted beyond the limits."""
        return sum(max(0, one - self.limit) for one in self.granted)

    @property
    def lost(self) -> int:
        """Requests counted that nobody was granted: their worker was killed before it knew."""
        return sum(self.counted) - sum(self.granted)

    @property
    def short(self) -> int:
        """Units that nobody could have: the last one of every key should be had by whoever asks."""
        return sum(self.limit - one for one in self.counted)

    @property
    def passed(self) -> bool:
        """Whether everything is as it must be."""
        return self.overshoot == 0 and 0 <= self.lost <= self.kills and self.short == 0


def kill(opener: Opener, folder: Path, workers: int, kills: int, limit: int) -> Account:
    """Have `workers` workers spend and be killed `kills` times; then spend what is left, and check."""
    chance, began = random.Random(7), time.monotonic()
    (folder / "granted").mkdir()
    at_work = memoryview(mmap.mmap(-1, 8 * workers + 8)).cast("Q")  # who was granted anything; the furthest key
    start = partial(_start, opener, folder, limit, at_work)
    lives = [start(n) for n in range(workers)]
    for number in range(kills):
        victim = number % workers
        _wait_for(lambda: at_work[victim])  # noqa: B023 (called at once)
        time.sleep(chance.uniform(0.0, 0.1 / workers))
        _end(lives[victim])
        lives[victim] = start(victim)
    for life in lives:
        _end(life)
    account = Account(_furthest(folder) + 1, limit, kills + workers)
    store = opener()
    account.at_the_end = _spend_the_rest(store, folder, account.keys, limit)
    account.granted = [sum(column) for column in zip(*_granted(folder, account.keys), strict=True)]
    account.counted = _counted(store, account.keys)
    account.wall_s = time.monotonic() - began
    return account


def _start(opener: Opener, folder: Path, limit: int, at_work: memoryview, place: int) -> int:
    """Fork a worker; it has its imports, and nothing open."""
    at_work[place] = 0
    pid = os.fork()
    if pid == 0:
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # no orphan when the measurement is stopped
            _work(opener, folder, limit, at_work, place)
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(1)
    return pid


def _end(life: int) -> None:
    os.kill(life, signal.SIGKILL)
    _, status = os.waitpid(life, 0)
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        sys.exit("a worker ended by itself")


def _wait_for(true: Callable[[], Any]) -> None:
    until = time.monotonic() + 10
    while not true() and time.monotonic() < until:
        time.sleep(0.001)


def _work(opener: Opener, folder: Path, limit: int, at_work: memoryview, place: int) -> None:
    """Be a worker: spend one key after the other, from the one before the furthest on."""
    meter = QuotaMeter(opener(), SEOUL, len(at_work) - 1, time.time, folder / "quota")
    furthest = at_work[-1:]
    pages = [_page(folder / "granted" / f"{os.getpid()}-{time.monotonic_ns()}-{n}") for n in range(_THREADS)]
    with _beating(meter, _SETTLE_S):
        spenders = [threading.Thread(target=_spend, args=(meter, page, furthest, limit)) for page in pages]
        for spender in spenders:
            spender.start()
        _wait_for(lambda: any(any(page) for page in pages))
        at_work[place] = 1
        for spender in spenders:
            spender.join()


def _spend(meter: QuotaMeter, page: memoryview, furthest: memoryview, limit: int) -> None:
    for number in range(max(0, furthest[0] - 1), _KEYS):
        furthest[0] = max(furthest[0], number)
        key = make_key(number, limit=limit)
        while True:
            try:
                meter.admit(key)
            except QuotaExceeded:
                break
            except QuotaUnavailable:
                time.sleep(0.05)
                continue
            page[number] += 1  # in this thread's own page: nobody else writes there
            if page[number] % 16 == 0:
                time.sleep(0.0005)  # as requests do other things as well


def _page(path: Path) -> memoryview:
    with path.open("w+b") as file:
        file.truncate(8 * _KEYS)
        return memoryview(mmap.mmap(file.fileno(), 8 * _KEYS)).cast("Q")


def _granted(folder: Path, keys: int) -> list[list[int]]:
    pages = [path.read_bytes() for path in (folder / "granted").iterdir()]
    return [list(memoryview(page).cast("Q"))[:keys] for page in pages if len(page) == 8 * _KEYS]


def _furthest(folder: Path) -> int:
    """Return the number of the last key of which anything was granted."""
    rows = _granted(folder, _KEYS)
    return max((number for row in rows for number, granted in enumerate(row) if granted), default=0)


def _spend_the_rest(store: QuotaStore, folder: Path, keys: int, limit: int) -> int:
    """Settle the dead, and spend every key to its end."""
    meter, page = QuotaMeter(store, SEOUL, 1, time.time, folder / "quota"), _page(folder / "granted" / "rest")
    meter.settle()
    for number in range(keys):
        try:
            while True:
                meter.admit(make_key(number, limit=limit))
                page[number] += 1
        except QuotaExceeded:
            pass
    meter.settle(close=True)
    return sum(page)


def _counted(store: QuotaStore, keys: int) -> list[int]:
    month = windows_at(time.time(), SEOUL).month.name
    found = store.counted([month])
    return [found.get((f"key-{number}", month), 0) for number in range(keys)]


# --- telling --------------------------------------------------------------------------------------


def main() -> int:
    """Measure, print tables, return 0 if every limit was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--stores", default="sqlite,redis")
    parser.add_argument("--limit", type=int, default=3000, help="requests of each key")
    parser.add_argument("--requests", type=int, default=20_000, help="for the cost")
    parser.add_argument("--without-cost", action="store_true")
    chosen = parser.parse_args()
    logging.getLogger("naru.serve").setLevel(logging.ERROR)  # each death is told there
    good = chosen.without_cost or _tell_cost(chosen)
    print("\n| store | kills | keys | granted | overshoot | counted − granted | units out of reach | s |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in chosen.stores.split(","):
        with _scratch() as folder, running(kind, folder) as opener:
            account = kill(opener, folder, chosen.workers, chosen.kills, chosen.limit)
        print(
            f"| {kind}, {chosen.workers} workers | {account.kills} | {account.keys} | {sum(account.granted):,} "
            f"| {account.overshoot} | {account.lost} | {account.short} | {account.wall_s:.0f} |",
            flush=True,
        )
        good = good and account.passed
    return 0 if good else 1


def _tell_cost(chosen: Any) -> bool:
    print("| a decision | median µs | p99 µs | slowest µs |\n|---|---|---|---|")
    good = True
    for kind in chosen.stores.split(","):
        with _scratch() as folder, running(kind, folder) as opener:
            taken = cost(opener, folder, chosen.requests, 2000)
        median, p99 = _row(f"lease, {kind}", taken)
        good = good and median <= _MEDIAN_LIMIT_US and p99 <= _P99_LIMIT_US
    with _scratch() as folder:
        _row("redis-py INCR", cost_of_asking_redis(folder, chosen.requests // 4, 2000))
    return good


def _row(name: str, taken: list[float]) -> tuple[float, float]:
    median, p99 = statistics.median(taken), sorted(taken)[int(len(taken) * 0.99)]
    print(f"| {name} | {median:.2f} | {p99:.2f} | {max(taken):.0f} |", flush=True)
    return median, p99


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="naru-quota-", dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
