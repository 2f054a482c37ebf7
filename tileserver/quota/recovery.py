"""Settles what dead workers had leased, from the cells that they left behind.

Whatever dies in between, here too, may be done again: a lease that was closed is not known any more, and telling
the store about it changes nothing.
"""

from __future__ import annotations

import logging
from pathlib import Path

from naru.errors import StorageFailed
from tileserver.cells import Cells
from tileserver.quota.leases import KNOWN, Counters
from tileserver.quota.stores import SEQ_AFTER_DEATH, QuotaStore, Settlement, WindowLimit

log = logging.getLogger("naru.serve")


class KeptNowhere:
    """Counts in memory alone, where no file can be had: what a killed worker had leased counts as used then."""

    def __init__(self) -> None:
        self.values: list[int] = []

    def slot(self, name: str) -> int:
        """Return the index of a new count; names are of no use here."""
        self.values.append(0)
        return len(self.values) - 1

    def free(self, index: int) -> None:
        """Leave it: there are as many as leases in a worker's life."""


def settle_dead(store: QuotaStore, folder: Path) -> int:
    """Settle the leases of every dead worker whose cells lie in `folder`; return how many there were.

    Raises:
        QuotaUnavailable: the store does not answer; what it has not heard of stays for another time.
    """
    settled = 0
    for dead in Cells.abandoned(folder):
        settled += _settle(store, dead)
        dead.discard()
    return settled


def _settle(store: QuotaStore, dead: Cells) -> int:
    """Tell the store of one worker's leases: first those that it may not know, then the end of all."""
    sure = (
        dead.sure
    )  # pages of an earlier boot may be older than what was counted: then a lease counts as used whole
    found = [(slot, told) for slot, name in dead.taken() if (told := _told(name, dead.values[slot])) is not None]
    unknown = [(slot, told) for slot, told in found if sure and told.opens and told.counted]
    if unknown:
        store.settle([told for _, told in unknown])
        for slot, _ in unknown:
            dead.values[slot] |= KNOWN
    if found:
        store.settle([_last(told, whole=not sure) for _, told in found])
        log.warning("settled %s leases of a worker that was killed", len(found))
    return len(found)


def _told(name: str, value: int) -> Settlement | None:
    """Return what a cell says, to open its lease if the store was never told of it."""
    try:
        lease, key_id, day, day_ends, month, month_ends = name.split(" ")
        windows = WindowLimit(day, None, float(day_ends)), WindowLimit(month, None, float(month_ends))
    except ValueError:  # a page that the disk lost: its lease counts as used whole, as taken from the store
        log.warning("a cell's name cannot be read: %r", name)
        return None
    return Settlement(lease, key_id, *windows, SEQ_AFTER_DEATH, value & ~KNOWN, opens=not value & KNOWN)


def _last(told: Settlement, *, whole: bool) -> Settlement:
    about = (told.lease, told.key_id, told.day, told.month)
    return Settlement(*about, SEQ_AFTER_DEATH + 1, told.counted, close=True, whole=whole)


def open_cells(folder: Path | None) -> Counters:
    """Return this process's cells in `folder`, or counts in memory where there can be none."""
    if folder is None:
        return KeptNowhere()
    try:
        return Cells.open(folder)
    except StorageFailed as error:
        log.warning("%s: what this worker counts will not outlive it", error.one_line())
        return KeptNowhere()
