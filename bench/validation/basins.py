"""Water in basins: lakes at rest, Thacker's swinging bowls, the order of accuracy, three humps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.validation.lab import SHARED, Ran, run, table, write_grid
from bench.validation.outcome import Figure, Outcome
from bench.validation.plots import BED, REFERENCE, THIRD, WATER, picture
from twin.grid import Values

_SWASHES = SHARED / "flood/swashes"


def lakes(folder: Path) -> Outcome:
    """Nothing moves in a lake, also where an island stands in it."""
    out = Outcome(
        "lakes",
        "Lakes at rest",
        "SWASHES (Delestre et al. 2013), §3.1",
        "A lake over a bump, immersed or emerging, for 100 s. Nothing may move, to round-off.",
    )
    for name in ("immersed", "emerged"):
        truth = table(_SWASHES / f"lake_{name}_bump.csv")
        cell = 25.0 / 250
        x = (np.arange(250) + 0.5) * cell
        bed = np.tile(np.interp(x, truth["x"], truth["z"]), (3, 1))
        stage = float((truth["z"] + truth["h"])[0])
        for scheme in ("full", "inertial"):
            for precision, most in (("float64", 1e-10), ("float32", 1e-5)):
                ran = run(
                    folder,
                    {
                        "scenario": f"lake-{name}-{scheme}-{precision}",
                        "terrain": write_grid(folder / f"{name}.tif", bed, cell),
                        "duration_s": 100,
                        "output_every_s": 100,
                        "manning_n": 0.0,
                        "scheme": scheme,
                        "precision": precision,
                        "initial": {"stage_m": stage},
                    },
                )
                out.figures.append(
                    Figure(f"{name}, {scheme}, {precision}: highest speed", ran.fastest, "m/s", most)
                )
    return out


def _bowl(folder: Path, name: str, bed: Values, depth: Values, cell: float, **more: object) -> Ran:
    rows = bed.shape[0]
    south = -rows * cell / 2
    west = 0.0 if rows <= 3 else south
    return run(
        folder,
        {
            "scenario": name,
            "terrain": write_grid(folder / f"{name}-bed.tif", bed, cell, west, south),
            "manning_n": 0.0,
            "initial": {"depth": write_grid(folder / f"{name}-depth.tif", depth, cell, west, south)},
            "dry_m": 1e-5,
            "scheme": "full",
            **more,
        },
    )


def thacker(folder: Path) -> Outcome:
    """Compare swinging water with Thacker's closed forms."""
    out = Outcome(
        "thacker",
        "Thacker's bowls",
        "Thacker (1981), as computed in SWASHES (Delestre et al. 2013), §4.2",
        "Water swings without friction in parabolic bowls; its shoreline moves. Compared with the closed "
        "forms after whole and half periods (1-D: 400 cells; 2-D: cells of 0.02 m). The planar 2-D bowl starts at "
        "rest, since a scenario gives depths: it swings along a line, in step with the closed form's circle at "
        "those times.",
    )
    with picture(folder / "thacker.png", 1, 3, (7.6, 2.6)) as axes:
        _planar_1d(folder, out, axes[0])
        _radial(folder, out, axes[1])
        _planar_2d(folder, out, axes[2])
        axes[0].legend(fontsize=7)
    out.pictures.append((folder / "thacker.png", "depth in Thacker's bowls beside the closed forms"))
    return out


def _planar_1d(folder: Path, out: Outcome, ax: Any) -> None:
    truth, period = table(_SWASHES / "thacker_1d_planar.csv"), 2.00607
    x = np.asarray(truth["x"])
    step = len(x) // 400
    bed, start = (np.tile(truth[k].reshape(400, step).mean(1), (3, 1)) for k in ("z", "h_t0T"))
    cell = float(x[1] - x[0]) * step
    ran = _bowl(folder, "thacker-1d", bed, start, cell, duration_s=5 * period, output_every_s=period / 2)
    at = ran.depths
    for label, column, number in (("0.5", "h_t05T", 1), ("1", "h_t1T", 2), ("5", "h_t5T", 10)):
        exact = truth[column].reshape(400, step).mean(1)
        depth = at[min(at, key=lambda t, n=number: abs(t - n * period / 2))][1]
        error = float(np.abs(depth - exact).sum() / exact.sum())
        out.figures.append(Figure(f"1-D planar, t = {label} T: relative L1 of depth", error, "", 0.05))
    ax.plot(x.reshape(400, step).mean(1), exact, color=REFERENCE, lw=0.8, label="closed form")
    ax.plot(x.reshape(400, step).mean(1), depth, color=WATER, label="full")
    ax.set(title="1-D planar, 5 T", xlabel="x (m)", ylabel="depth (m)")


