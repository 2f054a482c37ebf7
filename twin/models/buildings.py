"""A layer of outlines becomes a tileset of buildings: survey → plan → sort → make tiles → pack.

Memory holds a few numbers for each feature, and a few tiles; the rest passes by in batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import Transformer

from naru.errors import BadModels
from naru.features.query import damaged
from naru.features.source import FeatureSource
from naru.geoparquet import CORNERS
from naru.records import Progress
from naru.threads import bounded_map
from twin.crs import horizontal
from twin.datum import Geoid, canonical, geoid_undulation_m
from twin.models.archive import ArchiveWriter
from twin.models.attributes import BUILT, Attributes, schema
from twin.models.building_tiles import GEOMETRY, HEIGHT, ROW, SOURCE, UNDULATION, Recipe, TileMade, make_tile
from twin.models.globe import Region
from twin.models.ground import GroundFile
from twin.models.heights import SOURCES, HeightFields
from twin.models.made import ModelsMade
from twin.models.spool import Spool
from twin.models.tileset import About, Content, tileset_json
from twin.models.tree import MOST, Node, plan

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BATCH = 32_768  # rows that are sorted at a time
_AHEAD = 2  # tiles in the making, by worker
_MEAN_RADIUS_M = 6_371_009.0  # of the Earth, for sizes of outlines in degrees


@dataclass(frozen=True)
class BuildingPlan:
    """How a layer's buildings are to stand."""

    fields: HeightFields
    ground: GroundFile | None = None
    stated_m: float = 0.0  # EL metres, where no terrain says otherwise
    vertical_datum: str = "KVD1964"
    geoid: Geoid | None = None
    title: str = ""
    attribution: str = ""
    closed: bool = False
    most: int = MOST  # features a tile
    workers: int = 1


@dataclass(frozen=True)
class _Survey:
    """A few numbers of each row."""

    x: Floats  # centre, in the layer's system; NaN without geometry
    y: Floats
    size_m: Floats  # the block's diagonal
    height_m: Floats
    source: npt.NDArray[np.int8]
    undulation_m: Floats
    undulation_how: str


def build_buildings(
    source: FeatureSource, wish: BuildingPlan, out: Path, workdir: Path, progress: Progress
) -> ModelsMade:
    """Write the tileset of a layer's buildings to `out` (.3tz), by way of files in `workdir`.

    Raises:
        BadModels: nothing has an outline, or the terrain says nothing under any.
        DatumRefused: nothing says how high EL 0 lies above the ellipsoid.
        ArchiveDamaged: the source is not what it was.
    """
    if not any("Polygon" in kind or "Collection" in kind for kind in source.geometry_types):
        raise BadModels(
            f"buildings are made of polygons, and these are {', '.join(source.geometry_types) or 'nothing'}",
            remedy="Give a layer of outlines.",
        )
    progress(0.0, "measuring the features")
    survey = _survey(source, wish)
    rows = np.flatnonzero(np.isfinite(survey.x))
    if not len(rows):
        raise BadModels("no feature has a geometry", remedy="Ingest the layer again with its outlines.")
    tree = plan(survey.x[rows], survey.y[rows], survey.size_m[rows], wish.most)
    nodes = list(tree.walk())
    tile = np.full(source.rows, -1)
    for number, node in enumerate(nodes):
        tile[rows[node.rows]] = number
    attributes = Attributes.of(source)
    with Spool(workdir / "models.spool", _row_schema(source)) as spool:
        _sort(source, survey, tile, spool, progress)
        recipe = Recipe(
            spool=spool.path,
            rows=spool.schema,
            attributes=attributes,
            schema=schema("building", [*BUILT, *attributes.properties], wish.title or "건물"),
            crs=horizontal(source.crs).to_wkt(),
            ground=wish.ground,
            stated_m=wish.stated_m,
            closed=wish.closed,
            attribution=wish.attribution,
        )
        return _pack(nodes, spool, recipe, (wish, survey, len(rows)), out, progress)


@contextmanager
def _opened(source: FeatureSource) -> Iterator[pq.ParquetFile]:
    """Open the source to be read in batches, and no further ahead. Raises ArchiveDamaged while it is read."""
    try:
        with pq.ParquetFile(source.path, metadata=source.metadata, pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError) as cause:
        raise damaged(source.path, cause) from cause


def _survey(source: FeatureSource, wish: BuildingPlan) -> _Survey:
    boxes, heights, sources = [], [], []
    with _opened(source) as file:
        columns = [source.covering_column, *wish.fields.names]
        for batch in file.iter_batches(_BATCH, columns=columns, use_threads=False):
            box = batch.column(source.covering_column)
            boxes.append(np.column_stack([box.field(c).to_numpy(zero_copy_only=False) for c in CORNERS]))
            height, kind = wish.fields.read(batch)
            heights.append(height)
            sources.append(kind)
    box = np.concatenate(boxes) if boxes else np.empty((0, 4))
    x, y = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2
    height = np.concatenate(heights) if heights else np.empty(0)
    there = np.isfinite(x)
    undulation = np.zeros(len(x))
    lon, lat = Transformer.from_crs(horizontal(source.crs), "OGC:CRS84", always_xy=True).transform(
        x[there], y[there]
    )
    found = geoid_undulation_m(lon, lat, wish.vertical_datum, geoid=wish.geoid)
    undulation[there] = found.metres
    size = np.sqrt(np.nan_to_num(_across(source, box)) ** 2 + height**2)
    kinds = np.concatenate(sources) if sources else np.empty(0, np.int8)
    return _Survey(x, y, size, height, kinds, undulation, found.how)


