"""Squares of a raster's pixels: values, and where there are any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Interleaving, MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

Alpha = NDArray[np.uint8]


@dataclass(frozen=True)
class Patch:
    """A square of a raster."""

    values: NDArray[Any]  # bands without the alpha, rows, columns
    alpha: Alpha  # rows, columns: 255 where the values count, 0 where nothing is

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Where there is anything."""
        return self.alpha > 0

    @property
    def first(self) -> NDArray[np.float32]:
        """The first band as float32; NaN where nothing is."""
        return self.known(0)

    def known(self, index: int) -> NDArray[np.float32]:
        """Return a band as float32; NaN where nothing is."""
        if self.alpha.all():
            return np.asarray(self.values[index], "f4")
        return np.where(self.alpha > 0, self.values[index], np.float32(np.nan)).astype("f4", copy=False)

    def doubled(self) -> Patch:
        """Return each pixel as four."""
        return Patch(self.values.repeat(2, 1).repeat(2, 2), self.alpha.repeat(2, 0).repeat(2, 1))

    def inner(self) -> Patch:
        """Return it without its outermost pixels."""
        return Patch(self.values[:, 1:-1, 1:-1], self.alpha[1:-1, 1:-1])


def read(dataset: DatasetReader, window: Window, bands: list[int], shape: tuple[int, int] | None = None) -> Patch:
    """Return a window that lies in the dataset; `bands` count from 1; `shape`: rows, columns to thin it out to."""
    values = dataset.read(bands, window=window, out_shape=(len(bands), *shape) if shape else None)
    if MaskFlags.all_valid in dataset.mask_flag_enums[0]:
        return Patch(values, np.full(values.shape[1:], 255, "u1"))
    if dataset.dtypes[0] == "uint8" and _has_alpha(dataset):
        return Patch(values, dataset.read(dataset.count, window=window, out_shape=shape))
    if dataset.interleaving == Interleaving.band and dataset.count > 1:  # each band is a picture of its own
        return Patch(values, _opaque_where(dataset.read_masks(bands[0], window=window, out_shape=shape) > 0))
    return Patch(values, _opaque_where(dataset.dataset_mask(window=window, out_shape=shape) > 0))


def read_padded(dataset: DatasetReader, column: int, row: int, side: int, bands: list[int]) -> Patch:
    """Return the square of `side` pixels from (column, row), which may reach beyond the raster."""
    left, top = max(0, column), max(0, row)
    right, bottom = min(dataset.width, column + side), min(dataset.height, row + side)
    if right - left == bottom - top == side:
        return read(dataset, Window(left, top, side, side), bands)
    values = np.zeros((len(bands), side, side), dataset.dtypes[0])
    alpha = np.zeros((side, side), "u1")
    if left < right and top < bottom:
        found = read(dataset, Window(left, top, right - left, bottom - top), bands)
        place = (slice(top - row, bottom - row), slice(left - column, right - column))
        values[(slice(None), *place)], alpha[place] = found.values, found.alpha
    return Patch(values, alpha)


def _has_alpha(dataset: DatasetReader) -> bool:
    return bool(dataset.colorinterp[-1].name == "alpha")


def _opaque_where(valid: NDArray[np.bool_]) -> Alpha:
    return valid.astype("u1") * np.uint8(255)
