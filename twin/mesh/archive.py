"""A layer of heights becomes a tileset of meshes: zoom by zoom from the roots, on all cores, in flat memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from naru.cog import BLOCK
from naru.errors import BadOption
from naru.pmtiles import About, PMTilesWriter, tile_id
from naru.records import BBox, Progress
from naru.storage import disk_errors
from naru.threads import bounded_map, cores
from twin.ellipsoid import A_M
from twin.mesh.heights import Heights, gdal
from twin.mesh.quantized import EXTENSIONS
from twin.mesh.tiles import LEVEL_ZERO_ERROR_M, MARGIN, Plan, Tile, make_tile
from twin.mesh.triangulate import SPAN
from twin.mesh.undulation import Undulation

MAX_ERROR_M = 0.25
FINER = 1  # 256 pixels across a tile: see bench/README.md
_ROOTS = ((0, 0, 0), (0, 1, 0))
_AHEAD = 4  # tiles a thread in memory


@dataclass(frozen=True, kw_only=True)
class MeshOptions:
    """How a mesh is made. Heights and errors in metres."""

    max_error_m: float | None = None  # at the last zoom; None: MAX_ERROR_M, or 1/40 pixel where that is more
    minzoom: int = 0  # below it, tiles have their corners only
    maxzoom: int | None = None  # None: where a node is a pixel of the source
    threads: int | None = None  # None: one a core
    finer: int = FINER


@dataclass
class _Zoom:
    tiles: list[tuple[int, int]] = field(default_factory=list)  # x, y from the north
    triangles: int = 0
    error_m: float = 0.0
    bytes: int = 0


def build_mesh(
    source: Path,
    destination: Path,
    options: MeshOptions,
    undulation: Undulation,
    facts: tuple[BBox, tuple[float, float]],
    progress: Progress,
) -> dict[str, Any]:
    """Mesh a tile-aligned COG of heights (EPSG:3857, metres) into a PMTiles archive; return what it is (`about`).

    Tiles are gzip-compressed quantized-mesh-1.0 in WorldCRS84Quad, numbered by depth = zoom + 1 with rows from the
    north. Both roots are there, and below them the tiles in which the source has a height. `facts`: the layer's
    bounds (degrees) and its lowest and highest height.

    Raises BadOption: zooms that the source cannot have; ArchiveDamaged, StorageFailed.
    """
    bounds, span = facts
    with (
        disk_errors(destination),
        Heights(source) as heights,
        PMTilesWriter(destination) as writer,
        ThreadPoolExecutor(options.threads or cores(), "mesh") as pool,
    ):
        maxzoom = last_zoom(heights.maxzoom, options)
        plan = plan_of(options, maxzoom, undulation, span)
        zooms = _zooms(heights, plan, maxzoom, (pool, writer, options.threads or cores()), progress)
        progress(0.98, "writing the archive")
        about = _about(plan, options, zooms, bounds)
        head = About(tile_type="unknown", bounds=_within(bounds), minzoom=1, maxzoom=maxzoom + 1)
        metadata = {"name": destination.stem, "tile_matrix_set": "WorldCRS84Quad", "first": 1} | about
        written = writer.finish(head, metadata)
    return about | {"tiles": written.tiles, "bytes": written.size}


def last_zoom(pixels_zoom: int, options: MeshOptions) -> int:
    """Return the mesh's last zoom for a source whose full resolution is `pixels_zoom` of WebMercatorQuad.

    Raises BadOption: the source has no pixels for the zoom that is asked, or it lies below the first.
    """
    finest = max(0, pixels_zoom - options.finer)
    last = finest if options.maxzoom is None else options.maxzoom
    if last > finest:
        raise BadOption(
            f"--maxzoom {last} is finer than the layer: its pixels are those of zoom {finest}",
            field="maxzoom",
            remedy=f"Say at most {finest}, or leave it out.",
        )
    if options.minzoom > last:
        raise BadOption(
            f"--minzoom {options.minzoom} is above the last zoom, {last}",
            field="minzoom",
            remedy=f"Say at most {last}, or leave it out.",
        )
    return last


def plan_of(options: MeshOptions, maxzoom: int, undulation: Undulation, span: tuple[float, float]) -> Plan:
    """Return what all tiles have in common. `span`: the lowest and the highest height of the source, metres."""
    between = [float(m) for m in (undulation.metres.min(), undulation.metres.max())]
    low, high = min(0.0, span[0]) + between[0], max(0.0, span[1]) + between[1]
    step = 2.0 ** math.ceil(math.log2(max(high - low, 1.0) / (SPAN - 2)))
    errors = {z: math.floor(LEVEL_ZERO_ERROR_M / 4 / 2**z * 1000) / 1000 for z in range(maxzoom + 1)}
    errors[maxzoom] = min(errors[maxzoom], _asked(options, maxzoom))
    if errors[maxzoom] * MARGIN < step:
        raise BadOption(
            f"--max-error {errors[maxzoom]:g} is less than the format can keep of heights from {low:.0f} to "
            f"{high:.0f} m: {step / MARGIN:.2g} m",
            field="max-error",
            remedy=f"Say at least {step / MARGIN:.2g}.",
        )
    errors |= dict.fromkeys(range(options.minzoom), math.inf)
    return Plan(undulation, options.finer, errors, step)


def _asked(options: MeshOptions, maxzoom: int) -> float:
    if options.max_error_m is not None:
        return options.max_error_m
    pixel_m = 2 * math.pi * A_M / (BLOCK << maxzoom + options.finer)
    return max(MAX_ERROR_M, round(pixel_m / 40, 3))


def _zooms(
    heights: Heights, plan: Plan, maxzoom: int, means: tuple[Executor, PMTilesWriter, int], progress: Progress
) -> list[_Zoom]:
    """Make every zoom's tiles from the roots on: only where a tile has heights can those below it have some."""
    pool, writer, threads = means
    out: list[_Zoom] = []
    wanted: list[tuple[int, int, int]] = list(_ROOTS)
    with gdal():

        def make(tile: tuple[int, int, int]) -> Tile:
            with gdal():  # an environment is a thread's own
                return make_tile(heights, plan, tile, always=tile in _ROOTS)

        for z in range(maxzoom + 1):
            zoom = _Zoom()
            for count, made in enumerate(bounded_map(pool, make, wanted, _AHEAD * threads)):
                share = 4.0 ** (z - maxzoom)
                progress(0.98 * share * (0.25 + 0.75 * count / len(wanted)), f"zoom {z}")
                if made.data is None:
                    continue
                writer.add(tile_id(z + 1, made.x, made.y), made.data)
                zoom.tiles.append((made.x, made.y))
                zoom.triangles += made.triangles
                zoom.error_m = max(zoom.error_m, made.error_m)
                zoom.bytes += len(made.data)
            out.append(zoom)
            below = ((z + 1, 2 * x + i, 2 * y + k) for x, y in zoom.tiles for i in (0, 1) for k in (0, 1))
            wanted = sorted(below, key=lambda tile: tile_id(tile[0] + 1, tile[1], tile[2]))
    return out


