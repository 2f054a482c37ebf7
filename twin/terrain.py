"""A survey becomes a terrain: load → interpolate → burn → check → collect → publish.

`make_terrain` names the stations; each is a short function. Nothing is published before all of it is made, and
then all at once: by the job of kind "together", in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from naru.errors import BadSurvey
from naru.house import House
from naru.records import Job, Progress
from naru.stations import part
from naru.work import find_handler
from twin import river_facts
from twin.bed.interpolate import interpolate_bed
from twin.bed.records import Bed
from twin.burn import Burnt, Obstacles, burn
from twin.burning.provenance import ORIGINS
from twin.grid import Grid
from twin.ground import load_ground
from twin.memory import check_memory
from twin.obstacles import read_decks, read_footprints, read_levees
from twin.parts import Part, write_parts
from twin.spec_records import TerrainSpec
from twin.stage import StageLine, stage_lines
from twin.survey.load import load_survey
from twin.survey.records import CrossSection, Survey

_FEWEST_ACROSS = 5.0  # cells from bank to bank: with fewer the thalweg and the banks fall between cells


@dataclass(frozen=True)
class Loaded:
    """All that a terrain is made from."""

    survey: Survey
    ground: Grid
    obstacles: Obstacles
    stages: tuple[StageLine, ...]  # by reach; none: no depths are wanted
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Terrain:
    """A terrain that is made, and not yet published."""

    loaded: Loaded
    bed: Bed
    burnt: Burnt

    @property
    def warnings(self) -> tuple[str, ...]:
        """All that was remarkable, in the order of the work, each once."""
        return tuple(dict.fromkeys([*self.loaded.warnings, *self.bed.warnings, *self.burnt.warnings]))


def make_terrain(
    house: House, spec: TerrainSpec, workdir: Path, progress: Progress, job: Job | None
) -> Mapping[str, Any]:
    """Make the terrain of a terrain file and publish it; without a `job` nothing is published (a dry run).

    `workdir` is where its files are written. `job` is finished in the transaction that publishes: cancelled or
    taken over before, it publishes nothing.

    Raises:
        NaruError: why it cannot be; it names the file, section or field. Nothing is published then.
    """
    loaded = load(house, spec, part(progress, 0.0, 0.15))
    bed = interpolate(loaded, spec, part(progress, 0.15, 0.35))
    burnt = burn_in(loaded, bed, spec, part(progress, 0.35, 0.5))
    terrain = check(Terrain(loaded, bed, burnt), spec)
    parts = collect(terrain, spec, workdir, part(progress, 0.5, 0.6))
    layers = publish(house, parts, job, part(progress, 0.6, 1.0)) if job else _planned(parts)
    return told(terrain, spec) | {"layers": layers, "files": [asset["name"] for asset in parts[0]["assets"]]}


def load(house: House, spec: TerrainSpec, progress: Progress) -> Loaded:
    """Read the survey, the ground and what stands on it. Raises BadInput and its kinds, UnknownLayer."""
    progress(0.0, "reading the survey")
    survey = load_survey(spec)
    stages = stage_lines(spec, survey)
    levees, decks = tuple(read_levees(spec)), tuple(read_decks(spec))
    progress(0.4, "reading the ground")
    heard: list[str] = [*spec.warnings, *survey.warnings, *_narrow(survey, spec.cell_m)]
    ground = load_ground(house, spec, survey, heard.append)
    check_memory(ground.frame, spec)
    footprints = read_footprints(house, spec, ground.frame)
    return Loaded(survey, ground, Obstacles(levees, decks, footprints), stages, tuple(heard))


def _narrow(survey: Survey, cell_m: float) -> list[str]:
    """Return a warning for each reach that has too few cells from bank to bank to hold its bed."""
    out = []
    for reach in survey.reaches:
        width = float(np.median([_width(section) for section in reach.sections]))
        if width < _FEWEST_ACROSS * cell_m:
            across = f"{width:.3g} m wide, {width / cell_m:.2g} cells of {cell_m:g} m"
            smaller = f"take `cell_m: {width / _FEWEST_ACROSS:.2g}` or less"
            out.append(f"reach '{reach.id}' is {across}: its thalweg and banks fall between cells; {smaller}")
    return out


def _width(section: CrossSection) -> float:
    first, last = section.banks or (0, -1)
    return float(np.hypot(section.x[last] - section.x[first], section.y[last] - section.y[first]))


def interpolate(loaded: Loaded, spec: TerrainSpec, progress: Progress) -> Bed:
    """Return the bed between the sections. Raises BadSurvey."""
    progress(0.0, "interpolating the bed")
    return interpolate_bed(loaded.survey, loaded.ground.frame, spec.method, ground=loaded.ground)


def burn_in(loaded: Loaded, bed: Bed, spec: TerrainSpec, progress: Progress) -> Burnt:
    """Return the ground with the bed in it, depths, roughness and provenance."""
    progress(0.0, "burning the bed into the ground")
    return burn(loaded.ground, loaded.survey, bed, loaded.obstacles, loaded.stages, spec)


def check(terrain: Terrain, spec: TerrainSpec) -> Terrain:
    """Return the terrain if it is one.

    Raises:
        BadSurvey: no cell lies in the channel (cells too large, or the survey beside the ground).
    """
    channel = terrain.bed.mask
    if not channel.any() or not np.isfinite(terrain.burnt.surfaces.bed_elevation[channel]).all():
        raise BadSurvey(
            f"no cell of {spec.cell_m:g} m lies between the banks",
            file=str(spec.path),
            field="cell_m",
            remedy="Take smaller cells, at most a fifth of the river's width.",
        )
    return terrain


def collect(terrain: Terrain, spec: TerrainSpec, workdir: Path, progress: Progress) -> list[Part]:
    """Write the terrain's files; return the parts to be published. Raises StorageFailed."""
    progress(0.0, "writing the terrain's files")
    lonlat = river_facts.to_lonlat(spec.crs)
    lines = river_facts.reaches(terrain.loaded.survey, terrain.bed, terrain.loaded.stages, lonlat)
    river = {"reaches": lines, **told(terrain, spec), "sources": sources(spec)}
    return write_parts(terrain.burnt, terrain.bed, terrain.loaded.survey, river, spec, workdir)


