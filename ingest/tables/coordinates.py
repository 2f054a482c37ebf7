"""Turns the columns of a table that hold positions into geometries, and says why a row has none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from ingest.tables.angles import BAD_ANGLE, CONTRADICTION, NOT_A_NUMBER, parse_angle
from ingest.tables.values import as_floats
from naru.errors import BadPointNumber
from naru.point_number import decode

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]

BLANK = "no coordinates: the cells are blank"
TOTAL = "no coordinates: a row of totals"
OUT_OF_RANGE = "a coordinate is out of range"
NULL_ISLAND = "coordinates are (0, 0), which marks a missing position"
BAD_NUMBER = "not a national point number"
BAD_GEOMETRY = "a geometry text cannot be read"
_REASONS = ("", BLANK, NOT_A_NUMBER, BAD_ANGLE, CONTRADICTION, OUT_OF_RANGE, NULL_ISLAND, BAD_NUMBER, BAD_GEOMETRY)
_CODE = {reason: np.int8(code) for code, reason in enumerate(_REASONS)}
_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")])
_COLLECTIONS = re.compile(r"GEOMETRYCOLLECTION|0107000[02]|00[08]0000007", re.IGNORECASE)
_NESTED = 100
_EWKT = re.compile(r"\s*SRID\s*=\s*([0-9]+)\s*;", re.IGNORECASE)
_TOTALS = re.compile(
    r"[\s<\[(]*(?:누\s*계|총\s*합?\s*계|합\s*계|소\s*계|계|total|sum|subtotal)[\s>\])]*", re.IGNORECASE
)


@dataclass(frozen=True)
class Axis:
    """A column (or degrees, minutes and seconds in three) read as numbers: NaN with a reason where there is none.

    `axes` counts the letters N, S, E, W and their words, by the axis they name.
    """

    values: Floats
    codes: Codes
    axes: Counter[str]


def read_axis(columns: Sequence[pa.Array], decimal_comma: bool) -> Axis:
    """Read one axis of a batch."""
    read = [_read_column(column, decimal_comma) for column in columns]
    total = read[0]
    for part, divisor in zip(read[1:], (60.0, 3600.0), strict=False):
        missing = part.codes == _CODE[BLANK]
        values = np.where(missing, 0.0, part.values)
        codes = np.where((total.codes == 0) & ~missing, part.codes, total.codes).astype(np.int8)
        codes[(codes == 0) & (values >= 60)] = _CODE[BAD_ANGLE]
        total = Axis(total.values + np.sign(total.values + 1e-300) * values / divisor, codes, total.axes)
    return total


def _read_column(column: pa.Array, decimal_comma: bool) -> Axis:
    values = as_floats(column, decimal_comma)
    codes = np.where(np.isfinite(values), 0, _CODE[NOT_A_NUMBER]).astype(np.int8)
    codes[column.is_null().to_numpy(zero_copy_only=False)] = _CODE[BLANK]
    axes: Counter[str] = Counter()
    for row in np.flatnonzero(codes == _CODE[NOT_A_NUMBER]):
        angle = parse_angle(column[int(row)].as_py())
        if isinstance(angle, str):
            codes[row] = _CODE[angle]
        else:
            values[row], codes[row] = angle.degrees, 0
            axes[angle.axis or ""] += 1
    values[codes != 0] = np.nan
    return Axis(values, codes, axes)


@dataclass(frozen=True)
class Located:
    """The geometries of a batch as WKB, null with a reason's code where a row has none."""

    wkb: pa.Array
    codes: Codes


def locate_points(x: Axis, y: Axis, degrees: bool) -> Located:
    """Make points. `degrees`: what lies beyond ±180, ±90 is out of range."""
    codes = np.where(x.codes != 0, x.codes, y.codes)
    blank = _CODE[BLANK]
    codes = np.where((x.codes == blank) & (y.codes != 0), y.codes, codes).astype(np.int8)
    good = codes == 0
    codes[good & (x.values == 0) & (y.values == 0)] = _CODE[NULL_ISLAND]
    if degrees:
        with np.errstate(invalid="ignore"):
            codes[good & ((np.abs(x.values) > 180) | (np.abs(y.values) > 90))] = _CODE[OUT_OF_RANGE]
    return Located(points_wkb(x.values, y.values, codes != 0), codes)


def points_wkb(x: Floats, y: Floats, missing: npt.NDArray[np.bool_]) -> pa.Array:
    """Return points as WKB (OGC 06-103r4 §8.2), null where `missing`."""
    records = np.zeros(len(x), _POINT)
    records["order"], records["kind"], records["x"], records["y"] = 1, 1, x, y
    offsets = np.arange(len(x) + 1, dtype=np.int32) * _POINT.itemsize
    valid = np.packbits(~missing, bitorder="little").tobytes()
    buffers = [pa.py_buffer(valid), pa.py_buffer(offsets.tobytes()), pa.py_buffer(records.tobytes())]
    return pa.Array.from_buffers(pa.binary(), len(x), buffers)


