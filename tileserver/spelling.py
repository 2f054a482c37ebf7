"""A tile's address in plain words, and the numbers in it: what every protocol's address is read into."""

from __future__ import annotations

import re
from typing import NamedTuple

from naru.errors import TileOutOfRange, UnknownLayer
from naru.grids import GRIDS, NAMES

ASKED = "naru.path"  # in a request's environ: the path as it came
_NUMBER = re.compile(r"0|[1-9][0-9]{0,7}", re.ASCII)
_LAYER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class Spelling(NamedTuple):
    """Which tile of which layers, in which grid, as what."""

    layers: str  # ids, joined by commas
    grid: str  # id
    z: int
    x: int
    y: int  # from the north
    extension: str  # mvt, png, webp, jpg
    time: str = ""  # which of a flood's times: as `?t=` says it

    @property
    def path(self) -> str:
        """The address under `/tiles/`."""
        return f"/tiles/{self.layers}/{self.grid}/{self.z}/{self.x}/{self.y}.{self.extension}"


def layer_in(text: str) -> str:
    """Return an id that may be a layer's; raises UnknownLayer for what is none, such as a list or a path."""
    if not _LAYER.fullmatch(text):
        raise UnknownLayer(text[:80])
    return text


def grid_in(text: str) -> str:
    """Return the id of a grid, for any of its names.

    Raises:
        TileOutOfRange: there is none of that name.
    """
    name = NAMES.get(text)
    if name is None:
        raise TileOutOfRange(
            f"there is no grid '{text[:80]}'", field="TileMatrixSet", remedy=f"There are: {', '.join(GRIDS)}."
        )
    return name


def tile_in(grid: str, zoom: str, row: str, column: str) -> tuple[int, int, int]:
    """Return z, x, y of a tile that the grid has, from canonical numbers.

    Raises:
        TileOutOfRange: it has no such tile, or one is no plain number; `field` says which, in WMTS's words.
    """
    z, x, y = (_number(text) for text in (zoom, column, row))
    found = GRIDS[grid]
    if not 0 <= z <= found.maxzoom:
        raise _none("TileMatrix", zoom, f"0 to {found.maxzoom}")
    if not 0 <= y < found.rows << z:
        raise _none("TileRow", row, f"0 to {(found.rows << z) - 1}")
    if not 0 <= x < found.columns << z:
        raise _none("TileCol", column, f"0 to {(found.columns << z) - 1}")
    return z, x, y


def _none(field: str, text: str, there_are: str) -> TileOutOfRange:
    return TileOutOfRange(f"there is no {field} '{text[:80]}'", field=field, remedy=f"There are {there_are}.")


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else -1
