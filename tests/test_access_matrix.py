"""Every route × every sort of caller × every visibility, against rules that are written down here and nowhere else.

`SAMPLES` names each route's scope and an address of it; a route that is not in it fails, and so does one whose
scope is another than it says here. `{layer}` in an address is filled with a layer of each visibility. The rules
(`due`) are the contract in docs/http.md, not the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pyarrow as pa
import pytest
from flask import Flask

from naru.house import House
from naru.records import Draft, IngestReport, Release
from tests.painted_floods import attach_flood
from tests.serving import SEOUL, Fake, make_home, open_app, publish, service_of, settings_of
from tests.sources import write_source
from tests.terrains import attach_all
from tileserver.app import ROUTES
from tileserver.keys.ring import Permissions
from tileserver.keys.text import make_key_text
from tileserver.routes import Route, Scope

LAYERS = {  # id: visibility, function
    "open": ("public", "content"),
    "ground": ("public", "basemap"),
    "closed": ("private", "content"),
    "water": ("group:water", "content"),
}
SQUARE = "POLYGON ((126.9 37.5, 127.0 37.5, 127.0 37.6, 126.9 37.6, 126.9 37.5))"


class Sample(NamedTuple):
    """One route: its scope, an address of it, and what whoever may use it is answered."""

    scope: Scope
    address: str
    allowed: int = 200
    destroys: bool = False  # asked of layers that are not there, where it is allowed: 404
    empty: int | None = None  # what whoever may read no layer at all is answered, where that is something else


# --- the table: one row a route -------------------------------------------------------------------

SAMPLES: dict[tuple[str, str], Sample] = {
    ("GET", "/"): Sample("open", "/"),
    ("GET", "/upload"): Sample("open", "/upload"),
    ("GET", "/usage"): Sample("open", "/usage"),
    ("GET", "/keys"): Sample("open", "/keys"),
    ("GET", "/flood"): Sample("open", "/flood"),
    ("GET", "/3d"): Sample("open", "/3d"),
    ("GET", "/docs"): Sample("open", "/docs"),
    ("GET", "/static/<path:name>"): Sample("open", "/static/none.js", 404),
    ("GET", "/health/live"): Sample("open", "/health/live"),
    ("GET", "/health/ready"): Sample("open", "/health/ready"),
    ("GET", "/metrics"): Sample("open", "/metrics"),
    ("GET", "/openapi.json"): Sample("visible", "/openapi.json"),
    ("GET", "/api/layers"): Sample("visible", "/api/layers"),
    ("GET", "/api/layers/<layer>"): Sample("visible", "/api/layers/{layer}"),
    ("GET", "/tiles/<layers>/<z>/<x>/<y>.<extension>"): Sample("layer", "/tiles/{layer}/2/3/1.mvt"),
    ("GET", "/tiles/<layers>/<grid>/<z>/<x>/<y>.<extension>"): Sample(
        "layer", "/tiles/{layer}/WebMercatorQuad/2/3/1.mvt"
    ),
    ("GET", "/tiles/<layers>.json"): Sample("layer", "/tiles/{layer}.json"),
    ("GET", "/styles/naru.json"): Sample("visible", "/styles/naru.json"),
    ("GET", "/styles/<layer>.json"): Sample("layer", "/styles/{layer}.json"),
    ("GET", "/legends/<layer>.json"): Sample("layer", "/legends/{layer}.json"),
    ("GET", "/legends/<layer>.png"): Sample("layer", "/legends/{layer}.png"),
    ("GET", "/fonts/<stack>/<letters>.pbf"): Sample("open", "/fonts/Pretendard Regular/0-255.pbf"),
    ("GET", "/content/<layer>.<extension>"): Sample("layer", "/content/{layer}.geojson"),
    ("GET", "/terrain/<layer>/layer.json"): Sample("layer", "/terrain/{layer}/layer.json"),
    ("GET", "/terrain/<layer>/<z>/<x>/<y>.terrain"): Sample("layer", "/terrain/{layer}/10/1746/725.terrain"),
    ("GET", "/terrain/<layer>/river.json"): Sample("layer", "/terrain/{layer}/river.json"),
    ("GET", "/terrain/<layer>/section"): Sample("layer", "/terrain/{layer}/section?line=126.93,37.55;126.94,37.55"),
    ("GET", "/models/<layer>/tileset.json"): Sample("layer", "/models/{layer}/tileset.json"),
    ("GET", "/models/<layer>/bed.<extension>"): Sample("layer", "/models/{layer}/bed.stl"),
    ("GET", "/models/<layer>/<path:entry>"): Sample("layer", "/models/{layer}/tiles/0.glb"),
    ("GET", "/flood/<layer>/frames.json"): Sample("layer", "/flood/{layer}/frames.json"),
    ("GET", "/flood/<layer>/frames/<frame>.png"): Sample("layer", "/flood/{layer}/frames/0.png"),
    ("GET", "/flood/<layer>/at"): Sample("layer", "/flood/{layer}/at?lon=126.888&lat=37.503"),
    ("GET", "/flood/<layer>/series"): Sample("layer", "/flood/{layer}/series"),
    ("GET", "/flood/<layer>/run.json"): Sample("layer", "/flood/{layer}/run.json"),
    ("GET", "/flood/<layer>/result.nc"): Sample("layer", "/flood/{layer}/result.nc"),
    ("GET", "/flood/<layer>/report"): Sample("layer", "/flood/{layer}/report"),
    ("GET", "/flood/<layer>/report.pdf"): Sample("layer", "/flood/{layer}/report.pdf"),
    ("GET", "/ogc/"): Sample("open", "/ogc/"),
    ("GET", "/ogc/conformance"): Sample("open", "/ogc/conformance"),
    ("GET", "/ogc/api"): Sample("visible", "/ogc/api"),
    ("GET", "/ogc/collections"): Sample("visible", "/ogc/collections"),
    ("GET", "/ogc/collections/<layer>"): Sample("layer", "/ogc/collections/{layer}"),
    ("GET", "/ogc/collections/<layer>/items"): Sample("layer", "/ogc/collections/{layer}/items"),
    ("GET", "/ogc/collections/<layer>/items/<feature>"): Sample("layer", "/ogc/collections/{layer}/items/1"),
    ("GET", "/ogc/collections/<layer>/queryables"): Sample("layer", "/ogc/collections/{layer}/queryables"),
    ("GET", "/ogc/tileMatrixSets"): Sample("open", "/ogc/tileMatrixSets"),
    ("GET", "/ogc/tileMatrixSets/<grid>"): Sample("open", "/ogc/tileMatrixSets/WebMercatorQuad"),
    ("GET", "/ogc/collections/<layer>/tiles"): Sample("layer", "/ogc/collections/{layer}/tiles"),
    ("GET", "/ogc/collections/<layer>/tiles/<grid>"): Sample(
        "layer", "/ogc/collections/{layer}/tiles/WebMercatorQuad"
    ),
    ("GET", "/ogc/collections/<layer>/tiles/<grid>/<z>/<row>/<column>"): Sample(
        "layer", "/ogc/collections/{layer}/tiles/WebMercatorQuad/2/1/3"
    ),
    ("GET", "/ogc/collections/<layer>/map/tiles"): Sample("layer", "/ogc/collections/{layer}/map/tiles"),
    ("GET", "/ogc/collections/<layer>/map/tiles/<grid>"): Sample(
        "layer", "/ogc/collections/{layer}/map/tiles/WebMercatorQuad"
    ),
    ("GET", "/ogc/collections/<layer>/map/tiles/<grid>/<z>/<row>/<column>"): Sample(
        "layer", "/ogc/collections/{layer}/map/tiles/WebMercatorQuad/2/1/3"
    ),
    ("GET", "/ogc/tiles"): Sample("visible", "/ogc/tiles"),
    ("GET", "/ogc/tiles/<grid>"): Sample("visible", "/ogc/tiles/WebMercatorQuad", empty=404),
    ("GET", "/ogc/tiles/<grid>/<z>/<row>/<column>"): Sample(
        "layer", "/ogc/tiles/WebMercatorQuad/2/1/3?collections={layer}"
    ),
    ("GET", "/ogc/map/tiles"): Sample("visible", "/ogc/map/tiles"),
    ("GET", "/ogc/map/tiles/<grid>"): Sample("visible", "/ogc/map/tiles/WebMercatorQuad", empty=404),
    ("GET", "/ogc/map/tiles/<grid>/<z>/<row>/<column>"): Sample(
        "layer", "/ogc/map/tiles/WebMercatorQuad/2/1/3?collections={layer}"
    ),
    ("GET", "/ogc/styles"): Sample("visible", "/ogc/styles"),
    ("GET", "/ogc/styles/<style>"): Sample("layer", "/ogc/styles/{layer}"),
    ("GET", "/ogc/styles/<style>/metadata"): Sample("layer", "/ogc/styles/{layer}/metadata"),
    ("GET", "/wmts"): Sample("visible", "/wmts?service=WMTS&request=GetCapabilities"),
    ("GET", "/wmts/1.0.0/WMTSCapabilities.xml"): Sample("visible", "/wmts/1.0.0/WMTSCapabilities.xml"),
    ("GET", "/wmts/1.0.0/<layer>/<style>/<grid>/<z>/<row>/<column>.<extension>"): Sample(
        "layer", "/wmts/1.0.0/{layer}/default/WebMercatorQuad/2/1/3.mvt"
    ),
    ("GET", "/tms/"): Sample("open", "/tms/"),
    ("GET", "/tms/1.0.0/"): Sample("visible", "/tms/1.0.0/"),
    ("GET", "/tms/1.0.0/<tile_map>"): Sample("layer", "/tms/1.0.0/{layer}"),
    ("GET", "/tms/1.0.0/<tile_map>/<z>/<x>/<y>.<extension>"): Sample("layer", "/tms/1.0.0/{layer}/2/3/2.mvt"),
    ("POST", "/api/uploads"): Sample("manage", "/api/uploads", 415),
    ("GET", "/api/uploads/<upload>"): Sample("manage", "/api/uploads/0000000000000000", 404),
    ("PATCH", "/api/uploads/<upload>"): Sample("manage", "/api/uploads/0000000000000000", 412),
    ("DELETE", "/api/uploads/<upload>"): Sample("manage", "/api/uploads/0000000000000000", 412),
    ("GET", "/api/jobs"): Sample("manage", "/api/jobs"),
    ("GET", "/api/jobs/<job>"): Sample("manage", "/api/jobs/none", 404),
    ("DELETE", "/api/jobs/<job>"): Sample("manage", "/api/jobs/none", 404),
    ("GET", "/api/jobs/<job>/events"): Sample("manage", "/api/jobs/none/events", 404),
    ("POST", "/api/scenarios"): Sample("plan", "/api/scenarios", 415),
    ("GET", "/api/runs"): Sample("visible", "/api/runs"),
    ("GET", "/api/runs/<run>"): Sample("layer", "/api/runs/none", 404),
    ("GET", "/api/runs/<run>/report"): Sample("layer", "/api/runs/none/report", 404),
    ("GET", "/api/runs/<run>/report.pdf"): Sample("layer", "/api/runs/none/report.pdf", 404),
    ("GET", "/api/runs/<run>/timeseries"): Sample("layer", "/api/runs/none/timeseries", 404),
    ("GET", "/api/runs/<run>/files/<file>"): Sample("layer", "/api/runs/none/files/result.nc", 404),
    ("GET", "/api/runs/<run>/events"): Sample("plan", "/api/runs/none/events", 404),
    ("DELETE", "/api/runs/<run>"): Sample("plan", "/api/runs/none", 404),
    ("PATCH", "/api/layers/<layer>"): Sample("manage", "/api/layers/{layer}", 400),
    ("POST", "/api/layers/<layer>/rollback"): Sample("manage", "/api/layers/{layer}/rollback", destroys=True),
    ("DELETE", "/api/layers/<layer>"): Sample("manage", "/api/layers/{layer}", destroys=True),
    ("GET", "/api/keys"): Sample("manage", "/api/keys"),
    ("POST", "/api/keys"): Sample("manage", "/api/keys", 400),
    ("GET", "/api/keys/<key>"): Sample("manage", "/api/keys/none", 404),
    ("PATCH", "/api/keys/<key>"): Sample("manage", "/api/keys/none", 404),
    ("DELETE", "/api/keys/<key>"): Sample("manage", "/api/keys/none", 404),
    ("POST", "/api/keys/<key>/rotate"): Sample("manage", "/api/keys/none/rotate", 404),
    ("GET", "/api/usage"): Sample("manage", "/api/usage?by=day"),
    ("GET", "/api/usage/heatmap"): Sample("manage", "/api/usage/heatmap?layer={layer}"),
    ("GET", "/api/usage/mine"): Sample("key", "/api/usage/mine?by=day"),
    ("GET", "/common/elevation"): Sample("common", "/common/elevation?lon=127&lat=37.5"),
    ("GET", "/common/profile"): Sample("common", "/common/profile?line=127,37.5;127.1,37.5&samples=2"),
    ("GET", "/common/transform"): Sample("common", "/common/transform?from=4326&to=5179&points=127,37.5"),
    ("GET", "/common/point-number"): Sample("common", "/common/point-number?lon=127&lat=37.5"),
    ("GET", "/common/region"): Sample("common", "/common/region?lon=126.95&lat=37.55&layer={layer}"),
    ("GET", "/common/address"): Sample("common", "/common/address?q=none"),
}


# --- the callers ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Who:
    """A caller: what its key may, and how it stands: ok, nobody, 401 (not known), 403 (not here, not now)."""

    functions: tuple[str, ...] = ()
    private: bool = False
    groups: tuple[str, ...] = ()
    layers: tuple[str, ...] | None = None
    standing: str = "ok"
    bonds: Mapping[str, Any] = field(default_factory=dict)  # referrers, cidrs, expires
    headers: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = True  # whether the server takes callers without a key

    @property
    def permissions(self) -> Permissions:
        """What a key for this caller is made with."""
        listed = None if self.layers is None else frozenset(self.layers)
        access = "private" if self.private else "public"
        return Permissions(frozenset(self.functions), access, frozenset(self.groups), listed, **self.bonds)  # type: ignore[arg-type]


ALL = ("basemap", "content", "twin", "common", "manage")
READING = ("basemap", "content", "twin", "common")
LONG_AGO = datetime.now(UTC) - timedelta(days=1)
CALLERS: dict[str, Who] = {
    "nobody": Who(READING, standing="nobody"),  # what the built-in key may
    "nobody, where a key is needed": Who((), standing="nobody", anonymous=False),
    **{f"{function} alone": Who((function,)) for function in ALL},
    "twin alone, private": Who(("twin",), private=True),
    "public everything": Who(ALL),
    "private everything": Who(ALL, private=True),
    "private, of the group": Who(READING, private=True, groups=("water",)),
    "private, of another group": Who(READING, private=True, groups=("air",)),
    "managing private layers of the group": Who(("manage",), private=True, groups=("water",)),
    "a list with the layers": Who(ALL, private=True, groups=("water",), layers=tuple(LAYERS)),
    "a list of one private layer": Who(ALL, private=True, layers=("closed",)),
    "a list of other layers": Who(ALL, private=True, groups=("water",), layers=("elsewhere",)),
    "a group without private access": Who(READING, groups=("water",)),
    "expired": Who(ALL, private=True, standing="403", bonds={"expires": LONG_AGO}),
    "revoked": Who(ALL, private=True, standing="401"),
    "unknown": Who(ALL, private=True, standing="401"),
    "malformed": Who(ALL, private=True, standing="401"),
    "another site": Who(
        ALL, standing="403", bonds={"referrers": ("a.kr",)}, headers={"Referer": "https://b.kr/map"}
    ),
    "no site": Who(ALL, standing="403", bonds={"referrers": ("a.kr",)}),
    "its own site": Who(READING, bonds={"referrers": ("a.kr",)}, headers={"Referer": "https://a.kr/map"}),
    "another network": Who(ALL, standing="403", bonds={"cidrs": ("10.0.0.0/8",)}),
    "its own network": Who(READING, bonds={"cidrs": ("127.0.0.0/8",)}),
    "the text before the rotation": Who(READING),
}


# --- the rules ------------------------------------------------------------------------------------


def due(who: Who, sample: Sample, layer: str | None) -> int:
    """Return the status that the contract demands."""
    if sample.scope == "open":
        return sample.allowed
    if who.standing in ("401", "403"):
        return int(who.standing)
    nobody = who.standing == "nobody"
    if nobody and (sample.scope in ("key", "manage", "plan") or (not who.anonymous and sample.scope != "visible")):
        return 401
    function = {"common": "common", "manage": "manage"}.get(sample.scope)
    plans = "manage" in who.functions or (who.private and "twin" in who.functions)
    if (function is not None and function not in who.functions) or (sample.scope == "plan" and not plans):
        return 403
    if layer is None:
        reads_some = any(knows(who, one) and reads(who, one) for one in LAYERS)
        return sample.allowed if reads_some or sample.empty is None else sample.empty
    return _of_layer(who, sample, layer)


def listed(who: Who, layer: str) -> bool:
    """Tell whether the key's list, if it has one, has the layer."""
    return who.layers is None or layer in who.layers


