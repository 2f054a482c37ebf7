"""The loop behind `placing.py`: which of many boxes touch, and who of them stays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from naru.kernel import inner, kernel

OPEN, SHOWN, GIVEN_UP = 0, 1, 2  # what has become of a label


def decide(boxes: Sequence[tuple[Sequence[float], int]], state: Sequence[int], rounds: int) -> list[int]:
    """Return the labels that are shown, by rank; `boxes` with the rank of the label each belongs to."""
    decided = np.array(state, np.int64)
    if boxes:
        corners = np.array([box for box, _ in boxes], np.float64)
        owners = np.array([owner for _, owner in boxes], np.int64)
        by_left = np.argsort(corners[:, 0], kind="stable")
        _decide(corners[by_left], owners[by_left], decided, rounds)
    return [int(at) for at in np.flatnonzero(decided == SHOWN)]


@inner
def _touch(boxes: NDArray[np.float64], i: int, j: int) -> bool:
    return bool(
        boxes[i, 0] < boxes[j, 2]
        and boxes[j, 0] < boxes[i, 2]
        and boxes[i, 1] < boxes[j, 3]
        and boxes[j, 1] < boxes[i, 3]
    )


@kernel
def _decide(boxes: NDArray[np.float64], owners: NDArray[np.int64], state: NDArray[np.int64], rounds: int) -> None:
    """Decide in rounds; boxes in order of their left sides, so that those that touch lie near each other."""
    count = len(boxes)
    fresh = np.zeros(len(state), np.bool_)
    for _ in range(rounds):
        for at in range(len(state)):
            fresh[at] = state[at] == OPEN
        for i in range(count):
            j = i + 1
            while j < count and boxes[j, 0] < boxes[i, 2]:
                a, b = owners[i], owners[j]
                if a != b and state[a] == OPEN and state[b] == OPEN and _touch(boxes, i, j):
                    fresh[max(a, b)] = False
                j += 1
        for i in range(count):
            j = i + 1
            while j < count and boxes[j, 0] < boxes[i, 2]:
                a, b = owners[i], owners[j]
                if a != b and (fresh[a] or fresh[b]) and _touch(boxes, i, j):
                    loser = b if fresh[a] else a
                    if state[loser] == OPEN:
                        state[loser] = GIVEN_UP
                j += 1
        for at in range(len(state)):
            if fresh[at]:
                state[at] = SHOWN
