"""`/terrain/…` and what tells of it: meshes, rivers and sections are served as the layer that they belong to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from naru.house import House
from tests.rasters import Scene, publish_raster
from tests.serving import Fake, make_home, open_app, service_of, settings_of
from tests.terrains import attach


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    home = tmp_path_factory.mktemp("terrain") / "home"
    make_home(home, Fake("plain"))
    house = House.open(settings_of(home))
    publish_raster(house, Scene("river", "hills"))
    publish_raster(house, Scene("hills", "hills"))
    files = {}
    for name in ("river.json", "bed.glb", "bed.xml"):
        path = home / name
        path.write_text("{}")
        files[name.removesuffix(".json")] = (path, {})
    attach(house, "river", files)
    house.close()
    app = open_app(settings_of(home))
    yield app
    service_of(app).close()


def test_the_layer_list_has_the_address_of_each_thing_that_there_is(app: Flask) -> None:
    rows = {row["id"]: row["assets"] for row in app.test_client().get("/api/layers").get_json()["layers"]}
    bed = {"glb": "/models/river/bed.glb", "xml": "/models/river/bed.xml"}
    river = {"river": "/terrain/river/river.json", "section": "/terrain/river/section", "bed": bed}
    assert rows == {"plain": {}, "hills": {"section": "/terrain/hills/section"}, "river": river}
