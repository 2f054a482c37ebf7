"""A layer's source archive (GeoParquet 1.1) asked for features: in row order, row group by row group, never whole.

What a row group's statistics exclude is not read; what attributes and boxes exclude is not decoded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from naru.errors import ArchiveDamaged
from naru.features.conditions import Condition, Field, Mask, Period, kind_of
from naru.features.place import Geometries, Mover, Place, mover
from naru.features.selection import Selection, unknown_field
from naru.features.systems import name_of, system
from naru.records import BBox

Ints = npt.NDArray[np.int64]
BATCH_ROWS = 8192
BATCH_BYTES = 16 << 20  # of geometry at a time, about
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


class Batch(NamedTuple):
    """Some features: ids (rows counted from 1), attributes, and geometries in the system asked for (x, y[, z])."""

    ids: Ints
    attributes: pa.RecordBatch
    geometries: Geometries


@dataclass(frozen=True)
class FeatureSource:
    """An opened source. It holds no file open and may be used by several threads at once."""

    path: Path
    fields: tuple[Field, ...]
    crs: CRS  # of the coordinates, x before y
    rows: int
    bounds: BBox  # in `crs`
    geometry_types: tuple[str, ...]  # as GeoParquet writes them: "Polygon", "Point Z"
    geometry_column: str
    covering_column: str
    metadata: pq.FileMetaData

    @classmethod
    def open(cls, path: Path) -> FeatureSource:
        """Open a GeoParquet 1.1 file with WKB geometry and a covering column, as `naru ingest` writes it.

        Raises:
            ArchiveDamaged: missing, or something else.
        """
        try:
            with pq.ParquetFile(path) as file:
                metadata, schema = file.metadata, file.schema_arrow
            geo = json.loads((metadata.metadata or {})[b"geo"])
            about = geo["columns"][geo["primary_column"]]
            covering = about["covering"]["bbox"]["xmin"][0]
            crs = CRS.from_json_dict(about["crs"])
            west, south, east, north = about["bbox"]
        except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as cause:
            raise _damaged(path, cause) from cause
        hidden = {geo["primary_column"], covering}
        fields = tuple(Field(f.name, kind_of(f.type), f.type) for f in schema if f.name not in hidden)
        return cls(
            path=path,
            fields=fields,
            crs=crs,
            rows=metadata.num_rows,
            bounds=(west, south, east, north),
            geometry_types=tuple(about.get("geometry_types", ())),
            geometry_column=geo["primary_column"],
            covering_column=covering,
            metadata=metadata,
        )

    @property
    def crs_name(self) -> str | None:
        """The name of `crs` as requests write it; None for one without a code."""
        return name_of(self.crs)

    @property
    def time_field(self) -> Field | None:
        """The field that a `period` looks at: the first date or time."""
        return next((field for field in self.fields if field.kind in ("date", "datetime")), None)

    @cached_property
    def period(self) -> tuple[datetime, datetime] | None:
        """The first and last moment (UTC) of `time_field`, by the file's statistics; None where unknown."""
        if self.time_field is None:
            return None
        column, edges = self.column_index(self.time_field.name), list[datetime]()
        for number in range(self.metadata.num_row_groups):
            known = self.metadata.row_group(number).column(column).statistics
            if known is not None and known.has_min_max:
                edges += [_moment(known.min), _moment(known.max)]
        return (min(edges), max(edges)) if edges else None

    def field(self, name: str) -> Field:
        """Return a field.

        Raises:
            BadSelection: there is none of that name.
        """
        for field in self.fields:
            if field.name == name:
                return field
        raise unknown_field(name, [f.name for f in self.fields])

    def within(self, name: str, low: float, high: float) -> bool:
        """Tell whether all values of a field are surely from `low` to `high`, by the file's statistics."""
        column = self.column_index(name)
        for number in range(self.metadata.num_row_groups):
            about = self.metadata.row_group(number).column(column)
            known = about.statistics
            if known is None or (not known.has_min_max and known.null_count != about.num_values):
                return False
            if known.has_min_max and not low <= known.min <= known.max <= high:
                return False
        return True

    def select(self, selection: Selection, batch_rows: int = BATCH_ROWS, *, bare: bool = False) -> Iterator[Batch]:
        """Return the features of a selection in row order, in batches of at most `batch_rows`, as they are read.

        `bare`: the attributes are enough, geometries are None.

        Raises:
            BadSelection: now, for what cannot be asked; while reading, for a feature without place in `crs`.
            ArchiveDamaged: while reading.
        """
        return _select(_Query.of(self, selection, bare=bare), batch_rows)

    def count(self, selection: Selection) -> int:
        """Return how many features match, before `limit` and `offset`; reads geometry only at the box's edge.

        Raises:
            BadSelection, ArchiveDamaged: as `select`.
        """
        return _count(_Query.of(self, selection, bare=True))

    @cached_property
    def _groups(self) -> tuple[_Group, ...]:
        corners = [self.column_index(self.covering_column, corner) for corner in _CORNERS]
        out, start = [], 0
        for number in range(self.metadata.num_row_groups):
            group = self.metadata.row_group(number)
            out.append(_Group(number, start, group.num_rows, _group_box(group, corners)))
            start += group.num_rows
        return tuple(out)

    def column_index(self, name: str, *nested: str) -> int:
        """Return the leaf column of a field, or of a member of it: names may hold dots, so a path may be both."""
        path = ".".join((name, *nested))
        schema = self.metadata.schema
        found = [i for i in range(len(schema)) if schema.column(i).path == path]
        return found[-1] if nested else found[0]  # the covering column comes last


