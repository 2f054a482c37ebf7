"""The works on the sample river: weirs, gates, a culvert, a pump station, a basin, levees, bridges.

Written as rows of the facilities template: column → text. Sizes are what a river of this width would have; every
row says that it is made up, and none is verified.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from shapely import to_wkt
from shapely.geometry import LineString, Point, Polygon

from sample_data.river.survey import (
    DECK_THICK_M,
    DECK_WIDTH_M,
    chord,
    decks,
    levees,
    outside,
)
from sample_data.river.truth import LEVEE_AT_M, LEVEE_SLOPE, LEVEE_TOP_M, SOUTH, WEST, River

Row = dict[str, str]
_SOURCE = "made up for the sample river (가상)"
_UPPER_WEIR, _LOWER_WEIR, _DRAIN, _PUMP, _CULVERT = 880.0, 2790.0, 1560.0, 1600.0, 1860.0  # metres of axis
_BASIN = Point(WEST + 1573, SOUTH + 215)  # where the low town's water gathers
_THROUGH_M = 17.0  # half the length of a conduit under a levee


def works(river: River) -> list[Row]:
    """Return the rows of the facilities' table; `geometry` is WKT in EPSG:5186."""
    rows = [*_weirs(river), *_drains(river), *_basins(river), *_levees(river), *_bridges(river)]
    return [row | {"status": "normal", "source": _SOURCE, "verified": "no"} for row in rows]


def _weirs(river: River) -> Iterator[Row]:
    main = river.main
    upper, lower = (round(float(main.thalweg_el(np.array(a))) + h, 2) for a, h in _weir_heights())
    yield {
        "id": "W-1",
        "type": "weir",
        "name": "윗보 (가상)",
        "name_en": "Upper weir (synthetic)",
        "geometry": chord(river, main, _UPPER_WEIR, -1.0, 1.0).wkt,
        "crest_elevation_m": f"{upper}",
        "crest_breadth_m": "6",
        "height_m": "2.1",
    }
    yield {
        "id": "W-2",
        "type": "weir",
        "name": "아랫보 고정부 (가상)",
        "name_en": "Lower weir, fixed part (synthetic)",
        "geometry": chord(river, main, _LOWER_WEIR, -1.0, 0.45).wkt,
        "crest_elevation_m": f"{lower}",
        "crest_breadth_m": "8",
        "height_m": "2.4",
    }
    line = chord(river, main, _LOWER_WEIR, 0.45, 1.0)
    sill = round(float(river.terrain(*(np.array(v) for v in line.interpolate(0.5, normalized=True).coords[0]))), 2)
    yield {
        "id": "G-1",
        "type": "sluice_gate",
        "name": "아랫보 가동부 (가상)",
        "name_en": "Lower weir, gated part (synthetic)",
        "geometry": line.wkt,
        "gate_kind": "flap",
        "sill_elevation_m": f"{sill}",
        "units": "2",
        "width_m": f"{line.length * 0.46:.1f}",
        "height_m": "1.8",
        "opening_m": "0",
        "opening_rate_m_min": "0.3",
        "rules": f"open when stage(upstream) >= {lower + 0.6:.2f}; close when stage(upstream) <= {lower + 0.1:.2f}",
    }


def _weir_heights() -> tuple[tuple[float, float], ...]:
    return (_UPPER_WEIR, 2.1), (_LOWER_WEIR, 2.4)


def _drains(river: River) -> Iterator[Row]:
    """Yield what drains the low-lying district through the south levee."""
    main = river.main
    gate, inner = _off(river, _DRAIN, LEVEE_AT_M), _through(river, _DRAIN)[0]
    across = LineString([_beside(gate, inner, 2.0), _beside(gate, inner, -2.0)])
    low = _ground(river, inner)
    sill = round(low - 1.2, 2)
    yield {
        "id": "G-2",
        "type": "sluice_gate",
        "name": "낮은마을 배수문 (가상)",
        "name_en": "Lowtown drainage gate (synthetic)",
        "geometry": across.wkt,
        "gate_kind": "vertical_lift",
        "sill_elevation_m": f"{sill}",
        "units": "1",
        "width_m": "3.0",
        "height_m": "2.5",
        "opening_m": "2.5",
        "opening_rate_m_min": "0.5",
        "rules": "close when stage(downstream) > stage(upstream); "
        "open when stage(upstream) >= stage(downstream) + 0.2",
    }
    start, end = _through(river, _CULVERT)
    invert = round(_ground(river, start) - 0.9, 2)
    yield {
        "id": "C-1",
        "type": "culvert",
        "name": "낮은마을 배수통문 (가상)",
        "name_en": "Lowtown culvert (synthetic)",
        "geometry": LineString([start, end]).wkt,
        "shape": "box",
        "width_m": "2.0",
        "height_m": "2.0",
        "barrels": "2",
        "inlet_invert_elevation_m": f"{invert}",
        "outlet_invert_elevation_m": f"{invert - 0.15:.2f}",
        "flap": "yes",
    }
    mouth = _off(river, _PUMP, 4.0)
    house = Point(_BASIN.x + 10, _BASIN.y + 55)  # in the basin's corner: it empties the basin
    rim = _ground(river, _BASIN)
    yield {
        "id": "P-1",
        "type": "pump_station",
        "name": "낮은마을 빗물펌프장 (가상)",
        "name_en": "Lowtown pump station (synthetic)",
        "geometry": house.buffer(11, cap_style="square").wkt,
        "units": "4",
        "unit_capacity_m3_min": "90",
        "start_level_m": f"{rim - 0.85:.2f}",
        "stop_level_m": f"{rim - 1.85:.2f}",
        "stage_interval_m": "0.15",
        "lag_min": "5",
        "ramp_min": "2",
        "outlet_elevation_m": f"{float(main.bank_el(np.array(_PUMP))) + 0.4:.2f}",
        "outlet_x": f"{mouth.x:.2f}",
        "outlet_y": f"{mouth.y:.2f}",
        "pump_curve": "0:104; 3:98; 6:90; 8:78; 10:60",
        "height_m": "9",
    }


