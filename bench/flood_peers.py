"""Run a flood case with another engine, by its own Python: `python flood_peers.py ENGINE CASE.npz OUT.npz`.

Needs nothing of ours. The case: bed, depth, n (rows × columns, from the north), cell_m, rain (m/s), seconds; walls
all around. Prints JSON: steps, cell_steps, cpu_s, wall_s of the time loop alone; OUT has the depth at the end.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Case = dict[str, Any]
Loop = Callable[[], tuple[int, Any]]


def landlab(case: Case) -> tuple[Loop, int]:
    """OverlandFlow (de Almeida et al. 2012), on cores framed by closed nodes."""
    from landlab import RasterModelGrid
    from landlab.components import OverlandFlow

    rows, columns = case["bed"].shape
    grid = RasterModelGrid((rows + 2, columns + 2), xy_spacing=case["cell_m"])

    def nodes(values: Any) -> Any:
        return np.pad(values[::-1], 1, "edge").reshape(-1).astype(float)

    grid.add_field("topographic__elevation", nodes(case["bed"]), at="node")
    grid.add_field("surface_water__depth", nodes(case["depth"]), at="node")
    grid.set_closed_boundaries_at_grid_edges(True, True, True, True)
    n = float(case["n"].mean())  # it takes one value
    flow = OverlandFlow(grid, h_init=1e-5, mannings_n=n, theta=0.9, rainfall_intensity=case["rain"])

    def loop() -> tuple[int, Any]:
        time_s, steps = 0.0, 0
        while time_s < case["seconds"] - 1e-9:
            dt = min(float(flow.calc_time_step()), case["seconds"] - time_s)
            flow.overland_flow(dt=dt)
            time_s += dt
            steps += 1
        depth = grid.at_node["surface_water__depth"].reshape(rows + 2, columns + 2)
        return steps, depth[1:-1, 1:-1][::-1]

    return loop, rows * columns


def itzi(case: Case) -> tuple[Loop, int]:
    """The surface flow of Itzï's own simulation, without GRASS around it."""
    from itzi.rasterdomain import RasterDomain
    from itzi.surfaceflow import SurfaceFlowSimulation

    shape, cell = case["bed"].shape, case["cell_m"]
    domain = RasterDomain(np.float32, np.zeros(shape, bool), (cell, cell))
    for key, name in (("dem", "bed"), ("friction", "n"), ("water_depth", "depth")):
        domain.update_array(key, case[name].astype(np.float32))
    domain.get_array("ext")[:] = case["rain"]
    told = {"dtmax": 20.0, "cfl": 0.7, "g": 9.80665, "theta": 0.9, "hmin": 0.005, "slmax": 0.8, "vrouting": 0.1}
    flow = SurfaceFlowSimulation(domain, told)
    flow.update_flow_dir()

    def loop() -> tuple[int, Any]:
        time_s, steps = 0.0, 0
        while time_s < case["seconds"] - 1e-9:
            flow.solve_dt()
            flow._dt = min(flow._dt, case["seconds"] - time_s)
            time_s += flow._dt
            flow.step()
            steps += 1
        return steps, domain.get_array("water_depth")

    return loop, shape[0] * shape[1]


def anuga(case: Case) -> tuple[Loop, int]:
    """Finite volumes on triangles, four to a cross of twice the cell's size, so one for each of our cells."""
    import anuga as engine

    rows, columns = case["bed"].shape
    cell = case["cell_m"]
    domain = engine.rectangular_cross_domain(columns // 2, rows // 2, columns * cell, rows * cell)
    domain.set_name("case")
    domain.store = False

    def at(values: Any) -> Callable[[Any, Any], Any]:
        def look(x: Any, y: Any) -> Any:
            i = np.clip(((rows * cell - y) / cell).astype(int), 0, rows - 1)
            return values[i, np.clip((x / cell).astype(int), 0, columns - 1)]

        return look

    domain.set_quantity("elevation", at(case["bed"]), location="centroids")
    domain.set_quantity("friction", at(case["n"]), location="centroids")
    domain.set_quantity("stage", at(case["bed"] + case["depth"]), location="centroids")
    wall = engine.Reflective_boundary(domain)
    domain.set_boundary(dict.fromkeys(("left", "right", "top", "bottom"), wall))
    engine.Rate_operator(domain, rate=case["rain"])

    def loop() -> tuple[int, Any]:
        for _ in domain.evolve(yieldstep=case["seconds"], finaltime=case["seconds"]):
            pass
        depth = (domain.quantities["stage"] - domain.quantities["elevation"]).centroid_values
        where = domain.centroid_coordinates
        i = ((rows * cell - where[:, 1]) / (2 * cell)).astype(int)
        j = (where[:, 0] / (2 * cell)).astype(int)
        sums = np.zeros((rows // 2, columns // 2))
        np.add.at(sums, (i, j), depth)
        return int(domain.number_of_steps), sums / 4

    return loop, int(domain.number_of_elements)


ENGINES = {"landlab": landlab, "itzi": itzi, "anuga": anuga}


def main() -> None:
    """Run it."""
    name, source, out = sys.argv[1:]
    with np.load(source) as file:
        case = {k: file[k] if file[k].ndim else float(file[k]) for k in file.files}
    loop, cells = ENGINES[name](case)
    cpu, wall = time.process_time(), time.perf_counter()
    steps, depth = loop()
    took = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    np.savez(out, depth=depth)
    print("\n" + json.dumps({"steps": steps, "cell_steps": steps * cells, **took}))


if __name__ == "__main__":
    main()
