"""The engine: a GeoParquet source becomes a PMTiles pyramid of vector tiles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.tiling.attributes import Attributes, Field, read_attributes
from ingest.tiling.blocks import Block, Style, Tiles, Workshop, blocks
from ingest.tiling.clip import REAL
from ingest.tiling.coverage import Coverage, coverage_of
from ingest.tiling.delta import MEMBER, Records, joined, packed, version_before
from ingest.tiling.digest import Digests, digest_of, digest_rows, engine
from ingest.tiling.labels import SHOWN_UNITS, Labels, labels_of, place
from ingest.tiling.options import (
    BUFFER,
    EXTENT,
    TilingOptions,
    TilingResult,
    ZoomRules,
)
from ingest.tiling.projection import lonlat_of
from ingest.tiling.select import SQUARE_SIDE, TINY_AREA, Curve, Points, curve_order, merge_points, select, thin
from ingest.tiling.shapes import LINE, POINT, POLYGON, Ints, Measures, Shapes
from ingest.tiling.simplify import Level, levels, unit_of
from ingest.tiling.source import Geometries, beyond, open_source, read_geometries
from ingest.tiling.spool import Room, measure
from ingest.tiling.zooms import choose_maxzoom
from naru.errors import NoFeatures
from naru.grids import WEB_MERCATOR, Grid
from naru.pmtiles import About, PMTilesWriter, Written
from naru.records import BBox, Progress
from naru.storage import disk_errors
from naru.style import LABELS_SUFFIX
from naru.threads import bounded_map, cores

ROWS_AT_A_TIME = 50_000
POINT_RATE = 2.5  # of single points, at least a share divided by this at each zoom down stays, as in tippecanoe
_NAMES = {POINT: "point", LINE: "line", POLYGON: "polygon"}


@dataclass(frozen=True)
class _Layer:
    """All that is read of a source."""

    shapes: Shapes
    measures: Measures
    curve: Curve
    ranks: NDArray[np.float64]  # by source row: 0 the first to keep, 1 the first to drop
    exact: Shapes | None  # the same before rounding, where they may be a coverage
    attributes: Attributes
    digests: Digests  # by source row: of its attributes
    fields: tuple[Field, ...]
    omitted: tuple[str, ...]
    skipped: dict[str, int]
    labels: Labels | None


@dataclass(frozen=True)
class _Job:
    """A layer and how to tile it. Zooms here and below are depths: see naru/grids.py."""

    layer: _Layer
    coverage: Coverage | None
    minzoom: int
    maxzoom: int
    options: TilingOptions
    room: Room


@dataclass
class _Tally:
    """What is counted of one zoom while its blocks come in."""

    level: Level
    merged: int
    squares: int
    points_merged: int
    seen: NDArray[np.bool_]  # by source row, while blocks come in
    features: int = 0
    tiles: int = 0
    kept: int = 0
    largest: int = 0
    repaired: int = 0
    dropped: int = 0

    def add(self, made: Tiles) -> None:
        self.seen[made.rows] = True
        self.tiles += len(made.data)
        self.kept += made.kept
        self.largest = max([self.largest, *map(len, made.data)])
        self.repaired += int(made.records.repaired.sum())
        self.dropped += int(made.records.dropped.sum())

    def close(self) -> None:
        """Count the features and let the memory go: no more blocks of this zoom come."""
        self.features += int(self.seen.sum())
        self.seen = self.seen[:0]

    def rules(self, grid: Grid) -> ZoomRules:
        depth = self.level.zoom
        return ZoomRules(
            zoom=depth - grid.first,
            features=self.features,
            unit_m=round(grid.side * grid.metres_per_unit / EXTENT / 2**depth, 4),
            simplified_units=self.level.tolerance,
            tiny_merged=self.merged,
            tiny_squares=self.squares,
            points_merged=self.points_merged,
            dropped=self.dropped,
            repaired=self.repaired,
            tiles=self.tiles,
            largest_tile=self.largest,
        )


def build_tileset(
    source: Path, destination: Path, options: TilingOptions, progress: Progress, previous: Path | None = None
) -> TilingResult:
    """Build the pyramid of a GeoParquet file (any CRS) as a PMTiles archive at `destination`.

    Tiles are gzip-compressed MVT 2.1 in `options.grid`, numbered by depth, extent 4096, buffer 64; a feature's id
    is its 1-based row. The archive appears whole or not at all. `previous`: the archive of the version before, in
    the same grid, from which the tiles are copied that would come out the same; what is written is the same with
    it and without.

    Raises NoFeatures (also where the grid draws none of the features), FileDamaged, CrsUnknown, TooLarge,
    StorageFailed; ArchiveDamaged for `previous`.
    """
    room, made_by = Room(destination.parent), _made_by(options)
    with (
        disk_errors(destination),
        version_before(previous, made_by) as before,
        ThreadPoolExecutor(options.threads or cores(), "tiling") as pool,
        PMTilesWriter(destination) as writer,
    ):
        layer = _read(source, options, (pool, room), progress)
        depths = options.minzoom + options.grid.first, _deepest(layer, options)
        coverage = coverage_of(layer.exact, unit_of(depths[1] - 1))
        job = _Job(layer, coverage, *depths, options, room)
        tallies, records = _write_tiles(job, Workshop(_style(job, made_by), before), (pool, writer), progress)
        layer = replace(layer, skipped=layer.skipped | _beyond_edge(layer, tallies[-1], options))
        progress(0.97, "writing the archive")
        rules, behind = [tally.rules(options.grid) for tally in tallies], packed(joined(records), made_by)
        about = About(bounds=_bounds(layer, options.grid), minzoom=depths[0], maxzoom=depths[1])
        maxzoom = depths[1] - options.grid.first
        metadata = _metadata(layer, options, maxzoom, rules)
        metadata["naru"] |= {"borders": coverage.borders if coverage else "own", MEMBER: len(behind)}
        written = writer.finish(about, metadata, behind)
    result = _result(layer, written, options, rules, metadata)
    return replace(result, kept=sum(tally.kept for tally in tallies))


def _made_by(options: TilingOptions) -> np.uint64:
    """Return the digest of the program and of the rules that hold for all tiles."""
    budget = None if options.keep_all else options.tile_bytes
    return digest_of(engine(), options.grid, options.layer, options.label, budget)


def _read(source: Path, options: TilingOptions, means: tuple[Executor, Room], progress: Progress) -> _Layer:
    pool, room = means
    progress(0.0, "reading the source")
    opened = open_source(source)
    geometries = read_geometries(opened, options.grid, pool, room)
    if not geometries.shapes.kind.size:
        raise NoFeatures(
            "no feature has a geometry that a tile could show",
            file=str(source),
            layer=options.layer,
            remedy="Check the coordinates and the CRS.",
        )
    attributes, fields, omitted = read_attributes(opened, pool, room)
    measures = measure(geometries.shapes, room)
    curve = curve_order(measures, room)
    progress(0.2, f"{geometries.shapes.kind.size} features read")
    return _Layer(
        geometries.shapes,
        measures,
        curve,
        importance(geometries.shapes, measures, curve.order, opened.rows),
        geometries.exact,
        attributes,
        _row_digests(attributes, pool, room),
        fields,
        omitted,
        _skipped(geometries),
        labels_of(geometries.shapes, measures, attributes, fields, options.label),
    )


def _row_digests(attributes: Attributes, pool: Executor, room: Room) -> Digests:
    out: Digests = room.empty((len(attributes.codes),), np.uint64)
    starts = range(0, out.size, ROWS_AT_A_TIME)
    list(pool.map(lambda first: digest_rows(attributes, first, out[first : first + ROWS_AT_A_TIME]), starts))
    return out


def _skipped(geometries: Geometries) -> dict[str, int]:
    return {reason: count for reason, count in sorted(geometries.skipped.items()) if count}


def _deepest(layer: _Layer, options: TilingOptions) -> int:
    if options.maxzoom is not None:
        return options.maxzoom + options.grid.first
    return max(options.minzoom + options.grid.first, choose_maxzoom(layer.shapes, layer.measures))


def _write_tiles(
    job: _Job, workshop: Workshop, means: tuple[Executor, PMTilesWriter], progress: Progress
) -> tuple[list[_Tally], list[Records]]:
    """Make every zoom's tiles, top zoom first, while at most a few blocks are in memory."""
    pool, writer = means
    threads = job.options.threads or cores()
    tallies: dict[int, _Tally] = {}
    records: dict[int, list[Records]] = defaultdict(list)
    zooms = job.maxzoom - job.minzoom + 1
    for made in bounded_map(pool, workshop.make, _work(job, tallies, threads), 2 * threads):
        if not records[made.zoom] and made.zoom < job.maxzoom:
            tallies[made.zoom + 1].close()
        tallies[made.zoom].add(made)
        records[made.zoom].append(made.records)
        for number, data in zip(made.records.tile.tolist(), made.data, strict=True):
            writer.add(number, data)
        progress(0.2 + 0.77 * (job.maxzoom - made.zoom) / zooms, _at(made.zoom, job.options.grid))
    tallies[job.minzoom].close()
    lowest_first = sorted(tallies)
    return [tallies[z] for z in lowest_first], [part for z in lowest_first for part in records[z]]


