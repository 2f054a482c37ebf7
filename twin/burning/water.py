"""How deep the water stands below a stated stage, where it can get to from the river."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.burning.cells import Mask
from twin.grid import Values


def water_depth(surface: Values, stage_m: Values, channel: Mask) -> npt.NDArray[np.float32]:
    """Return the depth of the water, metres: stage less surface, 0 where it is dry, NaN where `surface` is.

    `stage_m` (same shape, or a number) is the water surface's elevation. Only cells count that water reaches from
    the channel over their sides, through cells that lie below the stage too: a low place behind a levee whose
    crest stands out of the water stays dry. This is a picture of standing water, not of a flood's flow: how much
    water there is, and how fast, it does not ask.
    """
    depth = np.where(reached(surface, stage_m, channel), stage_m - surface, 0.0).astype(np.float32)
    depth[np.isnan(surface)] = np.nan
    return depth


def reached(surface: Values, stage_m: Values, channel: Mask) -> Mask:
    """Return the cells below the stage that join over their sides with such cells of the channel."""
    from scipy.ndimage import label

    below = surface < stage_m  # NaN is not
    label_of, count = label(below)
    joined = np.zeros(count + 1, bool)
    joined[label_of[channel & below]] = True
    joined[0] = False
    out: Mask = joined[label_of]
    return out
