"""Rain that runs off: the V-catchment, and a storm on a real town centre."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.validation.lab import SHARED, run, table, write_grid
from bench.validation.outcome import Figure, Outcome
from bench.validation.plots import REFERENCE, SECOND, WATER, picture

_CELL_M = 10.0


def v_catchment(folder: Path) -> Outcome:
    """Compare a V-shaped catchment's outflow with the kinematic closed form and the equilibrium."""
    out = Outcome(
        "v-catchment",
        "V-catchment",
        "Di Giammarco et al. (1996); the kinematic outflow of a plane, computed",
        "Rain of 10.8 mm/h for 90 minutes on two planes (800 × 1,000 m, slope 0.05, n 0.015) that drain "
        "into a channel "
        "(20 × 1,000 m, slope 0.02, n 0.15). At equilibrium all rain leaves: 4.860 m³/s. Cells of 10 m.",
    )
    rows, plane = 100, 80
    columns = 2 * plane + 2
    y = (np.arange(rows) + 0.5) * _CELL_M  # from the north; the outlet lies in the south
    x = np.arange(columns)
    aside = np.maximum(np.maximum(plane - x, x - plane - 1), 0) * _CELL_M
    # the planes slope to the channel only; it is cut 1 m deep at its head, and 21 m at the outlet
    bed = np.where(aside == 0, 0.02 * (1000 - y)[:, None], 21 + 0.05 * (aside - _CELL_M / 2)[None, :])
    n = np.where(aside == 0, 0.15, 0.015)[None, :].repeat(rows, 0)
    truth = table(SHARED / "flood/v_catchment/plane_outflow_kinematic.csv")
    with picture(folder / "v-catchment.png", 1, 2, (7.2, 2.8)) as axes:
        axes[0].plot(truth["time_s"] / 60, truth["Q_one_side_m3s"], color=REFERENCE, lw=0.8, label="kinematic")
        axes[1].axhline(4.86, color=REFERENCE, lw=0.8, label="equilibrium")
        for scheme, colour in (("full", WATER), ("inertial", SECOND)):
            ran = run(
                folder,
                {
                    "scenario": f"v-{scheme}",
                    "terrain": write_grid(folder / "v.tif", bed, _CELL_M),
                    "manning_n": write_grid(folder / "v-n.tif", n, _CELL_M),
                    "scheme": scheme,
                    "duration_h": 3,
                    "output_every_min": 180,
                    "gauge_every_s": 30,
                    "rain": {"uniform_mm_h": 10.8, "from_h": 0, "to_h": 1.5},
                    "boundaries": [
                        {
                            "name": "outlet",
                            "line": [[plane * 10 + 0.1, 0], [plane * 10 + 19.9, 0]],
                            "type": "open",
                            "slope": 0.02,
                        }
                    ],
                    "sections": [
                        {"name": "plane", "line": [[plane * 10, 1000], [plane * 10, 0]]},
                        {"name": "outlet", "line": [[plane * 10 + 20, 10], [plane * 10, 10]]},
                    ],
                },
                every_s=15,
            )
            times, flow = (np.array(v) for v in ran.sections["plane"])
            flow = np.abs(flow)
            exact = np.interp(times, truth["time_s"], truth["Q_one_side_m3s"])
            within = times <= truth["time_s"][-1]
            worst = float(np.sqrt(np.mean((flow - exact)[within] ** 2)) / 2.4 * 100)
            out.figures.append(
                Figure(f"{scheme}: plane outflow, RMSE against kinematic", worst, "%", 3.0, reference="of 2.4 m³/s")
            )
            t_out, q_out = (np.array(v) for v in ran.sections["outlet"])
            level = float(np.abs(q_out)[np.searchsorted(t_out, 5395)])
            rest = 4.86 * (rows - 1) / rows  # the last row drains below the section
            out.figures.append(
                Figure(f"{scheme}: outlet at 90 min off equilibrium", abs(level / rest - 1) * 100, "%", 1.0)
            )
            out.figures.append(Figure(f"{scheme}: relative volume error", ran.largest_error, "", 1e-6))
            axes[0].plot(times / 60, flow, color=colour, label=scheme)
            axes[1].plot(t_out / 60, np.abs(q_out), color=colour, label=scheme)
        axes[0].set(title="one plane", xlabel="minutes", ylabel="m³/s")
        axes[1].set(title="outlet", xlabel="minutes")
        axes[0].legend()
    out.pictures.append((folder / "v-catchment.png", "outflow of a plane and of the catchment"))
    return out


def newcastle(folder: Path) -> Outcome:
    """Rain on a town centre with its buildings: nothing is lost, nothing is negative."""
    out = Outcome(
        "newcastle",
        "Rain on Newcastle's centre",
        "terrain, storm and drainage loss of the hipims-ocl examples (OGL v3)",
        "A terrain of 2 m with buildings in it, 70 mm/h that ends in the second hour, drains that take 12 "
        "mm/h, two hours, closed "
        "edges. There is no reference depth: the two schemes are compared with each other.",
    )
    data = SHARED / "flood/newcastle_rain"
    depths = {}
    for scheme in ("full", "inertial"):
        ran = run(
            folder,
            {
                "scenario": f"newcastle-{scheme}",
                "terrain": str(data / "NewcastleCentreDEM_2m.img"),
                "manning_n": 0.03,
                "scheme": scheme,
                "duration_h": 2,
                "output_every_min": 10,
                "rain": {"hyetograph": str(data / "rainfall.csv"), "interpolation": "linear"},
                "infiltration": {"method": "constant", "rate_mm_h": 12},
            },
        )
        depths[scheme] = ran.depth
        out.figures.append(Figure(f"{scheme}: relative volume error", ran.largest_error, "", 1e-6))
        out.figures.append(Figure(f"{scheme}: lowest depth", float(np.nanmin(ran.depth)), "m", least=0.0))
    both = np.nanmax(np.stack(list(depths.values())), 0)
    apart = np.abs(depths["full"] - depths["inertial"])[both > 0.05]
    out.figures.append(Figure("depths of the schemes apart, mean where deeper than 5 cm", float(apart.mean()), "m"))
    with picture(folder / "newcastle.png", 1, 2, (7.2, 4.4)) as axes:
        for ax, (scheme, depth) in zip(axes, depths.items(), strict=True):
            ax.imshow(np.where(depth > 0.02, depth, np.nan), cmap="Blues", vmin=0, vmax=1)
            ax.set(title=f"{scheme}: depth after 2 h (0–1 m)", xticks=[], yticks=[])
            ax.grid(visible=False)
    out.pictures.append((folder / "newcastle.png", "depth after two hours by both schemes"))
    return out
