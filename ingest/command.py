"""`naru ingest`: files onto the map from the command line; and the handler of ingest jobs."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ingest.encoding import normalise
from ingest.naming import legible
from ingest.reading import warm_up
from naru.catalogue import check_layer_id
from naru.errors import BadSetting, EncodingUnknown, NaruError
from naru.house import House
from naru.ingest_options import CONTOURS_M, GRID_CHOICES, HIGHEST_ZOOM, PYRAMIDS, RASTER_KINDS, Unfit, read_bands
from naru.records import FUNCTIONS, Changes, Job, Progress
from naru.settings import Settings
from naru.terminal import (
    human_bytes,
    json_option,
    open_to_change,
    print_failure,
    print_json,
    progress_bar,
)
from naru.work import run_here

_TEXTS = ("title_ko", "title_en", "licence", "attribution")


def run_job_handler(house: House, job: Job, progress: Progress) -> Mapping[str, Any]:
    """Ingest the file that the job names; its result is the contract's `layers`."""
    warm_up()
    from ingest.options import IngestOptions
    from ingest.pipeline import ingest_file, job_result

    options = IngestOptions.from_params(job.params)
    workdir = house.job_folder(job)
    return job_result(ingest_file(house, Path(job.params["file"]), options, workdir, progress, job=job))


def run_together_handler(house: House, job: Job, progress: Progress) -> Mapping[str, Any]:
    """Ingest several files, published at once: `parts`, each the parameters of an ingest job and `assets`.

    An asset has `name`, `file` (which is moved) and `about`. The result is the contract's `layers`.
    """
    warm_up()
    from ingest.options import IngestOptions
    from ingest.pipeline import Beside, Part, ingest_together, job_result

    parts = [
        Part(
            Path(part["file"]),
            IngestOptions.from_params(part),
            tuple(Beside(a["name"], Path(a["file"]), a["about"]) for a in part.get("assets", ())),
        )
        for part in job.params["parts"]
    ]
    return job_result(ingest_together(house, parts, house.job_folder(job), progress, job))


def run_grids_handler(house: House, job: Job, progress: Progress) -> Mapping[str, Any]:
    """Add one grid to a version that is live already; its result says how many tiles that took."""
    from ingest.other_grids import add_grid

    return add_grid(house, job, house.job_folder(job), progress)


def _bands(context: click.Context, parameter: click.Parameter, value: str | None) -> list[int] | None:
    try:
        return None if value is None else read_bands(value)
    except Unfit as unfit:
        raise click.BadParameter(f"give {unfit}") from unfit


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--id", "id", help="The layer's id in addresses: small letters, digits, hyphens.")
@click.option("--title", "title_ko", help="The title people see.")
@click.option("--title-en", help="The title in English.")
@click.option("--function", type=click.Choice(FUNCTIONS), help="What keys it belongs to.  [default: content]")
@click.option("--visibility", help="public, private or group:NAME.  [default: public]")
@click.option("--licence", help="Under what licence the data may be used.")
@click.option("--attribution", help="Whom maps must name.")
@click.option("--crs", help="The coordinate reference system, such as EPSG:5186, when the file does not say.")
@click.option("--encoding", help="The text encoding, such as CP949, when the file does not say.")
@click.option("--x", help="The column of a table that holds longitudes or eastings; goes with --y.")
@click.option("--y", help="The column of a table that holds latitudes or northings.")
@click.option("--minzoom", type=click.IntRange(0, HIGHEST_ZOOM), help="The first zoom with tiles.  [default: 0]")
@click.option(
    "--maxzoom", type=click.IntRange(0, HIGHEST_ZOOM), help="The last zoom with tiles.  [default: by the data]"
)
@click.option("--kind", type=click.Choice(RASTER_KINDS), help="What a raster is.  [default: by its pixels]")
@click.option(
    "--bands", callback=_bands, help="Which bands of a raster, such as 3,2,1.  [default: red, green, blue]"
)
@click.option(
    "--quality", type=click.IntRange(1, 100), help="Of a raster's pictures; 100 is lossless.  [default: 75]"
)
@click.option("--pyramid", type=click.Choice(PYRAMIDS), help="Make a raster's tiles now, as such pictures.")
@click.option("--hillshade", is_flag=True, help="Of heights: make a layer of them in oblique sun too.")
@click.option("--slope", is_flag=True, help="Of heights: make a layer of the slope in degrees too.")
@click.option(
    "--contours",
    type=click.FloatRange(*CONTOURS_M),
    help="Of heights: make a layer of lines every so many metres too.",
)
@click.option("--keep-all", is_flag=True, help="Keep every feature at every zoom, however large tiles become.")
@click.option(
    "--grids",
    type=click.Choice(GRID_CHOICES),
    default="all",
    help="Tiles of features in all served grids, or in Web Mercator alone.  [default: all]",
)
@click.option("--replace/--no-replace", default=True, help="Whether an id that exists gets a next version.")
@click.option("--dry-run", is_flag=True, help="Say what would happen; publish nothing.")
@click.option("--queue", is_flag=True, help="Leave the work to a worker (`naru work`, `naru serve`).")
@json_option
@click.pass_obj
def ingest(
    settings: Settings, /, files: tuple[Path, ...], dry_run: bool, queue: bool, as_json: bool, **options: Any
) -> None:
    """Bring each FILE onto the map: shp (also zipped, or a folder), GeoJSON, KML/KMZ, GeoPackage, FlatGeobuf,
    GeoParquet, CSV, XLSX, XLS, ODS. An id that exists gets a new version; what was live stays live until then."""
    _check(options, files)
    options |= {name: legible(options[name]) for name in _TEXTS if options[name] is not None}
    house = open_to_change(settings)
    if queue:
        _queue(house, files, options, as_json)
        return
    started = time.monotonic()
    layers: list[dict[str, Any]] = []
    failures: list[NaruError] = []
    for file in files:
        try:
            made = _ingest_one(house, file, options | {"dry_run": dry_run}, as_json)
        except NaruError as error:
            if len(files) == 1:
                raise
            failures.append(error)
            print_failure(error)
            continue
        layers += made
        if not as_json:
            for layer in made:
                _tell(layer, dry_run)
    if as_json:
        print_json(_answer(layers, failures, round(time.monotonic() - started, 3)))
    if failures:
        raise click.exceptions.Exit(1)


