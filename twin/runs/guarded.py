"""A run that came over the net: each part that reads what strangers made is done by a confined child.

This process has the rights of the server: it looks up the layers that the scenario names, starts the children
(`naru.sandbox`, `twin.runs.inside`), counts the members of an ensemble together and makes the results live. A child
reads those layers' files, the run's folder and the libraries; it writes into that folder, and reaches no network.
"""

from __future__ import annotations

import atexit
import json
import logging
import math
import subprocess
import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from naru import kernel, runs
from naru.errors import ParserDied, StorageFailed, TooLarge
from naru.house import House
from naru.records import Progress
from naru.run_sandbox import PRELOAD, Given, new_sandbox, params_of
from naru.runs import WORK
from naru.sandbox import Allowance, Answer, Sandbox, Task
from twin.memory import machine_memory
from twin.report.lettering import ready
from twin.runs.load import Wish
from twin.runs.reach import library
from twin.runs.request import RunRequest
from twin.runs.run import Place, Told, hand_over

log = logging.getLogger("naru.work")
_FILE_BYTES = 64 * 2**30
_TRIES = 3  # of a child, each going on where the one before was
_SLACK_S = 3600.0  # for which a child may wait, for the disk above all, beside its processor time
_sandbox: Sandbox | None = None
_lock = threading.Lock()


def run_guarded(wish: Wish, request: RunRequest, place: Place) -> Told:
    """Run a scenario that came over the net, or all its members; return what it tells, its layers live.

    Raises:
        TooLarge: it took more memory or processor time than it may; says how far it had come.
        ParserDied: the child ended without a word, again and again.
        NaruError: what the child raised.
    """
    guard = Guard(wish, request, place)
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

    def __init__(self, wish: Wish, request: RunRequest, place: Place) -> None:
        house = library(place.house, place.job)
        assert house is not None
        share = runs.share_of(house.settings)
        given = Given.of(house, house.catalogue, _text(wish, request), share)
        self.scratch, self._folder = place.folder / WORK / "scratch", place.folder
        self.scratch.mkdir(parents=True, exist_ok=True)
        self._left_s = share.cpu_s
        self._memory = share.memory_bytes or int(0.7 * machine_memory())
        self._readable = [*given.files(), *_earlier_runs(wish, house), ready()]
        self._params = params_of(given, place.folder, request.to_params(), place.run)

    def run(self, sandbox: Sandbox, name: str, params: Mapping[str, Any], progress: Progress) -> Told:
        """Have a function of `twin.runs.inside` run in a child; return its answer.

        One that died without a word is started again: it goes on from its checkpoint.
        """
        task = self.task(name, params)
        for left in reversed(range(_TRIES)):
            try:
                answer = self._answer(sandbox, task, progress)
                break
            except ParserDied as died:
                if not left:
                    raise
                log.warning("run %s is gone on with: %s", self._params["run"], died.message)
        self._left_s -= answer.cpu_s
        _tell(answer)
        result: Told = answer.result
        return result

    def task(self, name: str, params: Mapping[str, Any]) -> Task:
        """Return the task of running a function of `twin.runs.inside`."""
        given = {**params, **self._params}
        return Task(f"twin.runs.inside:{name}", given, self._readable, [self._folder], links=False)

    def _answer(self, sandbox: Sandbox, task: Task, progress: Progress) -> Answer:
        cpu_s = max(1, math.ceil(self._left_s))
        try:
            return sandbox.run(task, Allowance(self._memory, cpu_s, 4.0 * cpu_s + _SLACK_S, _FILE_BYTES), progress)
        except TooLarge as error:
            error.message += _how_far(self._folder)
            raise


def _text(wish: Wish, request: RunRequest) -> str:
    """Return all words in which a layer may be named."""
    return wish.file.read_text(encoding="utf-8") + json.dumps(dict(request.changes or {}))


def _earlier_runs(wish: Wish, house: House) -> list[Path]:
    """Return the folders of the runs that members go on from; `check_warm_start` has seen that they may."""
    starts = [member.mapping.get("initial") for member in wish.members]
    names = {str(given.get("warm_start")) for given in starts if isinstance(given, Mapping)}
    return [house.runs.folder(name) for name in sorted(names & set(house.runs.ids()))]


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
    return f"; of the {standing['duration_s']:.0f} s of the flood it had run {standing['time_s']:.0f} s"


def box() -> Sandbox:
    """Return this process's sandbox for runs; it starts with its first task."""
    global _sandbox  # noqa: PLW0603 (one zygote a process: its start costs a second)
    with _lock:
        if _sandbox is None:
            _compile_ahead()
            _sandbox = new_sandbox()
            atexit.register(_sandbox.close)
        return _sandbox


def _compile_ahead() -> None:
    """Compile the kernels where nobody has: a child would compile them anew each time, for it can keep none."""
    for name in PRELOAD:
        import_module(name.partition(":")[0])
    if not kernel.all_compiled():
        log.info("compiling what floods need; this is done once")
        subprocess.run([sys.executable, "-m", "twin.warm"], check=False)


def _tell(answer: Answer) -> None:
    """Say it plainly where a child is less confined than on Linux with all that it has."""
    missing = {"landlock", "seccomp"} - set(answer.layers)
    if missing:
        log.warning("floods over HTTP are run without %s: see docs/operators.md", " and ".join(sorted(missing)))
