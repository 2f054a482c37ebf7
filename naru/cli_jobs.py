"""`naru work` and `naru jobs`: workers and what they work on."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

import click

from naru.records import Job
from naru.settings import Settings
from naru.terminal import json_option, open_house, print_json
from naru.work import work as run_work


@click.command()
@click.option("--once", is_flag=True, help="End when no job waits.")
@json_option
@click.pass_obj
def work(settings: Settings, once: bool, as_json: bool) -> None:
    """Run jobs as they come: uploads, scenarios."""
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("naru").setLevel(logging.INFO)  # not what libraries say of themselves
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    done = run_work(open_house(settings), once=once, stop=stop)
    if as_json:
        print_json({"jobs": done})


@click.group()
def jobs() -> None:
    """What workers have done, do, and will do."""


def job_summary(job: Job) -> dict[str, Any]:
    """Return a job as `naru jobs … --json` shows it."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "progress": job.progress,
        "message": job.message,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "worker": job.worker,
        "created": job.created.isoformat(),
        "finished": job.finished.isoformat() if job.finished else None,
        "result": job.result,
        "error": job.error,
    }


@jobs.command("list")
@json_option
@click.pass_obj
def list_jobs(settings: Settings, as_json: bool) -> None:
    """List the newest 50 jobs."""
    found = [job_summary(job) for job in open_house(settings).jobs.newest()]
    if as_json:
        print_json({"jobs": found})
        return
    for row in found:
        click.echo(f"{row['id']}  {row['kind']:<8} {row['state']:<9} {row['progress']:>4.0%}  {row['message']}")


@jobs.command("show")
@click.argument("job_id", metavar="JOB")
@json_option
@click.pass_obj
def show_job(settings: Settings, job_id: str, as_json: bool) -> None:
    """Show one job and its log."""
    queue = open_house(settings).jobs
    job = queue.job(job_id)
    summary = job_summary(job)
    log = [{"at": at.isoformat(), "message": message} for at, message in queue.log(job_id)]
    if as_json:
        print_json({**summary, "log": log})
        return
    summary["progress"] = f"{job.progress:.0%}"
    summary["error"] = (job.error or {}).get("code")  # the message stands above
    for name, value in summary.items():
        if value is not None and name != "result":
            click.echo(f"{name:<13} {value}")
    for layer in (job.result or {}).get("layers", ()):
        made = f"version {layer['version']}" if "version" in layer else "(dry run)"
        click.echo(f"{'layer':<13} {layer['id']} {made}")
    for line in log:
        click.echo(f"  {line['at']}  {line['message']}")


@jobs.command()
@click.argument("job_id", metavar="JOB")
@json_option
@click.pass_obj
def cancel(settings: Settings, job_id: str, as_json: bool) -> None:
    """Cancel a job that has not ended."""
    job = open_house(settings).jobs.cancel(job_id)
    if as_json:
        print_json(job_summary(job))
    else:
        click.echo(f"{job.id} is {job.state}.")
