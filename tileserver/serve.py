"""The production server: granian worker processes, one thread for tiles in each, and one job worker beside them."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing.util
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from wsgiref.types import WSGIApplication

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from naru.errors import ServeFailed
from naru.house import House
from naru.listen import Listen
from naru.settings import Settings, key_pepper
from tileserver import desk
from tileserver.app import create_app
from tileserver.cells import Cells
from tileserver.keys.ring import KeyRing
from tileserver.lane import Lane
from tileserver.logs import log_config
from tileserver.service import Pulse, Service
from tileserver.spares import SPARES, Spares
from tileserver.stopping import when_stopped
from tileserver.watching.watch import FOLDER as METRICS

log = logging.getLogger("naru.serve")
_GRACE_S = 10
_ORPHAN_LOOK_S = 1.0
_RESTART_PAUSE_S = 2.0
_BACKLOG = 2048
_MOST_CONNECTIONS = 4096  # of one worker; those that wait cost a buffer each, no thread
_FEWEST_CONNECTIONS = 128
_FILES_BESIDE = 256  # kept for archives, databases, logs
_HEADERS_WITHIN_MS = 10_000  # a caller who takes longer to say what is wanted, or asks nothing more, is let go
_LARGEST_HEAD = 65_536  # bytes of a request's line and headers
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_STOP_FIRST = 100  # priority among multiprocessing's finalizers


def serve(settings: Settings, listen: Listen, *, with_worker: bool) -> None:
    """Serve until SIGTERM or SIGINT; `settings.workers` processes, and a job worker if wanted.

    Raises:
        ServeFailed: a worker process could not start or died again and again.
        StorageFailed: the home folder or the catalogue cannot be made or opened.
    """
    prepare(settings)
    connections = _raise_connection_limit()
    server = Granian(
        "tileserver.serve:worker",
        address=listen.host,
        port=listen.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=settings.workers,
        blocking_threads=1 + (SPARES if desk.possible() else desk.THREADS),
        backpressure=connections,
        backlog=_BACKLOG,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADERS_WITHIN_MS, max_buffer_size=_LARGEST_HEAD),
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=log_config(),
        respawn_failed_workers=True,
        workers_kill_timeout=_GRACE_S,
    )
    jobs = JobWorker(settings)
    if with_worker:
        server.on_startup(jobs.start)
        server.on_shutdown(jobs.stop)
    try:
        server.serve(target_loader=partial(worker, settings, listen, os.getpid()), wrap_loader=False)
    except SystemExit as stopped:
        raise ServeFailed("the server's processes ended", remedy="The lines above say why.") from stopped


def _raise_connection_limit() -> int:
    """Let this process and its workers open more files, if the system allows; return connections a worker."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + _FILES_BESIDE
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(_FEWEST_CONNECTIONS, allowed - _FILES_BESIDE)


def prepare(settings: Settings) -> None:
    """Make and migrate what the workers open, once, before they all do so at the same time."""
    house = House.open(settings)
    KeyRing(house.database, key_pepper(settings)).ensure_anonymous()
    for counts in Cells.abandoned(settings.home / METRICS):  # of a server that has ended: Prometheus begins anew
        counts.discard()
    house.close()  # a process that forks must hold no connection


def worker(settings: Settings, listen: Listen, parent: int) -> WSGIApplication:
    """Build what one worker process serves: runs in that process, after the fork, with nothing inherited."""
    os.setsid()  # Ctrl-C is for the parent, which then ends us: granian hangs on two signals at once
    follow(parent)
    app = create_app(settings, loopback=listen.loopback)
    service: Service = app.extensions["naru"]
    pulse = Pulse(service)
    pulse.start()
    # granian has no hook for the end of a WSGI worker; multiprocessing runs this when the process ends cleanly
    multiprocessing.util.Finalize(None, pulse.stop, exitpriority=_STOP_FIRST)
    lane: Lane = app.wsgi_app  # type: ignore[assignment]  # what create_app put there
    if desk.possible():
        aside = Spares(listen.reachable)
        leave = desk.seat(lane.app, aside)
        when_stopped(partial(_let_go, service, aside, partial(leave, listen.port)))
    return lane


def _let_go(service: Service, aside: Spares, leave: Callable[[], None]) -> None:
    """End what would never end by itself: a server stops when no request is left."""
    service.stopping.set()
    aside.stop()
    leave()


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent dies, however that happens: no orphan keeps the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)


def follow(parent: int) -> None:
    """Have this process end when its parent dies: at the kernel's signal, or some seconds later without it.

    A worker that has not begun to serve holds the handlers of its parent, and loses a signal that comes then.
    """
    die_with(parent)
    threading.Thread(target=_end_after, args=(parent,), name="naru-parent", daemon=True).start()


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_ORPHAN_LOOK_S)
    time.sleep(_GRACE_S)
    os._exit(1)


class JobWorker:
    """The `naru work` process beside the server, started again when it ends by itself."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._starting = threading.Lock()  # held where a process is started, so that none is after `stop`
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher = threading.Thread(target=self._watch, name="naru-job-worker", daemon=True)

    def start(self) -> None:
        """Start the process, and watch over it."""
        self._process = self._run()
        self._watcher.start()

    def stop(self) -> None:
        """End the process: politely, then by force. A job it had goes back to the queue."""
        with self._starting:
            self._stop.set()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _run(self) -> subprocess.Popen[bytes]:
        environ = {**os.environ, **self._settings.environ()}
        die_with_us: Callable[[], None] = partial(die_with, os.getpid())
        command = [sys.executable, "-m", "naru", "work"]
        stderr = sys.stderr.fileno()  # stdout is the server's own: with --json it holds one object
        return subprocess.Popen(
            command,
            env=environ,
            stdout=stderr,
            start_new_session=True,  # Ctrl-C is for us
            preexec_fn=die_with_us,  # noqa: PLW1509 (one system call, no Python lock)
        )

    def _watch(self) -> None:
        while self._process is not None:
            code = self._process.wait()
            self._stop.wait(_RESTART_PAUSE_S)
            with self._starting:
                if self._stop.is_set():
                    return
                log.warning("the job worker ended with status %s; starting another", code)
                self._process = self._run()
