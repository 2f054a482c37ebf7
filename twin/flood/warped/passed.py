"""What passed the boundary's faces: counted face by face on the device, summed by boundary on the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.flood.records import Boundary, Ints
from twin.flood.warped.device import kernel, launch, sent, wp
from twin.grid import Floats


class Passed:
    """Sums of m³ a face: in, its rounding error, out, its rounding error. Each thread has its own: none waits."""

    def __init__(self, boundary: Boundary, face: Ints, inwards: Ints, device: Any) -> None:
        """Take flat indices into the flow through faces, and the sign of what comes in there (1 or -1)."""
        self._boundary, self._device = boundary, device
        self._where = sent(np.stack([face, inwards]).astype(np.int32), device)
        self._sums = wp.zeros((4, len(face)), dtype=wp.float64, device=device)

    def add(self, flow: Any, share: float) -> None:
        """Count a step: the flow through all faces (flat), `share` m³ for each m²/s."""
        launch(_count, self._where.shape[1], self._where, flow, wp.float64(share), self._sums, device=self._device)

    def come(self) -> Floats:
        """Return what came in through each boundary by name, m³."""
        return self._by_name(0)

    def gone(self) -> Floats:
        """Return what left through each, m³."""
        return self._by_name(2)

    def _by_name(self, row: int) -> Floats:
        sums = self.save()
        groups = max(len(self._boundary.names), int(self._boundary.group.max(initial=-1)) + 1)
        out = np.zeros(groups)
        np.add.at(out, self._boundary.group, sums[row] + sums[row + 1])
        return out[: len(self._boundary.names)]

    def save(self) -> Floats:
        """Return the sums, 4 × faces."""
        out: Floats = self._sums.numpy()
        return out

    def load(self, sums: Floats) -> None:
        """Go on from what `save` gave."""
        self._sums.assign(sums)


@kernel
def _count(where: Any, flow: Any, share: Any, passed: Any) -> None:
    """Add what passed each face, with the sum's rounding error (Neumaier 1974); threads: faces."""
    f = wp.tid()
    volume = wp.float64(flow[where[0, f]]) * wp.float64(where[1, f]) * share
    row = 0
    if volume < wp.float64(0.0):
        row = 2
    total, more = passed[row, f], wp.abs(volume)
    now = total + more
    if total >= more:
        passed[row + 1, f] = passed[row + 1, f] + ((total - now) + more)
    else:
        passed[row + 1, f] = passed[row + 1, f] + ((more - now) + total)
    passed[row, f] = now
