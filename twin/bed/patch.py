"""The bed of one reach, on the part of a frame that its channel covers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from twin.bed.channel import Channel
from twin.bed.records import EXTRAPOLATED, INTERPOLATED, OUTSIDE, SURVEYED
from twin.bed.shapes import Shapes
from twin.bed.soundings import Correction, correction
from twin.grid import Frame, Values
from twin.survey.records import Reach, Soundings

_CHUNK = 200_000  # cells at a time: with soundings each takes half a kilobyte meanwhile
_THREADS = 2


@dataclass(frozen=True)
class Part:
    """A reach, its channel, and its sections in it."""

    reach: Reach
    along: Channel
    shapes: Shapes
    numbers: tuple[int, ...]  # of `reach.sections`: those that cross the channel, in the order of `shapes`


@dataclass(frozen=True)
class Patch:
    """Arrays of rows × columns, on a part of the frame."""

    window: tuple[slice, slice]
    s: Values  # float32; NaN outside the channel
    u: Values  # float32
    z: Values  # float32; NaN also before the first section and beyond the last
    source: npt.NDArray[np.uint8]


def patch(part: Part, frame: Frame, method: str, soundings: Soundings | None) -> Patch | None:
    """Return a reach's bed; None where the frame does not meet its channel."""
    window, frame = _window(part.along, frame)
    if frame.rows <= 0 or frame.columns <= 0:
        return None
    s = np.full((frame.rows, frame.columns), np.nan, np.float32)
    u, z, source = s.copy(), s.copy(), np.zeros(s.shape, np.uint8)
    part.along.draw(frame, s, u)
    _mend(part.along, frame, s, u)
    excess = None if soundings is None else correction(soundings, part.along, part.shapes, method)
    cells = np.flatnonzero(~np.isnan(s))
    chunks = [cells[start : start + _CHUNK] for start in range(0, len(cells), _CHUNK)]

    def fill(chunk: npt.NDArray[np.int64]) -> None:
        _fill(part.shapes, method, excess, frame.cell_m, chunk, (s, u, z, source))

    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(fill, chunks))
    if soundings is not None:
        _mark(soundings, frame, source)
    return Patch(window, s, u, z, source)


def _window(along: Channel, frame: Frame) -> tuple[tuple[slice, slice], Frame]:
    """Return which rows and columns a channel covers, and these as a frame."""
    ends = np.concatenate((along.left, along.right))
    (west, south), (east, north) = ends.min(axis=0), ends.max(axis=0)
    top = max(0, floor((frame.north - north) / frame.cell_m))
    first = max(0, floor((west - frame.west) / frame.cell_m))
    bottom = min(frame.rows, ceil((frame.north - south) / frame.cell_m))
    last = min(frame.columns, ceil((east - frame.west) / frame.cell_m))
    corner = frame.west + first * frame.cell_m, frame.north - top * frame.cell_m
    own = Frame(*corner, frame.cell_m, bottom - top, last - first, frame.crs)
    return (slice(top, bottom), slice(first, last)), own


def _mend(along: Channel, frame: Frame, s: Values, u: Values) -> None:
    """Give cells that lie between the banks, but between no two rulings, what the nearest cell has.

    Rulings of straight lines leave a bank line that doubles back on itself in places.
    """
    import rasterio.features
    from affine import Affine
    from scipy.ndimage import distance_transform_edt

    ring = np.concatenate((along.left, along.right[::-1], along.left[:1]))
    shape = {"type": "Polygon", "coordinates": [ring.tolist()]}
    place = Affine(frame.cell_m, 0, frame.west, 0, -frame.cell_m, frame.north)
    between = rasterio.features.rasterize([(shape, 1)], out_shape=s.shape, transform=place, dtype="uint8") == 1
    missing = between & np.isnan(s)
    if missing.any() and not np.isnan(s).all():
        near = distance_transform_edt(np.isnan(s), return_distances=False, return_indices=True)
        row, column = near[0][missing], near[1][missing]
        s[missing], u[missing] = s[row, column], u[row, column]


def _fill(
    shapes: Shapes,
    method: str,
    excess: Correction | None,
    cell_m: float,
    cells: npt.NDArray[np.int64],
    arrays: tuple[Values, Values, Values, Values],
) -> None:
    """Write bed and source of cells."""
    s, u, z, source = (values.reshape(-1) for values in arrays)
    own_s, own_u = s[cells].astype(np.float64), u[cells].astype(np.float64)
    bed, near, beyond = shapes.bed(own_s, own_u, method)
    known = ~np.isnan(bed)
    if excess is not None and known.any():
        bed[known] += excess.at(own_s[known], own_u[known], near[known])
    z[cells] = bed
    kind = np.where(beyond, EXTRAPOLATED, np.where(near <= cell_m / 2, SURVEYED, INTERPOLATED))
    source[cells] = np.where(known, kind, OUTSIDE)


def _mark(soundings: Soundings, frame: Frame, source: npt.NDArray[np.uint8]) -> None:
    """Mark the cells that hold a sounding."""
    row, column = (np.rint(place).astype(int) for place in frame.place(soundings.x, soundings.y))
    here = (row >= 0) & (row < frame.rows) & (column >= 0) & (column < frame.columns)
    row, column = row[here], column[here]
    source[row, column] = np.where(source[row, column] == OUTSIDE, OUTSIDE, SURVEYED)
