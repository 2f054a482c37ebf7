"""Layers with what the twin makes beside their tiles, written here by hand: mesh, models, river, grid, bed.

The river runs due north through the scene of `tests/rasters.py`, straight and 100 m wide, in a grid of 10 m cells.
"""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import rasterio
import sqlalchemy as sa
from affine import Affine
from pyproj import Transformer

from naru.house import House
from naru.pmtiles import PMTilesWriter, tile_id
from naru.pmtiles.writer import About
from naru.records import Asset
from twin.burning.provenance import ORIGINS

CRS, CELL_M, SIDE = "EPSG:5186", 10.0, 300  # of the grid; cells of a side
WEST, NORTH = 193_500.0, 552_500.0
MIDDLE, HALF_M = WEST + 1500.0, 50.0  # easting of the river's middle; half its width
STAGE_M, BED_M, GROUND_M = 2.5, -1.0, 5.0
MESH_BOUNDS = (126.91, 37.54, 126.96, 37.58)
MESH_ABOUT: dict[str, Any] = {
    "format": "quantized-mesh-1.0",
    "minzoom": 0,
    "maxzoom": 10,
    "bounds": list(MESH_BOUNDS),
    "available": [
        [{"startX": 0, "startY": 0, "endX": 1, "endY": 0}],
        *([] for _ in range(9)),
        [{"startX": 1746, "startY": 725, "endX": 1746, "endY": 726}],
    ],
    "extensions": ["octvertexnormals"],
    "max_error_m": {"0": 77067.0, "10": 75.0},
    "vertical_datum": "KVD1964",
    "geoid_undulation_m": 23.0,
}
MESH_TILES = ((0, 0, 0), (0, 1, 0), (10, 1746, 725), (10, 1746, 726))  # z, x, row from the south
GLB = struct.pack("<4sII", b"glTF", 2, 12) + bytes(5000)  # one that packs well
NOISE = bytes(np.random.default_rng(5).integers(0, 256, 4000, np.uint8))  # one that does not
ENTRIES = {
    "tileset.json": json.dumps({"asset": {"version": "1.1"}, "root": {"content": {"uri": "tiles/0.glb"}}}).encode(),
    "tiles/0.glb": GLB,
    "tiles/건물.glb": NOISE,
    "page.html": b"<script>alert(1)</script>",
}


def terrain_tile(low_m: float = 10.0, high_m: float = 20.0) -> bytes:
    """Return a tile of two triangles, as quantized-mesh 1.0 has it: a square, low in the west, high in the east."""
    head = struct.pack("<3d2f3dd3d", 0, 0, 0, low_m, high_m, 0, 0, 0, 1, 0, 0, 0)
    u, v, height = (0, 32767, 0, 32767), (0, 0, 32767, 32767), (0, 32767, 0, 32767)
    corners = b"".join(_zigzag(axis) for axis in (u, v, height))
    triangles = struct.pack("<I6H", 2, 0, 0, 0, 2, 0, 2)  # 0 1 2, 1 3 2: high-water mark
    edges = b"".join(struct.pack("<I2H", 2, *pair) for pair in ((0, 2), (0, 1), (1, 3), (2, 3)))
    return head + struct.pack("<I", 4) + corners + triangles + edges


def _zigzag(values: tuple[int, ...]) -> bytes:
    steps = np.diff(np.array((0, *values)))
    return ((steps << 1) ^ (steps >> 31)).astype("<u2").tobytes()


def write_mesh(path: Path) -> Path:
    """Write an archive of four mesh tiles."""
    with PMTilesWriter(path) as writer:
        for number, (z, x, y) in enumerate(MESH_TILES):
            packed = gzip.compress(terrain_tile(high_m=20.0 + number), mtime=0)
            writer.add(tile_id(z + 1, x, (1 << z) - 1 - y), packed)  # archives count depth, and rows from the north
        writer.finish(About(bounds=MESH_BOUNDS, minzoom=1, maxzoom=11), {})
    return path


def write_package(path: Path, entries: Mapping[str, bytes] = ENTRIES, method: int = zipfile.ZIP_STORED) -> Path:
    """Write a ZIP of models."""
    with zipfile.ZipFile(path, "w", method) as package:
        for name, content in entries.items():
            package.writestr(name, content)
    return path