def knows(who: Who, layer: str) -> bool:
    """Tell whether the caller may learn that there is such a layer."""
    visibility = LAYERS[layer][0]
    trusted = who.private and (visibility == "private" or visibility.removeprefix("group:") in who.groups)
    return visibility == "public" or (trusted and listed(who, layer))


def reads(who: Who, layer: str) -> bool:
    """Tell whether a layer that the caller knows of is one of its own functions and in its list."""
    return listed(who, layer) and LAYERS[layer][1] in who.functions


def _of_layer(who: Who, sample: Sample, layer: str) -> int:
    known = knows(who, layer)
    if sample.scope == "visible":  # one layer's entry: for those who read it, and those who manage it
        manages = "manage" in who.functions and listed(who, layer)
        return sample.allowed if known and (reads(who, layer) or manages) else 404
    if not known:
        return 404
    if not listed(who, layer) or (sample.scope == "layer" and not reads(who, layer)):
        return 403
    return 404 if sample.destroys else sample.allowed


# --- the cells ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a layer of each visibility, each with tiles and features."""
    home = tmp_path_factory.mktemp("matrix") / "home"
    settings = make_home(home)
    house = House.open(settings)
    for layer_id, (visibility, function) in LAYERS.items():
        publish_whole(house, layer_id, visibility, function)
    house.close()
    return home


