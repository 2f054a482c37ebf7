"""`naru layers`: the catalogue from the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from naru import grid_jobs
from naru.errors import BadSelection, UnknownVersion
from naru.house import House
from naru.records import Archive, Asset, Layer, Tileset, Version
from naru.settings import Settings
from naru.terminal import json_option, open_house, print_json


@click.group()
def layers() -> None:
    """The catalogue: list, show, compare, publish, roll back, rename, delete, restore."""


def layer_summary(layer: Layer) -> dict[str, Any]:
    """Return a layer as `naru layers list --json` shows it."""
    tiles = next(iter(layer.live.tilesets), None)  # Web Mercator's
    return {
        "id": layer.id,
        "title": {"ko": layer.title_ko, "en": layer.title_en},
        "kind": layer.kind,
        "geometry": layer.geometry,
        "function": layer.function,
        "visibility": layer.visibility,
        "licence": layer.licence,
        "attribution": layer.attribution,
        "version": layer.live.number,
        "features": layer.live.report.get("features_published"),
        "bounds": layer.live.report.get("bounds"),
        "minzoom": tiles.minzoom if tiles else None,
        "maxzoom": tiles.maxzoom if tiles else None,
        "grids": [tileset.tile_matrix_set for tileset in layer.live.tilesets],
        "updated": layer.updated.isoformat(),
    }


@layers.command("list")
@click.option("--deleted", is_flag=True, help="List the deleted layers that can still be restored.")
@json_option
@click.pass_obj
def list_layers(settings: Settings, deleted: bool, as_json: bool) -> None:
    """List every layer with its live version."""
    catalogue = open_house(settings).catalogue
    if deleted:
        _list_deleted(catalogue.deleted(), as_json)
        return
    found = [layer_summary(layer) for layer in catalogue.layers()]
    if as_json:
        print_json({"layers": found})
        return
    if not found:
        click.echo("There are no layers yet. Type `naru ingest FILE` to make one.")
    for row in found:
        click.echo(
            f"{row['id']:<28} v{row['version']:<3} {row['function']:<8} {row['visibility']:<8} "
            f"{row['features']:>9} features  z{row['minzoom']}-{row['maxzoom']}  {row['title']['ko']}"
        )


@layers.command()
@click.argument("layer_id", metavar="LAYER")
@json_option
@click.pass_obj
def show(settings: Settings, layer_id: str, as_json: bool) -> None:
    """Show one layer, its versions, and where each came from."""
    catalogue = open_house(settings).catalogue
    layer = catalogue.layer(layer_id)
    versions: list[dict[str, Any]] = [
        {
            "version": v.number,
            "live": v.number == layer.live.number,
            "created": v.created.isoformat(),
            "source": v.source.name if v.source else None,
            "tilesets": [_tileset(tileset) for tileset in v.tilesets],
            "assets": [_asset(asset) for asset in v.assets.values()],
            "report": v.report,
        }
        for v in catalogue.versions(layer_id)
    ]
    if as_json:
        print_json({**layer_summary(layer), "versions": versions})
        return
    for name, value in layer_summary(layer).items():
        click.echo(f"{name:<12} {_plain(value)}".rstrip())
    for version in versions:
        report: Any = version["report"]
        mark = "live" if version["live"] else "    "
        click.echo(
            f"  v{version['version']} {mark} {version['created']}  {report.get('crs')}: {report.get('crs_how')}"
        )
        if beside := ", ".join(asset["name"] for asset in version["assets"]):
            click.echo(f"{'':<12} with {beside}")


def _tileset(tileset: Tileset) -> dict[str, Any]:
    return {
        "archive": tileset.archive.name,
        "tms": tileset.tile_matrix_set,
        "minzoom": tileset.minzoom,
        "maxzoom": tileset.maxzoom,
        "tiles": tileset.tiles,
    }


def _asset(asset: Asset) -> dict[str, Any]:
    return {"name": asset.name, "archive": asset.archive.name, "bytes": asset.archive.size}


@layers.command()
@click.argument("layer_ids", metavar="[LAYER]…", nargs=-1)
@json_option
@click.pass_obj
def grids(settings: Settings, layer_ids: tuple[str, ...], as_json: bool) -> None:
    """Let a worker cut the live version of each LAYER (of every layer, without one) in the grids that it lacks."""
    house = open_house(settings)
    found = [house.catalogue.layer(i) for i in layer_ids] if layer_ids else house.catalogue.layers()
    wanted = {layer.id: list(grid_jobs.missing(layer.live)) for layer in found}
    jobs = [
        house.jobs.submit(grid_jobs.KIND, params)
        for layer in found
        for params in grid_jobs.parameters(layer.live, wanted[layer.id])
    ]
    if as_json:
        print_json({"jobs": [{"id": job.id, **_named(job.params)} for job in jobs]})
        return
    for job in jobs:
        click.echo(f"job {job.id} waits for a worker: {job.params['name']}")
    if not jobs:
        click.echo("Nothing to cut: every layer of features has its tiles in all grids that draw it.")


def _named(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: params[name] for name in ("layer", "version", "grid")}


@layers.command()
@click.argument("layer_id", metavar="LAYER")
@click.argument("old", type=int, required=False)
@click.argument("new", type=int, required=False)
@json_option
@click.pass_obj
def diff(settings: Settings, layer_id: str, old: int | None, new: int | None, as_json: bool) -> None:
    """Compare two versions of LAYER: OLD (the one before) and NEW (the live one)."""
    house = open_house(settings)
    to = new if new is not None else house.catalogue.layer(layer_id).live.number
    newer = _version(house, layer_id, to)
    pair = [_before(house, layer_id, to) if old is None else _version(house, layer_id, old), newer]
    from naru.changes import compare  # loads Arrow

    changes = compare(*(house.storage.path(_features_of(version)) for version in pair))
    if as_json:
        print_json({"id": layer_id, "old": pair[0].number, "new": pair[1].number, "changes": changes.to_dict()})
    else:
        click.echo(f"{layer_id} version {pair[0].number} to {pair[1].number}: {changes}.")


def _version(house: House, layer_id: str, number: int) -> Version:
    for version in house.catalogue.versions(layer_id):
        if version.number == number:
            return version
    raise UnknownVersion(
        f"there is no version {number}",
        layer=layer_id,
        remedy=f"`naru layers show {layer_id}` lists the versions there are.",
    )


def _before(house: House, layer_id: str, number: int) -> Version:
    earlier = [version for version in house.catalogue.versions(layer_id) if version.number < number]
    if not earlier:
        raise UnknownVersion(
            f"version {number} is the first: there is none before it to compare with",
            layer=layer_id,
            remedy=f"Name both: `naru layers diff {layer_id} OLD NEW`.",
        )
    return max(earlier, key=lambda version: version.number)


def _features_of(version: Version) -> Archive:
    if version.source is None or version.source.suffix != ".parquet":
        raise BadSelection(
            f"version {version.number} has no features of its own to compare",
            layer=version.layer_id,
            remedy="Only versions that came from vector data can be compared.",
        )
    return version.source


@layers.command()
@click.argument("layer_id", metavar="LAYER")
@click.argument("version", type=int)
@json_option
@click.pass_obj
def publish(settings: Settings, layer_id: str, version: int, as_json: bool) -> None:
    """Make an existing VERSION of LAYER the live one."""
    open_house(settings).catalogue.set_live(layer_id, version)
    _tell(as_json, layer_id, version, "is live")


@layers.command()
@click.argument("layer_id", metavar="LAYER")
@json_option
@click.pass_obj
def rollback(settings: Settings, layer_id: str, as_json: bool) -> None:
    """Make the version before the live one live again."""
    number = open_house(settings).catalogue.rollback(layer_id)
    _tell(as_json, layer_id, number, "is live again")


@layers.command()
@click.argument("layer_id", metavar="LAYER")
@click.option("--title", "title_ko", help="The Korean title.")
@click.option("--title-en", help="The English title.")
@json_option
@click.pass_obj
def rename(settings: Settings, layer_id: str, title_ko: str | None, title_en: str | None, as_json: bool) -> None:
    """Give LAYER another title. Its id, and so its addresses, stay."""
    if title_ko is None and title_en is None:
        raise click.UsageError("Say the new name: --title or --title-en.")
    catalogue = open_house(settings).catalogue
    catalogue.rename(layer_id, title_ko=title_ko, title_en=title_en)
    _tell(as_json, layer_id, catalogue.layer(layer_id).live.number, "was renamed")


@layers.command()
@click.argument("layer_id", metavar="LAYER")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def delete(settings: Settings, layer_id: str, yes: bool, as_json: bool) -> None:
    """Take LAYER off the map. `naru layers restore` brings it back for a week; then `naru gc` removes it."""
    catalogue = open_house(settings).catalogue
    number = catalogue.layer(layer_id).live.number
    if not yes and not as_json:
        click.confirm(f"Delete {layer_id} and its {len(catalogue.versions(layer_id))} version(s)?", abort=True)
    catalogue.delete(layer_id)
    _tell(as_json, layer_id, number, "was deleted")


@layers.command()
@click.argument("layer_id", metavar="LAYER")
@json_option
@click.pass_obj
def restore(settings: Settings, layer_id: str, as_json: bool) -> None:
    """Put a deleted LAYER back on the map, with all its versions."""
    number = open_house(settings).catalogue.restore(layer_id)
    _tell(as_json, layer_id, number, "is back")


def _list_deleted(found: Sequence[tuple[str, datetime]], as_json: bool) -> None:
    if as_json:
        print_json({"deleted": [{"id": layer_id, "deleted": at.isoformat()} for layer_id, at in found]})
        return
    if not found:
        click.echo("No deleted layer waits to be removed.")
    for layer_id, at in found:
        click.echo(f"{layer_id:<28} deleted {at.isoformat(timespec='minutes')}")


def _plain(value: Any) -> str:
    """Return a value for people: a title in both languages, bounds to about a metre."""
    if isinstance(value, Mapping):
        return " / ".join(dict.fromkeys(str(text) for text in value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(part if isinstance(part, str) else f"{part:.5f}" for part in value)
    return str(value)


def _tell(as_json: bool, layer_id: str, version: int, what: str) -> None:
    if as_json:
        print_json({"id": layer_id, "version": version, "done": what})
    else:
        click.echo(f"{layer_id} version {version} {what}.")
