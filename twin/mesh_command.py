"""`naru twin mesh`: a layer of heights as terrain for 3D globes; and the handler of mesh jobs."""

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

KIND = "mesh"
_UNDULATIONS = (-120.0, 120.0)  # metres: the geoid is nowhere further from the ellipsoid than 107


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
@click.option(
    "--geoid-undulation",
    "geoid_undulation_m",
    type=click.FloatRange(*_UNDULATIONS),
    help="Metres from the ellipsoid up to the zero of the layer's heights, such as 23.1 in Seoul.",
)
@click.option(
    "--geoid", metavar="FILE|proj", help="A grid of such undulations: a file, or the one that PROJ has installed."
)
@click.option("--queue", is_flag=True, help="Leave the work to a worker (`naru work`, `naru serve`).")
@json_option
@click.pass_obj
def mesh(settings: Settings, /, layer: str, queue: bool, as_json: bool, **options: Any) -> None:
    """Make the 3D mesh of LAYER, a layer of heights: quantized-mesh tiles for Cesium, served under /terrain/.

    A mesh that its live version has already is replaced when the new one is whole."""
    from twin.mesh.publish import subject_of, undulation_of

    if options["geoid"] not in (None, "proj"):
        options["geoid"] = str(Path(options["geoid"]).absolute())
    params = {"layer": layer, **options}
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C: nothing is left behind
    house = open_house(settings)
    undulation_of(subject_of(house, layer), params)  # what cannot be is said before any job is there
    if queue:
        job = house.jobs.submit(KIND, params)
        if as_json:
            print_json({"jobs": [{"id": job.id, "layer": layer}]})
        else:
            click.echo(f"job {job.id} waits for a worker: mesh of {layer}")
        return
    started = time.monotonic()
    with progress_bar(layer, quiet=as_json) as progress:
        job = house.jobs.submit(KIND, params, max_attempts=1, claim_as=worker_name())
        made = dict(run_job(house, job, run_mesh_handler, progress))
    made["seconds"] = round(time.monotonic() - started, 3)
    if as_json:
        print_json(made)
    else:
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
