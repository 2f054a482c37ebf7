"""`naru twin facilities`: a template to fill in, a check that names every fault, and the layer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from naru.catalogue import check_layer_id
from naru.errors import BadSetting
from naru.house import House
from naru.records import Job, Progress
from naru.settings import Settings
from naru.terminal import json_option, open_house, open_to_change, print_failure, print_json, progress_bar
from naru.work import run_here
from twin.layer_commands import geoid_options

if TYPE_CHECKING:
    from twin.facilities.problems import FacilitiesRefused
    from twin.facilities.reading import Wanted

KIND = "facilities"
_SHOWN = 50  # faults told to people; --json has them all


def run_facilities_handler(house: House, job: Job, progress: Progress) -> Mapping[str, Any]:
    """Publish the file of facilities that the job names."""
    from twin.facilities.publishing import publish as published

    return published(house, job, progress)


@click.group()
def facilities() -> None:
    """Weirs, gates, culverts, pump stations, levees, bridges, basins: template, check, publish."""


def _of_the_file(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what the file does not."""
    for option in (
        click.option(
            "--vertical-datum", help="The zero of the heights, when the file does not say.  [KVD1964: EL]"
        ),
        click.option("--crs", help="The coordinate system, such as EPSG:5186, when the file does not say."),
        click.option("--terrain", help="A layer of heights to hold places and levels against."),
    ):
        command = option(command)
    return command


@facilities.command()
@click.option("--format", "kind", type=click.Choice(("csv", "xlsx", "geojson")), default="csv", show_default=True)
@click.option("--korean", is_flag=True, help="Name the columns in Korean; both are read.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The file to write.")
@json_option
def template(kind: str, korean: bool, output: Path, as_json: bool) -> None:
    """Write a template with every column, its unit and meaning, and an example of each type."""
    from twin.facilities.templates import write_template
    from twin.facilities.types import TYPES

    write_template(output, kind, korean=korean)
    if as_json:
        print_json({"file": str(output), "format": kind, "types": list(TYPES)})
    else:
        click.echo(f"{output}: fill it in, then `naru twin facilities check {output}`")


@facilities.command()
def schema() -> None:
    """Print the JSON Schema of published facilities."""
    from twin.facilities.json_schema import json_schema

    click.echo(json.dumps(json_schema(), ensure_ascii=False, indent=1))


@facilities.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_of_the_file
@json_option
@click.pass_obj
def check(
    settings: Settings,
    /,
    file: Path,
    terrain: str | None,
    crs: str | None,
    vertical_datum: str | None,
    as_json: bool,
) -> None:
    """Say what is wrong with FILE (csv, xlsx, geojson, gpkg): every fault with facility and field."""
    from twin.facilities.problems import FacilitiesRefused
    from twin.facilities.publishing import check as checked

    try:
        found = checked(open_house(settings), file, _wanted(crs, vertical_datum), terrain).to_dict()
    except FacilitiesRefused as refused:
        _tell_faults(refused, as_json)
        raise click.exceptions.Exit(1) from None
    if as_json:
        print_json(found)
    else:
        _tell_found(found, str(file))


@facilities.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--id", "layer", required=True, help="The layer's id in addresses: small letters, digits, hyphens.")
@click.option("--title", "title_ko", help="The title people see.")
@click.option("--title-en", help="The title in English.")
@click.option("--visibility", help="public, private or group:NAME.  [default: public]")
@click.option("--licence", help="Under what licence the data may be used.")
@click.option("--attribution", help="Whom maps must name.")
@geoid_options("the zero of the heights", "  [default: as TERRAIN's mesh]")
@_of_the_file
@json_option
@click.pass_obj
def publish(settings: Settings, /, file: Path, layer: str, as_json: bool, **options: Any) -> None:
    """Publish FILE as a layer with its 3D models; nothing is published if anything is wrong with it."""
    from twin.facilities.problems import FacilitiesRefused

    check_layer_id(layer)
    if options["visibility"] and not re.fullmatch(r"public|private|group:\S+", options["visibility"]):
        raise BadSetting(
            f"--visibility cannot be '{options['visibility']}'", remedy="Say public, private or group:NAME."
        )
    house, started = open_to_change(settings), time.monotonic()
    params = {**options, "id": layer, "file": str(file.absolute())}
    try:
        with progress_bar(layer, quiet=as_json) as progress:
            made = run_here(house, KIND, params, run_facilities_handler, progress)
    except FacilitiesRefused as refused:
        _tell_faults(refused, as_json)
        raise click.exceptions.Exit(1) from None
    answer = {**made, "seconds": round(time.monotonic() - started, 3)}
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{layer} is live (version {answer['layers'][0]['version']})")
        _tell_found(answer, str(file))


def _wanted(crs: str | None, vertical_datum: str | None) -> Wanted:
    from twin.facilities.reading import Wanted

    return Wanted(crs, vertical_datum)


def _tell_faults(refused: FacilitiesRefused, as_json: bool) -> None:
    """Tell of every fault: a line each on stderr; with --json one object that has the first and all."""
    if as_json:
        print_json({"error": refused.to_dict(), "errors": [error.to_dict() for error in refused.errors]})
        print_failure(refused)
        return
    for error in refused.errors[:_SHOWN]:
        print_failure(error)
    if len(refused.errors) > _SHOWN:
        click.echo(f"naru: and {len(refused.errors) - _SHOWN} more; --json lists them all", err=True)


def _tell_found(found: Mapping[str, Any], file: str) -> None:
    types = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in found["types"].items())
    against = f"against terrain {found['terrain']}" if found["terrain"] else "by themselves: no --terrain was given"
    click.echo(f"{file}: {found['facilities']} facilities in order ({types}), checked {against}")
    click.echo(f"  coordinates: {found['crs']} ({found['crs_how']}); heights above {found['vertical_datum']}")
    click.echo(f"  {found['values_unverified']} of {found['values']} values are not verified")
    for warning in found["warnings"]:
        click.echo(f"  warning: {warning}")
