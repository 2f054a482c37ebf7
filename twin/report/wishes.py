"""What a report counts, written down beside the run so that it can be made again; and read from options."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from naru.errors import FileMissing
from naru.storage import disk_errors
from twin.scenario.read_sources import LAYER_ID
from twin.scenario.spec import ReportSpec, ShapeSource

_FILE = "report.json"


def keep_wish(folder: Path, wish: ReportSpec) -> None:
    """Write down what the scenario wants counted. Raises StorageFailed."""
    told = {name: None if source is None else _told(source) for name, source in _sources(wish).items()}
    with disk_errors(folder):
        (folder / _FILE).write_text(json.dumps(told, ensure_ascii=False), "utf-8")


def kept_wish(folder: Path) -> ReportSpec:
    """Return what the run's scenario wanted counted; nothing where nothing is written down."""
    path = folder / _FILE
    if not path.exists():
        return ReportSpec()
    told: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return ReportSpec(**{name: None if given is None else _source(given) for name, given in told.items()})


def source_of(text: str, option: str) -> ShapeSource:
    """Return what an option names: a file that is there, or else a layer. Raises FileMissing."""
    path = Path(text)
    if path.exists():
        return ShapeSource(file=path.absolute(), where=option)
    if LAYER_ID.fullmatch(text):
        return ShapeSource(layer=text, where=option)
    raise FileMissing(
        f"there is no file '{text}'", field=option, remedy="Name a file of shapes, or the id of a layer."
    )


def _sources(wish: ReportSpec) -> dict[str, ShapeSource | None]:
    return {each.name: getattr(wish, each.name) for each in fields(wish)}


def _told(source: ShapeSource) -> dict[str, Any]:
    told = asdict(source)
    return {name: str(value) if isinstance(value, Path) else value for name, value in told.items()}


def _source(given: dict[str, Any]) -> ShapeSource:
    file = given["file"]
    points = tuple(tuple((x, y) for x, y in ring) for ring in given["inline"])
    return ShapeSource(**{**given, "inline": points, "file": None if file is None else Path(file)})
