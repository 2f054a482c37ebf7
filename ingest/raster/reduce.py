"""Halves pixels for the next coarser zoom: means for pictures and heights, the most frequent value for classes.

Arrays are (bands, rows, columns) with even sides; what comes back has half of each.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]
How = Literal["rgba", "mean", "mode"]


def halve(pixels: Pixels, how: How, nodata: float | None) -> Pixels:
    """Halve by the rule of the raster's role; `nodata` pixels take no part ("rgba" has alpha for that)."""
    if how == "rgba":
        return halve_rgba(pixels)
    return halve_mode(pixels, nodata) if how == "mode" else halve_mean(pixels, nodata)


def _quarters(pixels: Pixels) -> Pixels:
    """Return the four pixels of each square: 4 × bands × rows × columns, from the top left clockwise but one."""
    return np.stack([pixels[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])


def halve_rgba(pixels: Pixels) -> Pixels:
    """Halve 8-bit colours weighted by alpha, so that what is transparent lends no colour to its neighbours.

    >>> halve_rgba(np.array([[[200, 0], [0, 0]]] * 3 + [[[255, 0], [0, 0]]], np.uint8)).ravel().tolist()
    [200, 200, 200, 64]
    """
    alpha = pixels[3]
    if alpha.min() == 255:
        total = pixels[:, ::2, ::2].astype(np.uint16)
        for i, j in ((0, 1), (1, 0), (1, 1)):
            total += pixels[:, i::2, j::2]
        return ((total + 2) >> 2).astype(np.uint8)
    quarters = _quarters(pixels).astype(np.uint32)
    weight = quarters[:, 3]
    total = weight.sum(axis=0)
    colours = (quarters[:, :3] * weight[:, None]).sum(axis=0)
    half = np.where(total > 0, (colours + total // 2) // np.maximum(total, 1), 0)
    return np.concatenate([half, ((total + 2) >> 2)[None]]).astype(np.uint8)


def halve_mean(pixels: Pixels, nodata: float | None) -> Pixels:
    """Halve by the mean of the valid ones of four; none valid: nodata. Whole numbers are rounded.

    >>> halve_mean(np.array([[[1.0, 3.0], [-9999.0, 2.0]]]), -9999.0).tolist()
    [[[2.0]]]
    """
    quarters = [pixels[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    total = np.zeros(quarters[0].shape, np.result_type(pixels.dtype, np.float32))  # holds a sum of four exactly
    count = np.zeros(total.shape, np.uint8)
    for quarter in quarters:
        valid = np.True_ if nodata is None else quarter != nodata
        np.add(total, quarter, out=total, where=valid)
        count += valid
    mean = total / np.maximum(count, 1)
    rounded: Pixels = mean if pixels.dtype.kind == "f" else np.rint(mean)
    return rounded.astype(pixels.dtype) if nodata is None else _filled(rounded, count, nodata, pixels.dtype)


def _filled(values: Pixels, count: Pixels, nodata: float, dtype: np.dtype[Any]) -> Pixels:
    out = values.astype(dtype)
    out[count == 0] = nodata
    return out


def halve_mode(pixels: Pixels, nodata: float | None) -> Pixels:
    """Halve by the most frequent valid value of four; of equally frequent ones, the first from the top left.

    >>> halve_mode(np.array([[[7, 9], [9, 3]]], np.uint8), None).tolist()
    [[[9]]]
    """
    quarters = _quarters(pixels)
    votes = np.stack([(quarters == one).sum(axis=0) for one in quarters])
    if nodata is not None:
        votes[quarters == nodata] = 0
    best = votes.argmax(axis=0)
    return np.asarray(np.take_along_axis(quarters, best[None], axis=0)[0])