def _at(depth: int, grid: Grid) -> str:
    zoom = f"zoom {depth - grid.first}"
    return zoom if grid.id == WEB_MERCATOR else f"{grid.id}, {zoom}"


def _work(job: _Job, tallies: dict[int, _Tally], threads: int) -> Iterator[Block]:
    layer = job.layer
    top = Level(job.maxzoom, layer.shapes, layer.measures, 0.0)
    grid = job.options.grid
    for level in levels(top, job.coverage, job.minzoom, job.room):
        how, merged = _thinned(level, job)
        rows = grid.rows << (level.zoom - grid.first)
        selection = select(level.zoom, rows, level.shapes, level.measures, how)
        seen = np.zeros(len(layer.attributes.codes), np.bool_)
        tallies[level.zoom] = _Tally(level, selection.merged, selection.squares, merged, seen)
        names = place(layer.labels, level.zoom, level.zoom == job.maxzoom) if layer.labels else None
        yield from blocks(selection, names, threads)


def _beyond_edge(layer: _Layer, top: _Tally, options: TilingOptions) -> dict[str, int]:
    """Count the features that no tile shows, even at the top zoom: they lie beyond the grid's square."""
    lost, reason = np.unique(layer.shapes.row).size - top.features, beyond(options.grid)
    if not top.tiles:
        raise NoFeatures(
            f"all {lost} features lie {reason}",
            layer=options.layer,
            remedy="Check the coordinates and give the right reference system with --crs EPSG:<code>.",
        )
    return {reason: lost + layer.skipped.get(reason, 0)} if lost else {}


