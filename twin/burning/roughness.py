"""Manning's n of every cell: of the channel, the flood plain, and what stands on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.burning.cells import Mask
from twin.grid import Values


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
