"""The clean process from which each confined child is forked, its imports done once.

Started by `naru.sandbox` with an empty environment. It reads no user's file itself: for each request that
comes over the control socket it forks a child, which confines itself, runs one task and ends.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import importlib.util
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from naru.confine import Rlimits, confine, end_with_parent
from naru.errors import NaruError, StorageFailed, TooLarge
from naru.records import Passing, Progress

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
_NO_MEMORY = ("bad_alloc", "out of memory", "cannot allocate", "can't allocate", "malloc of size")


def main(control_fd: int, preload: list[str]) -> None:
    """Serve requests until the other end of the control socket closes."""
    control = socket.socket(fileno=control_fd)
    for name in preload:
        module, _, function = name.partition(":")
        loaded = importlib.import_module(module)
        if function:
            getattr(loaded, function)()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the caller has ended: so does this
        _serve(control, wake_read)


def _serve(control: socket.socket, wake_read: int) -> None:
    """Answer one request after the other; a child never outlives the caller."""
    control.sendall(b'{"ready": true}\n')
    while (request := _next_request(control)) is not None:
        message, result_fd = request
        pid = os.fork()
        if pid == 0:
            control.close()
            signal.set_wakeup_fd(-1)
            _child(message, result_fd)
        os.close(result_fd)
        try:
            control.sendall(json.dumps({"pid": pid}).encode() + b"\n")
        except OSError:
            os.kill(pid, signal.SIGKILL)
            raise
        if not _watch(control, wake_read, pid):
            return


def _next_request(control: socket.socket) -> tuple[dict[str, Any], int] | None:
    """Return the next request and the file descriptor for its result, or None at the end."""
    data, descriptors, _, _ = socket.recv_fds(control, 65536, 1)
    while data and not data.endswith(b"\n"):
        more = control.recv(65536)
        if not more:
            return None
        data += more
    return (json.loads(data), descriptors[0]) if data else None


def _watch(control: socket.socket, wake_read: int, pid: int) -> bool:
    """Wait for the child to end and report it; kill it and return False when the other end goes away."""
    while True:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if ended:
            told = {"status": os.waitstatus_to_exitcode(status), "cpu_s": used.ru_utime + used.ru_stime}
            control.sendall(json.dumps(told).encode() + b"\n")
            return True
        ready, _, _ = select.select([control.fileno(), wake_read], [], [], 1.0)
        if wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake_read, 4096)
        if control.fileno() in ready:  # nothing is sent while a child runs: it is closed
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return False


def _child(message: Mapping[str, Any], result_fd: int) -> NoReturn:
    """Confine this process, run the task, write progress and result as JSON lines, and end."""
    code = 1
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)

        def say(line: Mapping[str, Any]) -> None:
            os.write(result_fd, json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")

        say({"layers": _confine(message)})

        def progress(fraction: float, words: str) -> None:
            say({"progress": fraction, "message": words, "passing": isinstance(words, Passing)})

        _write_all(result_fd, _outcome(message, progress))
        code = 0
    finally:
        os._exit(code)


def _confine(message: Mapping[str, Any]) -> tuple[str, ...]:
    end_with_parent()
    package = importlib.util.find_spec(message["task"].partition(".")[0])
    own = [Path(folder) for folder in (package.submodule_search_locations if package else None) or ()]
    readable = [*own, *_compiled(), *(Path(p) for p in message["readable"])]
    writable = [Path(p) for p in message["writable"]]
    return confine(Rlimits(**message["rlimits"]), readable, writable, links=message["links"])


def _compiled() -> list[Path]:
    """Return where compiled kernels are kept, if any are loaded: the child may take them, and leave none."""
    if "naru.kernel" not in sys.modules:
        return []
    from naru import kernel

    kernel.write_no_more()
    return kernel.folders()


def _outcome(message: Mapping[str, Any], progress: Progress) -> bytes:
    """Run the task; return its result or its error as one JSON line."""
    module, _, function = message["task"].partition(":")
    try:
        result = getattr(importlib.import_module(module), function)(message["params"], progress)
        line: dict[str, Any] = {"result": result}
    except NaruError as error:
        line = {"error": error.to_dict()}
    except OSError as error:
        line = {"error": _disk(error).to_dict()} if error.errno in _DISK else _crash(error)
    except MemoryError:
        line = {"error": _no_memory(message).to_dict()}
    except Exception as error:
        if any(text in str(error).lower() for text in _NO_MEMORY):
            line = {"error": _no_memory(message).to_dict()}
        else:
            line = _crash(error)
    return json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _crash(error: Exception) -> dict[str, Any]:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return {"crash": f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"[:500]}


def _disk(error: OSError) -> StorageFailed:
    return StorageFailed(
        f"what came of it could not be written: {os.strerror(error.errno or 0)}",
        remedy="Free disk space or check the disk (`naru doctor`), then run again.",
    )


def _no_memory(message: Mapping[str, Any]) -> TooLarge:
    limit, words = message["rlimits"]["memory_bytes"] / 2**20, message["words"]
    return TooLarge(
        f"{words['doing']} takes more than the {limit:.0f} MiB of memory allowed", remedy=words["smaller"]
    )


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
