"""The demo: make the sample city and the sample river with the public commands, make a key, say where to look.

Everything goes through `naru …` as a user would type it, so the demo also shows that the commands suffice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import mercantile

from naru.errors import SampleFailed
from naru.listen import Listen
from naru.settings import Settings
from sample_data.city import CITY, SampleLayer
from sample_data.river.building import BUILDINGS, FACILITIES, build_river
from sample_data.river.specs import TERRAIN
from sample_data.river.storm import SCENARIO
from sample_data.running import run_naru

CITY_HALL = (126.978275, 37.566642)  # Seoul City Hall, lon/lat
TILE_ZOOM = 12
QUICK_MAXZOOM = 12
AT_ONCE = 2  # ingests side by side: half of each is one process starting
RIVER_VIEW = "13.9/37.3193/126.5130"  # zoom, latitude, longitude, as the page's address has them
RIVER_LAYERS = (TERRAIN, f"{SCENARIO}-max-depth", FACILITIES, BUILDINGS)
KEY_NAME = "demo"
KEY_DAY_QUOTA = 10_000  # a map moved once asks for some fifty tiles
Tell = Callable[[str], None]


@dataclass(frozen=True)
class DemoOptions:
    """How to run the demo: where the server will listen, and whether to leave the close zooms out."""

    listen: Listen = field(default_factory=Listen)
    quick: bool = False


@dataclass(frozen=True)
class DemoResult:
    """What the demo made. `layers` are `naru ingest --json` entries with `title`, `file`, `seconds` added."""

    home: str
    layers: list[dict[str, Any]]
    key_id: str
    key: str
    viewer: str
    river: str  # the page, at the sample river
    curl: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of `naru demo --json`."""
        return asdict(self)


def run_demo(settings: Settings, options: DemoOptions, tell: Tell) -> DemoResult:
    """Make the sample city and river in `<home>/sample`, publish them and make a key. Again, it adds new versions.

    Raises:
        SampleFailed: a step failed; it says which, why, and what to do.
    """
    started = time.monotonic()
    folder = _sample_folder(settings)
    layers = []
    for number, found in enumerate(_ingest_all(folder, settings, options), start=1):
        layers += found
        tell(f"[{number}/{len(CITY)}] {found[0]['title']['ko']} · {found[0]['title']['en']}: {_in_short(found)}")
    for what, seconds, found in build_river(folder / "river", settings, options.quick):
        layers += found
        tell(f"가상 하천 · Sample river (synthetic): {what}, {seconds} s")
    layers = _with_titles(layers, settings)
    key = _make_key(settings)
    return DemoResult(
        home=str(settings.home),
        layers=layers,
        key_id=key["id"],
        key=key["key"],
        viewer=options.listen.url,
        river=f"{options.listen.url}#map={RIVER_VIEW}&layers={','.join(RIVER_LAYERS)}",
        curl=_curl_line(key["key"], options),
        seconds=round(time.monotonic() - started, 1),
    )


def _sample_folder(settings: Settings) -> Path:
    folder = settings.home / "sample"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SampleFailed(
            f"the folder of the sample city cannot be made ({error.strerror})",
            file=str(folder),
            remedy="Give a folder that you may write to: naru demo --home DIR.",
        ) from error
    return folder


def _ingest_all(folder: Path, settings: Settings, options: DemoOptions) -> Iterator[list[dict[str, Any]]]:
    """Yield what became of each file, in order: the first alone (it makes the catalogue), then two at a time."""
    first, *others = CITY
    yield _ingest(first, folder, settings, options)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda sample: _ingest(sample, folder, settings, options), others)


def _ingest(sample: SampleLayer, folder: Path, settings: Settings, options: DemoOptions) -> list[dict[str, Any]]:
    started = time.monotonic()
    file = sample.write(folder)
    report = run_naru(settings, "ingest", str(file), *_ingest_options(sample, options), "--json")
    seconds = round(time.monotonic() - started, 1)
    added = {"file": file.name, "title": {"ko": sample.title_ko, "en": sample.title_en}, "seconds": seconds}
    return [{**layer, **added} for layer in report["layers"]]


def _with_titles(layers: list[dict[str, Any]], settings: Settings) -> list[dict[str, Any]]:
    """Return the entries with the titles that the catalogue has."""
    titles = {layer["id"]: layer["title"] for layer in run_naru(settings, "layers", "list", "--json")["layers"]}
    return [{**layer, "title": titles[layer["id"]]} for layer in layers]


def _ingest_options(sample: SampleLayer, options: DemoOptions) -> list[str]:
    named = {
        "--id": sample.id,
        "--title": sample.title_ko,
        "--title-en": sample.title_en,
        "--function": sample.function,
        "--visibility": "public",
        "--licence": sample.licence,
        "--attribution": sample.attribution,
    }
    if options.quick:
        named["--maxzoom"] = str(QUICK_MAXZOOM)
    return [word for pair in named.items() for word in pair]


def _make_key(settings: Settings) -> dict[str, Any]:
    wishes = ("--functions", "basemap,content,common,twin", "--access", "public", "--day", str(KEY_DAY_QUOTA))
    return run_naru(settings, "keys", "create", "--name", KEY_NAME, *wishes, "--json")


def _curl_line(key: str, options: DemoOptions) -> str:
    tile = mercantile.tile(*CITY_HALL, TILE_ZOOM)
    url = f"{options.listen.url}tiles/seoul-gu/{tile.z}/{tile.x}/{tile.y}.mvt"
    return f"curl --compressed -H 'X-API-Key: {key}' {url} -o tile.mvt"


def _in_short(layers: list[dict[str, Any]]) -> str:
    features = sum(layer["features_published"] for layer in layers)
    return f"{features} features, {layers[0]['crs']}, {layers[0]['seconds']} s"
