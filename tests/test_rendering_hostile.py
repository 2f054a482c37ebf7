"""Tiles that somebody made to do harm: they are drawn, skipped or refused by name, and never take for ever."""

from __future__ import annotations

import gzip
import io
import struct
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.hostile_tiles import case, draw, drawable, field, varint
from tests.rendering import feature, fill, tile_of
from tileserver.rendering import fonts, frames, mvt
from tileserver.rendering.painter import DataTile, Frame, Painter, gathered
from tileserver.rendering.sheets import sheets
from tileserver.rendering.tile_bytes import inflated_all

FAR = float(1 << 40)  # pixels that a tile is wide, drawn far too near


def line(**more: Any) -> dict[str, Any]:
    return {"id": "l", "type": "line", "source-layer": "x", "paint": {"line-color": "#000"} | more}


def drawn(style: Any, data: bytes, side: float = 512, left: float = 0, top: float = 0) -> NDArray[np.float32]:
    """Return the pixels of a tile of 256."""
    painter = Painter(Frame(left, top, 1, 12.0, 1))
    painter.paint(sheets([style]), [DataTile(mvt.layers(data, {"x"}), 0, 0, side)])
    return painter.canvas


def layer(*features: bytes, values: Iterable[bytes] = (), extent: int = 4096) -> bytes:
    """Return a tile with the layer x, whose one key is k."""
    head = field(1, b"x") + varint(5 << 3) + varint(extent) + field(3, b"k")
    return field(3, head + b"".join(field(2, one) for one in features) + b"".join(field(4, v) for v in values))


def shape(kind: int, *numbers: int, tags: bytes = b"") -> bytes:
    return varint(3 << 3) + varint(kind) + field(2, tags) + field(4, b"".join(map(varint, numbers)))


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_no_tile_ends_the_process(first: int) -> None:
    style = drawable()
    assert {draw(case(seed), seed, style) for seed in range(first, first + 100)} == {"drawn", "refused"}


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.binary(max_size=300), st.integers(0, 2**32).map(case)))
def test_bytes_are_a_tile_or_refused(data: bytes) -> None:
    try:
        found = mvt.layers(data, {"a"})
    except mvt.TileBroken:
        return
    for one in found.values():
        assert one.shapes[-1] == len(one.parts) - 1
        assert one.parts[-1] == len(one.points)
        assert (np.diff(one.parts) > 0).all()


@pytest.mark.parametrize(
    "numbers",
    [
        ((1 << 31) - 1 << 3 | 1, 2, 2),  # more points than there are bytes
        (1 << 3 | 2, 2, 2),  # a line from nowhere
        (1 << 3 | 1, 2),  # half a point
        (1 << 3 | 1, (1 << 32) - 1, 2),  # farther than anything is
        (1 << 3 | 1, 1 << 40, 2),  # no 32 bits
        (1 << 3 | 4, 2, 2),  # no command
    ],
)
def test_a_geometry_that_is_none_is_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(mvt.TileBroken):
        mvt.layers(layer(shape(2, *numbers)), {"x"})


@pytest.mark.parametrize("tags", [b"\x80", b"\x00", b"\x07\x00", b"\x00\x07", b"\xff" * 12])
def test_tags_that_point_nowhere_are_refused(tags: bytes) -> None:
    found = mvt.layers(layer(shape(1, 9, 2, 2, tags=tags), values=[field(1, b"v")]), {"x"})
    with pytest.raises(mvt.TileBroken):
        found["x"].feature(0)


@pytest.mark.parametrize("extent", [0, 65537, 1 << 31, (1 << 64) - 1])
def test_an_extent_that_is_none_is_refused(extent: int) -> None:
    with pytest.raises(mvt.TileBroken, match="extent"):
        mvt.layers(layer(shape(1, 9, 2, 2), extent=extent), {"x"})


def test_dashes_beyond_what_is_seen_cost_nothing() -> None:
    dashed = line(**{"line-width": 4, "line-dasharray": [2, 1]})
    data = tile_of(x=[feature("LINESTRING (0 2048, 4096 2048)")])
    drawn(dashed, data)
    began = time.process_time()
    seen = drawn(dashed, data, side=FAR, left=FAR / 4, top=FAR / 2 - 128)
    assert time.process_time() - began < 2
    assert seen[128, :, 3].sum() == pytest.approx(256 * 2 / 3, abs=9)


