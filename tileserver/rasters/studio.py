"""Where pictures are drawn from a COG's numbers, and the last ones kept.

This module is light; what draws (`drawing.py` beside it, with rasterio behind it) is loaded for the first picture.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from tileserver.rasters.looks import Look, Subject

if TYPE_CHECKING:
    from tileserver.rasters.drawing import Easel

_MOST_BYTES = 32 << 20  # of kept pictures: some thousand


class Studio:
    """Draws tiles, one at a time: GDAL's datasets are for one thread, and a worker has one processor."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, int, int, int], bytes] = OrderedDict()
        self._size = 0
        self._easel: Easel | None = None
        self._lock = threading.Lock()

    def draw(self, version: str, subject: Subject, look: Look, tile: tuple[int, int, int]) -> bytes:
        """Return the picture of `tile` (z, x, y); `version` names archive and look, as an entity tag does.

        Raises:
            ArchiveDamaged: the archive cannot be read.
        """
        name = (version, *tile)
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
            picture = self._open_easel().draw(subject, look, *tile)
            self._keep(name, picture)
            return picture

    def _open_easel(self) -> Easel:
        if self._easel is None:
            from tileserver.rasters.drawing import Easel

            self._easel = Easel()
        return self._easel

    def _keep(self, name: tuple[str, int, int, int], picture: bytes) -> None:
        self._kept[name] = picture
        self._size += len(picture)
        while self._size > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest)
