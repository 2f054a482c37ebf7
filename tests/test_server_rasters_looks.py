"""How a caller may have a raster drawn: ranges, colours, bands, arithmetic, relief; and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from numpy.typing import NDArray

from naru.house import House
from naru.ramps import ramp_colours
from tests.rasters import FULL, HEIGHTS, LEFT, TOP, ZOOM, Scene, hills, photo, pixels_of, publish_raster
from tests.serving import Fake, make_home, open_app, service_of
from tileserver.rasters.drawing import Easel
from tileserver.rasters.tiles import LOOK

SCENES = (
    Scene("ortho"),
    Scene("dem", "hills"),
    Scene("cover", "cover"),
    Scene("survey", "survey"),  # 16 bit: 1000 + 40 × the photo's red, green, blue
    Scene("noise", "grey"),
    Scene("tiles", "pyramid"),
)
HOLE = (ZOOM - 1, LEFT // 2, TOP // 2)  # its south-eastern quarter holds nothing


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    settings = make_home(tmp_path_factory.mktemp("looks"), Fake("seoul-gu"))
    house = House.open(settings)
    for scene in SCENES:
        publish_raster(house, scene)
    house.close()
    app = open_app(settings)
    yield app.test_client()
    service_of(app).close()


def shown(client: FlaskClient, layer: str, query: str, tile: tuple[int, int, int] = FULL) -> NDArray[Any]:
    """Return a PNG's red, green, blue, alpha as numbers that can be subtracted."""
    z, x, y = tile
    answer = client.get(f"/tiles/{layer}/{z}/{x}/{y}.png?{query}")
    assert answer.status_code == 200, answer.data
    return pixels_of(answer.data, "RGBA").astype(int)


