"""Buildings stand in the water's way: as high ground, or as rough ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twin.burning.cells import Floats, Mask, inside
from twin.grid import Frame, Values


def raise_buildings(
    values: Values, footprints: Sequence[Any], height_m: Floats, channel: Mask, frame: Frame
) -> tuple[Values, Mask]:
    """Return the surface with buildings on it, and the cells that they stand on.

    Each cell whose centre lies in a footprint (shapely polygons in `frame.crs`) is raised by the building's
    height (metres, one a footprint) above its own ground; of footprints that overlap the higher counts. No
    building stands in the channel.
    """
    from rasterio.features import rasterize

    from twin.burning.cells import transform

    if not len(footprints):
        return values, np.zeros(values.shape, bool)
    order = np.argsort(height_m, kind="stable")  # the higher is drawn later
    shapes = [(footprints[n], float(height_m[n])) for n in order]
    height = rasterize(shapes, values.shape, transform=transform(frame), dtype="float32")
    height[channel | np.isnan(values)] = 0
    return values + height, height > 0


def footprint_cells(footprints: Sequence[Any], channel: Mask, frame: Frame) -> Mask:
    """Return the cells whose centres lie in a footprint, outside the channel."""
    return inside(footprints, frame) & ~channel
