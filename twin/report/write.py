"""A report on its way into the run's folder: what is hit is found, the document made, HTML and PDF written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from naru import runs
from naru.errors import BadSpec, BadSurvey
from naru.house import House
from naru.storage import disk_errors, file_hash, sync_file, sync_folder
from twin.report import html, pdf
from twin.report.affected import Things
from twin.report.contents import document
from twin.report.ensembles import ensemble
from twin.report.exposed import Exposed
from twin.report.run_folder import RunFolder, open_run
from twin.scenario.places import Coordinates
from twin.scenario.shapes import Drawing, Found, find_shapes
from twin.scenario.spec import ReportSpec, ShapeSource

HTML, PDF = "report.html", "report.pdf"
_KINDS = {"buildings": ("Polygon",), "roads": ("LineString", "Polygon"), "regions": ("Polygon",)}
_NAMES = ("dong_name", "adm_nm", "ADM_NM", "EMD_KOR_NM", "EMD_NM", "행정동명", "법정동명", "동이름")


def write_report(
    folder: Path, wish: ReportSpec, house: House | None, warn: Callable[[str], None], other: Path | None = None
) -> dict[str, str]:
    """Write `report.html` and `report.pdf` into a finished run's folder; return their names by output.

    `other` is the folder of a run to compare with.

    Raises:
        UnknownRun: there is no finished run in a folder.
        BadSpec, FileMissing, UnknownLayer and their kinds: what is to be counted cannot be read, or the other
            run has other cells.
        StorageFailed: the disk is full or not writable.
    """
    run = open_run(folder)
    tell = ensemble if run.told.get("kind") == "ensemble" else document
    made = tell(run, find_exposed(run, wish, house, warn), None if other is None else open_run(other))
    _write(folder, {HTML: html.render(made).encode("utf-8"), PDF: pdf.render(made)})
    outputs = {"report": HTML, "report.pdf": PDF}
    if not outputs.items() <= run.told["outputs"].items():
        told = {**run.told, "outputs": {**run.told["outputs"], **outputs}}
        _write(
            folder, {runs.MARK: (json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()}
        )
    return outputs


def find_exposed(run: RunFolder, wish: ReportSpec, house: House | None, warn: Callable[[str], None]) -> Exposed:
    """Return what may be hit, in the run's coordinates (those of a file as they are where the run has no CRS)."""
    drawing = Drawing(
        Coordinates(run.frame.crs, wish.coordinates, str(run.path), warn, run.frame.bounds), run.frame, house
    )
    found: dict[str, Things] = {}
    inputs = []
    for name, kinds in _KINDS.items():
        source = getattr(wish, name)
        if source is not None:
            found[name] = _things(source, kinds, drawing)
            inputs.append({"role": f"report: {name}", **_input(source, house)})
            if not shapely.intersects(found[name].shapes, shapely.box(*run.frame.bounds)).any():
                warn(f"{source.where}: none of the {name} lies in the domain")
    return Exposed(**found, inputs=tuple(inputs))


def _things(source: ShapeSource, kinds: Sequence[str], drawing: Drawing) -> Things:
    """Return the shapes of the first kind of which there are any."""
    for kind in kinds:
        try:
            found = find_shapes(source, kind, drawing)
        except (BadSpec, BadSurvey):  # it holds none of that kind; what else is wrong the last one says too
            if kind == kinds[-1]:
                raise
            continue
        shapes = np.asarray(found.shapes, object)
        there = np.array([shape is not None and not shape.is_empty for shape in shapes], bool)
        names = [name for name, is_there in zip(_names(source, found), there, strict=True) if is_there]
        return Things(shapes[there], tuple(names))
    raise AssertionError(kinds)


def _names(source: ShapeSource, found: Found) -> list[str]:
    """Return what shapes are called: by the column that is said, else by one of administrative names."""
    field = None if "name" in source.columns else next((name for name in _NAMES if name in found.fields), None)
    if field is None:
        return found.names
    return [
        name if value in (None, "") else str(value)
        for name, value in zip(found.names, found.fields[field], strict=True)
    ]


def _input(source: ShapeSource, house: House | None) -> Mapping[str, Any]:
    """Return where it comes from, as run.json tells of inputs."""
    if source.file is not None:
        whole = {"sha256": file_hash(source.file)} if source.file.is_file() else {}
        return {"file": source.file.name, **whole}
    if source.layer is not None and house is not None:
        layer = house.catalogue.layer(source.layer)
        said = {"attribution": layer.attribution, "licence": layer.licence}
        return {"layer": source.layer, "version": layer.live.number, **said}
    return {"value": "drawn in the scenario"}


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files aside and move them, so that a reader sees a whole one."""
    with disk_errors(folder):
        for name, data in files.items():
            aside = folder / f".{name}.part"
            aside.write_bytes(data)
            sync_file(aside)
            aside.replace(folder / name)
        sync_folder(folder)
