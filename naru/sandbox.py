"""Runs one task in a confined child process and brings back its answer.

The parsers of geodata formats are large C and C++ libraries that read strangers' bytes; so are those that a
stranger's flood run reads its terrain with. They run here: in a child of a clean process (`naru.zygote`), with
limits on memory, time and file sizes, without network and without secrets, killed when they take too long. What
comes back is one JSON value of bounded size, which the caller checks again.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from naru.errors import BadInput, NaruError, ParserDied, StorageFailed, TooLarge
from naru.records import Progress
from naru.sandbox_call import Call, Lines, kill, out_of_memory_kills

_ANSWER_BYTES = 16 * 2**20
_START_S = 60.0
_TICK_S = 0.5
_ROOT = Path(__file__).resolve().parent.parent
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from naru.zygote import main; main(int(sys.argv[2]), sys.argv[3:])"
)


class OutOfTime(TooLarge):
    """The child was stopped: its time on the processor or on the clock was over, or it would not stop talking."""


@dataclass(frozen=True)
class Allowance:
    """What one task may cost. Bytes and seconds."""

    memory_bytes: int = 3 * 2**30  # address space of the child
    cpu_s: int = 300
    wall_s: float = 600.0
    file_bytes: int = 4 * 2**30  # the largest file read or written


@dataclass(frozen=True)
class Words:
    """How errors speak of the work: "`doing` was stopped", "`doer` stopped". Remedies: what the user can do."""

    doing: str
    doer: str
    smaller: str  # where it is too large
    broken: str  # where it died of its input


READING = Words(
    doing="reading it",
    doer="the parser",
    smaller="Split the file into smaller ones.",
    broken="The file is probably damaged: repair it with the program that wrote it, or split it.",
)


Kinds = Callable[[], Mapping[str, type[NaruError]]]


def _reading_errors() -> Mapping[str, type[NaruError]]:
    return by_code(BadInput, StorageFailed)


@dataclass(frozen=True)
class Task:
    """What to run: `module:function(params, progress)`, and which files it may see.

    Without `links` all that it writes are files and folders, which its caller can open without a second look.
    """

    function: str
    params: Mapping[str, Any]
    readable: Sequence[Path] = ()
    writable: Sequence[Path] = ()
    links: bool = True


@dataclass
class Answer:
    """What came back. `layers` are the confinements that took hold in the child."""

    result: Any = None
    layers: tuple[str, ...] = ()
    cpu_s: float = 0.0  # of processor time that it took


class Sandbox:
    """A zygote and the children it forks, one at a time. Thread-safe; `close` or let the process end."""

    def __init__(self, preload: Sequence[str], words: Words = READING, errors: Kinds = _reading_errors) -> None:
        """`preload` are modules that the zygote imports, or functions in them (`module:function`) that it calls;
        `errors` are those that a child's answer may become."""
        self._preload, self._words, self._errors = list(preload), words, errors
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lines: Lines | None = None
        self._owner = os.getpid()
        self._idle = True

    def start(self) -> None:
        """Begin to start the zygote now, so that its imports are done when the first task comes."""
        with self._lock:
            self._ensure()

    def run(self, task: Task, limits: Allowance, progress: Progress) -> Answer:
        """Run `task` in a fresh child. Raises the task's own NaruError, TooLarge or ParserDied."""
        with self._lock:
            return self._run(task, limits, progress)

    def close(self) -> None:
        """End the zygote and whatever it runs."""
        with self._lock:
            if self._owner == os.getpid():
                self._stop()

    def _ensure(self) -> None:
        if self._owner != os.getpid():  # this process was forked off: the zygote is its parent's
            self._process = self._control = self._lines = None
            self._owner = os.getpid()
        if self._process is not None and self._process.poll() is None:
            return
        self._stop()
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-I", "-c", _BOOT, str(_ROOT), str(theirs.fileno()), *self._preload]
        with theirs:
            self._process = subprocess.Popen(
                command,
                env=_clean_environment(),
                cwd=tempfile.gettempdir(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._control, self._lines = ours, Lines(ours.fileno(), 65536)

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        self._process = self._control = self._lines = None

    def _run(self, task: Task, limits: Allowance, progress: Progress) -> Answer:
        self._ensure()
        read_fd, write_fd = os.pipe()
        self._idle = False
        try:
            try:
                pid = self._submit(task, limits, write_fd)
            finally:
                os.close(write_fd)
            call = Call(pid, time.monotonic() + limits.wall_s, Lines(read_fd, _ANSWER_BYTES), progress)
            status = self._wait(call, limits)
            return self._judge(call, status, limits)
        finally:
            os.close(read_fd)
            if not self._idle:  # we leave while the child is at work, for instance because the job was cancelled
                self._stop()

    def _submit(self, task: Task, limits: Allowance, write_fd: int) -> int:
        """Send the request; return the child's process id."""
        request = {
            "task": task.function,
            "params": task.params,
            "readable": [str(p) for p in task.readable],
            "writable": [str(p) for p in task.writable],
            "links": task.links,
            "words": {"doing": self._words.doing, "smaller": self._words.smaller},
            "rlimits": {
                "memory_bytes": limits.memory_bytes,
                "cpu_s": limits.cpu_s,
                "file_bytes": limits.file_bytes,
            },
        }
        assert self._control is not None
        heard: dict[str, Any] = {}
        if self._started():
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has just been killed
                socket.send_fds(self._control, [json.dumps(request).encode() + b"\n"], [write_fd])
            heard = self._hear(_START_S)
        if "pid" not in heard:
            raise ParserDied("the sandbox did not start", remedy="`naru doctor` checks the machine.")
        return int(heard["pid"])

    def _started(self) -> bool:
        """Whether the zygote has said that it is ready (it says so once)."""
        assert self._lines is not None
        return self._lines.started or self._hear(_START_S).get("ready") is True

    def _hear(self, seconds: float) -> dict[str, Any]:
        """Return the zygote's next line; {} when it is gone or silent for that long."""
        assert self._lines is not None
        deadline = time.monotonic() + seconds
        while (line := self._lines.next_line()) is None:
            wait = deadline - time.monotonic()
            if wait <= 0 or self._lines.ended:
                return {}
            if select.select([self._lines.descriptor], [], [], wait)[0]:
                self._lines.fill()
        self._lines.started = True
        heard: dict[str, Any] = json.loads(line)
        return heard

    def _wait(self, call: Call, limits: Allowance) -> dict[str, Any]:
        """Pass on progress until the child ends; kill it at the deadline."""
        assert self._lines is not None
        while True:
            call.drain()
            if (line := self._lines.next_line()) is not None:
                self._idle = True
                call.finish()
                status: dict[str, Any] = json.loads(line)
                return status
            wait = call.deadline - time.monotonic()
            if wait <= 0 and not call.killed:
                call.killed = f"it took longer than the {limits.wall_s:.0f} s allowed"
                kill(call.pid)
            watched = [self._lines.descriptor, *([call.lines.descriptor] if not call.lines.ended else [])]
            call.tick()
            for descriptor in select.select(watched, [], [], min(max(wait, 0.05), _TICK_S))[0]:
                (call.lines if descriptor == call.lines.descriptor else self._lines).fill()
            if call.lines.overflow and not call.killed:
                call.killed = "its answer is larger than allowed"
                kill(call.pid)
            if self._lines.ended:
                raise ParserDied("the sandbox ended unexpectedly", remedy="Try again.")

    def _judge(self, call: Call, status: Mapping[str, Any], limits: Allowance) -> Answer:
        """Return the answer, or raise what the child said or what killed it."""
        code, heard, words = int(status["status"]), call.heard, self._words
        if call.killed:
            raise OutOfTime(f"{words.doing} was stopped: {call.killed}", remedy=words.smaller)
        if code == -signal.SIGKILL:
            raise self._killed(call)
        if code == -signal.SIGXCPU:
            raise OutOfTime(
                f"{words.doing} was stopped: it took more than the {limits.cpu_s} s of processor time allowed",
                remedy=words.smaller,
            )
        if isinstance(heard.get("error"), dict):
            raise _error(heard["error"], self._errors())
        if code != 0 or "result" not in heard:
            cause = heard.get("crash") or _signal_name(code)
            raise ParserDied(f"{words.doer} stopped: {cause}", remedy=words.broken)
        layers = heard.get("layers")
        return Answer(
            heard["result"], tuple(layers) if isinstance(layers, list) else (), float(status.get("cpu_s", 0.0))
        )

    def _killed(self, call: Call) -> NaruError:
        """Tell the kernel, which counts the processes that it kills for want of memory, from somebody else."""
        words = self._words
        if out_of_memory_kills() > call.kills_before:
            return TooLarge(
                f"{words.doing} was stopped by the system, which had no memory left", remedy=words.smaller
            )
        return ParserDied(
            f"{words.doer} was killed from outside (SIGKILL), not for want of memory",
            remedy="Run it again; if it happens again, see what kills processes on the machine.",
        )


def _signal_name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _error(said: Mapping[str, Any], kinds: Mapping[str, type[NaruError]]) -> NaruError:
    """Build the error that the child named; a code that none of the kinds has becomes ParserDied."""
    text = {k: str(v) for k, v in said.items() if v is not None and k != "code"}
    where = {k: text[k] for k in ("file", "layer", "feature", "field") if k in text}
    kind = kinds.get(str(said.get("code")), ParserDied)
    error = kind.__new__(kind)  # kinds have words of their own to begin with: these have been said
    NaruError.__init__(error, text.get("message", "no message"), remedy=text.get("remedy", ""), **where)
    return error


def by_code(*roots: type[NaruError]) -> dict[str, type[NaruError]]:
    """Return errors and all that derive from them by their codes."""
    out: dict[str, type[NaruError]] = {}
    for root in roots:
        out |= by_code(*root.__subclasses__()) | {root.code: root}
    return out


def _clean_environment() -> dict[str, str]:
    """Return an environment without the caller's secrets, in which no library reaches for the network."""
    dead_proxy = "http://127.0.0.1:9"  # the discard port: refuses at once
    keep = {
        name: os.environ[name]
        for name in ("LD_LIBRARY_PATH", "SYSTEMROOT", "NUMBA_CACHE_DIR")
        if name in os.environ
    }
    return keep | {
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PROJ_NETWORK": "OFF",
        "GDAL_HTTP_PROXY": dead_proxy,
        "GDAL_DRIVER_PATH": "disable",
        "GDAL_VRT_ENABLE_PYTHON": "NO",
        "CPL_VSIL_CURL_HEADER_FILE_KVP_ENABLED": "NO",
        "CPL_DEBUG": "OFF",
        "http_proxy": dead_proxy,
        "https_proxy": dead_proxy,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }
