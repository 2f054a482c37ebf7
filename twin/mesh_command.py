"""`naru twin mesh`: a layer of heights as terrain for 3D globes; and the handler of mesh jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from naru.house import House
from naru.records import Job, Progress
from naru.settings import Settings
from naru.terminal import human_bytes, json_option, open_to_change, print_json
from twin.layer_commands import geoid_options, made_of_layer

KIND = "mesh"


def run_mesh_handler(house: House, job: Job, progress: Progress) -> Mapping[str, Any]:
    """Mesh the layer that the job names and attach it to its live version."""
    from twin.mesh.publish import mesh_layer

    return mesh_layer(house, job, house.job_folder(job), progress)


@click.command()
@click.argument("layer", metavar="LAYER")
@click.option(
    "--max-error",
    "max_error_m",
    type=click.FloatRange(0, 1000, min_open=True),
    help="Metres by which the last zoom may be off any pixel of the layer.  [default: 0.25, or 1/40 pixel]",
)
@click.option(
    "--minzoom", type=click.IntRange(0, 22), help="Coarser zooms are bare: no relief is drawn.  [default: 0]"
)
@click.option("--maxzoom", type=click.IntRange(0, 22), help="The last zoom.  [default: that of the layer's pixels]")
@geoid_options("the zero of the layer's heights")
@click.option("--queue", is_flag=True, help="Leave the work to a worker (`naru work`, `naru serve`).")
@json_option
@click.pass_obj
def mesh(settings: Settings, /, layer: str, queue: bool, as_json: bool, **options: Any) -> None:
    """Make the 3D mesh of LAYER, a layer of heights: quantized-mesh tiles for Cesium, served under /terrain/.

    A mesh that its live version has already is replaced when the new one is whole."""
    from twin.mesh.publish import subject_of, undulation_of

    params = {"layer": layer, **options}
    house = open_to_change(settings)
    undulation_of(subject_of(house, layer), params)  # what cannot be is said before any job is there
    made = made_of_layer(house, KIND, params, run_mesh_handler, queue=queue, as_json=as_json)
    if made is not None and as_json:
        print_json(made)
    elif made is not None:
        _tell(made)


def _tell(made: Mapping[str, Any]) -> None:
    last = str(made["maxzoom"])
    click.echo(
        f"{made['layer']} has a mesh (version {made['version']}): "
        f"z{made['minzoom']}-{last}, {made['tiles']} tiles, "
        f"{human_bytes(made['bytes'])}, {made['triangles'][last]} triangles at the last zoom, "
        f"off by {made['measured_error_m'][last]} m at most"
    )
    click.echo(f"  heights: {made['vertical_datum']} + {made['geoid_undulation_m']:g} m ({made['geoid']})")
    for warning in made["warnings"]:
        click.echo(f"  warning: {warning}")
