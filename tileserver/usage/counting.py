"""A worker's count of requests, on the hot path: a look-up and two stores in cells that outlive the process.

What a minute counted is a *page*. When the minute is over the next page begins, and a thread of its own writes the
old one into the ledger and frees its cells. A worker that was killed leaves its cells behind; whichever worker
comes by next writes them down. Visitors and the heat map are kept in memory only: a kill costs them a minute.
"""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from naru.errors import StorageFailed
from naru.records import Layer
from naru.settings import Clock, Settings
from tileserver.cells import Cells
from tileserver.usage import heat
from tileserver.usage.ledger import Ledger
from tileserver.usage.page import NONE, OTHER, UNCOUNTED, Dims, Page, Sums, Visited
from tileserver.usage.periods import MINUTE_S

log = logging.getLogger("naru.serve")
BEAT_S = 5.0
MOST_ROWS = 8192  # of a page; the last ones tell keys apart, but not layers, and more are one row
_MOST_CALLERS = 65_536  # of a page that are told apart
_MOST_TILES = 16_384  # of a page in the heat map, before it is folded
_MOST_WAITING = 3  # pages that could not be written; after that the minute goes on
_COLLECT_EVERY_S = 30.0
_LONGEST_LAYERS = 120  # characters of several layers' ids
_FUNCTIONS = frozenset(("basemap", "content", "common", "twin", "manage", NONE, OTHER, UNCOUNTED))
_STATUSES = frozenset((1, 2, 3, 4, 5))
_SEPARATOR = "\x1f"
Asked = tuple[str, str, str, int, int]  # key, function, layer, zoom, status: as they came


class Row(NamedTuple):
    """Where a request is counted."""

    values: memoryview
    requests: int  # index into `values`
    bytes: int
    callers: set[str] | None  # None: errors have no visitors
    tiles: dict[tuple[int, int], int]  # of the row's zoom, or of the finest that is kept
    shift: int  # from the row's zoom to that
    dims: Dims


@dataclass
class Draft:
    """A page that is being counted."""

    number: int
    minute: int
    met: dict[Asked, Row] = field(default_factory=dict)
    rows: dict[Dims, Row] = field(default_factory=dict)
    cells: list[int] = field(default_factory=list)
    callers_left: int = _MOST_CALLERS
    tiles_left: int = _MOST_TILES


