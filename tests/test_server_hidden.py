"""What a caller may not know of is not there: in no answer, no header and no count does it differ from nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import Flask

from naru.house import House
from tests.protocols import make_protocols_home
from tests.rasters import Scene, publish_raster
from tests.serving import Fake, make_home, new_key, open_app, publish, service_of, settings_of
from tests.terrains import attach_all
from tileserver.keys.ring import ANONYMOUS

SECRETS = ("secret", "secret-photo", "secret-values")  # vector, pictures that lie ready, pictures to be drawn
NOTHING = "nowhere"
_ID = re.compile(r"[0-9a-f]{16}")
_RANDOM = ("X-Request-Id", "Content-Length")


class Told(NamedTuple):
    """What a refusal says, without what differs by chance."""

    status: int
    headers: set[tuple[str, str]]
    body: str


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    home = tmp_path_factory.mktemp("hidden") / "home"
    make_protocols_home(home)
    house = House.open(settings_of(home))
    publish_raster(house, Scene("secret-photo", visibility="private"))
    publish_raster(house, Scene("secret-values", "hills", "private"))
    attach_all(house, "secret-values")
    house.close()
    app = open_app(settings_of(home))
    yield app
    service_of(app).close()


@pytest.fixture(scope="module")
def text(app: Flask) -> str:
    return new_key(app, functions=frozenset(("content", "basemap", "common", "manage")))[1]


def told(app: Flask, address: str, layer: str, text: str) -> Told:
    """Return what is answered about a layer, its name replaced."""
    answer = app.test_client().get(address.format(layer), headers={"X-API-Key": text})
    headers = {(name, value) for name, value in answer.headers if name not in _RANDOM}
    return Told(answer.status_code, headers, _ID.sub("ID", answer.text).replace(layer, "LAYER"))


NEAR, FAR = "10/873/396", "10/0/0"  # z, x, y: inside the layers' bounds, and outside
ADDRESSES = (
    *(f"/tiles/{{}}/{tile}.{kind}" for tile in (NEAR, FAR) for kind in ("mvt", "png", "webp", "jpg")),
    f"/tiles/{{}}/{NEAR}@2x.png",
    f"/tiles/{{}}/{NEAR}.png?expression=b1",
    f"/tiles/{{}}/EPSG5179/{FAR}.mvt",
    f"/tiles/{{}},zzz/{NEAR}.mvt",
    f"/tiles/{{}},zzz/{NEAR}.png",
    f"/tiles/marks,{{}}/{NEAR}.mvt",
    f"/tiles/marks,{{}}/{FAR}.png",
    "/tiles/{}.json",
    "/tiles/{},zzz.json",
    "/tiles/marks,{}.json",
    "/styles/{}.json",
    "/legends/{}.json",
    "/legends/{}.png",
    *(
        f"/wmts/1.0.0/{{}}/default/WebMercatorQuad/10/{place}.{kind}"
        for place in ("396/873", "0/0")
        for kind in ("mvt", "png", "jpg")
    ),
    "/wmts?service=WMTS&request=GetTile&version=1.0.0&layer={}&style=default&format=image/png"
    "&tilematrixset=WebMercatorQuad&tilematrix=10&tilerow=0&tilecol=0",
    "/tms/1.0.0/{}",
    "/tms/1.0.0/{}@EPSG5179",
    "/tms/1.0.0/{}/10/0/0.png",
    *(
        f"/ogc/{kind}tiles/WebMercatorQuad/10/{place}?collections={layers}"
        for kind in ("", "map/")
        for place in ("396/873", "0/0")
        for layers in ("{}", "marks,{}", "{},zzz")
    ),
    "/ogc/tiles/WebMercatorQuad?collections=marks,{}",
    "/ogc/map/tiles?collections={},zzz",
    *(f"/ogc/collections/{{}}{rest}" for rest in ("", "/items", "/queryables", "/tiles", "/map/tiles/EPSG5186")),
    "/ogc/collections/{}/map/tiles/WebMercatorQuad/10/0/0",
    "/ogc/styles/{}",
    "/ogc/styles/{}/metadata",
    "/content/{}.geojson",
    "/terrain/{}/layer.json",
    "/terrain/{}/0/0/0.terrain",
    "/terrain/{}/10/0/0.terrain",
    "/terrain/{}/river.json",
    "/terrain/{}/section",
    "/terrain/{}/section?line=126.93,37.55;126.94,37.55",
    "/models/{}/tileset.json",
    "/models/{}/tiles/0.glb",
    "/models/{}/bed.glb",
    "/api/layers/{}",
    "/common/elevation?lon=127&lat=37.5&layer={}",
    "/common/region?lon=127&lat=37.5&layer={}",
    "/api/usage/mine?by=day&layer={}",
    "/api/usage?by=day&layer={}",
    "/api/usage/heatmap?layer={}",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_hidden_layer_is_refused_like_one_that_is_not_there(app: Flask, text: str, address: str) -> None:
    nothing = told(app, address, NOTHING, text)
    assert nothing.status in (400, 404)
    for secret in SECRETS:
        assert told(app, address, secret, text) == nothing


def usage_of_own(app: Flask, text: str, by: str) -> list[dict[str, Any]]:
    """Return the rows that a key's holder sees of its own usage."""
    service_of(app).usage.flush()
    answer = app.test_client().get(f"/api/usage/mine?by={by}", headers={"X-API-Key": text})
    rows: list[dict[str, Any]] = answer.get_json()["rows"]
    return rows


