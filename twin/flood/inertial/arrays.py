"""The arrays of the scheme, in the bundles in which kernels get them."""

from __future__ import annotations

from typing import NamedTuple

from twin.grid import Values


class Ground(NamedTuple):
    """Cells, rows × columns."""

    h: Values  # depth, m
    z: Values  # bed above a local datum, m
    n: Values  # Manning's n · √g / 2: the sum of two cells' is √g times their mean n


class Flows(NamedTuple):
    """Faces: unit discharge, m²/s, positive along growing indices."""

    x: Values  # rows × (columns + 1): west of each cell
    y: Values  # (rows + 1) × columns: north of each cell
