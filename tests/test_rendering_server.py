"""Vector layers as pictures over HTTP: every grid, type and size; caching; what happens where drawing fails."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from naru.errors import ArchiveDamaged, NaruError, RenderingFailed, ServerBusy
from naru.grids import GRIDS
from naru.house import House
from tests.rendering import BLUE, HOLED, RED, Plan, feature, fill, pixels, publish, tile_of
from tests.serving import Fake, make_home, new_key, open_app, service_of
from tileserver.rendering import plan as planning
from tileserver.rendering.gallery import Gallery
from tileserver.rendering.plan import Job, Metatile, style_zoom
from tileserver.rendering.workshop import Workshop

FULL = (3, 6, 3)  # z, x, y of the only tile of data in most layers
WHOLE = "POLYGON ((-64 -64, 4160 -64, 4160 4160, -64 4160, -64 -64))"
RED_RGB, BLUE_RGB = (0xD0, 0x30, 0x20), (0x20, 0x40, 0xC0)
JOB = Job({"any": 1}, ())


def district(layer: str, colour: str = RED, **more: Any) -> Plan:
    """Return a layer with one area, which has a hole in its middle."""
    return Plan(layer, {FULL: tile_of(**{layer: [feature(HOLED)]})}, (fill(layer, colour),), (3, 3), **more)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    settings = make_home(tmp_path_factory.mktemp("styled") / "home", Fake("plain"))
    house = House.open(settings)
    square = {FULL: tile_of(blue=[feature(WHOLE)])}
    publish(
        house,
        *(district("red", grid=grid) for grid in GRIDS),
        Plan("blue", square, (fill("blue", BLUE),), (3, 3)),
        district("secret", visibility="private"),
        Plan("broken", {FULL: b"\x1a\xff\xff"}, (fill("broken"),), (3, 3)),
        Plan("odd", {FULL: tile_of(odd=[feature(WHOLE)])}, (fill("odd", ["image", "x"]),), (3, 3)),
    )
    house.close()
    made = open_app(settings)
    yield made
    service_of(made).close()


def get(app: Flask, path: str, **headers: str) -> TestResponse:
    return app.test_client().get(path, headers={name.replace("_", "-"): text for name, text in headers.items()})


def picture(app: Flask, path: str) -> Any:
    answer = get(app, path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return pixels(answer.data)


@pytest.mark.parametrize("grid", ["", *(f"{grid}/" for grid in GRIDS)])
def test_an_area_is_painted_in_every_grid_and_its_hole_is_not(app: Flask, grid: str) -> None:
    seen = picture(app, f"/tiles/red/{grid}3/6/3.png")
    assert seen.shape == (256, 256, 4)
    assert tuple(seen[64, 64]) == (*RED_RGB, 255)
    assert seen[128, 128, 3] == 0
    assert seen[10, 10, 3] == 0


def test_at_double_size_there_are_twice_the_pixels_of_the_same(app: Flask) -> None:
    single, double = picture(app, "/tiles/red/3/6/3.png"), picture(app, "/tiles/red/3/6/3@2x.png")
    assert double.shape == (512, 512, 4)
    assert (double[::2, ::2] == single).all()


def test_webp_has_the_pixels_of_png_and_jpeg_is_on_white(app: Flask) -> None:
    png, webp = picture(app, "/tiles/red/3/6/3.png"), picture(app, "/tiles/red/3/6/3.webp")
    assert (webp[png[:, :, 3] > 0] == png[png[:, :, 3] > 0]).all()
    jpeg = picture(app, "/tiles/red/3/6/3.jpg").astype(int)
    assert np.abs(jpeg[64, 64, :3] - RED_RGB).max() <= 6
    assert jpeg[128, 128].min() >= 250
    assert get(app, "/tiles/red/3/6/3.jpeg").content_type == "image/jpeg"


@pytest.mark.parametrize("z", [4, 9, 22])
def test_beyond_the_last_zoom_its_data_are_enlarged(app: Flask, z: int) -> None:
    """A quarter into the tile of data the area is, in its middle the hole."""
    side = 1 << (z - 3)
    area = picture(app, f"/tiles/red/{z}/{6 * side + side // 4}/{3 * side + side // 4}.png")
    assert tuple(area[128, 128]) == (*RED_RGB, 255)
    hole = picture(app, f"/tiles/red/{z}/{6 * side + side // 2}/{3 * side + side // 2}.png")
    assert hole[1, 1, 3] == 0


def test_zooms_go_from_the_layers_first_one_to_22(app: Flask) -> None:
    assert get(app, "/tiles/red/2/3/1.png").status_code == 404
    assert get(app, f"/tiles/red/23/{6 << 20}/{3 << 20}.png").json["code"] == "TILE_RANGE"
    assert get(app, "/tiles/red/4/12/6.mvt").status_code == 404


def test_layers_are_drawn_in_the_order_they_are_asked_for(app: Flask) -> None:
    above, below = picture(app, "/tiles/blue,red/3/6/3.png"), picture(app, "/tiles/red,blue/3/6/3.png")
    assert tuple(above[64, 64]) == (*RED_RGB, 255)
    assert tuple(above[128, 128]) == (*BLUE_RGB, 255)
    assert tuple(below[64, 64]) == (*BLUE_RGB, 255)


def test_generated_styles_with_a_label_are_drawn(app: Flask) -> None:
    seen = picture(app, "/tiles/plain/4/12/5@2x.png")
    assert (seen[:, :, 3] > 0).any()
    dark = (seen[:, :, :3].max(axis=2) < 90) & (seen[:, :, 3] > 200)
    assert dark.sum() > 40  # the letters


def test_a_style_that_is_not_understood_is_drawn_as_usual(app: Flask) -> None:
    assert tuple(picture(app, "/tiles/odd/3/6/3.png")[9, 9]) == (0, 0, 0, 255)


def test_where_nothing_is_the_picture_is_transparent_and_says_so(app: Flask) -> None:
    answer = get(app, "/tiles/red/3/0/0.png")
    assert answer.headers["OATiles-hint"] == "empty"
    assert not pixels(answer.data)[:, :, 3].any()
    assert get(app, "/tiles/red/3/0/0.jpg").status_code == 204
    side = 1 << 6
    hole = get(app, f"/tiles/red/9/{6 * side + side // 2}/{3 * side + side // 2}.webp")  # data, but nothing to see
    assert (hole.status_code, hole.headers["OATiles-hint"]) == (200, "empty")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/tiles/red/EPSG9999/3/6/3.png", 404, "TILE_RANGE"),
        ("/tiles/blue/EPSG5179/3/6/3.png", 404, "TILE_TYPE"),
        ("/tiles/red,red/3/6/3.png", 400, "BAD_REQUEST"),
        ("/tiles/broken/3/6/3.png", 503, "ARCHIVE_DAMAGED"),
        ("/tiles/secret/3/6/3.png", 404, "LAYER_NOT_FOUND"),
        ("/tiles/red/3/6/3.gif", 404, "NOT_FOUND"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_words(app: Flask, path: str, status: int, code: str) -> None:
    answer = get(app, path)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_private_layers_pictures_are_for_no_shared_cache(app: Flask) -> None:
    _, text = new_key(app, access="private")
    answer = get(app, "/tiles/secret/3/6/3.png", X_API_Key=text)
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "X-API-Key" in answer.headers["Vary"]
    assert get(app, "/tiles/red/3/6/3.png").headers["Cache-Control"].startswith("public")


def test_the_entity_tag_follows_content_style_type_and_size(tmp_path: Path) -> None:
    settings = make_home(tmp_path / "home")
    house = House.open(settings)
    publish(house, district("red"))
    app = open_app(settings)
    service_of(app).gallery.workshop = Never()

    def tag(path: str = "/tiles/red/3/0/0.png") -> str:
        service_of(app).pulse()
        return get(app, path).headers["ETag"]

    tags = [tag(), tag("/tiles/red/3/0/0@2x.png"), tag("/tiles/red/3/0/0.webp")]
    publish(house, Plan("red", district("red").tiles, (fill("red", BLUE),), (3, 3)))
    tags.append(tag())
    publish(house, Plan("red", {FULL: tile_of(red=[feature(WHOLE)])}, (fill("red", BLUE),), (3, 3)))
    tags.append(tag())
    assert len(set(tags)) == 5
    house.close()
    service_of(app).close()


class Never:
    """Draws nothing, and says so."""

    def do(self, told: Any, blobs: Sequence[bytes] = ()) -> list[bytes]:
        raise AssertionError("nothing should be drawn")

    def close(self) -> None:
        pass


def test_who_has_the_picture_gets_304_and_nothing_is_drawn(tmp_path: Path) -> None:
    settings = make_home(tmp_path / "home")
    house = House.open(settings)
    publish(house, district("red"))
    house.close()
    app = open_app(settings)
    service_of(app).gallery.workshop = Never()
    tag = get(app, "/tiles/red/3/0/0.png").headers["ETag"]  # where nothing is, nothing is drawn either
    answer = get(app, "/tiles/red/3/6/3.png", If_None_Match=tag)
    assert (answer.status_code, answer.headers["ETag"]) == (304, tag)
    service_of(app).close()


def test_a_picture_asked_for_again_is_answered_before_flask(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/tiles/red/3/6/3.webp"
    first = get(app, path)
    monkeypatch.setattr(app, "full_dispatch_request", unreachable)
    again = get(app, path)
    assert (again.status_code, again.data, again.headers["ETag"]) == (200, first.data, first.headers["ETag"])
    assert get(app, f"{path}?key=", If_None_Match=first.headers["ETag"]).status_code == 304
    for same in ("tiles/red/WebMercatorQuad/3/6/3.webp", "wmts/1.0.0/red/default/WebMercatorQuad/3/3/6.webp"):
        assert get(app, f"/{same}").data == first.data


def unreachable(*_: Any) -> Any:
    raise AssertionError("Flask was asked")


def test_a_picture_that_one_key_had_drawn_is_refused_to_another(app: Flask) -> None:
    key, text = new_key(app, access="private")
    path = "/tiles/secret/3/6/3.webp"
    before = service_of(app).meter.standing(key)["day"].used
    for _ in range(3):
        assert get(app, path, X_API_Key=text).status_code == 200
    assert service_of(app).meter.standing(key)["day"].used == before + 3
    for other in ({}, {"X_API_Key": new_key(app)[1]}):
        assert get(app, path, **other).json["code"] == "LAYER_NOT_FOUND"
    assert get(app, path, X_API_Key="nru_x").status_code == 401
    service_of(app).keyring.revoke(key.id)
    service_of(app).pulse()
    assert get(app, path, X_API_Key=text).status_code == 401


# --- the gallery ---------------------------------------------------------------------------------------


class Slow:
    """Draws when it is told to."""

    def __init__(self) -> None:
        self.go, self.begun, self.count = threading.Event(), threading.Event(), 0

    def do(self, told: Any, blobs: Sequence[bytes] = ()) -> list[bytes]:
        self.count += 1
        self.begun.set()
        assert self.go.wait(10)
        return [b"picture"] * 16

    def close(self) -> None:
        pass


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_all_tiles_of_a_metatile_wait_for_one_drawing() -> None:
    slow = Slow()
    gallery = Gallery(slow)
    with ThreadPoolExecutor(16) as threads:
        found = [threads.submit(gallery.picture, "v", "metatile", k, lambda: JOB) for k in range(16)]
        wait_until(lambda: gallery.here == 16)
        slow.go.set()
        assert {answer.result() for answer in found} == {b"picture"}
    assert slow.count == 1
    assert gallery.picture("v", "metatile", 3, lambda: JOB) == b"picture"
    assert slow.count == 1
    gallery.picture("v2", "metatile", 3, lambda: JOB)
    assert slow.count == 2


@pytest.mark.parametrize("limit", [{"most_drawn": 1}, {"most_here": 1}])
def test_who_would_wait_too_long_is_refused_at_once(limit: dict[str, int]) -> None:
    slow = Slow()
    gallery = Gallery(slow, **limit)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(gallery.picture, "v", "one", 0, lambda: JOB)
        assert slow.begun.wait(10)
        with pytest.raises(ServerBusy):
            gallery.picture("v", "other", 0, lambda: JOB)
        slow.go.set()
        assert first.result() == b"picture"
    assert gallery.picture("v", "other", 0, lambda: JOB) == b"picture"


def test_a_full_queue_is_503_with_words_and_a_time_to_come_back(app: Flask) -> None:
    service = service_of(app)
    usual = service.gallery
    try:
        object.__setattr__(service, "gallery", Gallery(Never(), most_here=0))
        answer = get(app, "/tiles/red/3/6/3@2x.jpg")
        assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "BUSY", "2")
    finally:
        object.__setattr__(service, "gallery", usual)


def test_what_was_drawn_is_kept_within_bounds() -> None:
    slow = Slow()
    slow.go.set()
    gallery = Gallery(slow, most_bytes=3 * 16 * 207)
    for k in range(5):
        gallery.picture("v", k, 0, lambda: JOB)
    assert [gallery.find("v", k, 0) for k in range(5)] == [None, None, b"picture", b"picture", b"picture"]
    gallery.picture("v", 4, 0, lambda: JOB)
    assert slow.count == 5
    gallery.picture("v", 0, 0, lambda: JOB)
    assert slow.count == 6


def test_what_just_failed_is_not_tried_again_for_a_while() -> None:
    class Failing(Never):
        count = 0

        def do(self, told: Any, blobs: Sequence[bytes] = ()) -> list[bytes]:
            self.count += 1
            raise RenderingFailed("no")

    now = [0.0]
    failing = Failing()
    gallery = Gallery(failing, clock=lambda: now[0])
    for wait, count in ((0.0, 1), (1.0, 1), (40.0, 2)):
        now[0] += wait
        with pytest.raises(RenderingFailed):
            gallery.picture("v", "one", 0, lambda: JOB)
        assert failing.count == count


# --- the process that draws ----------------------------------------------------------------------------

_SPEAK = (
    "import sys, os, time; from tileserver.rendering import frames as f; "
    "i, o = sys.stdin.buffer, sys.stdout.buffer; "
)
_READY = "f.send(o, {'ready': 1}); "


def workshop(script: str, **limits: Any) -> Workshop:
    return Workshop((sys.executable, "-c", _SPEAK + script), **limits)


@pytest.fixture
def closing() -> Iterator[Callable[[Workshop], Workshop]]:
    made: list[Workshop] = []

    def keep(one: Workshop) -> Workshop:
        made.append(one)
        return one

    yield keep
    for one in made:
        one.close()
        assert one.pid is None


def test_a_killed_process_is_replaced_and_the_next_request_is_answered(app: Flask) -> None:
    gallery = service_of(app).gallery
    assert isinstance(gallery.workshop, Workshop)
    picture(app, "/tiles/red/3/6/3.png")
    before = gallery.workshop.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    assert tuple(picture(app, "/tiles/red/5/25/13.png")[9, 9]) == (*RED_RGB, 255)
    assert gallery.workshop.pid != before


def test_a_process_that_dies_over_its_work_is_replaced_once(closing: Any, tmp_path: Path) -> None:
    note = tmp_path / "seen"
    once = f"n = {str(note)!r}; first = not os.path.exists(n); open(n, 'w').close(); "
    shop = closing(workshop(once + _READY + "f.receive(i); os._exit(9) if first else f.send(o, {}, [b'ok'])"))
    assert shop.do({}) == [b"ok"]
    always = closing(workshop(_READY + "f.receive(i); os._exit(9)"))
    with pytest.raises(RenderingFailed, match="could not be drawn"):
        always.do({})


def test_a_process_that_takes_too_long_is_ended(closing: Any) -> None:
    shop = closing(workshop(_READY + "f.receive(i); time.sleep(60)", longest_job_s=0.3))
    began = time.monotonic()
    with pytest.raises(RenderingFailed, match="too long"):
        shop.do({})
    assert time.monotonic() - began < 10
    assert shop.pid is None


def test_a_server_that_stops_does_not_wait_for_a_picture(closing: Any) -> None:
    shop = closing(workshop(_READY + "f.receive(i); time.sleep(60)"))
    with ThreadPoolExecutor(1) as threads:
        job = threads.submit(shop.do, {})
        wait_until(lambda: shop._jobs == 1)
        began = time.monotonic()
        shop.close()
        assert time.monotonic() - began < 10
        with pytest.raises(RenderingFailed, match="stopping"):
            job.result()


def test_a_process_is_replaced_when_it_has_drawn_enough(closing: Any) -> None:
    shop = closing(
        workshop(
            _READY + "[(f.receive(i), f.send(o, {}, [str(os.getpid()).encode()])) for _ in range(9)]", most_jobs=2
        )
    )
    seen = [shop.do({})[0] for _ in range(5)]
    assert seen[0] == seen[1] != seen[2] == seen[3] != seen[4]


def test_an_idle_process_is_ended(closing: Any) -> None:
    shop = closing(workshop(_READY + "f.receive(i); f.send(o, {}); i.read()", idle_s=0.1))
    shop.do({})
    wait_until(lambda: shop.pid is None)


def test_a_process_that_cannot_start_is_not_started_for_every_request(closing: Any, tmp_path: Path) -> None:
    note = tmp_path / "starts"
    shop = closing(workshop(f"open({str(note)!r}, 'a').write('x')"))
    for _ in range(4):
        with pytest.raises(RenderingFailed):
            shop.do({})
    assert note.read_text() == "x"


@pytest.mark.parametrize(
    ("answer", "error"), [("{'broken': True, 'error': 'x'}", ArchiveDamaged), ("{'error': 'x'}", RenderingFailed)]
)
def test_what_the_process_says_has_gone_wrong_is_told_by_name(
    closing: Any, answer: str, error: type[NaruError]
) -> None:
    shop = closing(workshop(_READY + f"f.receive(i); f.send(o, {answer}); i.read()"))
    with pytest.raises(error):
        shop.do({})
    assert shop.pid is not None


def test_the_process_knows_no_secret_and_loads_what_draws_while_the_worker_does_not(
    closing: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("NARU_KEY_PEPPER", "secret")
    shop = closing(workshop(_READY + "f.receive(i); f.send(o, {}, [k.encode() for k in os.environ])"))
    assert not [name for name in shop.do({}) if name.startswith(b"NARU_")]


def test_a_bomb_of_a_tile_is_refused(app: Flask) -> None:
    import gzip

    bomb = gzip.compress(bytes(65 << 20))
    frame = {"left": 0, "top": 0, "tiles": 1, "scale": 1, "zoom": 4.0}
    layers = [{"style": [fill("x")], "side": 256, "tiles": [(0, 0)]}]
    with pytest.raises(ArchiveDamaged, match="too large"):
        service_of(app).gallery.workshop.do({"frame": frame, "type": "png", "layers": layers}, [bomb])


# --- planning ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grid", "z", "wanted"), [("WebMercatorQuad", 12, 11.0), ("WorldCRS84Quad", 12, 12.0), ("EPSG5179", 12, 11.893)]
)
def test_a_grids_zoom_means_the_style_zoom_of_like_pixels(grid: str, z: int, wanted: float) -> None:
    assert style_zoom(grid, z) == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("scale", [1, 2])
def test_every_tile_is_in_one_place_of_one_metatile(scale: int) -> None:
    seen = {Metatile.around("WebMercatorQuad", 5, x, y, scale) for x in range(32) for y in range(32)}
    assert len(seen) == 32 * 32
    assert {number for _, number in seen} == set(range((planning.SIDE // scale) ** 2))


# --- MapLibre Native -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def native() -> Iterator[Workshop]:
    pytest.importorskip("mapli")
    made = Workshop.of("maplibre")
    yield made
    made.close()


def native_job(app: Flask, layer: str, metatile: Metatile) -> Job:
    return planning.job((service_of(app).keeper.current.pyramids[layer],), metatile, "png")


@pytest.mark.parametrize("scale", [1, 2])
def test_maplibre_native_paints_the_same_area_in_the_same_place(app: Flask, native: Workshop, scale: int) -> None:
    metatile, number = Metatile.around("WebMercatorQuad", 6, 50, 26, scale)
    todo = native_job(app, "red", metatile)
    theirs = pixels(native.do(todo.told, todo.tiles)[number]).astype(int)
    ours = picture(app, f"/tiles/red/6/50/26{'@2x' * (scale - 1)}.png").astype(int)
    assert theirs.shape == ours.shape
    assert np.abs(theirs - ours).max() <= 2


def test_maplibre_native_writes_korean_labels(app: Flask, native: Workshop) -> None:
    metatile, number = Metatile.around("WebMercatorQuad", 4, 12, 5, 2)
    todo = native_job(app, "plain", metatile)
    assert todo.told["layers"][0]["zoom"] == 3
    seen = pixels(native.do(todo.told, todo.tiles)[number])
    dark = (seen[:, :, :3].max(axis=2) < 90) & (seen[:, :, 3] > 200)
    assert dark.sum() > 40


@pytest.mark.parametrize("metatile", [Metatile("EPSG5179", 3, 1, 0, 1), Metatile("WebMercatorQuad", 3, 1, 0, 1)])
def test_what_maplibre_native_cannot_draw_is_drawn_by_us(app: Flask, native: Workshop, metatile: Metatile) -> None:
    part = service_of(app).keeper.current.pyramid("red", metatile.grid)
    todo = planning.job((part,), metatile, "png")
    made = native.do(todo.told, todo.tiles)
    assert tuple(pixels(made[3 * 4 + 2])[64, 64]) == (*RED_RGB, 255)


def test_without_what_it_needs_naru_draws_and_says_so(monkeypatch: Any, caplog: Any) -> None:
    from tileserver.rendering import child

    monkeypatch.setitem(sys.modules, "mapli", None)  # as where the extra is not installed
    assert child._native() is None
    assert "Naru draws by itself" in caplog.text


def test_letters_have_the_form_that_maplibre_reads() -> None:
    from tileserver.rendering.glyphs import pbf
    from tileserver.rendering.mvt import _fields

    stack = dict(_fields(dict(_fields(memoryview(pbf("any", 0xAC00))))[1]))
    assert (bytes(stack[1]), bytes(stack[2])) == (b"any", b"44032-44287")
    glyphs = [
        dict(_fields(value))
        for number, value in _fields(dict(_fields(memoryview(pbf("any", 0))))[1])
        if number == 3
    ]
    by_code = {glyph[1]: glyph for glyph in glyphs}
    assert set(range(0x20, 0x7F)) <= set(by_code)
    letter = by_code[ord("H")]
    assert len(letter[2]) == (letter[3] + 6) * (letter[4] + 6)
    field = np.frombuffer(letter[2], np.uint8).reshape(letter[4] + 6, letter[3] + 6)
    assert field[0, 0] < 100
    assert field.max() > 200
    assert 16 <= letter[4] <= 18 and 14 <= letter[7] <= 20
