"""A run that came over the net: each part that reads what strangers made is done by a confined child.

This process has the rights of the server: it looks up the layers that the scenario names, starts the children
(`naru.sandbox`, `twin.runs.inside`), counts the members of an ensemble together and makes the results live. A child
reads those layers' files, the run's folder and the libraries; it writes into that folder, and reaches no network.
"""

from __future__ import annotations

import atexit
import logging
import math
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from naru import kernel, runs
from naru.errors import JobLost, NaruError, StorageFailed, TooLarge, UnknownLayer
from naru.records import Archive, Layer, Progress
from naru.runs import WORK, Share
from naru.sandbox import Allowance, Answer, Sandbox, Task, Words, by_code
from twin.memory import machine_memory
from twin.report.lettering import ready
from twin.runs.inside import Order
from twin.runs.load import Wish
from twin.runs.reach import library
from twin.runs.request import RunRequest
from twin.runs.run import Place, Told, hand_over

log = logging.getLogger("naru.work")
_PRELOAD = (
    "twin.runs.inside",
    "twin.flood.inertial.scheme",
    "twin.flood.full.scheme",
    "twin.works.assembling",
    "twin.works.laws.crossing",
    "twin.report.write",
    "twin.report.lettering:ready",
    "twin.results.finish",
    "twin.results.layers",
    "netCDF4",
)  # modules with kernels, whose compiled code is found when they are loaded; and what takes long to load
_WORDS = Words(
    doing="running it",
    doer="the process that ran it",
    smaller="Take larger cells, a smaller part of the terrain, or a shorter time.",
    broken="Run it again; if it ends so again, tell whoever runs the service.",
)
_FILE_BYTES = 64 * 2**30
_SLACK_S = 3600.0  # for which a child may wait, for the disk above all, beside its processor time
_sandbox: Sandbox | None = None
_lock = threading.Lock()


def run_guarded(wish: Wish, request: RunRequest, place: Place) -> Told:
    """Run a scenario that came over the net, or all its members; return what it tells, its layers live.

    Raises:
        TooLarge: it took more memory or processor time than it may; says how far it had come.
        ParserDied: the child ended without a word.
        NaruError: what the child raised.
    """
    share = runs.share_of(place.house.settings) if place.house else Share()
    guard = Guard(wish, _order(wish, request, place, share), place)
    place.progress(0.0, "reading the scenario")
    if wish.varies:
        from twin.runs.guarded_members import run_members

        run_members(guard, wish, request, place)
    told = guard.run(box(), "run", {}, place.progress)
    parts = told.pop("parts", None)
    if parts is None:
        return told
    return told | hand_over(_within(parts, place.folder), place.part(0.9, 1.0))


class Guard:
    """What all children of a run have in common: what they may see and how much they may take."""

    def __init__(self, wish: Wish, order: Order, place: Place) -> None:
        self.order, self._place = order, place
        self._left_s = order.share.cpu_s
        self._readable = [*_archives(order), *_earlier_runs(wish, place), ready()]
        order.scratch.mkdir(parents=True, exist_ok=True)

    def run(self, sandbox: Sandbox, name: str, params: Mapping[str, Any], progress: Progress) -> Told:
        """Have a function of `twin.runs.inside` run in a child of a sandbox; return its answer."""
        task = Task(
            f"twin.runs.inside:{name}",
            {**params, "order": self.order.packed()},
            self._readable,
            [self._place.folder],
            links=False,
        )
        memory = self.order.share.memory_bytes or int(0.7 * machine_memory())
        cpu_s = max(1, math.ceil(self._left_s))
        try:
            answer = sandbox.run(task, Allowance(memory, cpu_s, 4.0 * cpu_s + _SLACK_S, _FILE_BYTES), progress)
        except TooLarge as error:
            error.message += _how_far(self._place.folder)
            raise
        self._left_s -= answer.cpu_s
        _tell(answer)
        result: Told = answer.result
        return result