class Usage:
    """What one worker process counts."""

    def __init__(
        self,
        ledger: Ledger,
        folder: Path,
        layers: Callable[[], Mapping[str, Layer]],
        clock: Clock = time.time,
        settings: Settings | None = None,
    ) -> None:
        """Count into cells in `folder`; `layers` gives those that there are, whose names alone are written down.

        With `settings`, a process of its own is started from time to time that tidies the ledger.
        """
        self.ledger, self._folder, self._layers, self._clock = ledger, folder, layers, clock
        self._settings = settings
        self._tidier: subprocess.Popen[bytes] | None = None
        self._name = f"memory-{secrets.token_hex(8)}"  # of pages that have no cells
        self._cells: Cells | None = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[Draft] = []
        self._collected = float("-inf")
        self._faults: set[str] = set()
        self._draft, self._ends = Draft(0, 0), float("-inf")

    def note(
        self,
        key_id: str,
        function: str,
        layer: str,
        zoom: int,
        status: int,
        size: int,
        caller: str,
        tile: tuple[int, int] | None = None,
    ) -> None:
        """Count a request that was answered with `status` and a body of `size` bytes. Never fails.

        `key_id`: empty where no key was accepted. `layer`: an id, or several joined by commas. `zoom`: -1 where
        there is none. `caller`: the caller's address, forgotten within minutes. `tile`: x and y of a tile in Web
        Mercator, for the heat map.
        """
        with self._lock:
            if self._clock() >= self._ends:
                self._turn()
            draft = self._draft
            row = draft.met.get((key_id, function, layer, zoom, status))
            if row is None:
                row = self._meet(draft, (key_id, function, layer, zoom, status))
            values, requests, bytes_, callers, tiles, shift, _ = row
            values[requests] += 1
            values[bytes_] += size
            if callers is not None:
                if caller not in callers and draft.callers_left:
                    draft.callers_left -= 1
                    callers.add(caller)
                if tile is not None:
                    if shift:
                        tile = (tile[0] >> shift, tile[1] >> shift)
                    count = tiles.get(tile)
                    if count is not None:
                        tiles[tile] = count + 1
                    else:
                        _first(draft, row, tile)

    def beat(self) -> None:
        """Write down what is over, and what dead workers left; see whether to tidy up."""
        with self._lock:
            if not self._draft.minute * MINUTE_S <= self._clock() < self._ends:
                self._turn()
        self._write_waiting()
        now = self._clock()
        if not 0 <= now - self._collected < _COLLECT_EVERY_S:
            self._collected = now
            self._attempt("counts of a dead worker could not be written down yet", self.collect)
        if self._settings is not None:
            self._attempt("the ledger of usage could not be tidied", self._tidy)

    def flush(self) -> None:
        """Write everything down now, also of the minute that is not over."""
        for _ in range(2):  # twice, where the minute had to go on because others waited
            with self._lock:
                self._turn()
            self._write_waiting()

    def collect(self) -> int:
        """Write down what dead workers left; return how many files that were."""
        done = 0
        for cells in Cells.abandoned(self._folder):
            for page in pages_of(cells):
                self.ledger.write(page)
            cells.discard()
            done += 1
        return done

    def close(self) -> None:
        """Write everything down and stop counting; what could not be written stays for another worker."""
        self.flush()
        if self._tidier is not None:
            self._tidier.terminate()
            self._tidier.wait()
        if self._cells is not None:
            if self._waiting or self._draft.rows:
                self._cells.close()
            else:
                self._cells.discard()
        self.ledger.close()

    def _turn(self) -> None:
        """Begin the next page; the lock is held. While pages wait to be written, the one there is goes on."""
        now = self._clock()
        minute = int(now // MINUTE_S)
        self._ends = (minute + 1) * float(MINUTE_S)
        if self._draft.rows:
            if len(self._waiting) >= _MOST_WAITING:
                return
            self._waiting.append(self._draft)
        elif self._draft.minute == minute:
            return
        self._draft = Draft(self._draft.number + bool(self._draft.rows), minute)

    def _meet(self, draft: Draft, asked: Asked) -> Row:
        dims = _with_room(draft, self._dims(asked))
        row = draft.rows.get(dims)
        if row is None:
            row = draft.rows[dims] = self._new_row(draft, dims)
        if len(draft.met) < 2 * MOST_ROWS:
            draft.met[asked] = row
        return row

    def _dims(self, asked: Asked) -> Dims:
        key_id, function, layer, zoom, status = asked
        status = status // 100 if status // 100 in _STATUSES else 5
        function = function or NONE
        function = function if function in _FUNCTIONS else OTHER
        return Dims(key_id or NONE, function, self._layer(layer), zoom if -1 <= zoom <= 30 else -1, status)

    def _layer(self, asked: str) -> str:
        """Return what a request for a layer stands under: names that anyone can make up are not written down."""
        if not asked:
            return NONE
        known = self._layers()
        if asked in known:
            return asked
        parts = asked.split(",")
        if len(asked) <= _LONGEST_LAYERS and len(parts) > 1 and all(part in known for part in parts):
            return ",".join(sorted(set(parts)))
        return OTHER

    def _new_row(self, draft: Draft, dims: Dims) -> Row:
        callers: set[str] | None = set() if dims.status < 4 else None
        shift = max(0, dims.zoom - heat.FINEST)
        try:
            values, requests, bytes_ = self._two_cells(draft, dims)
        except (StorageFailed, ValueError) as error:
            self._say_once("usage is counted in memory only, and lost if this process is killed", error)
            values, requests, bytes_ = memoryview(bytearray(16)).cast("Q"), 0, 1
        return Row(values, requests, bytes_, callers, {}, shift, dims)

    def _two_cells(self, draft: Draft, dims: Dims) -> tuple[memoryview, int, int]:
        if self._cells is None:
            self._cells = Cells.open(self._folder)
        name = _SEPARATOR.join(map(str, (draft.number, draft.minute, *dims)))
        found: list[int] = []
        for what in ("requests", "bytes"):
            found.append(self._cells.slot(f"{what}{_SEPARATOR}{name}"))
            draft.cells.append(found[-1])
        return self._cells.values, found[0], found[1]

    def _write_waiting(self) -> None:
        with self._writing:
            while self._waiting and self._attempt("usage could not be written down yet", self._write_first):
                self._waiting.pop(0)

    def _write_first(self) -> None:
        draft = self._waiting[0]
        self.ledger.write(_page(draft, self._cells.path.name if self._cells is not None else self._name))
        if self._cells is not None:
            for index in draft.cells:
                self._cells.free(index)

    def _tidy(self) -> None:
        """Have the sums, sketches and old rows seen to by a process of its own: it loads more than a worker may."""
        if self._tidier is not None and self._tidier.poll() is None:
            return
        if self._settings is not None and self.ledger.tidying_is_due(self._clock()):
            environ = {**os.environ, **self._settings.environ()}
            command = [sys.executable, "-m", "naru", "usage", "tidy"]
            self._tidier = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)

    def _attempt(self, complaint: str, do: Callable[[], object]) -> bool:
        try:
            do()
        except (SQLAlchemyError, StorageFailed, OSError) as error:
            self._say_once(complaint, error)
            return False
        self._faults.discard(complaint)
        return True

    def _say_once(self, complaint: str, error: Exception) -> None:
        if complaint not in self._faults:
            self._faults.add(complaint)
            log.warning("%s: %s", complaint, str(error).splitlines()[0])


