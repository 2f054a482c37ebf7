"""Workers: take a job, run its handler under a heartbeat, write down how it ended.

Handlers are found through the entry-point group `naru.jobs`: kind → `handler(house, job, progress) -> result`.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError

from naru.errors import JobLost, NaruError, UnknownJob
from naru.house import House
from naru.jobs import JobQueue, worker_name
from naru.records import Job, Progress

Handler = Callable[[House, Job, Progress], Mapping[str, Any]]
_BEAT_S = 10.0
_LOOK_S = 0.5  # a cancelled job is noticed within this
_IDLE_S = 0.5
log = logging.getLogger("naru.work")


def find_handler(kind: str) -> Handler:
    """Return the handler of a kind of job.

    Raises:
        UnknownJob: nothing installed handles that kind.
    """
    for entry in entry_points(group="naru.jobs", name=kind):
        handler: Handler = entry.load()
        return handler
    raise UnknownJob(f"nothing here handles jobs of kind '{kind}'", remedy="Install naru-city with its extras.")


class Heartbeat:
    """Prolongs a job's lease from a thread; turns into `JobLost` at the next `progress` when it is lost."""

    def __init__(self, queue: JobQueue, job: Job, every_s: float = _BEAT_S) -> None:
        self._queue, self._job, self._every_s = queue, job, every_s
        self._stop = threading.Event()
        self._lost: JobLost | None = None
        self._message = ""
        self._percent = -1
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{job.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def progress(self, fraction: float, message: str) -> None:
        """Write down how far the job is: on a new message, or every whole percent."""
        if self._lost:
            raise self._lost
        percent = int(fraction * 100)
        if message == self._message and percent == self._percent:
            return
        new = message if message != self._message else None
        self._message, self._percent = message, percent
        self._queue.heartbeat(self._job, progress=fraction, message=new)

    def _beat(self) -> None:
        due = time.monotonic() + self._every_s
        while not self._stop.wait(min(self._every_s, _LOOK_S)):
            try:
                if time.monotonic() < due:
                    self._queue.check_held(self._job)
                    continue
                due = time.monotonic() + self._every_s
                self._queue.heartbeat(self._job)
            except JobLost as lost:
                self._lost = lost
                return
            except SQLAlchemyError as error:  # the lease lasts for three beats: the next may get through
                log.warning("the catalogue did not take a heartbeat of job %s: %s", self._job.id, error)


def run_job(house: House, job: Job, handler: Handler, also: Progress | None = None) -> Mapping[str, Any]:
    """Run one claimed job to its end and write the end down; `also` hears of the progress too.

    Raises:
        NaruError: why it failed (already written down).
    """
    queue = house.jobs
    with Heartbeat(queue, job) as beat:

        def progress(fraction: float, message: str) -> None:
            beat.progress(fraction, message)
            if also:
                also(fraction, message)

        try:
            result = handler(house, job, progress)
            queue.finish(job, result)
        except JobLost:
            raise
        except NaruError as error:
            queue.fail(job, error)
            raise
        except BaseException as error:
            by_hand = isinstance(error, KeyboardInterrupt)
            queue.release(job, "stopped by hand" if by_hand else f"stopped: {type(error).__name__}: {error}")
            raise
        finally:
            _clear(house, job)
    return result


def run_here(
    house: House, kind: str, params: Mapping[str, Any], handler: Handler, progress: Progress
) -> Mapping[str, Any]:
    """Submit a job and run it at once in this process; it has no second attempt.

    Raises:
        NaruError: why it failed (already written down).
    """
    job = house.jobs.submit(kind, params, max_attempts=1, claim_as=worker_name())
    return run_job(house, job, handler, progress)


def _clear(house: House, job: Job) -> None:
    """Remove what this attempt left in the job's folder; a later attempt works in a folder of its own."""
    folder = house.settings.home / "jobs" / job.id
    shutil.rmtree(folder / f"attempt-{job.attempt}", ignore_errors=True)
    with contextlib.suppress(OSError):  # not empty: another attempt is at work
        folder.rmdir()
    try:
        if house.jobs.ended([job.id]):
            house.uploads.remove(job.id)
    except SQLAlchemyError as error:  # then `naru gc` removes it
        log.warning("the catalogue does not say whether job %s has ended: %s", job.id, error)


def work(house: House, *, once: bool = False, stop: threading.Event | None = None) -> int:
    """Run jobs until `stop` is set (or, with `once`, until none waits); return how many were run."""
    stop = stop or threading.Event()
    done = 0
    while not stop.is_set():
        job = house.jobs.claim(worker_name())
        if job is None:
            if once:
                break
            stop.wait(_IDLE_S)
            continue
        done += 1
        _run_logged(house, job)
    return done


def _run_logged(house: House, job: Job) -> None:
    try:
        run_job(house, job, find_handler(job.kind))
        log.info("job %s (%s) done", job.id, job.kind)
    except UnknownJob as error:
        house.jobs.fail(job, error)
    except NaruError as error:
        log.warning("job %s (%s) failed: %s", job.id, job.kind, error.one_line())
    except Exception:
        log.exception("job %s (%s) broke off; it will be tried again", job.id, job.kind)
