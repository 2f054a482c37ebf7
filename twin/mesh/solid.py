"""The river bed as a closed solid: bed on top, upright sides, a flat floor; for flow solvers, printers, viewers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twin.grid import Grid
from twin.mesh.landxml import write_landxml
from twin.mesh.lattice import Ints, Lattice, Mask, lattice_of
from twin.mesh.solid_files import write_glb, write_obj, write_stl
from twin.survey.records import Reach

Floats32 = npt.NDArray[np.float32]
MOST_TRIANGLES = 2_000_000
FLOOR_M = 1.0  # of the solid's floor below the lowest bed


@dataclass(frozen=True)
class Solid:
    """A closed surface. `xyz`: (points, 3) metres east, north and up from `origin`; faces look outwards."""

    xyz: Floats32
    faces: Ints  # (triangles, 3)
    origin: tuple[float, float, float]  # x, y in the CRS, z in the vertical datum


@dataclass(frozen=True)
class Solids:
    """What was written: files by the name of the asset that each is to be, and what they are."""

    files: Mapping[str, Path]  # "bed.glb", "bed.stl", "bed.obj", "bed.xml"
    about: Mapping[str, Any]  # of each of them alike

    def assets(self) -> list[dict[str, Any]]:
        """Return them as the `assets` of a part of a job of kind "together"."""
        return [{"name": n, "file": str(path), "about": dict(self.about)} for n, path in self.files.items()]


def write_solids(
    bed: Grid,
    inside: Mask,
    folder: Path,
    *,
    name: str,
    floor_m: float = FLOOR_M,
    max_triangles: int = MOST_TRIANGLES,
    reaches: Sequence[Reach] = (),
) -> Solids:
    """Write the river bed as `bed.glb`, `bed.stl`, `bed.obj` (closed solids) and `bed.xml` (LandXML 1.2 surface).

    `bed`: bed elevations, metres, in a projected CRS. `inside` (rows × columns): cells between the banks, as a
    raster of the bed. The solid's top goes through the centres of those cells, its floor lies `floor_m` metres
    below the lowest of them; positions are metres from the origin that `about` states, so that float32 keeps
    better than a millimetre over ten kilometres. `name` may be Korean. More than `max_triangles` are thinned:
    `about` says to which step and with what largest error. `reaches` add their centre lines and sections to the
    LandXML.

    Raises BadInput: no place of the river is two cells wide.
    """
    lattice = lattice_of(bed, inside, max(1, max_triangles // 4))
    solid = solid_of(lattice, floor_m)
    folder.mkdir(parents=True, exist_ok=True)
    files = {kind: folder / kind for kind in ("bed.glb", "bed.stl", "bed.obj", "bed.xml")}
    about = _about(bed, lattice, solid)
    write_glb(files["bed.glb"], solid.xyz, solid.faces, name, about)
    write_stl(files["bed.stl"], solid.xyz, solid.faces, name)
    write_obj(files["bed.obj"], solid.xyz, solid.faces, name, about)
    datum = bed.vertical_datum
    write_landxml(files["bed.xml"], lattice, name, crs=bed.frame.crs, vertical_datum=datum, reaches=reaches)
    return Solids(files, about)


def solid_of(lattice: Lattice, floor_m: float = FLOOR_M) -> Solid:
    """Return the closed solid under a lattice; its floor repeats the top's triangles, turned over.

    Every edge belongs to exactly two triangles, also where points are told apart by their place alone (STL).
    """
    count = lattice.x.size
    floor = float(lattice.z.min()) - floor_m
    origin = _origin(lattice, floor)
    top = np.column_stack([lattice.x - origin[0], lattice.y - origin[1], lattice.z - origin[2]])
    xyz = np.concatenate([top, top * [1, 1, 0] + [0, 0, floor - origin[2]]]).astype(np.float32)
    upper = lattice.triangles
    return Solid(xyz, np.concatenate([upper, upper[:, ::-1] + count, _sides(lattice.quads, count)]), origin)


def _origin(lattice: Lattice, floor: float) -> tuple[float, float, float]:
    """Return whole metres near the middle, so that people can add them by hand."""
    x = round((float(lattice.x.min()) + float(lattice.x.max())) / 2)
    y = round((float(lattice.y.min()) + float(lattice.y.max())) / 2)
    return float(x), float(y), float(np.floor(floor))


def _sides(quads: Ints, count: int) -> Ints:
    """Return two triangles under each outer edge, looking outwards: the edge's quad lies to its left."""
    start, end = quads.ravel(), np.roll(quads, -1, axis=1).ravel()
    key = start * count + end
    outer = ~np.isin(key, end * count + start)
    a, b = start[outer], end[outer]
    return np.concatenate([np.column_stack([a, a + count, b + count]), np.column_stack([a, b + count, b])])


def _about(bed: Grid, lattice: Lattice, solid: Solid) -> dict[str, Any]:
    return {
        "triangles": len(solid.faces),
        "crs": bed.frame.crs,
        "vertical_datum": bed.vertical_datum,
        "origin": list(solid.origin),
        "cell_m": bed.frame.cell_m * lattice.step,
        "max_error_m": round(lattice.max_error_m, 4),
        "cells_left_out": lattice.cells_left_out,
        "bed_elevation_m": [round(float(lattice.z.min()), 3), round(float(lattice.z.max()), 3)],
    }
