"""The layers that an ensemble becomes: how likely each depth is, the deepest, and the mean."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from naru.errors import CrsUnknown, NoFeatures
from naru.storage import disk_errors
from twin.grid import Frame, Values
from twin.results.depths import zooms_for
from twin.results.grids import write_cog
from twin.results.layers import ASIDE
from twin.runs.statistics import THRESHOLDS_M

Part = dict[str, Any]


def parts(folder: Path, told: Mapping[str, Any]) -> list[Part]:
    """Write an ensemble's layers; return the parts of a job of kind "together".

    Raises:
        CrsUnknown: the terrain has no CRS: it lies nowhere on a map.
        NoFeatures: no member floods anything.
        StorageFailed: the disk is full or not writable.
    """
    if not told["crs"]:
        raise CrsUnknown(
            "the run's terrain has no coordinate reference system: its results lie nowhere on a map",
            remedy="Run it with a terrain that has a CRS, or look at the files with a GIS.",
        )
    aside = folder / ASIDE
    with disk_errors(aside):
        shutil.rmtree(aside, ignore_errors=True)  # of an attempt that was killed
        aside.mkdir(parents=True)
    flooded = _read(folder / "max_depth.tif") >= told["threshold_m"]
    if not flooded.any():
        raise NoFeatures(
            f"no member floods anything {told['threshold_m']:g} m deep",
            field="threshold_m",
            remedy="Rain more, or take a lower threshold_m; the result's files are in the run's folder.",
        )
    wanted = [("max-depth", "max_depth", "최대 침수심 (전체 사례)", "maximum water depth of all members", "depth")]
    wanted.append(("mean-depth", "mean_depth", "평균 침수심", "mean of the maximum water depths", "depth"))
    for threshold in THRESHOLDS_M:
        words = f"침수심 {threshold:g} m 이상 확률", f"probability of {threshold:g} m or more"
        wanted.append(
            (f"exceedance-{threshold:.1f}m".replace(".", "-"), f"exceedance_{threshold:.1f}m", *words, "share")
        )
    made = [_part(folder, told, each, flooded) for each in wanted]
    out = [part for part in made if part]
    out[0]["assets"] = _beside(folder, told)
    return out


def _part(folder: Path, told: Mapping[str, Any], words: tuple[str, ...], flooded: Any) -> Part | None:
    """Write one map, only where it shows something; None where it shows nothing."""
    suffix, output, title_ko, title_en, ramp = words
    west, _, _, north = told["bounds"]
    frame = Frame(west, north, told["cell_m"], told["rows"], told["columns"], told["crs"])
    values = _read(folder / f"{output}.tif")
    shown = np.where(flooded & (values > 0), values, np.nan)
    if np.isnan(shown).all():
        return None
    name, zooms = f"{told['scenario']}-{suffix}", zooms_for(frame)
    file = folder / ASIDE / f"{name}.tif"
    write_cog(file, shown, frame, (title_en, "" if output.startswith("exceedance") else "m"), {"COLOR_RAMP": ramp})
    title = told["title"]
    return {
        "file": str(file),
        "id": name,
        "title_ko": f"{title['ko']} {title_ko}",
        "title_en": f"{title['en']}: {title_en}",
        "function": "twin",
        "visibility": told["visibility"],
        "licence": told["licence"],
        "attribution": told["attribution"],
        "kind": "data",
        "minzoom": zooms.minzoom,
        "maxzoom": zooms.maxzoom,
    }


def _beside(folder: Path, told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the assets: "run", what run.json says without places on this machine's disk; the report."""
    file = folder / ASIDE / "run.json"
    named = dict(told) | {"outputs": {name: Path(path).name for name, path in told["outputs"].items()}}
    with disk_errors(file):
        file.write_text(json.dumps(named, ensure_ascii=False, allow_nan=False, separators=(",", ":")), "utf-8")
    out: list[dict[str, Any]] = [{"name": "run", "file": str(file), "about": {}}]
    for name, file_name in (("report", "report.html"), ("report.pdf", "report.pdf")):
        if (folder / file_name).exists():
            with disk_errors(aside := folder / ASIDE):
                shutil.copyfile(folder / file_name, aside / file_name)
            out.append({"name": name, "file": str(aside / file_name), "about": {}})
    return out


def _read(path: Path) -> Values:
    with rasterio.open(path) as raster:
        values: Values = raster.read(1)
    return values
