"""Things that a hostile parser would try, run inside the sandbox by `test_sandbox.py`."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path


def _outcome(action) -> str:
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"


def call_out(params, progress):
    return _outcome(lambda: socket.create_connection(("127.0.0.1", params["port"]), timeout=2))


def start_program(params, progress):
    return {
        "fork": _outcome(os.fork),
        "exec": _outcome(lambda: os.execv("/bin/true", ["true"])),
        "spawn": _outcome(lambda: os.posix_spawn("/bin/true", ["true"], {})),
    }


def signal_others(params, progress):
    return {
        "parent": _outcome(lambda: os.kill(os.getppid(), signal.SIGTERM)),
        "caller": _outcome(lambda: os.kill(params["pid"], 0)),
    }


def read_file(params, progress):
    try:
        return Path(params["path"]).read_text()
    except OSError as error:
        return type(error).__name__


def can_open(params, progress):
    return _outcome(lambda: Path(params["path"]).open("rb").close())


def environment(params, progress):
    return {"python": dict(os.environ), "kernel": Path("/proc/self/environ").read_text()}


def descriptors(params, progress):
    listed = list(Path("/proc/self/fd").iterdir())
    return [str(link.readlink()) for link in listed if link.exists()]


def link_away(params, progress):
    folder = Path(params["folder"])
    (folder / "own").write_text("own")
    return [
        _outcome(lambda: (folder / "soft").symlink_to(params["secret"])),
        _outcome(lambda: os.link(folder / "own", folder / "hard")),
        _outcome(lambda: os.mkfifo(folder / "pipe")),
    ]


def eat_memory(params, progress):
    kept = []
    while True:
        kept.append(bytearray(64 * 2**20))


def spin(params, progress):
    while True:
        pass


def sleep(params, progress):
    Path(params["started"]).write_text(str(os.getpid()))
    time.sleep(600)


def crash(params, progress):
    ctypes.string_at(0)


def leave(params, progress):
    os._exit(0)


def shout(params, progress):
    return "x" * 40 * 2**20


def lie(params, progress):
    """Write a line of our own making on every descriptor that takes it."""
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, b'{"result": "forged"}\n{"error": 7}\n["list"]\n')
        except OSError:
            continue
    return "true"


def fill_disk(params, progress):
    return _outcome(lambda: Path(params["path"]).write_bytes(b"\0" * 3 * 2**20))


def compute(params, progress):
    progress(0.5, "half way")
    results = []
    thread = threading.Thread(target=lambda: results.append(sum(range(1000))))
    thread.start()
    thread.join()
    return {"sum": results[0], "executable": Path(sys.executable).name}


def wait_to_be_killed(params, progress):
    progress(0.5, str(os.getpid()))
    time.sleep(30)
