"""A file becomes a map: receive → read → normalise → plan → encode → pack → publish.

`ingest_file` names the stations. Receiving, reading and normalising happen in a confined child process
(`ingest.reading`); what it leaves is one GeoParquet a layer. Encoding and packing are the tiling engine's.
Publishing moves the archives into storage and flips all layers of the file live in one transaction.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection

from ingest.encoding import normalise
from ingest.naming import layer_ids, legible
from ingest.raster_layers import (
    QUALITY,
    PackedRaster,
    RasterWish,
    encode_raster,
    raster_draft,
    raster_report,
    raster_tilesets,
)
from ingest.rasters import ReadRaster
from ingest.reading import Read, ReadLayer, ReadOptions, read_file
from ingest.recut import TilesBefore, tiles_before
from ingest.relief_layers import (
    ReadRelief,
    ReliefWish,
    check_wish,
    contour_tiling,
    has_heights,
    left_behind,
    make_contours,
    make_raster,
    reliefs_of,
)
from ingest.succession import changes_since
from ingest.tileset_entries import ReadTiles
from ingest.tileset_layers import PackedTiles, encode_tiles, tiles_draft, tiles_report, tiles_tileset
from ingest.tiling import TilingOptions, TilingResult, build_tileset
from naru.catalogue import check_layer_id
from naru.errors import ArchiveDamaged, BadInput, LayerExists, NoFeatures, UnknownLayer
from naru.grants import Grant
from naru.house import House
from naru.pmtiles import PMTilesReader, mapped
from naru.records import Count, Draft, Function, IngestReport, Job, Kind, Layer, Progress, Release, Tileset, Version
from naru.relief_style import contour_style
from naru.stations import between
from naru.storage import disk_errors
from naru.style import Look, Style, choose_colour, default_style, label_field
from naru.symbols import Symbology, drawn_style


@dataclass(frozen=True, kw_only=True)
class IngestOptions:
    """What the user said of a file. What is None is kept from the layer's live version, or chosen."""

    id: str | None = None
    title_ko: str | None = None
    title_en: str | None = None
    function: Function | None = None
    visibility: str | None = None
    licence: str | None = None
    attribution: str | None = None
    crs: str | None = None
    encoding: str | None = None
    x: str | None = None  # of a table: the column with longitudes or eastings
    y: str | None = None  # of a table: the column with latitudes or northings
    minzoom: int | None = None
    maxzoom: int | None = None
    keep_all: bool = False
    dry_run: bool = False
    replace: bool = True  # False: an id that is taken is refused, instead of getting a new version
    name: str | None = None  # what the user calls the file, where it is kept under another name
    names: Mapping[str, str] = field(default_factory=dict)  # and each file of a folder: kept as, called
    kind: str | None = None  # of a raster: imagery, elevation, classes or data
    bands: tuple[int, ...] | None = None  # of a raster, counted from 1
    quality: int | None = None  # of a raster's WebP or JPEG; 100 is lossless
    pyramid: str | None = None  # of a raster: webp, png or jpeg
    hillshade: bool = False  # of heights: a layer of them in oblique sun, beside theirs
    slope: bool = False  # of heights: a layer of how steep the ground is
    contours: float | None = None  # of heights: a layer of lines every so many metres
    grant: Grant | None = None  # what the key that handed it in may make; None: anything

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> IngestOptions:
        """Build the options from a job's parameters."""
        known = {name: params[name] for name in cls.__dataclass_fields__ if name in params}
        if known.get("grant") is not None:
            known["grant"] = Grant.from_dict(known["grant"])
        if known.get("bands") is not None:
            known["bands"] = tuple(known["bands"])
        return cls(**known)

    @property
    def relief(self) -> ReliefWish:
        """What is to be made from heights."""
        return ReliefWish(self.hillshade, self.slope, self.contours)

    @property
    def raster(self) -> RasterWish:
        """What was said of a raster's tiles."""
        return RasterWish(self.minzoom, self.maxzoom, self.quality or QUALITY, self.pyramid)

    def called(self, path: Path) -> str:
        """Return what the user calls the file at `path`."""
        return self.name or legible(path.name)


@dataclass(frozen=True)
class Plan:
    """One layer of the file: what it will be called, and what it replaces."""

    read: Read | ReadRelief
    draft: Draft
    expected: int | None
    before: TilesBefore | None = None  # the tiles of the version that it replaces


