"""Building-like polygons for benchmarks and tests: any number, the same for the same number.

Each has 4 to 9 vertices (7 on average); three in ten stand in rows and share their party walls' corners to the
last bit. Attributes carry Korean names and values as Korean land registers have them. EPSG:5186, metres.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

SPACING_M = 34.0  # one building per square of this side, about a Korean city's density
ROW = 5  # buildings in a row with party walls
CITY = 1_000_000  # buildings made at a time
ORIGIN = 198_000.0, 548_000.0  # EPSG:5186, in Seoul
Points = NDArray[np.float64]

# footprints in a square of side 1 around the origin, counter-clockwise
_FOOTPRINTS: dict[int, list[tuple[float, float]]] = {
    4: [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)],
    5: [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.3), (0.3, 0.5), (-0.5, 0.5)],
    6: [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.1), (0.0, 0.1), (0.0, 0.5), (-0.5, 0.5)],
    7: [(-0.5, -0.5), (0.4, -0.5), (0.5, -0.4), (0.5, 0.1), (0.0, 0.1), (0.0, 0.5), (-0.5, 0.5)],
    8: [(-0.5, -0.5), (0.5, -0.5), (0.5, 0), (0.2, 0), (0.2, 0.5), (-0.2, 0.5), (-0.2, 0), (-0.5, 0)],
    9: [
        (-0.5, -0.5), (0.4, -0.5), (0.5, -0.4), (0.5, 0), (0.2, 0), (0.2, 0.5), (-0.2, 0.5), (-0.2, 0), (-0.5, 0),
    ],
}  # fmt: skip
_SHARES = {4: 0.02, 5: 0.03, 6: 0.07, 7: 0.13, 8: 0.3, 9: 0.45}  # of buildings that stand alone
_USES = np.array(
    [
        "단독주택",
        "공동주택",
        "제1종근린생활시설",
        "제2종근린생활시설",
        "업무시설",
        "교육연구시설",
        "공장",
        "창고시설",
    ]
)
_STRUCTURES = np.array(["철근콘크리트구조", "벽돌구조", "일반철골구조", "일반목구조", "블록구조"])
_DONGS = np.array(
    ["혜화동", "명륜동", "가회동", "삼청동", "부암동", "평창동", "무악동", "교남동", "펲뷁동", "똠방동"]
)
_NAMES = np.array(
    ["한빛빌딩", "가온아파트", "나루타워", "햇살빌라", "푸른마을", "미르상가", "둥지연립", "새싹어린이집"]
)


def footprints(n: int, seed: int = 5186) -> NDArray[np.object_]:
    """Return n polygons, EPSG:5186."""
    random = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(n)))
    cell = np.arange(n)
    centre = np.column_stack([cell % side, cell // side]) * SPACING_M + np.array(ORIGIN)
    in_row = np.repeat(random.random(n // ROW + 1) < 0.3, ROW)[:n]
    in_row &= (cell // ROW * ROW) % side + ROW <= side  # a row does not break at the city's edge
    out = np.empty(n, np.object_)
    out[in_row] = _rows(cell[in_row], centre, random)
    _stand_alone(out, np.flatnonzero(~in_row), centre, random)
    return out


def _rows(cells: NDArray[np.int64], centre: Points, random: Generator) -> NDArray[np.object_]:
    """Return rectangles whose common walls have the same two corners."""
    first = cells // ROW * ROW
    slant = 0.2 * np.sin(first.astype(np.float64))
    depth = 9.0 + first % 7
    width = 10.0
    place = (cells % ROW).astype(np.float64)
    corners = []
    for along, across in ((place, 0.0), (place + 1, 0.0), (place + 1, 1.0), (place, 1.0)):
        x = centre[first, 0] + along * width * np.cos(slant) - across * depth * np.sin(slant)
        y = centre[first, 1] + along * width * np.sin(slant) + across * depth * np.cos(slant)
        corners.append(np.column_stack([x, y]))
    polygons: NDArray[np.object_] = shapely.polygons(np.stack(corners, axis=1))
    return polygons


def _stand_alone(out: NDArray[np.object_], index: NDArray[np.int64], centre: Points, random: Generator) -> None:
    kinds = random.choice(list(_SHARES), len(index), p=list(_SHARES.values()))
    angle = random.normal(0.0, 0.3, len(index))
    size = np.clip(random.lognormal(2.5, 0.35, len(index)), 5.0, 26.0)
    stretch = random.uniform(0.6, 1.0, len(index))
    for vertices, outline in _FOOTPRINTS.items():
        mine = np.flatnonzero(kinds == vertices)
        x = np.array(outline)[:, 0] * size[mine, None]
        y = np.array(outline)[:, 1] * (size * stretch)[mine, None]
        turn = np.cos(angle[mine, None]), np.sin(angle[mine, None])
        xy = np.stack([x * turn[0] - y * turn[1], x * turn[1] + y * turn[0]], axis=2)
        out[index[mine]] = shapely.polygons(xy + centre[index[mine], None, :])


def buildings(n: int, seed: int = 5186) -> geopandas.GeoDataFrame:
    """Return n buildings with ten attributes, EPSG:5186."""
    random = np.random.default_rng(seed + 1)
    floors = 1 + random.poisson(2.5, n)
    names = random.choice(_NAMES, n).astype(object)
    names[random.random(n) < 0.6] = None
    days = pd.to_datetime("1960-01-01") + pd.to_timedelta(random.integers(0, 22_000, n), unit="D")
    columns = {
        "고유번호": [f"1111{k:015d}" for k in range(n)],
        "순번": np.arange(1, n + 1, dtype=np.int64),
        "건물명": names,
        "주소": np.char.add(np.char.add(random.choice(_DONGS, n), " "), random.integers(1, 999, n).astype(str)),
        "용도": random.choice(_USES, n),
        "구조": random.choice(_STRUCTURES, n),
        "층수": floors.astype(np.int32),
        "지하층수": pd.array(np.where(random.random(n) < 0.3, pd.NA, random.integers(0, 4, n)), dtype="Int32"),
        "높이": np.round(floors * 3.1 + random.normal(0, 0.4, n), 2),
        "승인일": days.date,
    }
    return geopandas.GeoDataFrame(columns, geometry=footprints(n, seed), crs=5186)


def cities(n: int) -> Iterator[geopandas.GeoDataFrame]:
    """Yield n buildings a million at a time: like cities that stand side by side, numbered on."""
    wide = (int(np.ceil(np.sqrt(CITY))) + 1) * SPACING_M
    for number, first in enumerate(range(0, n, CITY)):
        frame = buildings(min(CITY, n - first), 5186 + 2 * number)
        frame["순번"] += first
        frame["고유번호"] = [f"1111{first + k:015d}" for k in range(len(frame))]
        yield frame.set_geometry(frame.geometry.translate(wide * number))


def write_cities(n: int, path: Path) -> None:
    """Write n buildings as a CP949 shapefile, holding a million in memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(cities(n)):
        pyogrio.write_dataframe(frame, path, driver="ESRI Shapefile", encoding="CP949", append=number > 0)
    path.with_suffix(".cpg").unlink(missing_ok=True)


def write_shapefile(frame: geopandas.GeoDataFrame, path: Path) -> None:
    """Write a CP949 shapefile without .cpg, as most Korean portals give them out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_file(path, driver="ESRI Shapefile", encoding="CP949", engine="pyogrio")
    path.with_suffix(".cpg").unlink(missing_ok=True)


def main() -> None:
    """Write a shapefile or, by suffix and up to a million, a GeoParquet file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    if given.count > CITY:
        return write_cities(given.count, given.output)
    frame = buildings(given.count)
    if given.output.suffix == ".parquet":
        frame.to_parquet(given.output, write_covering_bbox=True)
    else:
        write_shapefile(frame, given.output)
    return None


if __name__ == "__main__":
    main()
