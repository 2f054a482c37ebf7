"""Ritter's and Stoker's dam breaks, on a wet and on a dry bed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.validation.lab import SHARED, Ran, run, table, write_grid
from bench.validation.outcome import Figure, Outcome
from bench.validation.plots import REFERENCE, SECOND, THIRD, WATER, picture

_CELLS, _LENGTH_M, _DAM_M = 400, 10.0, 5.0
_CASES = {  # file, end, depth left and right, most relative L1(h) of order 1 and 2
    "Stoker": ("stoker_L10_x0-5_T6.csv", 6.0, 0.005, 0.001, 8.5e-3, 2.5e-3),
    "Ritter": ("ritter_L10_x0-5_T6.csv", 6.0, 0.005, 0.0, 9.0e-3, 2.5e-3),
    "Stoker, 1 m": ("stoker_1m_L10_x0-5_T1.csv", 1.0, 1.0, 0.1, 8.5e-3, 2.5e-3),
    "Ritter, 1 m": ("ritter_1m_L10_x0-5_T0.7.csv", 0.7, 1.0, 0.0, 9.0e-3, 2.5e-3),
}


def dam_breaks(folder: Path) -> Outcome:
    """Compare depth profiles with the closed forms."""
    out = Outcome(
        "dam-breaks",
        "Dam breaks of Stoker and Ritter",
        "closed forms of Stoker (1957) and Ritter (1892), as computed in SWASHES (Delestre et al. 2013)",
        "A dam at x = 5 m vanishes at once; 400 cells of 0.025 m. The full scheme follows shock and "
        "rarefaction; the "
        "local inertial scheme, which leaves the advection of momentum out, is shown for what it is.",
    )
    with picture(folder / "dam-breaks.png", 2, 2, (7.2, 5.0)) as axes:
        for ax, (name, (file, end_s, left, right, most_1, most_2)) in zip(axes.flat, _CASES.items(), strict=True):
            truth = table(SHARED / "flood/swashes" / file)
            ax.plot(truth["x"], truth["h"], color=REFERENCE, lw=0.8, label="closed form")
            for label, how, most, colour in (
                ("full, order 2", {"scheme": "full", "order": 2}, most_2, WATER),
                ("full, order 1", {"scheme": "full", "order": 1}, most_1, THIRD),
                ("inertial", {"scheme": "inertial"}, None, SECOND),
            ):
                ran = _run(folder, f"{name}-{label}", how, (end_s, left, right))
                x, h = ran.frame.x, ran.depth[1]
                exact = np.interp(x, truth["x"], truth["h"])
                error = float(np.abs(h - exact).sum() / exact.sum())
                out.figures.append(Figure(f"{name}, {label}: relative L1 of depth", error, "", most))
                ax.plot(x, h, color=colour, lw=1.1, ls="--" if label == "inertial" else "-", label=label)
            ax.set(title=f"{name}, t = {end_s:g} s", xlabel="x (m)", ylabel="depth (m)")
        axes[0, 0].legend()
    out.pictures.append((folder / "dam-breaks.png", "depth after the dam breaks beside the closed forms"))
    return out


def _run(folder: Path, name: str, how: dict[str, object], case: tuple[float, float, float]) -> Ran:
    end_s, left, right = case
    cell = _LENGTH_M / _CELLS
    bed = write_grid(folder / "flat.tif", np.zeros((3, _CELLS)), cell)
    x = (np.arange(_CELLS) + 0.5) * cell
    depth = write_grid(
        folder / f"start-{left:g}-{right:g}.tif", np.tile(np.where(x < _DAM_M, left, right), (3, 1)), cell
    )
    scenario = {
        "scenario": name.lower().replace(" ", "-").replace(",", ""),
        "terrain": bed,
        "duration_s": end_s,
        "output_every_s": end_s,
        "manning_n": 0.0,
        "initial": {"depth": depth},
        "dry_m": 1e-6,
        **how,
    }
    return run(folder, scenario)
