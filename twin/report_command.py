"""`naru twin report`: the report of a run, for planners."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from naru import runs
from naru.errors import UnknownRun
from naru.house import House
from naru.settings import Settings
from naru.terminal import json_option, open_to_change, print_json


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--buildings", help="Counted by class of depth: a layer's id or a file of outlines.")
@click.option("--roads", help="Measured by class of depth: a layer's id or a file of lines or areas.")
@click.option("--regions", help="By which all is told, such as administrative dong: a layer's id or a file.")
@click.option("--compare", metavar="RUN", help="Tell how this run differs from another of the same cells.")
@json_option
@click.pass_obj
def report(
    settings: Settings,
    /,
    run: str,
    buildings: str | None,
    roads: str | None,
    regions: str | None,
    compare: str | None,
    as_json: bool,
) -> None:
    """Write the report of RUN, a run's folder or the id of one in the home: report.html and report.pdf in it.

    What is counted is what the scenario names under `report:`, unless the options say otherwise."""
    from twin.report.wishes import kept_wish, source_of
    from twin.report.write import write_report

    folder = _folder(settings, run)
    other = None if compare is None else _folder(settings, compare)
    wish = kept_wish(folder)
    given = {"buildings": buildings, "roads": roads, "regions": regions}
    changes: dict[str, Any] = {name: source_of(text, f"--{name}") for name, text in given.items() if text}
    wish = replace(wish, **changes)
    house = _house(settings, (wish.buildings, wish.roads, wish.regions))
    warnings: list[str] = []
    made = write_report(folder, wish, house, warnings.append, other)
    paths = {name: str(folder / file) for name, file in made.items()}
    if as_json:
        print_json({"outputs": paths, "warnings": warnings})
        return
    for warning in warnings:
        click.echo(f"warning: {warning}")
    for path in paths.values():
        click.echo(path)


def _folder(settings: Settings, run: str) -> Path:
    """Return the folder of a run that is named by its folder or its id."""
    path = Path(run)
    if path.is_dir():
        return path
    kept = runs.Runs(settings.home / "runs").folder(run)
    if len(path.parts) == 1 and kept.is_dir():
        return kept
    raise UnknownRun(
        f"there is no run '{run}': no such folder, and none of that id in the home",
        remedy="Give the folder that `naru twin run --out` made, or an id that `naru jobs list` shows.",
    )


def _house(settings: Settings, sources: tuple[object, ...]) -> House | None:
    """Open the home only where a layer is named."""
    named = any(getattr(source, "layer", None) and not getattr(source, "file", None) for source in sources)
    return open_to_change(settings) if named else None