@dataclass(frozen=True)
class Packed:
    """One layer, ready to be published: source and pyramid lie in the work folder."""

    plan: Plan
    made: Tiled | PackedRaster | PackedTiles
    report: IngestReport


@dataclass(frozen=True)
class Tiled:
    """A vector layer's source and pyramid, in the work folder."""

    source: Path
    tiles: Path
    result: TilingResult


def ingest_file(
    house: House, path: Path, options: IngestOptions, workdir: Path, progress: Progress, *, job: Job | None = None
) -> list[IngestReport]:
    """Bring one file onto the map (or, in a dry run, say what would happen).

    `job` is finished in the transaction that publishes: cancelled or taken over before, it publishes nothing.

    Raises:
        NaruError: why it cannot be; nothing is published then, and nothing that was there is lost.
    """
    with _blamed_on(path, options, workdir):
        read = _read(path, options, workdir, between(progress, "receive", "normalise"))
        plans = _plan(house, path, read, options, between(progress, "plan", "plan"))
        packed = _encode(plans, options, workdir, between(progress, "encode", "pack"))
        if options.dry_run:
            return [one.report for one in packed]
        return _publish(house, packed, between(progress, "publish", "publish"), job)


@contextmanager
def _blamed_on(path: Path, options: IngestOptions, workdir: Path) -> Iterator[None]:
    """Let errors name the user's file, not the copy that we work on; a full disk is not the file's fault."""
    ours = (str(workdir), str(path))
    try:
        with disk_errors(workdir):
            yield
    except BadInput as error:
        if error.file is None or error.file == path.name or error.file.startswith(ours):
            error.file = options.called(path)
        error.file = options.names.get(error.file, error.file)
        raise


def ingest_in_scratch(house: House, path: Path, options: IngestOptions, progress: Progress) -> list[IngestReport]:
    """Run `ingest_file` in a scratch folder of its own that is gone afterwards."""
    folder = house.settings.home / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="scratch-") as scratch:
        return ingest_file(house, path, options, Path(scratch), progress)


def part(progress: Progress, start: float, end: float) -> Progress:
    """Return a progress that fills the stretch from `start` to `end` of another."""
    return lambda fraction, message: progress(start + (end - start) * fraction, message)


def _read(path: Path, options: IngestOptions, workdir: Path, progress: Progress) -> list[Read]:
    wanted = ReadOptions(
        crs=options.crs,
        encoding=options.encoding,
        x=options.x,
        y=options.y,
        name=options.name,
        names=options.names,
        kind=options.kind,
        bands=options.bands,
    )
    read = read_file(path, workdir, wanted, progress)
    if not read:
        raise NoFeatures(
            "holds no layer with features", file=options.called(path), remedy="Check the file in a GIS."
        )
    return read


def _plan(house: House, path: Path, read: Sequence[Read], options: IngestOptions, progress: Progress) -> list[Plan]:
    """Decide each layer's id, titles and rights before the long work begins."""
    progress(0.0, "planning")
    ids = layer_ids(options.id, Path(options.called(path)), [layer.name for layer in read])
    for layer_id in ids:
        _check_wanted(house, layer_id, options)
    check_wish(options.relief, read, ids)
    several, plans = len(read) > 1, []
    for layer, layer_id in zip(read, ids, strict=True):
        plans.append(_plan_one(house, layer, check_layer_id(layer_id), options, several))
        plans += [
            _plan_relief(house, r, plans[-1].draft, options) for r in reliefs_of(layer, layer_id, options.relief)
        ]
    return plans


def _check_wanted(house: House, layer_id: str, options: IngestOptions) -> None:
    """Return if the layer may be made, or replaced, by whoever handed the file in.

    Raises:
        LayerExists: the id is taken, and a new version was not wanted.
        ScopeDenied: the key does not reach so far.
    """
    before = _live(house, layer_id)
    if options.grant:
        now = before.visibility if before else None
        options.grant.check_make(layer_id, now, options.visibility or now or "public")
    if before and not options.replace:
        raise LayerExists(
            f"there is a layer '{layer_id}' already (version {before.live.number})",
            layer=layer_id,
            remedy="Give another --id, or --replace to make its next version.",
        )


