"""Finished bytes that were made for a caller, kept for the next ones; made once, whoever asks meanwhile waits."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable


class Kept:
    """The latest pieces of up to `most_bytes` in all. Names must tell versions apart: nothing is ever stale."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._pieces: OrderedDict[Hashable, bytes] = OrderedDict()
        self._size = 0
        self._being_made: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, name: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return the piece of that name, made by `make` unless it is kept; `make`'s errors are the caller's."""
        found = self._find(name)
        if found is not None:
            return found
        with self._lock:
            turn = self._being_made.setdefault(name, threading.Lock())
        with turn:
            found = self._find(name)  # another thread may have made it while this one waited
            if found is None:
                try:
                    found = make()
                    self._keep(name, found)
                finally:
                    with self._lock:
                        self._being_made.pop(name, None)
        return found

    def _find(self, name: Hashable) -> bytes | None:
        with self._lock:
            found = self._pieces.get(name)
            if found is not None:
                self._pieces.move_to_end(name)
            return found

    def _keep(self, name: Hashable, piece: bytes) -> None:
        with self._lock:
            self._size += len(piece) - len(self._pieces.pop(name, b""))
            self._pieces[name] = piece
            while self._size > self._most_bytes:
                _, oldest = self._pieces.popitem(last=False)
                self._size -= len(oldest)
