"""Watches a tree of processes from outside: memory, connections, files that it writes, calls to a canary."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_EVERY_S = 0.02
_CALLS = "connect,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
_CALL = re.compile(r"^(\d+)\s+(\w+)\((.*)")
_OPENED = re.compile(r'(?:AT_FDCWD<([^>]*)>|\d+<([^>]*)>|AT_FDCWD)?,?\s*"((?:[^"\\]|\\.)*)"')
_WRITING = ("O_WRONLY", "O_RDWR", "O_CREAT")
_INET = re.compile(r"sa_family=AF_INET6?,.*?(?:inet_addr\(\"|inet_pton\(AF_INET6, \")([^\"]+)")
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")


@contextlib.contextmanager
def canary() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a web server on loopback, and the list of what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.send_response(200)
            self.end_headers()

        do_POST = do_HEAD = do_CONNECT = do_OPTIONS = do_GET  # noqa: N815 (names of the base class)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Seen:
    """What one process was seen to hold: resident bytes at most, and when."""

    command: str
    first: float
    last: float
    peak: int = 0
    cpu: list[tuple[float, float]] = field(default_factory=list)  # when, processor seconds so far


class MemoryWatch:
    """Samples resident memory and processor time of every process below some roots, with the time of each sample.

    A process's own mark (VmHWM) is taken for those that the run itself started; for the long-lived ones the
    samples count, so that a file is charged only with what was held while it was at work.
    """

    def __init__(self, roots: Sequence[int]) -> None:
        self._roots = list(roots)
        self._samples: list[tuple[float, int, str]] = []  # (when, resident bytes, command)
        self.processes: dict[int, Seen] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """Sample no more."""
        self._stop.set()
        self._thread.join()

    def peak_between(self, start: float, end: float) -> int:
        """Return the largest resident set of a single process in a stretch of wall-clock time, in bytes."""
        held = [size for when, size, _ in tuple(self._samples) if start <= when <= end]
        own = [p.peak for p in tuple(self.processes.values()) if start <= p.first and p.last <= end]
        return max(held + own, default=0)

    def cpu_between(self, start: float, end: float) -> float:
        """Return the processor seconds that all processes together took in a stretch of wall-clock time."""
        total = 0.0
        for seen in tuple(self.processes.values()):
            during = [cpu for when, cpu in tuple(seen.cpu) if start <= when <= end]
            if during:
                total += during[-1] - (0.0 if seen.first >= start else during[0])
        return total

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY_S):
            now = time.time()
            for pid in family(self._roots):
                self._sample(pid, now)

    def _sample(self, pid: int, now: float) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended since it was named
            text = Path(f"/proc/{pid}/status").read_text()
            resident, mark = (_kib(text, name) * 1024 for name in ("VmRSS", "VmHWM"))
            command = text.split("\n", 1)[0].removeprefix("Name:\t")
            self._samples.append((now, resident, command))
            seen = self.processes.setdefault(pid, Seen(command, now, now))
            seen.last, seen.peak = now, max(seen.peak, mark)
            seen.cpu.append((now, _cpu_s(pid)))


def _kib(status: str, name: str) -> int:
    match = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    return int(match[1]) if match else 0


def _cpu_s(pid: int) -> float:
    """Return the processor seconds of a process so far (proc(5): utime and stime of /proc/PID/stat)."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def family(roots: Sequence[int]) -> list[int]:
    """Return the processes below `roots`, these included."""
    found, waiting = [], list(roots)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
    return found


@dataclass
class Trace:
    """System calls of processes, written down by strace: where they connected and what they wrote."""

    log: Path
    allowed: tuple[Path, ...]  # folders in which they may write
    ports: tuple[int, ...]  # of loopback, on which our own server and canary listen
    connections: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    @staticmethod
    def available() -> bool:
        """Whether strace is installed."""
        return shutil.which("strace") is not None

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the command that runs `words` under strace."""
        options = ["-DD", "-f", "-y", "--seccomp-bpf", "-e", f"trace={_CALLS}", "-e", "signal=none", "-s", "300"]
        return ["strace", *options, "-o", str(self.log), *words]

    def read(self) -> None:
        """Sort what the log holds into `connections` and `written`."""
        with self.log.open("r", errors="replace") as lines:
            for line in lines:
                if (match := _CALL.match(line)) is not None:
                    self._judge(match[2], match[3])

    def _judge(self, call: str, words: str) -> None:
        if call == "connect":
            self._connected(words)
        elif "= -1" not in words and (not call.startswith("open") or any(flag in words for flag in _WRITING)):
            self._wrote(call, words)

    def _connected(self, words: str) -> None:
        address, port = _INET.search(words), _PORT.search(words)
        if address and port and not (_loopback(address[1]) and int(port[1]) in self.ports):
            self.connections.append(f"{address[1]}:{port[1]}")

    def _wrote(self, call: str, words: str) -> None:
        """Note the last path of a call that writes: the target of a rename or link, or the file opened."""
        places = _OPENED.findall(words)
        if not places:
            return
        cwd, folder, text = places[-1]
        path = Path(os.path.normpath(Path(cwd or folder or "/") / _unescaped(text)))
        if "__pycache__" not in path.parts and not any(path.is_relative_to(place) for place in self.allowed):
            self.written.append(f"{call} {path}")


def _loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def _unescaped(text: str) -> str:
    return text.encode("latin-1", "replace").decode("unicode_escape").encode("latin-1").decode("utf-8", "replace")
