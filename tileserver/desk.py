"""The desk: threads that answer what is not a tile, so that nothing slow ever stands before a tile.

A worker has one thread for tiles: a second one would only pass the interpreter's lock around (measured: a
third more CPU a tile). But an upload, an event stream or an export lasts for seconds, and most of those it
waits. So the tile thread takes each request just long enough to see what it is, and hands all but tiles over.

granian calls its application with `(protocol, scope)`; whoever holds `protocol` may answer, from any thread,
whenever it likes. WSGI proper has no word for that, so `seat` steps in where granian wraps a WSGI application.

A request's body is the exception: granian (2.8) ends it when the callable returns, wherever it is being read
(measured: 0 to 160 kB of 200 MB arrive). What has a body is therefore answered in granian's own thread, and a
spare one takes over the tiles meanwhile (`tileserver/spares.py`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any
from wsgiref.types import WSGIApplication

from granian.server import mp

from naru.errors import NotReady
from tileserver import hanging_up
from tileserver.lane import Lane
from tileserver.problems import problem
from tileserver.spares import Answering, Scope, Spares

log = logging.getLogger("naru.serve")
THREADS = 64  # of a worker: nearly all wait; pictures may take 48 of them (rasters/studio, rendering/gallery)
MOST_WAITING = 128  # requests that wait for one of them; more are told to come back
_WRAP = "_wsgi_call_wrap"  # granian's name for what it wraps a WSGI application in
Callback = Callable[[Answering, Scope], object]
Leaving = Callable[[int], None]
"""Ends, when the server stops, the requests to a port whose bodies do not come."""


class Desk:
    """A fixed number of threads and a bounded queue before them."""

    def __init__(self, answer: Callback, threads: int = THREADS, most_waiting: int = MOST_WAITING) -> None:
        self._answer = answer
        self._most = threads + most_waiting
        self._queue: SimpleQueue[tuple[Answering, Scope]] = SimpleQueue()
        self._here = 0  # requests that wait or are being answered
        self._counting = threading.Lock()
        for number in range(threads):
            threading.Thread(target=self._serve, name=f"desk-{number}", daemon=True).start()

    def take(self, protocol: Answering, scope: Scope) -> None:
        """Have the request answered by one of the threads; when all are taken and many wait, refuse it."""
        with self._counting:
            full = self._here >= self._most
            self._here += not full
        if full:
            busy = NotReady("too many requests wait here", remedy="Try again in a moment; tiles are served.")
            _send(protocol, problem(busy))
        else:
            self._queue.put((protocol, scope))

    def _serve(self) -> None:
        while True:
            protocol, scope = self._queue.get()
            try:
                self._answer(protocol, scope)
            except Exception as error:  # the application answers its own; this is a fault beneath it
                log.exception("a request could not be answered")
                _send(protocol, problem(error))
            finally:
                with self._counting:
                    self._here -= 1

    @property
    def is_busy(self) -> bool:
        """Whether any request waits or is being answered."""
        return self._here > 0


class Bodies:
    """Answers requests that bring a body, in the thread that they came in, and calls another in for the tiles."""

    def __init__(self, answer: Callback, spares: Spares) -> None:
        self._answer = answer
        self._spares = spares
        self._places = threading.BoundedSemaphore(spares.count)
        self._arriving: set[int] = set()

    def take(self, protocol: Answering, scope: Scope) -> None:
        """Answer the request; refuse it where too many send bodies already."""
        if not self._places.acquire(blocking=False):
            _send(protocol, problem(NotReady("too many uploads arrive here", remedy="Try again in a moment.")))
            return
        self._spares.call_in()
        self._arriving.add(id(protocol))
        try:
            self._answer(protocol, scope)
        finally:
            self._arriving.discard(id(protocol))
            self._places.release()
            self._spares.let_go()

    @property
    def is_busy(self) -> bool:
        """Whether any request with a body is being answered."""
        return bool(self._arriving)


def has_body(scope: Scope) -> bool:
    """Tell whether a request brings a body (RFC 9112 §6.3)."""
    return scope.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in scope


def _send(protocol: Answering, answer: tuple[str, list[tuple[str, str]], bytes]) -> None:
    status, headers, body = answer
    protocol.response_bytes(int(status[:3]), headers, body)


def possible() -> bool:
    """Tell whether granian is of a kind that requests can be handed over in."""
    return callable(getattr(mp, _WRAP, None))


def seat(app: WSGIApplication, spares: Spares) -> Leaving:
    """Make granian, in this worker process, call the lane itself and hand all else to a desk before `app`.

    To be called before granian wraps its application: by the function that loads it. Returns what is to be called
    when the server stops.
    """
    seated: list[tuple[Desk, Bodies]] = []
    wrap = getattr(mp, _WRAP)

    def wrapped(lane: Lane, options: dict[str, Any], access_log: str | None = None) -> Callback:
        inner = wrap(app, options, access_log)
        desk, bodies = Desk(inner), Bodies(inner, spares)
        seated.append((desk, bodies))
        spares.start()

        def call(protocol: Answering, scope: Scope) -> None:
            answer = lane.respond(scope)
            if answer is not None:
                _send(protocol, answer)
            elif has_body(scope):
                bodies.take(protocol, scope)
            elif not spares.seats(protocol, scope):
                desk.take(protocol, scope)

        return call

    def leave(port: int) -> None:
        if hanging_up.possible():
            for desk, bodies in seated:
                hanging_up.hang_up(port, bodies, desk)

    setattr(mp, _WRAP, wrapped)
    return leave
