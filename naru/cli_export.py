"""`naru export`: a layer as a file."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from naru.errors import UnknownVersion
from naru.export.formats import FORMATS, TABLE
from naru.house import House
from naru.records import Layer, Progress, Version
from naru.settings import Settings
from naru.storage import disk_errors, sync_folder
from naru.terminal import human_bytes, json_option, open_house, print_json, progress_bar

if TYPE_CHECKING:
    from naru.export.order import Goods, Order

_STDOUT = Path("-")


@click.command()
@click.argument("layer_id", metavar="LAYER")
@click.option(
    "--format", "name", required=True, type=click.Choice([row.name for row in TABLE]), help="What kind of file."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file; - for stdout.  [default: LAYER.SUFFIX]",
)
@click.option("--bbox", help="Only what meets this box: west,south,east,north in degrees.")
@click.option("--where", multiple=True, help="Only where FIELD=VALUE (or != < <= > >=); may be repeated.")
@click.option("--fields", help="Only these fields, joined by commas.")
@click.option("--crs", help="The coordinate system of what comes out, such as EPSG:5186.")
@click.option("--encoding", help="The text of a shapefile: utf-8 or cp949.  [default: utf-8]")
@click.option("--version", type=click.IntRange(1), help="Another version than the live one.")
@json_option
@click.pass_obj
def export(
    settings: Settings, /, layer_id: str, name: str, output: Path | None, as_json: bool, **options: Any
) -> None:
    """Write LAYER as a file: shp (a zip), geojson, kml, csv, xlsx, gpkg, parquet; its tiles as pmtiles or mbtiles;
    the pixels of a raster as tif. The file has its name only when it is whole."""
    _check(name, output, options, as_json=as_json)
    house, started = open_house(settings), time.monotonic()
    order = _order(house, house.catalogue.layer(layer_id), name, options)
    target = output or Path(f"{layer_id}{FORMATS[name].suffix}")
    made = _run(house, order, target, quiet=as_json)
    if as_json:
        print_json(made | {"seconds": round(time.monotonic() - started, 3)})
    else:
        _tell(made)


def _check(name: str, output: Path | None, options: Mapping[str, Any], *, as_json: bool) -> None:
    if output == _STDOUT and as_json:
        raise click.UsageError("--json and the file cannot both go to stdout: give -o FILE.")
    if output == _STDOUT and sys.stdout.isatty():
        raise click.UsageError("The file is not for a terminal: give -o FILE, or send it on with | or >.")
    if options["encoding"] and name != "shp":
        raise click.UsageError("--encoding is for shp; all other formats are UTF-8.")


def _order(house: House, layer: Layer, name: str, options: Mapping[str, Any]) -> Order:
    from naru.export.job import Wanted
    from naru.export.order import Order
    from naru.export.shapefile import check_encoding
    from naru.features.selection import Selection, parse_bbox
    from naru.features.systems import normal_name

    selection = Selection(
        bbox=parse_bbox(options["bbox"]) if options["bbox"] else None,
        crs=normal_name(options["crs"]) if options["crs"] else None,
        fields=tuple(part.strip() for part in options["fields"].split(",")) if options["fields"] else None,
    )
    wanted = Wanted(selection, check_encoding(options["encoding"] or "utf-8"))
    return Order(layer, _version(house, layer, options["version"]), FORMATS[name], wanted, options["where"])


def _version(house: House, layer: Layer, number: int | None) -> Version:
    if number is None:
        return layer.live
    for version in house.catalogue.versions(layer.id):
        if version.number == number:
            return version
    raise UnknownVersion(
        f"there is no version {number}",
        layer=layer.id,
        remedy=f"`naru layers show {layer.id}` lists the versions there are.",
    )


def _run(house: House, order: Order, target: Path, *, quiet: bool) -> dict[str, Any]:
    """Write the file and what belongs beside it; return what `--json` prints, but the time."""
    from naru.export.order import deliver
    from naru.export.sidecars import sidecar

    with progress_bar(order.layer.id, quiet=quiet) as progress:
        goods = deliver(house, order, _stoppable(progress))
        if target == _STDOUT:
            for piece in goods.pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return {}
        size = _write(target, goods.pieces)
        beside = sidecar(order, goods, target.name)
        if beside:
            _write(target.with_name(beside[0]), [beside[1].encode()])
    return _account(order, goods, target, size) | {"beside": str(target.with_name(beside[0])) if beside else None}


def _stoppable(progress: Progress) -> Progress:
    """Let SIGTERM and SIGINT end the command, so that no half file stays: at once, or at the next batch.

    An exception out of a handler is lost where a library was just being imported from C, as pandas by pyarrow.
    """
    stopped: list[int] = []

    def stop(number: int, _frame: object) -> None:
        stopped.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)

    def checked(fraction: float, message: str) -> None:
        if stopped:
            raise KeyboardInterrupt
        progress(fraction, message)

    return checked


def _write(target: Path, pieces: Iterable[bytes]) -> int:
    """Write a file beside its name and give it the name when it is whole and on the disk; return its bytes."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with disk_errors(target):
            with part.open("xb") as stream:
                size = sum(stream.write(piece) for piece in pieces)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(target)
            sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return size


def _account(order: Order, goods: Goods, target: Path, size: int) -> dict[str, Any]:
    export = goods.export
    return {
        "layer": order.layer.id,
        "version": order.version.number,
        "format": order.format.name,
        "file": str(target),
        "bytes": size,
        "features": export.tally.features if export else None,
        "crs": export.crs_label if export else None,
        "notes": [{"reason": why, "count": count} for why, count in export.notes.items()] if export else [],
    }


def _tell(made: Mapping[str, Any]) -> None:
    if not made:  # it went to stdout
        return
    features = "" if made["features"] is None else f"{made['features']} features, {made['crs']}, "
    click.echo(
        f"{made['file']}: version {made['version']} of {made['layer']}, {features}{human_bytes(made['bytes'])}"
    )
    if made["beside"]:
        click.echo(f"  beside it: {made['beside']}")
    for note in made["notes"]:
        click.echo(f"  note: {note['reason']}" + (f": {note['count']}" if note["count"] > 1 else ""))
