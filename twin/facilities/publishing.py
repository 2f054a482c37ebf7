"""Facilities become a layer: read → place → write → model → publish, all live in one moment or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from naru.errors import DatumRefused
from naru.house import House
from naru.records import Job, Progress
from naru.stations import part
from naru.work import find_handler
from twin.datum import Geoid
from twin.facilities.look import symbols
from twin.facilities.placing import check_places, find_ground
from twin.facilities.problems import FacilitiesRefused, Problems
from twin.facilities.reading import Wanted, read_facilities
from twin.facilities.records import Facilities
from twin.facilities.writing import to_dict, to_geojson

Part = dict[str, Any]  # an asset: name, file, about
MAXZOOM = 16  # a gate is a few metres wide
LAYER_WORDS = ("id", "title_ko", "title_en", "visibility", "licence", "attribution")


@dataclass(frozen=True)
class Checked:
    """Facilities that were found to be in order, and what was looked at."""

    facilities: Facilities
    terrain: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return what `naru twin facilities check --json` prints."""
        counts: dict[str, int] = {}
        for each in self.facilities.all:
            counts[each.type] = counts.get(each.type, 0) + 1
        unverified = sum(len(each.unverified) for each in self.facilities.all)
        numbers = sum(len(each.sources) for each in self.facilities.all)
        return {
            "facilities": len(self.facilities.all),
            "types": counts,
            "crs": self.facilities.crs,
            "crs_how": self.facilities.crs_how,
            "vertical_datum": self.facilities.vertical_datum,
            "terrain": self.terrain,
            "values": numbers,
            "values_unverified": unverified,
            "warnings": list(self.facilities.warnings),
        }


def check(house: House, path: Path, wanted: Wanted, terrain: str | None) -> Checked:
    """Read a file of facilities and, with a terrain, hold them against it.

    Raises:
        FacilitiesRefused: something is wrong with a facility; `problems` lists everything.
        NaruError: the file or the terrain cannot be read.
    """
    if terrain is None:
        return Checked(read_facilities(path, wanted), None)
    ground = find_ground(house, terrain)
    found = read_facilities(path, replace(wanted, into=wanted.into or ground.crs))
    problems = Problems()
    check_places(found, ground, problems)
    if problems.found:
        raise FacilitiesRefused(problems.found, str(path))
    return Checked(replace(found, warnings=(*found.warnings, *problems.warnings)), terrain)


def publish(house: House, job: Job, progress: Progress) -> dict[str, Any]:
    """Publish the file that the job names, with its models, as one layer.

    Raises what `check` and publishing a GeoJSON raise; nothing is published then.
    """
    params, folder = job.params, house.job_folder(job)
    progress(0.0, "reading the facilities")
    wanted = Wanted(params["crs"], params["vertical_datum"])
    checked = check(house, Path(params["file"]), wanted, params["terrain"])
    features = folder / "facilities.geojson"
    features.write_text(json.dumps(to_geojson(checked.facilities), ensure_ascii=False), encoding="utf-8")
    progress(0.2, "making their models")
    models, without = _models(house, checked, params, folder)
    assets = [_canonical(checked, folder), *models]
    one = {
        **{name: params[name] for name in LAYER_WORDS},
        "file": str(features),
        "name": Path(params["file"]).name,
        "function": "twin",
        "symbols": symbols(),
        "keep_all": True,
        "maxzoom": MAXZOOM,
        "assets": assets,
    }
    handler, rest = find_handler("together"), part(progress, 0.4, 1.0)
    layers = handler(house, replace(job, params={"parts": [one]}), rest)["layers"]
    told = checked.to_dict()
    told["warnings"] += without
    return {"layers": layers, **told, "models": models[0]["about"] if models else None}


def _canonical(checked: Checked, folder: Path) -> dict[str, Any]:
    file = folder / "canonical.json"
    document = to_dict(checked.facilities)
    file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    facts = ("facilities", "types", "crs", "vertical_datum", "terrain", "values", "values_unverified")
    said = checked.to_dict()
    about = {"format": document["format"], "version": document["version"]} | {name: said[name] for name in facts}
    return {"name": "facilities", "file": str(file), "about": about}


def _models(
    house: House, checked: Checked, params: Mapping[str, Any], folder: Path
) -> tuple[list[Part], list[str]]:
    """Make the 3D models, on the terrain where there is one; without a geoid none, and say so."""
    from twin.models.facilities import FacilityPlan
    from twin.models.publish import build_on_terrain, terrain_of

    file = folder / "models.3tz"
    terrain = terrain_of(house, checked.terrain)
    geoid = _geoid(params, terrain.undulation_m)
    plan = FacilityPlan(None, geoid, params["title_ko"] or "", params["attribution"] or "")
    try:
        made = build_on_terrain(checked.facilities, plan, terrain, file)
    except DatumRefused as refused:
        if geoid is not None or params["geoid"] is not None:
            raise
        return [], [f"no 3D models: {refused.message}; give --geoid-undulation or --geoid"]
    return [{"name": "models", "file": str(file), "about": made.about()}], []


def _geoid(params: Mapping[str, Any], mesh_m: float | None) -> Geoid | None:
    """Return what the user said of the geoid, else what the terrain's mesh stands on; None: PROJ's, if there."""
    if params["geoid_undulation_m"] is not None:
        return Geoid(undulation_m=params["geoid_undulation_m"])
    if params["geoid"] not in (None, "proj"):
        return Geoid(grid=Path(params["geoid"]))
    return None if mesh_m is None or params["geoid"] is not None else Geoid(undulation_m=mesh_m)