def _about(plan: Plan, options: MeshOptions, zooms: list[_Zoom], bounds: BBox) -> dict[str, Any]:
    last = len(zooms) - 1
    return {
        "format": "quantized-mesh-1.0",
        "minzoom": 0,
        "maxzoom": last,
        "bounds": list(bounds),
        "available": [ranges(zoom.tiles, z) for z, zoom in enumerate(zooms)],
        "extensions": list(EXTENSIONS),
        "max_error_m": {str(z): _stated(error) for z, error in plan.max_error_m.items()},
        "measured_error_m": {str(z): round(zoom.error_m, 4) for z, zoom in enumerate(zooms)},
        "seam_step_m": plan.step_m,
        "pixels_a_tile": 128 << plan.finer,
        "triangles": {str(z): zoom.triangles for z, zoom in enumerate(zooms)},
        "detailed_from": options.minzoom,
        "geoid_undulation_m": round(plan.undulation.middle_m, 4),
        "geoid": plan.undulation.how,
    }


def _stated(error: float) -> float | None:
    """Return a bound for JSON, which has no infinity; None: the tile has its corners only."""
    return None if math.isinf(error) else error


def ranges(tiles: Iterable[tuple[int, int]], z: int) -> list[dict[str, int]]:
    """Return tiles (x, y from the north) as the few rectangles of layer.json's `available`: rows from the south.

    >>> ranges([(4, 1), (5, 1), (4, 0), (5, 0)], 2)
    [{'startX': 4, 'startY': 2, 'endX': 5, 'endY': 3}]
    """
    rows: dict[int, list[int]] = {}
    for x, y in tiles:
        rows.setdefault((1 << z) - 1 - y, []).append(x)
    open_boxes: dict[tuple[int, int], dict[str, int]] = {}
    out: list[dict[str, int]] = []
    for y in sorted(rows):
        following: dict[tuple[int, int], dict[str, int]] = {}
        for run in _runs(sorted(rows[y])):
            box = open_boxes.get(run)
            if box is None or box["endY"] != y - 1:
                box = {"startX": run[0], "startY": y, "endX": run[1], "endY": y}
                out.append(box)
            box["endY"] = y
            following[run] = box
        open_boxes = following
    return out


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    start = before = numbers[0]
    for number in numbers[1:]:
        if number != before + 1:
            yield start, before
            start = number
        before = number
    yield start, before


def _within(bounds: BBox) -> BBox:
    west, south, east, north = bounds
    return max(-180.0, west), max(-90.0, south), min(180.0, east), min(90.0, north)
