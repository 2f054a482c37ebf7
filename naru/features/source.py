"""A layer's source archive (GeoParquet 1.1): what it holds, and the features that a selection wants of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from naru.features.conditions import Field, kind_of
from naru.features.query import BATCH_ROWS, Batch, Group, Query, count, damaged, select
from naru.features.selection import Selection, unknown_field
from naru.features.systems import name_of
from naru.geoparquet import CORNERS
from naru.records import BBox

__all__ = ["BATCH_ROWS", "Batch", "FeatureSource", "Field"]


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
            raise damaged(path, cause) from cause
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
        return select(Query.of(self, selection, bare=bare), batch_rows)

    def count(self, selection: Selection) -> int:
        """Return how many features match, before `limit` and `offset`; reads geometry only at the box's edge.

        Raises:
            BadSelection, ArchiveDamaged: as `select`.
        """
        return count(Query.of(self, selection, bare=True))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The row groups, in order, with the box of each."""
        corners = [self.column_index(self.covering_column, corner) for corner in CORNERS]
        out, start = [], 0
        for number in range(self.metadata.num_row_groups):
            group = self.metadata.row_group(number)
            out.append(Group(number, start, group.num_rows, _group_box(group, corners)))
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


def _group_box(group: pq.RowGroupMetaData, corners: Sequence[int]) -> BBox | None:
    statistics = [group.column(index).statistics for index in corners]
    if any(s is None or not s.has_min_max for s in statistics):
        return None
    xmin, ymin, xmax, ymax = statistics
    return xmin.min, ymin.min, xmax.max, ymax.max
