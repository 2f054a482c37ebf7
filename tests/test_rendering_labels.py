"""Labels on pictures: whole across the edges of tiles, decided alike by neighbours, in Hangul and Latin."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.rendering import feature, tile_of
from tileserver.rendering import fonts, mvt
from tileserver.rendering.labels import inside
from tileserver.rendering.painter import DataTile, Frame, Painter, gathered
from tileserver.rendering.placing import REACH, SIGHT, Claim, placed
from tileserver.rendering.sheets import sheets

NAMES = ("종로구", "서대문구", "한강대교 남단", "Gangnam", "뷁", "영등포구청역 사거리", "을지로3가", "A")
SIDE = 512  # pixels of a tile of data
ALL = Frame(0, 0, 12, 12.0, 1)  # a picture of all that is there


def labels(**layout: Any) -> dict[str, Any]:
    paint = {"text-color": "#000", "text-halo-color": "#fff", "text-halo-width": 1.4}
    layout = {"text-field": ["get", "이름"], "text-size": 14, "text-max-width": 8} | layout
    return {"id": "l", "type": "symbol", "source-layer": "x", "paint": paint, "layout": layout}


def city(count: int) -> list[DataTile]:
    """Return tiles of data full of names, as they would come from an archive."""
    rng = random.Random(20261123)
    made: list[DataTile] = []
    for row in range(6):
        for column in range(6):
            points = [
                feature(f"POINT ({rng.randrange(4096)} {rng.randrange(4096)})", k, 이름=rng.choice(NAMES))
                for k in range(count)
            ]
            layers = mvt.layers(tile_of(x=points), {"x"})
            made.append(DataTile(layers, column * SIDE, row * SIDE, SIDE))
    return made


def drawn(style: dict[str, Any], tiles: list[DataTile], left: int, top: int, side: int, scale: int = 1) -> Any:
    """Return the pixels of a square of `side` tiles, which knows of no data beyond its sight."""
    wide = side * 256
    near = [
        tile
        for tile in tiles
        if tile.x < left + wide + SIGHT
        and tile.x + SIDE > left - SIGHT
        and tile.y < top + wide + SIGHT
        and tile.y + SIDE > top - SIGHT
    ]
    painter, parts = Painter(Frame(left, top, side, 12.0, scale)), sheets([style])
    painter.write(gathered(parts, near, painter.frame))
    return painter.canvas


@pytest.mark.parametrize("count", [15, 120])
@pytest.mark.parametrize("scale", [1, 2])
def test_neighbouring_metatiles_together_are_the_picture_drawn_at_once(count: int, scale: int) -> None:
    tiles, style = city(count), labels()
    whole = drawn(style, tiles, 1024, 1024, 4, scale)
    quarters = [[drawn(style, tiles, x, y, 2, scale) for x in (1024, 1536)] for y in (1024, 1536)]
    stitched = np.concatenate([np.concatenate(row, axis=1) for row in quarters])
    assert whole.any()
    assert (whole == stitched).all()
    seam = whole[:, 512 * scale - 1 : 512 * scale + 1, 3]
    assert ((seam[:, 0] > 0) & (seam[:, 1] > 0)).any()  # names do cross it


def test_no_two_labels_touch_and_room_is_used() -> None:
    rng = random.Random(5)
    corners = [(rng.uniform(0, 2000), rng.uniform(0, 2000)) for _ in range(800)]
    claims = [Claim(((x, y, x + 90, y + 16),), (rng.random(),)) for x, y in corners]
    shown = placed(claims)
    boxes = [claims[k].boxes[0] for k in shown]
    for k, a in enumerate(boxes):
        assert not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for b in boxes[:k])
    one_by_one = _greedy(claims)
    assert len(shown) > 0.9 * len(one_by_one)


def _greedy(claims: list[Claim]) -> list[Claim]:
    found: list[Claim] = []
    for claim in sorted(claims, key=lambda c: c.rank):
        a = claim.boxes[0]
        if not any(
            a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for (b,) in (c.boxes for c in found)
        ):
            found.append(claim)
    return found


def test_the_first_in_rank_is_shown_and_one_that_yields_to_nobody_too() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    assert placed([Claim((box,), (2,)), Claim((box,), (1,))]) == [1]
    assert sorted(placed([Claim((box,), (2,), False), Claim((box,), (1,))])) == [0, 1]


def test_what_a_label_depends_on_lies_within_sight() -> None:
    assert REACH * 7 <= SIGHT


# --- text ------------------------------------------------------------------------------------------------


def test_every_hangul_syllable_has_a_form_of_its_own() -> None:
    face, missing = fonts.face(16.0), bytes(fonts.face(16.0).getmask("\U000f0000"))
    assert all(bytes(face.getmask(chr(code))) != missing for code in range(0xAC00, 0xD7A4, 7))
    assert bytes(face.getmask("가")) != bytes(face.getmask("각"))
    assert bytes(face.getmask("A")) != missing


@pytest.mark.parametrize("length", [1, 8, 30, 200])
def test_no_label_reaches_further_than_it_may(length: int) -> None:
    tiles = [
        DataTile(mvt.layers(tile_of(x=[feature("POINT (2048 2048)", 이름="가" * length)]), {"x"}), 512, 512, 512)
    ]
    for anchor in ("center", "top", "left", "bottom-right"):
        for label in gathered(sheets([labels(**{"text-anchor": anchor})]), tiles, ALL):
            for left, top, right, bottom in label.claim.boxes:
                assert 768 - REACH <= left < right <= 768 + REACH
                assert 768 - REACH <= top < bottom <= 768 + REACH


def test_a_long_name_is_broken_at_spaces_and_else_in_equal_parts() -> None:
    size = 14.0
    assert fonts.lines("한강대교 남단 교차로", size, 60, 140)[0] == ("한강대교", "남단", "교차로")
    pieces, wide = fonts.lines("가" * 20, size, 112, 140)
    assert wide <= 140
    assert len(pieces) == 2 and "".join(pieces) == "가" * 20
    assert abs(len(pieces[0]) - len(pieces[1])) <= 1


def test_text_is_composed_and_freed_of_what_has_no_form() -> None:
    assert fonts.plain("강\u200b남\t\x07구\u202e ") == "강남구"


def test_an_area_without_a_label_point_is_named_inside_itself() -> None:
    horseshoe = np.array(
        [(0, 0), (4000, 0), (4000, 4000), (3000, 4000), (3000, 1000), (1000, 1000), (1000, 4000), (0, 4000)]
    )
    x, y = inside([horseshoe.astype("i4")])
    assert y < 1000 or x < 1000 or x > 3000


def ink(canvas: NDArray[np.float32]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(canvas[:, :, 3] > 0.05)
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_a_name_along_a_road_follows_it_and_reads_from_the_left() -> None:
    road = labels(**{"symbol-placement": "line"})
    for wkt in ("LINESTRING (200 3600, 3600 200)", "LINESTRING (3600 200, 200 3600)"):
        tiles = [DataTile(mvt.layers(tile_of(x=[feature(wkt, 이름="세종대로")]), {"x"}), 0, 0, 512)]
        found = gathered(sheets([road]), tiles, ALL)
        assert found
        glyphs = found[0].glyphs
        assert [texts[0] for texts, *_ in glyphs] == list("세종대로")
        assert glyphs[0].x < glyphs[-1].x
        assert all(abs(glyph.degrees + 45) < 1 for glyph in glyphs)
        left, top, right, bottom = ink(drawn(road, tiles, 0, 0, 2))
        assert right - left > 30 and bottom - top > 30


def test_a_name_is_not_bent_around_a_corner() -> None:
    sharp = tile_of(x=[feature("LINESTRING (0 2000, 400 2000, 400 1600)", 이름="세종대로 사거리")])
    assert (
        gathered(
            sheets([labels(**{"symbol-placement": "line"})]), [DataTile(mvt.layers(sharp, {"x"}), 0, 0, 512)], ALL
        )
        == []
    )


def test_an_anchor_in_a_tiles_buffer_is_left_to_the_neighbour() -> None:
    tile = tile_of(x=[feature("POINT (-20 100)", 1, 이름="가"), feature("POINT (4100 100)", 2, 이름="나")])
    assert gathered(sheets([labels()]), [DataTile(mvt.layers(tile, {"x"}), 0, 0, 512)], ALL) == []
