"""A report on its way into the run's folder: what is hit is found, the document made, HTML and PDF written."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from naru import runs
from naru.errors import BadSpec
from naru.house import House
from naru.storage import disk_errors, sync_file, sync_folder
from twin.features import Placed
from twin.report import html, pdf
from twin.report.contents import Exposed, document
from twin.report.run_folder import RunFolder, open_run
from twin.scenario.places import Coordinates
from twin.scenario.shapes import Drawing, find_shapes
from twin.scenario.spec import ReportSpec, ShapeSource

HTML, PDF = "report.html", "report.pdf"
_KINDS = {"buildings": ("Polygon",), "roads": ("LineString", "Polygon"), "regions": ("Polygon",)}


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
    made = document(run, find_exposed(run, wish, house, warn), None if other is None else open_run(other))
    _write(folder, {HTML: html.render(made).encode("utf-8"), PDF: pdf.render(made)})
    outputs = {"report": HTML, "report.pdf": PDF}
    if not outputs.items() <= run.told["outputs"].items():
        told = {**run.told, "outputs": {**run.told["outputs"], **outputs}}
        _write(
            folder, {runs.MARK: (json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()}
        )
    return outputs


def find_exposed(run: RunFolder, wish: ReportSpec, house: House | None, warn: Callable[[str], None]) -> Exposed:
    """Return what may be hit, in the run's coordinates; nothing where the run has no CRS to bring it into."""
    frame = run.frame
    bounds = frame.bounds
    drawing = Drawing(Coordinates(frame.crs, "auto", str(run.path), warn, bounds), frame, house)
    return Exposed(**{name: _placed(getattr(wish, name), kinds, drawing) for name, kinds in _KINDS.items()})


def _placed(source: ShapeSource | None, kinds: Sequence[str], drawing: Drawing) -> Placed | None:
    """Return the shapes of the first kind of which there are any."""
    if source is None:
        return None
    for kind in kinds:
        try:
            found = find_shapes(source, kind, drawing)
        except BadSpec:
            if kind == kinds[-1]:
                raise
            continue
        name = source.layer or (source.file.name if source.file else "inline")
        return Placed(name, np.asarray(found.shapes), {**found.fields, "#name": list(found.names)})
    return None


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files aside and move them, so that a reader sees a whole one."""
    with disk_errors(folder):
        for name, data in files.items():
            aside = folder / f".{name}.part"
            aside.write_bytes(data)
            sync_file(aside)
            aside.replace(folder / name)
        sync_folder(folder)