def grey(values: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """Return what values are as greys between two ends."""
    return np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255


def ramped(values: NDArray[Any], low: float, high: float, name: str) -> NDArray[Any]:
    """Return what values are in the colours of a ramp."""
    colours = np.array([list(bytes.fromhex(colour[1:])) for colour in ramp_colours(name)], float)
    at = np.clip((values.astype(float) - low) / (high - low), 0, 1) * (len(colours) - 1)
    return np.stack([np.interp(at, np.arange(len(colours)), band) for band in colours.T])


def source(scale: int = 40, base: int = 1000) -> NDArray[Any]:
    """Return the survey's values in its first tile."""
    return photo()[:3, :256, :256].astype(int) * scale + base


# --- values ---------------------------------------------------------------------------------------


def test_one_range_stretches_all_bands(client: FlaskClient) -> None:
    found = shown(client, "survey", "rescale=2000,6000")
    assert np.abs(found[:3] - grey(source(), 2000, 6000)).max() <= 0.51
    assert (found[3] == 255).all()


@pytest.mark.parametrize(
    "query", ["rescale=1000,3000,0,9000,4000,5000", "rescale=1000,3000&rescale=0,9000&rescale=4000,5e3"]
)
def test_three_ranges_stretch_a_band_each(client: FlaskClient, query: str) -> None:
    found = shown(client, "survey", query)
    wanted = [
        grey(band, *ends) for band, ends in zip(source(), [(1000, 3000), (0, 9000), (4000, 5000)], strict=True)
    ]
    assert np.abs(found[:3] - np.stack(wanted)).max() <= 0.51


def test_eight_bit_photos_are_stretched_too(client: FlaskClient) -> None:
    plain, found = shown(client, "ortho", ""), shown(client, "ortho", "rescale=50,150")
    assert np.abs(found[:3] - grey(plain[:3], 50, 150)).max() <= 0.51


def test_bands_come_in_the_order_asked(client: FlaskClient) -> None:
    plain, swapped = shown(client, "survey", ""), shown(client, "survey", "bands=3,2,1")
    assert (swapped[:3] == plain[2::-1]).all()
    single = shown(client, "survey", "bands=2")
    assert (single[:3] == plain[1]).all()


@pytest.mark.parametrize("name", ["vegetation", "slope_r"])
def test_a_band_has_the_colours_of_a_ramp(client: FlaskClient, name: str) -> None:
    found = shown(client, "survey", f"bands=1&colormap={name}&rescale=1000,6000")
    assert np.abs(found[:3] - ramped(source()[0], 1000, 6000, name)).max() <= 1.5


def test_measurements_have_the_colours_of_a_ramp_between_their_percentiles(client: FlaskClient) -> None:
    found = shown(client, "noise", "colormap=water")
    wanted = ramped(hills()[:256, :256], HEIGHTS["p2"], HEIGHTS["p98"], "water")
    assert np.abs(found[:3] - wanted).max() <= 1.5


def test_an_index_of_vegetation_is_computed(client: FlaskClient) -> None:
    red, green, _ = source().astype(float)
    index = (green - red) / (green + red)
    for text in ("(b2-b1)/(b2+b1)", "(b2-b1)/(b2%2Bb1)", " ( b2 - b1 ) / ( b1 + b2 ) "):
        found = shown(client, "survey", f"expression={text}&rescale=-1,1&colormap=vegetation")
        assert np.abs(found[:3] - ramped(index, -1, 1, "vegetation")).max() <= 1.5


def test_what_an_expression_cannot_give_is_transparent(client: FlaskClient) -> None:
    """1/(b1 - 1000) has no value in the first two columns, where red is 0."""
    found = shown(client, "survey", "expression=1/(b1-1000)&rescale=0,1")
    assert not found[3][:, :2].any()
    assert (found[3][:, 2:] == 255).all()


@pytest.mark.parametrize("query", ["expression=b1*2&rescale=40,360", "bands=1&rescale=20,180", "colormap=data"])
def test_holes_stay_transparent_whatever_is_drawn(client: FlaskClient, query: str) -> None:
    found = shown(client, "dem", query, HOLE)
    assert not found[3, 129:, 129:].any()
    assert (found[3, :126, :126] == 255).all()


def test_arithmetic_on_heights_is_drawn_without_shade(client: FlaskClient) -> None:
    found = shown(client, "dem", "expression=b1/2&rescale=0,100")
    assert np.abs(found[0] - grey(hills()[:256, :256] / 2, 0, 100)).max() <= 0.51


def test_a_relief_has_the_range_and_colours_asked(client: FlaskClient) -> None:
    plain = shown(client, "dem", "")
    assert (shown(client, "dem", "rescale=30,170&colormap=elevation") == plain).all()  # what it has anyway
    other = shown(client, "dem", "rescale=0,1000&colormap=water")
    assert np.abs(other - plain).mean() > 20
    assert (other[3] == plain[3]).all()


@pytest.mark.parametrize(
    "query",
    [
        "rescale=-1e30,1e30",
        "rescale=0,1e-29",
        "expression=b1*1e30*b1*b1&rescale=0,1",
        "expression=sqrt(0-b1)&rescale=0,1",
        "expression=b1/(b1-b1)&rescale=0,1",
        "expression=1e-30/b1/b1/b1&rescale=0,1",
    ],
)
@pytest.mark.parametrize("layer", ["survey", "dem", "ortho"])
def test_the_ends_of_what_can_be_asked_are_drawn_without_a_murmur(
    client: FlaskClient, layer: str, query: str
) -> None:
    assert shown(client, layer, query).shape == (4, 256, 256)  # numpy's warnings are errors here


# --- the sun and slopes --------------------------------------------------------------------------


def lit(client: FlaskClient, query: str) -> NDArray[Any]:
    found = shown(client, "dem", f"algorithm=hillshade&{query}")
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()
    return found[0]


def test_a_hillshade_is_the_cosine_between_sun_and_ground(client: FlaskClient) -> None:
    found = lit(client, "azimuth=90&altitude=30&exaggeration=2")
    heights = hills()[:258, :258].astype(float)
    heights = np.pad(heights[:257, :257], ((1, 0), (1, 0)), constant_values=np.nan)
    metres = 2 * np.pi * 6378137 / 256 / 2**ZOOM * np.cos(np.radians(37.5707))
    a, b, c = heights[:-2], heights[1:-1], heights[2:]
    east = ((a + 2 * b + c)[:, 2:] - (a + 2 * b + c)[:, :-2]) / 8 / metres * 2
    rows = heights[:, :-2] + 2 * heights[:, 1:-1] + heights[:, 2:]
    north = (rows[:-2] - rows[2:]) / 8 / metres * 2
    sun = np.radians(30)
    wanted = (np.sin(sun) - np.cos(sun) * east) / np.sqrt(1 + east**2 + north**2)
    off = np.abs(found - np.clip(wanted, 0, 1) * 255)[1:-1, 1:-1]
    assert np.nanmax(off) < 1.5


def test_the_sun_from_the_other_side_lights_the_other_side(client: FlaskClient) -> None:
    east, west = lit(client, "azimuth=90"), lit(client, "azimuth=270")
    assert np.corrcoef(east.ravel(), west.ravel())[0, 1] < -0.8
    assert (lit(client, "azimuth=360") == lit(client, "azimuth=0")).all()


def test_from_straight_above_level_ground_is_white(client: FlaskClient) -> None:
    assert lit(client, "altitude=90&exaggeration=0.01").min() == 255


def test_slopes_are_degrees(client: FlaskClient) -> None:
    """From the derivative of the waves that the hills are made of."""
    found = shown(client, "dem", "algorithm=slope&colormap=data&rescale=0,90")
    across, down = np.meshgrid(np.arange(256), np.arange(256))
    metres = 2 * np.pi * 6378137 / 256 / 2**ZOOM * np.cos(np.radians(37.5707))
    rise = np.hypot(50 / 37 * np.cos(across / 37), 30 / 23 * np.sin(down / 23)) / metres
    wanted = np.degrees(np.arctan(rise)) / 90 * 255
    assert np.abs(found[0] - wanted)[2:-2, 2:-2].mean() < 1
    assert np.abs(shown(client, "dem", "algorithm=slope")[:3] - found[:3]).mean() > 20  # its own ramp


# --- entity tags and caches ----------------------------------------------------------------------


def test_each_look_has_an_entity_tag_and_a_picture_of_its_own(client: FlaskClient) -> None:
    queries = [
        "",
        "rescale=0,100",
        "rescale=0,101",
        "rescale=0,100&colormap=water",
        "rescale=0,100&colormap=water_r",
        "bands=1&rescale=0,100",
        "expression=b1*2&rescale=0,100",
        "expression=b1*3&rescale=0,100",
        "algorithm=slope",
        "algorithm=slope&exaggeration=2",
        "algorithm=hillshade",
        "algorithm=hillshade&azimuth=10",
        "algorithm=hillshade&altitude=10",
    ]
    z, x, y = FULL
    answers = [client.get(f"/tiles/dem/{z}/{x}/{y}.png?{query}") for query in queries]
    assert len({answer.headers["ETag"] for answer in answers}) == len(queries)
    assert len({answer.data for answer in answers}) == len(queries)


def test_two_spellings_of_one_look_are_one(client: FlaskClient) -> None:
    z, x, y = FULL
    pairs = [
        ("expression=b1*2&rescale=0,100", "rescale=0.0,1e2&expression=(B1 * 2.0)"),
        ("algorithm=hillshade&azimuth=315&altitude=45", "algorithm=hillshade"),
    ]
    for one, other in pairs:
        first, second = (
            client.get(f"/tiles/dem/{z}/{x}/{y}.png?{query}").headers["ETag"] for query in (one, other)
        )
        assert first == second


def test_who_has_the_look_gets_304_before_anything_is_read(client: FlaskClient, monkeypatch: Any) -> None:
    z, x, y = FULL
    path = f"/tiles/survey/{z}/{x}/{y}.png?expression=b1-b2&rescale=-9,9"
    tag = client.get(path).headers["ETag"]
    service_of(client.application).studio.forget()
    monkeypatch.setattr(Easel, "draw", lambda *_: pytest.fail("nothing is to be read"))
    answer = client.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)