def _across(source: FeatureSource, box: Floats) -> Floats:
    """Return the diagonals of boxes in metres."""
    wide, high = box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]
    if source.crs.is_geographic:
        metres = np.radians(1.0) * _MEAN_RADIUS_M
        wide, high = wide * metres * np.cos(np.radians(box[:, 1])), high * metres
    unit = source.crs.axis_info[0].unit_conversion_factor if source.crs.is_projected else 1.0
    diagonal: Floats = np.hypot(wide, high) * unit
    return diagonal


def _row_schema(source: FeatureSource) -> pa.Schema:
    made = [(ROW, pa.int32()), (HEIGHT, pa.float64()), (SOURCE, pa.int8()), (UNDULATION, pa.float64())]
    own = [pa.field(field.name, field.type) for field in source.fields]
    return pa.schema([*(pa.field(*one) for one in made), pa.field(GEOMETRY, pa.binary()), *own])


def _sort(source: FeatureSource, survey: _Survey, tile: Ints, spool: Spool, progress: Progress) -> None:
    """Write each row to its tile's part of the spool."""
    names = [field.name for field in source.fields]
    at = 0
    with _opened(source) as file:
        for batch in file.iter_batches(_BATCH, columns=[source.geometry_column, *names], use_threads=False):
            here = slice(at, at + batch.num_rows)
            rows = pa.array(np.arange(here.start + 1, here.stop + 1), pa.int32())
            made = [rows, *(pa.array(v[here]) for v in (survey.height_m, survey.source, survey.undulation_m))]
            columns = [*made, batch.column(source.geometry_column), *(batch.column(name) for name in names)]
            spool.add(pa.RecordBatch.from_arrays(columns, schema=spool.schema), tile[here])
            at = here.stop
            progress(0.05 + 0.15 * at / source.rows, "sorting the features into tiles")
    spool.close()


def _pack(
    nodes: Sequence[Node],
    spool: Spool,
    recipe: Recipe,
    given: tuple[BuildingPlan, _Survey, int],
    out: Path,
    progress: Progress,
) -> ModelsMade:
    """Make the tiles, as many at a time as there are workers, and write them in their order."""
    wish, survey, wanted = given
    contents: dict[str, Content] = {}
    done: list[TileMade] = []
    with ArchiveWriter(out) as archive, ThreadPoolExecutor(wish.workers, "models") as pool:
        tasks = [spool.places[number] for number in range(len(nodes))]
        tiles = bounded_map(pool, lambda task: make_tile(recipe, task), tasks, wish.workers * _AHEAD)
        for node, made in zip(nodes, tiles, strict=True):
            if made is None:
                continue
            uri = f"tiles/{node.name}.glb"
            archive.add(uri, made.glb)
            contents[node.name] = Content(uri, made.frame, made.region)
            done.append(replace(made, glb=b""))  # what is packed is let go
            progress(0.2 + 0.79 * len(done) / len(nodes), "raising the buildings")
        if not done:
            raise BadModels("no feature has an outline", remedy="Give a layer of polygons with an area.")
        result = _result(done, survey, wish, wanted)
        if recipe.ground is not None and result.without_ground == result.features:
            raise BadModels(
                "the terrain says nothing under any of the buildings",
                remedy="Give a terrain that reaches them, or leave --terrain out.",
            )
        archive.add("tileset.json", _tileset(nodes[0], contents, recipe, (wish, survey, result)))
    return result


def _result(done: Sequence[TileMade], survey: _Survey, wish: BuildingPlan, wanted: int) -> ModelsMade:
    region: Region = done[0].region
    for made in done[1:]:
        region = region.with_other(made.region)
    features = sum(made.features for made in done)
    there = np.isfinite(survey.x)
    counts = np.bincount(survey.source[there], minlength=len(SOURCES))
    return ModelsMade(
        features=features,
        tiles=len(done),
        bounds=(region.west, region.south, region.east, region.north),
        heights_m=(min(made.heights_m[0] for made in done), max(made.heights_m[1] for made in done)),
        undulation_m=(float(survey.undulation_m[there].min()), float(survey.undulation_m[there].max())),
        undulation_how=survey.undulation_how,
        classes=("building",),
        vertical_datum=canonical(wish.vertical_datum),
        sources={name: int(count) for name, count in zip(SOURCES, counts, strict=True) if count},
        without_outline=wanted - features,
        without_ground=sum(made.without_ground for made in done),
    )


def _tileset(
    tree: Node, contents: dict[str, Content], recipe: Recipe, given: tuple[BuildingPlan, _Survey, ModelsMade]
) -> bytes:
    wish, survey, made = given
    heights = survey.height_m[np.isfinite(survey.x)]
    span = {"height_m": {"min": float(heights.min()), "max": float(heights.max())}}
    statistics = {"building": {"count": made.features, "properties": span}}
    about = About(wish.title or "건물", recipe.schema, statistics)
    return tileset_json(tree, contents, about, float(survey.size_m[np.isfinite(survey.x)].max()))
