"""Runs one task in a confined child process and brings back its answer.

The parsers of geodata formats are large C and C++ libraries that read strangers' bytes. They run here: in a
child of a clean process (`ingest.zygote`), with limits on memory, time and file sizes, without network and
without secrets, killed when they take too long. What comes back is one JSON value of bounded size, which the
caller checks again.
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from naru import errors
from naru.errors import BadInput, NaruError, ParserDied, TooLarge
from naru.records import Progress

_ANSWER_BYTES = 16 * 2**20
_START_S = 60.0
_TICK_S = 0.5
_ROOT = Path(__file__).resolve().parent.parent
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from ingest.zygote import main; main(int(sys.argv[2]), sys.argv[3:])"
)


@dataclass(frozen=True)
class Limits:
    """What reading one file may cost. Bytes, seconds and counts."""

    memory_bytes: int = 3 * 2**30  # address space of the parser
    cpu_s: int = 300
    wall_s: float = 600.0
    file_bytes: int = 4 * 2**30  # the largest file read or written
    unpacked_bytes: int = 2 * 2**30  # of a zip
    entries: int = 1000  # of a zip or a folder
    ratio: int = 100  # unpacked to packed, of a zip beyond its first 64 MiB
    layers: int = 100
    vertices_per_feature: int = 1_000_000
    vertices_per_layer: int = 50_000_000
    raster_bytes: int = 16 * 2**30  # of a raster's pixels, unpacked


@dataclass(frozen=True)
class Task:
    """What to run: `module:function(params, progress)`, and which files it may see."""

    function: str
    params: Mapping[str, Any]
    readable: Sequence[Path] = ()
    writable: Sequence[Path] = ()


@dataclass
class Answer:
    """What came back. `layers` are the confinements that took hold in the child."""

    result: Any = None
    layers: tuple[str, ...] = ()


class Sandbox:
    """A zygote and the children it forks, one at a time. Thread-safe; `close` or let the process end."""

    def __init__(self, preload: Sequence[str]) -> None:
        self._preload = list(preload)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lines: _Lines | None = None
        self._owner = os.getpid()
        self._idle = True

    def start(self) -> None:
        """Begin to start the zygote now, so that its imports are done when the first task comes."""
        with self._lock:
            self._ensure()

    def run(self, task: Task, limits: Limits, progress: Progress) -> Answer:
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
        self._control, self._lines = ours, _Lines(ours.fileno(), 65536)

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

    def _run(self, task: Task, limits: Limits, progress: Progress) -> Answer:
        self._ensure()
        read_fd, write_fd = os.pipe()
        self._idle = False
        try:
            try:
                pid = self._submit(task, limits, write_fd)
            finally:
                os.close(write_fd)
            call = _Call(pid, time.monotonic() + limits.wall_s, _Lines(read_fd, _ANSWER_BYTES), progress)
            status = self._wait(call, limits)
            return _judge(call, status, limits)
        finally:
            os.close(read_fd)
            if not self._idle:  # we leave while the child is at work, for instance because the job was cancelled
                self._stop()

    def _submit(self, task: Task, limits: Limits, write_fd: int) -> int:
        """Send the request; return the child's process id."""
        request = {
            "task": task.function,
            "params": task.params,
            "readable": [str(p) for p in task.readable],
            "writable": [str(p) for p in task.writable],
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
            raise ParserDied("the sandbox for parsers did not start", remedy="`naru doctor` checks the machine.")
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

    def _wait(self, call: _Call, limits: Limits) -> dict[str, Any]:
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
                _kill(call.pid)
            watched = [self._lines.descriptor, *([call.lines.descriptor] if not call.lines.ended else [])]
            call.tick()
            for descriptor in select.select(watched, [], [], min(max(wait, 0.05), _TICK_S))[0]:
                (call.lines if descriptor == call.lines.descriptor else self._lines).fill()
            if call.lines.overflow and not call.killed:
                call.killed = "its answer is larger than allowed"
                _kill(call.pid)
            if self._lines.ended:
                raise ParserDied("the sandbox for parsers ended unexpectedly", remedy="Try again.")


class _Lines:
    """Lines from a file descriptor, at most `limit` bytes in all that are not yet taken."""

    def __init__(self, descriptor: int, limit: int) -> None:
        self.descriptor, self.limit = descriptor, limit
        self.started = self.ended = self.overflow = False
        self._buffer = bytearray()

    def fill(self) -> None:
        chunk = os.read(self.descriptor, 65536)
        self.ended = not chunk
        if len(self._buffer) + len(chunk) > self.limit:
            self.overflow = True
            self._buffer.clear()
        else:
            self._buffer += chunk

    def next_line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


def _out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed since it started (Linux: proc(5), /proc/vmstat)."""
    try:
        lines = Path("/proc/vmstat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


@dataclass
class _Call:
    """One child at work."""

    pid: int
    deadline: float
    lines: _Lines
    progress: Progress
    heard: dict[str, Any] = field(default_factory=dict)
    killed: str = ""
    kills_before: int = field(default_factory=_out_of_memory_kills)
    said: tuple[float, str] = (0.0, "receiving")

    def drain(self) -> None:
        """Take the lines that have come: progress is passed on, the rest is kept."""
        while (line := self.lines.next_line()) is not None:
            said = _parse(line)
            if "progress" in said:
                self.said = float(said["progress"]), str(said.get("message", ""))[:200]
                self.progress(*self.said)
            self.heard.update({k: v for k, v in said.items() if k in {"layers", "result", "error", "crash"}})

    def tick(self) -> None:
        """Say again how far it is: a caller whose job was cancelled raises, though the child is silent."""
        self.progress(*self.said)

    def finish(self) -> None:
        """Read what is left after the child has ended."""
        while not self.lines.ended and not self.lines.overflow:
            self.lines.fill()
            self.drain()


def _parse(line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {"crash": "the parser's answer is not readable"}


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _judge(call: _Call, status: Mapping[str, Any], limits: Limits) -> Answer:
    """Return the answer, or raise what the child said or what killed it."""
    code, heard = int(status["status"]), call.heard
    if call.killed:
        raise TooLarge(f"reading it was stopped: {call.killed}", remedy="Split the file into smaller ones.")
    if code == -signal.SIGKILL:
        raise _killed(call)
    if code == -signal.SIGXCPU:
        raise TooLarge(
            f"reading it was stopped: it took more than the {limits.cpu_s} s of processor time allowed",
            remedy="Split the file, or repair it with the program that wrote it.",
        )
    if isinstance(heard.get("error"), dict):
        raise _error(heard["error"])
    if code != 0 or "result" not in heard:
        raise ParserDied(
            f"the parser stopped: {heard.get('crash') or _signal_name(code)}",
            remedy="The file is probably damaged: repair it with the program that wrote it, or split it.",
        )
    layers = heard.get("layers")
    return Answer(heard["result"], tuple(layers) if isinstance(layers, list) else ())


def _killed(call: _Call) -> NaruError:
    """Tell the kernel, which counts the processes that it kills for want of memory, from somebody else."""
    if _out_of_memory_kills() > call.kills_before:
        return TooLarge("reading it was stopped by the system, which had no memory left", remedy="Split the file.")
    return ParserDied(
        "its reader was killed from outside (SIGKILL), not for want of memory",
        remedy="Run it again; if it happens again, see what kills processes on the machine.",
    )


def _signal_name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _error(said: Mapping[str, Any]) -> NaruError:
    """Build the error that the child named; a code that no reading error has becomes ParserDied."""
    classes = {c.code: c for c in _subclasses(BadInput)} | {errors.StorageFailed.code: errors.StorageFailed}
    text = {k: str(v) for k, v in said.items() if v is not None and k != "code"}
    where = {k: text[k] for k in ("file", "layer", "feature", "field") if k in text}
    kind = classes.get(str(said.get("code")), ParserDied)
    return kind(text.get("message", "no message"), remedy=text.get("remedy", ""), **where)


def _subclasses(root: type[NaruError]) -> list[type[NaruError]]:
    found = root.__subclasses__()
    return found + [c for kind in found for c in _subclasses(kind)]


def _clean_environment() -> dict[str, str]:
    """Return an environment without the caller's secrets, in which no library reaches for the network."""
    dead_proxy = "http://127.0.0.1:9"  # the discard port: refuses at once
    keep = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
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