def publish_whole(house: House, layer_id: str, visibility: str, function: str) -> None:
    """Publish a layer of one square, twice: its tiles alone first, so that there is a version to go back to."""
    publish(house, Fake(layer_id, visibility, function))
    before = house.catalogue.layer(layer_id)
    source = write_source(house.settings.home / "one.parquet", [SQUARE], {"이름": pa.array(["중구"])})
    how = (None, "EPSG:4326", "given", None, None, SEOUL, 1, 4, 4, 0)
    report = IngestReport(layer_id, "vector", 1, 1, (), (), *how)  # type: ignore[arg-type]
    names = (layer_id, before.title_ko, before.title_en, before.function, visibility, "CC-BY", "© 서울")
    draft = Draft(*names, "vector", "polygon", before.style, report)
    house.catalogue.publish([Release(draft, house.storage.put(source), before.live.tilesets, 1)])
    attach_all(house, layer_id)
    attach_flood(house, layer_id)


class Apps(NamedTuple):
    """Two servers of one home: one takes callers without a key, one does not."""

    usual: Flask
    strict: Flask


@pytest.fixture(scope="module")
def apps(home: Path) -> Iterator[Apps]:
    both = Apps(open_app(settings_of(home)), open_app(settings_of(home, NARU_ANONYMOUS="none")))
    yield both
    for app in both:
        service_of(app).close()


