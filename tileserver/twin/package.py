"""A package of 3D Tiles (.3tz): a ZIP whose directory is read once, and whose entries are slices of the file.

Nothing is ever unpacked to disk, and only names that stand in the directory are found, as they stand there: a path
with `..` in it is one more name that nobody has.
"""

from __future__ import annotations

import zipfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from naru.errors import ArchiveDamaged
from naru.pmtiles import mapped
from naru.pmtiles.reader import Mapped

INDEX = "@3dtilesIndex1@"  # the package's own, by hash: the directory says the same
MOST_ENTRIES = 500_000  # some 200 bytes of a worker's memory each
LARGEST = 256 << 20  # bytes of one entry, unpacked
_LOCAL_HEAD = 30  # bytes before a local name: APPNOTE 6.3.10 §4.3.7
_NAME_LENGTH, _EXTRA_LENGTH = 26, 28  # in there
_SIGNATURE = b"PK\x03\x04"
_ENCRYPTED = 1
_REMEDY = "Make the models again: `naru twin models LAYER`."


class Entry(NamedTuple):
    """Where an entry lies."""

    head: int  # of its local header
    stored: int  # bytes in the file
    size: int  # bytes, unpacked
    crc: int
    deflated: bool


class Package:
    """The entries of one ZIP by name. Raises ArchiveDamaged wherever it is not such a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes: Mapped = mapped(path)
        self.entries = self._directory()

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def read(self, name: str) -> bytes:
        """Return an entry's bytes, checked against their sum; raises KeyError for a name that is not there."""
        entry = self.entries[name]
        head = self._bytes(entry.head, _LOCAL_HEAD)
        if len(head) < _LOCAL_HEAD or head[:4] != _SIGNATURE:
            raise self._damaged(f"'{name}' does not begin where the directory says")
        names = int.from_bytes(head[_NAME_LENGTH:_EXTRA_LENGTH], "little")
        extra = int.from_bytes(head[_EXTRA_LENGTH:], "little")
        stored = self._bytes(entry.head + _LOCAL_HEAD + names + extra, entry.stored)
        content = _inflated(stored, entry.size) if entry.deflated else stored
        if content is None or len(content) != entry.size or zlib.crc32(content) != entry.crc:
            raise self._damaged(f"'{name}' is not what the directory says")
        return content

    def _directory(self) -> dict[str, Entry]:
        try:
            with zipfile.ZipFile(self._path) as file:
                found = file.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as cause:
            raise self._damaged(f"the package is no ZIP ({cause})") from cause
        if len(found) > MOST_ENTRIES:
            raise self._damaged(f"the package has more than {MOST_ENTRIES} entries")
        return {one.filename: self._entry(one) for one in found if not one.is_dir() and one.filename != INDEX}

    def _entry(self, one: zipfile.ZipInfo) -> Entry:
        deflated = one.compress_type == zipfile.ZIP_DEFLATED
        if one.flag_bits & _ENCRYPTED or not (deflated or one.compress_type == zipfile.ZIP_STORED):
            raise self._damaged(f"'{one.filename}' is encrypted, or packed by method {one.compress_type}")
        if one.file_size > LARGEST:
            raise self._damaged(f"'{one.filename}' is larger than {LARGEST >> 20} MiB")
        return Entry(one.header_offset, one.compress_size, one.file_size, one.CRC, deflated)

    def _damaged(self, what: str) -> ArchiveDamaged:
        return ArchiveDamaged(what, file=str(self._path), remedy=_REMEDY)


def _inflated(stored: bytes, size: int) -> bytes | None:
    """Return deflated bytes unpacked, no more than one beyond `size`; None where they are none."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(stored, size + 1)
    except zlib.error:
        return None


@lru_cache(maxsize=64)
def package_at(path: Path) -> Package:
    """Return the package of a path, opened once: archives never change, a name stands for its bytes."""
    return Package(path)
