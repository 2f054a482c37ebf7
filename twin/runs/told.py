"""What `naru twin run` tells people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from naru.terminal import human_bytes
from twin.results.recorder import area_words, clock_words


def tell(made: Mapping[str, Any], address: str) -> None:
    """Print what came of a run or an ensemble; `address` is where `naru serve` listens."""
    if "members" in made:
        _tell_ensemble(made)
    else:
        _tell_run(made)
    for warning in made.get("warnings", ()):
        click.echo(f"  warning: {warning}")
    for name, path in made.get("outputs", {}).items():
        click.echo(f"  {name:<20} {path}")
    if made.get("not_published"):
        click.echo(f"  not on the map: {made['not_published']}")
    if made.get("layers"):
        _tell_layers(made["layers"], address)


def tell_dry(found: Mapping[str, Any]) -> None:
    """Print what a run would be."""
    many = f"{len(found['members'])} runs, each of " if "members" in found else ""
    click.echo(
        f"{found['scenario']} would be {many}{found['columns']} × {found['rows']} cells of {found['cell_m']:g} m"
        f"{' in ' + found['crs'] if found['crs'] else ''}, {found['cells']:,} of them in the domain"
    )
    click.echo(f"  scheme: {found['scheme']}, {clock_words(found['duration_s'])} of flood")
    click.echo(
        f"  memory: about {human_bytes(found['memory_bytes'])} of {human_bytes(found['memory_here_bytes'])} here"
    )
    seen = found["looked_ahead"]
    how = (
        f"seen on cells of {seen['cell_m']:g} m, with {found['wet_share']:.0%} of them at work"
        if seen
        else f"with all cells wet and {found['assumed_depth_m']:.3g} m deep; deep rivers take several times that"
    )
    click.echo(f"  about {found['steps']:,} steps and {clock_words(found['seconds'])} on this machine, {how}")
    for given in found["inputs"]:
        what = given.get("file") or given.get("layer") or given.get("value")
        click.echo(f"  {given.get('role', 'input')}: {what}")
    for warning in found["warnings"]:
        click.echo(f"  warning: {warning}")


def _tell_run(made: Mapping[str, Any]) -> None:
    volume = made["volume"]
    click.echo(
        f"run {made['run']}: {made['steps']:,} steps in {clock_words(made['seconds'])}, "
        f"{made['cell_steps_per_second'] / 1e6:.1f} million cell-steps a second"
    )
    click.echo(
        f"  water: {volume['in_m3']:,.1f} m³ in, {volume['out_m3']:,.1f} m³ out, "
        f"{volume['stored_m3']:+,.1f} m³ stored; error {volume['error_m3']:.3g} m³ ({volume['relative_error']:.1e})"
    )
    for name, gauge in made["gauges"].items():
        stage, at = gauge["max_stage_m"], gauge["time_of_max_s"]
        told = "stayed dry" if stage is None or at is None else f"highest {stage:.2f} m after {clock_words(at)}"
        click.echo(f"  gauge {name}: {told}")


def _tell_ensemble(made: Mapping[str, Any]) -> None:
    failed = [member for member in made["members"] if member.get("error")]
    click.echo(
        f"run {made['run']}: {len(made['members'])} members in {clock_words(made['seconds'])}, "
        f"{len(failed)} of them failed"
    )
    for member in failed:
        click.echo(f"  member {member['name']} failed: {member['error']['message']}")
    wet = [member["flooded_m2"] for member in made["members"] if "flooded_m2" in member]
    if wet:
        click.echo(f"  flooded: {area_words(min(wet))} to {area_words(max(wet))}")
    click.echo(f"  largest volume error of a member: {made['volume']['relative_error']:.1e}")


def _tell_layers(layers: Any, address: str) -> None:
    ids = [layer["id"] for layer in layers]
    west, south, east, north = layers[0]["bounds"]
    place = f"#map=14/{(south + north) / 2:.5f}/{(west + east) / 2:.5f}&layers={ids[0]}"
    click.echo(f"  layers: {', '.join(ids)}")
    click.echo(f"  with `naru serve` on the map: {address.rstrip('/')}/{place}")