def _radial(folder: Path, out: Outcome, ax: Any) -> None:
    truth, period, cell, cells = table(_SWASHES / "thacker_2d_radial.csv"), 2.24285, 0.02, 200
    x, y = np.meshgrid(*[(np.arange(cells) - cells / 2 + 0.5) * cell] * 2)
    r = np.hypot(x, y)
    edge = float(truth["z"][-1]) + 0.5 * (r - truth["r"][-1])
    bed = np.where(r <= truth["r"][-1], np.interp(r, truth["r"], truth["z"]), edge)
    start = np.interp(r, truth["r"], truth["h_t0T"], right=0)
    ran = _bowl(folder, "thacker-radial", bed, start, cell, duration_s=3 * period, output_every_s=period / 2)
    for label, column, number in (("0.5", "h_t05T", 1), ("1", "h_t1T", 2), ("3", "h_t3T", 6)):
        exact = np.interp(r, truth["r"], truth[column], right=0)
        depth = ran.depths[min(ran.depths, key=lambda t, n=number: abs(t - n * period / 2))]
        error = float(np.abs(depth - exact).sum() / exact.sum())
        out.figures.append(Figure(f"2-D radial, t = {label} T: relative L1 of depth", error, "", 0.08))
    middle = cells // 2
    ax.plot(x[middle], exact[middle], color=REFERENCE, lw=0.8)
    ax.plot(x[middle], depth[middle], color=WATER)
    ax.set(title="2-D radial, 3 T", xlabel="x (m)")


def _planar_2d(folder: Path, out: Outcome, ax: Any) -> None:
    first = np.load(_SWASHES / "thacker_2d_planar_t0T.npz")
    period, x = 4.48570, np.asarray(first["x"], float)
    cell = float(x[1] - x[0])
    up = slice(None, None, -1) if first["y"][1] > first["y"][0] else slice(None)  # rows run from the north
    ran = run(
        folder,
        {
            "scenario": "thacker-planar",
            "terrain": write_grid(
                folder / "planar-bed.tif", first["z"][up], cell, x[0] - cell / 2, first["y"].min() - cell / 2
            ),
            "manning_n": 0.0,
            "initial": {
                "depth": write_grid(
                    folder / "planar-depth.tif", first["h"][up], cell, x[0] - cell / 2, first["y"].min() - cell / 2
                )
            },
            "dry_m": 1e-5,
            "scheme": "full",
            "duration_s": 3 * period,
            "output_every_s": period / 2,
        },
    )
    for label, number in (("0.5", 1), ("3", 6)):
        exact = np.load(_SWASHES / f"thacker_2d_planar_t{label}T.npz")["h"][up]
        depth = ran.depths[min(ran.depths, key=lambda t, n=number: abs(t - n * period / 2))]
        error = float(np.abs(depth - exact).sum() / exact.sum())
        out.figures.append(Figure(f"2-D planar, t = {label} T: relative L1 of depth", error, "", 0.1))
    middle = len(x) // 2
    ax.plot(x, exact[middle], color=REFERENCE, lw=0.8)
    ax.plot(x, depth[middle], color=WATER)
    ax.set(title="2-D planar, 3 T", xlabel="x (m)")


def order(folder: Path) -> Outcome:
    """Refine the grid under a smooth standing wave, and see how fast the error falls."""
    out = Outcome(
        "order",
        "Order of accuracy",
        "grid refinement; the reference is the second-order run on 1,600 cells",
        "A smooth hump of water (0.1 m on 1 m, over a wavy bed) spreads for 1 s, before any shock forms; "
        "the relative L1 "
        "difference of depth from the finest grid, by cell size.",
    )
    sizes = (50, 100, 200, 400)
    fine = _smooth(folder, 1600, 2)
    with picture(folder / "order.png", size=(4.6, 3.2)) as ax:
        for number, colour in ((1, THIRD), (2, WATER)):
            errors = []
            for cells in sizes:
                depth = _smooth(folder, cells, number)
                exact = fine.reshape(cells, -1).mean(1)
                errors.append(float(np.abs(depth - exact).sum() / exact.sum()))
            slope = float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])
            out.figures.append(
                Figure(f"order {number}: measured order", -slope, "", least=0.85 if number == 1 else 1.7)
            )
            ax.loglog(10.0 / np.array(sizes), errors, "o-", color=colour, label=f"order {number}: {-slope:.2f}")
        ax.set(xlabel="cell (m)", ylabel="relative L1 of depth")
        ax.legend()
    out.pictures.append((folder / "order.png", "error against cell size"))
    return out


