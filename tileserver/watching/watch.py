"""What is seen of every request: counted for `/metrics`, and written to the access log where there is one.

The counts lie in mapped cells, so that whichever worker is asked for metrics can add up those of all.
"""

from __future__ import annotations

import logging
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
SECONDS, BYTES = BUCKETS, BUCKETS + 1  # places in a row, behind its buckets; the former in µs
STORED = "stored tile"  # what the lane answers


class Watch:
    """What one worker process has seen. Threads may lose a count between them: it is not for billing."""

    def __init__(self, home: Path, access_log: str = "", proxies: int = 0) -> None:
        """Count into cells in `home`; write to `access_log` (a file, or - for stderr) if it is not empty.

        Raises:
            BadSetting: the access log cannot be written.
        """
        self._folder = home / FOLDER
        self._proxies = proxies
        self._log = AccessLog(access_log) if access_log else None
        self._rows: dict[tuple[str, int], list[int]] = {}
        self._cells: Cells | None = None
        self._values = memoryview(bytearray(8 * (BUCKETS + 2))).cast("Q")

    def seen(self, kind: str, environ: MutableMapping[str, Any], status: int, size: int, began: float) -> None:
        """Count a request of a kind that was answered with `status` and `size` bytes; `began` by perf_counter."""
        took = time.perf_counter() - began
        row = self._rows.get((kind, status)) or self._new_row(kind, status)
        values, micros = self._values, int(took * 1e6)
        values[row[min(micros.bit_length(), BUCKETS - 1)]] += 1
        values[row[SECONDS]] += micros
        values[row[BYTES]] += size
        if self._log is not None:
            who = {"key": environ.get(KEY, ""), "caller": caller_text(environ, self._proxies)}
            name = request_id(environ, self._proxies)
            self._log.write(environ, status=status, size=size, seconds=took, request_id=name, **who)

    def close(self) -> None:
        """End: the counts stay for `/metrics` until the server starts anew."""
        if self._cells is not None:
            self._cells.close()
        if self._log is not None:
            self._log.close()

    def _new_row(self, kind: str, status: int) -> list[int]:
        try:
            if self._cells is None:
                self._cells = Cells.open(self._folder)
                self._values = self._cells.values
            names = [SEPARATOR.join((kind, str(status), str(place))) for place in range(BUCKETS + 2)]
            row = [self._cells.slot(name) for name in names]
        except StorageFailed as error:
            log.warning("requests are not counted for /metrics: %s", error)
            row = list(range(BUCKETS + 2))
            self._values = memoryview(bytearray(8 * (BUCKETS + 2))).cast("Q")
        return self._rows.setdefault((kind, status), row)
