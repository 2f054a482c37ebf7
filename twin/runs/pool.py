"""Where the members of an ensemble run: processes of this machine, or a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from typing import Any

from naru.errors import ExtraMissing, MemberDied
from naru.threads import cores
from twin.runs.member import Errand, run_member
from twin.scenario.vary import Member

Result = dict[str, Any]
_LOOK_S = 0.5  # how often the caller is asked whether to go on
_AHEAD = 3  # members that wait for each process: no more of their results than that pile up
_MOST_WORKERS = 256
_ANSWERS_WITHIN_S = 10.0


def run_members(
    errand: Errand, members: list[Member], *, workers: int, cluster: str, look: Callable[[], None]
) -> Iterator[Result]:
    """Yield the members' results as they come, in no order; `look` is called now and then and may raise.

    `cluster` is the address of a Dask scheduler, whose workers see the same files; "": processes here.

    Raises:
        ExtraMissing: there is an address, and `distributed` is not installed.
        MemberDied: a process ended without a word, or the cluster cannot be reached.
    """
    if cluster:
        yield from _on_cluster(errand, members, cluster, look)
    else:
        yield from _on_processes(errand, members, workers, look)


def _on_processes(
    errand: Errand, members: list[Member], workers: int, look: Callable[[], None]
) -> Iterator[Result]:
    count = min(len(members), workers or cores(_MOST_WORKERS))
    context = multiprocessing.get_context("spawn")  # no copy of our threads and locks
    others = set(multiprocessing.active_children())
    with ExitStack() as stack:
        pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin)
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        try:
            yield from _as_they_come(
                members, lambda member: pool.submit(run_member, errand, member), count * _AHEAD, look
            )
        except BrokenProcessPool as error:
            raise MemberDied(
                "a process ended without a word while it ran a member",
                remedy="Memory may have run out: go on with `--resume`, and fewer at a time (`--workers`).",
            ) from error
        except BaseException:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()  # the pool would wait for their ends
            raise


def _begin() -> None:
    """Make a process ready: it works on one thread, and ends with the one that started it."""
    os.environ["OMP_NUM_THREADS"] = "1"
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _as_they_come(
    members: Iterable[Member], submit: Callable[[Member], Future[Result]], ahead: int, look: Callable[[], None]
) -> Iterator[Result]:
    waiting: set[Future[Result]] = set()
    left = iter(members)
    try:
        while True:
            while len(waiting) < ahead and (member := next(left, None)) is not None:
                waiting.add(submit(member))
            if not waiting:
                return
            done, waiting = wait(waiting, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            look()
            for future in done:
                yield future.result()
    finally:
        for future in waiting:
            future.cancel()


def _on_cluster(errand: Errand, members: list[Member], address: str, look: Callable[[], None]) -> Iterator[Result]:
    client, coming = _cluster(address)
    with client:
        futures = [client.submit(run_member, errand, member, pure=False) for member in members]
        waiting = coming(futures, loop=client.loop)
        while waiting.count():
            look()
            if waiting.has_ready():
                future = next(waiting)
                try:
                    result: Result = future.result()
                except Exception as error:  # the cluster's own, of many kinds: it lost its workers
                    raise MemberDied(
                        f"the Dask cluster lost a member ({type(error).__name__}: {error})",
                        remedy="See the logs of its workers; go on with `--resume`.",
                    ) from error
                yield result
            else:
                time.sleep(_LOOK_S / 5)


def _cluster(address: str) -> tuple[Any, Any]:
    """Return a client of the scheduler, and Dask's `as_completed` for it. Raises ExtraMissing, MemberDied."""
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            "NARU_DASK_ADDRESS names a Dask cluster, and what speaks to one is not installed",
            field="NARU_DASK_ADDRESS",
            remedy="pip install 'naru-city[dask]', or unset it: members then run in processes here.",
        ) from error
    dask: Any = distributed
    try:
        return dask.Client(address, timeout=_ANSWERS_WITHIN_S, set_as_default=False), dask.as_completed
    except (OSError, ValueError) as error:
        raise MemberDied(
            f"the Dask scheduler at {address} does not answer ({error})",
            field="NARU_DASK_ADDRESS",
            remedy="Start it, correct NARU_DASK_ADDRESS, or unset it: members then run in processes here.",
        ) from error