def _plan_one(house: House, read: Read, layer_id: str, options: IngestOptions, several: bool) -> Plan:
    before = _live(house, layer_id)
    title = None if several else options.title_ko
    title_ko = title or (before.title_ko if before else read.name)
    title_en = (None if several else options.title_en) or (before.title_en if before else title_ko)
    if isinstance(read, ReadLayer):
        changes, warnings = changes_since(house, before, read)
    else:
        changes, warnings = None, _other_kind(before, _kind(read))
    if has_heights(read):
        warnings = [*warnings, *left_behind(layer_id, options.relief, lambda i: _live(house, i))]
    draft = Draft(
        id=layer_id,
        title_ko=title_ko,
        title_en=title_en,
        function=options.function or (before.function if before else "content"),
        visibility=options.visibility or (before.visibility if before else "public"),
        licence=_first(options.licence, before.licence if before else None),
        attribution=_first(options.attribution, before.attribution if before else None, _attribution(read)),
        kind=_kind(read),
        geometry=read.geometry,
        style=(),
        report=replace(
            _reading_report(read, layer_id),
            warnings=(*read.warnings, *warnings, *_unused(read, options, several)),
            changes=changes,
        ),
    )
    tiles = tiles_before(house, before) if isinstance(read, ReadLayer) else None
    return Plan(read, draft, before.live.number if before else None, tiles)


def _plan_relief(house: House, read: ReadRelief, base: Draft, options: IngestOptions) -> Plan:
    """Plan a layer that is made from heights: rights and names are those of their layer."""
    relief = read.relief
    layer_id = check_layer_id(relief.layer_id(base.id))
    _check_wanted(house, layer_id, options)
    before = _live(house, layer_id)
    report = _reading_report(read, layer_id)
    draft = replace(
        base,
        id=layer_id,
        title_ko=before.title_ko if before else f"{base.title_ko} {relief.title_ko}",
        title_en=before.title_en if before else f"{base.title_en}, {relief.title_en}",
        kind=relief.kind,
        geometry=read.geometry,
        report=replace(report, warnings=tuple(_other_kind(before, relief.kind))),
    )
    return Plan(read, draft, before.live.number if before else None)


def _kind(read: Read | ReadRelief) -> Kind:
    if isinstance(read, ReadRelief):
        return read.relief.kind
    pictures = isinstance(read, ReadRaster) or (isinstance(read, ReadTiles) and not read.vector)
    return "raster" if pictures else "vector"


def _other_kind(before: Layer | None, kind: Kind) -> list[str]:
    """Return a warning when something without features takes the place of a layer that has them."""
    if before is None or (before.kind == kind == "raster"):
        return []
    return [f"version {before.live.number} has features that programs may read; this one has none beside its tiles"]


def _unused(read: Read, options: IngestOptions, several: bool) -> list[str]:
    """Return a warning for each option that could not take effect."""
    out = []
    if several and (options.title_ko or options.title_en):
        out.append("the title was not used: the file holds several layers; see `naru layers rename`")
    if options.encoding and (read.encoding is None or normalise(options.encoding) != normalise(read.encoding)):
        out.append(f"--encoding {options.encoding} was not used: {read.encoding_how or 'the format says its own'}")
    given: dict[str, object] = {} if isinstance(read, ReadLayer) else {"--keep-all": options.keep_all}
    if not isinstance(read, ReadRaster):
        given |= {"--kind": options.kind, "--bands": options.bands}
        given |= {"--pyramid": options.pyramid, "--quality": options.quality}
    if isinstance(read, ReadTiles):
        given |= {"--minzoom": options.minzoom, "--maxzoom": options.maxzoom, "--crs": options.crs}
    out += [f"{name} was not used: it is a {_kind(read)} layer" for name, value in given.items() if value]
    if not has_heights(read):
        out += [f"{relief.option} was not used: it has no heights" for relief in options.relief.wanted]
    return out


def _attribution(read: Read) -> str | None:
    return read.attribution if isinstance(read, ReadTiles) else None


def _first(*texts: str | None) -> str:
    return next((text for text in texts if text is not None), "")


def _live(house: House, layer_id: str) -> Layer | None:
    try:
        return house.catalogue.layer(layer_id)
    except UnknownLayer:
        return None


