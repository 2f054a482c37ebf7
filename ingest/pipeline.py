"""A file becomes a map: receive → read → normalise → plan → encode → pack → publish.

`ingest_file` names the stations. Receiving, reading and normalising happen in a confined child process
(`ingest.reading`); what it leaves is one GeoParquet a layer. Encoding and packing are the tiling engine's.
Publishing moves the archives into storage and flips all layers of the file live in one transaction.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ingest.made import Made
from ingest.options import IngestOptions
from ingest.planning import Plan, plan_layers
from ingest.raster_layers import encode_raster
from ingest.rasters import ReadRaster
from ingest.reading import Read, ReadOptions, read_file
from ingest.recut import nothing_before, tiles_before
from ingest.relief_layers import ReadRelief, encode_relief
from ingest.tileset_entries import ReadTiles
from ingest.tileset_layers import encode_tiles
from ingest.vector_layers import Base, encode_vectors
from naru import grid_jobs
from naru.errors import BadInput, NoFeatures
from naru.house import House
from naru.records import Asset, Draft, IngestReport, Job, Progress, Release, Version
from naru.stations import between, part
from naru.storage import disk_errors
from naru.style import Style


@dataclass(frozen=True)
class Beside:
    """A file that is published with a layer as an asset of its version; it is moved, not copied."""

    name: str
    file: Path
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """A file of several that are published together, and what goes with the layer that it becomes."""

    path: Path
    options: IngestOptions
    beside: tuple[Beside, ...] = ()


@dataclass(frozen=True)
class Packed:
    """One layer, ready to be published: its archives lie in the work folder."""

    plan: Plan
    made: Made
    report: IngestReport
    beside: tuple[Beside, ...] = ()


def ingest_file(
    house: House, path: Path, options: IngestOptions, workdir: Path, progress: Progress, *, job: Job | None = None
) -> list[IngestReport]:
    """Bring one file onto the map (or, in a dry run, say what would happen).

    `job` is finished in the transaction that publishes: cancelled or taken over before, it publishes nothing.

    Raises:
        NaruError: why it cannot be; nothing is published then, and nothing that was there is lost.
    """
    packed = _pack(house, Part(path, options), workdir, progress)
    if options.dry_run:
        return [one.report for one in packed]
    return _publish(house, packed, between(progress, "publish", "publish"), job)


def ingest_together(
    house: House, parts: Sequence[Part], workdir: Path, progress: Progress, job: Job
) -> list[IngestReport]:
    """Bring several files onto the map, all in one transaction or none; each has one layer, and perhaps assets.

    Raises:
        NaruError: why it cannot be; nothing is published then.
    """
    share, packed = 1 / len(parts), list[Packed]()
    for n, one in enumerate(parts):
        folder = workdir / f"part-{n}"
        folder.mkdir()
        made = _pack(house, one, folder, part(progress, n * share, (n + 1) * share))
        if len(made) > 1 and one.beside:
            raise BadInput(
                f"has {len(made)} layers, and what belongs to it is of one",
                file=one.options.called(one.path),
                remedy="Give a file of one layer.",
            )
        packed += [replace(layer, beside=one.beside) for layer in made]
    return _publish(house, packed, lambda _, message: progress(1.0, message), job)


def _pack(house: House, one: Part, workdir: Path, progress: Progress) -> list[Packed]:
    with _blamed_on(one.path, one.options, workdir):
        read = _read(one.path, one.options, workdir, between(progress, "receive", "normalise"))
        plans = _plan(house, one.path, read, one.options, between(progress, "plan", "plan"))
        return _encode(house, plans, one.options, workdir, between(progress, "encode", "pack"))


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
    return plan_layers(house, path, read, options)


def _encode(
    house: House, plans: Sequence[Plan], options: IngestOptions, workdir: Path, progress: Progress
) -> list[Packed]:
    share, made = 1 / len(plans), dict[str, Made]()
    for n, plan in enumerate(plans):
        own = part(progress, n * share, (n + 1) * share)
        if isinstance(plan.read, ReadRelief):
            wishes, base = (options.raster, options.vector), Base(nothing_before, workdir, options.dry_run)
            made[plan.draft.id] = encode_relief(plan.read, made[plan.read.base], plan.draft, wishes, base, own)
        else:
            made[plan.draft.id] = _encode_read(house, plan, plan.read, (options, workdir), own)
    return [Packed(plan, made[plan.draft.id], made[plan.draft.id].reported(plan.draft.report)) for plan in plans]


def _encode_read(
    house: House, plan: Plan, read: Read, wanted: tuple[IngestOptions, Path], progress: Progress
) -> Made:
    """Cut one layer: here the kinds part, and behind it all are `Made`."""
    options, workdir = wanted
    if isinstance(read, ReadRaster):
        return encode_raster(read, plan.draft.id, options.raster, workdir, progress)
    if isinstance(read, ReadTiles):
        return encode_tiles(read, plan.draft.id, workdir, progress)
    live = plan.before.live if plan.before else None
    base = Base(lambda grid: tiles_before(house, live, grid), workdir, options.dry_run)
    return encode_vectors(read, plan.draft, options.vector, base, progress)


def _publish(house: House, packed: Sequence[Packed], progress: Progress, job: Job | None) -> list[IngestReport]:
    """Move the archives in, then flip every layer of the file live at once."""
    progress(0.0, "publishing")
    releases = [_release(house, one, draft) for one, draft in zip(packed, _drafts(house, packed), strict=True)]
    progress(1.0, "publishing")

    def finish(connection: Connection, versions: Sequence[Version]) -> None:
        for one, version in zip(packed, versions, strict=True):
            for params in grid_jobs.parameters(version, one.made.pending):
                house.jobs.submit_within(connection, grid_jobs.KIND, params)
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
        drafts.append(one.made.drawn(replace(one.plan.draft, report=one.report), styles))
        styles[drafts[-1].id] = drafts[-1].style
    return drafts


def _release(house: House, one: Packed, draft: Draft) -> Release:
    source, tilesets = one.made.stored(house.storage.put)
    assets = tuple(Asset(beside.name, house.storage.put(beside.file), beside.about) for beside in one.beside)
    return Release(draft, source, tilesets, one.plan.expected, assets)
