"""The gazetteers of an installation: made at first use, beside requests; kept in `cache/gazetteers` of the home.

Their files are named by the source archive's content, so they need no invalidation; the least used go when there
are too many. Everything here may be deleted at any time.
"""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from tileserver.common.gazetteer import EDITION

log = logging.getLogger("naru.serve")
PATIENCE_S = 5.0  # of a request, for gazetteers that are being made
MOST_WAITING = 4  # of a worker's threads; who comes after is told at once what is not ready
MOST_BYTES = 2 << 30  # of all together
_TRY_AGAIN_S = 60.0  # after one could not be made
_ABANDONED_S = 86400.0  # an unfinished file that nobody has written to for so long
_USED_S = 3600.0  # how exactly it is known when one was last used


class Gazetteers:
    """Finds sources' gazetteers, or has them made: one process at a time on this machine, apart from tiles."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._making: dict[Path, threading.Event] = {}
        self._failed: dict[Path, float] = {}  # when it may be tried again
        self._lock = threading.Lock()
        self._seats = threading.BoundedSemaphore(MOST_WAITING)

    def ready(self, sources: Iterable[Path], patience_s: float = PATIENCE_S) -> Mapping[Path, Path]:
        """Return the gazetteers that there are, by source; a few callers wait a little for those to come.

        What is missing from the answer is still being made, or cannot be: the log says why.
        """
        files = {source: self._folder / f"{source.stem}-{EDITION}.sqlite" for source in sources}
        waiting = self._begin({source: file for source, file in files.items() if not file.exists()})
        if waiting and self._seats.acquire(blocking=False):
            try:
                until = time.monotonic() + patience_s
                for event in waiting:
                    event.wait(max(0.0, until - time.monotonic()))
            finally:
                self._seats.release()
        found = {source: file for source, file in files.items() if file.exists()}
        for file in found.values():
            _mark_used(file)
        return found

    def _begin(self, missing: Mapping[Path, Path]) -> list[threading.Event]:
        """Have those made that are not being made already; return what is set when that has ended."""
        now, done = time.monotonic(), threading.Event()
        with self._lock:
            waiting = {self._making[file] for file in missing.values() if file in self._making}
            wanted = {s: f for s, f in missing.items() if f not in self._making and self._failed.get(f, 0.0) <= now}
            self._making |= dict.fromkeys(wanted.values(), done)
        if wanted:
            threading.Thread(target=self._make, args=(wanted, done), name="gazetteers", daemon=True).start()
            waiting.add(done)
        return list(waiting)

    def _make(self, wanted: Mapping[Path, Path], done: threading.Event) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # given back when it is closed, also by a death
                _sweep(self._folder)
                told = _run({source: file for source, file in wanted.items() if not file.exists()})
                _drop_least_used(self._folder, but=wanted.values())
        except OSError as error:
            told = str(error)
        lacking = [file for file in wanted.values() if not file.exists()]
        if lacking:
            log.warning("in %d layers no addresses can be searched: %s", len(lacking), told)
        with self._lock:
            self._failed |= dict.fromkeys(lacking, time.monotonic() + _TRY_AGAIN_S)
            for file in wanted.values():
                del self._making[file]
        done.set()


@lru_cache(maxsize=8)
def gazetteers_in(home: Path) -> Gazetteers:
    """Return the gazetteers of a home folder, the same for every request of this process."""
    return Gazetteers(home / "cache" / "gazetteers")


def _run(wanted: Mapping[Path, Path]) -> str:
    """Make gazetteers in a process of its own; return what it says of those that it could not make."""
    if not wanted:
        return ""
    words = [str(path) for pair in wanted.items() for path in pair]
    command = [sys.executable, "-m", "tileserver.common.gazetteer", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return "; ".join((done.stdout + done.stderr).strip().splitlines()[-3:]) or f"exit status {done.returncode}"


def _mark_used(file: Path) -> None:
    try:
        if time.time() - file.stat().st_mtime > _USED_S:
            os.utime(file)
    except FileNotFoundError:  # dropped just now; it is made again when it is asked for
        return


def _sweep(folder: Path) -> None:
    """Remove what makers that were killed have left."""
    for part in folder.glob("*.part"):
        if time.time() - part.stat().st_mtime > _ABANDONED_S:
            part.unlink(missing_ok=True)


def _drop_least_used(folder: Path, *, but: Collection[Path]) -> None:
    """Remove the files that were not used for longest until the rest fits, and those of other editions."""
    there = [(file, file.stat()) for file in folder.glob("*.sqlite")]
    size = sum(about.st_size for file, about in there if file in but)
    for file, about in sorted(there, key=lambda one: one[1].st_mtime, reverse=True):
        if file not in but:
            size += about.st_size
            if size > MOST_BYTES or not file.stem.endswith(f"-{EDITION}"):
                file.unlink(missing_ok=True)