def test_other_words_in_the_query_leave_a_stored_picture_as_it_is(client: FlaskClient) -> None:
    z, x, y = FULL
    plain = client.get(f"/tiles/ortho/{z}/{x}/{y}.webp")
    answer = client.get(f"/tiles/ortho/{z}/{x}/{y}.webp?v=7&t=now")
    assert (answer.data, answer.headers["ETag"]) == (plain.data, plain.headers["ETag"])
    again = client.get(f"/tiles/ortho/{z}/{x}/{y}.webp?v=7", headers={"If-None-Match": plain.headers["ETag"]})
    assert again.status_code == 304


# --- refusals ------------------------------------------------------------------------------------

REFUSED = [
    ("survey", "rescale=1", "rescale", "2 numbers|min,max"),
    ("survey", "rescale=1,2,3,4", "rescale", "min,max"),
    ("survey", "rescale=5,5", "rescale", "min,max"),
    ("survey", "rescale=0,1e-31", "rescale", "min,max"),
    ("survey", "rescale=nan,5", "rescale", "no number"),
    ("survey", "rescale=0,1e31", "rescale", "from -1e+30 to 1e+30"),
    ("survey", "rescale=0,0x10", "rescale", "no number"),
    ("survey", "rescale=", "rescale", "no number"),
    ("survey", "rescale=0,1_000", "rescale", "no number"),
    ("survey", "bands=1&rescale=0,1,0,1,0,1", "rescale", "3 ranges for 1 band"),
    ("survey", "rescale=" + "1," * 150, "rescale", "200 are the most"),
    ("survey", "colormap=jet", "bands|colormap", "vegetation"),
    ("survey", "colormap=water", "colormap", "one band"),
    ("survey", "bands=1,2,3&colormap=water", "colormap", "one band"),
    ("survey", "bands=4", "bands", "from 1 to 3"),
    ("survey", "bands=0", "bands", "from 1 to 3"),
    ("survey", "bands=1,2", "bands", "one band or three"),
    ("survey", "bands=1,2,3,1", "bands", "one band or three"),
    ("survey", "bands=-1", "bands", "from 1 to 3"),
    ("survey", "bands=", "bands", "from 1 to 3"),
    ("survey", "bands=1&bands=2", "bands", "Give it once"),
    ("ortho", "bands=4", "bands", "from 1 to 3"),  # the fourth is its alpha
    ("survey", "expression=b1%2Bb2", "rescale", "rescale=-1,1"),
    ("survey", "expression=b4&rescale=0,1", "expression", "b1 to b3"),
    ("survey", "expression=7&rescale=0,1", "expression", "names no band"),
    ("survey", "expression=b1**2&rescale=0,1", "expression", "character 4"),
    ("survey", "expression=&rescale=0,1", "expression", "character 1"),
    ("survey", "expression=b1&rescale=0,1&bands=1", "bands", "do not go together"),
    ("survey", "expression=b1&rescale=0,1,0,1,0,1", "rescale", "3 ranges for 1 band"),
    ("survey", "algorithm=hillshade", "algorithm", "elevation"),
    ("survey", "encoding=mapbox", "encoding", "elevation"),
    ("dem", "algorithm=aspect", "algorithm", "hillshade or slope"),
    ("dem", "algorithm=hillshade&rescale=0,1", "rescale", "do not go together"),
    ("dem", "algorithm=hillshade&colormap=water", "colormap", "do not go together"),
    ("dem", "algorithm=slope&expression=b1&rescale=0,1", "expression", "do not go together"),
    ("dem", "azimuth=90", "azimuth", "algorithm=hillshade"),
    ("dem", "algorithm=slope&azimuth=90", "azimuth", "algorithm=hillshade"),
    ("dem", "algorithm=hillshade&azimuth=361", "azimuth", "from 0 to 360"),
    ("dem", "algorithm=hillshade&altitude=-1", "altitude", "from 0 to 90"),
    ("dem", "algorithm=hillshade&exaggeration=0", "exaggeration", "from 0.01 to 1000"),
    ("dem", "encoding=mapbox&rescale=0,1", "rescale", "do not go together"),
    ("cover", "rescale=0,1", "rescale", "colours of their own"),
    ("cover", "colormap=water", "colormap", "colours of their own"),
    ("tiles", "rescale=0,1", "rescale", "made already"),
]


