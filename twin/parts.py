"""A finished terrain on its way to the map: its files, and the parts of the job that publishes them at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from naru.storage import disk_errors
from twin.bed.records import Bed
from twin.burn import Burnt
from twin.burning.provenance import ORIGINS
from twin.rasters import BANDS, write_depth, write_grid, write_heights, write_provenance, write_roughness
from twin.spec_records import TerrainSpec
from twin.survey.records import Survey

Part = dict[str, Any]


@dataclass(frozen=True)
class _Raster:
    """One of the layers that a terrain becomes."""

    suffix: str  # behind the terrain's id
    title_ko: str
    title_en: str
    kind: str  # what the raster is: see `naru ingest --kind`


_HEIGHTS = _Raster("", "하상고", "bed elevation", "elevation")
_DEPTH = _Raster("-depth", "수심", "water depth", "data")
_ROUGHNESS = _Raster("-roughness", "조도계수", "Manning's n", "data")
_PROVENANCE = _Raster("-provenance", "자료 출처", "provenance of heights", "classes")


def write_parts(
    burnt: Burnt, bed: Bed, survey: Survey, river: dict[str, Any], spec: TerrainSpec, folder: Path
) -> list[Part]:
    """Write all files of a terrain into `folder`; return the parts of a job of kind "together".

    `river` is what the asset of that name holds.

    Raises:
        StorageFailed: the disk is full or not writable.
    """
    surfaces, frame = burnt.surfaces, burnt.frame
    files = {raster: folder / f"{spec.terrain}{raster.suffix}.tif" for raster in _shown(burnt)}
    write_heights(files[_HEIGHTS], surfaces.bed_elevation, frame)
    if surfaces.water_depth is not None and _DEPTH in files:
        write_depth(files[_DEPTH], surfaces.water_depth, frame)
    write_roughness(files[_ROUGHNESS], surfaces.manning_n, frame)
    write_provenance(files[_PROVENANCE], surfaces, frame)
    parts = [_part(raster, file, spec) for raster, file in files.items()]
    parts[0]["assets"] = [
        _grid(burnt, spec, folder / "grid.tif"),
        _river(river, folder / "river.json"),
        *_solids(bed, survey, spec, folder),
    ]
    return parts


def _shown(burnt: Burnt) -> list[_Raster]:
    depth = burnt.surfaces.water_depth
    wet = depth is not None and bool(np.nanmax(depth, initial=0) > 0)
    return [_HEIGHTS, *([_DEPTH] if wet else []), _ROUGHNESS, _PROVENANCE]


def _part(raster: _Raster, file: Path, spec: TerrainSpec) -> Part:
    ko, en = spec.title_ko or spec.terrain, spec.title_en or spec.terrain
    return {
        "file": str(file),
        "id": spec.terrain + raster.suffix,
        "title_ko": f"{ko} {raster.title_ko}",
        "title_en": f"{en}: {raster.title_en}",
        "function": "twin",
        "visibility": spec.visibility,
        "licence": spec.licence,
        "attribution": spec.attribution,
        "kind": raster.kind,
    }


def _grid(burnt: Burnt, spec: TerrainSpec, file: Path) -> Part:
    write_grid(file, burnt.surfaces, burnt.frame, spec.vertical_datum)
    stage = spec.water_stage_m
    about = {
        "crs": burnt.frame.crs,
        "cell_m": burnt.frame.cell_m,
        "rows": burnt.frame.rows,
        "columns": burnt.frame.columns,
        "bounds": list(burnt.frame.bounds),
        "vertical_datum": spec.vertical_datum,
        "bands": list(BANDS),
        "water_stage_m": None if stage is None else stage.constant_m,
        "provenance": {str(origin.code): origin.name for origin in ORIGINS},
    }
    return {"name": "grid", "file": str(file), "about": about}


def _river(river: dict[str, Any], file: Path) -> Part:
    with disk_errors(file):
        file.write_text(json.dumps(river, ensure_ascii=False, allow_nan=False, separators=(",", ":")), "utf-8")
    about = {
        "reaches": len(river["reaches"]),
        "sections": sum(len(reach["sections"]) for reach in river["reaches"]),
    }
    return {"name": "river", "file": str(file), "about": about}


def _solids(bed: Bed, survey: Survey, spec: TerrainSpec, folder: Path) -> list[Part]:
    from twin.mesh.solid import write_solids

    name = spec.title_ko or spec.terrain
    return write_solids(bed.elevation, bed.mask, folder, name=name, reaches=survey.reaches).assets()