def _encode(plans: Sequence[Plan], options: IngestOptions, workdir: Path, progress: Progress) -> list[Packed]:
    share, packed = 1 / len(plans), dict[str, Packed]()
    for n, plan in enumerate(plans):
        own = part(progress, n * share, (n + 1) * share)
        if isinstance(plan.read, ReadRelief):
            packed[plan.draft.id] = _make_relief(plan, plan.read, packed[plan.read.base], (options, workdir), own)
        else:
            packed[plan.draft.id] = _encode_one(plan, options, workdir, own)
    return list(packed.values())


def _make_relief(
    plan: Plan, read: ReadRelief, heights: Packed, wish: tuple[IngestOptions, Path], progress: Progress
) -> Packed:
    """Make a layer from the heights that were just packed."""
    options, workdir = wish
    assert isinstance(heights.made, PackedRaster)
    if read.relief.kind == "raster":
        raster = make_raster(read, heights.made, replace(options.raster, pyramid=None), workdir, progress)
        return _packed(plan, raster, raster_report(plan.draft.report, raster))
    source, lines = make_contours(read, heights.made, workdir, part(progress, 0.0, 0.5))
    tiles = workdir / f"{plan.draft.id}.pmtiles"
    tiling = contour_tiling(plan.draft, heights.made.zooms, options.maxzoom, keep_all=options.keep_all)
    result = build_tileset(source, tiles, tiling, part(progress, 0.5, 1.0))
    report = _full_report(replace(plan.draft.report, features_read=lines), result)
    return _packed(plan, Tiled(source, tiles, result), report)


def _packed(plan: Plan, made: Tiled | PackedRaster | PackedTiles, report: IngestReport) -> Packed:
    return Packed(replace(plan, draft=replace(plan.draft, report=report)), made, report)


def _encode_one(plan: Plan, options: IngestOptions, workdir: Path, progress: Progress) -> Packed:
    draft, read = plan.draft, plan.read
    assert not isinstance(read, ReadRelief)
    if isinstance(read, ReadRaster):
        raster = encode_raster(read, draft.id, options.raster, workdir, progress)
        return _packed(plan, raster, raster_report(draft.report, raster))
    if isinstance(read, ReadTiles):
        tileset = encode_tiles(read, draft.id, workdir, progress)
        return _packed(plan, tileset, tiles_report(draft.report, tileset))
    tiling = TilingOptions(
        layer=draft.id,
        minzoom=options.minzoom or 0,
        maxzoom=options.maxzoom,
        label=label_field(_fields(read.parquet)),
        keep_all=options.keep_all,
        name=draft.title_ko,
        attribution=draft.attribution,
    )
    tiles = workdir / f"{draft.id}.pmtiles"
    result = build_tileset(read.parquet, tiles, tiling, progress, plan.before.archive if plan.before else None)
    report = _full_report(draft.report, result)
    if plan.before:
        report = replace(report, warnings=(*report.warnings, *plan.before.told(result)))
    return _packed(plan, Tiled(read.parquet, tiles, result), report)


def _fields(parquet: Path) -> dict[str, str]:
    """Return the columns of text; the kinds are named as in TileJSON."""
    schema = pq.read_schema(parquet)
    return {field.name: "String" for field in schema if pa.types.is_string(field.type)}


def _styled(draft: Draft, result: TilingResult, styles: Mapping[str, Style], symbols: Symbology | None) -> Draft:
    """Return the draft with a generated style: as the file draws it, else in a colour of its own."""
    look = Look(
        geometry=draft.geometry,
        colour=choose_colour(draft.id, draft.function, styles),
        name_field=label_field(result.vector_layers[0]["fields"]),
        label_points=len(result.vector_layers) > 1,
        quiet=draft.function == "basemap",
    )
    if symbols is not None:
        return replace(draft, style=drawn_style(draft.id, look, symbols))
    return replace(draft, style=default_style(draft.id, look))


def _publish(house: House, packed: Sequence[Packed], progress: Progress, job: Job | None) -> list[IngestReport]:
    """Verify, move the archives in, then flip every layer of the file live at once."""
    progress(0.0, "publishing")
    for one in packed:
        if isinstance(one.made, Tiled):  # rasters were verified when they came out of the sandbox
            _verify(one.made)
    releases = [_release(house, one, draft) for one, draft in zip(packed, _drafts(house, packed), strict=True)]
    progress(1.0, "publishing")

    def finish(connection: Connection, versions: Sequence[Version]) -> None:
        if job:
            house.jobs.finish_within(connection, job, job_result(_published(packed, versions)))

    return _published(packed, house.catalogue.publish(releases, finish))


