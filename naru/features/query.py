"""Features in row order, row group by row group, never all at once.

What a row group's statistics exclude is not read; what attributes and boxes exclude is not decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from naru.errors import ArchiveDamaged
from naru.features.conditions import Condition, Mask, Period
from naru.features.place import Geometries, Mover, Place, mover
from naru.features.selection import Selection
from naru.features.systems import system
from naru.geoparquet import CORNERS
from naru.records import BBox

if TYPE_CHECKING:
    from naru.features.source import FeatureSource

Ints = npt.NDArray[np.int64]
BATCH_ROWS = 8192
BATCH_BYTES = 16 << 20  # of geometry at a time, about


class Batch(NamedTuple):
    """Some features: ids (rows counted from 1), attributes, and geometries in the system asked for (x, y[, z])."""

    ids: Ints
    attributes: pa.RecordBatch
    geometries: Geometries


class Group(NamedTuple):
    """A row group of a source."""

    number: int
    start: int  # rows before it
    rows: int
    box: BBox | None  # of its features; None: not known


@dataclass(frozen=True)
class Query:
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
    def of(cls, source: FeatureSource, wanted: Selection, *, bare: bool) -> Query:
        """Check a selection; `bare`: without geometries. Raises BadSelection for what cannot be asked."""
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
        """Whether every row matches."""
        return not self.conditions and self.place is None and self.ids is None

    def groups(self) -> Iterator[Group]:
        """Yield the row groups that may hold something wanted."""
        for group in self.source.groups:
            if self._possible(group):
                yield group

    def _possible(self, group: Group) -> bool:
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


def _between(ids: Ints, group: Group) -> Ints:
    first, last = np.searchsorted(ids, (group.start + 1, group.start + group.rows + 1))
    return ids[first:last]


class _Choice(NamedTuple):
    """Rows of a group: those that match, and those whose geometry must be looked at."""

    sure: Mask
    maybe: Mask


def _choose(query: Query, file: pq.ParquetFile, group: Group) -> _Choice:
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
    corners = np.column_stack([boxes.field(corner).to_numpy(zero_copy_only=False) for corner in CORNERS])
    sure, maybe = query.place.sift(corners)
    return _Choice(wanted & sure, wanted & maybe)


def _column(source: FeatureSource, file: pq.ParquetFile, group: Group, name: str) -> pa.Array:
    table = file.read_row_group(group.number, columns=[name], use_threads=False)
    return table.column(name).combine_chunks()


def count(query: Query) -> int:
    """Return how many rows match, before `limit` and `offset`."""
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


def select(query: Query, batch_rows: int) -> Iterator[Batch]:
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
                    yield _moved(query, batch)
                if left == 0:
                    return


def _moved(query: Query, batch: Batch) -> Batch:
    if query.move is None or query.bare:
        return batch
    return batch._replace(geometries=query.move(batch.geometries, batch.ids))


def _fitting(source: FeatureSource, group: Group, most: int) -> int:
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
    query: Query,
    file: pq.ParquetFile,
    group: Group,
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


def _decoded(query: Query, read: pa.RecordBatch, start: int, chosen: Mask, fields: tuple[str, ...]) -> Batch:
    index = np.flatnonzero(chosen)
    rows = read if len(index) == read.num_rows else read.take(pa.array(index))
    if query.source.geometry_column not in rows.schema.names:
        return Batch(index + start + 1, rows.select(list(fields)), np.full(len(index), None, dtype=object))
    wkb = rows.column(query.source.geometry_column).to_numpy(zero_copy_only=False)
    try:
        geometries = shapely.from_wkb(wkb)
    except shapely.errors.GEOSException as cause:
        raise damaged(query.source.path, cause) from cause
    return Batch(index + start + 1, rows.select(list(fields)), geometries)


def _looked_at(query: Query, batch: Batch, maybe: Mask) -> Batch:
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
            raise damaged(self._source.path, cause) from cause
        return self._file

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._file.close(force=True)
        if isinstance(error, pa.ArrowException | OSError) and not isinstance(error, BrokenPipeError):
            raise damaged(self._source.path, error) from error


def damaged(path: Path, cause: BaseException) -> ArchiveDamaged:
    """Return the error for a source that cannot be read."""
    return ArchiveDamaged(
        f"the layer's source cannot be read: {str(cause).splitlines()[0] if str(cause) else type(cause).__name__}",
        file=str(path),
        remedy="Restore it from a backup (`naru verify` names what is damaged), or ingest the layer again.",
    )
