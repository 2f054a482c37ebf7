"""Published cases of the shallow-water equations, built straight on a scheme, and how far off it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twin.flood.records import DISCHARGE, EAST, OPEN, STAGE, WEST, Boundary, Domain, Options, Water
from twin.flood.schemes import start
from twin.grid import Floats, Frame, Values

CASES = Path(__file__).resolve().parents[2] / "shared" / "flood"
UCL_GAUGES = {  # x from the gate, y from the axis (m), peak depth (m)
    "G1": (2.65, 1.15, 0.125),
    "G2": (2.65, -0.60, 0.118),
    "G3": (4.00, 1.15, 0.116),
    "G4": (4.00, -0.80, 0.132),
    "G5": (5.20, 0.30, 0.108),
}

_PLANAR_S = 4.48570  # period of the planar surface in the paraboloid


@dataclass(frozen=True)
class Basin:
    """What a case starts from."""

    bed: Values
    depth: Values
    cell_m: float
    manning_n: float | Values = 0.0
    boundary: Boundary | None = None

    def water(self, **options: Any) -> Water:
        """Return the water of the full equations at rest."""
        bed = np.asarray(self.bed, np.float64)
        n = np.broadcast_to(np.asarray(self.manning_n, np.float32), bed.shape).copy()
        frame = Frame(0.0, bed.shape[0] * self.cell_m, self.cell_m, *bed.shape, "")
        edge = self.boundary or Boundary.none()
        return start(Domain(frame, bed, n), self.depth, edge, Options(**{"scheme": "full", **options}))


def run(water: Water, end_s: float, each: Callable[[float], None] | None = None, every_s: float = math.inf) -> int:
    """Run for a time; `each` sees the water `every_s`. Return how many steps it took."""
    time_s, steps, seen = 0.0, 0, 0
    while time_s < end_s * (1 - 1e-12):
        target = min(end_s, (seen + 1) * every_s)
        dt = min(water.longest_step(), target - time_s)
        water.step(dt)
        time_s, steps = time_s + dt, steps + 1
        if each and time_s >= target - 1e-9:
            time_s, seen = target, seen + 1
            each(time_s)
    return steps


def speed(water: Water) -> float:
    """Return the highest speed, m/s."""
    qx, qy = water.flow()
    wet = water.depth > 1e-9
    return float((np.hypot(qx, qy)[wet] / water.depth[wet]).max(initial=0.0))


def off(depth: Values, exact: Values) -> float:
    """Return the relative L1 error of depth."""
    return float(np.abs(np.asarray(depth, float) - exact).sum() / exact.sum())


def table(name: str) -> Any:
    """Return a CSV of the cases."""
    return np.genfromtxt(CASES / name, delimiter=",", names=True)


def along(values: Values, rows: int = 3) -> Values:
    """Return a channel of some rows."""
    return np.tile(np.asarray(values, np.float64), (rows, 1))


def ends(rows: int, columns: int, **kinds: tuple[int, float, float]) -> Boundary:
    """Return a boundary at the west and east: side=(kind, slope, value)."""
    parts = []
    for name, (kind, slope, value) in kinds.items():
        column, side = (0, WEST) if name == "west" else (columns - 1, EAST)
        parts.append((np.arange(rows) * columns + column, side, kind, slope, value))

    def of(k: int, dtype: Any) -> Any:
        return np.concatenate([np.full(rows, p[k], dtype) for p in parts])

    cell = np.concatenate([p[0] for p in parts]).astype(np.int64)
    group = np.repeat(np.arange(len(parts), dtype=np.int32), rows)
    return Boundary(cell, of(1, np.int8), of(2, np.int8), of(3, float), of(4, float), group, tuple(kinds))


def dam_break(cells: int, name: str, **options: Any) -> float:
    """Return the relative L1 error of depth for Stoker's (wet bed) or Ritter's (dry bed) dam break."""
    file, below, end_s = {
        "stoker": ("stoker_1m_L10_x0-5_T1.csv", 0.1, 1.0),
        "ritter": ("ritter_1m_L10_x0-5_T0.7.csv", 0.0, 0.7),
    }[name]
    truth, cell = table(f"swashes/{file}"), 10 / cells
    x = (np.arange(cells) + 0.5) * cell
    water = Basin(np.zeros((3, cells)), along(np.where(x < 5, 1.0, below)), cell).water(**options)
    run(water, end_s)
    return off(water.depth[1], np.interp(x, truth["x"], truth["h"]))


@dataclass(frozen=True)
class Steady:
    """A steady flow that was reached, and the closed form."""

    x: Floats
    depth: Floats
    flow: Floats
    exact: Floats


def bump(name: str, cells: int, end_s: float, **options: Any) -> Steady:
    """Return the steady flow over a bump."""
    file, q, out, first = {
        "subcritical": ("bump_subcritical_q4.42_h2.csv", 4.42, (STAGE, 0.0, 2.0), 2.0),
        "transcritical": ("bump_transcritical_q1.53.csv", 1.53, (OPEN, 0.0, 0.0), 0.66),
        "shock": ("bump_shock_q0.18_h0.33.csv", 0.18, (STAGE, 0.0, 0.33), 0.33),
    }[name]
    truth, cell = table(f"swashes/{file}"), 25 / cells
    x = (np.arange(cells) + 0.5) * cell
    bed = along(np.interp(x, truth["x"], truth["z"]))
    edge = ends(3, cells, west=(DISCHARGE, 0.0, q), east=out)
    water = Basin(bed, np.maximum(first - bed, 0), cell, boundary=edge).water(**options)
    run(water, end_s)
    return Steady(x, water.depth[1].astype(float), water.flow()[0][1], np.interp(x, truth["x"], truth["h"]))


def macdonald(name: str, end_s: float, **options: Any) -> float:
    """Return the mean absolute error of stage in MacDonald's channel, m."""
    truth = table(f"macdonald/mcdo_{name}.csv")
    q, rain = (2.0, 0.0) if name == "norain" else (1.0, 0.001)
    end = truth["wse"][-1] + (truth["wse"][-1] - truth["wse"][-2]) / 2  # at the last face
    columns = len(truth)
    edge = ends(3, columns, west=(DISCHARGE, 0.0, q), east=(STAGE, 0.0, float(end)))
    water = Basin(along(truth["topo"]), np.full((3, columns), 0.5), 5.0, 0.033, edge).water(**options)
    time_s = 0.0
    cells, area = np.arange(3 * columns), 25.0
    while time_s < end_s:
        dt = water.longest_step()
        if rain:
            water.add(cells, np.full(cells.size, rain * dt * area))
        water.step(dt)
        time_s += dt
    return float(np.abs(water.depth[1] + truth["topo"] - truth["wse"]).mean())


