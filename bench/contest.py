"""Programs that do the same work, run in turns: wall time, CPU time and memory of whole process trees."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")  # version 1, version 2
_LIMITS = "memory.limit_in_bytes", "memory.max"


@dataclass(frozen=True)
class Run:
    """One measured run of a process tree. Memory is the sum over its processes, at its highest."""

    wall_s: float
    cpu_s: float
    peak_mib: float  # resident: shared pages and mapped files count once for each process
    anonymous_mib: float  # what no file backs: this is what runs out


@dataclass
class Contender:
    """A way to do the work: commands that follow each other."""

    name: str
    commands: list[list[str]]
    environment: dict[str, str] = field(default_factory=dict)
    fresh: Path | None = None  # folder that each run starts without
    runs: list[Run] = field(default_factory=list)

    def median(self, what: str) -> float:
        """Return the median of a figure over the runs."""
        return float(statistics.median(getattr(run, what) for run in self.runs))


def measure(contender: Contender, within: Sequence[str] = ()) -> Run:
    """Run a contender once; `within` are words to put before each command."""
    if contender.fresh:
        shutil.rmtree(contender.fresh, ignore_errors=True)
    before, began, peak = os.times(), time.monotonic(), (0.0, 0.0)
    for command in contender.commands:
        found = _run([*within, *command], contender.environment)
        peak = max(peak[0], found[0]), max(peak[1], found[1])
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(time.monotonic() - began, cpu, *peak)


def _run(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command to its end; return its tree's peaks in MiB. Ends the bench if it fails."""
    resident = anonymous = 0
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
        while process.poll() is None:
            sizes = [_sizes_kib(pid) for pid in _tree(process.pid)]
            resident = max(resident, sum(size[0] for size in sizes))
            anonymous = max(anonymous, sum(size[1] for size in sizes))
            time.sleep(0.02)
        if process.returncode:
            log.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{log.read().decode(errors='replace')}")
    return resident / 1024, anonymous / 1024


def _tree(root: int) -> Iterator[int]:
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):  # it has ended since it was named
            continue


def _sizes_kib(pid: int) -> tuple[int, int]:
    """Return a process's resident and anonymous memory; nothing for one that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    found = dict(re.findall(r"(VmRSS|RssAnon):\s+(\d+) kB", status))
    return int(found.get("VmRSS", 0)), int(found.get("RssAnon", 0))


@contextmanager
def memory_limit(mib: int) -> Iterator[list[str]]:
    """Give words that put a command under a memory limit: a cgroup of its own, its page cache included.

    Ends the bench where cgroups cannot be written (root can, as a rule).
    """
    for root, name in zip(_CGROUPS, _LIMITS, strict=True):
        group = root / f"naru-bench-{os.getpid()}"
        try:
            group.mkdir()
            (group / name).write_text(str(mib << 20))
        except OSError:
            continue
        try:
            yield ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs")]
        finally:
            group.rmdir()
        return
    sys.exit("a memory limit needs a cgroup that can be written: run as root, or leave out --limit-mib")
