"""`naru serve --tiles-only`: stored tiles and nothing else, from bjoern, for a proxy that sends it nothing else.

bjoern (libev, one thread a process) costs half of granian a request, and is no server to put before everybody: it
sets no time limits, keeps whole bodies in memory and answers one request after the other. So it gets what is short
by nature, stored tiles, from a proxy that keeps callers' connections. Anything else is answered with 421, upon
which the proxy asks the whole server (docs/operators.md has the lines for nginx).
"""

from __future__ import annotations

import logging
import logging.config
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Iterable
from importlib.util import find_spec
from multiprocessing.context import SpawnProcess
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication

from naru.errors import Misdirected, ServeFailed
from naru.listen import Listen
from naru.settings import Settings
from tileserver.lane import Lane
from tileserver.logs import log_config
from tileserver.problems import problem
from tileserver.pyramids import Answer
from tileserver.serve import die_with, prepare
from tileserver.service import Pulse, Service

log = logging.getLogger("naru.serve")
_BACKLOG = 2048
_LOOK_EVERY_S = 0.5
_GRACE_S = 10.0
_LAST_ANSWERS_S = 0.2  # for what is being sent when the process is to end
# bjoern waits for another event after each: with epoll that is two system calls a request, with poll none. A proxy
# keeps few connections, among which poll is as quick (bench.serve: 1 µs less of 20).
_LIBEV_FLAGS, _POLL = "LIBEV_FLAGS", "2"
_BODILESS = ("204", "304")  # answers that have no Content-Length (RFC 9110 §8.6)


def serve_tiles(settings: Settings, listen: Listen) -> None:
    """Serve stored tiles until SIGTERM or SIGINT, from `settings.workers` processes that share the port.

    Raises:
        ServeFailed: bjoern is not installed.
        StorageFailed: the home folder or the catalogue cannot be made or opened.
    """
    if find_spec("bjoern") is None:
        raise ServeFailed(
            "bjoern is not installed, which serves the tiles here",
            remedy="pip install 'naru-city[bjoern]' (on Debian first: apt-get install gcc libev-dev).",
        )
    prepare(settings)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    workers = [_start(settings, listen) for _ in range(settings.workers)]
    while not stopping.wait(_LOOK_EVERY_S):
        for place, worker in enumerate(workers):
            if not worker.is_alive():
                log.warning("a tile process ended with status %s; starting another", worker.exitcode)
                workers[place] = _start(settings, listen)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(_GRACE_S)
        worker.kill()


def _start(settings: Settings, listen: Listen) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(target=_work, args=(settings, listen, os.getpid()))
    process.start()
    return process


def _work(settings: Settings, listen: Listen, parent: int) -> None:
    """Serve until SIGTERM: bjoern in a thread of its own, so that the end can be waited for."""
    os.environ.setdefault(_LIBEV_FLAGS, _POLL)
    import bjoern

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    die_with(parent)
    logging.config.dictConfig(log_config())
    service = Service.open(settings)
    lane = Lane.of(service, _elsewhere)
    pulse = Pulse(service)
    pulse.start()
    threading.Thread(target=bjoern.server_run, args=(_bound(listen), application(lane)), daemon=True).start()
    signal.sigwait({signal.SIGTERM})
    time.sleep(_LAST_ANSWERS_S)
    pulse.stop()
    os._exit(0)  # bjoern's loop has no other end


def _bound(listen: Listen) -> socket.socket:
    """Return a listening socket; several processes may have one on the same port."""
    bound = socket.socket(socket.AF_INET6 if ":" in listen.host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted ones inherit it; else 40 ms an answer
    bound.bind((listen.host, listen.port))
    bound.setblocking(False)
    bound.listen(_BACKLOG)
    return bound


def application(lane: Lane) -> WSGIApplication:
    """Return the lane for servers that leave Content-Length to the application."""

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        environ.setdefault("QUERY_STRING", "")  # bjoern leaves it out where there is none (PEP 3333 lets it)
        status, headers, body = lane.respond(environ) or _misdirected()
        if body or (status[:3] not in _BODILESS and environ["REQUEST_METHOD"] != "HEAD"):
            headers = [*headers, ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]

    return answer


def _misdirected() -> Answer:
    return problem(Misdirected("only stored tiles are served at this port", remedy="Ask the whole server."))


def _elsewhere(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    status, headers, body = _misdirected()
    start_response(status, headers)
    return [body]
