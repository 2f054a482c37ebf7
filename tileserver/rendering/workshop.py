"""The process beside a worker that draws: started when first needed, ended when idle, replaced when it fails."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from naru.errors import ArchiveDamaged, RenderingFailed
from tileserver.rendering import frames

log = logging.getLogger("naru.serve")
_COMMAND = (sys.executable, "-P", "-m", "tileserver.rendering.child")
MOST_JOBS = 1000  # of one process: whatever it may lose, it does not lose for long
LONGEST_JOB_S = 20.0
LONGEST_START_S = 120.0  # an installation that compiled nothing beforehand needs most of a minute
IDLE_S = 120.0
_KILL_AFTER_S = 5.0
_LARGEST_ANSWER = 16 << 20  # bytes: four times sixteen pictures that cannot be packed at all
_PAUSE_S = 10.0  # after a process that did not even start


class Workshop:
    """Hands jobs to one drawing process, one at a time."""

    def __init__(
        self,
        command: Sequence[str] = _COMMAND,
        *,
        most_jobs: int = MOST_JOBS,
        longest_job_s: float = LONGEST_JOB_S,
        idle_s: float = IDLE_S,
    ) -> None:
        self._command, self._most_jobs = tuple(command), most_jobs
        self._longest_job_s, self._idle_s = longest_job_s, idle_s
        self._process: subprocess.Popen[bytes] | None = None
        self.layers: tuple[str, ...] = ()  # of the process's confinement, which took hold
        self._jobs = 0
        self._closed = False
        self._no_start_before = 0.0  # seconds of the monotonic clock
        self._idle: threading.Timer | None = None
        self._lock = threading.Lock()  # of all above: held while a job is done

    @classmethod
    def of(cls, renderer: str) -> Workshop:
        """Return the workshop that the setting NARU_RENDERER names: naru or maplibre."""
        return cls((*_COMMAND, renderer))

    @property
    def pid(self) -> int | None:
        """The process's id; None where none runs."""
        process = self._process
        return process.pid if process else None

    def do(self, told: Any, blobs: Sequence[bytes] = ()) -> list[bytes]:
        """Have a job done; a process that dies over it is replaced once.

        Raises:
            ArchiveDamaged: a tile of data is no vector tile.
            RenderingFailed: it could not be drawn, or took too long.
        """
        with self._lock:
            self._cancel_idle()
            try:
                try:
                    return self._tried(told, blobs)
                except (EOFError, OSError):
                    log.warning("a drawing process ended over its work; another one tries again")
                    return self._tried(told, blobs)
            except (EOFError, OSError) as cause:
                raise RenderingFailed("the picture could not be drawn", remedy=_REMEDY) from cause
            finally:
                self._wait_idle()

    def close(self) -> None:
        """End the process for good, and the job that it is at."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._cancel_idle()
            self._end()

    def _tried(self, told: Any, blobs: Sequence[bytes]) -> list[bytes]:
        process = self._running()
        self._jobs += 1
        answer, pictures = self._exchange(process, (told, blobs), self._longest_job_s)
        if self._jobs >= self._most_jobs:
            self._end()
        if answer.get("broken"):
            raise ArchiveDamaged(str(answer["error"]))
        if "error" in answer:
            raise RenderingFailed("the picture could not be drawn", remedy=_REMEDY)
        return pictures

    def _exchange(
        self, process: subprocess.Popen[bytes], message: tuple[Any, Sequence[bytes]] | None, within_s: float
    ) -> tuple[Any, list[bytes]]:
        """Send a message, return the answer; end the process where it does not come in time, or breaks off."""
        assert process.stdin and process.stdout
        too_late = threading.Event()

        def stop() -> None:
            too_late.set()
            process.kill()

        timer = threading.Timer(within_s, stop)
        timer.daemon = True
        timer.start()
        try:
            if message:
                frames.send(process.stdin, *message)
            return frames.receive(process.stdout, _LARGEST_ANSWER)
        except (EOFError, OSError) as cause:
            self._end()
            if too_late.is_set():
                log.error("a drawing process was ended: it took longer than %g s", within_s)
                raise RenderingFailed("the picture takes too long to draw", remedy=_REMEDY) from cause
            raise
        finally:
            timer.cancel()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        if self._closed:
            raise RenderingFailed("the server is stopping", remedy=_REMEDY)
        if time.monotonic() < self._no_start_before:
            raise RenderingFailed("pictures cannot be drawn here", remedy=_REMEDY)
        self._end()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(), start_new_session=True
        )
        self._jobs = 0
        try:
            told, _ = self._exchange(self._process, None, LONGEST_START_S)
        except (EOFError, OSError) as cause:
            self._no_start_before = time.monotonic() + _PAUSE_S
            log.error("no drawing process can be started; what it says is above")
            raise RenderingFailed("pictures cannot be drawn here", remedy=_REMEDY) from cause
        self.layers = tuple(map(str, told.get("layers", ())))
        return self._process

    def _end(self) -> None:
        """End the process, if there is one, and free what belonged to it."""
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # it has died with bytes underway
                if stream:
                    stream.close()
        process.terminate()
        try:
            process.wait(_KILL_AFTER_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_idle(self) -> None:
        if self._process is not None and not self._closed:
            self._idle = threading.Timer(self._idle_s, self._rest)
            self._idle.daemon = True
            self._idle.start()

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _rest(self) -> None:
        """End the process for want of work; the next job starts another."""
        if self._lock.acquire(blocking=False):  # else there is work
            try:
                self._end()
            finally:
                self._lock.release()


def _environment() -> dict[str, str]:
    """Return an environment without secrets, in which no library starts threads before the process is confined."""
    own = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    return own | {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        "MESA_SHADER_CACHE_DISABLE": "true",  # it could not be written
    }


_KEPT = frozenset(("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TMPDIR", "XDG_CACHE_HOME"))
_KEPT_PREFIXES = ("EGL_", "LIBGL_", "MESA_", "NUMBA_", "PYTHON", "GALLIUM_", "LP_")
_REMEDY = "Try again in a moment; vector tiles are served, and the operator's log says more."
