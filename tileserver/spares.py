"""granian's spare threads, kept aside until one is needed for the tiles.

While a thread receives a request's body (`tileserver/desk.py`), another must serve tiles. But granian gives each
request to whichever of its threads is free, and free threads that share the tiles cost more than they bring:
they pass the interpreter's lock around. So every thread but one is kept in a call that waits. That call is a
request which this process sends to itself; it is answered when the thread is needed, and sent again when there
is one too many. Where that fails, nothing is lost but the saving: the spare threads then serve tiles as well.
"""

from __future__ import annotations

import http.client
import secrets
import threading
from typing import Any, Protocol

SPARES = 8  # of a worker: so many bodies can be received at one time
_AGAIN_S = 0.05  # another worker of the same port got the request: the next connection may be luckier
_LATER_S = 1.0  # the server does not listen yet, or no more
Scope = dict[str, Any]


class Answering(Protocol):
    """What granian hands over to be answered with."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send a whole answer."""


class Spares:
    """The threads beyond the first of one worker process, which listens at `address`."""

    def __init__(self, address: tuple[str, int], count: int = SPARES) -> None:
        self.count = count
        self._address = address
        self._path = f"/spare-{secrets.token_urlsafe(24)}-"  # nobody else can keep a thread waiting
        self._needed = threading.Semaphore(0)  # threads called in and not yet come
        self._surplus = threading.Semaphore(count)  # threads to be kept aside again
        self._seated = [threading.Lock() for _ in range(count)]
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to keep threads aside."""
        for number in range(self.count):
            threading.Thread(target=self._keep, args=(number,), name=f"spare-{number}", daemon=True).start()

    def call_in(self) -> None:
        """Have one thread more serve requests."""
        self._needed.release()

    def let_go(self) -> None:
        """Have one thread fewer serve requests, soon."""
        self._surplus.release()

    def stop(self) -> None:
        """Let every thread go for good: the server stops when no request is left."""
        self._stopping.set()
        for _ in range(self.count):
            self._needed.release()
            self._surplus.release()

    def seats(self, protocol: Answering, scope: Scope) -> bool:
        """Tell whether the request is one of ours; if so, this thread has waited in it until it was needed."""
        path: str = scope["PATH_INFO"]
        if not path.startswith(self._path):
            return False
        seat = self._seated[int(path.removeprefix(self._path))]
        if not seat.acquire(blocking=False):  # its connection broke, but a thread still waits there
            protocol.response_bytes(409, [], b"")
            return True
        try:
            self._needed.acquire()
        finally:
            seat.release()
        protocol.response_bytes(204, [], b"")
        return True

    def _keep(self, number: int) -> None:
        """Keep one thread aside whenever there is one too many, until the end."""
        connection = http.client.HTTPConnection(*self._address)
        self._surplus.acquire()
        while not self._stopping.is_set():
            try:
                connection.request("GET", f"{self._path}{number}")
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                self._stopping.wait(_LATER_S)
                continue
            if answer.status == 204:  # the thread was needed, and serves
                self._surplus.acquire()
            elif answer.status == 409:
                self._stopping.wait(_LATER_S)
            else:  # another worker's, which knows no such path
                connection.close()
                self._stopping.wait(_AGAIN_S)
        connection.close()
