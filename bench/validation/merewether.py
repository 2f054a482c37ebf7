"""Merewether: the flash flood of 2007 in a suburb of Newcastle, Australia."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from bench.validation.lab import SHARED, run
from bench.validation.outcome import Figure, Outcome
from bench.validation.plots import REFERENCE, SECOND, WATER, picture

_DATA = SHARED / "data/dem_merewether"


def merewether(folder: Path) -> Outcome:
    """Compare peak stages with what was observed, and with TUFLOW's."""
    out = Outcome(
        "merewether",
        "Merewether, June 2007",
        "Smith & Wasko (2012), Australian Rainfall & Runoff Revision Project 15; files of ANUGA "
        "(Geoscience Australia)",
        "1 m LiDAR, houses raised by 3 m, n 0.02 on the road and 0.04 elsewhere, 19.7 m³/s for 1,000 s "
        "over a disc of 10 m, "
        "north and east open. Peak stage at five points that people marked.",
    )
    with (_DATA / "Observations/ObservationPoints.csv").open() as file:
        rows = [[float(cell) for cell in row] for row in list(csv.reader(file))[1:] if row]
    gauges = {f"ID{int(row[2])}": row for row in sorted(rows, key=lambda row: row[2])}
    with picture(folder / "merewether.png", size=(5.0, 3.0)) as ax:
        names = list(gauges)
        ax.plot(names, [gauges[n][4] for n in names], "o", color=REFERENCE, label="observed")
        ax.plot(names, [gauges[n][5] for n in names], "x", color="#888888", label="TUFLOW")
        for scheme, colour in (("full", WATER), ("inertial", SECOND)):
            ran = run(folder, _scenario(scheme, gauges))
            peak = {name: max(ran.gauges[name].stage_m) for name in names}
            apart = float(np.mean([abs(peak[n] - gauges[n][4]) for n in names]))
            out.figures.append(
                Figure(f"{scheme}: mean error of peak stage", apart, "m", 0.12, reference="TUFLOW's")
            )
            for name in names:
                out.figures.append(
                    Figure(
                        f"{scheme}, {name}: peak stage", peak[name], "m", reference=f"observed {gauges[name][4]:g}"
                    )
                )
            out.figures.append(Figure(f"{scheme}: relative volume error", ran.largest_error, "", 1e-6))
            ax.plot(names, [peak[n] for n in names], "_", ms=16, mew=2, color=colour, label=scheme)
        ax.set(ylabel="peak stage (m AHD)")
        ax.legend()
    out.pictures.append((folder / "merewether.png", "peak stage at five points"))
    return out


def _scenario(scheme: str, gauges: dict[str, list[float]]) -> dict[str, object]:
    return {
        "scenario": f"merewether-{scheme}",
        "terrain": {"file": str(_DATA / "topography1.zip"), "crs": "EPSG:32756"},
        "coordinates": "terrain",
        "manning_n": {"default": 0.04, "areas": [{"file": str(_DATA / "Road/RoadPolygon.csv"), "n": 0.02}]},
        "buildings": {"file": str(_DATA / "houses"), "as": "raise", "height_m": 3.0},
        "scheme": scheme,
        "duration_s": 1000,
        "output_every_s": 100,
        "inflows": [{"name": "creek", "at": [382265, 6354280], "radius_m": 10, "discharge_m3_s": 19.7}],
        "boundaries": [
            {"name": "north", "edge": "north", "type": "open"},
            {"name": "east", "edge": "east", "type": "open"},
        ],
        "gauges": [{"name": name, "at": row[:2]} for name, row in gauges.items()],
    }
