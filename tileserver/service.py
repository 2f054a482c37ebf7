"""A worker's inner life: the house it serves from, what it knows and counts, the pulse that renews both."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from zoneinfo import ZoneInfo

from naru.errors import QuotaUnavailable
from naru.house import House
from naru.settings import Clock, Settings, key_pepper
from tileserver.kept import Kept
from tileserver.keys.ring import KeyRing
from tileserver.quota.meter import QuotaMeter
from tileserver.quota.stores import open_store
from tileserver.rasters.studio import Studio
from tileserver.rendering.gallery import Gallery
from tileserver.snapshot import SnapshotKeeper
from tileserver.twin.pieces import Piece, keep_pieces
from tileserver.usage.counting import BEAT_S, Usage
from tileserver.usage.ledger import Ledger
from tileserver.usage.tables import open_database
from tileserver.watching.traces import Traces
from tileserver.watching.watch import TELL_S, Watch

log = logging.getLogger("naru.serve")
REFRESH_S = 0.5  # a publication or a revoked key is seen within this
_LETTERS_BYTES = 4 << 20  # all of our font's, packed
SETTLE_S = 1.0  # what was counted is in the catalogue within this


@dataclass(frozen=True)
class Service:
    """Everything a request may need."""

    house: House
    keyring: KeyRing
    keeper: SnapshotKeeper
    meter: QuotaMeter
    usage: Usage
    watch: Watch
    clock: Clock
    loopback: str = ""  # our own address, where callers of this machine alone can reach us
    studio: Studio = field(default_factory=Studio)
    gallery: Gallery = field(default_factory=Gallery)
    letters: Gallery = field(default_factory=Gallery)  # for maps that are drawn elsewhere
    pieces: Kept[Piece] = field(default_factory=keep_pieces)  # of 3D models and the like, packed
    traces: Traces | None = None
    stopping: threading.Event = field(default_factory=threading.Event)  # what lasts should end now

    @classmethod
    def open(cls, settings: Settings, clock: Clock = time.time, loopback: str = "") -> Service:
        """Open the house and take the first snapshot.

        Raises:
            StorageFailed: the home folder or the catalogue cannot be opened.
            BadSetting: the access log cannot be written, or something that a setting needs is not installed.
        """
        house = House.open(settings)
        pepper = key_pepper(settings)
        keyring = KeyRing(house.database, pepper)
        keyring.ensure_anonymous()
        store, zone = open_store(settings.quota_url, house.database), ZoneInfo(settings.timezone)
        meter = QuotaMeter(store, zone, settings.workers, clock, settings.home / "quota")
        keeper = SnapshotKeeper(house, keyring, pepper, clock)
        ledger = Ledger(open_database(settings, house.database), zone)
        usage = Usage(ledger, settings.home / "usage", lambda: keeper.current.layers, clock, settings)
        watch = Watch(settings.home, settings.access_log, settings.trusted_proxies)
        traces = Traces(settings.traces_url) if settings.traces_url else None
        gallery = Gallery.of(settings.renderer)
        letters = Gallery(gallery.workshop, most_bytes=_LETTERS_BYTES, most_here=16, most_drawn=16)
        within = (house, keyring, keeper, meter, usage, watch, clock, loopback)
        service = cls(*within, traces=traces, gallery=gallery, letters=letters)
        service.settle()  # what a worker before us had leased when it was killed
        return service

    @property
    def settings(self) -> Settings:
        """The settings it was opened with."""
        return self.house.settings

    def pulse(self) -> None:
        """See what changed and tell what was counted, now: for tests, in place of the `Pulse`."""
        self.keeper.refresh()
        self.settle()
        self.usage.flush()
        self.watch.tell()

    def settle(self, *, close: bool = False) -> None:
        """Tell the store what was counted; a store that does not answer is told next time."""
        behind = self.meter.behind
        try:
            self.meter.settle(close=close)
        except QuotaUnavailable as error:
            if not behind:  # said once, not every second
                log.warning("requests could not be written down yet: %s", str(error.__cause__).splitlines()[0])

    def close(self) -> None:
        """Give back what was leased, write down what was counted and close the databases."""
        self.gallery.close()
        self.settle(close=True)
        self.usage.close()
        self.watch.close()
        if self.traces is not None:
            self.traces.close()
        self.house.close()


class Pulse:
    """Five threads that renew what is known, settle quotas, lease ahead and write down, until stopped.

    They are several because writing waits for a database's lock, and neither a revoked key nor a quota must wait.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        beats: tuple[tuple[Callable[[], None], float], ...] = (
            (service.keeper.refresh, REFRESH_S),
            (service.settle, SETTLE_S),
            (partial(service.meter.refill, REFRESH_S), 0.0),
            (service.usage.beat, BEAT_S),
            (service.watch.tell, TELL_S),
        )
        self._threads = [threading.Thread(target=self._beat, args=beat, daemon=True) for beat in beats]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, and close the service."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._service.close()

    def _beat(self, beat: Callable[[], None], every_s: float) -> None:
        while not self._stop.wait(every_s):
            try:
                beat()
            except Exception:  # a pulse that stopped would leave the server in the past for ever
                log.exception("a pulse failed; the next one tries again")