@pytest.mark.parametrize("by", ["function,layer", "zoom,status"])
def test_ones_own_usage_does_not_tell_a_hidden_layer_from_none(app: Flask, by: str) -> None:
    functions = frozenset(("content", "basemap", "common"))
    reader = new_key(app, functions=functions, access="private")[1]
    seen = []
    for layer in (NOTHING, *SECRETS):
        text = new_key(app, functions=functions)[1]
        for address in ADDRESSES:
            app.test_client().get(address.format(layer), headers={"X-API-Key": reader})  # others may: it is met
            app.test_client().get(address.format(layer), headers={"X-API-Key": text})
        rows = usage_of_own(app, text, by)
        seen.append([{name: row[name] for name in (*by.split(","), "requests", "errors")} for row in rows])
    assert seen[0]
    assert all(rows == seen[0] for rows in seen[1:])


def test_what_callers_without_a_key_may_not_read_is_in_no_shared_cache(tmp_path: Path) -> None:
    """A public layer, where the built-in key has a list of others."""
    app = open_app(make_home(tmp_path / "home", Fake("roads"), Fake("parks")))
    service_of(app).keyring.change(ANONYMOUS, {"layers": frozenset(("parks",))})
    _, text = new_key(app)
    for path in ("/tiles/{}/2/3/1.mvt", "/tiles/{}.json", "/styles/{}.json", "/ogc/collections/{}"):
        caching = {
            layer: app.test_client().get(path.format(layer), headers={"X-API-Key": text}).headers["Cache-Control"]
            for layer in ("roads", "parks")
        }
        assert "public" in caching["parks"]
        assert caching["roads"] == "private, no-store"
    service_of(app).close()


def test_a_tile_that_was_met_is_refused_once_its_layer_is_private(tmp_path: Path) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("roads")))
    service, client = service_of(app), app.test_client()
    (key, text), (_, other) = new_key(app), new_key(app, access="private")
    addresses = ("/tiles/roads/2/3/1.mvt", "/wmts/1.0.0/roads/default/WebMercatorQuad/2/1/3.mvt")

    def statuses(sent: str | None) -> list[int]:
        headers = {"X-API-Key": sent} if sent else {}
        return [client.get(address, headers=headers).status_code for address in addresses for _ in range(2)]

    assert statuses(None) == statuses(text) == [200] * 4
    house = House.open(service.settings)
    publish(house, Fake("roads", "private"))
    house.close()
    service.pulse()
    assert statuses(other) == [200] * 4  # met again, by who may
    assert statuses(None) == statuses(text) == [404] * 4
    service.keyring.change(key.id, {"access": "private"})
    service.pulse()
    assert statuses(text) == [200] * 4
    service.keyring.change(key.id, {"layers": frozenset(("parks",))})
    service.pulse()
    assert statuses(text) == [404] * 4
    service.keyring.revoke(key.id)
    service.pulse()
    assert statuses(text) == [401] * 4
    service.close()
