"""`naru demo`: the sample city and river, from nothing to a live, keyed map."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from naru.errors import SampleFailed, ServeFailed
from naru.listen import Listen, claim
from naru.settings import Settings
from naru.terminal import json_option, print_json

if TYPE_CHECKING:
    from sample_data.demo import DemoResult


@click.command()
@click.option("--home", type=click.Path(path_type=Path), help="The home folder, instead of NARU_HOME.")
@click.option("--no-serve", is_flag=True, help="End after ingest, with exit code 0.")
@click.option("--quick", is_flag=True, help="Leave out the closest zooms, and the river's mesh; flood it coarser.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@json_option
@click.pass_obj
def demo(
    settings: Settings, home: Path | None, no_serve: bool, quick: bool, host: str, port: int, as_json: bool
) -> None:
    """Make the sample city and a sample river, flood it, print a key and the viewer's address, and serve.

    Run again, it publishes a new version of every layer and makes a new key; the earlier ones stay.
    """
    from sample_data.demo import QUICK_MAXZOOM, DemoOptions, run_demo  # geopandas: a second

    if home is not None:
        settings = Settings.from_environ(os.environ, home=home)
    listen = Listen(host, port)
    if not no_serve:
        _check_port(listen)
    if quick:
        click.echo(f"Quick: zooms closer than {QUICK_MAXZOOM} are left out.", err=True)
    result = run_demo(settings, DemoOptions(listen, quick), lambda line: click.echo(line, err=True))
    if as_json:
        print_json(result.to_dict())
    else:
        _show(result, serving=not no_serve)
    if not no_serve:
        _serve(settings, listen)


def _check_port(listen: Listen) -> None:
    """A taken port is better known now than after the work."""
    try:
        claim(listen)
    except ServeFailed as error:
        remedy = "Choose another: naru demo --port 8001. Or end without serving: --no-serve."
        raise SampleFailed(error.message, remedy=remedy) from error


def _show(result: DemoResult, *, serving: bool) -> None:
    for layer in result.layers:
        _show_layer(layer)
    click.echo(f"\n{len(result.layers)} layers in {result.home}, {result.seconds} s")
    if not serving:
        click.echo(f"Serve: naru --home {shlex.quote(result.home)} serve")
    click.echo(f"Map:   {result.viewer}\nRiver: {result.river}")
    click.echo(f"Key:   {result.key}  (shown once; for programs: the map needs none)\nTile:  {result.curl}")


def _show_layer(layer: dict[str, Any]) -> None:
    title = f"{layer['title']['ko']} · {layer['title']['en']}"
    what = f"{layer['features_published']:>4} features" if layer["kind"] == "vector" else "       raster"
    click.echo(f"\n{layer['id']:<24} {what} {layer['seconds']:>6} s   {title}")
    click.echo(f"    coordinates  {layer['crs']} ({layer['crs_how']})")
    if layer["encoding"]:
        click.echo(f"    text         {layer['encoding']} ({layer['encoding_how']})")
    for verb in ("dropped", "repaired"):
        for count in layer[f"features_{verb}"]:
            click.echo(f"    {verb:<12} {count['count']}: {count['reason']}")
    for warning in layer["warnings"]:
        click.echo(f"    warning      {warning}")


def _serve(settings: Settings, listen: Listen) -> None:
    """Become the server, so that Ctrl-C and signals reach it directly."""
    from sample_data.running import child_environment, naru_command

    sys.stdout.flush()
    sys.stderr.flush()
    words = naru_command("serve", "--host", listen.host, "--port", str(listen.port))
    os.execve(sys.executable, words, child_environment(settings))  # noqa: S606 - our own command, no shell
