"""On which cells a scenario runs: the terrain's own, or others over the part that `domain` cuts out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from pyproj import CRS
from rasterio.warp import transform_bounds

from naru import runs
from naru.errors import BadSpec, CrsRefused, TooLarge
from twin.crs import terrain_crs
from twin.fields import only_own_files
from twin.flood.records import Options
from twin.grid import Frame
from twin.memory import machine_memory
from twin.scenario.opening import Opened
from twin.scenario.spec import Box

# at the most crowded moment of a run: 145, 235, 175 and 285 were measured at 9 million cells, with rain and outputs
BYTES_PER_CELL = {
    ("inertial", "float32"): 160,
    ("inertial", "float64"): 255,
    ("full", "float32"): 195,
    ("full", "float64"): 310,
}
_SHARE = 0.7  # of the machine's memory that one run may take
_SQUARE = 1e-3  # by which a cell's sides may differ and count as equal
_SAME = 1e-6
_SMALLEST_M, _LARGEST_M = 1e-4, 1e5  # sides of cells


def crs_of(raster: Opened, wanted: str | None, file: str, warn: Callable[[str], None], *, is_layer: bool) -> str:
    """Return the system in which the water runs, "" where the terrain has none.

    Layers that were ingested as they are lie in Web Mercator: they are brought into a system of the place.

    Raises:
        CrsRefused: degrees, feet or Web Mercator without another system in `domain.crs`; or a wish for another
            where the terrain has none to come from.
    """
    if raster.crs is None:
        if wanted is not None:
            raise CrsRefused(
                "the terrain does not say what its coordinates are in, so they cannot be brought into others",
                file=file,
                field="domain.crs",
                remedy="Say what they are in: `terrain: {file: …, crs: EPSG:…}`.",
            )
        return ""
    if wanted is not None:
        return wanted
    code = raster.crs.to_epsg()
    axes = raster.crs.axis_info
    metric = raster.crs.is_projected and all(abs(a.unit_conversion_factor - 1) < 1e-12 for a in axes)
    if code == 3857 and is_layer:  # which layers are kept in is no choice of the user
        suited = _suited(raster)
        warn(f"the layer '{raster.named}' is kept in Web Mercator: its heights are brought into {suited}")
        return suited
    if not metric or code == 3857:
        unit = axes[0].unit_name if axes else "unknown unit"
        raise CrsRefused(
            f"the terrain's cells are in {unit}s of '{raster.crs.name}'" + (", which stretches lengths" * metric),
            file=file,
            field="domain.crs",
            remedy=f"Name a system in metres, such as `domain: {{crs: {_suited(raster)}, cell_m: …}}`: "
            "the terrain is brought into it.",
        )
    return terrain_crs(f"EPSG:{code}", file) if code else raster.crs.to_wkt()


def _suited(raster: Opened) -> str:
    """Return a system in metres that fits: Korea's, else the zone of UTM."""
    assert raster.crs is not None
    west, south, east, north = transform_bounds(raster.crs.to_wkt(), "EPSG:4326", *raster.bounds)
    lon, lat = (west + east) / 2, (south + north) / 2
    if 124 < lon < 132 and 33 < lat < 39:
        return "EPSG:5186"
    return f"EPSG:{(32600 if lat >= 0 else 32700) + int((lon + 180) // 6) + 1}"


def same_system(raster: Opened, crs: str) -> bool:
    """Whether a raster's cells are in a system; one that says none is taken to be."""
    return raster.crs is None or not crs or raster.crs.equals(CRS.from_user_input(crs), ignore_axis_order=True)


def own_bounds(raster: Opened, crs: str) -> Box:
    """Return where a raster lies, in a system."""
    if same_system(raster, crs):
        return raster.bounds
    west, south, east, north = transform_bounds(_wkt(raster), crs, *raster.bounds, densify_pts=21)
    return west, south, east, north


def frame_of(raster: Opened, crs: str, cell_m: float | None, box: Box | None, warn: Callable[[str], None]) -> Frame:
    """Return the cells: the terrain's own where they are square and of the size wanted, else new ones.

    `box` is in `crs`. Cells of the terrain that it touches belong to it. Raises BadSpec, named "domain.…".
    """
    if not same_system(raster, crs):
        bounds = own_bounds(raster, crs)
        if not np.isfinite(bounds).all():
            raise CrsRefused(
                f"the terrain, as its coordinates say, does not lie where {crs} is used",
                file=raster.named,
                field="domain.crs",
                remedy="Name a system of the place, or correct the terrain's `crs`.",
            )
        return _new_frame(bounds, raster, crs, cell_m, box)
    width, height = raster.cell
    if not _SMALLEST_M <= min(width, height) <= max(width, height) <= _LARGEST_M:
        raise BadSpec(
            f"the terrain's cells are {width:g} × {height:g} m where {_SMALLEST_M:g} to {_LARGEST_M:g} m are "
            "expected",
            file=raster.named,
            field="terrain",
            remedy="Check the unit of its coordinates.",
        )
    square = abs(width / height - 1) < _SQUARE
    if not square and cell_m is None:
        raise BadSpec(
            f"the terrain's cells are {width:g} × {height:g} m, not square",
            file=raster.named,
            field="domain.cell_m",
            remedy=f"Say of what size they shall be: `domain: {{cell_m: {min(width, height):g}}}`.",
        )
    if square and width != height and abs(width / height - 1) > _SAME:
        warn(f"the terrain's cells are {width:.9g} × {height:.9g} m: taken for squares of {width:.9g} m")
    left, top, columns, rows = _window(raster, box, warn)
    west, _, _, north = raster.bounds
    west, north = west + left * width, north - top * height
    if square and (cell_m is None or abs(cell_m / width - 1) < _SQUARE):
        return Frame(west, north, width, rows, columns, crs)
    assert cell_m is not None
    return Frame(west, north, cell_m, _count(rows * height, cell_m), _count(columns * width, cell_m), crs)


