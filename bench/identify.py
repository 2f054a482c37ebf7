"""Does the time of a refusal tell anything of a key?

A server that knows KEYS keys identifies callers, ROUNDS times each, in turns: with a good key, an unknown one of
the right form, one that was taken back, one whose checksum is wrong, and none of ours. What could be learnt from
the time is whether a text of the right form was ever good; a wrong checksum anybody can see without asking.

    python -m bench.identify [--keys 1000] [--rounds 100000]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from naru.errors import KeyInvalid
from naru.settings import Settings
from tileserver.access import identify
from tileserver.keys.ring import Permissions
from tileserver.keys.text import make_key_text
from tileserver.service import Service

LIMIT_US = 5.0  # between a text that was taken back and one that never was (security goals)
CONTENT = Permissions(frozenset(("content",)))


def callers(service: Service, keys: int) -> dict[str, str]:
    """Make keys; return the text that each sort of caller sends."""
    texts = [service.keyring.create(f"key {number}", "live", CONTENT)[1] for number in range(keys)]
    gone, text = service.keyring.create("gone", "live", CONTENT)
    service.keyring.revoke(gone.id)
    service.keeper.refresh()
    wrong = texts[0][:-1] + ("a" if texts[0][-1] != "a" else "b")
    return {
        "good": texts[keys // 2],
        "unknown": make_key_text("live"),
        "taken back": text,
        "wrong checksum": wrong,
        "not of ours": "AIza" + "x" * 35,
    }


def measure(service: Service, texts: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """Return microseconds, by sort of caller."""
    snapshot, now, clock = service.keeper.current, service.clock(), time.perf_counter_ns
    spent: dict[str, list[float]] = {name: [] for name in texts}
    environs: dict[str, dict[str, Any]] = {name: {"HTTP_X_API_KEY": text} for name, text in texts.items()}
    for _ in range(rounds):
        for name, environ in environs.items():
            start = clock()
            with suppress(KeyInvalid):
                identify(snapshot, environ, now)
            spent[name].append((clock() - start) / 1000)
    return spent


def main(words: list[str]) -> int:
    """Measure and print; return 1 where a text that was once good can be told from one that never was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=100_000)
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        service = Service.open(Settings.from_environ({}, home=Path(folder)))
        spent = measure(service, callers(service, asked.keys), asked.rounds)
        service.close()
    print(f"{asked.keys} keys, {asked.rounds} rounds\n\n| sent | median µs | p99 µs |\n|---|---|---|")
    for name, times in spent.items():
        print(f"| {name} | {median(times):.2f} | {sorted(times)[int(len(times) * 0.99)]:.2f} |")
    apart = abs(median(spent["unknown"]) - median(spent["taken back"]))
    print(f"\nunknown and taken back are {apart:.2f} µs apart (limit {LIMIT_US})")
    return int(apart > LIMIT_US)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
