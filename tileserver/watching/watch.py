"""What is seen of every request: counted for `/metrics`, and written to the access log where there is one.

The counts lie in mapped cells, so that whichever worker is asked for metrics can add up those of all.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from naru.errors import StorageFailed
from tileserver.access import caller_text
from tileserver.cells import Cells
from tileserver.watching.access_log import AccessLog
from tileserver.watching.request_ids import request_id

log = logging.getLogger("naru.serve")
FOLDER = "metrics"  # in the home
KEY = "naru.key"  # in a request's environ: the id of the key under which it runs
SEPARATOR = "\x1f"
BUCKETS = 26  # bucket k holds what took less than 2^k µs, and not less than half of that; the last one the rest
SECONDS, BYTES = BUCKETS, BUCKETS + 1  # places in a row of cells, behind its buckets; the former in µs
TELL_S = 1.0  # what was seen is in the cells within this
STORED = "stored tile"  # what the lane answers
_LONG = 64  # bits of the longest time, in µs
_MOST_ROWS = 500  # kinds × statuses; there are a few dozen
Row = list[int]


class Watch:
    """What one worker process has seen. A kill costs a second of it, and threads a count now and then."""

    def __init__(self, home: Path, access_log: str = "", proxies: int = 0) -> None:
        """Count into cells in `home`; write to `access_log` (a file, or - for stderr) if it is not empty.

        Raises:
            BadSetting: the access log cannot be written.
        """
        self._folder = home / FOLDER
        self._proxies = proxies
        self._log = AccessLog(access_log) if access_log else None
        self._rows: dict[tuple[str, int], Row] = {}  # by kind and status: requests by bits of their µs, µs, bytes
        self._slots: dict[tuple[str, int], list[int]] = {}
        self._cells: Cells | None = None
        self._is_broken = False
        self._telling = threading.Lock()

    def seen(self, kind: str, environ: MutableMapping[str, Any], status: int, size: int, began: float) -> None:
        """Count a request of a kind that was answered with `status` and `size` bytes; `began` by perf_counter."""
        took = time.perf_counter() - began
        row = self._rows.get((kind, status)) or self._new_row(kind, status)
        micros = int(took * 1e6)
        row[micros.bit_length()] += 1
        row[-2] += micros
        row[-1] += size
        if self._log is not None:
            who = {"key": environ.get(KEY, ""), "caller": caller_text(environ, self._proxies)}
            name = request_id(environ, self._proxies)
            self._log.write(environ, status=status, size=size, seconds=took, request_id=name, **who)

    def tell(self) -> None:
        """Write down what was seen, for whichever worker is asked for metrics."""
        with self._telling:
            for name, row in list(self._rows.items()):
                slots = self._slots.get(name) or self._new_slots(name)
                if self._cells is not None and slots:
                    told = [*row[: BUCKETS - 1], sum(row[BUCKETS - 1 : _LONG]), *row[-2:]]
                    for slot, value in zip(slots, told, strict=True):
                        self._cells.values[slot] = value

    def close(self) -> None:
        """End: the counts stay for `/metrics` until the server starts anew."""
        self.tell()
        if self._cells is not None:
            self._cells.close()
        if self._log is not None:
            self._log.close()

    def _new_row(self, kind: str, status: int) -> Row:
        row = [0] * (_LONG + 2)
        return self._rows.setdefault((kind, status), row) if len(self._rows) < _MOST_ROWS else row

    def _new_slots(self, name: tuple[str, int]) -> list[int]:
        kind, status = name
        try:
            if self._cells is None:
                self._cells = Cells.open(self._folder)
            names = [SEPARATOR.join((kind, str(status), str(place))) for place in range(BUCKETS + 2)]
            self._slots[name] = [self._cells.slot(one) for one in names]
        except StorageFailed as error:
            if not self._is_broken:  # said once
                log.warning("requests are not counted for /metrics: %s", error)
            self._is_broken = True
        return self._slots.get(name, [])
