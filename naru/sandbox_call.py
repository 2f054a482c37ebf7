"""A call to a confined child as its caller sees it: what comes over the pipe, line by line, and how it is ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from naru.records import Passing, Progress


class Lines:
    """Lines from a file descriptor, at most `limit` bytes in all that are not yet taken."""

    def __init__(self, descriptor: int, limit: int) -> None:
        self.descriptor, self.limit = descriptor, limit
        self.started = self.ended = self.overflow = False
        self._buffer = bytearray()

    def fill(self) -> None:
        """Read what is there; waits where nothing is."""
        chunk = os.read(self.descriptor, 65536)
        self.ended = not chunk
        if len(self._buffer) + len(chunk) > self.limit:
            self.overflow = True
            self._buffer.clear()
        else:
            self._buffer += chunk

    def next_line(self) -> bytes | None:
        """Return the next whole line without its end; None where there is none yet."""
        end = self._buffer.find(b"\n")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


def out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed since it started (Linux: proc(5), /proc/vmstat)."""
    try:
        lines = Path("/proc/vmstat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


@dataclass
class Call:
    """One child at work."""

    pid: int
    deadline: float
    lines: Lines
    progress: Progress
    heard: dict[str, Any] = field(default_factory=dict)
    killed: str = ""
    kills_before: int = field(default_factory=out_of_memory_kills)
    said: tuple[float, str] = (0.0, "receiving")

    def drain(self) -> None:
        """Take the lines that have come: progress is passed on, the rest is kept."""
        while (line := self.lines.next_line()) is not None:
            said = _parse(line)
            if "progress" in said:
                words = str(said.get("message", ""))[:200]
                self.said = float(said["progress"]), Passing(words) if said.get("passing") else words
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


def kill(pid: int) -> None:
    """Kill a child and those of its process group, if they are there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
