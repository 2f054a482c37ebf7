"""Archives at rest: immutable files named by the SHA-256 of their content, in one folder.

A file comes in by one move: written beside (`incoming/` lies in the same file system), fsynced, renamed to its
hash, the folder fsynced. Who holds a name always reads whole bytes; a crash leaves at most a stray in
`incoming/`, which `naru gc` sweeps.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from naru.errors import ArchiveDamaged, StorageFailed
from naru.records import Archive

_CHUNK = 1 << 20
_NAME_LENGTH = 64
_SQLITE_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)  # what SQLite says of a disk, where others say OSError


class Storage:
    """The folder of archives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            StorageFailed: they cannot be made.
        """
        with disk_errors(self.folder):
            self.incoming.mkdir(parents=True, exist_ok=True)

    def path(self, archive: Archive) -> Path:
        """Return where `archive` lies (whether or not it is there)."""
        return self.folder / archive.name

    def put(self, file: Path) -> Archive:
        """Take `file` in (it is moved) and return what it is called now.

        Raises:
            StorageFailed: no space, or not writable; `file` may then be gone, the archives are as they were.
        """
        aside = self.incoming / f"{secrets.token_hex(8)}{file.suffix}"
        with disk_errors(file):
            try:
                self.incoming.mkdir(parents=True, exist_ok=True)
                shutil.move(file, aside)  # a rename within one file system, else a copy
                aside.chmod(0o644)
                os.utime(aside)  # new here, however long its making took: a sweep running beside must spare it
                sync_file(aside)
                archive = Archive(sha256=file_hash(aside), suffix=file.suffix, size=aside.stat().st_size)
                aside.rename(self.path(archive))  # also over a copy that is there: that one may be damaged
                sync_folder(self.folder)
            finally:
                aside.unlink(missing_ok=True)
        return archive

    def verify(self, archive: Archive) -> None:
        """Re-hash `archive`.

        Raises:
            ArchiveDamaged: missing, or its bytes are not what its name says.
        """
        path = self.path(archive)
        if not path.exists():
            raise ArchiveDamaged(
                "the archive is missing", file=str(path), remedy="Restore it from a backup, or ingest again."
            )
        if file_hash(path) != archive.sha256:
            raise ArchiveDamaged(
                "the archive's bytes have changed on disk",
                file=str(path),
                remedy="Check the disk; restore the file from a backup, or ingest the layer again.",
            )

    def names(self) -> list[str]:
        """Return the names of all archives present."""
        if not self.folder.exists():
            return []
        return sorted(p.name for p in self.folder.iterdir() if p.is_file() and len(p.stem) == _NAME_LENGTH)

    def sweep(self, keep: set[str], *, older_than_s: float, dry_run: bool = False) -> list[tuple[str, int]]:
        """Remove archives not in `keep`, and strays, that nobody touched for `older_than_s`; return name, size."""
        limit = time.time() - older_than_s
        strays = list(self.incoming.iterdir()) if self.incoming.exists() else []
        doomed = [self.folder / name for name in self.names() if name not in keep]
        gone = []
        for path in [*doomed, *strays]:
            with suppress(FileNotFoundError):  # a stray that was just renamed, or another sweep was faster
                status = path.stat()
                if status.st_mtime < limit:
                    if not dry_run:
                        path.unlink()
                    gone.append((path.name, status.st_size))
        return gone


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync_file(path: Path) -> None:
    """Force a file's bytes to the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk, so that a rename in it survives a power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the system says of a full or forbidden disk into StorageFailed; `path` is what was written."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF not in _SQLITE_DISK:
            raise
        raise StorageFailed(
            f"could not be stored: {getattr(error, 'strerror', None) or error}",
            file=str(path),
            remedy="Free disk space or check the folder's permissions (`naru doctor` shows both), then run again.",
        ) from error
