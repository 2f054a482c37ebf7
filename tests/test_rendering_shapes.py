"""What is painted: how much of each pixel a shape covers, widths, joins, dashes, seams between tiles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.rendering import feature, fill, tile_of
from tileserver.rendering import mvt
from tileserver.rendering.painter import DataTile, Frame, Painter
from tileserver.rendering.sheets import sheets

PX = 4096 // 256  # units a pixel: one tile of data is one tile of a picture here


def alpha(style: dict[str, Any], *geometries: str, scale: int = 1, **properties: Any) -> NDArray[np.float64]:
    """Return how much of each pixel of a picture is covered."""
    return canvas([style], geometries, scale, **properties)[:, :, 3].astype("f8")


def canvas(style: list[Any], geometries: Any, scale: int = 1, **properties: Any) -> NDArray[np.float32]:
    tile = tile_of(x=[feature(wkt, k, **properties) for k, wkt in enumerate(geometries)])
    painter = Painter(Frame(0, 0, 1, 12.0, scale))
    painter.paint(sheets(style), [DataTile(mvt.layers(tile, {"x"}), 0, 0, 256)])
    return painter.canvas


def line(**paint: Any) -> dict[str, Any]:
    layout = {name: paint.pop(name) for name in ("line-cap", "line-join") if name in paint}
    return {
        "id": "l",
        "type": "line",
        "source-layer": "x",
        "paint": {"line-color": "#000"} | paint,
        "layout": layout,
    }


def test_an_area_covers_as_much_as_it_measures_and_its_hole_nothing() -> None:
    ring = "(160 160, 1605 163, 1603 1611, 162 1608, 160 160)"
    hole = "(480 480, 480 960, 960 960, 960 480, 480 480)"
    seen = alpha(fill("x"), f"POLYGON ({ring}, {hole})")
    assert seen[45, 45] == 0
    assert seen[20, 20] == pytest.approx(1, abs=1e-3)
    corners = np.array([(160, 160), (1605, 163), (1603, 1611), (162, 1608)], "f8") / PX
    x, y = corners.T
    measured = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2 - 30 * 30
    assert seen.sum() == pytest.approx(measured, rel=1e-3)


def test_edges_are_smooth_to_the_share_that_is_covered() -> None:
    seen = alpha(fill("x"), "POLYGON ((164 160, 1604 160, 1604 1600, 164 1600, 164 160))")  # from pixel 10.25
    assert seen[50, 10] == pytest.approx(0.75, abs=1e-3)
    assert seen[50, 100] == pytest.approx(0.25, abs=1e-3)


@pytest.mark.parametrize("wkt", ["POLYGON ((-64 -64, 4160 -64, 4160 4160, -64 4160, -64 -64))"])
def test_what_reaches_beyond_the_tile_is_cut_at_its_edge(wkt: str) -> None:
    assert alpha(fill("x"), wkt).min() == pytest.approx(1, abs=1e-3)


def test_areas_that_share_an_edge_in_one_feature_leave_no_gap() -> None:
    two = "MULTIPOLYGON (((0 0, 2051 0, 1003 4096, 0 4096, 0 0)), ((2051 0, 4096 0, 4096 4096, 1003 4096, 2051 0)))"
    assert alpha(fill("x"), two).min() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("width", [0.5, 1, 3.3, 8])
@pytest.mark.parametrize("wkt", ["LINESTRING (800 800, 2400 800)", "LINESTRING (800 800, 1760 2080)"])
def test_a_line_covers_its_length_times_its_width(width: float, wkt: str, scale: int) -> None:
    seen = alpha(line(**{"line-width": width}), wkt, scale=scale)
    assert seen.sum() == pytest.approx(100 * width * scale * scale, rel=0.01)


@pytest.mark.parametrize(("cap", "more"), [("butt", 0.0), ("square", 100.0), ("round", 25 * math.pi)])
def test_caps_lengthen_a_line_by_what_they_are(cap: str, more: float) -> None:
    seen = alpha(line(**{"line-width": 10, "line-cap": cap}), "LINESTRING (800 800, 2400 800)")
    assert seen.sum() == pytest.approx(1000 + more, rel=0.01)


@pytest.mark.parametrize(("join", "more"), [("miter", 25.0), ("bevel", 12.5), ("round", 25 * math.pi / 4)])
def test_joins_fill_the_outside_of_a_bend(join: str, more: float) -> None:
    """Two arms of 50 and 50 by 10 overlap in a square of 25 on the inside of a right angle."""
    seen = alpha(line(**{"line-width": 10, "line-join": join}), "LINESTRING (800 800, 1600 800, 1600 1600)")
    assert seen.sum() == pytest.approx(1000 - 25 + more, rel=0.01)


@pytest.mark.parametrize(
    "wkt", ["LINESTRING (800 800, 1600 800, 808 900)", "LINESTRING (800 800, 1600 800, 800 800)"]
)
def test_a_sharp_bend_grows_no_thorn(wkt: str) -> None:
    seen = alpha(line(**{"line-width": 10}), wkt)
    assert seen[:, 107:].sum() == 0


def test_dashes_cover_their_share() -> None:
    seen = alpha(line(**{"line-width": 4, "line-dasharray": [3, 2]}), "LINESTRING (800 808, 2400 808)")
    assert seen.sum() == pytest.approx(400 * 3 / 5, rel=0.02)
    row = seen[50]
    assert row[55] == pytest.approx(1, abs=0.01)
    assert row[65] == 0


def test_an_outline_runs_around_an_area_to_its_beginning() -> None:
    seen = alpha(line(**{"line-width": 2}), "POLYGON ((800 800, 2400 800, 2400 2400, 800 2400, 800 800))")
    assert seen.sum() == pytest.approx(102 * 102 - 98 * 98, rel=0.01)


def test_a_line_that_is_half_seen_through_is_not_darker_where_it_bends() -> None:
    style = line(**{"line-width": 10, "line-opacity": 0.5})
    seen = alpha(style, "LINESTRING (800 800, 1600 800, 900 1500)")
    assert seen.max() == pytest.approx(0.5, abs=1e-3)


def test_a_circle_covers_its_area_and_its_rim_lies_outside() -> None:
    paint = {"circle-radius": 10, "circle-stroke-width": 3, "circle-color": "#f00", "circle-stroke-color": "#00f"}
    style = {"id": "c", "type": "circle", "source-layer": "x", "paint": paint}
    seen = canvas([style], ["POINT (2048 2048)"])
    assert seen[:, :, 0].sum() == pytest.approx(math.pi * 100, rel=0.02)
    assert seen[:, :, 2].sum() == pytest.approx(math.pi * (169 - 100), rel=0.02)


def test_paint_may_depend_on_the_feature() -> None:
    colour = ["match", ["get", "용도"], "주거", "#ff0000", "#0000ff"]
    style = fill("x", colour, filter=["has", "용도"])
    square = "POLYGON ((0 0, 4096 0, 4096 4096, 0 4096, 0 0))"
    assert canvas([style], [square], 용도="주거")[9, 9] == pytest.approx((1, 0, 0, 1), abs=1e-3)
    assert canvas([style], [square], 용도="상업")[9, 9] == pytest.approx((0, 0, 1, 1), abs=1e-3)
    assert canvas([style], [square], 이름="없음")[9, 9] == pytest.approx((0, 0, 0, 0))


def test_later_style_layers_lie_on_earlier_ones() -> None:
    square = "POLYGON ((0 0, 4096 0, 4096 4096, 0 4096, 0 0))"
    style = [fill("x", "#ff0000"), fill("x", "#0000ff", id="half")]
    style[1]["paint"]["fill-opacity"] = 0.25
    assert canvas(style, [square])[9, 9] == pytest.approx((0.75, 0, 0.25, 1), abs=1e-3)


@pytest.mark.parametrize(
    ("low", "high", "is_drawn"), [(0, 12, False), (0, 12.5, True), (12, 13, True), (13, 20, False)]
)
def test_a_style_layer_is_drawn_within_its_zooms(low: float, high: float, is_drawn: bool) -> None:
    style = fill("x", minzoom=low, maxzoom=high)
    assert bool(alpha(style, "POLYGON ((0 0, 4096 0, 4096 4096, 0 4096, 0 0))").any()) is is_drawn


def test_kernels_leave_their_table_as_they_found_it() -> None:
    tile = tile_of(x=[feature("LINESTRING (-3000 900, 9000 951, 200 -5000, 800 9000)")])
    painter = Painter(Frame(0, 0, 1, 12.0, 1))
    painter.paint(
        sheets([line(**{"line-width": 9, "line-cap": "round"})]), [DataTile(mvt.layers(tile, {"x"}), 0, 0, 256)]
    )
    assert not painter._table.cells.any()
    assert (painter._table.span[:, 0] > painter._table.span[:, 1]).all()


# --- reading tiles ----------------------------------------------------------------------------------------


def test_a_tile_is_read_as_another_decoder_reads_it() -> None:
    shapes = ["POINT (5 7)", "MULTIPOINT ((1 2), (3 4))", "LINESTRING (0 0, 10 0, 10 -20)"]
    properties = {"글": "가", "수": -3, "실수": 2.5, "예": True, "큰": 2**60}
    tile = tile_of(a=[feature(wkt, k, **properties) for k, wkt in enumerate(shapes)], b=[feature("POINT (0 0)")])
    found = mvt.layers(tile, {"a"})
    assert list(found) == ["a"]
    layer = found["a"]
    assert [layer.feature(k).geometry for k in range(3)] == ["Point", "Point", "LineString"]
    assert layer.feature(2).properties == properties
    assert [layer.feature(k).id for k in range(3)] == [0, 1, 2]
    assert layer.points.tolist() == [[5, 7], [1, 2], [3, 4], [0, 0], [10, 0], [10, -20]]
    assert layer.parts.tolist() == [0, 1, 2, 3, 6]
    assert layer.shapes.tolist() == [0, 1, 3, 4]


def test_damaged_tiles_are_refused_by_name() -> None:
    whole = tile_of(x=[feature("POLYGON ((0 0, 4096 0, 4096 4096, 0 4096, 0 0))", 3, 이름="가")])
    rng, refused = np.random.default_rng(4), 0
    for _ in range(3000):
        broken = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        broken[rng.integers(0, len(broken))] = rng.integers(0, 256)
        try:
            for layer in mvt.layers(bytes(broken), {"x"}).values():
                [layer.feature(k) for k in range(len(layer.types))]
        except mvt.TileBroken:
            refused += 1
    assert refused > 500
