"""`naru twin run`: a scenario becomes a flood map; and the handler of flood jobs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from naru.house import House
from naru.records import Job, Progress
from naru.runs import KIND
from naru.settings import Settings
from naru.terminal import json_option, open_to_change, print_json, progress_bar
from naru.work import run_here

if TYPE_CHECKING:
    from twin.runs.request import RunRequest

_LOCAL = "http://127.0.0.1:8000"  # where `naru serve` listens unless told otherwise


def run_flood_handler(house: House, job: Job, progress: Progress) -> Mapping[str, Any]:
    """Run the scenario that the job names (`scenario`, a path, or `text`), or go on with it where it was left."""
    from twin.runs.request import RunRequest
    from twin.runs.run import Place, run_flood

    request = RunRequest.from_params(job.params)
    folder = Path(request.out) if request.out else house.runs.folder(job.id)
    place = Place(
        folder,
        job.id,
        house,
        progress,
        job,
        held=lambda: house.jobs.check_held(job),
        ours=not request.out,
        cluster=house.settings.dask_address,
    )
    return run_flood(request, place)


def _changes(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    """Return PATH=VALUE words as a mapping."""
    out: dict[str, Any] = {}
    for word in given:
        path, sign, text = word.partition("=")
        if not sign or not path.strip():
            raise click.BadParameter(f"'{word}' is no PATH=VALUE, such as rain.uniform_mm_h=50")
        out[path.strip()] = text
    return out


def _schema(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    """Print the schema and end, before a scenario is asked for."""
    if wanted and not context.resilient_parsing:
        from twin.scenario.schema import schema

        print_json(schema())
        context.exit()


@click.command()
@click.argument("scenario", metavar="SCENARIO.yaml", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder.  [default: in the home]")
@click.option("--publish", is_flag=True, help="Put the results on the map as layers.")
@click.option("--set", "changes", metavar="PATH=VALUE", multiple=True, callback=_changes, help="Change a value.")
@click.option("--scheme", help="Instead of the scenario's: inertial or full.")
@click.option("--threads", type=click.IntRange(0, 1024), default=0, help="Of one run.  [default: by its size]")
@click.option("--workers", type=click.IntRange(0, 1024), default=0, help="Of an ensemble.  [default: as cores]")
@click.option("--keep-going", is_flag=True, help="Go on with an ensemble when a member fails.")
@click.option("--keep-members", is_flag=True, help="Keep the results of each member of an ensemble.")
@click.option("--resume", is_flag=True, help="Go on with the run that was broken off in --out.")
@click.option("--overwrite", is_flag=True, help="Remove the run that lies in --out.")
@click.option(
    "--checkpoint-every",
    "checkpoint_s",
    type=click.FloatRange(0.0, 86400.0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How much work a kill may cost.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be run, and how long it may take; run nothing.")
@click.option("--check", is_flag=True, help="Only read the file: say whether it can be followed.")
@click.option("--only-beside", is_flag=True, help="With --check: as it is for a scenario that came over HTTP.")
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_schema,
    help="Print the JSON Schema of scenario files, for editors.",
)
@click.option("--queue", is_flag=True, help="Leave the work to a worker (`naru work`, `naru serve`).")
@json_option
@click.pass_obj
def run(settings: Settings, /, dry_run: bool, queue: bool, as_json: bool, **options: Any) -> None:
    """Run the flood that SCENARIO.yaml describes: rain, inflows and structures over a terrain.

    Writes maps of depth, speed, hazard and times, series at gauges and the water balance into a folder, and a
    report where the scenario asks for one. With --publish they become layers. docs/planners.md explains it."""
    if options.pop("check"):
        _check(options, as_json)
        return
    from twin.runs import told
    from twin.runs.load import load

    if options.pop("only_beside"):
        raise click.UsageError("--only-beside goes with --check.")
    if dry_run and queue:
        raise click.UsageError("--dry-run runs nothing: there is nothing to queue.")
    if options["resume"] and options["overwrite"]:
        raise click.UsageError("--resume goes on with a run, --overwrite removes it: give one of them.")
    request = _request(options)
    wish = load(request, Path())  # what is wrong with it is said before any job is there
    if dry_run:
        from twin.runs.dry import look_ahead

        found = look_ahead(wish, request, _house_if_there(settings))
        if as_json:
            print_json(found)
        else:
            told.tell_dry(found)
        return
    if queue:
        job = open_to_change(settings).jobs.submit(KIND, {**request.to_params(), "name": wish.name})
        if as_json:
            print_json({"jobs": [{"id": job.id, "scenario": wish.name}]})
        else:
            click.echo(f"job {job.id} waits for a worker: flood {wish.name}")
        return
    with progress_bar(wish.name or Path(request.scenario).stem, quiet=as_json) as progress:
        made = _run(settings, request, wish.name, progress)
    if as_json:
        print_json(made)
    else:
        told.tell(made, settings.public_url or _LOCAL)


def _check(options: dict[str, Any], as_json: bool) -> None:
    """Read the scenario and all its members; print what it is. Raises what reading raises."""
    from twin.runs.check import check

    alone = options.pop("only_beside")
    found = check(_request(options), alone=alone)
    if as_json:
        print_json(found)
    else:
        many = f", {len(found['members'])} members" if found["members"] else ""
        click.echo(f"{found['scenario']} can be followed{many}")


def _request(options: Mapping[str, Any]) -> RunRequest:
    from twin.runs.request import RunRequest
    from twin.strict_yaml import parse_yaml

    given = dict(options)
    scheme, out = given.pop("scheme"), given.pop("out")
    changes = {path: parse_yaml(text, f"--set {path}") for path, text in given.pop("changes").items()}
    if scheme is not None:
        changes["scheme"] = scheme
    return RunRequest(
        scenario=str(given.pop("scenario").absolute()),
        changes=changes or None,
        out="" if out is None else str(out.absolute()),
        **given,
    )


def _run(settings: Settings, request: RunRequest, name: str, progress: Progress) -> Mapping[str, Any]:
    """Run it here: as a job where the home has a part in it, else without any house."""
    if request.publish or not request.out:
        house = open_to_change(settings)
        return run_here(house, KIND, {**request.to_params(), "name": name}, run_flood_handler, progress)
    from twin.runs.run import Place, run_flood

    place = Place(
        Path(request.out),
        secrets.token_hex(8),
        _house_if_there(settings),
        progress,
        cluster=settings.dask_address,
    )
    return run_flood(request, place)


def _house_if_there(settings: Settings) -> House | None:
    """Open the house for the layers that a scenario may name, but make none."""
    made_already = not settings.database_url.startswith("sqlite") or (settings.home / "catalog.sqlite").exists()
    return open_to_change(settings) if made_already else None
