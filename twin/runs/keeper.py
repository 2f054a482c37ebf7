"""Who watches a run on behalf of its folder: checkpoints, and how it stands for whoever asks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from naru.runs import LIVE, WORK
from naru.storage import sync_file
from twin.flood.advance import Flood, Plan, Watcher
from twin.flood.ledger import Balance
from twin.runs import checkpoint
from twin.runs.folder import write_aside

_LOOK_S = 2.0  # between two looks for whoever asks how far the run is


class Recorder(Watcher, Protocol):
    """A watcher that can be put back to where it was."""

    def save(self) -> Mapping[str, Any]:
        """Return `arrays` by name and `facts` fit for JSON."""
        ...

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `save` gave."""
        ...


class Keeper:
    """A watcher around the recorder; `held` raises when the run is no longer this process's to write down."""

    def __init__(
        self,
        folder: Path,
        recorder: Recorder,
        plan: Plan,
        *,
        every_s: float,
        held: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder, self._recorder, self._plan = folder, recorder, plan
        self._every_s, self._held = every_s, held
        self._began = self._saved = time.monotonic()
        self._looked = float("-inf")
        self._from_s: float | None = None
        self._synced: set[tuple[str, int]] = set()

    def step(self, flood: Flood, dt_s: float) -> None:
        """Pass on."""
        self._recorder.step(flood, dt_s)

    def output(self, flood: Flood, balance: Balance) -> None:
        """Pass on; a checkpoint that is due at an output time is made when that has been written."""
        self._recorder.output(flood, balance)
        self._save_if_due(flood)

    def track(self, flood: Flood) -> None:
        """Pass on, and save what is due."""
        self._recorder.track(flood)
        if self._from_s is None:
            self._from_s = flood.time_s
        if time.monotonic() - self._looked >= _LOOK_S:
            self._look(flood)
        if flood.time_s < min(self._plan.end_s, flood.outputs * self._plan.output_every_s):
            self._save_if_due(flood)

    def save(self, flood: Flood) -> None:
        """Make a checkpoint now. Raises StorageFailed, and what `held` raises."""
        self._held()
        self._sync_frames()
        checkpoint.save(self._folder, flood.save(), self._recorder.save())
        self._saved = time.monotonic()

    def _save_if_due(self, flood: Flood) -> None:
        if time.monotonic() - self._saved >= self._every_s:
            self.save(flood)

    def _sync_frames(self) -> None:
        """Have on the disk what the recorder keeps beside: a checkpoint reckons with it."""
        beside = self._folder / ".work"
        for path in beside.rglob("*") if beside.exists() else ():
            if path.is_file():
                known = (str(path), path.stat().st_mtime_ns)
                if known not in self._synced:
                    sync_file(path)
                    self._synced.add(known)

    def _look(self, flood: Flood) -> None:
        """Write down how the run stands, for pages that show it."""
        self._looked = time.monotonic()
        gone = flood.time_s - (self._from_s or 0.0)
        spent = time.monotonic() - self._began
        left = (self._plan.end_s - flood.time_s) * spent / gone if gone > 0 else None
        told = {
            "time_s": round(flood.time_s, 3),
            "duration_s": self._plan.end_s,
            "steps": flood.steps,
            "seconds_left": None if left is None else round(left, 1),
            "volume": flood.balance().to_dict(),
        }
        write_aside(self._folder / WORK / LIVE, json.dumps(told), sync=False)
