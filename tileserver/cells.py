"""Cells: a worker process's 64-bit counters in a mapped file, which outlive it when it is killed.

The kernel keeps the pages of a shared mapping whatever becomes of the process, so what was stored before a SIGKILL
is there for whoever looks next. Two rules make that exact:

- A value is stored by one aligned 8-byte move, `values[i] = v` on a memoryview cast to "Q". (`struct.pack_into`
  fills with zeros first: a kill in between has erased counters.)
- A slot's name is written before the word that says it is one; that word is taken back before the slot is used
  again. A process dies between two instructions, so a reader finds a name with its own value, or no name.

Whoever is alive holds a lock (flock) on its file; a file whose lock is free belongs to the dead. Pages that the
machine itself lost with its power are another matter: a file of an earlier boot is not `sure`.

File: 4096 bytes of header (magic, boot id), 65,536 values of 8 bytes, then 65,536 names of 256 bytes, of which the
first word is `generation << 16 | length`, 0 for a free slot. It is sparse, and its room on the disk is taken
in steps before it is used: a page of a mapped file for which a full disk has no room kills the process (SIGBUS).
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import secrets
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

from naru.errors import StorageFailed

SLOTS = 65_536
LONGEST_NAME = 248  # bytes of UTF-8
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SUFFIX = ".cells"
_MAGIC = b"NARUCEL1"
_HEADER = 4096
_RECORD = 8 + LONGEST_NAME
_NAMES = _HEADER + 8 * SLOTS
_SIZE = _NAMES + _RECORD * SLOTS
_STEP = 512  # slots for which room is taken at a time: one page of values, 128 KiB of names
_LENGTH = 0xFFFF  # the low bits of a name's word
_ATTEMPTS = 10
_open: weakref.WeakSet[Cells] = weakref.WeakSet()


class Cells:
    """One process's file of counters; made by `Cells.open`, or found by `Cells.abandoned`.

    `values` is a memoryview of unsigned 64-bit numbers. `values[i] += n` is a load and a store: threads that share
    a slot hold a lock of their own around it. A slot may be freed by whoever is the last to write to it.
    """

    def __init__(self, path: Path, lock: int) -> None:
        """Map the file at `path`; `lock` is a descriptor of it that holds the lock. Made by the class methods."""
        self.path = path
        self._lock_file = lock
        with path.open("r+b") as file:  # mmap keeps a descriptor of its own, apart from the one that is locked
            self._map = mmap.mmap(file.fileno(), _SIZE)
        self._words = memoryview(self._map).cast("Q")
        self.values = self._words[_HEADER // 8 : _NAMES // 8]
        self._free: list[int] = []
        self._used = 0  # slots below this have been used once
        self._room = 0  # ... and below this there is room on the disk
        self._lock = threading.Lock()
        _open.add(self)

    @classmethod
    def open(cls, folder: Path) -> Cells:
        """Make a new file in `folder` (made if need be), this process's own as long as it lives.

        Raises:
            StorageFailed: it cannot be made: no room, or no right to write there.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for _ in range(_ATTEMPTS):
                path = folder / f"{os.getpid()}-{secrets.token_hex(8)}{_SUFFIX}"
                if (lock := _locked(path, os.O_CREAT | os.O_EXCL)) is not None:
                    return cls._prepared(path, lock)
        except OSError as error:
            raise _failed(folder, error) from error
        raise StorageFailed("no file for counters could be kept", file=str(folder), remedy="Start again.")

    @classmethod
    def abandoned(cls, folder: Path) -> Iterator[Cells]:
        """Give the files of dead processes one by one, locked for us; read them, then `discard` them.

        One that is not discarded is let go again when the next is asked for, and stays for another time.
        """
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
            lock = _locked(path)
            if lock is None:
                continue
            if os.fstat(lock).st_size != _SIZE:  # died while it was made: nothing is in it
                path.unlink(missing_ok=True)
                os.close(lock)
                continue
            found = cls(path, lock)
            try:
                yield found
            finally:
                found.close()

    @staticmethod
    def everyones(folder: Path) -> Iterator[tuple[int, str, int]]:
        """Give process id, name and value of every cell in `folder`, of the living and the dead alike."""
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
            try:
                with path.open("rb") as file, mmap.mmap(file.fileno(), _SIZE, access=mmap.ACCESS_READ) as found:
                    pid = int(path.name.partition("-")[0])
                    yield from [(pid, name, _word(found, _HEADER + 8 * index)) for index, name in _names(found)]
            except (FileNotFoundError, ValueError):  # it has just gone, or is not whole yet
                continue

    @classmethod
    def _prepared(cls, path: Path, lock: int) -> Cells:
        try:
            _take_room(lock, 0, _HEADER)
            os.ftruncate(lock, _SIZE)
            os.pwrite(lock, _MAGIC + _boot(), 0)
            return cls(path, lock)
        except OSError:
            path.unlink(missing_ok=True)
            os.close(lock)
            raise

    @property
    def sure(self) -> bool:
        """Whether the values are exactly those last stored: the machine has not been started anew since."""
        return self._map[: len(_MAGIC) + 16] == _MAGIC + _boot()

    def slot(self, name: str) -> int:
        """Return the index of a free cell, which is 0 and bears `name` (up to 248 bytes of UTF-8) from now on.

        Raises:
            StorageFailed: all 65,536 slots are taken, or the disk is full.
            ValueError: the name is empty or too long.
        """
        text = name.encode()
        if not 0 < len(text) <= LONGEST_NAME:
            raise ValueError(f"a cell's name has 1 to {LONGEST_NAME} bytes, not {len(text)}: {name!r}")
        with self._lock:  # to the end, so that no slot is named before the one below it
            index = self._free.pop() if self._free else self._next()
            at = _NAMES + _RECORD * index
            self.values[index] = 0
            self._map[at + 8 : at + 8 + len(text)] = text
            generation = (self._words[at // 8] >> 16) + 1  # never 0, so the word is not either
            self._words[at // 8] = (generation & 0xFFFF_FFFF_FFFF) << 16 | len(text)
        return index

    def free(self, index: int) -> None:
        """Take the name off a cell: nobody counts there any more."""
        word = (_NAMES + _RECORD * index) // 8
        self._words[word] &= ~_LENGTH  # the generation stays
        with self._lock:
            self._free.append(index)

    def named(self) -> Iterator[tuple[str, int]]:
        """Give the names in use and their values."""
        for index, name in self.taken():
            yield name, self.values[index]

    def taken(self) -> Iterator[tuple[int, str]]:
        """Give the slots in use and their names."""
        return _names(self._map)

    def discard(self) -> None:
        """Remove the file. Whoever still holds `values` may go on writing; nobody will read it."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of the lock and leave the file to whoever finds it."""
        lock, self._lock_file = self._lock_file, -1
        if lock >= 0:
            os.close(lock)

    def _next(self) -> int:
        """Return the first slot that was never used; there is room for it on the disk."""
        index = self._used
        if index >= SLOTS:
            raise StorageFailed("all cells are taken", file=str(self.path), remedy="Restart the server.")
        if index >= self._room:
            try:
                _take_room(self._lock_file, _HEADER + 8 * index, 8 * _STEP)
                _take_room(self._lock_file, _NAMES + _RECORD * index, _RECORD * _STEP)
            except OSError as error:
                raise _failed(self.path, error) from error
            self._room = index + _STEP
        self._used = index + 1
        return index


def _names(found: mmap.mmap) -> Iterator[tuple[int, str]]:
    for index in range(SLOTS):
        at = _NAMES + _RECORD * index
        word = _word(found, at)
        if word == 0:
            return  # slots are first used in their order
        if length := word & _LENGTH:
            yield index, found[at + 8 : at + 8 + min(length, LONGEST_NAME)].decode(errors="replace")


def _word(found: mmap.mmap, at: int) -> int:
    return int.from_bytes(found[at : at + 8], sys.byteorder)


def _locked(path: Path, flags: int = 0) -> int | None:
    """Open and lock the file at `path`; None where another has it, or has just removed it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass  # it lives, or whoever had it locked has removed it
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _take_room(file: int, start: int, length: int) -> None:
    if hasattr(os, "posix_fallocate"):  # not on macOS, where nobody serves a city
        os.posix_fallocate(file, start, length)


def _boot() -> bytes:
    """Return what tells this start of the machine from every other, 16 bytes (where nothing does, random ones)."""
    if not _BOOT_ID.exists():
        return secrets.token_bytes(16)
    return bytes.fromhex(_BOOT_ID.read_text().strip().replace("-", ""))


def _failed(path: Path, error: OSError) -> StorageFailed:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    why = "there is no room left for counters" if full else f"counters cannot be kept ({error.strerror})"
    remedy = "Free some room on the disk." if full else "Check the folder's permissions."
    return StorageFailed(why, file=str(path), remedy=remedy)


def _let_go_in_child() -> None:
    """A forked child shares the lock with its parent, and would keep it for the dead: close it there."""
    for cells in list(_open):
        cells.close()


os.register_at_fork(after_in_child=_let_go_in_child)
