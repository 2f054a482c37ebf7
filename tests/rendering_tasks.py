"""A drawing process that a hostile tile has taken over, for `test_rendering_confined.py`: it does as it is told.

`python -P -m tests.rendering_tasks` speaks as `tileserver.rendering.child`; a message with "try" in it runs that.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from naru.kernel import kernel
from tileserver.rendering import child


def _outcome(action: Callable[[], Any]) -> str:
    try:
        action()
    except Exception as error:
        return type(error).__name__
    return "done"


@kernel
def total(values: Any) -> float:
    """Return a sum: a kernel that nobody compiled beforehand."""
    found = 0.0
    for value in values:
        found += value
    return found


TRIES: dict[str, Callable[[str], Any]] = {
    "socket": lambda said: _outcome(lambda: socket.create_connection(("127.0.0.1", int(said)), timeout=2)),
    "unix": lambda said: _outcome(lambda: socket.socket(socket.AF_UNIX).connect(said)),
    "fork": lambda said: _outcome(os.fork),
    "run": lambda said: _outcome(lambda: subprocess.run(["/bin/true"], check=True)),
    "signal": lambda said: _outcome(lambda: os.kill(int(said), signal.SIGTERM)),
    "read": lambda said: _outcome(lambda: Path(said).read_bytes()),
    "list": lambda said: _outcome(lambda: list(Path(said).iterdir())),
    "write": lambda said: _outcome(lambda: Path(said).write_bytes(b"x")),
    "unlink": lambda said: _outcome(lambda: Path(said).unlink()),
    "rename": lambda said: _outcome(lambda: Path(said).rename(said + "2")),
    "mkdir": lambda said: _outcome(lambda: Path(said).mkdir()),
    "threads": lambda said: str(threading.active_count()),
    "environ": lambda said: " ".join(os.environ) + Path("/proc/self/environ").read_text(),
    "memory": lambda said: _outcome(lambda: bytearray(int(said))),
    "compile": lambda said: str(total(np.ones(7))),
}
_honest = child.answered


def answered(told: Any, blobs: list[bytes], native: Any = None) -> list[bytes]:
    """Do what is asked for, or draw."""
    if "try" in told:
        return [TRIES[told["try"]](told["said"]).encode()]
    return _honest(told, blobs, native)


if __name__ == "__main__":
    child.answered = answered
    child.main()
