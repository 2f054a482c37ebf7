"""Manning's n of every cell: of the channel, the flood plain, and what stands on it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from twin.burning.cells import Mask
from twin.grid import Values

LOWEST_N, HIGHEST_N = 0.005, 1.0  # s·m^-1/3: smoother than glass, rougher than a forest in flood


def roughness(
    channel: Mask, known: Mask, channel_n: float, floodplain_n: float, over: Values | None = None
) -> npt.NDArray[np.float32]:
    """Return Manning's n (s·m^-1/3), NaN where nothing is known of the ground.

    `over` (NaN: nothing said) goes before the flood plain's, not before the channel's.
    """
    out = np.full(channel.shape, floodplain_n, np.float32)
    if over is not None:
        np.copyto(out, over, where=~np.isnan(over), casting="same_kind")
    out[channel] = channel_n
    out[~known] = np.nan
    return out


def from_land_cover(classes: npt.NDArray[np.integer], table: Mapping[int, float]) -> tuple[Values, tuple[int, ...]]:
    """Return Manning's n by class of land cover (NaN for a class without one), and the classes that had none.

    >>> n, missing = from_land_cover(np.array([[10, 20]]), {10: 0.03})
    >>> n[0, 0], missing
    (np.float32(0.03), (20,))
    """
    present, place = np.unique(classes, return_inverse=True)
    n = np.array([table.get(int(code), np.nan) for code in present], np.float32)
    missing = tuple(int(code) for code in present[np.isnan(n)])
    return n[place].reshape(classes.shape), missing
