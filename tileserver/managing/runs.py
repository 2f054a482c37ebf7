"""`/api/runs`: flood runs, for who handed them in and for whoever may see all the layers that they became."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flask import Response

from naru import runs
from naru.errors import NoSuchAsset, UnknownRun
from naru.records import Job
from naru.runs import SCENARIO
from tileserver.access import Caller
from tileserver.documents import json_document
from tileserver.managing.guard import may_plan
from tileserver.managing.job_events import events_of
from tileserver.managing.jobs import describe, progress_of
from tileserver.managing.run_jobs import (
    handed_in,
    layers_of,
    links_of,
    run_address,
    run_folder,
    scenario_of,
    seen_runs,
    visible_run,
)
from tileserver.routes import Route, Service
from tileserver.twin.downloads import file_response

_NEWEST = 50
_REPORTS = {"report": "report.html", "report.pdf": "report.pdf"}
_MEDIA_TYPES = {
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".nc": "application/x-netcdf",
    ".csv": "text/csv; charset=utf-8",
    ".yaml": "application/yaml",
    ".json": "application/json",
}
_HTML_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def list_runs(service: Service, caller: Caller) -> Response:
    """The newest runs that the caller may see."""
    mine = seen_runs(service, caller)
    told = [{**_in_short(service, caller, job), "replaced_by": _replaced_by(job, mine)} for job in mine[:_NEWEST]]
    return json_document({"runs": told, "may_run": may_plan(caller)}, shared=False)


def show_run(service: Service, caller: Caller, run: str) -> Response:
    """One run: how far it is, and what came of it."""
    job = visible_run(service, caller, run)
    folder = run_folder(service, job)
    told = runs.told(folder) if job.state == "done" else None
    shown = {
        **_in_short(service, caller, job),
        "job": describe(job) if handed_in(caller, job) else None,
        "standing": runs.standing(folder) if job.state == "running" else None,
        "result": told and {**told, "outputs": sorted(told.get("outputs", {}))},
        "not_published": (job.result or {}).get("not_published"),
        "replaced_by": _replaced_by(job, seen_runs(service, caller)),
        "files": {name: file_address(run, file) for name, file in _files(told or {}).items()},
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
    response.headers["Content-Disposition"] = f'inline; filename="{scenario_of(job)}.pdf"'
    return response


def download_file(service: Service, caller: Caller, run: str, file: str) -> Response:
    """A file of a finished run's results: a raster, a table, the time series, the scenario itself."""
    job = visible_run(service, caller, run)
    told = runs.told(run_folder(service, job)) if job.state == "done" else None
    if file not in _files(told or {}).values():
        raise NoSuchAsset(
            f"the run has no file '{file[:80]}'"
            if job.state == "done"
            else f"the run is {job.state}: no files yet",
            remedy="/api/runs/{run} lists them under `files`.",
        )
    response = _file(service, job, file, _MEDIA_TYPES[Path(file).suffix])
    name = f"{scenario_of(job)}{Path(file).suffix}" if file == SCENARIO else f"{scenario_of(job)}-{file}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def cancel_run(service: Service, caller: Caller, run: str) -> Response:
    """Cancel a run that has not ended; its worker stops within a second or two, and nothing of it is left."""
    before = _own_run(service, caller, run)
    after = service.house.jobs.cancel(run)
    if before.state == "queued" and after.state == "cancelled":  # else its worker clears up
        service.house.runs.remove(run)
    return json_document(_in_short(service, caller, after), shared=False)


def run_events(service: Service, caller: Caller, run: str) -> Response:
    """A run's progress as it happens; the last event is how it ended."""
    return events_of(service, _own_run(service, caller, run))


def _own_run(service: Service, caller: Caller, run: str) -> Job:
    """Return the job of a run that the caller handed in, or oversees. Raises UnknownRun."""
    job = visible_run(service, caller, run)
    if not handed_in(caller, job):
        raise UnknownRun(f"there is no run '{run}' of yours", remedy="/api/runs lists the runs that you may see.")
    return job


def file_address(run: str, file: str) -> str:
    """Return where a file of a run's results is."""
    return f"{run_address(run)}/files/{file}"


def _replaced_by(job: Job, seen: Sequence[Job]) -> str | None:
    """Return the run of the same scenario id that has put its own results into this one's layers since."""
    if job.state != "done" or job.finished is None:
        return None
    layers = set(layers_of(job))
    later = (one for one in seen if one.state == "done" and one.finished and one.finished > job.finished)
    return next((one.id for one in later if layers & set(layers_of(one))), None)


def _files(told: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of a run's files by output; folders are none."""
    outputs = told.get("outputs", {}).items()
    return {name: file for name, file in outputs if Path(file).suffix in _MEDIA_TYPES and Path(file).name == file}


def _in_short(service: Service, caller: Caller, job: Job) -> dict[str, Any]:
    """Return what lists tell of a run; a report is linked where one was written."""
    links = {"self": run_address(job.id)}
    if handed_in(caller, job):
        links |= links_of(caller, job.id)
    if job.state == "done":
        folder = run_folder(service, job)
        there = (name for name, file in _REPORTS.items() if (folder / file).is_file())
        links |= {name: f"{run_address(job.id)}/{name}" for name in (*there, "timeseries")}
    return {
        "id": job.id,
        "scenario": scenario_of(job),
        "title": job.params.get("title"),
        **{name: value for name, value in progress_of(job).items() if name != "stage"},  # those of files
        "created": job.created.isoformat(),
        "finished": job.finished.isoformat() if job.finished else None,
        "layers": layers_of(job),
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
        "/api/runs/<run>/files/<file>",
        "layer",
        download_file,
        "A file of a run's results: GeoTIFF, NetCDF, CSV, or the scenario",
        {
            200: ("The file", ", ".join(_MEDIA_TYPES.values())),
            206: ("The part of it that Range asks for", ", ".join(_MEDIA_TYPES.values())),
            304: _SAME,
            416: ("The file ends before that part", _PROBLEM),
        },
        {
            **_RUN,
            "file": {"description": "As the run's `files` name it", "schema": {"type": "string", "maxLength": 80}},
        },
        tag="floods",
        headers=("Range", "If-Range"),
    ),
    Route(
        "/api/runs/<run>/events",
        "plan",
        run_events,
        "A run's progress as server-sent events: progress, at last done, failed or cancelled",
        {200: ("Events", "text/event-stream")},
        _RUN,
        tag="floods",
    ),
    Route(
        "/api/runs/<run>",
        "plan",
        cancel_run,
        "Cancel a run that has not ended",
        {200: ("The run", _JSON)},
        _RUN,
        tag="floods",
        method="DELETE",
    ),
)
