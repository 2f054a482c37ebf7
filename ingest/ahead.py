"""The next item made while the last one is used: reading a file beside repairing what was read."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the items in order, each made by a second thread while the caller is busy with the one before.

    What making an item raises is raised here, in its place. No more than one item waits.
    """
    end = object()
    with ThreadPoolExecutor(1, "reading") as pool:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item  # type: ignore[misc]  # `end` is no item
