"""Byte strings numbered in the order in which they are first met; kernels, and a dictionary that lies on disk."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.tiling.kernel import inner, kernel
from ingest.tiling.shapes import Ints
from ingest.tiling.spool import Room

_FREE = -1


class Dictionary(NamedTuple):
    """Byte strings one after the other: item i is data[starts[i]:starts[i+1]]."""

    starts: Ints
    data: NDArray[np.uint8]

    @property
    def size(self) -> int:
        """How many strings there are."""
        return self.starts.size - 1


class Numbering:
    """Gives each different byte string a number: 0, 1, 2 …"""

    def __init__(self, room: Room) -> None:
        self._starts, self._data = room.spool(np.int64), room.spool(np.uint8)
        self._starts.add(np.zeros(1, np.int64))
        self._slots = np.full(1 << 10, _FREE, np.int64)

    def numbers(self, items: Dictionary) -> Ints:
        """Return the number of each item; items met before have theirs."""
        known = self._starts.size - 1
        starts = self._starts.reserve(known + items.size + 1)
        data = self._data.reserve(self._data.size + items.data.size)
        if 2 * (known + items.size) > self._slots.size:
            self._slots = _spread(self._slots, 4 * (known + items.size))
        numbers, count = _numbered(items.starts, items.data, starts, data, self._slots, known)
        self._starts.size, self._data.size = count + 1, int(starts[count])
        return numbers

    def dictionary(self) -> Dictionary:
        """Return all strings, by number."""
        return Dictionary(self._starts.mapped(), self._data.mapped())


def chained(dictionaries: list[Dictionary], room: Room) -> Dictionary:
    """Return the strings of all dictionaries, one after the other."""
    starts = room.empty((sum(d.size for d in dictionaries) + 1,), np.int64)
    starts[0] = at = end = 0
    for one in dictionaries:
        starts[at + 1 : at + one.size + 1] = one.starts[1:] + end
        at, end = at + one.size, end + int(one.starts[-1])
    return Dictionary(starts, room.chained([d.data for d in dictionaries], np.uint8))


def _spread(slots: Ints, least: int) -> Ints:
    """Return a table of at least so many slots, a power of two, with the same entries."""
    bigger = np.full(1 << (least - 1).bit_length(), _FREE, np.int64)
    _fill(slots, bigger)
    return bigger


@inner
def _hash(data: Any, first: int, last: int) -> Any:
    """Return 31 bits that depend on every byte (Fowler, Noll & Vo's FNV-1a, folded)."""
    number = np.uint64(0xCBF29CE484222325)
    for k in range(first, last):
        number = (number ^ np.uint64(data[k])) * np.uint64(0x100000001B3)
    return np.int64((number ^ (number >> np.uint64(32))) & np.uint64(0x7FFFFFFF))


@inner
def _same(a: Any, first: int, last: int, b: Any, start: int, end: int) -> bool:
    k = 0
    while first + k < last and start + k < end and a[first + k] == b[start + k]:
        k += 1
    return bool(first + k == last and start + k == end)


@kernel
def _fill(slots: Ints, bigger: Ints) -> None:
    mask = bigger.size - 1
    for slot in slots:
        if slot != -1:
            at = (slot >> 32) & mask
            while bigger[at] != -1:
                at = (at + 1) & mask
            bigger[at] = slot


@kernel
def _numbered(item_starts: Ints, items: Any, starts: Ints, data: Any, slots: Ints, known: int) -> tuple[Ints, int]:
    """Return the items' numbers and how many strings are known now; new ones are added to starts and data."""
    mask = slots.size - 1
    numbers = np.empty(item_starts.size - 1, np.int64)
    for i in range(numbers.size):
        first, last = item_starts[i], item_starts[i + 1]
        tag = _hash(items, first, last)
        at = tag & mask
        while True:
            slot = slots[at]
            if slot == -1:
                end = starts[known]
                for k in range(first, last):
                    data[end + k - first] = items[k]
                starts[known + 1] = end + last - first
                slots[at] = tag << 32 | known
                numbers[i] = known
                known += 1
                break
            number = slot & 0xFFFFFFFF
            if slot >> 32 == tag and _same(data, starts[number], starts[number + 1], items, first, last):
                numbers[i] = number
                break
            at = (at + 1) & mask
    return numbers, known
