"""Runs as jobs: whose they are, who may see them, and where their results lie."""

from __future__ import annotations

from pathlib import Path

from naru.errors import KeyMissing, ScopeDenied, UnknownJob, UnknownRun
from naru.records import Job
from naru.runs import KIND
from tileserver.access import Caller
from tileserver.managing.guard import may_manage_some, plan_of
from tileserver.managing.jobs import job_address
from tileserver.routes import Service

_LOOKED_THROUGH = 500


def run_address(run: str) -> str:
    """Return where a run is shown."""
    return f"/api/runs/{run}"


def links_of(caller: Caller, run: str) -> dict[str, str]:
    """Return where whoever handed a run in follows it: its events; its job too with a key that may manage."""
    job = {"job": job_address(run)} if may_manage_some(caller) else {}
    return {**job, "events": f"{run_address(run)}/events"}


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


def seen_runs(service: Service, caller: Caller) -> list[Job]:
    """Return the runs that the caller may see, newest first."""
    return [job for job in service.house.jobs.newest(_LOOKED_THROUGH, kind=KIND) if _sees(service, caller, job)]


def run_folder(service: Service, job: Job) -> Path:
    """Return where a run's results lie."""
    return Path(str(job.params["out"])) if job.params.get("out") else service.house.runs.folder(job.id)


def _sees(service: Service, caller: Caller, job: Job) -> bool:
    if handed_in(caller, job):
        return True
    there = service.keeper.current.layers
    layers = [there.get(name) for name in layers_of(job)]
    return (
        job.state == "done" and bool(layers) and all(layer is not None and caller.sees(layer) for layer in layers)
    )


def handed_in(caller: Caller, job: Job) -> bool:
    """Whether the caller's managing key handed the run in, or oversees everything."""
    try:
        grant = plan_of(caller)
    except (KeyMissing, ScopeDenied):
        return False
    manages_all = grant.oversees and caller.key is not None and "manage" in caller.key.permissions.functions
    return manages_all or (job.params.get("grant") or {}).get("key") == grant.key


def layers_of(job: Job) -> list[str]:
    """Return the ids of the layers that a run became."""
    return [layer["id"] for layer in (job.result or {}).get("layers") or ()]


def scenario_of(job: Job) -> str:
    """Return what people call the run: its scenario's id, or the name of its file."""
    named = job.params.get("name") or Path(str(job.params.get("scenario") or job.id)).stem
    return str(named).encode("ascii", "replace").decode().replace("?", "_")
