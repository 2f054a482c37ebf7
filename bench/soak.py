"""Does the server hold a storm for ten minutes, while its layer is published anew and rolled back?

666 requests a second are fifty times the mean of 420 million a year. Eight connections send them evenly: tiles that
come whole, tiles that are revalidated, TileJSON, styles, WMTS and OGC API tiles. A third of the way in the layer's
next version is published, two thirds in it is rolled back, both by commands beside the running server. Every answer
must be 200 or 304, and a tile's bytes those of the version that was live or was becoming so; after each change the
new bytes must be seen within five seconds, and nobody may see the older version afterwards. At the end the requests
counted must be those that were sent, by the quotas and by the ledger of usage.

    python -m bench.soak [--seconds 600] [--rate 666] [--workers 2]
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.serve import NARU, ZOOM, address_of, counted, make_home, make_tiles, naru, publish

CONNECTIONS = 8
SEEN_WITHIN_S = 5.0
SEED = 20260202
TILES = 400


@dataclass
class Truth:
    """What may be answered now: the versions that are live, or were until a moment ago."""

    versions: list[Mapping[str, bytes]]
    allowed: set[int] = field(default_factory=lambda: {0})
    changed: float = 0.0  # by time.monotonic: when the last change was begun


@dataclass
class Seen:
    """What one connection saw."""

    answers: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)  # seconds
    late: int = 0  # requests that could not be sent at their time


def ask(port: int, key: str, truth: Truth, share: tuple[int, int], rate: float, ends: float, seen: Seen) -> None:
    """Send this connection's share of the requests, evenly, until the end."""
    number, of = share
    rng, names = random.Random(SEED + number), list(truth.versions[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    due, every = time.monotonic() + number / rate, of / rate
    tags: dict[str, str] = {}
    while due < ends:
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        elif wait < -1:
            seen.late += 1
        due += every
        name = rng.choice(names)
        path, kind = _asked(rng, name)
        headers = {"X-API-Key": key, "Accept-Encoding": "gzip"}
        if kind == "tile" and name in tags and rng.random() < 0.25:
            headers["If-None-Match"] = tags[name]
        allowed, began = set(truth.allowed), time.monotonic()
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            seen.faults[f"{type(error).__name__}: {error}"] += 1
            connection.close()
            continue
        seen.times.append(time.monotonic() - began)
        seen.answers[answer.status] += 1
        if answer.status not in (200, 304):
            seen.faults[f"{answer.status} for {kind}: {body[:120]!r}"] += 1
        elif kind == "tile" and answer.status == 200:
            tags[name] = answer.headers["ETag"]
            if not any(body == truth.versions[v][name] for v in allowed | truth.allowed):
                seen.faults["bytes of a version that is not live"] += 1
    connection.close()


def _asked(rng: random.Random, name: str) -> tuple[str, str]:
    """Return an address and its kind: nine in ten are tiles."""
    z, x, y = address_of(name)
    drawn = rng.random()
    if drawn < 0.90:
        return name, "tile"
    if drawn < 0.93:
        return f"/wmts/1.0.0/bench/default/WebMercatorQuad/{z}/{y}/{x}.mvt", "tile"
    if drawn < 0.96:
        return f"/ogc/collections/bench/tiles/WebMercatorQuad/{z}/{y}/{x}", "tile"
    return rng.choice((("/tiles/bench.json", "TileJSON"), ("/styles/bench.json", "style")))


def change(truth: Truth, to: int, act: list[str] | None, home: Path, port: int, key: str) -> float:
    """Make version `to` live beside the running server; return after how many seconds it was seen."""
    truth.allowed = truth.allowed | {to}
    began = time.monotonic()
    if act is None:
        publish(home, truth.versions[to])
    else:
        subprocess.run([*NARU, "--home", str(home), *act], check=True, stdout=subprocess.DEVNULL)
    done = time.monotonic()
    name = next(iter(truth.versions[to]))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    while time.monotonic() - done < 30:
        connection.request("GET", name, headers={"X-API-Key": key, "Accept-Encoding": "gzip"})
        if connection.getresponse().read() == truth.versions[to][name]:
            break
        time.sleep(0.02)
    after = time.monotonic() - done
    time.sleep(SEEN_WITHIN_S)  # every process has looked by then: from now on the older one is a fault
    truth.allowed = {to}
    print(f"{'rolled back' if act else 'published'} in {done - began:.1f} s, seen {after:.2f} s later", flush=True)
    connection.close()
    return after


def run(chosen: argparse.Namespace, folder: Path) -> list[str]:
    """Run it; return what went wrong."""
    first = make_tiles(TILES)
    second = {name: gzip.compress(gzip.decompress(data) + b"2", 6, mtime=0) for name, data in first.items()}
    home = folder / "home"
    key, key_id = make_home(home, first)
    truth, seen = Truth([first, second]), [Seen() for _ in range(CONNECTIONS)]
    with naru(home, "naru", chosen.workers, "--no-worker") as server:
        before, ends = counted(home, key_id), time.monotonic() + chosen.seconds
        threads = [
            threading.Thread(target=ask, args=(server.port, key, truth, (n, CONNECTIONS), chosen.rate, ends, one))
            for n, one in enumerate(seen)
        ]
        for thread in threads:
            thread.start()
        time.sleep(chosen.seconds / 3)
        delays = [change(truth, 1, None, home, server.port, key)]
        time.sleep(max(0.0, ends - chosen.seconds / 3 - time.monotonic()))
        delays.append(change(truth, 0, ["layers", "rollback", "bench"], home, server.port, key))
        for thread in threads:
            thread.join()
        used = counted(home, key_id) - before
    return judge(seen, delays, used, ledger(home, key_id), chosen)


def ledger(home: Path, key_id: str) -> int:
    """Return the requests of a key that the ledger of usage tells of."""
    words = ["usage", "report", "--by", "status", "--key", key_id, "--json"]
    told = json.loads(subprocess.check_output([*NARU, "--home", str(home), *words]))
    return sum(row["requests"] for row in told["rows"] if row["status"] in ("2xx", "3xx"))


def judge(seen: list[Seen], delays: list[float], used: int, told: int, chosen: argparse.Namespace) -> list[str]:
    """Print what was seen; return what went wrong."""
    answers: Counter[int] = sum((one.answers for one in seen), Counter())
    faults: Counter[str] = sum((one.faults for one in seen), Counter())
    times = sorted(took for one in seen for took in one.times)
    sent, late = sum(answers.values()), sum(one.late for one in seen)
    wanted = chosen.seconds * chosen.rate
    middle, most = times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000
    print(f"{sent} requests in {chosen.seconds} s ({sent / chosen.seconds:.0f}/s): {dict(answers)}")
    print(f"answered within {middle:.1f} ms (median), {most:.1f} ms (99 %), {times[-1] * 1000:.0f} ms (all)")
    print(f"counted by quotas {used}, by the ledger {told}")
    wrong = [f"{count} × {what}" for what, count in faults.items()]
    if sent < 0.98 * wanted:
        wrong.append(f"only {sent} of {wanted:.0f} requests could be sent, {late} late by more than a second")
    asked_aside = used - sent  # those with which the changes were watched
    if not 0 <= asked_aside <= 3000 or told != used:
        wrong.append(f"{sent} requests were sent, {used} counted by quotas, {told} by the ledger")
    if max(delays) > SEEN_WITHIN_S:
        wrong.append(f"a change was seen after {max(delays):.1f} s")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--rate", type=float, default=666)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    print(f"zoom {ZOOM}, {TILES} tiles, {CONNECTIONS} connections")
    with tempfile.TemporaryDirectory() as folder:
        wrong = run(chosen, Path(folder))
    for fault in wrong:
        print(f"MISSED: {fault}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
