"""Finished pieces that were made for a caller, kept for the next ones; made once, whoever asks meanwhile waits."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

from naru.errors import ServerBusy

T = TypeVar("T")
_ABOUT = 200  # bytes that a kept piece costs beside its own


def cost_of_bytes(piece: bytes) -> int:
    """Return the bytes of memory that a piece takes."""
    return _ABOUT + len(piece)


def cost_of_list(pieces: list[bytes]) -> int:
    """Return the bytes of memory that several pieces take."""
    return sum(map(cost_of_bytes, pieces))


class Kept(Generic[T]):
    """The latest pieces of up to `most_bytes` in all. Names must tell versions apart: nothing is ever stale.

    Where making them takes long, `most_here` bounds the callers that make or wait, `most_begun` the pieces that are
    being made, and `patience_s` the waiting; beyond that callers are refused.
    """

    def __init__(
        self,
        most_bytes: int,
        cost: Callable[[T], int],
        *,
        most_here: int | None = None,
        most_begun: int | None = None,
        patience_s: float | None = None,
    ) -> None:
        self._most_bytes, self._cost = most_bytes, cost
        self._most_here, self._most_begun, self._patience_s = most_here, most_begun, patience_s
        self._pieces: OrderedDict[Hashable, T] = OrderedDict()
        self._size = self._here = 0
        self._begun: dict[Hashable, Future[T]] = {}
        self._lock = threading.Lock()  # of all above; held for no longer than it takes to look something up

    @property
    def here(self) -> int:
        """How many callers make something or wait for it at this moment."""
        return self._here

    def find(self, name: Hashable) -> T | None:
        """Return the piece of that name if it is kept."""
        with self._lock:
            found = self._pieces.get(name)
            if found is not None:
                self._pieces.move_to_end(name)
            return found

    def get(self, name: Hashable, make: Callable[[], T]) -> T:
        """Return the piece of that name, made by `make` unless it is kept; `make`'s errors are all callers'.

        Raises:
            ServerBusy: too many callers are here already, or it took too long.
        """
        with self._lock:
            found = self._pieces.get(name)
            if found is not None:
                self._pieces.move_to_end(name)
                return found
            begun, is_first = self._begun.get(name), name not in self._begun
            self._check_room(is_first=is_first)
            if begun is None:
                begun = self._begun[name] = Future()
            self._here += 1
        try:
            return self._made(name, begun, make) if is_first else self._awaited(begun)
        finally:
            with self._lock:
                self._here -= 1

    def forget(self) -> None:
        """Let go of everything that is kept."""
        with self._lock:
            self._pieces.clear()
            self._size = 0

    def _check_room(self, *, is_first: bool) -> None:
        crowded = self._most_here is not None and self._here >= self._most_here
        if crowded or (is_first and self._most_begun is not None and len(self._begun) >= self._most_begun):
            raise busy()

    def _made(self, name: Hashable, begun: Future[T], make: Callable[[], T]) -> T:
        """Make the piece, keep it, and tell those who wait for the same."""
        try:
            piece = make()
        except BaseException as error:
            with self._lock:
                del self._begun[name]
            begun.set_exception(error)
            raise
        with self._lock:
            del self._begun[name]
            self._keep(name, piece)
        begun.set_result(piece)
        return piece

    def _awaited(self, begun: Future[T]) -> T:
        try:
            return begun.result(self._patience_s)
        except TimeoutError as cause:
            if begun.done():  # it was the making that ran out of time
                raise
            raise busy() from cause

    def _keep(self, name: Hashable, piece: T) -> None:
        self._pieces[name] = piece
        self._size += self._cost(piece)
        while self._size > self._most_bytes:
            _, oldest = self._pieces.popitem(last=False)
            self._size -= self._cost(oldest)


def busy() -> ServerBusy:
    """Return what a caller is told who would wait too long."""
    return ServerBusy("too many pictures are being drawn", remedy="Try again in a moment; stored tiles are served.")
