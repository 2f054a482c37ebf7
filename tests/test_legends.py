"""Legends: an entry a class of a style, as data and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flask import Flask

from naru.house import House
from tests.rendering import Plan, feature, fill, pixels, publish, tile_of
from tests.serving import make_home, new_key, open_app, service_of
from tileserver.legends import legend
from tileserver.rendering.legends import drawn

LAND_USE = ["match", ["get", "용도"], "주거", "#f4d06f", ["상업", "업무"], "#d1495b", "#cccccc"]
TILE = tile_of(x=[feature("POLYGON ((0 0, 4096 0, 4096 4096, 0 4096, 0 0))")])
STYLES = {
    "plain": fill("plain", "#3f7d8c"),
    "land-use": fill("land-use", LAND_USE),
    "height": fill("height", ["interpolate", ["linear"], ["get", "높이"], 0, "#ffffff", 100.0, "#08306b"]),
    "depth": fill("depth", ["step", ["get", "수심"], "#eff3ff", 0.5, "#6baed6", 2, "#08519c"]),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    settings = make_home(tmp_path_factory.mktemp("legends") / "home")
    house = House.open(settings)
    publish(house, *(Plan(name, {(1, 1, 0): TILE}, (part,)) for name, part in STYLES.items()))
    publish(house, Plan("secret", {(1, 1, 0): TILE}, (STYLES["plain"],), visibility="private"))
    house.close()
    made = open_app(settings)
    yield made
    service_of(made).close()


def told(app: Flask, layer: str) -> dict[str, Any]:
    answer = app.test_client().get(f"/legends/{layer}.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json
    return found


def pairs(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["label"], entry["color"]) for entry in document["entries"]]


def test_a_plain_style_has_one_entry_with_the_layers_name(app: Flask) -> None:
    document = told(app, "plain")
    assert document == {
        "layer": "plain",
        "title": {"ko": "plain 층", "en": "plain"},
        "type": "classes",
        "entries": [{"label": "plain 층", "color": "#3f7d8c", "geometry": "polygon"}],
        "image": "/legends/plain.png",
    }


@pytest.mark.parametrize(
    ("layer", "kind", "wanted"),
    [
        ("land-use", "classes", [("주거", "#f4d06f"), ("상업, 업무", "#d1495b"), ("그 밖", "#cccccc")]),
        ("height", "ramp", [("0", "#ffffff"), ("100", "#08306b")]),
        ("depth", "classes", [("< 0.5", "#eff3ff"), ("0.5 – 2", "#6baed6"), ("≥ 2", "#08519c")]),
    ],
)
def test_a_style_by_classes_has_an_entry_a_class(app: Flask, layer: str, kind: str, wanted: Any) -> None:
    document = told(app, layer)
    assert (document["type"], pairs(document)) == (kind, wanted)


@pytest.mark.parametrize(
    ("colour", "wanted"),
    [
        (["case", ["==", ["get", "상태"], "위험"], "#f00", "#0f0"], [("상태 = 위험", "#f00"), ("그 밖", "#0f0")]),
        (["case", [">=", ["get", "층"], 5], "#f00", "#0f0"], [("층 ≥ 5", "#f00"), ("그 밖", "#0f0")]),
        (["interpolate", ["linear"], ["zoom"], 5, "#f00", 9, "#0f0"], []),
        (["step", ["zoom"], "#f00", 9, "#0f0"], []),
        (["match"], []),
        (["step", ["get", "a"]], []),
        (["get", "색"], []),
        ([["x"]], []),
        ({"stops": []}, []),
    ],
    ids=str,
)
def test_colours_that_make_no_classes_make_no_entries(app: Flask, colour: Any, wanted: Any) -> None:
    layer = service_of(app).keeper.current.layers["plain"]
    found = legend(replace(layer, style=(fill("plain", colour),)))
    assert [(entry["label"], entry["color"]) for entry in found["legend"]] == wanted


@pytest.mark.parametrize(("scale", "tall"), [("", 60), ("?scale=2", 120)])
def test_the_picture_shows_the_colours(app: Flask, scale: str, tall: int) -> None:
    answer = app.test_client().get(f"/legends/plain.png{scale}")
    assert answer.content_type == "image/png"
    seen = pixels(answer.data)
    assert len(seen) == tall
    assert (seen[:, :, 3] == 255).all()
    assert (seen == (0x3F, 0x7D, 0x8C, 255)).all(axis=2).sum() > 200
    assert (seen[:, :, :3].max(axis=2) < 100).sum() > 50  # letters
    tag = answer.headers["ETag"]
    assert app.test_client().get(f"/legends/plain.png{scale}", headers={"If-None-Match": tag}).status_code == 304


def test_the_picture_of_classes_has_a_swatch_each(app: Flask) -> None:
    seen = pixels(app.test_client().get("/legends/land-use.png").data)
    for colour in ((0xF4, 0xD0, 0x6F), (0xD1, 0x49, 0x5B), (0xCC, 0xCC, 0xCC)):
        assert (seen[:, :, :3] == colour).all(axis=2).sum() > 200


def test_a_ramp_runs_from_its_first_colour_to_its_last() -> None:
    entries = [{"label": "0", "color": "#ffffff"}, {"label": "9", "color": "#000000"}]
    seen = pixels(drawn({"title": "t", "type": "ramp", "entries": entries}, 1))
    strip = seen[30:66, 12, 0].astype(int)
    assert (np.diff(strip) <= 0).all()
    assert strip[0] > 240
    assert strip[-1] < 20


def test_a_title_beyond_measure_and_colours_that_are_none_are_drawn_all_the_same() -> None:
    entries = [{"label": "가" * 5000, "color": "no colour", "geometry": geometry} for geometry in ("line", "point")]
    seen = pixels(drawn({"title": "", "type": "classes", "entries": entries}, 2))
    assert seen.shape[1] < 1200


def test_refusals(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/legends/nowhere.json").json["code"] == "LAYER_NOT_FOUND"
    assert client.get("/legends/plain.png?scale=3").json["code"] == "BAD_REQUEST"
    for kind in ("json", "png"):
        assert client.get(f"/legends/secret.{kind}").status_code == 404
        _, text = new_key(app, access="private")
        answer = client.get(f"/legends/secret.{kind}", headers={"X-API-Key": text})
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")
