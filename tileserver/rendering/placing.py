"""Which labels are shown: a rule that looks only so far, so that neighbouring pictures decide alike.

Labels by turns of who comes first would hang together across the whole map: whether one is shown may depend on
another far outside of the picture. Here a label is decided by its near neighbours alone. In each round those
labels are shown that come before all that they touch; then those that touch one of them are given up. After
`ROUNDS` rounds whoever is left is given up too. No label reaches further than `REACH` from its anchor, so what is
seen in a picture depends on anchors up to (4 · ROUNDS - 1) · REACH from its edge, and no further.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

Box = tuple[float, float, float, float]  # left, top, right, bottom
ROUNDS = 2
REACH = 72.0  # pixels of a picture that is not doubled
SIGHT = 512  # pixels around a picture in which labels are looked for: (4 · 2 - 1) · 72 = 504
_CELL = 2 * REACH


class Claim(NamedTuple):
    """A label that would be shown: the boxes that it needs, and its rank; lower ranks come first, none is equal."""

    boxes: tuple[Box, ...]
    rank: tuple[float | int | str, ...]
    yields: bool = True  # to others; False: shown in any case, and in nobody's way


def placed(claims: Sequence[Claim]) -> list[int]:
    """Return the numbers of the claims that are granted, in order of their ranks, last first."""
    order = sorted(range(len(claims)), key=lambda k: claims[k].rank)
    place = {k: at for at, k in enumerate(order)}
    rivals = _rivals(claims)
    shown = [k for k in order if not claims[k].yields]
    undecided = {k for k in order if claims[k].yields}
    for _ in range(ROUNDS):
        first = [k for k in undecided if all(place[k] < place[rival] for rival in rivals[k] & undecided)]
        shown += first
        undecided.difference_update(first, *(rivals[k] for k in first))
    return sorted(shown, key=lambda k: -place[k])


def _rivals(claims: Sequence[Claim]) -> dict[int, set[int]]:
    """Return for each claim the others that touch it."""
    cells: dict[tuple[int, int], list[int]] = defaultdict(list)
    rivals: dict[int, set[int]] = defaultdict(set)
    for k, claim in enumerate(claims):
        if not claim.yields:
            continue
        for cell in {cell for box in claim.boxes for cell in _cells(box)}:
            for other in cells[cell]:
                if other not in rivals[k] and _touch(claim, claims[other]):
                    rivals[k].add(other)
                    rivals[other].add(k)
            cells[cell].append(k)
    return rivals


def _cells(box: Box) -> list[tuple[int, int]]:
    columns = range(int(box[0] // _CELL), int(box[2] // _CELL) + 1)
    rows = range(int(box[1] // _CELL), int(box[3] // _CELL) + 1)
    return [(column, row) for column in columns for row in rows]


def _touch(one: Claim, other: Claim) -> bool:
    return any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for a in one.boxes for b in other.boxes)