@pytest.fixture(scope="module")
def texts(apps: Apps) -> dict[str, str | None]:
    """The text that each caller sends."""
    ring = service_of(apps.usual).keyring
    found: dict[str, str | None] = {}
    for name, who in CALLERS.items():
        key, text = ring.create(name, "test", who.permissions) if who.functions else (None, None)
        found[name] = None if who.standing == "nobody" else text
        if name == "revoked" and key:
            ring.revoke(key.id)
        if name == "the text before the rotation" and key:
            ring.rotate(key.id, timedelta(days=1))
    found |= {"unknown": make_key_text("test"), "malformed": "nru_test_nonsense"}
    for app in apps:
        service_of(app).pulse()
    return found


def plain(route: Route) -> tuple[str, str]:
    """Return method and rule of a route, without the converters' words."""
    parts = route.rule.split("<any(")
    rule = parts[0] + "".join(f"<{part.split('):', 1)[1]}" for part in parts[1:])
    return route.method, rule


def test_the_table_names_every_route_with_its_scope() -> None:
    served = {plain(route): route.scope for route in ROUTES}
    assert len(served) == len(ROUTES)
    assert served == {name: sample.scope for name, sample in SAMPLES.items()}
    assert set(served.values()) <= set(get_args(Scope))


def test_the_matrix_is_as_large_as_it_claims() -> None:
    cells = sum(len(CALLERS) * (len(LAYERS) if "{layer}" in sample.address else 1) for sample in SAMPLES.values())
    assert cells >= 400


