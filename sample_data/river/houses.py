"""The houses of the sample river: a low-lying district behind the south levee, a few on the hills."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from shapely import from_wkt
from shapely.geometry import Point, Polygon

from sample_data.river.survey import in_low_land
from sample_data.river.truth import LEVEE_AT_M, SEED, SOUTH, WEST, River
from sample_data.river.works import works

FLOOR_M = 3.0
_SITES = ("pump_station", "retention_basin")  # of works: nobody lives there
_BLOCKS = 26.0  # metres between the middles of neighbouring plots
_FREE_M = LEVEE_AT_M + 22.0  # from the bank: nobody builds on a levee's foot


@dataclass(frozen=True)
class House:
    """A building. `height_m` is None where only the floors are known."""

    id: str
    use: str
    floors: int
    height_m: float | None
    ground_el: float
    basement: bool
    outline: Polygon


def houses(river: River) -> list[House]:
    """Return the buildings; the same every time."""
    random = np.random.default_rng(SEED + 7)
    taken = [from_wkt(row["geometry"]).buffer(14) for row in works(river) if row["type"] in _SITES]
    out: list[House] = []
    for middle in _plots(river):
        if any(site.contains(middle) for site in taken):
            continue
        if random.random() < 0.12:  # a yard, a playground
            continue
        low = in_low_land(river, middle)
        floors = int(random.choice([1, 2, 3, 4, 5, 12], p=[0.18, 0.32, 0.22, 0.14, 0.10, 0.04]))
        wide, deep = random.uniform(9, 17), random.uniform(8, 14)
        measured = random.random() < 0.6
        height = round(floors * FLOOR_M + random.uniform(0.2, 1.4), 1) if measured else None
        use = str(random.choice(["단독주택", "공동주택", "근린생활시설", "학교"], p=[0.5, 0.3, 0.18, 0.02]))
        ground = round(float(river.terrain(np.array(middle.x), np.array(middle.y))), 2)
        outline = _turned(middle, wide, deep, float(random.uniform(-0.12, 0.12)))
        name = f"B-{len(out) + 1:03}"
        out.append(House(name, use, floors, height, ground, low and bool(random.random() < 0.3), outline))
    return out


def _plots(river: River) -> list[Point]:
    """Return the middles of plots: in the low district, and a hamlet north of the river."""
    low = [(e, n) for e in np.arange(1180, 2330, _BLOCKS) for n in np.arange(40, 470, _BLOCKS)]
    high = [(e, n) for e in np.arange(2150, 2480, 34.0) for n in np.arange(950, 1090, 34.0)]
    points = [Point(WEST + e, SOUTH + n) for e, n in (*low, *high)]
    return [point for number, point in enumerate(points) if _buildable(river, point, number)]


def _buildable(river: River, point: Point, number: int) -> bool:
    x, y = np.array(point.x), np.array(point.y)
    for channel in (river.main, river.tributary):
        along, u = river.place(channel, x, y)
        if (abs(float(u)) - 1) * float(channel.width_m(along)) / 2 < _FREE_M:
            return False
    return number % 7 != 3  # streets


def _turned(middle: Point, wide: float, deep: float, turn: float) -> Polygon:
    corners = np.array([(-wide, -deep), (wide, -deep), (wide, deep), (-wide, deep)]) / 2
    way = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return Polygon(np.round(corners @ way + (middle.x, middle.y), 2))