def _order(wish: Wish, request: RunRequest, place: Place, share: Share) -> Order:
    assert place.house is not None
    settings = place.house.settings
    return Order(
        request,
        place.folder,
        place.run,
        settings.home,
        settings.storage,
        _named_layers(wish, place),
        place.folder / WORK / "scratch",
        share,
    )


def _named_layers(wish: Wish, place: Place) -> dict[str, Layer]:
    """Return the layers whose ids stand anywhere in a scenario, of those that its key may read."""
    assert place.house is not None
    house = library(place.house, place.job)
    assert house is not None
    out = {}
    for name in sorted(_strings(wish.mapping) & {layer.id for layer in place.house.catalogue.layers()}):
        try:
            out[name] = house.catalogue.layer(name)
        except UnknownLayer:  # it is there, but not for this key: the child will say that it is not
            continue
    return out


def _strings(given: Any) -> set[str]:
    """Return all texts in what YAML gave, however deep, without spaces around."""
    found: set[str] = set()
    waiting = [given]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
        elif isinstance(value, str):
            found.add(value.strip())
    return found


def _archives(order: Order) -> list[Path]:
    """Return the files of the layers that are named."""
    names = {archive.name for layer in order.layers.values() for archive in _archives_in(layer.live)}
    return [order.storage / name for name in sorted(names)]


def _archives_in(record: Any) -> Iterator[Archive]:
    """Yield the archives of a version: its source, its tilesets, what is beside them."""
    if isinstance(record, Archive):
        yield record
    elif is_dataclass(record):
        for each in fields(record):
            yield from _archives_in(getattr(record, each.name))
    elif isinstance(record, Mapping):
        for value in record.values():
            yield from _archives_in(value)
    elif isinstance(record, tuple):
        for value in record:
            yield from _archives_in(value)


def _earlier_runs(wish: Wish, place: Place) -> list[Path]:
    """Return the folders of the runs that members go on from; `check_warm_start` has seen that they may."""
    assert place.house is not None
    starts = [(member.mapping.get("initial") or {}) for member in wish.members]
    names = {str(given.get("warm_start")) for given in starts if isinstance(given, Mapping)}
    return [place.house.runs.folder(name) for name in sorted(names & set(place.house.runs.ids()))]


def _within(parts: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Return the layers to be, if all their files lie in the run's folder. Raises StorageFailed."""
    for part in parts:
        for file in (part["file"], *(asset["file"] for asset in part.get("assets", ()))):
            path = Path(file)
            if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
                raise StorageFailed("a result does not lie in the run's folder", file=path.name)
    return parts


def _how_far(folder: Path) -> str:
    """Say how far a run had come, as far as it has said so."""
    standing = runs.standing(folder)
    if standing is None:
        return ""
    return f"; of the {standing['duration_s']:g} s of the flood it had run {standing['time_s']:.0f} s"


def box() -> Sandbox:
    """Return this process's sandbox for runs; it starts with its first task."""
    global _sandbox  # noqa: PLW0603 (one zygote a process: its start costs a second)
    with _lock:
        if _sandbox is None:
            _compile_ahead()
            _sandbox = new_box()
            atexit.register(_sandbox.close)
        return _sandbox


def new_box() -> Sandbox:
    """Return a sandbox of its own: for one member at a time. Whoever made it closes it."""
    return Sandbox(_PRELOAD, _WORDS, lambda: {k: v for k, v in by_code(NaruError).items() if v is not JobLost})


def _compile_ahead() -> None:
    """Compile the kernels where nobody has: a child would compile them anew each time, for it can keep none."""
    for name in _PRELOAD:
        import_module(name.partition(":")[0])
    if not kernel.all_compiled():
        log.info("compiling what floods need; this is done once")
        subprocess.run([sys.executable, "-m", "twin.warm"], check=False)


def _tell(answer: Answer) -> None:
    """Say it plainly where a child is less confined than on Linux with all that it has."""
    missing = {"landlock", "seccomp"} - set(answer.layers)
    if missing:
        log.warning("floods over HTTP are run without %s: see docs/operators.md", " and ".join(sorted(missing)))
