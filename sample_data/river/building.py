"""The sample river on the map: terrain, facilities, buildings and a flood, by the commands that planners type."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from naru.settings import Settings
from sample_data.river.files import CELL_M, write_river
from sample_data.river.specs import ATTRIBUTION, TERRAIN, TITLE_EN, TITLE_KO
from sample_data.river.storm import write_storm
from sample_data.river.truth import River
from sample_data.running import run_naru

QUICK_CELL_M = 5.0
QUICK_MAXZOOM = 14
GEOID_M = 21.7  # EL 0 above the ellipsoid there, as EGM96 has it (egm96_15.gtx: 21.71)
FACILITIES, BUILDINGS = f"{TERRAIN}-facilities", f"{TERRAIN}-buildings"
_RIGHTS = ("--licence", "Apache-2.0", "--attribution", ATTRIBUTION, "--visibility", "public")
_KO = {"facilities": "시설물", "buildings": "건물"}
_GEOID = ("--geoid-undulation", f"{GEOID_M:g}")
Entry = dict[str, Any]  # of `naru ingest --json`, with `file` and `seconds`
_AT_ONCE = 2


@dataclass(frozen=True)
class Step:
    """A command: what it does, in a word; what it is made from; its words."""

    what: str
    file: str
    arguments: tuple[str, ...]


def build_river(folder: Path, settings: Settings, quick: bool) -> Iterator[tuple[str, float, list[Entry]]]:
    """Write the survey into `folder` and make everything of it; yield what was done, its seconds, the layers made.

    Raises:
        SampleFailed: a step failed.
    """
    write_river(folder, QUICK_CELL_M if quick else CELL_M)
    write_storm(folder, River(), quick=quick)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for together in _steps(folder, quick):
            done = pool.map(lambda step: _run(step, settings), together)
            for step, (seconds, layers) in zip(together, done, strict=True):
                yield step.what, seconds, layers


def _run(step: Step, settings: Settings) -> tuple[float, list[Entry]]:
    started = time.monotonic()
    layers = run_naru(settings, *step.arguments, "--json").get("layers", [])
    seconds = round(time.monotonic() - started, 1)
    return seconds, [{**layer, "file": step.file, "seconds": seconds} for layer in layers]


def _steps(folder: Path, quick: bool) -> tuple[tuple[Step, ...], ...]:
    """Return the commands, those in one group side by side: each needs what the groups before it made.

    The quick river has no mesh, which takes as long as all the rest.
    """
    zoom = ("--maxzoom", str(QUICK_MAXZOOM)) if quick else ()

    def named(what: str) -> tuple[str, ...]:
        return ("--title", f"{TITLE_KO} {_KO[what]}", "--title-en", f"{TITLE_EN}: {what}", *_RIGHTS)

    def made_from(what: str, file: str, *words: str) -> Step:
        return Step(what, file, (*words, str(folder / file)))

    terrain = made_from("terrain", "terrain.yaml", "twin", "terrain")
    houses = made_from("buildings", "buildings.geojson", "ingest", "--id", BUILDINGS, *named("buildings"), *zoom)
    works = made_from("facilities", "facilities.csv", "twin", "facilities", "publish", "--id", FACILITIES)
    works = replace(works, arguments=(*works.arguments, *named("facilities"), "--terrain", TERRAIN, *_GEOID))
    houses = replace(houses, arguments=(*houses.arguments, "--function", "twin"))
    mesh = Step("mesh", "", ("twin", "mesh", TERRAIN, *_GEOID))
    models = Step("models of the buildings", "", ("twin", "models", BUILDINGS, "--terrain", TERRAIN, *_GEOID))
    storm = made_from("flood", "storm.yaml", "twin", "run", "--publish")
    return (terrain, houses), ((works, models) if quick else (mesh, works, models)), (storm,)
