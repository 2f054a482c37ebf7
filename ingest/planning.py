"""Decides, before the long work begins, what each layer of a file will be called and what it replaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.encoding import normalise
from ingest.naming import layer_ids
from ingest.options import IngestOptions
from ingest.reading import Read
from ingest.relief_layers import ReadRelief, check_wish, has_heights, left_behind, reliefs_of
from ingest.succession import changes_since, other_kind
from naru.catalogue import check_layer_id
from naru.errors import LayerExists, UnknownLayer
from naru.house import House
from naru.records import Changes, Draft, IngestReport, Layer


@dataclass(frozen=True)
class Plan:
    """One layer of the file: what was read, what it will be called, and the layer as it is live now."""

    read: Read | ReadRelief
    draft: Draft
    before: Layer | None

    @property
    def expected(self) -> int | None:
        """The version that this one follows; None for a new layer."""
        return self.before.live.number if self.before else None


def plan_layers(house: House, path: Path, read: Sequence[Read], options: IngestOptions) -> list[Plan]:
    """Return a plan for each layer that was read, and behind it for each that is to be made from its heights.

    Raises BadLayerId; BadOption; LayerExists where a new version was not wanted; ScopeDenied where the key does not
    reach.
    """
    ids = layer_ids(options.id, Path(options.called(path)), [layer.name for layer in read])
    for layer_id in ids:
        _check_wanted(house, layer_id, options)
    check_wish(options.relief, read, ids)
    several, plans = len(read) > 1, []
    for layer, layer_id in zip(read, ids, strict=True):
        base = _plan_one(house, layer, check_layer_id(layer_id), options, several)
        reliefs = reliefs_of(layer, layer_id, options.relief)
        plans += [base, *(_plan_relief(house, relief, base.draft, options) for relief in reliefs)]
    return plans


def _check_wanted(house: House, layer_id: str, options: IngestOptions) -> None:
    """Return if the layer may be made, or replaced, by whoever handed the file in."""
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


def _live(house: House, layer_id: str) -> Layer | None:
    try:
        return house.catalogue.layer(layer_id)
    except UnknownLayer:
        return None


def _plan_one(house: House, read: Read, layer_id: str, options: IngestOptions, several: bool) -> Plan:
    before = _live(house, layer_id)
    title = None if several else options.title_ko
    title_ko = title or (before.title_ko if before else read.name)
    title_en = (None if several else options.title_en) or (before.title_en if before else title_ko)
    changes, warnings = changes_since(house, before, read)
    if has_heights(read):
        warnings = [*warnings, *left_behind(layer_id, options.relief, lambda i: _live(house, i))]
    warnings = [*read.warnings, *warnings, *_unused(read, options, several)]
    draft = Draft(
        id=layer_id,
        title_ko=title_ko,
        title_en=title_en,
        function=options.function or (before.function if before else "content"),
        visibility=options.visibility or (before.visibility if before else "public"),
        licence=_first(options.licence, before.licence if before else None),
        attribution=_first(options.attribution, before.attribution if before else None, read.attribution),
        kind=read.kind,
        geometry=read.geometry,
        style=(),
        report=_report(read, layer_id, changes, warnings),
    )
    return Plan(read, draft, before)


def _plan_relief(house: House, read: ReadRelief, base: Draft, options: IngestOptions) -> Plan:
    """Plan a layer that is made from heights: rights and names are those of their layer."""
    relief = read.relief
    layer_id = check_layer_id(relief.layer_id(base.id))
    _check_wanted(house, layer_id, options)
    before = _live(house, layer_id)
    draft = replace(
        base,
        id=layer_id,
        title_ko=before.title_ko if before else f"{base.title_ko} {relief.title_ko}",
        title_en=before.title_en if before else f"{base.title_en}, {relief.title_en}",
        kind=relief.kind,
        geometry=read.geometry,
        report=_report(read, layer_id, None, other_kind(before, relief.kind)),
    )
    return Plan(read, draft, before)


def _first(*texts: str | None) -> str:
    return next((text for text in texts if text is not None), "")


def _unused(read: Read, options: IngestOptions, several: bool) -> list[str]:
    """Return a warning for each option that could not take effect."""
    out = []
    if several and (options.title_ko or options.title_en):
        out.append("the title was not used: the file holds several layers; see `naru layers rename`")
    if options.encoding and (read.encoding is None or normalise(options.encoding) != normalise(read.encoding)):
        out.append(f"--encoding {options.encoding} was not used: {read.encoding_how or 'the format says its own'}")
    given: dict[str, object] = {
        "--keep-all": options.keep_all,
        "--kind": options.kind,
        "--bands": options.bands,
        "--pyramid": options.pyramid,
        "--quality": options.quality,
        "--minzoom": options.minzoom,
        "--maxzoom": options.maxzoom,
        "--crs": options.crs,
    }
    unused = [name for name, value in given.items() if value and name not in read.takes]
    out += [f"{name} was not used: it is a {read.kind} layer" for name in unused]
    if not has_heights(read):
        out += [f"{relief.option} was not used: it has no heights" for relief in options.relief.wanted]
    return out


def _report(
    read: Read | ReadRelief, layer_id: str, changes: Changes | None, warnings: Sequence[str]
) -> IngestReport:
    """Return the report so far; what cutting tells of zooms and tiles comes later."""
    return IngestReport(
        id=layer_id,
        kind=read.kind,
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
        warnings=tuple(warnings),
        changes=changes,
    )
