"""What the commands about one layer share: options of the geoid; a job that is run here or left to a worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from naru.house import House
from naru.terminal import print_json, progress_bar
from naru.work import Handler, run_here

Command = TypeVar("Command", bound=Callable[..., Any])
_UNDULATIONS = (-120.0, 120.0)  # metres: the geoid is nowhere further from the ellipsoid than 107


def geoid_options(zero: str, otherwise: str = "") -> Callable[[Command], Command]:
    """Add --geoid-undulation (metres) and --geoid (an absolute path, or "proj").

    The help says up to which `zero` of heights they reach, and what holds `otherwise`.
    """
    metres = click.option(
        "--geoid-undulation",
        "geoid_undulation_m",
        type=click.FloatRange(*_UNDULATIONS),
        help=f"Metres from the ellipsoid up to {zero}, such as 23.1 in Seoul.{otherwise}",
    )
    grid = click.option(
        "--geoid",
        metavar="FILE|proj",
        callback=_absolute,
        help="A grid of such undulations: a file, or the one that PROJ has installed.",
    )
    return lambda command: metres(grid(command))


def _absolute(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Make a path one that a worker elsewhere finds."""
    return value if value in (None, "proj") else str(Path(str(value)).absolute())


def made_of_layer(
    house: House, kind: str, params: Mapping[str, Any], handler: Handler, *, queue: bool, as_json: bool
) -> dict[str, Any] | None:
    """Make something of the layer `params["layer"]`; return the job's result and its `seconds`.

    With `queue` the job is left to a worker, which is said, and there is None. Raises what the handler raises.
    """
    layer = params["layer"]
    if queue:
        job = house.jobs.submit(kind, params)
        if as_json:
            print_json({"jobs": [{"id": job.id, "layer": layer}]})
        else:
            click.echo(f"job {job.id} waits for a worker: {kind} of {layer}")
        return None
    started = time.monotonic()
    with progress_bar(layer, quiet=as_json) as progress:
        made = run_here(house, kind, params, handler, progress)
    return {**made, "seconds": round(time.monotonic() - started, 3)}
