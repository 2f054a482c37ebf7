"""`naru twin models`: outlines as 3D buildings, facilities as 3D structures; and the handler of its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from naru.house import House
from naru.records import Job, Progress
from naru.settings import Settings
from naru.terminal import human_bytes, json_option, open_to_change, print_json
from twin.layer_commands import geoid_options, made_of_layer

KIND = "models"
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
@geoid_options("EL 0", "  [default: as the terrain's mesh]")
@click.option("--closed", is_flag=True, help="Give buildings a bottom, so that each is watertight.")
@click.option("--queue", is_flag=True, help="Leave the work to a worker (`naru work`, `naru serve`).")
@json_option
@click.pass_obj
def models(settings: Settings, /, layer: str, queue: bool, as_json: bool, **options: Any) -> None:
    """Make 3D models of LAYER: buildings of outlines, or structures of facilities; 3D Tiles under /models/.

    Models that its live version has already are replaced when the new ones are whole."""
    from twin.models.publish import geoid_of, terrain_of

    params = {"layer": layer, **options}
    house = open_to_change(settings)
    house.catalogue.layer(layer)  # what cannot be is said before any job is there
    geoid_of(terrain_of(house, options["terrain"]), params)
    made = made_of_layer(house, KIND, params, run_models_handler, queue=queue, as_json=as_json)
    if made is not None and as_json:
        print_json(made)
    elif made is not None:
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
