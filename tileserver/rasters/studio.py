"""Where pictures are drawn from a COG's numbers, and the last ones kept.

This module is light; what draws (`drawing.py` beside it, with rasterio behind it) is loaded for the first picture.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

from naru.errors import ServerBusy
from tileserver.rasters.looks import Look, Subject

if TYPE_CHECKING:
    from tileserver.rasters.drawing import Easel

_MOST_BYTES = 32 << 20  # of kept pictures: some thousand
_ABOUT = 200  # bytes that a kept picture costs beside its own: a tile with nothing is kept, too
EASELS = 2  # pictures that are drawn at a time: GDAL and Pillow let go of the interpreter's lock, Python does not
MOST_HERE = 24  # callers that draw or wait for it; the desk has 32 threads, and the others are for documents
LONGEST_WAIT_S = 10.0
Tile = tuple[int, int, int]  # z, x, y
_Name = tuple[str, int, int, int]


class Drawing(Protocol):
    """What draws: an `Easel`."""

    def draw(self, subject: Subject, look: Look, z: int, x: int, y: int) -> bytes | None:
        """Return a picture; None where nothing is."""
        ...


class Studio:
    """Draws tiles, a few at a time, each once however many ask for it; refuses who would wait too long."""

    def __init__(self, most_bytes: int = _MOST_BYTES, easels: int = EASELS, most_here: int = MOST_HERE) -> None:
        self._most_bytes = most_bytes
        self._most_here = most_here
        self._kept: OrderedDict[_Name, bytes | None] = OrderedDict()
        self._size = 0
        self._here = 0
        self._begun: dict[_Name, Future[bytes | None]] = {}
        self._easels: list[Drawing | None] = [None] * easels  # those that are free; None: to be made
        self._free = threading.Semaphore(easels)
        self._lock = threading.Lock()  # of all above; held for no longer than it takes to look something up

    def draw(self, version: str, subject: Subject, look: Look, tile: Tile) -> bytes | None:
        """Return the picture of `tile`, or None: nothing is there; `version` names archive and look, as ETags do.

        Raises:
            ArchiveDamaged: the archive cannot be read.
            ServerBusy: too many callers draw or wait already, or it took too long.
        """
        name = (version, *tile)
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
            if self._here >= self._most_here:
                raise _busy()
            self._here += 1
            begun, is_first = self._begun.get(name), name not in self._begun
            if begun is None:
                begun = self._begun[name] = Future()
        try:
            return self._drawn(name, begun, subject, look, tile) if is_first else _awaited(begun)
        finally:
            with self._lock:
                self._here -= 1

    def _drawn(
        self, name: _Name, begun: Future[bytes | None], subject: Subject, look: Look, tile: Tile
    ) -> bytes | None:
        """Draw, keep, and tell those who wait for the same."""
        try:
            picture = self._by_a_free_easel(subject, look, tile)
        except BaseException as error:
            with self._lock:
                del self._begun[name]
            begun.set_exception(error)
            raise
        with self._lock:
            del self._begun[name]
            self._keep(name, picture)
        begun.set_result(picture)
        return picture

    def _by_a_free_easel(self, subject: Subject, look: Look, tile: Tile) -> bytes | None:
        if not self._free.acquire(timeout=LONGEST_WAIT_S):
            raise _busy()
        easel: Drawing | None = None
        try:
            with self._lock:
                easel = self._easels.pop()
            easel = easel or _new_easel()
            return easel.draw(subject, look, *tile)
        finally:
            with self._lock:
                self._easels.append(easel)  # last in, first out: the one whose datasets are open
            self._free.release()

    @property
    def here(self) -> int:
        """How many callers draw or wait at this moment."""
        return self._here

    def forget(self) -> None:
        """Let go of every picture that is kept."""
        with self._lock:
            self._kept.clear()
            self._size = 0

    def _keep(self, name: _Name, picture: bytes | None) -> None:
        self._kept[name] = picture
        self._size += _cost(picture)
        while self._size > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._size -= _cost(oldest)


def _awaited(begun: Future[bytes | None]) -> bytes | None:
    try:
        return begun.result(LONGEST_WAIT_S)
    except TimeoutError as cause:
        raise _busy() from cause


def _cost(picture: bytes | None) -> int:
    return _ABOUT + len(picture or b"")


def _busy() -> ServerBusy:
    return ServerBusy("too many pictures are being drawn", remedy="Try again in a moment; stored tiles are served.")


def _new_easel() -> Easel:
    from tileserver.rasters.drawing import Easel

    return Easel()
