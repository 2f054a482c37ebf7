"""The storm over the sample river: three hours of rain on it while both its branches rise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pyproj import Transformer

from sample_data.river.specs import ATTRIBUTION, TERRAIN, TITLE_EN, TITLE_KO
from sample_data.river.truth import CRS, LOW_LAND, SOUTH, WEST, Channel, River

SCENARIO = f"{TERRAIN}-storm"
CELL_M, QUICK_CELL_M = 10.0, 20.0
_HOURS, _QUICK_HOURS = 3.0, 2.0
_IN_M = 40.0  # metres of axis below the edge of the map where a branch comes in
_TEXT = """# 가상 호우: a storm that never fell on a river that does not exist. See sample_data/README.md.
scenario: {scenario}
title_ko: "{title_ko} 호우"
title_en: "{title_en}: a storm"
licence: Apache-2.0
attribution: "{attribution}"
terrain: {terrain}
domain: {{cell_m: {cell:g}}}
duration_h: {hours:g}
output_every_min: 10
initial: {{depth_m: 0}}
rain: {{design: {{depth_mm: 150, duration_h: {rain_h:g}, pattern: huff-2}}}}
infiltration: {{method: constant, rate_mm_h: 5, initial_loss_mm: 5}}
inflows:
  - {{name: main, line: {main}, hydrograph: main.csv}}
  - {{name: tributary, line: {tributary}, hydrograph: tributary.csv}}
boundaries: [{{edge: all, type: open, slope: 0.001}}]
structures: {terrain}-facilities
overrides: {{P-1: {{status: failed}}}}   # the pumps of the low town stand still
gauges:
  - {{name: lowtown, at: {lowtown}}}
  - {{name: sample-bridge-2, at: {bridge}}}
sections: [{{name: outlet, line: {outlet}}}]
"""


def write_storm(folder: Path, river: River, *, quick: bool = False) -> Path:
    """Write the scenario and its hydrographs into `folder`; return its path."""
    hours = _QUICK_HOURS if quick else _HOURS
    _write_flow(folder / "main.csv", 40.0, 330.0, hours)
    _write_flow(folder / "tributary.csv", 8.0, 70.0, hours)
    main = river.main
    text = _TEXT.format(
        scenario=SCENARIO,
        title_ko=TITLE_KO,
        title_en=TITLE_EN,
        attribution=ATTRIBUTION,
        terrain=TERRAIN,
        cell=QUICK_CELL_M if quick else CELL_M,
        hours=hours,
        rain_h=hours / 2,
        main=_across(river, main, _IN_M),
        tributary=_across(river, river.tributary, _IN_M),
        outlet=_across(river, main, main.axis_m - 100.0),
        lowtown=_lonlat([(WEST + sum(LOW_LAND) / 2, SOUTH + 330.0)])[0],
        bridge=_lonlat([_point(river, main, main.axis_m / 2, 0.0)])[0],
    )
    path = folder / "storm.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _across(river: River, channel: Channel, along: float) -> list[list[float]]:
    """Return the line from the left bank to the right at so many metres of axis, lon/lat."""
    return _lonlat([_point(river, channel, along, u) for u in (-0.9, 0.9)])


def _point(river: River, channel: Channel, along: float, u: float) -> tuple[float, float]:
    x, y = river.point(channel, np.array(along), np.array(u))
    return float(x), float(y)


def _lonlat(points: list[tuple[float, float]]) -> list[list[float]]:
    to_lonlat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    return [[round(v, 6) for v in to_lonlat.transform(*point)] for point in points]


def _write_flow(path: Path, low: float, peak: float, hours: float) -> None:
    """Write a hydrograph, m³/s: it rises within the first half and falls to the end."""
    times = np.linspace(0, hours * 60, 13)
    share = np.sin(np.pi * np.clip(times / (hours * 60), 0, 1) ** 0.8) ** 2
    rows = [f"{t:g},{low + (peak - low) * s:.1f}" for t, s in zip(times, share, strict=True)]
    path.write_text("\n".join(["time_min,discharge_m3_s", *rows, ""]), encoding="utf-8")
