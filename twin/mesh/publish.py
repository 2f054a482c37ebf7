"""A published layer of heights gets its mesh: found in the catalogue, made, and attached in one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from naru.errors import ArchiveDamaged, BadInput, BadOption, DatumRefused
from naru.house import House
from naru.pmtiles import PMTilesReader, mapped
from naru.raster_facts import RasterFacts
from naru.records import Archive, Asset, Job, Layer, Progress, Tileset
from twin.datum import ELLIPSOIDAL, canonical
from twin.mesh.archive import MeshOptions, build_mesh
from twin.mesh.undulation import Undulation, of_grid, stated

ASSET = "mesh"
DATUM = "KVD1964"  # of heights whose layer names none: EL, as everywhere in this house
UNSTATED = (
    "nothing is known of the geoid: heights of the mesh are those above {datum}, as if the ellipsoid were its zero "
    "(in Seoul globes draw them some 23 m too low); give --geoid-undulation or --geoid for others"
)


@dataclass(frozen=True)
class Subject:
    """What is meshed: one version of a layer, and the raster of its heights."""

    layer: Layer
    tileset: Tileset
    archive: Archive
    span: tuple[float, float]  # lowest and highest height, metres
    vertical_datum: str


def subject_of(house: House, layer_id: str) -> Subject:
    """Return the heights of a layer's live version.

    Raises:
        UnknownLayer: there is none of that id.
        BadInput: it has no heights.
    """
    layer = house.catalogue.layer(layer_id)
    for tileset in layer.live.tilesets:
        if layer.kind != "raster" or tileset.archive.suffix != ".tif":
            continue
        facts = RasterFacts.of(tileset.rules)
        if facts.role == "elevation":
            range_m = facts.span()
            return Subject(layer, tileset, tileset.archive, (range_m.low, range_m.high), _datum(layer))
    what = "features" if layer.kind == "vector" else "pictures or values"
    raise BadInput(
        f"the layer holds {what}: only heights make a mesh",
        layer=layer_id,
        remedy="Name a layer of heights: `naru ingest FILE --kind elevation`, or `naru twin terrain`.",
    )


def _datum(layer: Layer) -> str:
    grid = layer.live.assets.get("grid")
    named = grid.about.get("vertical_datum") if grid is not None else None
    return str(named) if named else DATUM


def undulation_of(subject: Subject, params: Mapping[str, Any]) -> tuple[Undulation, list[str]]:
    """Return what lies between the layer's heights and the ellipsoid, and what there is to warn of.

    `params`: "geoid_undulation_m" (a number), "geoid" (a grid's path, or "proj"); neither: nothing is added, and
    that is said.

    Raises:
        BadOption: both are given.
        DatumRefused: the grid is none, or does not reach.
    """
    metres, grid = params.get("geoid_undulation_m"), params.get("geoid")
    if metres is not None and grid:
        raise BadOption(
            "--geoid-undulation and --geoid say the same thing twice", field="geoid", remedy="Give one of them."
        )
    if metres is not None:
        return stated(float(metres)), []
    if grid:
        return _of_grid(subject, None if grid == "proj" else Path(grid)), []
    if canonical(subject.vertical_datum) == ELLIPSOIDAL:
        return stated(0.0), []
    return stated(0.0), [UNSTATED.format(datum=subject.vertical_datum)]


def _of_grid(subject: Subject, file: Path | None) -> Undulation:
    try:
        return of_grid(subject.tileset.bounds, subject.vertical_datum, file)
    except DatumRefused as refused:
        raise DatumRefused(
            refused.message,
            file=refused.file,
            layer=subject.layer.id,
            remedy="Give --geoid a grid of undulations, in degrees, that reaches all of the layer (in Korea "
            "KNGeoid18 as GeoTIFF or GTX), or --geoid-undulation the metres between.",
        ) from refused


def mesh_layer(house: House, job: Job, workdir: Path, progress: Progress) -> dict[str, Any]:
    """Make the mesh of the layer that a job names, attach it to the live version, and end the job with it.

    `job.params`: "layer", "max_error_m", "minzoom", "maxzoom", "geoid_undulation_m", "geoid". A mesh that the
    version has already gives way. The result has what the asset's `about` has, less `available`.

    Raises:
        UnknownLayer, UnknownVersion, BadInput, BadOption, DatumRefused, ArchiveDamaged, StorageFailed, JobLost.
    """
    params = job.params
    subject = subject_of(house, str(params["layer"]))
    undulation, warnings = undulation_of(subject, params)
    asked = params.get("max_error_m")
    options = MeshOptions(
        max_error_m=None if asked is None else float(asked),
        minzoom=int(params.get("minzoom") or 0),
        maxzoom=params.get("maxzoom"),
    )
    path = workdir / f"{subject.layer.id}-mesh.pmtiles"
    source, facts = house.storage.path(subject.archive), (subject.tileset.bounds, subject.span)
    made = build_mesh(source, path, options, undulation, facts, progress)
    _verify(path, made["tiles"])
    about = made | {"vertical_datum": subject.vertical_datum, "warnings": warnings}
    number = subject.layer.live.number
    told = {name: value for name, value in about.items() if name != "available"}
    result = {"layer": subject.layer.id, "version": number} | told
    asset = Asset(ASSET, house.storage.put(path), about)

    def finish(connection: Connection) -> None:
        house.jobs.finish_within(connection, job, result)

    house.catalogue.attach(subject.layer.id, number, [asset], finish)
    return result


def _verify(path: Path, tiles: int) -> None:
    """Open the archive anew and walk its directories before anyone is shown it."""
    with contextlib.closing(mapped(path)) as get_bytes:
        reader = PMTilesReader(get_bytes)
        reader.check()
        if reader.header.addressed_tiles != tiles:
            raise ArchiveDamaged(
                f"{reader.header.addressed_tiles} tiles were written of {tiles}",
                file=str(path),
                remedy="Run again.",
            )