def _answer(layers: Sequence[Mapping[str, Any]], failures: Sequence[NaruError], seconds: float) -> dict[str, Any]:
    """Return what `--json` prints; with a failure, `error` is the first of `errors`."""
    errors = [error.to_dict() for error in failures]
    failed = {"error": errors[0], "errors": errors} if errors else {}
    return failed | {"layers": layers, "seconds": seconds}


def _check(options: Mapping[str, Any], files: tuple[Path, ...]) -> None:
    if options["id"] is not None:
        check_layer_id(options["id"])
        if len(files) > 1:
            raise click.UsageError("--id names one layer: give one FILE with it.")
    if options["encoding"] and normalise(options["encoding"]) is None:
        raise EncodingUnknown(
            f"--encoding cannot be '{options['encoding']}'",
            remedy="Say CP949, UTF-8 or another name of an encoding.",
        )
    if (options["x"] is None) != (options["y"] is None):
        raise click.UsageError("--x and --y go together: give both columns.")
    visibility = options["visibility"]
    if visibility is not None and not re.fullmatch(r"public|private|group:\S+", visibility):
        raise BadSetting(f"--visibility cannot be '{visibility}'", remedy="Say public, private or group:NAME.")
    low, high = options["minzoom"], options["maxzoom"]
    if low is not None and high is not None and low > high:
        raise click.UsageError("--minzoom is above --maxzoom.")


def _ingest_one(house: House, file: Path, options: Mapping[str, Any], as_json: bool) -> list[dict[str, Any]]:
    with progress_bar(legible(file.name), quiet=as_json) as progress:
        if options["dry_run"]:
            warm_up()
            from ingest.options import IngestOptions
            from ingest.pipeline import ingest_in_scratch

            wanted = IngestOptions.from_params(options)
            return [report.to_dict() for report in ingest_in_scratch(house, file, wanted, progress)]
        params = {**options, "file": str(file.absolute())}
        layers: list[dict[str, Any]] = run_here(house, "ingest", params, run_job_handler, progress)["layers"]
        return layers


def _queue(house: House, files: tuple[Path, ...], options: Mapping[str, Any], as_json: bool) -> None:
    jobs = [house.jobs.submit("ingest", {**options, "file": str(file.absolute())}) for file in files]
    if as_json:
        print_json({"jobs": [{"id": job.id, "file": job.params["file"]} for job in jobs]})
        return
    for job in jobs:
        click.echo(f"job {job.id} waits for a worker: {job.params['file']}")


def _tell(layer: Mapping[str, Any], dry_run: bool) -> None:
    head = "would become" if dry_run else f"is live (version {layer['version']}):"
    ready_made = "a raster" if layer["kind"] == "raster" else "a tileset"
    counted = f"{layer['features_published']} of {layer['features_read']} features"
    what = counted if layer["features_read"] else ready_made
    click.echo(
        f"{layer['id']} {head} {what}, "
        f"z{layer['minzoom']}-{layer['maxzoom']}, {layer['tiles']} tiles, {human_bytes(layer['bytes'])}"
    )
    click.echo(f"  coordinates: {layer['crs']} ({layer['crs_how']})")
    if layer["encoding"]:
        click.echo(f"  text: {layer['encoding']} ({layer['encoding_how']})")
    for verb, name in (("dropped", "features_dropped"), ("repaired", "features_repaired")):
        for count in layer[name]:
            click.echo(f"  {verb} {count['count']}: {count['reason']}")
    if "changes" in layer:
        click.echo(f"  since the version before: {Changes.from_dict(layer['changes'])}")
    if layer.get("tiles_kept"):
        click.echo(f"  tiles: {layer['tiles'] - layer['tiles_kept']} cut, {layer['tiles_kept']} kept")
    for warning in layer["warnings"]:
        click.echo(f"  warning: {warning}")
    if layer.get("grids_pending"):
        names = ", ".join(layer["grids_pending"])
        click.echo(f"  tiles in {names} follow: the worker of `naru serve` cuts them, or `naru work --once`")