def _count(length: float, cell_m: float) -> int:
    """Return how many cells cover a length, the last by half at least."""
    return max(1, math.floor(length / cell_m + 0.5))


def _window(raster: Opened, box: Box | None, warn: Callable[[str], None]) -> tuple[int, int, int, int]:
    """Return first column, first row, columns and rows of the terrain's cells that a box touches."""
    if box is None:
        return 0, 0, raster.columns, raster.rows
    west, south, east, north = raster.bounds
    width, height = raster.cell
    if box[0] >= east or box[2] <= west or box[1] >= north or box[3] <= south:
        raise _beside(box, raster.bounds)
    if min(box[0] - west, box[1] - south) < -width or max(box[2] - east, box[3] - north) > width:
        warn("the domain reaches beyond the terrain: it ends where the terrain ends")
    left, right = max(0, _down((box[0] - west) / width)), min(raster.columns, -_down((west - box[2]) / width))
    top, bottom = max(0, _down((north - box[3]) / height)), min(raster.rows, -_down((box[1] - north) / height))
    return left, top, max(1, right - left), max(1, bottom - top)


def _down(cells: float) -> int:
    return math.floor(cells + 1e-6)


def _new_frame(bounds: Box, raster: Opened, crs: str, cell_m: float | None, box: Box | None) -> Frame:
    """Return cells of another system than the terrain's, on whole multiples of their size."""
    west, south, east, north = bounds
    if cell_m is None:
        side = math.sqrt((east - west) * (north - south) / (raster.rows * raster.columns))
        cell_m = float(f"{side:.2g}")
    if box is not None:
        if box[0] >= east or box[2] <= west or box[1] >= north or box[3] <= south:
            raise _beside(box, bounds)
        west, south, east, north = max(west, box[0]), max(south, box[1]), min(east, box[2]), min(north, box[3])
    left, top = math.floor(west / cell_m + 1e-9) * cell_m, math.ceil(north / cell_m - 1e-9) * cell_m
    return Frame(
        left,
        top,
        cell_m,
        max(1, math.ceil((top - south) / cell_m - 1e-9)),
        max(1, math.ceil((east - left) / cell_m - 1e-9)),
        crs,
    )


def _beside(box: Box, bounds: Box) -> BadSpec:
    return BadSpec(
        f"field 'domain' lies beside the terrain: x {box[0]:.9g} to {box[2]:.9g}, y {box[1]:.9g} to {box[3]:.9g}",
        field="domain",
        remedy=f"The terrain reaches from x {bounds[0]:.10g} to {bounds[2]:.10g}, y {bounds[1]:.10g} to "
        f"{bounds[3]:.10g}. Longitude comes before latitude; `coordinates: terrain` says that numbers are its own.",
    )


def _wkt(raster: Opened) -> str:
    assert raster.crs is not None
    return str(raster.crs.to_wkt())


def bytes_needed(frame: Frame, options: Options) -> int:
    """Return how much memory a run on these cells takes."""
    return frame.rows * frame.columns * BYTES_PER_CELL[options.scheme, options.precision]


def check_memory(frame: Frame, options: Options, file: str, memory: int | None = None) -> None:
    """Refuse cells that the machine cannot hold, before any is read. `memory` is in bytes.

    Raises:
        TooLarge: says how much they would need, and from which size on they fit.
    """
    memory = machine_memory() if memory is None else memory
    need, most = bytes_needed(frame, options), int(memory * _SHARE)
    if need <= most:
        return
    fits = frame.cell_m * math.sqrt(need / most)
    raise TooLarge(
        f"{frame.columns} × {frame.rows} cells of {frame.cell_m:g} m need {need / 1e9:.1f} GB of memory "
        f"({need // (frame.rows * frame.columns)} bytes a cell); {most / 1e9:.1f} GB may be used here",
        file=file,
        field="domain.cell_m",
        remedy=f"Take cells of {fits * 1.01:.3g} m or more, or a smaller part of the terrain.",
    )


def check_share(frame: Frame, times: float, file: str) -> None:
    """Refuse what a run that came over HTTP may not take of a server: `times` are its outputs. Raises TooLarge."""
    if not only_own_files():
        return
    share, cells = runs.share_now(), frame.rows * frame.columns
    size = f"{frame.columns} × {frame.rows} cells of {frame.cell_m:g} m"
    if cells > share.cells:
        raise TooLarge(
            f"{size} are more than the {share.cells:,} that a run over HTTP may have here",
            file=file,
            field="domain.cell_m",
            remedy=f"Take cells of {frame.cell_m * math.sqrt(cells / share.cells) * 1.01:.3g} m or more, a smaller "
            "part of the terrain, or have it run where the terrain is.",
        )
    if cells * times > share.numbers:
        raise TooLarge(
            f"{times:.0f} outputs of {size} are more than the {share.numbers:,} numbers that a run over HTTP may "
            "write",
            file=file,
            field="output_every_min",
            remedy=f"Write {int(share.numbers / cells)} times at most, or fewer cells.",
        )


def densified(box: Box) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return points around a box (n × 2), so that its sides stay inside when they are bent by a projection."""
    west, south, east, north = box
    t = np.linspace(0, 1, 22)
    x, y = west + t * (east - west), south + t * (north - south)
    sides = [
        (x, np.full_like(x, south)),
        (x, np.full_like(x, north)),
        (np.full_like(y, west), y),
        (np.full_like(y, east), y),
    ]
    return np.concatenate([np.column_stack(side) for side in sides])
