"""The members of an ensemble that came over the net: each in a confined child, some side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from naru.errors import JobLost, StorageFailed
from naru.run_sandbox import new_sandbox
from naru.sandbox import Sandbox
from naru.threads import cores
from twin.runs import ensemble
from twin.runs.guarded import Guard, box
from twin.runs.load import Wish
from twin.runs.request import RunRequest
from twin.runs.run import Place
from twin.scenario.vary import Member

_LOOK_S = 0.5


def run_members(guard: Guard, wish: Wish, request: RunRequest, place: Place) -> None:
    """Run the members that are not done yet, each in a confined child, and count them in the run's checkpoint."""
    begun = guard.run(box(), "begin_ensemble", {}, lambda share, words: place.progress(0.0, words))
    if begun["finished"]:
        return
    rows, columns = (int(n) for n in begun["shape"])
    tally = ensemble.Tally.go_on(place.folder, (rows, columns))
    keep = str(place.folder / ensemble.MEMBERS) if request.keep_members else ""

    def results(members: list[Member], look: Callable[[], None]) -> Iterator[dict[str, Any]]:
        count = min(len(members), request.workers or cores())
        return _in_children(guard, members, {"shape": [rows, columns], "keep": keep}, count, look)

    ensemble.gather(tally, wish, request, place, results)


def _in_children(
    guard: Guard, members: list[Member], params: Mapping[str, Any], count: int, look: Callable[[], None]
) -> Iterator[dict[str, Any]]:
    """Yield the members' results as they come, `count` at a time; when it is closed, all children are ended."""
    boxes: SimpleQueue[Sandbox] = SimpleQueue()
    every = [new_sandbox() for _ in range(count)]
    over = threading.Event()
    for each in every:
        each.start()
        boxes.put(each)

    def heed(share: float, words: str) -> None:
        if over.is_set():
            raise JobLost("the ensemble has ended before the member")

    def one(member: Member) -> dict[str, Any]:
        mine = boxes.get()
        try:
            heed(0.0, "")
            depths = guard.scratch / f"{threading.get_ident()}.npy"
            given = {**params, "member": member.name, "depths": str(depths)}
            told = guard.run(mine, "run_ensemble_member", given, heed)
            return told if told.get("error") else told | {"depth": _depths(depths, params["shape"])}
        finally:
            boxes.put(mine)

    with ThreadPoolExecutor(count, "member") as threads:
        waiting: set[Future[dict[str, Any]]] = {threads.submit(one, member) for member in members}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
                look()
                for future in done:
                    yield future.result()
        finally:
            over.set()
            for future in waiting:
                future.cancel()
            threads.shutdown(wait=True)
            for each in every:
                each.close()


def _depths(file: Path, shape: list[int]) -> Any:
    """Return the depths that a member left. Raises StorageFailed: they are none of its."""
    try:
        found = np.load(file, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise StorageFailed(f"a member's depths cannot be read ({error})", file=file.name) from error
    file.unlink()
    if found.shape != tuple(shape) or found.dtype != np.float32:
        raise StorageFailed("a member left something else than its depths", file=file.name)
    return found