def _moment(value: date | datetime) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time.min, UTC)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class _Group(NamedTuple):
    number: int
    start: int  # rows before it
    rows: int
    box: BBox | None  # of its features; None: not known


def _group_box(group: pq.RowGroupMetaData, corners: Sequence[int]) -> BBox | None:
    statistics = [group.column(index).statistics for index in corners]
    if any(s is None or not s.has_min_max for s in statistics):
        return None
    xmin, ymin, xmax, ymax = statistics
    return xmin.min, ymin.min, xmax.max, ymax.max


@dataclass(frozen=True)
class _Query:
    """A selection against one source, checked."""

    source: FeatureSource
    conditions: tuple[Condition | Period, ...]
    place: Place | None
    move: Mover | None
    ids: Ints | None  # sorted
    fields: tuple[str, ...]
    limit: int | None
    offset: int
    bare: bool

    @classmethod
    def of(cls, source: FeatureSource, wanted: Selection, *, bare: bool) -> _Query:
        conditions: list[Condition | Period] = [Condition.of(f, source.field(f.field)) for f in wanted.filters]
        if wanted.period is not None and source.time_field is not None:
            conditions.append(Period(source.time_field, wanted.period))
        place = None
        if wanted.bbox is not None:
            place = Place.of(wanted.bbox, system(wanted.bbox_crs), source.crs, source.bounds)
        names = [source.field(name).name for name in wanted.fields or ()]
        return cls(
            source=source,
            conditions=tuple(conditions),
            place=place,
            move=mover(source.crs, system(wanted.crs), wanted.crs) if wanted.crs else None,
            ids=None if wanted.ids is None else np.unique(np.array(wanted.ids, np.int64)),
            fields=tuple(f.name for f in source.fields) if wanted.fields is None else tuple(dict.fromkeys(names)),
            limit=wanted.limit,
            offset=wanted.offset,
            bare=bare,
        )

    @property
    def everything(self) -> bool:
        return not self.conditions and self.place is None and self.ids is None

    def groups(self) -> Iterator[_Group]:
        """Yield the row groups that may hold something wanted."""
        for group in self.source._groups:
            if self._possible(group):
                yield group

    def _possible(self, group: _Group) -> bool:
        if self.place is not None and group.box is not None and self.place.excludes(group.box):
            return False
        if self.ids is not None and not _between(self.ids, group).size:
            return False
        about = self.source.metadata.row_group(group.number)
        return all(self._within(about, c) for c in self.conditions if isinstance(c, Condition))

    def _within(self, about: pq.RowGroupMetaData, condition: Condition) -> bool:
        statistics = about.column(self.source.column_index(condition.field.name)).statistics
        if statistics is None or not statistics.has_min_max:
            return True
        return condition.possible(statistics.min, statistics.max)


def _between(ids: Ints, group: _Group) -> Ints:
    first, last = np.searchsorted(ids, (group.start + 1, group.start + group.rows + 1))
    return ids[first:last]


class _Choice(NamedTuple):
    """Rows of a group: those that match, and those whose geometry must be looked at."""

    sure: Mask
    maybe: Mask


def _choose(query: _Query, file: pq.ParquetFile, group: _Group) -> _Choice:
    """Decide a group's rows without their geometries."""
    wanted, none = np.ones(group.rows, bool), np.zeros(group.rows, bool)
    if query.ids is not None:
        wanted = none.copy()
        wanted[_between(query.ids, group) - group.start - 1] = True
    for condition in query.conditions:
        wanted &= condition.mask(_column(query.source, file, group, condition.field.name))
    if query.place is None or not wanted.any():
        return _Choice(wanted, none)
    boxes = _column(query.source, file, group, query.source.covering_column)
    corners = np.column_stack([boxes.field(corner).to_numpy(zero_copy_only=False) for corner in _CORNERS])
    sure, maybe = query.place.sift(corners)
    return _Choice(wanted & sure, wanted & maybe)


def _column(source: FeatureSource, file: pq.ParquetFile, group: _Group, name: str) -> pa.Array:
    table = file.read_row_group(group.number, columns=[name], use_threads=False)
    return table.column(name).combine_chunks()


def _count(query: _Query) -> int:
    if query.everything:
        return query.source.rows
    total = 0
    with _opened(query.source) as file:
        for group in query.groups():
            choice = _choose(query, file, group)
            total += int(choice.sure.sum())
            if choice.maybe.any():
                looked = _pieces(query, file, group, _Choice(np.zeros_like(choice.sure), choice.maybe), ())
                total += sum(len(piece.ids) for piece in looked)
    return total