def locate_numbers(column: pa.Array) -> Located:
    """Make points in the middle of the cells that national point numbers name, in EPSG:5179."""
    coded = column.dictionary_encode()
    centres = np.array([_centre(text) for text in coded.dictionary.to_pylist()], np.float64).reshape(-1, 2)
    rows = coded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    codes = np.zeros(len(column), np.int8)
    places = centres[rows] if len(centres) else np.full((len(column), 2), np.nan)
    codes[np.isnan(places[:, 0])] = _CODE[BAD_NUMBER]
    codes[column.is_null().to_numpy(zero_copy_only=False)] = _CODE[BLANK]
    return Located(points_wkb(places[:, 0], places[:, 1], codes != 0), codes)


def _centre(text: str) -> tuple[float, float]:
    try:
        return decode(text).centre
    except BadPointNumber:
        return (np.nan, np.nan)


def locate_geometries(column: pa.Array) -> Located:
    """Read WKT, EWKT, GeoJSON or hexadecimal (E)WKB."""
    texts = column.to_pylist()
    found = [None if text is None else parse_geometry(text) for text in texts]
    codes = np.array(
        [
            _CODE[BLANK] if t is None else _CODE[BAD_GEOMETRY] if g is None else 0
            for t, g in zip(texts, found, strict=True)
        ],
        np.int8,
    )
    wkb = shapely.to_wkb(np.array(found, dtype=object), include_srid=False, output_dimension=4, flavor="iso")
    return Located(pa.array(list(wkb), pa.binary()), codes)


def parse_geometry(text: str) -> Any:
    """Return the geometry that a text of any of the four spellings holds, or None.

    >>> parse_geometry("SRID=4326;POINT (1 2)").wkt, parse_geometry("Seoul") is None
    ('POINT (1 2)', True)
    """
    plain = _EWKT.sub("", text, count=1)
    if len(_COLLECTIONS.findall(plain)) > _NESTED:  # the parsers descend into them without a limit
        return None
    if plain.startswith("{"):
        return shapely.from_geojson(plain, on_invalid="ignore")
    if plain[:2] in ("00", "01"):
        return shapely.from_wkb(plain, on_invalid="ignore")
    return shapely.from_wkt(plain, on_invalid="ignore")


def stated_srid(text: str) -> int:
    """Return the SRID that a text states (EWKT, EWKB); 0 when it states none."""
    if match := _EWKT.match(text):
        return int(match.group(1))
    if text[:2] in ("00", "01"):
        geometry = parse_geometry(text)
        return int(shapely.get_srid(geometry)) if geometry is not None else 0
    return 0


@dataclass
class Rejected:
    """Rows without geometry: counted by reason, with one example each."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch, located: Located, columns: Sequence[int], names: Sequence[str]) -> None:
        """Count the rows of a batch; `columns` are those with the coordinates."""
        codes = located.codes
        for code in np.unique(codes[codes != 0]):
            reason, rows = _REASONS[code], np.flatnonzero(codes == code)
            if reason == BLANK:
                totals = [r for r in map(int, rows) if _is_total(batch, r)] if len(rows) <= 1000 else []
                self._count(TOTAL, len(totals), batch, totals, columns, names)
                rows = np.setdiff1d(rows, np.array(totals, dtype=rows.dtype))
            self._count(reason, len(rows), batch, rows, columns, names)

    def _count(
        self,
        reason: str,
        count: int,
        batch: pa.RecordBatch,
        rows: Sequence[int] | npt.NDArray[np.intp],
        columns: Sequence[int],
        names: Sequence[str],
    ) -> None:
        if not count:
            return
        self.counts[reason] += count
        if reason not in self.examples:
            first = int(rows[0])
            said = ", ".join(f"{names[c]} {_quoted(batch.column(c + 1)[first].as_py())}" for c in columns)
            self.examples[reason] = f"row {batch.column(0)[first].as_py()}: {said}"

    def notes(self) -> list[str]:
        """Return one sentence a reason, with its example."""
        counts = self.counts.items()
        return [f"{n} {_rows(n)} left out: {reason} ({self.examples[reason]})" for reason, n in counts]


def _quoted(value: str | None) -> str:
    return "blank" if value is None else f"'{value[:40]}'"


def _is_total(batch: pa.RecordBatch, row: int) -> bool:
    """Whether the first words of a row say that it sums up the others."""
    cells = (batch.column(n)[row].as_py() for n in range(1, min(batch.num_columns, 6)))
    first = next((c for c in cells if c is not None), "")
    return _TOTALS.fullmatch(first) is not None


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"