@pytest.mark.parametrize("name", SAMPLES, ids=" ".join)
def test_each_caller_gets_what_is_due(apps: Apps, texts: dict[str, str | None], name: tuple[str, str]) -> None:
    sample, wrong = SAMPLES[name], []
    shared = sample.scope not in ("manage", "plan")
    for caller, who in CALLERS.items():
        for layer in LAYERS if "{layer}" in sample.address else (None,):
            expected = due(who, sample, layer)
            asked = "none" if sample.destroys and expected == 404 else layer
            found = status(apps, name[0], sample.address.format(layer=asked), who, texts[caller], shared=shared)
            if found != expected:
                wrong.append(f"{caller}, {layer}: {found}, not {expected}")
    assert not wrong, "\n".join(wrong)


def status(apps: Apps, method: str, address: str, who: Who, text: str | None, *, shared: bool) -> int:
    """Return the status that a caller gets, 200 for an empty tile; `shared`: pages of other sites may see it."""
    app = apps.usual if who.anonymous else apps.strict
    headers = dict(who.headers) | ({"X-API-Key": text} if text else {})
    answer = app.test_client().open(address, method=method, headers=headers)
    assert ("Access-Control-Allow-Origin" in answer.headers) == shared, f"{method} {address}: {answer.headers}"
    return 200 if answer.status_code == 204 else answer.status_code


def test_destroying_routes_refuse_before_they_look(apps: Apps, texts: dict[str, str | None], home: Path) -> None:
    """Nothing that the matrix did has changed a layer."""
    house = House.open(settings_of(home))
    assert {layer.id: (layer.visibility, layer.live.number) for layer in house.catalogue.layers()} == {
        layer: (visibility, 2) for layer, (visibility, _) in LAYERS.items()
    }
    house.close()
