"""Which labels are shown: a rule that looks only so far, so that neighbouring pictures decide alike.

Labels by turns of who comes first would hang together across the whole map: whether one is shown may depend on
another far outside of the picture. Here a label is decided by its near neighbours alone. In each round those
labels are shown that come before all that they touch; then those that touch one of them are given up. After
`ROUNDS` rounds whoever is left is given up too. No label reaches further than `REACH` from its anchor, so what is
seen in a picture depends on anchors up to (4 · ROUNDS - 1) · REACH from its edge, and no further.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Box = tuple[float, float, float, float]  # left, top, right, bottom
ROUNDS = 2
REACH = 72.0  # pixels of a picture that is not doubled
SIGHT = 512  # pixels around a picture in which labels are looked for: (4 · 2 - 1) · 72 = 504


class Claim(NamedTuple):
    """A label that would be shown: the boxes that it needs, and its rank; lower ranks come first, none is equal."""

    boxes: tuple[Box, ...]
    rank: tuple[float | int | str, ...]
    yields: bool = True  # to others; False: shown in any case, and in nobody's way


def placed(claims: Sequence[Claim]) -> list[int]:
    """Return the numbers of the claims that are granted, in order of their ranks, last first."""
    from tileserver.rendering.rivals import OPEN, SHOWN, decide

    order = sorted(range(len(claims)), key=lambda k: claims[k].rank)
    state = [OPEN if claims[k].yields else SHOWN for k in order]
    boxes = [(box, at) for at, k in enumerate(order) if claims[k].yields for box in claims[k].boxes]
    granted = decide(boxes, state, ROUNDS)
    return [order[at] for at in reversed(granted)]
