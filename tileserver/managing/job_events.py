"""`/api/jobs/{id}/events`: a job's progress as server-sent events (HTML standard §9.2), until it has ended."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

from flask import Response
from sqlalchemy.exc import SQLAlchemyError

from naru.errors import UnknownJob
from naru.records import Job
from tileserver.access import Caller
from tileserver.managing.jobs import describe, has_ended, progress_of, visible_job
from tileserver.routes import Route, Service

log = logging.getLogger("naru.serve")
LOOK_S = 0.25
SILENCE_S = 15.0  # then a comment is sent: proxies close what is silent for long
LONGEST_S = 3600.0  # then the caller asks again, as browsers do by themselves
_RETRY_MS = 2000
_AT_ONCE = 8  # streams that last, of one worker: each holds one of the desk's 32 threads
_places = threading.BoundedSemaphore(_AT_ONCE)


def job_events(service: Service, caller: Caller, job: str) -> Response:
    """A job's progress as it happens; the last event is how it ended."""
    return events_of(service, visible_job(service, caller, job))


def events_of(service: Service, job: Job) -> Response:
    """Return a job's events as an answer: see `job_events`."""
    response = Response(_stream(service, job), content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx passes each event on at once
    return response


def _stream(service: Service, job: Job) -> Iterator[bytes]:
    """Yield the events; where too many streams last already, what there is now: the caller asks again soon."""
    yield f"retry: {_RETRY_MS}\n\n".encode()
    lasts = _places.acquire(blocking=False)
    try:
        yield from _events(service, job, LONGEST_S if lasts else 0.0)
    finally:
        if lasts:
            _places.release()


def _events(service: Service, job: Job, longest_s: float) -> Iterator[bytes]:
    ends, spoke, told = time.monotonic() + longest_s, time.monotonic(), None
    while True:
        if has_ended(job):
            yield _event(job.state, describe(job))
            return
        if (now := progress_of(job)) != told:
            yield _event("progress", now)
            told, spoke = now, time.monotonic()
        elif time.monotonic() - spoke >= SILENCE_S:
            yield b": still there\n\n"
            spoke = time.monotonic()
        if time.monotonic() >= ends or service.stopping.wait(LOOK_S):
            return
        try:
            job = service.house.jobs.job(job.id)
        except (SQLAlchemyError, UnknownJob) as error:  # the caller asks again, and is told properly
            log.warning("the events of job %s broke off: %s", job.id, error)
            return


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


ROUTES = (
    Route(
        "/api/jobs/<job>/events",
        "manage",
        job_events,
        "A job's progress as server-sent events: progress, at last done, failed or cancelled",
        {200: ("Events", "text/event-stream")},
        {"job": {"description": "A job's id", "schema": {"type": "string", "maxLength": 32}}},
        tag="jobs",
    ),
)
