"""What does it cost to search addresses in a layer that nobody prepared?

COUNT addresses (road address, lot address, building name for one in ten) at places of their own become a source as
`naru ingest` writes it; its gazetteer is made as the server makes it, in a process of its own. Then whole
addresses, names and words that are everywhere are looked up, and the nearest address to random places.

    python -m bench.gazetteer [COUNT]
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import shapely
from pyproj import CRS

from ingest.geoparquet_writer import LayerWriter
from tileserver.common.asking import Position
from tileserver.common.gazetteer import nearest, search
from tileserver.common.gazetteers import Gazetteers

LIMIT_MS = 50.0  # median of a whole address, and of the nearest
_ROUNDS = 200
_GU = ("중구", "종로구", "강남구", "구로구", "마포구", "송파구", "노원구", "동작구")
_ROADS = ("세종대로", "테헤란로", "디지털로", "월드컵로", "올림픽로", "동일로", "노량진로", "을지로")
_DONG = ("역삼동", "구로동", "상암동", "잠실동", "상계동", "노량진동", "명동", "신문로1가")
_BATCH = 50_000


def address(number: int) -> tuple[str, str, str | None]:
    """Return road address, lot address and name of one place; no two are the same."""
    gu, road, dong = _GU[number % 8], _ROADS[number // 8 % 8], _DONG[number // 64 % 8]
    street, house = number // 512 % 97, number // 64 % 8 + 8 * (number // 512 // 97) + 1
    name = f"{dong[:-1]}빌딩 {number}" if number % 10 == 0 else None
    return f"서울특별시 {gu} {road}{street}길 {house}", f"{gu} {dong} {number}-{number % 7}", name


def write(path: Path, count: int) -> None:
    """Write the source."""
    rng = np.random.default_rng(4)
    writer: LayerWriter | None = None
    for start in range(0, count, _BATCH):
        rows = [address(number) for number in range(start, min(count, start + _BATCH))]
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        batch = pa.record_batch(columns, names=["도로명주소", "지번주소", "건물명"])
        points = shapely.points(rng.uniform(126.8, 127.2, len(rows)), rng.uniform(37.43, 37.7, len(rows)))
        writer = writer or LayerWriter(path, batch.schema)
        writer.write(batch, points, shapely.bounds(points))
    assert writer is not None
    writer.close(CRS.from_user_input("OGC:CRS84"))


def timed(ask: Callable[[int], object], rounds: int) -> list[float]:
    """Return the milliseconds of each round, sorted."""
    spent = []
    for number in range(rounds):
        start = time.perf_counter()
        ask(number)
        spent.append((time.perf_counter() - start) * 1000)
    return sorted(spent)


def measure(file: Path, count: int) -> dict[str, list[float]]:
    """Return milliseconds, by sort of question."""
    chance = random.Random(4)
    picks = [chance.randrange(count) for _ in range(_ROUNDS)]
    names = [number // 10 * 10 for number in picks]

    def whole(number: int) -> None:
        found = search(file, address(picks[number])[0], 10)
        assert found[0].feature == picks[number] + 1, found[0]

    def near(number: int) -> None:
        place = Position(chance.uniform(126.8, 127.2), chance.uniform(37.43, 37.7))
        nearest(file, place, 100, 10)

    return {
        "whole road address": timed(whole, _ROUNDS),
        "a name": timed(lambda n: search(file, str(address(names[n])[2]), 10), _ROUNDS),
        "words of one in eight (강남구)": timed(lambda n: search(file, "강남구", 10), 5),
        "words of all (서울특별시)": timed(lambda n: search(file, "서울특별시", 10), 5),
        "nearest within 100 m": timed(near, _ROUNDS),
    }


def main(words: list[str]) -> int:
    """Measure and print; return 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    count = parser.parse_args(words).count
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "addresses.parquet"
        write(source, count)
        start = time.perf_counter()
        file = Gazetteers(Path(folder) / "gazetteers").ready([source], patience_s=3600)[source]
        wall = time.perf_counter() - start
        child = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = measure(file, count)
        print(
            f"{count} addresses: source {source.stat().st_size / 1e6:.1f} MB, "
            f"gazetteer {file.stat().st_size / 1e6:.1f} MB"
        )
    print(f"made in {wall:.1f} s ({child.ru_utime + child.ru_stime:.1f} s CPU, {child.ru_maxrss / 1024:.0f} MiB)\n")
    print("| looked up | median ms | worst ms |\n|---|---|---|")
    for name, times in spent.items():
        print(f"| {name} | {median(times):.1f} | {times[-1]:.1f} |")
    return int(any(median(spent[name]) > LIMIT_MS for name in ("whole road address", "nearest within 100 m")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
