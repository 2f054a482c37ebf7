"""A run's cells on the web map's plane: which cell each pixel of EPSG:3857 shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from naru.cog import WEB_MERCATOR_EDGE_M as EDGE_M
from naru.records import BBox
from twin.grid import Frame

Indices = npt.NDArray[np.int64]
_NODES = 16  # pixels between places that are projected; in between coordinates run straight, to below a millimetre
_ALONG = 65  # places along each side of the frame when its box is looked for


@dataclass(frozen=True)
class Canvas:
    """Square pixels on EPSG:3857, rows from the north."""

    west: float  # m, of the outer edge
    north: float
    pixel_m: float  # of the plane: cos(latitude) of that on the ground
    rows: int
    columns: int

    @property
    def bounds(self) -> BBox:
        """West, south, east, north, degrees on WGS 84: the rectangle is one there too."""
        east, south = self.west + self.columns * self.pixel_m, self.north - self.rows * self.pixel_m
        return _lon(self.west), _lat(south), _lon(east), _lat(self.north)

    def part(self, row: int, column: int, rows: int, columns: int) -> Canvas:
        """Return some of its pixels."""
        west, north = self.west + column * self.pixel_m, self.north - row * self.pixel_m
        return Canvas(west, north, self.pixel_m, rows, columns)

    def cells(self, frame: Frame) -> Indices:
        """Return the flat index of the cell under the centre of each pixel; -1: outside the frame."""
        from pyproj import Transformer

        to_frame = Transformer.from_crs("EPSG:3857", frame.crs, always_xy=True)
        down = np.arange(-(-self.rows // _NODES) + 1) * _NODES
        across = np.arange(-(-self.columns // _NODES) + 1) * _NODES
        nodes = np.meshgrid(self.west + (across + 0.5) * self.pixel_m, self.north - (down + 0.5) * self.pixel_m)
        x, y = (_between(values, self.rows, self.columns) for values in to_frame.transform(*nodes))
        row, column = frame.place(x, y)
        row, column = np.floor(row + 0.5), np.floor(column + 0.5)
        inside = (row >= 0) & (row < frame.rows) & (column >= 0) & (column < frame.columns)
        flat = np.where(inside, row, 0) * frame.columns + np.where(inside, column, 0)
        out: Indices = np.where(inside, flat, -1).astype(np.int64)
        return out


def _between(nodes: npt.NDArray[np.float64], rows: int, columns: int) -> npt.NDArray[np.float64]:
    """Return values at every pixel, bilinear between nodes that lie `_NODES` apart."""
    down, across = np.arange(rows) / _NODES, np.arange(columns) / _NODES
    top, left = down.astype(int), across.astype(int)
    share_y, share_x = (down - top)[:, None], across - left
    rows_of_nodes = nodes[top] * (1 - share_y) + nodes[top + 1] * share_y
    out: npt.NDArray[np.float64] = rows_of_nodes[:, left] * (1 - share_x) + rows_of_nodes[:, left + 1] * share_x
    return out


def box_of(frame: Frame) -> tuple[float, float, float, float]:
    """Return west, south, east, north of a frame with a CRS, in EPSG:3857 metres."""
    from pyproj import Transformer

    west, south, east, north = frame.bounds
    x, y = np.linspace(west, east, _ALONG), np.linspace(south, north, _ALONG)
    ring_x = np.concatenate([x, x, np.full(_ALONG, west), np.full(_ALONG, east)])
    ring_y = np.concatenate([np.full(_ALONG, south), np.full(_ALONG, north), y, y])
    there_x, there_y = Transformer.from_crs(frame.crs, "EPSG:3857", always_xy=True).transform(ring_x, ring_y)
    return float(there_x.min()), float(there_y.min()), float(there_x.max()), float(there_y.max())


def canvas_for(frame: Frame, most: int) -> Canvas:
    """Return a canvas over a frame, its pixels no finer than the cells and at most `most` a side."""
    west, south, east, north = box_of(frame)
    middle = math.cos(math.radians(_lat((south + north) / 2)))
    pixel_m = max(frame.cell_m / middle, (east - west) / most, (north - south) / most)
    return Canvas(
        west,
        north,
        pixel_m,
        max(1, min(most, math.ceil((north - south) / pixel_m - 1e-9))),
        max(1, min(most, math.ceil((east - west) / pixel_m - 1e-9))),
    )


def _lon(x: float) -> float:
    return x / EDGE_M * 180


def _lat(y: float) -> float:
    return math.degrees(math.atan(math.sinh(y / EDGE_M * math.pi)))