def thacker_1d(cells: int, periods: float, **options: Any) -> float:
    """Return the relative L1 error of depth after periods (0.5, 1, 5) of the planar surface in a parabola."""
    truth, period = table("swashes/thacker_1d_planar.csv"), 2.00607
    step = len(truth) // cells
    column = "h_t" + f"{periods:g}T".replace(".", "")

    def of(name: str) -> Values:
        return truth[name].reshape(cells, step).mean(1)

    water = Basin(along(of("z")), along(of("h_t0T")), 4 / cells).water(**options)
    run(water, periods * period)
    return off(water.depth[1], of(column))


def thacker_radial(cells: int, periods: float, **options: Any) -> float:
    """Return the relative L1 error of depth after periods (0.5, 1, 3) of the swinging dome in a paraboloid."""
    truth, period, cell = table("swashes/thacker_2d_radial.csv"), 2.24285, 4 / cells
    x, y = np.meshgrid(*[(np.arange(cells) - cells / 2 + 0.5) * cell] * 2)
    r = np.hypot(x, y)
    bed = 0.1 * (r**2 - 1)
    water = Basin(bed, np.interp(r, truth["r"], truth["h_t0T"], right=0), cell).water(**options)
    run(water, periods * period)
    column = "h_t" + f"{periods:g}T".replace(".", "")
    return off(water.depth, np.interp(r, truth["r"], truth[column], right=0))


