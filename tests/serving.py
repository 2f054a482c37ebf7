"""Homes for the server's tests: layers of a few hand-made tiles, published as ingest publishes them."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import mapbox_vector_tile
from flask import Flask

from naru.house import House
from naru.pmtiles import PMTilesWriter, tile_id
from naru.pmtiles.writer import About
from naru.records import Draft, IngestReport, Release, Tileset
from naru.settings import Settings
from naru.style import Look, default_style
from tileserver.app import create_app
from tileserver.keys.ring import Key, Permissions
from tileserver.service import Service

SEOUL = (126.76, 37.42, 127.19, 37.71)
ALL = frozenset(("basemap", "content", "twin"))
FULL, EMPTY = (2, 3, 1), (2, 0, 0)  # z, x, y: Seoul, and the Pacific


@dataclass(frozen=True)
class Fake:
    """A layer to be made: one square over Seoul at zooms 1 to 4."""

    id: str
    visibility: str = "public"
    function: str = "content"
    text: str = "중구"


def settings_of(home: Path, **environ: str) -> Settings:
    """Return settings for `home`, with two workers."""
    return Settings.from_environ({"NARU_WORKERS": "2", **environ}, home=home)


def tile_bytes(layer_id: str, text: str) -> bytes:
    """Return a tile that holds one square with `text` as its name."""
    square = "POLYGON ((100 100, 100 900, 900 900, 900 100, 100 100))"
    features = [{"geometry": square, "properties": {"이름": text}, "id": 1}]
    return mapbox_vector_tile.encode({"name": layer_id, "features": features})


def publish(house: House, fake: Fake) -> int:
    """Publish `fake`'s next version; return its number."""
    folder = Path(mkdtemp(dir=house.settings.home))
    path = folder / "tiles.pmtiles"
    with PMTilesWriter(path) as writer:
        for z in range(1, 5):
            x, y = FULL[1] << z >> FULL[0], FULL[2] << z >> FULL[0]
            writer.add(tile_id(z, x, y), gzip.compress(tile_bytes(fake.id, f"{fake.text}{z}"), mtime=0))
        writer.finish(About(bounds=SEOUL, minzoom=1, maxzoom=4), {"vector_layers": []})
    archive = house.storage.put(path)
    shutil.rmtree(folder)
    fields = {"이름": "String"}
    vector_layer: dict[str, Any] = {"id": fake.id, "fields": fields, "minzoom": 1, "maxzoom": 4}
    tileset = Tileset(archive, "mvt", "WebMercatorQuad", 1, 4, SEOUL, 4, (vector_layer,))
    report = IngestReport(
        fake.id, "vector", 1, 1, (), (), None, "EPSG:5186", "given", None, None, SEOUL, 1, 4, 4, archive.size
    )
    style = default_style(fake.id, Look("mixed", "#2f6fb0", "이름"))
    names = (fake.id, f"{fake.id} 층", fake.id.title(), fake.function, fake.visibility, "CC-BY", "© 서울")
    draft = Draft(*names, "vector", "mixed", style, report)
    live = next((layer.live.number for layer in house.catalogue.layers() if layer.id == fake.id), None)
    return house.catalogue.publish([Release(draft, None, (tileset,), live)])[0].number


def make_home(home: Path, *fakes: Fake, **environ: str) -> Settings:
    """Make a home with layers; return its settings."""
    settings = settings_of(home, **environ)
    house = House.open(settings)
    for fake in fakes:
        publish(house, fake)
    house.close()
    return settings


def service_of(app: Flask) -> Service:
    """Return an app's service."""
    service: Service = app.extensions["naru"]
    return service


def open_app(settings: Settings, clock: Any = None) -> Flask:
    """Return an app that a test pulses by hand."""
    return create_app(settings, clock) if clock else create_app(settings)


def new_key(app: Flask, **permissions: Any) -> tuple[Key, str]:
    """Make a key that the app already knows."""
    service = service_of(app)
    made = service.keyring.create("test", "test", Permissions(**({"functions": ALL} | permissions)))
    service.pulse()
    return made
