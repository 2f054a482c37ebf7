"""Every input of a run with its source, for the report: files by their SHA-256, layers by their version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from naru.house import House
from twin.scenario.read_sources import LAYER_ID
from twin.scenario.spec import RasterSource, RoughnessSpec, Scenario, ShapeSource

_CHUNK = 1 << 20


def all_inputs(scenario: Scenario, house: House | None, own_n: bool) -> list[Mapping[str, Any]]:
    """Return what went in: of each `role`, and `file` with `sha256`, `layer` with `version`, or `value`.

    `own_n`: the terrain has a roughness of its own.
    """
    found = [_told("scenario", {"file": scenario.file} if scenario.file.is_file() else {"value": scenario.name})]
    found += [_told(role, what) for role, what in _own(scenario)]
    if scenario.roughness == RoughnessSpec() and own_n:
        found.append(_told("manning_n", {"value": "the terrain's own"}))
    for part in (scenario.forcing, scenario.works):
        found += [dict(item) for item in part.inputs()] if part is not None else []
    hashes: dict[Path, str] = {}
    return [_completed(item, scenario, house, hashes) for item in found]


def _own(scenario: Scenario) -> Iterable[tuple[str, Mapping[str, Any]]]:
    yield "terrain", _of(scenario.terrain)
    if scenario.domain.polygon is not None:
        yield "domain", _of(scenario.domain.polygon)
    rough, begin = scenario.roughness, scenario.initial
    for source in (rough.raster, rough.cover, *(area.shapes for area in rough.areas)):
        if source is not None:
            yield "manning_n", _of(source)
    if rough.default is not None:
        yield "manning_n", {"value": f"{rough.default:g} s·m^-1/3"}
    for building in scenario.buildings:
        yield "buildings", {**_of(building.shapes), "as": building.treatment}
    if begin.stage_m is not None or begin.depth_m is not None:
        stage = begin.stage_m is not None
        value = begin.stage_m if stage else begin.depth_m
        yield "initial", {"value": f"{'stage' if stage else 'depth'} {value:g} m"}
    for water in (begin.stage, begin.depth, *(area.shapes for area in begin.areas)):
        if water is not None:
            yield "initial", _of(water)
    if begin.terrain:
        yield "initial", {"value": "the terrain's water_depth"}
    if begin.warm_start is not None:
        yield "initial", {"value": f"run {getattr(begin.warm_start, 'name', begin.warm_start)}"}
    for role, named in (("gauges", scenario.gauges), ("sections", scenario.sections)):
        if named.source is not None:
            yield role, _of(named.source)


def _of(source: RasterSource | ShapeSource) -> Mapping[str, Any]:
    if source.file is not None:
        return {"file": source.file}
    if source.layer is not None:
        return {"layer": source.layer}
    return {"value": "drawn in the scenario"}


def _told(role: str, what: Mapping[str, Any]) -> dict[str, Any]:
    return {"role": role, **what}


def _completed(
    item: dict[str, Any], scenario: Scenario, house: House | None, hashes: dict[Path, str]
) -> Mapping[str, Any]:
    """Return an input with its hash or version."""
    if "file" in item and "sha256" not in item:
        path = scenario.file.parent / str(item["file"])
        if not path.exists() and LAYER_ID.fullmatch(str(item["file"])):  # a raster that is named by a word alone
            item["layer"] = item.pop("file")
            return _completed(item, scenario, house, hashes)
        if path.exists():
            if path not in hashes:
                hashes[path] = _sha256(path)
            item["sha256"] = hashes[path]
        item["file"] = path.name + ("/" if path.is_dir() else "")
    if "layer" in item and "version" not in item and house is not None:
        layer = house.catalogue.layer(str(item["layer"]))
        item["version"] = layer.live.number
        said = {"attribution": layer.attribution, "licence": layer.licence}
        item.update({name: text for name, text in said.items() if text})
    return item


def _sha256(path: Path) -> str:
    """Return a file's SHA-256; a folder's is that of its files' names and bytes, in order."""
    digest = hashlib.sha256()
    for file in sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]:
        if path.is_dir():
            digest.update(file.name.encode())
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
