"""`/api/runs`: flood runs, for who handed them in and for whoever may see all the layers that they became."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Response

from naru import runs
from naru.errors import KeyMissing, NoSuchAsset, ScopeDenied, UnknownJob, UnknownRun
from naru.records import Job
from naru.runs import KIND
from tileserver.access import Caller
from tileserver.documents import json_document
from tileserver.managing.guard import grant_of
from tileserver.managing.jobs import describe, job_address, progress_of
from tileserver.managing.scenarios import run_address
from tileserver.routes import Route, Service
from tileserver.twin.downloads import file_response

_NEWEST = 50
_LOOKED_THROUGH = 500
_HTML_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def list_runs(service: Service, caller: Caller) -> Response:
    """The newest runs that the caller may see."""
    found = service.house.jobs.newest(_LOOKED_THROUGH, kind=KIND)
    mine = [_in_short(job) for job in found if _sees(service, caller, job)]
    return json_document({"runs": mine[:_NEWEST], "may_run": _manages(caller)}, shared=False)


def show_run(service: Service, caller: Caller, run: str) -> Response:
    """One run: how far it is, and what came of it."""
    job = visible_run(service, caller, run)
    folder = run_folder(service, job)
    told = runs.told(folder) if job.state == "done" else None
    shown = {
        **_in_short(job),
        "job": describe(job) if _handed_in(caller, job) else None,
        "standing": runs.standing(folder) if job.state == "running" else None,
        "result": told and {**told, "outputs": sorted(told.get("outputs", {}))},
        "error": job.error,
    }
    return json_document(shown, shared=False)


def show_report(service: Service, caller: Caller, run: str) -> Response:
    """The report of a finished run, to read."""
    response = _file(service, visible_run(service, caller, run), "report.html", "text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _HTML_POLICY
    return response


def print_report(service: Service, caller: Caller, run: str) -> Response:
    """The report of a finished run, to print."""
    job = visible_run(service, caller, run)
    response = _file(service, job, "report.pdf", "application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{_name(job)}.pdf"'
    return response


def cancel_run(service: Service, caller: Caller, run: str) -> Response:
    """Cancel a run that has not ended; its worker stops within a second or two, and nothing of it is left."""
    before = visible_run(service, caller, run)
    if not _handed_in(caller, before):
        raise UnknownRun(f"there is no run '{run}' of yours", remedy="/api/runs lists the runs that you may see.")
    after = service.house.jobs.cancel(run)
    if before.state == "queued" and after.state == "cancelled":  # else its worker clears up
        service.house.runs.remove(run)
    return json_document(_in_short(after), shared=False)


def visible_run(service: Service, caller: Caller, run: str) -> Job:
    """Return a run's job if the caller handed it in, oversees everything, or may see all the layers it became.

    Raises:
        UnknownRun: there is none of that id, or none for this caller.
    """
    try:
        job = service.house.jobs.job(run)
    except UnknownJob:
        job = None
    if job is None or job.kind != KIND or not _sees(service, caller, job):
        raise UnknownRun(f"there is no run '{run}'", remedy="/api/runs lists the runs that you may see.")
    return job


def run_folder(service: Service, job: Job) -> Path:
    """Return where a run's results lie."""
    return Path(str(job.params["out"])) if job.params.get("out") else service.house.runs.folder(job.id)


def _sees(service: Service, caller: Caller, job: Job) -> bool:
    if _handed_in(caller, job):
        return True
    there = service.keeper.current.layers
    layers = [there.get(name) for name in _layer_ids(job)]
    return (
        job.state == "done" and bool(layers) and all(layer is not None and caller.sees(layer) for layer in layers)
    )


def _manages(caller: Caller) -> bool:
    """Whether the caller may hand scenarios in: pages offer it, or say what is missing."""
    try:
        grant_of(caller)
    except (KeyMissing, ScopeDenied):
        return False
    return True


def _handed_in(caller: Caller, job: Job) -> bool:
    """Whether the caller's managing key handed the run in, or oversees everything."""
    try:
        grant = grant_of(caller)
    except (KeyMissing, ScopeDenied):
        return False
    return grant.oversees or (job.params.get("grant") or {}).get("key") == grant.key


def _layer_ids(job: Job) -> list[str]:
    return [layer["id"] for layer in (job.result or {}).get("layers") or ()]


def _name(job: Job) -> str:
    """Return what people call the run: its scenario's id, or the name of its file."""
    named = job.params.get("name") or Path(str(job.params.get("scenario") or job.id)).stem
    return str(named).encode("ascii", "replace").decode().replace("?", "_")


def _in_short(job: Job) -> dict[str, Any]:
    links = {"self": run_address(job.id), "job": job_address(job.id), "events": f"{job_address(job.id)}/events"}
    if job.state == "done":
        links |= {name: f"{run_address(job.id)}/{name}" for name in ("report", "report.pdf", "timeseries")}
    return {
        "id": job.id,
        "scenario": _name(job),
        **{name: value for name, value in progress_of(job).items() if name != "stage"},  # those of files
        "created": job.created.isoformat(),
        "finished": job.finished.isoformat() if job.finished else None,
        "layers": _layer_ids(job),
        "links": links,
    }


def _file(service: Service, job: Job, name: str, media_type: str) -> Response:
    """Return a file of a run's folder. Raises NoSuchAsset."""
    path = run_folder(service, job) / name
    try:
        facts = path.stat()
        return file_response(path, media_type, tag=f"{facts.st_mtime_ns:x}-{facts.st_size:x}", shared=False)
    except OSError as error:
        raise NoSuchAsset(
            f"the run has no {name}" if job.state == "done" else f"the run is {job.state}: there is no {name} yet",
            remedy="/api/runs/{run} says what there is.",
        ) from error


_JSON, _PROBLEM = "application/json", "application/problem+json"
_SAME = ("You have this version", "")
RUN: Mapping[str, Any] = {"description": "A run's id", "schema": {"type": "string", "maxLength": 32}}
_RUN = {"run": RUN}
ROUTES = (
    Route(
        "/api/runs",
        "visible",
        list_runs,
        "The newest flood runs that you may see",
        {200: ("Runs", _JSON), 304: _SAME},
        tag="floods",
    ),
    Route(
        "/api/runs/<run>",
        "layer",
        show_run,
        "A flood run: how far it is, and what came of it",
        {200: ("The run", _JSON), 304: _SAME},
        _RUN,
        tag="floods",
    ),
    Route(
        "/api/runs/<run>/report",
        "layer",
        show_report,
        "A run's report",
        {
            200: ("The report", "text/html"),
            206: ("The part of it that Range asks for", "text/html"),
            304: _SAME,
            416: ("The report ends before that part", _PROBLEM),
        },
        _RUN,
        tag="floods",
        headers=("Range", "If-Range"),
    ),
    Route(
        "/api/runs/<run>/report.pdf",
        "layer",
        print_report,
        "A run's report, to print",
        {
            200: ("The report", "application/pdf"),
            206: ("The part of it that Range asks for", "application/pdf"),
            304: _SAME,
            416: ("The report ends before that part", _PROBLEM),
        },
        _RUN,
        tag="floods",
        headers=("Range", "If-Range"),
    ),
    Route(
        "/api/runs/<run>",
        "manage",
        cancel_run,
        "Cancel a run that has not ended",
        {200: ("The run", _JSON)},
        _RUN,
        tag="floods",
        method="DELETE",
    ),
)
