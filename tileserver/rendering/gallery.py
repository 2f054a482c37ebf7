"""Pictures of styled layers: each metatile drawn once however many ask for its tiles, the last ones kept."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from naru.errors import NaruError, RenderingFailed, ServerBusy
from naru.settings import Clock
from tileserver.rendering.plan import Job
from tileserver.rendering.workshop import Workshop

_MOST_BYTES = 32 << 20  # of kept pictures: some thousand tiles
_ABOUT = 200  # bytes that a kept picture costs beside its own
MOST_HERE = 24  # callers that wait for pictures; the desk has 32 threads, and the others are for documents
MOST_DRAWN = 6  # metatiles that are drawn or wait for it
LONGEST_WAIT_S = 30.0
REFUSED_S = 30.0  # for which what could not be drawn is not tried again
_Name = tuple[str, Hashable]


class Drawing(Protocol):
    """What draws: a `Workshop`."""

    def do(self, told: Any, blobs: Sequence[bytes] = ()) -> list[bytes]:
        """Have a job done."""
        ...

    def close(self) -> None:
        """End."""
        ...


class Gallery:
    """Keeps pictures, and has those drawn that it lacks; refuses who would wait too long."""

    def __init__(
        self,
        workshop: Drawing | None = None,
        *,
        most_bytes: int = _MOST_BYTES,
        most_here: int = MOST_HERE,
        most_drawn: int = MOST_DRAWN,
        clock: Clock = time.monotonic,
    ) -> None:
        self.workshop: Drawing = workshop or Workshop()
        self._most_bytes, self._most_here, self._most_drawn = most_bytes, most_here, most_drawn
        self._clock = clock
        self._kept: OrderedDict[_Name, list[bytes]] = OrderedDict()
        self._size = self._here = 0
        self._begun: dict[_Name, Future[list[bytes]]] = {}
        self._failed: dict[_Name, float] = {}  # when
        self._lock = threading.Lock()  # of all above; held for no longer than it takes to look something up

    def picture(self, version: str, what: Hashable, number: int, job: Callable[[], Job]) -> bytes:
        """Return one of the pictures that a job gives, as a file's bytes; none where nothing is to be seen.

        `version` names content and look, as entity tags do, `what` the metatile; `job` is asked for where that
        must be drawn.

        Raises:
            ArchiveDamaged: the layer's tiles cannot be read.
            RenderingFailed: it could not be drawn.
            ServerBusy: too many callers wait already, or it took too long.
        """
        name = (version, what)
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None:
                self._kept.move_to_end(name)
                return kept[number]
            self._check_worth_trying(name)
            begun, is_first = self._begun.get(name), name not in self._begun
            if self._here >= self._most_here or (is_first and len(self._begun) >= self._most_drawn):
                raise _busy()
            if begun is None:
                begun = self._begun[name] = Future()
            self._here += 1
        try:
            return (self._drawn(name, begun, job) if is_first else _awaited(begun))[number]
        finally:
            with self._lock:
                self._here -= 1

    @classmethod
    def of(cls, renderer: str) -> Gallery:
        """Return a gallery of what NARU_RENDERER names."""
        return cls(Workshop.of(renderer))

    def close(self) -> None:
        """End what draws."""
        self.workshop.close()

    def _drawn(self, name: _Name, begun: Future[list[bytes]], job: Callable[[], Job]) -> list[bytes]:
        """Draw, keep, and tell those who wait for the same."""
        try:
            todo = job()
            tiles = self.workshop.do(todo.told, todo.tiles)
        except BaseException as error:
            with self._lock:
                del self._begun[name]
                if isinstance(error, NaruError):
                    self._failed[name] = self._clock()
            begun.set_exception(error)
            raise
        with self._lock:
            del self._begun[name]
            self._keep(name, tiles)
        begun.set_result(tiles)
        return tiles

    def _check_worth_trying(self, name: _Name) -> None:
        """Refuse what just failed: one bad picture must not keep the process from all others."""
        now = self._clock()
        self._failed = {other: when for other, when in self._failed.items() if now - when < REFUSED_S}
        if name in self._failed:
            raise RenderingFailed(
                "the picture could not be drawn a moment ago",
                remedy="Try again in a minute; vector tiles are served, and the operator's log says more.",
            )

    def _keep(self, name: _Name, tiles: list[bytes]) -> None:
        self._kept[name] = tiles
        self._size += _cost(tiles)
        while self._size > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._size -= _cost(oldest)


def _awaited(begun: Future[list[bytes]]) -> list[bytes]:
    try:
        return begun.result(LONGEST_WAIT_S)
    except TimeoutError as cause:
        raise _busy() from cause


def _cost(tiles: list[bytes]) -> int:
    return sum(_ABOUT + len(tile) for tile in tiles)


def _busy() -> ServerBusy:
    return ServerBusy("too many pictures are being drawn", remedy="Try again in a moment; vector tiles are served.")
