"""What a report counts, written down beside the run so that it can be made again; and read from options."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from naru.errors import FileDamaged, FileMissing
from naru.storage import disk_errors, sync_file
from twin.scenario.read_report import KINDS
from twin.scenario.read_sources import LAYER_ID
from twin.scenario.spec import ReportSpec, ShapeSource

_FILE = "report.json"


def keep_wish(folder: Path, wish: ReportSpec) -> None:
    """Write down what the scenario wants counted. Raises StorageFailed."""
    told: dict[str, Any] = {name: _told(getattr(wish, name)) for name in KINDS}
    path = folder / _FILE
    with disk_errors(path):
        aside = folder / f".{_FILE}.part"
        aside.write_text(json.dumps(told | {"coordinates": wish.coordinates}, ensure_ascii=False), "utf-8")
        sync_file(aside)
        aside.replace(path)


def kept_wish(folder: Path) -> ReportSpec:
    """Return what the run's scenario wanted counted; nothing where nothing is written down. Raises FileDamaged."""
    path = folder / _FILE
    if not path.exists():
        return ReportSpec()
    try:
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
        wish: dict[str, Any] = {name: told[name] and _source(told[name]) for name in KINDS}
        return ReportSpec(**wish, coordinates=str(told["coordinates"]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileDamaged(
            f"it cannot be read ({error})", file=str(path), remedy="Remove it, and name what to count by options."
        ) from error


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


def _told(source: ShapeSource | None) -> dict[str, Any] | None:
    if source is None:
        return None
    told = asdict(source)
    return {name: str(value) if isinstance(value, Path) else value for name, value in told.items()}


def _source(given: dict[str, Any]) -> ShapeSource:
    file = given["file"]
    points = tuple(tuple((float(x), float(y)) for x, y in ring) for ring in given["inline"])
    return ShapeSource(**{**given, "inline": points, "file": None if file is None else Path(file)})
