"""Does any broken file get the better of the reader? Seeds are mutated at random and read, each in its own child.

    python -m bench.fuzz N [--seeds ../shared/data] [--processes 2] [--seed 1]

Mutations: cut off at any byte; bytes flipped, deleted, doubled, overwritten by extremes; a piece of another file
put in; another file's suffix; text encoded anew (CP949, UTF-16, Latin-1, with a byte order mark) or its numbers
replaced by odd ones. What comes back must be layers or a NaruError that names a cause. Counted are failures of the
parent, and deaths of the parser: those end in a clean error (PARSER_DIED), and each different one is listed, for it
is something to mend. Ends with 1 for a failure of the parent.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingest.reading import ReadOptions, read_file
from ingest.sandbox import Limits
from naru.errors import NaruError

_LARGEST_SEED = 100_000
_SUFFIXES = (
    *(
        ".shp",
        ".zip",
        ".geojson",
        ".json",
        ".topojson",
        ".kml",
        ".kmz",
        ".gpkg",
        ".fgb",
        ".parquet",
        ".gpx",
        ".csv",
    ),
    *(".tsv", ".xlsx", ".xls", ".ods", ".tif", ".asc", ".dt0", ".png", ".jpg", ".mbtiles", ".pmtiles"),
)
_EXTREMES = (
    b"\x00" * 4,
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\xff\xff\xff\x7f",
    b"\x00\x00\xf0\x7f",
)
_NUMBERS = (
    b"NaN",
    b"-1",
    b"0",
    b"1e308",
    b"1e-320",
    b"99999999999999999999",
    b"-180.0000001",
    b"360",
    b'"7"',
    b"null",
)
_NUMBER = re.compile(rb"-?\d+\.?\d*")
_LIMITS = Limits(cpu_s=20, wall_s=40.0, memory_bytes=3 * 2**30)


def seeds_of(folder: Path) -> list[Path]:
    """Return the small files of a folder in formats that are read."""
    found = (p for p in sorted(folder.rglob("*")) if p.suffix.lower() in _SUFFIXES and p.is_file())
    return [p for p in found if 0 < p.stat().st_size <= _LARGEST_SEED]


def mutate(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return the bytes with one to three mutations."""
    for _ in range(chance.randint(1, 3)):
        data = chance.choice(_MUTATIONS)(data, other, chance) or b"\0"
    return data


def _cut(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _flip(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randint(1, 20)):
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def _overwrite(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    """Put an extreme number somewhere, mostly near the head where headers lie."""
    at = chance.randrange(min(len(data), 400) if chance.random() < 0.6 else len(data))
    return data[:at] + chance.choice(_EXTREMES) + data[at + 4 :]


def _delete(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.randint(1, 64) :]


def _double(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at : at + chance.randint(1, 400)] * chance.choice((2, 50)) + data[at:]


def _splice(data: bytes, other: bytes, chance: random.Random) -> bytes:
    at, start = chance.randrange(len(data)), chance.randrange(len(other))
    return data[:at] + other[start : start + chance.randint(1, 2000)] + data[at:]


def _recode(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    text = data.decode("utf-8", "ignore")
    return text.encode(chance.choice(("cp949", "utf-16", "latin-1", "utf-8-sig", "utf-32")), "replace")


def _renumber(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    """Replace some of a text's numbers by odd ones."""
    return (
        _NUMBER.sub(lambda m: chance.choice(_NUMBERS) if chance.random() < 0.1 else m[0], data[:20_000])
        + data[20_000:]
    )


_MUTATIONS = (_cut, _flip, _overwrite, _delete, _double, _splice, _recode, _renumber)


def feed(share: tuple[int, int, Sequence[Path]]) -> dict[str, Any]:
    """Read `count` mutated files in this process's own sandbox; return what came of them."""
    seed, count, seeds = share
    chance = random.Random(seed)
    fates: Counter[str] = Counter()
    deaths: dict[str, str] = {}
    failures: list[str] = []
    slowest = 0.0
    with tempfile.TemporaryDirectory(prefix="naru-fuzz-") as folder:
        for number in range(count):
            source, other = chance.choice(seeds), chance.choice(seeds)
            suffix = source.suffix if chance.random() < 0.9 else chance.choice(_SUFFIXES)
            path = Path(folder) / f"f{suffix}"
            path.write_bytes(mutate(source.read_bytes(), other.read_bytes(), chance))
            began = time.monotonic()
            fate, said = _read(path, Path(folder) / f"out-{number}")
            slowest = max(slowest, time.monotonic() - began)
            fates[fate] += 1
            if fate == "PARSER_DIED":
                deaths.setdefault(said, source.name)
            elif fate == "FAILURE":
                failures.append(f"{source.name} (seed {seed}, number {number}): {said}")
            path.unlink()
    return {"fates": fates, "deaths": deaths, "failures": failures, "slowest_s": slowest}


def _read(path: Path, workdir: Path) -> tuple[str, str]:
    """Read one file; return what came of it, and why."""
    try:
        read_file(path, workdir, ReadOptions(crs=None, limits=_LIMITS), lambda *_: None)
    except NaruError as error:
        return error.code, error.message if error.message and error.remedy else f"no remedy: {error.message}"
    except Exception as error:
        return "FAILURE", f"{type(error).__name__}: {error}"
    finally:
        _clear(workdir)
    return "read", ""


def _clear(workdir: Path) -> None:
    import shutil

    shutil.rmtree(workdir, ignore_errors=True)


def main() -> int:
    """Read the command line; return 1 where the parent failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, help="how many mutated files")
    parser.add_argument("--seeds", type=Path, default=Path("../shared/data"), help="the folder with good files")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers")
    given = parser.parse_args()
    seeds = seeds_of(given.seeds)
    if not seeds:
        sys.exit(f"{given.seeds} holds no small file of a format that is read")
    shares = [(given.seed * 1000 + n, given.count // given.processes, seeds) for n in range(given.processes)]
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        told = pool.map(feed, shares)
    fates = sum((t["fates"] for t in told), Counter())
    deaths = {said: name for t in told for said, name in t["deaths"].items()}
    failures = [f for t in told for f in t["failures"]]
    print(f"{fates.total()} files made from {len(seeds)} seeds in {time.monotonic() - began:.0f} s")
    print(json.dumps(fates, ensure_ascii=False))
    print(f"slowest {max(t['slowest_s'] for t in told):.1f} s; failures of the parent: {len(failures)}")
    for text in failures[:20]:
        print(f"  ! {text}")
    print(f"different deaths of the parser, each a clean error: {len(deaths)}")
    for said, name in deaths.items():
        print(f"  - {said} (from {name})")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
