"""Threads that share the spans of a step; the kernels run without the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np

from twin.flood.records import Ints

Result = TypeVar("Result")
CELLS_A_THREAD = 150_000  # fewer are done before another thread has woken


class Crew:
    """So many threads at most, the caller's among them."""

    def __init__(self, threads: int) -> None:
        self.most = threads if threads > 0 else len(os.sched_getaffinity(0))
        self._forced = threads > 0
        self._pool: ThreadPoolExecutor | None = None

    def parts(self, spans: Ints, cells: int) -> list[slice]:
        """Return which spans each thread does: about as many cells for each."""
        count = self.most if self._forced else min(self.most, cells // CELLS_A_THREAD)
        if count < 2 or len(spans) < 2:
            return [slice(0, len(spans))]
        ends = np.cumsum((spans[:, 1] - spans[:, 0]) * (spans[:, 3] - spans[:, 2]))
        cuts = np.searchsorted(ends, ends[-1] * np.arange(1, count) / count) + 1
        marks = np.unique(np.concatenate([[0], cuts, [len(spans)]]))
        return [slice(int(a), int(b)) for a, b in pairwise(marks)]

    def run(self, work: Callable[[int], Result], count: int) -> list[Result]:
        """Return `work(0)` … `work(count - 1)`, done at the same time."""
        if count == 1:
            return [work(0)]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.most - 1, thread_name_prefix="flood")
        others = [self._pool.submit(work, part) for part in range(1, count)]
        first = work(0)
        return [first, *(other.result() for other in others)]
