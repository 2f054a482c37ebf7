"""How high a building is: by a field of heights, else by its floors, else one storey; which, is said of each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from naru.errors import BadModels

Floats = npt.NDArray[np.float64]
Source = Literal["field", "floors", "assumed"]
SOURCES: tuple[Source, ...] = ("field", "floors", "assumed")

STOREY_M = 3.0  # the national 1:1000 map's rule before heights were measured: floors × 3 m
_TALLEST_M, _MOST_FLOORS = 1000.0, 250.0  # beyond, the number is something else
_HEIGHTS = (
    *("height", "heightm", "높이", "높이m", "건물높이", "건축물높이", "bldgheight", "buildingheight", "bldheight"),
    *("bldhgt", "bldghgt", "hgt", "heit", "buldhg", "measuredheight", "aheight", "relh", "hoehe", "hauteur"),
)
_FLOORS = (
    *("floors", "numfloors", "nfloors", "floor", "storeys", "stories", "levels", "buildinglevels", "지상층수"),
    *(
        "지상층",
        "층수",
        "건물층수",
        "grndflr",
        "groflo",
        "grofloco",
        "grndfloco",
        "grndflrcnt",
        "storeysaboveground",
    ),
)


@dataclass(frozen=True)
class HeightFields:
    """Which fields say how high a building is: one of them at least."""

    height: str | None
    floors: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that there are."""
        return tuple(name for name in (self.height, self.floors) if name is not None)

    def read(self, columns: pa.RecordBatch) -> tuple[Floats, npt.NDArray[np.int8]]:
        """Return heights in metres, and by which of `SOURCES` each is known.

        Heights of nothing, below it, or above 1,000 m are taken for missing, as are more than 250 floors.
        """
        metres = np.full(columns.num_rows, STOREY_M)
        source = np.full(columns.num_rows, SOURCES.index("assumed"), np.int8)
        by_name = ((self.floors, "floors", STOREY_M, _MOST_FLOORS), (self.height, "field", 1.0, _TALLEST_M))
        for name, kind, factor, most in by_name:
            if name is None:
                continue
            values = numbers(columns.column(name))
            known = (values > 0) & (values <= most)
            metres[known], source[known] = values[known] * factor, SOURCES.index(kind)
        return metres, source


def find_fields(names: Sequence[str], height: str | None, floors: str | None, layer: str) -> HeightFields:
    """Return the fields that are named, or those whose names are usual.

    Raises BadModels: a field is not there, or none is named so that it could be told.
    """
    for name, option in ((height, "--height"), (floors, "--floors")):
        if name is not None and name not in names:
            raise BadModels(
                f"there is no field '{name}'",
                layer=layer,
                field=name,
                remedy=f"Give {option} one of: {', '.join(names) or '(the layer has no fields)'}.",
            )
    if height is None and floors is None:
        height, floors = _usual(names, _HEIGHTS), _usual(names, _FLOORS)
    if height is None and floors is None:
        raise BadModels(
            "no field says how high the buildings are",
            layer=layer,
            remedy=f"Name one with --height (metres) or --floors; there are: {', '.join(names) or 'no fields'}.",
        )
    return HeightFields(height, floors)


def numbers(column: pa.Array) -> Floats:
    """Return a column as numbers: text is read where it is one, such as "12.5 m"; NaN elsewhere.

    >>> numbers(pa.array(["12.5", "1,204", "3층", "?", None])).tolist()
    [12.5, 1204.0, 3.0, nan, nan]
    """
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        out: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return out
    return np.array([_number(value) for value in column.cast(pa.string()).to_pylist()], dtype=np.float64)


def _number(text: str | None) -> float:
    found = re.match(r"\s*([+-]?\d[\d,]*(?:\.\d+)?)\s*(?:m|미터|층|F)?\s*$", text or "", re.IGNORECASE)
    return float(found[1].replace(",", "")) if found else float("nan")


def _usual(names: Iterable[str], wanted: Sequence[str]) -> str | None:
    plain = {re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", name)).lower(): name for name in reversed([*names])}
    return next((plain[name] for name in wanted if name in plain), None)
