"""Who watches a run and writes it down: `Recorder` is the `Watcher` of `twin.flood.advance`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from naru.records import Progress
from naru.storage import disk_errors
from twin.flood.advance import Flood
from twin.flood.ledger import Balance
from twin.results.frames import DRY_M, State, write_frame
from twin.results.series import Books, Clock, Gauges, Sections, load_series, save_series
from twin.scenario.records import Assembled

_TELL_S = 1.0  # of wall clock: how often progress is told; adding the water up takes a look at every cell
WORK = ".work"  # under the run's folder
RUN = "run.json"  # what a finished run's folder has


class Recorder:
    """Writes down gauges, sections, structures, the balance and the state at output times; tells progress.

    `folder` becomes the run's folder; what lies in `folder/.work` is needed until `finish`. `progress` hears 0 … 1
    and words; what it raises stops the run. `run` is the run's id, the scenario's name if none is given.
    """

    def __init__(self, folder: Path, assembled: Assembled, progress: Progress, *, run: str = "") -> None:
        self.folder, self.assembled, self.run = folder, assembled, run or assembled.name
        self.gauges = Gauges(assembled.gauges, assembled.domain)
        self.sections = Sections(assembled.sections, assembled.domain)
        self.books = Books()
        self.clock = Clock(assembled.gauge_every_s)
        self._progress = progress
        self._began, self._before_s = time.monotonic(), 0.0  # this process's share, and what went before it
        self._told = -np.inf
        self._begun_at_s: float | None = None  # simulated time at which this process began
        self._step_s = 0.0  # the last
        with disk_errors(folder):
            self.work.mkdir(parents=True, exist_ok=True)

    @property
    def work(self) -> Path:
        """The folder of what is only needed while the run runs."""
        return self.folder / WORK

    @property
    def seconds(self) -> float:
        """Wall-clock seconds that the run has taken, those before a restart included."""
        return self._before_s + time.monotonic() - self._began

    def step(self, flood: Flood, dt_s: float) -> None:
        """Look at the gauges, and sample where it is time."""
        if self._begun_at_s is None:
            self._begun_at_s = flood.time_s - dt_s
        self._step_s = dt_s
        self.gauges.look(flood.water, flood.time_s)
        if self.clock.rings(flood.time_s):
            self._sample(flood)

    def output(self, flood: Flood, balance: Balance) -> None:
        """Write down the state, the structures' readings and the balance. Raises StorageFailed."""
        if not self.gauges.times:
            self.gauges.look(flood.water, flood.time_s)
            self.clock.rings(flood.time_s)
            self._sample(flood)
        if flood.outputs == 1:  # a run begins: what an earlier one left here is not its result
            with disk_errors(self.folder):
                (self.folder / RUN).unlink(missing_ok=True)
        self.books.write(flood, balance)
        flow_x, flow_y = flood.water.flow()
        write_frame(self.work, flood.outputs - 1, State(flood.time_s, flood.water.depth, flow_x, flow_y))

    def track(self, flood: Flood) -> None:
        """Tell progress, once a second at most."""
        now = time.monotonic()
        end_s = self.assembled.plan.end_s
        if now - self._told < _TELL_S and flood.time_s < end_s:
            return
        self._told = now
        self._progress(min(1.0, flood.time_s / end_s), self._words(flood, now))

    def _sample(self, flood: Flood) -> None:
        self.gauges.sample(flood.water, flood.time_s)
        self.sections.sample(flood.water, flood.time_s, flood.actors)

    def _words(self, flood: Flood, now: float) -> str:
        end_s, time_s = self.assembled.plan.end_s, flood.time_s
        wet_m2 = float(np.count_nonzero(flood.water.depth > DRY_M)) * self.assembled.domain.area_m2
        words = (
            f"{clock_words(time_s)} of {clock_words(end_s)}, {area_words(wet_m2)} wet, step {self._step_s:.3g} s, "
            f"volume error {flood.balance().relative_error:.1e}"
        )
        gone, spent = time_s - (self._begun_at_s or 0.0), now - self._began
        if gone > 0 and time_s < end_s:
            words += f", about {clock_words(spent * (end_s - time_s) / gone)} left"
        return words

    def save(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: `arrays` by name, and `facts` fit for JSON.

        The frames lie in the folder already.
        """
        saved = save_series(self.gauges, self.sections, self.books, self.clock)
        saved["facts"]["seconds"] = self.seconds
        return saved

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `save` gave, of the same scenario and folder."""
        load_series(saved, self.gauges, self.sections, self.books, self.clock)
        self._before_s, self._began = float(saved["facts"]["seconds"]), time.monotonic()
        self._begun_at_s = None

    def finish(self, flood: Flood) -> dict[str, Any]:
        """Write the run's outputs; return the contract's JSON of `naru twin run`, and more.

        All is written aside and moved when it is whole, `run.json` last; a run that was finished before is only
        told again. Paths in `outputs` are absolute (in `run.json` relative to the folder).

        Raises:
            StorageFailed: the disk is full or not writable; nothing half-written is left.
            FileMissing, FileDamaged: the work folder was tampered with.
        """
        from twin.results.finish import finish

        return finish(self, flood)


def clock_words(seconds: float) -> str:
    """Return a duration as people write it.

    >>> clock_words(8100.0), clock_words(75.0), clock_words(4.25)
    ('2:15:00', '1:15', '4.2 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def area_words(square_metres: float) -> str:
    """Return an area as people write it.

    >>> area_words(1_250_000.0), area_words(8.0)
    ('1.25 km²', '8 m²')
    """
    return f"{square_metres / 1e6:.3g} km²" if square_metres >= 1e5 else f"{square_metres:.6g} m²"
