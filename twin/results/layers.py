"""The layers that a finished run becomes: what is flooded, how deep at each time, and files beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from naru.errors import CrsUnknown, FileDamaged, FileMissing, NoFeatures
from naru.storage import disk_errors
from twin.grid import Frame, Values
from twin.results.animation import INDEX, pack
from twin.results.depths import write_depths, zooms_for
from twin.results.grids import write_cog
from twin.results.series_file import series_of

Part = dict[str, Any]
ASIDE = ".publish"  # under the run's folder
_REMEDY = "Run the scenario again; leave `outputs` out, or name {} there."


@dataclass(frozen=True)
class _Layer:
    suffix: str  # behind the scenario's id
    output: str  # of the run
    title_ko: str
    title_en: str
    unit: str
    ramp: str  # of styles/ramps.json


_DEPTH = _Layer("-depth", "max_depth", "시간별 침수심", "water depth over time", "m", "depth")
_LAYERS = (
    _Layer("-max-depth", "max_depth", "최대 침수심", "maximum water depth", "m", "depth"),
    _Layer("-max-velocity", "max_velocity", "최대 유속", "maximum flow speed", "m/s", "velocity"),
    _Layer("-max-hazard", "max_hazard", "최대 위험도", "maximum hazard rating", "", "hazard"),
    _Layer("-arrival", "arrival_time", "침수 시작 시간", "arrival time", "s", "arrival"),
    _Layer("-duration", "duration", "침수 지속 시간", "duration of flooding", "s", "duration"),
)
_DOCUMENTS = {"report": "report.html", "report.pdf": "report.pdf", "netcdf": "result.nc"}


def layer_ids(scenario: str) -> list[str]:
    """Return the ids of the layers that a run of a scenario can become."""
    return [scenario + layer.suffix for layer in (*_LAYERS, _DEPTH)]


def write_layers(folder: Path, run: Mapping[str, Any]) -> list[Part]:
    """Write the layers of a finished run; see `twin.results.publish.parts`."""
    frame = _frame(run)
    if not frame.crs:
        raise CrsUnknown(
            "the run's terrain has no coordinate reference system: its results lie nowhere on a map",
            remedy="Run it with a terrain that has a CRS, or look at the files with a GIS.",
        )
    aside = folder / ASIDE
    with disk_errors(aside):
        shutil.rmtree(aside, ignore_errors=True)  # of an attempt that was killed
        aside.mkdir(parents=True)
    shown_m = float(run["threshold_m"])
    flooded = _read(folder / "max_depth.tif") >= shown_m
    if not flooded.any():
        raise NoFeatures(
            f"nothing is flooded: the deepest water, {run['max_depth_m']:g} m, stays below {shown_m:g} m",
            field="threshold_m",
            remedy="Rain more, or take a lower threshold_m; the result's files are in the run's folder.",
        )
    out = [_layer(layer, folder, run, flooded) for layer in _LAYERS if (folder / f"{layer.output}.tif").exists()]
    if (folder / "result.nc").exists():
        out.append(_layer(_DEPTH, folder, run, flooded))
        out[-1]["assets"] = [_depths(folder, run, frame)]
    out[-1].setdefault("assets", []).extend(_beside(folder, run))
    return out


def forget_layers(folder: Path) -> None:
    """Delete what `write_layers` wrote. Raises StorageFailed."""
    aside = folder / ASIDE
    with disk_errors(aside):
        if aside.exists():
            shutil.rmtree(aside)


def _frame(run: Mapping[str, Any]) -> Frame:
    west, _, _, north = run["bounds"]
    return Frame(west, north, run["cell_m"], run["rows"], run["columns"], run["crs"] or "")


def _read(path: Path) -> Values:
    import rasterio
    from rasterio.errors import RasterioError

    if not path.exists():
        raise FileMissing(f"the run has no {path.name}", file=str(path), remedy=_REMEDY.format(path.stem))
    try:
        with rasterio.open(path) as raster:
            values: Values = raster.read(1)
    except RasterioError as error:
        raise FileDamaged(
            f"it cannot be read ({error})", file=str(path), remedy="Run the scenario again."
        ) from error
    return values


def _layer(layer: _Layer, folder: Path, run: Mapping[str, Any], flooded: Any) -> Part:
    """Write one raster, only where it is flooded; a film of rain would hide the map."""
    frame, name = _frame(run), f"{run['scenario']}{layer.suffix}"
    file, zooms = folder / ASIDE / f"{name}.tif", zooms_for(frame)
    shown = np.where(flooded, _read(folder / f"{layer.output}.tif"), np.nan)
    write_cog(file, shown, frame, (layer.title_en, layer.unit), {"COLOR_RAMP": layer.ramp})
    title = run["title"]
    return {
        "file": str(file),
        "id": name,
        "title_ko": f"{title['ko']} {layer.title_ko}",
        "title_en": f"{title['en']}: {layer.title_en}",
        "function": "twin",
        "visibility": run["visibility"],
        "licence": run["licence"],
        "attribution": run["attribution"],
        "kind": "data",
        "minzoom": zooms.minzoom,
        "maxzoom": zooms.maxzoom,
    }


# --- beside the layers ------------------------------------------------------------------------------


def _depths(folder: Path, run: Mapping[str, Any], frame: Frame) -> Part:
    """Write the asset "depths": the depths of all times, from result.nc."""
    import netCDF4

    path, file = folder / "result.nc", folder / ASIDE / "depths.tif"
    try:
        dataset = netCDF4.Dataset(path)
    except OSError as error:
        raise FileDamaged(
            f"it cannot be read ({error})", file=str(path), remedy="Run the scenario again."
        ) from error
    with dataset as result:
        result.set_auto_mask(False)
        depth, bed = result["depth"], result["bed_elevation"][:]
        times, deepest = len(result.dimensions["time"]), _read(folder / "max_depth.tif")

        def read(number: int, rows: slice) -> Values:
            out: Values = depth[number, rows] if number < times else deepest[rows]
            return out

        write_depths(file, frame, bed, times + 1, read, run["threshold_m"])
    about = {
        "times_s": run["times_s"],
        "start": run["start"],
        "shown_from_m": run["threshold_m"],
        "vertical_datum": run["vertical_datum"],
    }
    return {"name": "depths", "file": str(file), "about": about}


def _beside(folder: Path, run: Mapping[str, Any]) -> Iterator[Part]:
    """Yield the other assets; what stays in the run's folder too is copied, for assets are moved."""
    aside = folder / ASIDE
    told = dict(run) | {"outputs": {name: Path(path).name for name, path in run["outputs"].items()}}
    yield _json("run", told, aside)
    yield _json("series", series_of(folder, run), aside)
    if (folder / "frames" / INDEX).exists():
        file = aside / "frames.zip"
        pack(folder / "frames", file)
        index = json.loads((folder / "frames" / INDEX).read_text("utf-8"))
        yield {"name": "frames", "file": str(file), "about": {"frames": len(index["frames"])}}
    for name, file_name in _DOCUMENTS.items():
        if (folder / file_name).exists():
            with disk_errors(aside):
                shutil.copyfile(folder / file_name, aside / file_name)
            yield {"name": name, "file": str(aside / file_name), "about": {}}


def _json(name: str, content: Mapping[str, Any], aside: Path) -> Part:
    file = aside / f"{name}.json"
    with disk_errors(file):
        file.write_text(json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")), "utf-8")
    return {"name": name, "file": str(file), "about": {}}