def _smooth(folder: Path, cells: int, number: int) -> Values:
    cell = 10.0 / cells
    edges = np.linspace(0, 10, cells * 8 + 1)
    x = ((edges[:-1] + edges[1:]) / 2).reshape(cells, 8)
    bed = (0.1 * np.sin(2 * np.pi * x / 10) ** 2).mean(1)
    stage = (1 + 0.1 * np.exp(-(((x - 5) / 0.8) ** 2))).mean(1)
    name = f"smooth-{cells}-{number}"
    ran = run(
        folder,
        {
            "scenario": name,
            "terrain": write_grid(folder / f"{name}.tif", np.tile(bed, (3, 1)), cell),
            "manning_n": 0.0,
            "initial": {"depth": write_grid(folder / f"{name}-depth.tif", np.tile(stage - bed, (3, 1)), cell)},
            "scheme": "full",
            "order": number,
            "precision": "float64",
            "duration_s": 0.6,
            "output_every_s": 0.6,
        },
    )
    out: Values = ran.depth[1]
    return out


def three_humps(folder: Path) -> Outcome:
    """A lake round three humps stays; a dam break passes over and around them, and comes to rest."""
    out = Outcome(
        "three-humps",
        "Three humps",
        "Liang & Borthwick (2009); DEM and starts of LISFLOOD-FP 8.1",
        "75 × 30 m with three humps. At stage 0.875 m the lake must stay still. A dam break of 1.875 m (n "
        "= 0.018) is at "
        "the small humps by about 2 s, over them by 6 s, round the big one by 12 s, and at rest after about 300 s.",
    )
    data = SHARED / "flood/three_humps"
    for precision, most in (("float64", 1e-10), ("float32", 1e-5)):
        still = run(
            folder, _humps(data / "humps_cp.wd", precision, 100.0, 0.0) | {"scenario": f"humps-{precision}"}
        )
        out.figures.append(Figure(f"lake at rest, {precision}: highest speed", still.fastest, "m/s", most))
    ran = run(
        folder,
        _humps(data / "humps_db_orig.wd", "float32", 300.0, 0.018) | {"output_every_s": 1, "scenario": "humps-db"},
    )
    frame, bed = ran.frame, ran.assembled.domain.bed
    toe = ((bed > 0.02) & (frame.x[None, :] < 40)).any(0)
    at = float(frame.x[toe].min())
    behind = float(frame.x[toe].max())
    middle = slice(13, 17)
    arrive = _first(ran, (slice(None), int(at)))
    out.figures.append(Figure("dam break: reaches the small humps", arrive, "s", 3.0, 1.0, "about 2 s"))
    past = _first(ran, (slice(None), int(behind) + 1))
    out.figures.append(Figure("dam break: beyond the small humps", past, "s", 7.0, 2.0, "about 6 s"))
    end = _first(ran, (middle, 72))
    out.figures.append(
        Figure("dam break: round the big hump, at the far wall", end, "s", 20.0, 8.0, "past by 12 s")
    )
    stage = (ran.depth + bed)[ran.depth > 0.05]  # thinner films still run down the hump
    out.figures.append(Figure("dam break: range of stages at 300 s", float(np.ptp(stage)), "m", 0.05))
    out.figures.append(Figure("dam break: relative volume error", ran.largest_error, "", 1e-6))
    with picture(folder / "three-humps.png", 2, 2, (7.2, 4.0)) as axes:
        for ax, time_s in zip(axes.flat, (2.0, 6.0, 12.0, 300.0), strict=True):
            depth = np.where(ran.depths[time_s] > 1e-3, ran.depths[time_s], np.nan)
            west, south, east, north = frame.bounds
            ax.contour(frame.x, frame.y, bed, 8, colors=BED, linewidths=0.6)
            ax.imshow(depth, extent=(west, east, south, north), cmap="Blues", vmin=0, vmax=1)
            ax.set(title=f"{time_s:g} s")
            ax.grid(visible=False)
    out.pictures.append((folder / "three-humps.png", "depth of the dam break over three humps"))
    return out


def _humps(start: Path, precision: str, end_s: float, n: float) -> dict[str, object]:
    return {
        "terrain": str(SHARED / "flood/three_humps/humps.dem"),
        "manning_n": n,
        "initial": {"depth": str(start)},
        "scheme": "full",
        "precision": precision,
        "duration_s": end_s,
        "output_every_s": end_s,
    }


def _first(ran: Ran, where: tuple[slice, int]) -> float:
    """Return the first output time at which water stands there."""
    return min((t for t, depth in ran.depths.items() if depth[where].max() > 1e-3), default=np.inf)
