"""Where pictures are drawn from a COG's numbers, and the last ones kept.

This module is light; what draws (`drawing.py` beside it, with rasterio behind it) is loaded for the first picture.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from tileserver.kept import Kept, busy, cost_of_bytes
from tileserver.rasters.looks import Look, Subject

if TYPE_CHECKING:
    from tileserver.rasters.drawing import Easel

_MOST_BYTES = 32 << 20  # of kept pictures: some thousand
_NOTHING = b""  # what is kept of a tile where nothing is
EASELS = 2  # pictures that are drawn at a time: GDAL and Pillow let go of the interpreter's lock, Python does not
MOST_HERE = 24  # callers that draw or wait for it; the desk has 64 threads, and the others are for documents
LONGEST_WAIT_S = 10.0
Tile = tuple[int, int, int]  # z, x, y


class Drawing(Protocol):
    """What draws: an `Easel`."""

    def draw(self, subject: Subject, look: Look, z: int, x: int, y: int) -> bytes | None:
        """Return a picture; None where nothing is."""
        ...


class Studio:
    """Draws tiles, a few at a time, each once however many ask for it; refuses who would wait too long."""

    def __init__(self, most_bytes: int = _MOST_BYTES, easels: int = EASELS, most_here: int = MOST_HERE) -> None:
        self._kept: Kept[bytes] = Kept(most_bytes, cost_of_bytes, most_here=most_here, patience_s=LONGEST_WAIT_S)
        self._easels: list[Drawing | None] = [None] * easels  # those that are free; None: to be made
        self._free = threading.Semaphore(easels)
        self._lock = threading.Lock()  # of the easels

    def draw(self, version: str, subject: Subject, look: Look, tile: Tile) -> bytes | None:
        """Return the picture of `tile`, or None: nothing is there; `version` names archive and look, as ETags do.

        Raises:
            ArchiveDamaged: the archive cannot be read.
            ServerBusy: too many callers draw or wait already, or it took too long.
        """
        drawn = self._kept.get((version, *tile), lambda: self._by_a_free_easel(subject, look, tile) or _NOTHING)
        return drawn or None

    def find(self, version: str, tile: Tile) -> bytes | None:
        """Return the picture of `tile` if it is kept and shows anything."""
        return self._kept.find((version, *tile)) or None

    def _by_a_free_easel(self, subject: Subject, look: Look, tile: Tile) -> bytes | None:
        if not self._free.acquire(timeout=LONGEST_WAIT_S):
            raise busy()
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
        return self._kept.here

    def forget(self) -> None:
        """Let go of every picture that is kept."""
        self._kept.forget()


def _new_easel() -> Easel:
    from tileserver.rasters.drawing import Easel

    return Easel()
