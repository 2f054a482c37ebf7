"""Requests a second: each worker allows its share of a key's rate. Approximate on purpose, it keeps bursts off.

The generic cell rate algorithm (ITU-T I.371 annex A): one number a key, the moment at which its next request
would be due if they came evenly; a request may come early by as much as one second's worth.
"""

from __future__ import annotations

import threading

from naru.errors import RateExceeded
from tileserver.keys.ring import Key

_BURST_S = 1.0
_SLACK_S = 1e-3  # a moment is only known to a fraction of this


class RateGate:
    """The rates of one worker of `workers`."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._due: dict[str, float] = {}  # key id: moment
        self._lock = threading.Lock()

    def admit(self, key: Key, rate: int, now: float) -> None:
        """Let one request of `key`, which may make `rate` a second on all workers together, pass.

        Raises:
            RateExceeded: it comes too early.
        """
        between = self._workers / rate
        early = max(_BURST_S, between) - between
        with self._lock:
            due = self._due.get(key.id, now)
            if due - now > early + between + _BURST_S:  # the clock was put back
                due = now
            if due - now > early + _SLACK_S:
                raise RateExceeded(rate, window_s=1, resets_in_s=1)
            self._due[key.id] = max(due, now) + between
