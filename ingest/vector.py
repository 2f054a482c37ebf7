"""The child's side of reading: every layer of every dataset, repaired, placed and written.

Runs confined (`naru.confine`). Nothing it says is believed unchecked (`ingest.reading`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from ingest import dateline
from ingest.ahead import ahead
from ingest.crs import Resolved, resolve
from ingest.features import NO_GEOMETRY, Batch, Geometries, Tally, families, make_valid, parse
from ingest.formats import RASTERS, TILESETS, open_all, sniff
from ingest.geoparquet_writer import COVERING, GEOMETRY, LayerWriter
from ingest.layers import SourceLayer, plain
from ingest.receive import Called, Dataset, clear, receive
from ingest.sandbox import Limits
from ingest.tables.places import Wanted
from naru.errors import ColumnsUnknown, NaruError, NoFeatures, TooLarge, UnknownFormat
from naru.records import Progress

Floats = npt.NDArray[np.float64]
OUTSIDE = "outside the area of its coordinate reference system"
_RESERVED = frozenset({GEOMETRY, COVERING})


def read_layers(params: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """Read what `params` names (see `ingest.reading.read_file`) and return one entry per layer with features."""
    limits, workdir = Limits(**params["limits"]), Path(params["workdir"])
    folder = workdir / "input"
    progress(0.0, "receiving")
    files = [Path(f) for f in params["files"]]
    try:
        datasets = receive(files, Called(params["name"], params["names"]), folder, limits)
        return _read_all(datasets, _Job(params, limits, workdir, folder, progress))
    finally:
        clear(folder)


@dataclass(frozen=True)
class _Job:
    params: Mapping[str, Any]
    limits: Limits
    workdir: Path
    folder: Path
    progress: Progress


def _read_all(datasets: list[Dataset], job: _Job) -> list[dict[str, Any]]:
    others, entries, empty = _read_rasters(datasets, job)
    try:
        if others or not entries:
            entries += _read_vectors(others, job, empty)
    except (UnknownFormat, NoFeatures, ColumnsUnknown):  # told in `empty`
        if not entries:
            raise
    if not entries:
        text = "; ".join(e.replace(" was left out", "") for e in empty[:5]) or "no layer of that name"
        raise NoFeatures(f"nothing to draw: {text}", remedy="Check the file in a GIS.")
    entries[0]["warnings"] += empty
    return entries


def _read_vectors(datasets: list[Dataset], job: _Job, empty: list[str]) -> list[dict[str, Any]]:
    """Return the entries of all layers with features; those without are told in `empty`."""
    entries: list[dict[str, Any]] = []
    wanted = Wanted(job.params["x"], job.params["y"], job.params["crs"])
    opened = open_all(datasets, job.params["encoding"], job.folder, job.limits, wanted, empty)
    for number, (dataset, source) in enumerate(opened):
        if number >= job.limits.layers:
            message = f"it has more than the {job.limits.layers} layers allowed"
            raise TooLarge(message, file=dataset.file, remedy="Split it.")
        if job.params["layers"] is not None and source.name not in job.params["layers"]:
            continue
        reading = _Reading(source, job, job.workdir / f"layer-{number:04d}.parquet")
        try:
            entry = reading.run()
        except NaruError as error:
            error.file, error.layer = error.file or dataset.file, error.layer or source.name
            raise
        if entry is None:
            empty.append(f"layer '{source.name}' was left out: {reading.account()}")
        else:
            entries.append(entry)
    return entries


def _read_rasters(datasets: list[Dataset], job: _Job) -> tuple[list[Dataset], list[dict[str, Any]], list[str]]:
    """Return the datasets of vectors, the entries of rasters and tilesets, and what of them was left out."""
    kinds = [(dataset, sniff(dataset.main)) for dataset in datasets]
    rasters = [(d, k) for d, k in kinds if k in RASTERS]
    tilesets = [(d, k) for d, k in kinds if k in TILESETS]
    if len(rasters) + len(tilesets) > job.limits.layers:
        message = f"it has more than the {job.limits.layers} layers allowed"
        raise TooLarge(message, remedy="Split it.")
    entries: list[dict[str, Any]] = []
    left_out: list[str] = []
    if rasters:
        from ingest.raster.entries import raster_entries

        entries, left_out = raster_entries(rasters, job.params, job.workdir, job.limits, len(datasets) > 1)
    if tilesets:
        from ingest.tilesets.taking import look

        entries += [look(d, k, job.workdir / f"tiles-{n:04d}") for n, (d, k) in enumerate(tilesets)]
    return [d for d, k in kinds if k not in RASTERS | TILESETS], entries, left_out


@dataclass
class _Reading:
    """One layer on its way from the file to GeoParquet."""

    source: SourceLayer
    job: _Job
    target: Path
    tally: Tally = field(default_factory=Tally)
    read: int = 0
    vertices: int = 0
    crs: Resolved | None = None
    writer: LayerWriter | None = None
    kinds: set[str] = field(default_factory=set)
    bounds: Floats = field(default_factory=lambda: np.array([np.inf, np.inf, -np.inf, -np.inf]))
    warnings: list[str] = field(default_factory=list)
    damaged: Counter[str] = field(default_factory=Counter)  # texts that are no UTF-8, by field

    def run(self) -> dict[str, Any] | None:
        """Read, repair, place and write all batches; None when no feature is left."""
        try:
            for attributes, wkb in ahead(self.source.batches):
                self._take(attributes, wkb)
                self._report()
        except BaseException:
            if self.writer is not None:
                self.writer.abandon()
            raise
        self._settle_missing()
        if self.writer is None or self.crs is None or not self.writer.rows:
            return None
        self.writer.close(self.crs.crs)
        return self._entry(self.crs, self.writer.rows)

    def account(self) -> str:
        """Return what became of the features, in words."""
        if not self.read:
            return "it has no feature"
        said = ", ".join(f"{count} × {reason}" for reason, count in self.tally.dropped.most_common())
        why = self.source.diagnose()
        return f"none of its {self.read} features can be drawn ({said})" + (f"; {why}" if why else "")

    def _take(self, attributes: pa.RecordBatch, wkb: pa.Array) -> None:
        self.read += len(wkb)
        batch = parse(wkb, self.tally, self.job.limits.vertices_per_feature)
        self._count_vertices(batch.geometries[batch.kept])
        boxes = shapely.bounds(batch.geometries[batch.kept])
        if self.crs is None and len(boxes):
            claim, option = self.source.claim, self.job.params["crs"]
            self.crs = resolve(claim, option, boxes, self.source.name)
        if self.crs is not None:
            self._place(self.crs, batch)
            make_valid(batch)
            self._write(attributes, batch)

    def _count_vertices(self, geometries: Geometries) -> None:
        self.vertices += int(shapely.get_num_coordinates(geometries).sum())
        if self.vertices > self.job.limits.vertices_per_layer:
            message = f"it has more than the {self.job.limits.vertices_per_layer} vertices allowed in a layer"
            raise TooLarge(message, remedy="Split it, or simplify it first.")

    def _place(self, crs: Resolved, batch: Batch) -> None:
        """Drop what has no place on the globe, split what crosses the 180th meridian, widen the bounds."""
        index = np.flatnonzero(batch.kept)
        boxes = shapely.bounds(batch.geometries[index])
        away = np.zeros(len(batch.kept), dtype=bool)
        if crs.crs.is_geographic:
            away[index] = dateline.out_of_range(boxes)
            batch.drop(away, dateline.OUT_OF_RANGE)
            index = index[batch.kept[index]]
            batch.replace(*dateline.split(batch.geometries, index), dateline.SPLIT)
            corners = _corners(crs, shapely.bounds(batch.geometries[index]))
        else:
            corners = _corners(crs, boxes)
            placed = np.isfinite(corners).all(axis=(0, 2))
            away[index[~placed]] = True
            batch.drop(away, OUTSIDE)
            corners = corners[:, placed]
        self._widen(corners)

    def _widen(self, corners: Floats) -> None:
        if corners.size:
            self.bounds[:2] = np.minimum(self.bounds[:2], corners.min(axis=(0, 1)))
            self.bounds[2:] = np.maximum(self.bounds[2:], corners.max(axis=(0, 1)))

    def _write(self, attributes: pa.RecordBatch, batch: Batch) -> None:
        chosen = plain(attributes, _RESERVED, self.damaged)
        if self.writer is None:
            self.writer = LayerWriter(self.target, chosen.schema)
            self._note_renamed(attributes.schema.names, chosen.schema.names)
        left = batch.geometries[batch.kept]
        self.kinds |= families(left)
        rows = chosen.filter(pa.array(batch.kept)) if chosen.num_columns else chosen
        self.writer.write(rows, left, shapely.bounds(left))

    def _note_renamed(self, before: list[str], after: list[str]) -> None:
        renamed = [f"'{a}' became '{b}'" for a, b in zip(before, after, strict=True) if normalize("NFC", a) != b]
        if renamed:
            self.warnings.append(f"fields renamed: {', '.join(renamed)}")

    def _settle_missing(self) -> None:
        """Give each feature that came without geometry, or did not come at all, its reason."""
        if missing := self.tally.dropped.pop(NO_GEOMETRY, 0):
            self.tally.dropped.update(self.source.explain_missing(missing))
        self.tally.dropped.update(self.source.lost)
        if self.tally.measured:
            self.warnings.append(f"measures (M) of {self.tally.measured} features were left out; heights stay")
        bad = [f"{count} in '{name}'" for name, count in self.damaged.items() if count]
        if bad:
            self.warnings.append(f"texts with damaged characters, shown as \ufffd: {', '.join(bad)}")
        self.read += self.source.lost.total()

    def _report(self) -> None:
        total = max(self.source.rows, self.read)
        self.job.progress(min(0.99, self.read / max(total, 1)), f"{self.source.name}: {self.read} features read")

    def _entry(self, crs: Resolved, kept: int) -> dict[str, Any]:
        kinds = self.kinds if len(self.kinds) == 1 else {"mixed"}
        return {
            "name": self.source.name,
            "parquet": self.target.name,
            "features_read": self.read,
            "features_kept": kept,
            "dropped": self.tally.dropped.most_common(),
            "repaired": self.tally.repaired.most_common(),
            "crs_claimed": crs.claimed,
            "crs": crs.label,
            "crs_how": crs.how,
            "encoding": self.source.encoding,
            "encoding_how": self.source.encoding_how,
            "geometry": next(iter(kinds)),
            "bounds": self.bounds.tolist(),
            "warnings": [*self.source.warnings, *crs.warnings, *self.warnings],
            "style": self.source.symbols,
        }


def _corners(crs: Resolved, boxes: Floats) -> Floats:
    """Return the corners of boxes in lon/lat: 4 × n × 2."""
    x, y = boxes[:, [0, 2, 2, 0]].T, boxes[:, [1, 1, 3, 3]].T
    return np.stack(crs.to_lonlat().transform(x, y), axis=-1)