def write_grid(path: Path) -> Path:
    """Write the river's grid: ground beside it, the bed in it, unknown in the first ten columns."""
    across = np.broadcast_to(WEST + (np.arange(SIDE) + 0.5) * CELL_M, (SIDE, SIDE))
    is_river = abs(across - MIDDLE) < HALF_M
    bed = np.where(is_river, BED_M, GROUND_M).astype("f4")
    bed[:, :10] = np.nan
    depth = np.where(is_river, STAGE_M - BED_M, 0.0).astype("f4")
    rough = np.where(is_river, 0.03, 0.06).astype("f4")
    source = np.where(is_river, 2, 0).astype("f4")
    source[(abs(across - MIDDLE) > 70) & (abs(across - MIDDLE) < 80)] = 6
    bands = {"bed_elevation": bed, "water_depth": depth, "manning_n": rough, "provenance": source}
    place = Affine(CELL_M, 0, WEST, 0, -CELL_M, NORTH)
    shape = {"count": 4, "height": SIDE, "width": SIDE, "dtype": "float32", "nodata": np.nan, "tiled": True}
    with rasterio.open(path, "w", driver="GTiff", crs=CRS, transform=place, compress="deflate", **shape) as out:
        for number, (name, values) in enumerate(bands.items(), 1):
            out.write(values, number)
            out.set_band_description(number, name)
    return path


def lonlat(easting: float, northing: float) -> list[float]:
    """Return a place of the grid in degrees."""
    found = Transformer.from_crs(CRS, "OGC:CRS84", always_xy=True).transform(easting, northing)
    return [float(axis) for axis in found]


def river() -> dict[str, Any]:
    """Return what `river.json` says of it: it flows south, so its left bank is in the east."""
    ends = (NORTH - 100, NORTH - 2900)
    ways = {
        name: [lonlat(MIDDLE + side * HALF_M, at) for at in ends]
        for name, side in (("centreline", 0), ("left_bank", 1), ("right_bank", -1))
    }
    sections = [
        {
            "id": f"S{number}",
            "chainage_m": 500.0 * number,
            "line": [lonlat(MIDDLE + side, ends[0] - 500.0 * number) for side in (60, -60)],
            "station_m": [0, 120],
            "bed_elevation_m": [GROUND_M, GROUND_M],
        }
        for number in range(1, 6)
    ]
    reach = {"id": "본류", **ways, "downstream": None, "profile": {"chainage_m": []}, "sections": sections}
    return {"reaches": [reach], "vertical_datum": "KVD1964", "warnings": ["x" * 2000]}


def attach_all(house: House, layer_id: str) -> None:
    """Give a layer everything that a river terrain has."""
    folder = Path(mkdtemp(dir=house.settings.home))
    (folder / "river.json").write_text(json.dumps(river(), ensure_ascii=False), "utf-8")
    for kind in ("glb", "stl", "obj", "xml"):
        (folder / f"bed.{kind}").write_bytes(bytes(range(256)) * 4 + kind.encode())
    beds = {f"bed.{kind}": (folder / f"bed.{kind}", {"triangles": 2}) for kind in ("glb", "stl", "obj", "xml")}
    grid = {"crs": CRS, "cell_m": CELL_M, "vertical_datum": "KVD1964", "water_stage_m": STAGE_M}
    grid["provenance"] = {str(origin.code): origin.name for origin in ORIGINS}
    files = {
        "mesh": (write_mesh(folder / "mesh.pmtiles"), MESH_ABOUT),
        "models": (write_package(folder / "models.3tz"), {"features": 2}),
        "river": (folder / "river.json", {}),
        "grid": (write_grid(folder / "grid.tif"), grid),
    }
    attach(house, layer_id, files | beds)
    shutil.rmtree(folder)


def attach(house: House, layer_id: str, files: Mapping[str, tuple[Path, Mapping[str, Any]]]) -> None:
    """Give a layer's live version assets: by name, a file (which is moved) and what is said of it."""
    live = house.catalogue.layer(layer_id).live
    assets = [Asset(name, house.storage.put(path), about) for name, (path, about) in files.items()]
    house.catalogue.attach(layer_id, live.number, assets, _nothing)


def _nothing(_: sa.Connection) -> None:
    """Do no more in the transaction."""