def _select(query: _Query, batch_rows: int) -> Iterator[Batch]:
    """Yield what matches, less `offset`, up to `limit`."""
    skip, left = query.offset, query.limit
    with _opened(query.source) as file:
        for group in query.groups():
            if left == 0:
                return
            if query.everything and skip >= group.rows:
                skip -= group.rows
                continue
            rows = _fitting(query.source, group, batch_rows)
            for piece in _pieces(query, file, group, _choose(query, file, group), query.fields, rows):
                batch = _cut(piece, skip, left)
                skip = max(0, skip - len(piece.ids))
                if len(batch.ids):
                    left = None if left is None else left - len(batch.ids)
                    yield (
                        batch
                        if query.move is None
                        else batch._replace(geometries=query.move(batch.geometries, batch.ids))
                    )
                if left == 0:
                    return


def _moved(query: _Query, batch: Batch) -> Batch:
    if query.move is None or query.bare:
        return batch
    return batch._replace(geometries=query.move(batch.geometries, batch.ids))


def _fitting(source: FeatureSource, group: _Group, most: int) -> int:
    """Return how many rows of a group to read at a time, so that large geometries do not fill the memory."""
    about = source.metadata.row_group(group.number).column(source.column_index(source.geometry_column))
    a_row = max(1, int(about.total_uncompressed_size) // max(1, group.rows))
    return max(1, min(most, BATCH_BYTES // a_row))


def _cut(batch: Batch, skip: int, left: int | None) -> Batch:
    end = len(batch.ids) if left is None else min(len(batch.ids), skip + left)
    if skip == 0 and end == len(batch.ids):
        return batch
    part = slice(min(skip, end), end)
    attributes = batch.attributes.slice(part.start, part.stop - part.start)
    return Batch(batch.ids[part], attributes, batch.geometries[part])


def _pieces(
    query: _Query,
    file: pq.ParquetFile,
    group: _Group,
    choice: _Choice,
    fields: tuple[str, ...],
    batch_rows: int = BATCH_ROWS,
) -> Iterator[Batch]:
    """Yield the chosen rows of a group, in the source's own system."""
    chosen = choice.sure | choice.maybe
    if not chosen.any():
        return
    shapeless = query.bare and not choice.maybe.any()
    columns, at = [*fields, *([] if shapeless else [query.source.geometry_column])], 0
    for read in file.iter_batches(batch_rows, row_groups=[group.number], columns=columns, use_threads=False):
        here = slice(at, at + read.num_rows)
        if chosen[here].any():
            piece = _decoded(query, read, group.start + at, chosen[here], fields)
            yield _looked_at(query, piece, choice.maybe[here][chosen[here]])
        at = here.stop


def _decoded(query: _Query, read: pa.RecordBatch, start: int, chosen: Mask, fields: tuple[str, ...]) -> Batch:
    index = np.flatnonzero(chosen)
    rows = read if len(index) == read.num_rows else read.take(pa.array(index))
    if query.source.geometry_column not in rows.schema.names:
        return Batch(index + start + 1, rows.select(list(fields)), np.full(len(index), None, dtype=object))
    wkb = rows.column(query.source.geometry_column).to_numpy(zero_copy_only=False)
    try:
        geometries = shapely.from_wkb(wkb)
    except shapely.errors.GEOSException as cause:
        raise _damaged(query.source.path, cause) from cause
    return Batch(index + start + 1, rows.select(list(fields)), geometries)


def _looked_at(query: _Query, batch: Batch, maybe: Mask) -> Batch:
    """Leave out those of the doubtful whose geometry does not meet the place."""
    if query.place is None or not maybe.any():
        return batch
    kept = ~maybe
    kept[maybe] = query.place.meets(batch.geometries[maybe])
    index = np.flatnonzero(kept)
    return Batch(batch.ids[index], batch.attributes.take(pa.array(index)), batch.geometries[index])


class _opened:  # noqa: N801 (used as a function, as contextlib's own are)
    """A source's file, opened with the metadata that is known already."""

    def __init__(self, source: FeatureSource) -> None:
        self._source = source
        self._file: Any = None

    def __enter__(self) -> pq.ParquetFile:
        try:
            self._file = pq.ParquetFile(
                self._source.path, metadata=self._source.metadata, buffer_size=1 << 20, pre_buffer=False
            )
        except (pa.ArrowException, OSError) as cause:
            raise _damaged(self._source.path, cause) from cause
        return self._file

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._file.close(force=True)
        if isinstance(error, pa.ArrowException | OSError) and not isinstance(error, BrokenPipeError):
            raise _damaged(self._source.path, error) from error


def _damaged(path: Path, cause: BaseException) -> ArchiveDamaged:
    return ArchiveDamaged(
        f"the layer's source cannot be read: {str(cause).splitlines()[0] if str(cause) else type(cause).__name__}",
        file=str(path),
        remedy="Restore it from a backup (`naru verify` names what is damaged), or ingest the layer again.",
    )
