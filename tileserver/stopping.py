"""Tells when a worker process is asked to stop, before the server waits for the requests that are left."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

_STOPS = (signal.SIGTERM, signal.SIGINT)


def when_stopped(act: Callable[[], None]) -> None:
    """Have `act` called, in a thread, at the first SIGTERM or SIGINT, whoever handles the signal itself.

    To be called in the main thread. The interpreter writes the number of each signal that has a Python handler
    into a pipe (`signal.set_wakeup_fd`), which stays in place when granian sets its own handlers later.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def watch() -> None:
        while number := os.read(reading, 1):
            if number[0] in _STOPS:
                act()
                return

    threading.Thread(target=watch, name="stopping", daemon=True).start()