def publish(house: House, parts: list[Part], job: Job, progress: Progress) -> list[Mapping[str, Any]]:
    """Make all layers and assets live in one transaction. Raises what taking in a raster raises."""
    handler = find_handler("together")
    layers: list[Mapping[str, Any]] = handler(house, replace(job, params={"parts": parts}), progress)["layers"]
    return layers


def _planned(parts: list[Part]) -> list[Mapping[str, Any]]:
    return [{"id": p["id"], "kind": "raster", "title": {"ko": p["title_ko"], "en": p["title_en"]}} for p in parts]


def told(terrain: Terrain, spec: TerrainSpec) -> dict[str, Any]:
    """Return what is to be said of a terrain, to people and to machines."""
    burnt, bed, frame = terrain.burnt, terrain.bed, terrain.burnt.frame
    step, before = burnt.step, burnt.step_before
    volumes = {o.name: asdict(v) for o, v in zip(ORIGINS, burnt.volumes, strict=True) if v.cut_m3 or v.fill_m3}
    return {
        "terrain": spec.terrain,
        "leave_one_out": river_facts.scores(bed.scores),
        "chosen_method": bed.method,
        "deviation_m": round(bed.deviation_m, 4),
        "volume_change_m3": round(burnt.volume.net_m3, 3),
        "cut_m3": round(burnt.volume.cut_m3, 3),
        "fill_m3": round(burnt.volume.fill_m3, 3),
        "volumes_m3": volumes,
        "max_bank_step_m": None if step is None else round(step.step_m, 4),
        "max_bank_step_at": None if step is None else [round(step.x, 2), round(step.y, 2)],
        "max_bank_step_before_m": None if before is None else round(before.step_m, 4),
        "max_bank_gap_m": None if burnt.gap_m is None else round(burnt.gap_m, 4),
        "max_bank_gap_before_m": None if burnt.gap_before_m is None else round(burnt.gap_before_m, 4),
        "crs": frame.crs,
        "cell_m": frame.cell_m,
        "rows": frame.rows,
        "columns": frame.columns,
        "bounds": [round(v, 3) for v in frame.bounds],
        "vertical_datum": spec.vertical_datum,
        "cells": {o.name: int((burnt.surfaces.provenance == o.code).sum()) for o in ORIGINS},
        "warnings": list(terrain.warnings),
    }


def sources(spec: TerrainSpec) -> list[dict[str, Any]]:
    """Return what the terrain was made from: what each file or layer was for, and its name (no paths)."""
    ground = (
        [{"layer": spec.ground.layer}]
        if spec.ground.layer
        else [{"file": s.file.name} for s in spec.ground.sources]
    )
    out: list[dict[str, Any]] = [{"role": "ground", **each} for each in ground]
    for role in ("sections", "soundings"):
        out += [{"role": role, "file": source.file.name} for source in getattr(spec, role)]
    for role in ("centreline", "banks", "islands", "levees", "bridges"):
        source = getattr(spec, role)
        out += [{"role": role, "file": source.file.name}] if source else []
    if spec.buildings and spec.buildings.treatment != "ignore":
        source, layer = spec.buildings.source, spec.buildings.layer
        out.append({"role": "buildings", **({"file": source.file.name} if source else {"layer": layer})})
    return out
