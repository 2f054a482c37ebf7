"""What water whose state lies on the host answers of a few places: a base for schemes to inherit."""

from __future__ import annotations

import numpy as np

from twin.flood.catchment import Catchment, Cover
from twin.flood.records import Ints, Water
from twin.grid import Floats


class Hosted:
    """Reads from `depth`, `flow` and `face_flow`; it rains into `depth`."""

    def depths(self: Water, cells: Ints) -> Floats:
        """Return the depth in cells by flat indices, m."""
        depth = self.depth
        there = depth.ravel()[cells] if depth.flags.c_contiguous else depth[np.divmod(cells, depth.shape[1])]
        out: Floats = there.astype(np.float64)
        return out

    def flows(self: Water, cells: Ints) -> tuple[Floats, Floats]:
        """Return the unit discharge in cells by flat indices, m²/s, eastwards and southwards."""
        at = np.divmod(cells, self.depth.shape[1])
        east, south = self.flow()
        return east[at].astype(np.float64), south[at].astype(np.float64)

    def face_flows(self: Water, x_faces: Ints, y_faces: Ints) -> tuple[Floats, Floats]:
        """Return the unit discharge in the last step through faces by flat indices in `blocked_x`, `blocked_y`."""
        x, y = self.face_flow()
        through_x, through_y = x[np.divmod(x_faces, x.shape[1])], y[np.divmod(y_faces, y.shape[1])]
        return through_x.astype(np.float64), through_y.astype(np.float64)

    def settle(self) -> None:
        """Nothing to bring: the maxima lie here."""

    def catchment(self, cover: Cover) -> Catchment | None:
        """Return none: whoever brings rain writes it into `depth`."""
        return None
