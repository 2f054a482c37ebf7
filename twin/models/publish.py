"""A published layer of buildings or facilities gets its models: made, looked over, attached in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from sqlalchemy import Connection

from naru.errors import ArchiveDamaged, BadModels, BadOption, DatumRefused
from naru.features.source import FeatureSource
from naru.house import House
from naru.raster_facts import RasterFacts
from naru.records import Asset, Job, Layer, Progress
from naru.threads import cores
from twin.burning.provenance import BUILDING
from twin.datum import ELLIPSOIDAL, Geoid, canonical
from twin.facilities.records import Facilities
from twin.models.buildings import BuildingPlan, build_buildings
from twin.models.facilities import FacilityPlan, build_facilities
from twin.models.ground import Ground, GroundFile
from twin.models.heights import find_fields
from twin.models.made import ModelsMade

ASSET, FACILITIES = "models", "facilities"  # names of assets
DATUM = "KVD1964"  # of heights whose terrain names none: EL, as everywhere in this house
_SAME_M = 0.05  # by which models may stand off a mesh unnoticed
_UNSTATED = (
    "nothing is known of the geoid: models stand at heights above {datum}, as if the ellipsoid were its zero (in "
    "Seoul globes draw them some 23 m too low); give --geoid-undulation or --geoid for others"
)


@dataclass(frozen=True)
class Terrain:
    """The layer on which models stand."""

    layer: Layer | None  # None: none was named
    ground: GroundFile | None
    vertical_datum: str
    undulation_m: float | None  # on which its mesh stands; None: it has no mesh


def models_layer(house: House, job: Job, workdir: Path, progress: Progress) -> dict[str, Any]:
    """Make the models of the layer that a job names, attach them to the live version, and end the job with it.

    `job.params`: "layer", "terrain", "height", "floors", "ground_m", "closed", "geoid_undulation_m", "geoid".
    Models that the version has already give way. The result is the asset's `about`, and what it was made for.

    Raises:
        UnknownLayer, UnknownVersion, BadModels, BadOption, DatumRefused, ArchiveDamaged, StorageFailed, JobLost.
    """
    params = job.params
    layer = house.catalogue.layer(str(params["layer"]))
    terrain = terrain_of(house, params.get("terrain"))
    geoid, warnings = geoid_of(terrain, params)
    path = workdir / f"{layer.id}-models.3tz"
    if FACILITIES in layer.live.assets:
        made = _facilities(house, layer, terrain, geoid, path)
    else:
        made = _buildings(house, layer, terrain, geoid, (params, path, workdir, progress))
    _verify(path, made)
    warnings = [*warnings, *made.warnings(), *_off_terrain(made, terrain)]
    about = made.about() | {"warnings": warnings}
    if terrain.layer is not None:
        about |= {"terrain": terrain.layer.id, "terrain_version": terrain.layer.live.number}
    result = {"layer": layer.id, "version": layer.live.number, **about, "bytes": path.stat().st_size}
    asset = Asset(ASSET, house.storage.put(path), about)

    def finish(connection: Connection) -> None:
        house.jobs.finish_within(connection, job, result)

    house.catalogue.attach(layer.id, layer.live.number, [asset], finish)
    return result


def terrain_of(house: House, layer_id: str | None) -> Terrain:
    """Return the ground of a layer of heights, by its own grid where it has one, else by its tiles' raster.

    Raises:
        UnknownLayer: there is none of that id.
        BadModels: it has no heights.
    """
    if layer_id is None:
        return Terrain(None, None, DATUM, None)
    layer = house.catalogue.layer(layer_id)
    mesh, grid = layer.live.assets.get("mesh"), layer.live.assets.get("grid")
    undulation = mesh.about.get("geoid_undulation_m") if mesh else None
    on = None if undulation is None else float(undulation)
    if grid is not None and "bed_elevation" in grid.about.get("bands", ()):
        bands = list(grid.about["bands"])
        origins = bands.index("provenance") + 1 if "provenance" in bands else None
        ground = GroundFile(house.storage.path(grid.archive), bands.index("bed_elevation") + 1, origins, BUILDING)
        return Terrain(layer, ground, str(grid.about.get("vertical_datum", DATUM)), on)
    for tileset in layer.live.tilesets:
        if tileset.archive.suffix == ".tif" and RasterFacts.of(tileset.rules).role == "elevation":
            return Terrain(layer, GroundFile(house.storage.path(tileset.archive)), DATUM, on)
    raise BadModels(
        "the layer has no heights to stand on",
        layer=layer_id,
        remedy="Name a layer of heights: `naru ingest FILE --kind elevation`, or `naru twin terrain`.",
    )


def geoid_of(terrain: Terrain, params: Mapping[str, Any]) -> tuple[Geoid | None, list[str]]:
    """Return what lies between heights and the ellipsoid (None: PROJ's grid), and what there is to warn of.

    Without a word of the user it is what the terrain's mesh stands on; without a mesh nothing is added, which is
    said.

    Raises:
        BadOption: a number and a grid are given.
    """
    metres, grid = params.get("geoid_undulation_m"), params.get("geoid")
    if metres is not None and grid:
        raise BadOption(
            "--geoid-undulation and --geoid say the same thing twice", field="geoid", remedy="Give one of them."
        )
    if grid:
        return (None if grid == "proj" else Geoid(grid=Path(grid))), []
    if metres is not None:
        apart = abs(float(metres) - terrain.undulation_m) if terrain.undulation_m is not None else 0.0
        told = f"the mesh of the terrain stands on {terrain.undulation_m} m: the models are {apart:.2f} m off it"
        return Geoid(undulation_m=float(metres)), [told] if apart > _SAME_M else []
    if terrain.undulation_m is not None:
        return Geoid(undulation_m=terrain.undulation_m), []
    if canonical(terrain.vertical_datum) == ELLIPSOIDAL:
        return Geoid(undulation_m=0.0), []
    return Geoid(undulation_m=0.0), [_UNSTATED.format(datum=terrain.vertical_datum)]


def _buildings(
    house: House,
    layer: Layer,
    terrain: Terrain,
    geoid: Geoid | None,
    given: tuple[Mapping[str, Any], Path, Path, Progress],
) -> ModelsMade:
    params, path, workdir, progress = given
    if layer.kind != "vector" or layer.live.source is None or layer.live.source.suffix != ".parquet":
        raise BadModels(
            "the layer holds no features to make models of",
            layer=layer.id,
            remedy="Name a layer of outlines (polygons), or one of `naru twin facilities`.",
        )
    source = FeatureSource.open(house.storage.path(layer.live.source))
    fields = find_fields([f.name for f in source.fields], params.get("height"), params.get("floors"), layer.id)
    wish = BuildingPlan(
        fields=fields,
        ground=terrain.ground,
        stated_m=float(params.get("ground_m") or 0.0),
        vertical_datum=terrain.vertical_datum,
        geoid=geoid,
        title=layer.title_ko,
        attribution=layer.attribution,
        closed=bool(params.get("closed")),
        workers=cores(),
    )
    try:
        return build_buildings(source, wish, path, workdir, progress)
    except (BadModels, DatumRefused) as refused:
        refused.layer = refused.layer or layer.id
        raise


def _facilities(house: House, layer: Layer, terrain: Terrain, geoid: Geoid | None, path: Path) -> ModelsMade:
    from twin.facilities.reading import read_facilities

    facilities = read_facilities(house.storage.path(layer.live.assets[FACILITIES].archive))
    wish = FacilityPlan(geoid=geoid, title=layer.title_ko, attribution=layer.attribution)
    return build_on_terrain(facilities, wish, terrain, path)


def build_on_terrain(facilities: Facilities, wish: FacilityPlan, terrain: Terrain, path: Path) -> ModelsMade:
    """Write the models of facilities that stand on a terrain. Raises what `build_facilities` raises."""
    if terrain.ground is None:
        return build_facilities(facilities, wish, path)
    with Ground(terrain.ground, facilities.crs) as ground:
        return build_facilities(facilities, replace(wish, ground=ground.at), path)


def _off_terrain(made: ModelsMade, terrain: Terrain) -> list[str]:
    if terrain.layer is None or not made.without_ground:
        return []
    return [
        f"{made.without_ground} buildings lie where {terrain.layer.id} says nothing: they stand on stated ground"
    ]


def _verify(path: Path, made: ModelsMade) -> None:
    """Open the archive anew, every tile against its checksum, before anyone is shown it. Raises ArchiveDamaged."""
    try:
        with ZipFile(path) as archive:
            broken, names = archive.testzip(), archive.namelist()
    except (BadZipFile, OSError) as error:
        raise ArchiveDamaged(f"the models cannot be read ({error})", file=str(path), remedy="Run again.") from error
    if broken or len(names) != made.tiles + 2 or "tileset.json" not in names:
        raise ArchiveDamaged(
            f"{len(names) - 2} of {made.tiles} tiles were written whole", file=str(path), remedy="Run again."
        )