def test_dashes_are_where_they_would_be_if_all_the_line_were_drawn() -> None:
    dashed = line(**{"line-width": 4, "line-dasharray": [3, 1, 2, 2]})
    road = tile_of(x=[feature("LINESTRING (-900 100, 1000 1900, 3000 1500, 3900 -600)")])
    whole = Painter(Frame(0, 0, 2, 12.0, 1))
    whole.paint(sheets([dashed]), [DataTile(mvt.layers(road, {"x"}), 0, 0, 512)])
    quarters = [[drawn(dashed, road, 512, x, y) for x in (0, 256)] for y in (0, 256)]
    stitched = np.concatenate([np.concatenate(row, axis=1) for row in quarters])
    assert whole.canvas.any()
    assert np.abs(whole.canvas - stitched).max() < 1e-4


def test_names_along_a_line_that_is_far_too_long_are_those_that_are_seen() -> None:
    style = {"id": "s", "type": "symbol", "source-layer": "x", "layout": {"text-field": "{k}"}}
    style["layout"] |= {"symbol-placement": "line"}  # type: ignore[operator]
    data = mvt.layers(tile_of(x=[feature("LINESTRING (0 2048, 4096 2048)", k="한강대로")]), {"x"})
    began = time.process_time()
    frame = Frame(FAR / 4, FAR / 2 - 128, 1, 12.0, 1)
    found = gathered(sheets([style]), [DataTile(data, 0, 0, FAR)], frame)
    assert time.process_time() - began < 2
    assert 3 <= len(found) <= 7  # one every 250 pixels of 1,280 and a little


def test_a_name_of_millions_of_letters_is_cut_before_it_is_remembered() -> None:
    fonts._plain.cache_clear()
    assert fonts.plain("가" * 5_000_000) == fonts.plain("가" * 6_000_000) == "가" * 200
    assert fonts._plain.cache_info().currsize == 1


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), 1e308])
def test_numbers_that_are_none_give_the_default(number: float) -> None:
    square = shape(3, 9, 0, 0, 3 << 3 | 2, 8192, 0, 0, 8192, 8191, 0, 15, tags=b"\0\0")
    data = layer(square, values=[varint(3 << 3 | 1) + struct.pack("<d", number)])
    opacity = ["*", ["get", "k"], 2]
    seen = drawn(fill("x", paint={"fill-color": "#f00", "fill-opacity": opacity}), data)
    assert np.isfinite(seen).all()
    assert seen[99, 99, 3] == 1.0


def test_an_area_of_a_million_corners_is_drawn() -> None:
    steps = np.random.default_rng(1).integers(0, 127, 2_000_000, dtype="u1").tobytes()
    ring = varint(9) + varint(4000) + varint(4000) + varint(1_000_000 << 3 | 2) + steps + varint(15)
    one = varint(3 << 3) + varint(3) + field(4, ring)
    assert drawn(fill("x"), layer(one)).any()


def test_bombs_are_refused_before_they_are_unpacked_also_in_parts() -> None:
    with pytest.raises(mvt.TileBroken, match="too large"):
        list(inflated_all([gzip.compress(bytes(80 << 20), 1)]))
    part = gzip.compress(bytes(60 << 20), 1)
    seen = 0
    with pytest.raises(mvt.TileBroken, match="too large"):
        for unpacked in inflated_all([part] * 9):
            seen += len(unpacked)
    assert seen <= 256 << 20


@pytest.mark.parametrize(
    "text",
    [
        "[[], []]",
        "[{}, 7]",
        "[{}, [-1, 4]]",
        "[{}, [true]]",
        "[{}, [1.5]]",
        "[{}]",
        "7",
        "{",
        '[{}, ["3"]]',
        "[" * 9999,
    ],
)
def test_what_is_no_message_of_the_drawing_process_is_taken_for_its_end(text: str) -> None:
    raw = text.encode()
    with pytest.raises(EOFError):
        frames.receive(io.BytesIO(frames._HEAD.pack(len(raw), 3) + raw + b"abc"))


def test_a_message_larger_than_an_answer_can_be_is_not_read() -> None:
    stream = io.BytesIO()
    frames.send(stream, {}, [bytes(5000)])
    stream.seek(0)
    with pytest.raises(EOFError):
        frames.receive(stream, most=4096)
