"""Tile matrix sets against morecantile's own arithmetic, and Web Mercator at known places."""

from __future__ import annotations

import subprocess
import sys

import mercantile
import morecantile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naru import tms
from naru.errors import BadRequest, TileOutOfRange


@st.composite
def tiles(draw: st.DrawFn) -> tuple[int, int, int]:
    z = draw(st.integers(0, 24))
    last = 2**z - 1
    return z, draw(st.integers(0, last)), draw(st.integers(0, last))


@given(tiles())
def test_web_mercator_bounds_are_mercantiles(tile: tuple[int, int, int]) -> None:
    z, x, y = tile
    assert tms.web_mercator_bounds(z, x, y) == pytest.approx(tuple(mercantile.bounds(x, y, z)), abs=1e-9)


@pytest.mark.parametrize(
    ("longitude", "latitude"),
    [(126.978, 37.5665), (0, 0), (179.9999, -85), (-180, 85), (180, 89.99), (12.5, -90)],
)
def test_the_tile_at_a_place_is_mercantiles(longitude: float, latitude: float) -> None:
    expected = mercantile.tile(min(longitude, 179.999999), max(-85.05, min(85.05, latitude)), 10)
    assert tms.web_mercator_tile(longitude, latitude, 10) == (expected.x, expected.y)


@pytest.mark.parametrize("tile", [(0, 1, 0), (0, 0, 1), (3, -1, 0), (-1, 0, 0), (3, 0, 8), (31, 0, 0)])
def test_tiles_outside_web_mercator_are_refused(tile: tuple[int, int, int]) -> None:
    assert not tms.in_web_mercator(*tile)
    with pytest.raises(TileOutOfRange):
        tms.web_mercator_bounds(*tile)


@pytest.mark.parametrize("name", morecantile.tms.list())
def test_every_set_gives_morecantiles_bounds(name: str) -> None:
    theirs, ours = morecantile.tms.get(name), tms.load(name)
    for z in sorted(ours.matrices)[:6]:
        matrix = theirs.matrix(z)
        for x, y in {(0, 0), (matrix.matrixWidth - 1, matrix.matrixHeight - 1)}:
            assert ours.bounds(z, x, y) == pytest.approx(tuple(theirs.xy_bounds(x, y, z)), rel=1e-9)


def test_a_set_is_read_once() -> None:
    assert tms.load("WorldCRS84Quad") is tms.load("WorldCRS84Quad")


def test_a_tile_outside_a_set_is_refused() -> None:
    with pytest.raises(TileOutOfRange, match="WorldCRS84Quad has no tile 0/2/0"):
        tms.load("WorldCRS84Quad").bounds(0, 2, 0)


def test_an_unknown_set_is_refused_by_name() -> None:
    with pytest.raises(BadRequest, match="no tile matrix set 'Moon'"):
        tms.load("Moon")


def test_web_mercator_needs_no_morecantile() -> None:
    code = "import sys, naru.tms as t; t.web_mercator_bounds(1, 0, 0); sys.exit('morecantile' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