def _style(job: _Job, made_by: np.uint64) -> Style:
    layer, options = job.layer, job.options
    budget = None if options.keep_all else options.tile_bytes
    return Style(
        options.layer,
        layer.attributes,
        layer.digests,
        layer.ranks,
        job.maxzoom,
        budget,
        layer.labels,
        made_by,
    )


def _thinned(level: Level, job: _Job) -> tuple[NDArray[np.uint8], int]:
    """Return how each shape is drawn, and how many points others stand for; at the top zoom all are drawn."""
    layer, kind = job.layer, level.shapes.kind
    if level.zoom == job.maxzoom:
        return np.full(kind.size, REAL, np.uint8), 0
    how = thin(level.zoom, kind, layer.measures, layer.curve)
    single = np.flatnonzero((kind == POINT) & (layer.measures.vertices == 1))
    if job.options.keep_all or not single.size:
        return how, 0
    share = 1.02 * POINT_RATE ** (level.zoom - job.maxzoom) + 2 / single.size
    points = Points(single, layer.measures.box[single, :2], layer.ranks[layer.shapes.row[single]], share)
    return how, merge_points(how, level.zoom, points)


def importance(shapes: Shapes, measures: Measures, order: Ints, rows: int) -> NDArray[np.float64]:
    """Return for each source row its place among those of its kind, from 0 (kept first) to 1.

    Polygons by area, lines by length; points by the reversed bits of their place along the Hilbert curve, so
    that any share of them, taken from the front, is spread evenly over the layer.
    """
    out = np.ones(rows)
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    for kind in (POINT, LINE, POLYGON):
        of_kind = np.flatnonzero(shapes.kind == kind)
        key = _bits_reversed(place[of_kind]) if kind == POINT else -measures.size[of_kind]
        rank = np.empty(of_kind.size)
        rank[np.argsort(key, kind="stable")] = np.arange(of_kind.size) / max(1, of_kind.size)
        np.minimum.at(out, shapes.row[of_kind], rank)
    return out


