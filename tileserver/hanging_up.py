"""Hangs up on callers who do not finish what they send when the server stops.

A server stops when no request is left, and an upload whose caller has stalled stays for ever. granian has no means
to end it but to kill the process, with what it had leased and counted. So once nothing else is being answered, the
receiving half of the callers' connections is shut: whoever reads a body finds its end, answers that the server
stops, and that answer goes out. Connections on which bytes still wait to be taken are left alone (a slow caller
receives its last answer); that costs nothing where no body is missing.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

GRACE_S = 2.0  # in which an upload that is arriving may come to its end
_LOOK_S = 0.1
_SIOCOUTQ = 0x5411  # linux/sockios.h: bytes sent that the other side has not acknowledged
_DESCRIPTORS = Path("/proc/self/fd")


class Busy(Protocol):
    """Answers requests."""

    @property
    def is_busy(self) -> bool:
        """Whether it does so now."""
        ...


def possible() -> bool:
    """Tell whether this system says what is needed to know."""
    return sys.platform == "linux" and _DESCRIPTORS.is_dir()


def hang_up(port: int, bodies: Busy, others: Busy, grace_s: float = GRACE_S) -> None:
    """Return when no bodies arrive at the server's `port` any more; after the grace, see to it.

    Nothing is cut off while `others` are being answered.
    """
    ends = time.monotonic() + grace_s
    while bodies.is_busy:
        if time.monotonic() >= ends and not others.is_busy:
            _shut_silent(port)
        time.sleep(_LOOK_S)


def _shut_silent(port: int) -> None:
    """Read no more from callers to whom nothing is under way: neither now nor a moment later."""
    waited_for = {name for name, connection in _connections(port) if _unsent(connection)}
    time.sleep(_LOOK_S)
    for name, connection in _connections(port):
        if name not in waited_for and not _unsent(connection):
            with contextlib.suppress(OSError):  # the caller has gone
                connection.shutdown(socket.SHUT_RD)


def _connections(port: int) -> Iterator[tuple[str, socket.socket]]:
    """Yield this process's connections to its own port, each with the name of its peer."""
    for entry in os.listdir(_DESCRIPTORS):  # noqa: PTH208 (numbers, not paths)
        with contextlib.suppress(OSError):  # closed since, or no connection
            if not os.readlink(_DESCRIPTORS / entry).startswith("socket:"):  # noqa: PTH115 (as it is)
                continue
            with socket.socket(fileno=os.dup(int(entry))) as connection:
                inet = connection.family in (socket.AF_INET, socket.AF_INET6)
                if inet and connection.getsockname()[1] == port:
                    yield str(connection.getpeername()), connection


def _unsent(connection: socket.socket) -> int:
    waiting = array.array("i", [0])
    fcntl.ioctl(connection.fileno(), _SIOCOUTQ, waiting)
    return waiting[0]
