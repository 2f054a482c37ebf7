"""`.3tz`: a tileset in one file, a ZIP whose entries are stored as they are and whose last one is an index.

3D Tiles Archive Format 1.3: `@3dtilesIndex1@` holds, for each entry, the MD5 of its path and where its local header
begins (8 bytes, little endian), in ascending order of the MD5 read as two little-endian 64-bit numbers.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from types import TracebackType
from typing import Self
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from naru.storage import disk_errors

INDEX = "@3dtilesIndex1@"
_NEVER = (1980, 1, 1, 0, 0, 0)  # the first date that a ZIP can say: the same tiles are the same bytes


class ArchiveWriter:
    """Writes entries one after the other, then the index. Use it as a context manager.

    Raises StorageFailed where the disk does not take it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk_errors(path):
            self._zip = ZipFile(path, "w", ZIP_STORED, allowZip64=True)
        self._places: list[tuple[bytes, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with disk_errors(self._path):
            if kind is None:
                self._index()
            self._zip.close()

    def add(self, name: str, content: bytes) -> None:
        """Add an entry; `name` is its path, with slashes, without one at the beginning."""
        about = _about(name)
        with disk_errors(self._path):
            self._zip.writestr(about, content)
        self._places.append((hashlib.md5(name.encode(), usedforsecurity=False).digest(), about.header_offset))

    def _index(self) -> None:
        ordered = sorted(self._places, key=lambda place: struct.unpack("<QQ", place[0]))
        self._zip.writestr(_about(INDEX), b"".join(md5 + struct.pack("<Q", offset) for md5, offset in ordered))


def _about(name: str) -> ZipInfo:
    about = ZipInfo(name, _NEVER)
    about.create_system, about.external_attr = 3, 0o100644 << 16
    return about