def _with_room(draft: Draft, dims: Dims) -> Dims:
    """Return the row under which `dims` finds room: the last quarter is for who asked, whatever it was for."""
    if dims in draft.rows or len(draft.rows) < MOST_ROWS * 3 // 4:
        return dims
    asker = dims._replace(layer=OTHER, zoom=-1)
    if asker in draft.rows or len(draft.rows) < MOST_ROWS:
        return asker
    return Dims(OTHER, OTHER, OTHER, -1, dims.status)


def _first(draft: Draft, row: Row, tile: tuple[int, int]) -> None:
    """Count a tile that was not met before; where there is no room, not at all: the heat map is approximate."""
    if draft.tiles_left:
        draft.tiles_left -= 1
        row.tiles[tile] = 1


def _page(draft: Draft, file: str) -> Page:
    callers: dict[Visited, set[str]] = defaultdict(set)
    tiles: Counter[tuple[str, int, int, int]] = Counter()
    for dims, row in draft.rows.items():
        if row.callers:
            callers[Visited(dims.key_id, dims.function, dims.layer)] |= row.callers
        z = dims.zoom - row.shift
        for (x, y), count in row.tiles.items():
            for layer in dims.layer.split(","):
                tiles[layer, z, x, y] += count
    sums = {dims: Sums(row.values[row.requests], row.values[row.bytes]) for dims, row in draft.rows.items()}
    return Page(file, draft.number, draft.minute, sums, callers, tiles)


def pages_of(cells: Cells) -> list[Page]:
    """Return what a file of counters holds, in the order it was counted."""
    found: dict[tuple[int, int], dict[Dims, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for name, value in cells.named():
        what, number, minute, *dims = name.split(_SEPARATOR)
        key_id, function, layer, zoom, status = dims
        at = Dims(key_id, function, layer, int(zoom), int(status))
        found[int(number), int(minute)][at][what == "bytes"] = value
    return [
        Page(cells.path.name, number, minute, {dims: Sums(*sums) for dims, sums in rows.items()})
        for (number, minute), rows in sorted(found.items())
    ]