def _coarse(values: Values, step: int) -> Values:
    rows, columns = (size // step for size in values.shape)
    return values.reshape(rows, step, columns, step).mean((1, 3))[::-1]  # rows from the north


def planar_bowl(step: int, **options: Any) -> Water:
    """Return the water of a planar surface in a paraboloid, turning: as the closed form starts, moving along y.

    Every `step`th point is taken.
    """
    first = np.load(CASES / "swashes/thacker_2d_planar_t0T.npz")
    cell = float(first["x"][1] - first["x"][0]) * step
    water = Basin(_coarse(first["z"], step), _coarse(first["h"], step), cell).water(**options)
    saved = {k: np.array(v) for k, v in water.save().items()}
    saved["qy"] = (-0.5 * (2 * math.pi / _PLANAR_S) * water.depth).astype(saved["qy"].dtype)  # v = η·ω, northwards
    saved["facts"][2] = 5.0  # faster than anything: the first step is short
    water.load(saved)
    return water


def thacker_planar(step: int, periods: float, **options: Any) -> float:
    """Return the relative L1 error of depth after periods (0.5, 3) of `planar_bowl`."""
    last = np.load(CASES / f"swashes/thacker_2d_planar_t{periods:g}T.npz")
    water = planar_bowl(step, **options)
    run(water, periods * _PLANAR_S)
    return off(water.depth, _coarse(last["h"], step))


def three_humps(kind: str, n: float, **options: Any) -> Water:
    """Return the water over three humps: `cp` a lake of 0.875 m, `db_orig` a dam of 1.875 m."""
    bed, depth = (np.loadtxt(CASES / f"three_humps/{f}", skiprows=6) for f in ("humps.dem", f"humps_{kind}.wd"))
    return Basin(bed, depth, 1.0, n).water(**options)


def ucl_flume(cell: float, below: float = 0.02, **options: Any) -> tuple[Water, Callable[[str], tuple[int, int]]]:
    """Return the flume with the building, and where a gauge's cell is. n = 0.01."""
    west, east = -7.55, 28.25
    columns, rows, fine = round((east - west) / cell), round(3.6 / cell), 5
    x, y = np.meshgrid(
        west + (np.arange(columns * fine) + 0.5) * cell / fine, 1.8 - (np.arange(rows * fine) + 0.5) * cell / fine
    )
    bank = np.maximum(np.abs(y) - (1.8 - 0.34), 0) * 0.155 / 0.34
    neck = (x > -0.8) & (x < 0)
    c, s = math.cos(math.radians(64)), math.sin(math.radians(64))
    dx, dy = x - 3.44, y + 0.05
    house = (dx * c + dy * s > 0) & (dx * c + dy * s < 0.8) & (dx * s - dy * c > 0) & (dx * s - dy * c < 0.4)
    solid = house | (neck & (np.abs(y) > 0.5))

    def cells(values: Values) -> Values:
        return values.reshape(rows, fine, columns, fine).mean((1, 3))

    bed = np.where(cells(solid.astype(float)) > 0.5, 1.0, cells(np.where(neck, 0, bank)))
    stage = np.where(west + (np.arange(columns) + 0.5) * cell < 0, 0.4, below)

    def at(name: str) -> tuple[int, int]:
        gauge = UCL_GAUGES[name]
        return int((1.8 - gauge[1]) / cell), int((gauge[0] - west) / cell)

    water = Basin(bed, np.maximum(stage - bed, 0), cell, 0.01).water(**options)
    return water, at


def ucl_errors(cell: float, **options: Any) -> dict[str, tuple[float, float]]:
    """Return the RMSE of depth (m) and the peak depth (m) at the flume's gauges over 30 s."""
    water, at = ucl_flume(cell, **options)
    spots = {name: at(name) for name in UCL_GAUGES}
    seen: dict[str, list[float]] = {name: [float(water.depth[spot])] for name, spot in spots.items()}

    def look(_: float) -> None:
        for name, spot in spots.items():
            seen[name].append(float(water.depth[spot]))

    run(water, 30.0, look, 0.02)
    measured = np.genfromtxt(CASES / "ucl_obstacle/building_gauges_h.txt", skip_header=2)
    times = np.arange(len(seen["G1"])) * 0.02
    out = {}
    for k, (name, values) in enumerate(seen.items()):
        ours = np.interp(measured[:, 0], times, values)
        ok = np.isfinite(measured[:, k + 1]) & (measured[:, 0] <= 30)
        out[name] = float(np.sqrt(np.mean((ours - measured[:, k + 1])[ok] ** 2))), max(values)
    return out