@pytest.mark.parametrize(("layer", "query", "field", "words"), REFUSED)
def test_what_cannot_be_drawn_is_refused_with_field_and_remedy(
    client: FlaskClient, layer: str, query: str, field: str, words: str
) -> None:
    z, x, y = FULL
    extension = "webp" if layer == "tiles" else "png"
    answer = client.get(f"/tiles/{layer}/{z}/{x}/{y}.{extension}?{query}")
    assert (answer.status_code, answer.json["code"]) == (400, "BAD_REQUEST"), answer.json
    assert answer.json["field"] in field.split("|")
    assert any(word in answer.json["detail"] for word in words.split("|")), answer.json["detail"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_refusal_costs_no_drawing(client: FlaskClient, monkeypatch: Any) -> None:
    monkeypatch.setattr(Easel, "draw", lambda *_: pytest.fail("a refusal needs no drawing"))
    z, x, y = FULL
    for layer, query, _, _ in REFUSED:
        assert client.get(f"/tiles/{layer}/{z}/{x}/{y}.webp?{query}").status_code == 400


def test_every_parameter_is_described(client: FlaskClient) -> None:
    document = client.get("/openapi.json").json
    for path in ("/tiles/{layers}/{z}/{x}/{y}.{extension}", "/tiles/{layers}/{grid}/{z}/{x}/{y}.{extension}"):
        named = {parameter["name"] for parameter in document["paths"][path]["get"]["parameters"]}
        assert set(LOOK) <= named
