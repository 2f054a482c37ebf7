"""One member of an ensemble, in a process of its own: assembled, advanced on one thread, told in short."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from naru.errors import BadSpec, NaruError
from naru.export.harmless import harmless
from naru.house import House
from naru.records import Job
from naru.settings import Settings
from twin.flood import advance as course
from twin.flood.ledger import Balance
from twin.grid import Values
from twin.report.wishes import keep_wish
from twin.results.recorder import Recorder
from twin.runs.reach import confined, library
from twin.runs.run import assembled_of, start
from twin.runs.shelf import Shelf
from twin.scenario.records import Assembled
from twin.scenario.spec import ReportSpec
from twin.scenario.vary import Member

STOP = "stop"  # in the ensemble's work folder: members end when they see it
_LOOK_S = 0.5


@dataclass(frozen=True)
class Errand:
    """What is the same for all members of an ensemble; travels to the processes."""

    file: Path
    alone: Path | None  # where the scenario's files are looked for, where it came over the net
    work: Path  # the ensemble's work folder
    shape: tuple[int, int]
    settings: Settings | None  # of the house; None: no layers are named
    job: Job | None  # says what layers may be read
    keep: Path | None = None  # where each member's own results go
    given: House | None = None  # instead of one that `settings` open


class Stopped(Exception):
    """The ensemble has ended before the member."""


def run_member(errand: Errand, member: Member) -> dict[str, Any]:
    """Run a member; return its facts and `depth`, the maximum depths (metres, float32).

    One that cannot be run, or that was stopped, gives `error` instead.

    Raises:
        Stopped: the ensemble was given up.
    """
    _check_wanted(errand.work / STOP)
    began = time.monotonic()
    facts: dict[str, Any] = {"name": member.name, "values": dict(member.values)}
    try:
        told, depth = _run(errand, member)
    except NaruError as error:
        return facts | {"error": error.to_dict()}
    return facts | told | {"seconds": round(time.monotonic() - began, 3), "depth": depth}


def _run(errand: Errand, member: Member) -> tuple[dict[str, Any], Values]:
    house = None if errand.settings is None else House.open(errand.settings)
    try:
        with confined(errand.alone):
            layers = errand.given or library(house, errand.job)
            found = assembled_of(member.mapping, errand.file, layers, 1, Shelf(errand.work / "shelf"))
    finally:
        if house is not None:
            house.close()
    shape = found.domain.bed.shape
    if shape != errand.shape:
        raise BadSpec(
            f"its domain has {shape[0]} × {shape[1]} cells where the first member's has "
            f"{errand.shape[0]} × {errand.shape[1]}: what they have in common has no map",
            field="vary",
            remedy="Vary terrain, domain and cell size in runs of their own.",
        )
    return _advanced(errand, member, found)


def _advanced(errand: Errand, member: Member, found: Assembled) -> tuple[dict[str, Any], Values]:
    _check_wanted(errand.work / STOP)
    flood = start(found)
    if errand.keep is None:
        peaks = Peaks(found, errand.work / STOP)
        balance = course.advance(flood, found.plan, peaks)
        gauges = peaks.told()
    else:
        recorder = Keeping(errand.keep / member.name, found, errand.work / STOP)
        balance = course.advance(flood, found.plan, recorder)
        gauges = recorder.finish(flood)["gauges"]
        keep_wish(errand.keep / member.name, found.report or ReportSpec())
    depth = np.where(found.domain.active, flood.maxima.depth, np.float32(0.0)).astype(np.float32)
    flooded = int((depth >= np.float32(found.threshold_m)).sum())
    told = {
        "steps": flood.steps,
        "cell_steps": flood.cell_steps or float(flood.steps) * int(found.domain.active.sum()),
        "volume": balance.to_dict(),
        "flooded_m2": flooded * found.domain.area_m2,
        "max_depth_m": round(float(depth.max(initial=0.0)), 4),
        "gauges": {name: {k: v for k, v in gauge.items() if k not in ("x", "y")} for name, gauge in gauges.items()},
    }
    return told, depth


def _check_wanted(stop: Path) -> None:
    """Raise Stopped where the ensemble has ended."""
    if stop.exists() or not stop.parent.exists():
        raise Stopped


class _Looking:
    """Sees whether the ensemble still wants the member."""

    def __init__(self, stop: Path) -> None:
        self._stop, self._looked = stop, time.monotonic()

    def look(self) -> None:
        """Raise Stopped where it does not."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_S:
            self._looked = now
            _check_wanted(self._stop)


class Peaks(_Looking):
    """A watcher that keeps the highest stage at gauges, and nothing else."""

    def __init__(self, found: Assembled, stop: Path) -> None:
        super().__init__(stop)
        self._gauges = found.gauges
        self._cells = np.array([gauge.cell for gauge in found.gauges], np.int64)
        self._bed = found.domain.bed.ravel()[self._cells]
        self._depth = np.zeros(len(found.gauges))
        self._time = np.full(len(found.gauges), np.nan)

    def step(self, flood: course.Flood, dt_s: float) -> None:
        """Look at the gauges."""
        if len(self._cells):
            depth = flood.water.depths(self._cells)
            higher = depth > self._depth
            self._depth[higher], self._time[higher] = depth[higher], flood.time_s

    def output(self, flood: course.Flood, balance: Balance) -> None:
        """Look at the gauges at the start, too."""
        if flood.steps == 0:
            self.step(flood, 0.0)

    def track(self, flood: course.Flood) -> None:
        """Look whether to go on."""
        self.look()

    def told(self) -> dict[str, dict[str, float | None]]:
        """Return the highest stages as the contract's `gauges` has them; None where it stayed dry."""
        out: dict[str, dict[str, float | None]] = {}
        for number, gauge in enumerate(self._gauges):
            wet = self._depth[number] > 0
            out[gauge.name] = {
                "max_stage_m": float(self._bed[number] + self._depth[number]) if wet else None,
                "time_of_max_s": float(self._time[number]) if wet else None,
                "max_depth_m": float(self._depth[number]),
            }
        return out


class Keeping(Recorder):
    """A recorder of all results of a member."""

    def __init__(self, folder: Path, found: Assembled, stop: Path) -> None:
        super().__init__(folder, found, lambda share, words: None)
        self._looking = _Looking(stop)

    def track(self, flood: course.Flood) -> None:
        """Look whether to go on."""
        self._looking.look()


def table(members: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Return the members as rows of a table, the first of which names the columns."""
    paths = list(dict.fromkeys(path for member in members for path in member["values"]))
    gauges = list(dict.fromkeys(name for member in members for name in member.get("gauges", {})))
    head = ["member", *paths, "flooded_m2", "max_depth_m", "relative_volume_error", "steps", "seconds"]
    rows: list[list[Any]] = [[*head, *(f"max_stage_m {name}" for name in gauges), "error"]]
    for member in members:
        facts = [member.get(name) for name in ("flooded_m2", "max_depth_m")]
        facts += [member.get("volume", {}).get("relative_error"), member.get("steps"), member.get("seconds")]
        peaks = [member.get("gauges", {}).get(name, {}).get("max_stage_m") for name in gauges]
        failed = (member.get("error") or {}).get("message", "")
        rows.append([member["name"], *(member["values"].get(path) for path in paths), *facts, *peaks, failed])
    return [[harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