def _basins(river: River) -> Iterator[Row]:
    middle, rim = _BASIN, _ground(river, _BASIN)
    floor = round(rim - 3.0, 2)
    pond = Polygon([(middle.x + dx, middle.y + dy) for dx, dy in ((-30, -75), (32, -68), (30, 75), (-28, 70))])
    area = pond.area
    curve = [(floor + step, area * (0.72 * step + 0.14 * step * step / 3)) for step in (0.0, 1.0, 2.0, 3.0)]
    yield {
        "id": "R-1",
        "type": "retention_basin",
        "name": "낮은마을 유수지 (가상)",
        "name_en": "Lowtown retention basin (synthetic)",
        "geometry": pond.wkt,
        "floor_elevation_m": f"{floor}",
        "crest_elevation_m": f"{floor + 3:.2f}",
        "initial_stage_m": f"{floor}",
        "stage_volume": "; ".join(f"{stage:.2f}:{volume:.0f}" for stage, volume in curve),
    }


def _levees(river: River) -> Iterator[Row]:
    words = {"main": "본류", "tributary": "지류", "left": "좌안", "right": "우안"}
    for number, (name, x, y, crest) in enumerate(levees(river), start=1):
        channel, side, run = name.split("-")
        line = LineString(zip(x, y, strict=True))
        every = sorted({0, len(x) - 1, *range(0, len(x), 20)})
        along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        yield {
            "id": f"L-{number}",
            "type": "levee",
            "name": f"{words[channel]} {words[side]} 제방 {run} (가상)",
            "name_en": f"{channel.capitalize()} {side} levee {run} (synthetic)",
            "geometry": line.wkt,
            "crest_profile": "; ".join(f"{along[n]:.1f}:{crest[n]:.2f}" for n in every),
            "crest_width_m": f"{LEVEE_TOP_M:g}",
            "side_slope": f"{LEVEE_SLOPE:g}",
        }


def _bridges(river: River) -> Iterator[Row]:
    for number, deck in enumerate(decks(river), start=1):
        yield {
            "id": deck.id,
            "type": "bridge",
            "name": f"표본{number}교 (가상)",
            "name_en": f"Sample bridge {number} (synthetic)",
            "geometry": to_wkt(deck.axis, rounding_precision=2),
            "low_chord_elevation_m": f"{deck.low_chord_el}",
            "deck_thickness_m": f"{DECK_THICK_M}",
            "deck_width_m": f"{DECK_WIDTH_M:g}",
            "openings": f"{deck.piers + 1}",
            "piers": f"{deck.piers}",
            "pier_width_m": "1.8",
            "parapet_height_m": "1.1",
        }


# --- places ----------------------------------------------------------------------------------------


def _off(river: River, along: float, out_m: float) -> Point:
    """Return a place so many metres outside the main river's left bank."""
    return outside(river, river.main, along, out_m)


def _through(river: River, along: float) -> tuple[Point, Point]:
    """Return the ends of a conduit under the south levee: on the land side, and on the river's."""
    return _off(river, along, LEVEE_AT_M + _THROUGH_M), _off(river, along, LEVEE_AT_M - _THROUGH_M)


def _beside(middle: Point, land: Point, left: float) -> tuple[float, float]:
    """Return a place to the left of someone who stands at `middle` and looks from the land to the river."""
    way = np.array([middle.x - land.x, middle.y - land.y])
    way /= np.hypot(*way)
    return round(middle.x - way[1] * left, 2), round(middle.y + way[0] * left, 2)


def _ground(river: River, point: Point) -> float:
    return round(float(river.terrain(np.array(point.x), np.array(point.y))), 2)
