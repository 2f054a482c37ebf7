"""CSV (RFC 4180): UTF-8 with a byte order mark, so that Excel shows Korean; points as two columns, else WKT.

No cell is a formula (OWASP, CSV injection): a text that begins like one gets an apostrophe in front.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from naru.export.harmless import FORMULA
from naru.export.job import Export
from naru.export.names import distinct
from naru.export.texts import Texts, join, plain
from naru.features.place import Geometries
from naru.features.source import FeatureSource

_NUMBER = "^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?$"


def pieces(export: Export) -> Iterator[bytes]:
    """Yield the table piece by piece."""
    places = Places.of(export)
    yield codecs.BOM_UTF8 + ",".join(_quoted(header(export)).to_pylist()).encode() + b"\r\n"
    for batch in export.batches():
        columns = [*batch.attributes.columns, *places.columns(batch.geometries)]
        yield "".join(_rows([_cells(column) for column in columns]).to_pylist()).encode()


def header(export: Export) -> Texts:
    """Return the names of the columns."""
    return harmless(pa.array([*(field.name for field in export.fields), *Places.of(export).names], pa.string()))


def _rows(columns: Sequence[Texts]) -> Texts:
    between = [part for column in columns for part in (",", column)][1:]
    return join(*between, "\r\n")


def _cells(column: pa.Array) -> Texts:
    """Return cells: texts in quotes, all else without; what is missing is nothing, an empty text two quotes."""
    text = cell_texts(column)
    return pc.fill_null(_quoted(text) if pa.types.is_string(column.type) else text, "")


def _quoted(text: Texts) -> Texts:
    return join('"', pc.replace_substring(text, '"', '""'), '"')


def cell_texts(column: pa.Array) -> Texts:
    """Return a column's values as cells: texts made harmless, all else as it is."""
    return harmless(plain(column)) if pa.types.is_string(column.type) else plain(column)


def harmless(text: Texts) -> Texts:
    """Put an apostrophe before what a spreadsheet would run; numbers with a sign stay numbers."""
    runs = pc.and_(pc.match_substring_regex(text, FORMULA), pc.invert(pc.match_substring_regex(text, _NUMBER)))
    return pc.if_else(runs, pc.binary_join_element_wise("'", text, ""), text)


class Places:
    """The columns that say where a row lies: lon, lat (or x, y) and height of points, WKT of all else."""

    def __init__(self, names: Sequence[str], *, points: bool) -> None:
        self.names = tuple(names)
        self._points = points

    @classmethod
    def of(cls, export: Export) -> Places:
        """Decide by what the layer holds; names that its fields have already get a number behind them."""
        points, solid = _holds_points_only(export.source), any(" Z" in t for t in export.source.geometry_types)
        plane = ("lon", "lat") if export.crs.is_geographic else ("x", "y")
        wanted = (*plane, *(["height"] if solid else [])) if points else ("WKT",)
        return cls(distinct(wanted, [field.name for field in export.fields]), points=points)

    def columns(self, geometries: Geometries) -> list[pa.Array]:
        """Return the columns of a batch."""
        if not self._points:
            return [pa.array(shapely.to_wkt(geometries, rounding_precision=-1), pa.string())]
        xyz = shapely.get_coordinates(geometries, include_z=True).T[: len(self.names)]
        return [pa.array(np.ascontiguousarray(column), from_pandas=True) for column in xyz]


def _holds_points_only(source: FeatureSource) -> bool:
    return {name.removesuffix(" Z") for name in source.geometry_types} == {"Point"}
