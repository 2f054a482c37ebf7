"""Pictures of styled layers: each metatile drawn once however many ask for its tiles, the last ones kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

from naru.errors import NaruError, RenderingFailed
from naru.settings import Clock
from tileserver.kept import Kept, cost_of_list
from tileserver.rendering.plan import Job
from tileserver.rendering.workshop import Workshop

_MOST_BYTES = 32 << 20  # of kept pictures: some thousand tiles
MOST_HERE = 24  # callers that wait for pictures; the desk has 64 threads, and the others are for documents
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
        self._clock = clock
        self._kept: Kept[list[bytes]] = Kept(
            most_bytes, cost_of_list, most_here=most_here, most_begun=most_drawn, patience_s=LONGEST_WAIT_S
        )
        self._failed: dict[_Name, float] = {}  # when
        self._lock = threading.Lock()  # of what failed

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
        kept = self._kept.find(name)
        if kept is None:
            self._check_worth_trying(name)
            kept = self._kept.get(name, lambda: self._drawn(name, job))
        return kept[number]

    def find(self, version: str, what: Hashable, number: int) -> bytes | None:
        """Return one of a job's pictures if they are kept and it shows anything."""
        kept = self._kept.find((version, what))
        return kept[number] or None if kept else None

    @classmethod
    def of(cls, renderer: str) -> Gallery:
        """Return a gallery of what NARU_RENDERER names."""
        return cls(Workshop.of(renderer))

    @property
    def here(self) -> int:
        """How many callers wait for pictures at this moment."""
        return self._kept.here

    def close(self) -> None:
        """End what draws."""
        self.workshop.close()

    def _drawn(self, name: _Name, job: Callable[[], Job]) -> list[bytes]:
        try:
            todo = job()
            return self.workshop.do(todo.told, todo.tiles)
        except NaruError:
            with self._lock:
                self._failed[name] = self._clock()
            raise

    def _check_worth_trying(self, name: _Name) -> None:
        """Refuse what just failed: one bad picture must not keep the process from all others."""
        now = self._clock()
        with self._lock:
            self._failed = {other: when for other, when in self._failed.items() if now - when < REFUSED_S}
            failed = name in self._failed
        if failed:
            raise RenderingFailed(
                "the picture could not be drawn a moment ago",
                remedy="Try again in a minute; vector tiles are served, and the operator's log says more.",
            )
