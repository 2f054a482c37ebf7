"""`naru twin terrain`: a survey becomes a river's terrain; and the handler of terrain jobs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from naru.house import House
from naru.records import Job, Progress
from naru.settings import Settings
from naru.terminal import json_option, open_to_change, print_json, progress_bar
from naru.work import run_here

KIND = "terrain"
_LOCAL = "http://127.0.0.1:8000"  # where `naru serve` listens unless told otherwise


def run_terrain_handler(house: House, job: Job, progress: Progress) -> Mapping[str, Any]:
    """Make and publish the terrain of the terrain file that the job names (`spec`)."""
    from twin.spec import read_spec
    from twin.terrain import make_terrain

    spec = read_spec(Path(job.params["spec"]))
    return make_terrain(house, spec, house.job_folder(job), progress, job)


@click.command()
@click.argument("spec", metavar="SPEC.yaml", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Make it and say how it went; publish nothing.")
@click.option("--queue", is_flag=True, help="Leave the work to a worker (`naru work`, `naru serve`).")
@json_option
@click.pass_obj
def terrain(settings: Settings, /, spec: Path, dry_run: bool, queue: bool, as_json: bool) -> None:
    """Make a river's terrain from the survey that SPEC.yaml names, and publish it.

    The bed is interpolated between the cross-sections and burnt into the ground. What is live stays live until
    the new terrain is whole; docs/planners.md explains the file."""
    from twin.spec import read_spec

    if dry_run and queue:
        raise click.UsageError("--dry-run publishes nothing: there is nothing to queue.")
    house = open_to_change(settings)
    found = read_spec(spec)  # what is wrong with it is said before any job is there
    if queue:
        job = house.jobs.submit(KIND, {"spec": str(spec.absolute())})
        if as_json:
            print_json({"jobs": [{"id": job.id, "terrain": found.terrain}]})
        else:
            click.echo(f"job {job.id} waits for a worker: terrain {found.terrain}")
        return
    started = time.monotonic()
    with progress_bar(found.terrain, quiet=as_json) as progress:
        made = _dry(house, spec, progress) if dry_run else _made(house, spec, progress)
    answer = {**made, "seconds": round(time.monotonic() - started, 3)}
    if as_json:
        print_json(answer)
    else:
        _tell(answer, dry_run, settings.public_url or _LOCAL)


def _made(house: House, spec: Path, progress: Progress) -> Mapping[str, Any]:
    return run_here(house, KIND, {"spec": str(spec.absolute())}, run_terrain_handler, progress)


def _dry(house: House, spec: Path, progress: Progress) -> Mapping[str, Any]:
    from twin.spec import read_spec
    from twin.terrain import make_terrain

    folder = house.settings.home / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="scratch-") as scratch:
        return make_terrain(house, read_spec(spec), Path(scratch), progress, None)


# --- words ------------------------------------------------------------------------------------------


def _tell(made: Mapping[str, Any], dry_run: bool, address: str) -> None:
    versions = [layer["version"] for layer in made["layers"] if "version" in layer]
    head = "would be made (nothing was published):" if dry_run else f"is live (version {versions[0]}):"
    click.echo(
        f"{made['terrain']} {head} {made['columns']} × {made['rows']} cells of {made['cell_m']:g} m "
        f"in {made['crs']}, heights above {made['vertical_datum']}"
    )
    _tell_method(made)
    click.echo(
        f"  earth: {_volume(made['cut_m3'])} m³ cut, {_volume(made['fill_m3'])} m³ filled, "
        f"{made['volume_change_m3']:+,.0f} m³ in all"
    )
    if made["max_bank_step_m"] is not None:
        x, y = made["max_bank_step_at"]
        click.echo(
            f"  largest step at the bank: {made['max_bank_step_m']:.2f} m at {x:.1f}, {y:.1f} "
            f"({made['max_bank_step_before_m']:.2f} m before blending), the bank's own slope included"
        )
    if made["max_bank_gap_m"] is not None:
        click.echo(
            f"  ground beside the channel meets the surveyed bank within {made['max_bank_gap_m']:.2f} m "
            f"({made['max_bank_gap_before_m']:.2f} m before)"
        )
    click.echo(f"  the bed is off the survey by {made['deviation_m']:.3f} m at most")
    for warning in made["warnings"]:
        click.echo(f"  warning: {warning}")
    if not dry_run:
        _tell_addresses(made, address)


def _volume(cubic_metres: float) -> str:
    return f"{cubic_metres:,.0f}"


def _tell_method(made: Mapping[str, Any]) -> None:
    """Print the table of leaving one section out; the method that was used is marked."""
    rows = made["leave_one_out"]
    if not rows:
        click.echo(f"  method: {made['chosen_method']}")
        return
    click.echo("  each section left out in turn, and found again from the others (metres):")
    click.echo(f"    {'method':<16}{'RMSE':>8}{'bias':>8}{'thalweg RMSE':>14}")
    for row in rows:
        mark = "  <- used" if row["method"] == made["chosen_method"] else ""
        numbers = f"{_number(row['rmse_m']):>8}{_number(row['bias_m']):>8}{_number(row['thalweg_rmse_m']):>14}"
        click.echo(f"    {row['method']:<16}{numbers}{mark}")
    worst = max(
        (s for row in rows if row["method"] == made["chosen_method"] for s in row["sections"]),
        key=lambda section: section["rmse_m"] or 0.0,
        default=None,
    )
    if worst:
        click.echo(
            f"    hardest to find again: section {worst['section']} of {worst['reach']}, "
            f"RMSE {_number(worst['rmse_m'])}, thalweg {_number(worst['thalweg_error_m'])}"
        )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _tell_addresses(made: Mapping[str, Any], address: str) -> None:
    ids = [layer["id"] for layer in made["layers"]]
    west, south, east, north = made["layers"][0]["bounds"]
    click.echo(f"  layers: {', '.join(ids)}")
    shown = ",".join(ids[:2])
    place = f"#map=14/{(south + north) / 2:.5f}/{(west + east) / 2:.5f}&layers={shown}"
    click.echo(f"  with `naru serve` on the map: {address.rstrip('/')}/{place}")
    click.echo("  seen with such a key: naru keys create --name NAME --functions basemap,content,common,twin")
    click.echo(f"  in 3D next: naru twin mesh {made['terrain']}")
