"""Tables → layers: each sheet with coordinates is one; what has none is left out, and said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pyarrow as pa

from ingest.layers import Batch, SourceLayer
from ingest.receive import Dataset
from ingest.sandbox import Limits
from ingest.tables.coordinates import (
    Located,
    Rejected,
    locate_geometries,
    locate_numbers,
    locate_points,
    read_axis,
)
from ingest.tables.ods import read_ods
from ingest.tables.places import Place, Wanted, find_place
from ingest.tables.sheet import Sheet
from ingest.tables.spool import Spool, spool
from ingest.tables.text import read_text
from ingest.tables.values import convert
from ingest.tables.xls import read_xls
from ingest.tables.xlsx import read_xlsx
from naru.errors import ColumnsUnknown, NaruError, NoFeatures, UnknownFormat

WorkbookKind = Literal["xlsx", "xls", "ods"]
_REASONS_SHOWN = 8
_REMEDY = "Give it a row of column names and rows of data."


def read_text_table(dataset: Dataset, encoding: str | None, wanted: Wanted, folder: Path) -> Iterator[SourceLayer]:
    """Yield the layer of a CSV, TSV or other text of columns.

    Raises EncodingUnknown, FileDamaged, ColumnsUnknown, NoFeatures, and UnknownFormat for a text without columns.
    """
    return _layers(iter([read_text(dataset, encoding)]), dataset, wanted, folder, prose=True)


def read_workbook(
    dataset: Dataset, kind: str, wanted: Wanted, folder: Path, limits: Limits
) -> Iterator[SourceLayer]:
    """Yield the layers of a workbook.

    Raises BadZip, FileDamaged, TooLarge, ColumnsUnknown, NoFeatures, UnknownFormat.
    """
    if kind == "xls":
        sheets = read_xls(dataset)
    else:
        sheets = read_ods(dataset, limits) if kind == "ods" else read_xlsx(dataset, limits)
    return _layers(sheets, dataset, wanted, folder)


def _layers(
    sheets: Iterator[Sheet], dataset: Dataset, wanted: Wanted, folder: Path, prose: bool = False
) -> Iterator[SourceLayer]:
    """Yield a layer for each sheet that has coordinates. Raises the first sheet's reason when none has."""
    refused: list[tuple[str, NaruError]] = []
    found: list[SourceLayer] = []
    for number, sheet in enumerate(sheets):
        path = folder / f"{dataset.main.stem}-sheet{number:04d}.arrow"
        try:
            found.append(_layer(sheet, path, wanted, prose))
        except (NoFeatures, ColumnsUnknown) as error:
            error.file, error.layer = dataset.file, None if prose else sheet.name
            refused.append((sheet.name, error))
    if not found:
        raise _nothing(refused, dataset)
    said = [f"sheet '{name}' was left out: {e.message}" for name, e in refused if not isinstance(e, _Empty)]
    found[0].warnings += said
    return iter(found)


class _Empty(NoFeatures):
    """A sheet without any row of data."""


def _nothing(refused: Sequence[tuple[str, NaruError]], dataset: Dataset) -> NaruError:
    """Return the error for a file without any layer: what a sheet with data lacks goes before empty sheets."""
    asked = [e for _, e in refused if isinstance(e, ColumnsUnknown)]
    lacking = [e for _, e in refused if not isinstance(e, _Empty)]
    remedy = "Give it a row of column names and rows of data."
    error = next(iter([*asked, *lacking]), None) or NoFeatures(
        "it holds no row of data", file=dataset.file, remedy=remedy
    )
    if len(lacking) > 1:
        error.message += f" (its other sheets have none either: {', '.join(repr(e.layer) for e in lacking[1:6])})"
    return error


def _layer(sheet: Sheet, path: Path, wanted: Wanted, prose: bool) -> SourceLayer:
    table = spool(sheet, path)
    if table is None or not table.rows:
        if prose and table is not None and len(table.header.names) == 1:
            raise _prose()
        raise _Empty("it holds no row of data", remedy=_REMEDY)
    try:
        place = find_place(table, wanted)
    except NoFeatures as error:
        if prose and len(table.header.names) == 1:
            raise _prose() from error
        raise
    located = _Locating(table, place)
    return SourceLayer(
        name=sheet.name,
        claim=place.claim,
        batches=located.batches(),
        rows=table.rows,
        encoding=sheet.encoding,
        encoding_how=sheet.encoding_how,
        warnings=located.warnings([*sheet.notes, *table.header.notes, *table.notes, *place.notes]),
        explain_missing=located.explain,
        diagnose=located.diagnose,
    )


def _prose() -> UnknownFormat:
    message = "it is text, not a table: no line has more than one column"
    return UnknownFormat(message, remedy="Part the columns with commas or tabs.")


@dataclass
class _Locating:
    """Gives the rows of a table their geometry, and remembers why some have none."""

    table: Spool
    place: Place
    rejected: Rejected = field(default_factory=Rejected)
    _said: list[str] = field(default_factory=list)

    def warnings(self, notes: Sequence[str]) -> list[str]:
        """Return the list of warnings, to which `explain` adds what the rows say."""
        self._said = list(notes)
        return self._said

    def batches(self) -> Iterator[Batch]:
        """Yield typed attributes and WKB."""
        shown = self._shown()
        for batch in self.table.batches():
            located = self._locate(batch)
            self.rejected.add(batch, located, self.place.columns, self.table.header.names)
            columns = [self._typed(batch, n) for n in shown]
            names = [self.table.header.names[n] for n in shown]
            yield _record_batch(columns, names, batch.num_rows), located.wkb
        self.table.path.unlink(missing_ok=True)

    def _shown(self) -> list[int]:
        """Return the columns that become fields: all but those without name and value, and the geometry."""
        given, typings = self.table.header.given, self.table.typings
        geometry = self.place.x if self.place.family == "geometry" else ()
        return [n for n, g in enumerate(given) if (g or not typings[n].blank) and n not in geometry]

    def _typed(self, batch: pa.RecordBatch, column: int) -> pa.Array:
        return convert(batch.column(column + 1), self.table.typings[column].kind, self.table.decimal_comma)

    def _locate(self, batch: pa.RecordBatch) -> Located:
        place = self.place
        if place.family == "geometry":
            return locate_geometries(batch.column(place.x[0] + 1))
        if place.family == "number":
            return locate_numbers(batch.column(place.x[0] + 1))
        comma = self.table.decimal_comma
        x, y = (read_axis([batch.column(n + 1) for n in axis], comma) for axis in (place.x, place.y))
        return locate_points(x, y, degrees=place.family == "degrees")

    def explain(self, missing: int) -> dict[str, int]:
        """Return the reasons why rows came without geometry; tell each with an example."""
        self._said += self.rejected.notes()[:_REASONS_SHOWN]
        return dict(self.rejected.counts)

    def diagnose(self) -> str:
        """Say with examples what keeps the rows off the map."""
        return "; ".join(f"{reason}: {example}" for reason, example in list(self.rejected.examples.items())[:3])


def _record_batch(columns: list[pa.Array], names: list[str], rows: int) -> pa.RecordBatch:
    if columns:
        return pa.RecordBatch.from_arrays(columns, names=names)
    return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
