"""`/api/jobs`: what became of what was handed in, for whoever handed it in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flask import Response

from naru.errors import UnknownJob
from naru.jobs import ENDED
from naru.records import Job
from naru.stations import WAITING, station_at
from tileserver.access import Caller
from tileserver.documents import json_document
from tileserver.managing.guard import grant_of
from tileserver.routes import Route, Service


def list_jobs(service: Service, caller: Caller) -> Response:
    """The newest jobs that the caller may see."""
    grant = grant_of(caller)
    found = service.house.jobs.newest(key=None if grant.oversees else grant.key)
    return json_document({"jobs": [describe(job) for job in found]}, shared=False)


def show_job(service: Service, caller: Caller, job: str) -> Response:
    """One job."""
    return json_document(describe(visible_job(service, caller, job)), shared=False)


def cancel_job(service: Service, caller: Caller, job: str) -> Response:
    """Cancel a job that has not ended; its worker stops within a second or two."""
    before = visible_job(service, caller, job)
    after = service.house.jobs.cancel(job)
    if before.state == "queued" and after.state == "cancelled":  # else its worker clears up
        service.house.uploads.remove(job)
    return json_document(describe(after), shared=False)


def visible_job(service: Service, caller: Caller, job_id: str) -> Job:
    """Return a job if the caller's key handed it in, or oversees everything.

    Raises:
        UnknownJob: there is none of that id, or it is another key's.
    """
    grant, job = grant_of(caller), service.house.jobs.job(job_id)
    handed_in_by = (job.params.get("grant") or {}).get("key")
    if not (grant.oversees or handed_in_by == grant.key):
        raise UnknownJob(f"there is no job '{job_id}'", remedy="/api/jobs lists the jobs that you may see.")
    return job


def job_address(job_id: str) -> str:
    """Return where a job is shown."""
    return f"/api/jobs/{job_id}"


def describe(job: Job) -> dict[str, Any]:
    """Return a job as `/api/jobs` shows it."""
    return {
        "id": job.id,
        "kind": job.kind,
        **progress_of(job),
        "attempt": job.attempt,
        "created": job.created.isoformat(),
        "finished": job.finished.isoformat() if job.finished else None,
        "file": _file_name(job),
        "dry_run": bool(job.params.get("dry_run")),
        "layers": (job.result or {}).get("layers"),
        "error": job.error,
    }


def progress_of(job: Job) -> dict[str, Any]:
    """Return how far a job is, as its events tell it."""
    waiting = job.state == "queued" or not job.attempt
    stage = WAITING if waiting else station_at(job.progress)
    return {"state": job.state, "progress": round(job.progress, 4), "stage": stage, "message": job.message}


def has_ended(job: Job) -> bool:
    """Whether nothing will change any more."""
    return job.state in ENDED


def _file_name(job: Job) -> str | None:
    """Return what the user calls the file; names from the command line may hold bytes that are no text."""
    if job.params.get("name"):
        return str(job.params["name"])
    path = job.params.get("file")
    return os.fsencode(Path(path).name).decode("utf-8", "replace") if path else None


_JSON = "application/json"
_SAME = ("You have this version", "")
_JOB = {"job": {"description": "A job's id", "schema": {"type": "string", "maxLength": 32}}}
ROUTES = (
    Route(
        "/api/jobs",
        "manage",
        list_jobs,
        "The newest jobs that you may see",
        {200: ("Jobs", _JSON), 304: _SAME},
        tag="jobs",
    ),
    Route(
        "/api/jobs/<job>",
        "manage",
        show_job,
        "One job",
        {200: ("The job", _JSON), 304: _SAME},
        _JOB,
        tag="jobs",
    ),
    Route(
        "/api/jobs/<job>",
        "manage",
        cancel_job,
        "Cancel a job that has not ended",
        {200: ("The job", _JSON)},
        _JOB,
        tag="jobs",
        method="DELETE",
    ),
)
