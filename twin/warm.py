"""Compile the river's kernels before anyone waits for them: `python -m twin.warm`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import rasterio
import shapely
from affine import Affine

from naru.cog import BLOCK, WEB_MERCATOR_EDGE_M
from twin.bed.interpolate import interpolate_bed
from twin.flood.full.warm import warm as warm_full
from twin.flood.inertial.warm import warm as warm_inertial
from twin.forcing.warm import warm as warm_forcing
from twin.grid import Frame
from twin.mesh.archive import MeshOptions, build_mesh
from twin.mesh.undulation import stated
from twin.models.outlines import outlines
from twin.runs.warm import warm as warm_runs
from twin.survey.records import CrossSection, Reach, Soundings, Survey
from twin.works.warm import warm as warm_works

_ZOOM = 12


def main() -> None:
    """Make a tiny river, mesh and outline; the compiled code stays on disk."""
    warm_inertial()
    warm_full()
    warm_forcing()
    warm_works()
    warm_runs()
    interpolate_bed(_survey(), Frame(0.0, 60.0, 5.0, 24, 60, "EPSG:5186"))
    outlines(np.array([shapely.box(0, 0, 8, 5)]))
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "hills.tif", Path(folder) / "hills.pmtiles"
        bounds = _write_hills(source)
        build_mesh(source, out, MeshOptions(), stated(0.0), (bounds, (0.0, 50.0)), lambda share, message: None)


def _survey() -> Survey:
    """Return a bent reach with four sections and some soundings."""
    s = np.linspace(0, 300, 31)
    centre = np.column_stack([s, 10 * np.sin(s / 60)])
    aside = np.array([0.0, 20.0])
    left, right = centre + aside, centre - aside
    sections = []
    for number, at in enumerate((15.0, 100.0, 190.0, 280.0)):
        y, station = 10 * np.sin(at / 60) + np.linspace(20, -20, 9), np.linspace(0, 40, 9)
        z = 2 - at / 300 + ((station - 20) / 20) ** 2
        sections.append(CrossSection(f"X{number}", "river", np.full(9, at), y, z, station, at))
    boat = np.linspace(110, 180, 8)
    soundings = Soundings(boat, 10 * np.sin(boat / 60), np.full(8, 1.2))
    return Survey((Reach("river", centre, left, right, tuple(sections)),), "EPSG:5186", "KVD1964", soundings)


def _write_hills(path: Path) -> tuple[float, float, float, float]:
    """Write heights on pixels of Web Mercator, beside 0° E, 0° N; return their bounds in degrees."""
    pixel = 2 * WEB_MERCATOR_EDGE_M / (BLOCK << _ZOOM)
    x, y = np.meshgrid(np.arange(BLOCK), np.arange(BLOCK))
    heights = (25 + 25 * np.sin(x / 9) * np.cos(y / 7)).astype(np.float32)
    about = {"count": 1, "width": BLOCK, "height": BLOCK, "dtype": "float32", "nodata": np.nan}
    place = {"crs": "EPSG:3857", "transform": Affine(pixel, 0, 0, 0, -pixel, BLOCK * pixel)}
    with rasterio.open(path, "w", driver="GTiff", **about, **place) as raster:
        raster.write(heights, 1)
    tile = 360 / 2**_ZOOM
    return 0.0, 0.0, tile, tile


if __name__ == "__main__":
    main()
