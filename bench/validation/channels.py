"""Steady flows in channels: over a bump, and MacDonald's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.validation.lab import SHARED, Ran, run, table, write_grid
from bench.validation.outcome import Figure, Outcome
from bench.validation.plots import BED, REFERENCE, SECOND, WATER, picture

_WIDTH = 3  # cells
_BUMPS = {  # file, unit discharge m²/s, stage at the end (None: it flows out freely), start stage
    "subcritical": ("bump_subcritical_q4.42_h2.csv", 4.42, 2.0, 2.0),
    "transcritical": ("bump_transcritical_q1.53.csv", 1.53, None, 0.66),
    "with shock": ("bump_shock_q0.18_h0.33.csv", 0.18, 0.33, 0.33),
}


_MACDONALD = (("norain", 2.0, 0.0, 0.03), ("rain", 1.0, 3600.0, 0.035))  # unit inflow m²/s, rain mm/h, Itzï's pass


def bumps(folder: Path) -> Outcome:
    """Compare steady flow over a bump with Bernoulli's closed forms."""
    out = Outcome(
        "bumps",
        "Steady flow over a bump",
        "Goutal & Maurel (1997), as computed in SWASHES (Delestre et al. 2013), §3.1",
        "A channel of 25 m with a bump of 0.2 m, without friction, 500 cells; steady after 300 s. The "
        "hydraulic jump of "
        "the third stands at x = 11.666 m. Discharge is compared at cell centres.",
    )
    with picture(folder / "bumps.png", 1, 3, (7.6, 2.6)) as axes:
        for ax, (name, (file, q, stage, start)) in zip(axes, _BUMPS.items(), strict=True):
            truth = table(SHARED / "flood/swashes" / file)
            ran = _bump(folder, name, truth, (q, stage, start))
            x = ran.frame.x
            exact = np.interp(x, truth["x"], truth["h"])
            depth, flow = ran.depth[1], np.asarray(ran.flood.water.flow()[0], float)[1]
            out.figures.append(
                Figure(f"{name}: relative L1 of depth", float(np.abs(depth - exact).sum() / exact.sum()), "", 0.005)
            )
            out.figures.append(
                Figure(f"{name}: mean error of discharge", float(np.abs(flow - q).mean() / q * 100), "%", 2.0)
            )
            if name == "with shock":
                jump = float(x[np.argmax(np.diff(depth))] + ran.frame.cell_m / 2)
                out.figures.append(
                    Figure("with shock: distance of the jump from 11.6656", abs(jump - 11.6656), "m", 0.1)
                )
            bed = ran.assembled.domain.bed[1]
            ax.fill_between(x, bed, color=BED, lw=0)
            ax.plot(truth["x"], truth["z"] + truth["h"], color=REFERENCE, lw=0.8, label="closed form")
            ax.plot(x, bed + depth, color=WATER, label="full")
            ax.set(title=name, xlabel="x (m)", ylabel="stage (m)")
        axes[0].legend(loc="lower left")
    out.pictures.append((folder / "bumps.png", "stage over the bump beside the closed forms"))
    return out


def _bump(folder: Path, name: str, truth: np.ndarray, case: tuple[float, float | None, float]) -> Ran:  # type: ignore[type-arg]
    q, stage, start = case
    cell = 25.0 / 500
    x = (np.arange(500) + 0.5) * cell
    bed = np.tile(np.interp(x, truth["x"], truth["z"]), (_WIDTH, 1))
    end = {"type": "open"} if stage is None else {"type": "stage", "stage_m": stage}
    return run(
        folder,
        {
            "scenario": f"bump-{name.replace(' ', '-')}",
            "terrain": write_grid(folder / "bump.tif", bed, cell),
            "manning_n": 0.0,
            "initial": {"stage_m": start},
            "scheme": "full",
            "duration_s": 300,
            "output_every_s": 300,
            "boundaries": [
                {"name": "in", "edge": "west", "type": "discharge", "discharge_m3_s": q * _WIDTH * cell},
                {"name": "out", "edge": "east", **end},
            ],
        },
    )


def macdonald(folder: Path) -> Outcome:
    """Compare MacDonald's steady channel flows, with and without rain."""
    out = Outcome(
        "macdonald",
        "MacDonald's channels",
        "MacDonald et al. (1997), as computed by SWASHES; files of itzi-core (its own pass: 0.03 and 0.035 m)",
        "Subcritical steady flow with friction (n = 0.033) in a channel of 1,000 m: 2 m²/s flow in, or 1 "
        "m²/s with rain of "
        "0.001 m/s. The mean absolute error of stage over the channel.",
    )
    with picture(folder / "macdonald.png", 1, 2, (7.2, 2.8)) as axes:
        for ax, (name, q, rain, itzi) in zip(axes, _MACDONALD, strict=True):
            truth = table(SHARED / f"flood/macdonald/mcdo_{name}.csv")
            ax.plot(truth["dx"], truth["wse"], color=REFERENCE, lw=0.8, label="SWASHES")
            ax.fill_between(truth["dx"], truth["topo"].min() - 0.2, truth["topo"], color=BED, lw=0)
            for scheme, colour in (("full", WATER), ("inertial", SECOND)):
                ran = _macdonald(folder, f"mcdo-{name}-{scheme}", truth, (q, rain, scheme))
                stage = ran.depth[1] + truth["topo"]
                error = float(np.abs(stage - truth["wse"]).mean())
                most = 0.005 if scheme == "full" else itzi
                out.figures.append(Figure(f"{name}, {scheme}: mean absolute error of stage", error, "m", most))
                ax.plot(truth["dx"], stage, color=colour, ls="--" if scheme == "inertial" else "-", label=scheme)
            ax.set(title=name, xlabel="x (m)", ylabel="stage (m)")
        axes[0].legend()
    out.pictures.append((folder / "macdonald.png", "stage in MacDonald's channels"))
    return out


def _macdonald(folder: Path, name: str, truth: np.ndarray, case: tuple[float, float, str]) -> Ran:  # type: ignore[type-arg]
    q, rain, scheme = case
    bed = np.tile(truth["topo"], (_WIDTH, 1))
    stage = float(truth["wse"][-1])
    slope = (truth["wse"][-2] - truth["wse"][-1]) / 5
    scenario = {
        "scenario": name,
        "terrain": write_grid(folder / f"{name}.tif", bed, 5.0),
        "manning_n": 0.033,
        "initial": {"depth_m": 0.5},
        "scheme": scheme,
        "duration_s": 7200,
        "output_every_s": 7200,
        "boundaries": [
            {"name": "in", "edge": "west", "type": "discharge", "discharge_m3_s": q * _WIDTH * 5.0},
            {"name": "out", "edge": "east", "type": "stage", "stage_m": float(stage - slope * 2.5)},
        ],
    }
    if rain:
        scenario["rain"] = {"uniform_mm_h": rain}
    return run(folder, scenario)
