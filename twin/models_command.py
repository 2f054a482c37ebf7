"""`naru twin models`: outlines as 3D buildings, facilities as 3D structures; and the handler of its jobs."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from naru.house import House
from naru.jobs import worker_name
from naru.records import Job, Progress
from naru.settings import Settings
from naru.terminal import human_bytes, json_option, open_house, print_json, progress_bar
from naru.work import run_job

KIND = "models"
_UNDULATIONS = (-120.0, 120.0)  # metres: the geoid is nowhere further from the ellipsoid than 107
_GROUND = (-500.0, 9000.0)  # EL metres


def run_models_handler(house: House, job: Job, progress: Progress) -> Mapping[str, Any]:
    """Make the models of the layer that the job names and attach them to its live version."""
    from twin.models.publish import models_layer

    return models_layer(house, job, house.job_folder(job), progress)


@click.command()
@click.argument("layer", metavar="LAYER")
@click.option("--terrain", help="The layer of heights that they stand on.  [default: --ground]")
@click.option("--height", help="The field of a building's height in metres.  [default: by its name]")
@click.option("--floors", help="The field of a building's floors above ground, 3.0 m each.  [default: by its name]")
@click.option(
    "--ground",
    "ground_m",
    type=click.FloatRange(*_GROUND),
    help="EL metres of the ground where no terrain says otherwise.  [default: 0]",
)
@click.option(
    "--geoid-undulation",
    "geoid_undulation_m",
    type=click.FloatRange(*_UNDULATIONS),
    help="Metres from the ellipsoid up to EL 0, such as 23.1 in Seoul.  [default: as the terrain's mesh]",
)
@click.option(
    "--geoid", metavar="FILE|proj", help="A grid of such undulations: a file, or the one that PROJ has installed."
)
@click.option("--closed", is_flag=True, help="Give buildings a bottom, so that each is watertight.")
@click.option("--queue", is_flag=True, help="Leave the work to a worker (`naru work`, `naru serve`).")
@json_option
@click.pass_obj
def models(settings: Settings, /, layer: str, queue: bool, as_json: bool, **options: Any) -> None:
    """Make 3D models of LAYER: buildings of outlines, or structures of facilities; 3D Tiles under /models/.

    Models that its live version has already are replaced when the new ones are whole."""
    from twin.models.publish import geoid_of, terrain_of

    if options["geoid"] not in (None, "proj"):
        options["geoid"] = str(Path(options["geoid"]).absolute())
    params = {"layer": layer, **options}
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C: nothing is left behind
    house = open_house(settings)
    house.catalogue.layer(layer)  # what cannot be is said before any job is there
    geoid_of(terrain_of(house, options["terrain"]), params)
    if queue:
        job = house.jobs.submit(KIND, params)
        if as_json:
            print_json({"jobs": [{"id": job.id, "layer": layer}]})
        else:
            click.echo(f"job {job.id} waits for a worker: models of {layer}")
        return
    started = time.monotonic()
    with progress_bar(layer, quiet=as_json) as progress:
        job = house.jobs.submit(KIND, params, max_attempts=1, claim_as=worker_name())
        made = dict(run_job(house, job, run_models_handler, progress))
    made["seconds"] = round(time.monotonic() - started, 3)
    if as_json:
        print_json(made)
    else:
        _tell(made)


def _tell(made: Mapping[str, Any]) -> None:
    low, high = made["height_range_m"]
    click.echo(
        f"{made['layer']} has models (version {made['version']}): {made['features']} features in "
        f"{made['tiles']} tiles, {human_bytes(made['bytes'])}, from {low:g} to {high:g} m"
    )
    if "height_sources" in made:
        words = {"field": "by their height", "floors": "by their floors", "assumed": "by assumption"}
        told = ", ".join(f"{count} {words[name]}" for name, count in made["height_sources"].items())
        click.echo(f"  height: {told}")
    undulation = f"{made['geoid_undulation_m']:g} m ({made['geoid_undulation_how']})"
    click.echo(f"  heights: {made['vertical_datum']} + {undulation}")
    for warning in made["warnings"]:
        click.echo(f"  warning: {warning}")