def _bits_reversed(numbers: Ints) -> Ints:
    out = np.zeros_like(numbers)
    for bit in range(32):
        out |= (numbers >> bit & 1) << (31 - bit)
    return out


def _bounds(layer: _Layer, grid: Grid) -> BBox:
    box = layer.measures.box
    return lonlat_of(grid, np.concatenate([box[:, :2].min(axis=0), box[:, 2:].max(axis=0)]))


def _geometry(layer: _Layer) -> str:
    kinds = np.unique(layer.shapes.kind)
    return _NAMES[int(kinds[0])] if kinds.size == 1 else "mixed"


def _metadata(layer: _Layer, options: TilingOptions, maxzoom: int, rules: list[ZoomRules]) -> dict[str, Any]:
    zooms = {"minzoom": options.minzoom, "maxzoom": maxzoom}
    fields = {field.name: field.type for field in layer.fields}
    vector_layers = [{"id": options.layer, "description": options.description, **zooms, "fields": fields}]
    if layer.labels and options.label:
        name = {"id": options.layer + LABELS_SUFFIX, "description": "one point a polygon, for its name", **zooms}
        vector_layers.append({**name, "fields": {options.label: fields[options.label]}})
    return {
        "name": options.name or options.layer,
        "description": options.description,
        "attribution": options.attribution,
        "type": "overlay",
        "vector_layers": vector_layers,
        "naru": {
            **_grid(options.grid),
            "geometry": _geometry(layer),
            "extent": EXTENT,
            "buffer": BUFFER,
            "keep_all": options.keep_all,
            "tile_bytes": None if options.keep_all else options.tile_bytes,
            "tiny_polygon_units2": TINY_AREA,
            "tiny_square_units": SQUARE_SIDE,
            "point_cell_units": None if options.keep_all else 4,
            "label_units": SHOWN_UNITS if layer.labels else None,
            "omitted_columns": list(layer.omitted),
            "zooms": [rule.to_dict() for rule in rules],
        },
    }


def _grid(grid: Grid) -> dict[str, Any]:
    """Return what names a grid other than PMTiles' own, whose depths are not its zooms."""
    return {} if grid.id == WEB_MERCATOR else {"tile_matrix_set": grid.id, "crs": grid.crs, "first": grid.first}


def _result(
    layer: _Layer,
    written: Written,
    options: TilingOptions,
    rules: list[ZoomRules],
    metadata: dict[str, Any],
) -> TilingResult:
    return TilingResult(
        minzoom=options.minzoom,
        maxzoom=rules[-1].zoom,
        bounds=_bounds(layer, options.grid),
        geometry=_geometry(layer),
        features=rules[-1].features,
        tiles=written.tiles,
        bytes=written.size,
        skipped=layer.skipped,
        vector_layers=tuple(metadata["vector_layers"]),
        rules=metadata["naru"],
        vertices=len(layer.shapes.xy),
    )