def _published(packed: Sequence[Packed], versions: Sequence[Version]) -> list[IngestReport]:
    return [replace(one.report, version=v.number) for one, v in zip(packed, versions, strict=True)]


def job_result(reports: Sequence[IngestReport]) -> dict[str, Any]:
    """Return what an ingest job leaves behind: the contract's `layers`."""
    return {"layers": [report.to_dict() for report in reports]}


def _drafts(house: House, packed: Sequence[Packed]) -> list[Draft]:
    """Return the drafts with their styles; each new layer sees the colours of those before it in the file."""
    styles: dict[str, Style] = {layer.id: layer.style for layer in house.catalogue.layers()}
    drafts = []
    for one in packed:
        drafts.append(_drawn(one, styles))
        styles[drafts[-1].id] = drafts[-1].style
    return drafts


def _drawn(one: Packed, styles: Mapping[str, Style]) -> Draft:
    draft, made = one.plan.draft, one.made
    if isinstance(made, PackedRaster):
        return raster_draft(draft, made)
    if isinstance(made, PackedTiles):
        return tiles_draft(draft, made, styles)
    if isinstance(one.plan.read, ReadRelief):
        return replace(draft, style=contour_style(draft.id, made.result.maxzoom))
    return _styled(draft, made.result, styles, _symbols(one.plan.read))


def _symbols(read: Read | ReadRelief) -> Symbology | None:
    return read.symbols if isinstance(read, ReadLayer) else None


def _verify(made: Tiled) -> None:
    """Re-open what was written, as a server will."""
    with mapped(made.tiles) as file:
        reader = PMTilesReader(file)
        reader.check()
        if reader.header.addressed_tiles != made.result.tiles:
            raise ArchiveDamaged(
                f"{reader.header.addressed_tiles} of {made.result.tiles} tiles were written",
                file=made.tiles.name,
                remedy="Check the disk (`naru doctor`), then run again.",
            )


def _release(house: House, one: Packed, draft: Draft) -> Release:
    made, read = one.made, one.plan.read
    if isinstance(made, PackedRaster):
        archive, tilesets = raster_tilesets(made, read.bounds, house.storage.put)
        return Release(draft, archive, tilesets, one.plan.expected)
    if isinstance(made, PackedTiles):
        return Release(draft, None, (tiles_tileset(made, house.storage.put),), one.plan.expected)
    result = made.result
    source = house.storage.put(made.source)
    tileset = Tileset(
        archive=house.storage.put(made.tiles),
        tile_type="mvt",
        tile_matrix_set="WebMercatorQuad",
        minzoom=result.minzoom,
        maxzoom=result.maxzoom,
        bounds=result.bounds,
        tiles=result.tiles,
        vector_layers=result.vector_layers,
        rules=result.rules,
    )
    return Release(draft, source, (tileset,), one.plan.expected)


def _reading_report(read: Read | ReadRelief, layer_id: str) -> IngestReport:
    return IngestReport(
        id=layer_id,
        kind=_kind(read),
        features_read=read.features_read,
        features_published=read.features_kept,
        features_dropped=tuple(read.dropped),
        features_repaired=tuple(read.repaired),
        crs_claimed=read.crs_claimed,
        crs=read.crs,
        crs_how=read.crs_how,
        encoding=read.encoding,
        encoding_how=read.encoding_how,
        bounds=read.bounds,
        minzoom=0,
        maxzoom=0,
        tiles=0,
        bytes=0,
        warnings=tuple(read.warnings),
    )


def _full_report(report: IngestReport, result: TilingResult) -> IngestReport:
    skipped = tuple(Count(reason, count) for reason, count in sorted(result.skipped.items()))
    return replace(
        report,
        features_published=result.features,
        features_dropped=report.features_dropped + skipped,
        bounds=result.bounds,  # of the shapes themselves; transformed corners of a box reach a little further
        minzoom=result.minzoom,
        maxzoom=result.maxzoom,
        tiles=result.tiles,
        bytes=result.bytes,
    )
