"""How much of the tiling does a layer's next version save?

COUNT buildings (z0–14, all kept) are tiled; then a version in which ten have another name is tiled in full, and
from the archive of the first; then one in which a building is inserted at the front, so that every id moves on.
Runs take turns in processes of their own. Copied or cut, the archives must be the same bytes.

    python -m bench.delta [COUNT] [--rounds 3]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import geopandas
import pandas as pd

from bench.buildings import buildings
from bench.contest import Contender, measure

CHANGED = 10
WORTH_IT = 0.95  # of the CPU time of a full build, with ten features changed
OVERHEAD = 1.1  # of the CPU time of a full build, with no tile to copy


def with_new_names(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Return the layer with ten names changed, spread over all rows."""
    out = frame.copy()
    out.loc[list(range(0, len(out), len(out) // CHANGED))[:CHANGED], "건물명"] = "새 이름"
    return out


def with_one_more(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Return the layer with a building inserted before all others."""
    return pd.concat([frame.iloc[[-1]], frame], ignore_index=True)


def contenders(folder: Path) -> list[Contender]:
    """Return the builds: each version in full, and from the archive before."""
    out = []
    for name, change in (("names", f"{CHANGED} names changed"), ("ids", "one inserted in front")):
        stage = [sys.executable, "-m", "bench.stage", str(folder / f"{name}.parquet")]
        out.append(Contender(f"{change}, in full", [[*stage, str(folder / f"{name}-full.pmtiles")]]))
        previous = [str(folder / f"{name}-delta.pmtiles"), str(folder / "before.pmtiles")]
        out.append(Contender(f"{change}, from the version before", [[*stage, *previous]]))
    return out


def kept(folder: Path, name: str) -> str:
    """Build a version once more; return how many tiles there are and how many were kept."""
    stage = [sys.executable, "-m", "bench.stage", folder / f"{name}.parquet", folder / "again.pmtiles"]
    return subprocess.check_output([*map(str, stage), str(folder / "before.pmtiles")], text=True).strip()


def report(entered: list[Contender], count: int) -> bool:
    """Print the table; return whether copying is worth it, and costs little where it is not."""
    print(f"\n{count} buildings, medians of {len(entered[0].runs)} runs in turns\n")
    print("| | wall s | CPU s | wall ÷ full | CPU ÷ full |\n|---|---|---|---|---|")
    ratios = []
    for full, delta in zip(entered[::2], entered[1::2], strict=True):
        for one in (full, delta):
            wall, cpu = one.median("wall_s"), one.median("cpu_s")
            ratios.append(cpu / full.median("cpu_s"))
            print(
                f"| {one.name} | {wall:.2f} | {cpu:.2f} | {wall / full.median('wall_s'):.2f} | {ratios[-1]:.2f} |"
            )
    return ratios[1] <= WORTH_IT and ratios[3] <= OVERHEAD


def compare(count: int, rounds: int) -> bool:
    """Make the data, run the builds in turns; return whether all is within its limits."""
    with tempfile.TemporaryDirectory(prefix="naru-delta-") as name:
        folder = Path(name)
        frame = buildings(count)
        frame.to_parquet(folder / "before.parquet")
        with_new_names(frame).to_parquet(folder / "names.parquet")
        with_one_more(frame).to_parquet(folder / "ids.parquet")
        del frame
        first = [sys.executable, "-m", "bench.stage", folder / "before.parquet", folder / "before.pmtiles"]
        subprocess.run(list(map(str, first)), check=True, stdout=subprocess.DEVNULL)
        entered = contenders(folder)
        for _ in range(rounds):
            for one in entered:
                one.runs.append(measure(one))
        within = report(entered, count)
        for version in ("names", "ids"):
            print(f"{version}: tiles, and of them kept: {kept(folder, version)}")
            same = (folder / f"{version}-full.pmtiles").read_bytes() == (
                folder / f"{version}-delta.pmtiles"
            ).read_bytes()
            print(f"{version}: {'the same bytes' if same else 'DIFFERENT BYTES'}")
            within = within and same
        return within


def main() -> int:
    """Read the command line; return 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    return 0 if compare(given.count, given.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
