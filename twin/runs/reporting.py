"""The report of a run, written as its last station, before its layers go to the map."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from naru import runs
from naru.errors import NaruError, StorageFailed, UnknownLayer
from naru.house import House
from twin.report.wishes import keep_wish
from twin.runs.folder import write_aside
from twin.scenario.read_report import KINDS
from twin.scenario.records import Assembled
from twin.scenario.spec import ReportSpec


def wants_report(assembled: Assembled, *, shown: bool) -> bool:
    """Whether a run is reported on: where `report` or `outputs` ask for it, or a run is `shown` to others.

    A list of `outputs` without it asks for none.
    """
    if _wish(assembled).asked or "report" in assembled.outputs:
        return True
    return shown and not assembled.outputs


def check_layers(assembled: Assembled, house: House | None) -> None:
    """See before the water moves that the layers are there that the report counts. Raises UnknownLayer."""
    for name in KINDS:
        source = getattr(_wish(assembled), name)
        if source is not None and source.layer is not None and source.file is None:
            if house is None:
                raise UnknownLayer(source.layer)
            house.catalogue.layer(source.layer)


def add_report(folder: Path, assembled: Assembled, house: House | None, *, wanted: bool) -> Mapping[str, Any]:
    """Write down what the report counts, and the report if it is wanted; return what is new in what is told.

    A report that cannot be written costs no run: a warning says why. Raises StorageFailed.
    """
    keep_wish(folder, _wish(assembled))
    told = runs.told(folder) or {}
    if not wanted:
        return {}
    warnings: list[str] = list(told.get("warnings", ()))
    outputs = dict(told.get("outputs", {}))
    if not all((folder / outputs.get(name, "none")).is_file() for name in ("report", "report.pdf")):
        from twin.report.write import write_report

        try:
            outputs |= write_report(folder, _wish(assembled), house, lambda said: _add(warnings, said))
        except StorageFailed:
            raise
        except NaruError as error:
            _add(warnings, f"no report was written: {error.message}. `naru twin report` tries again")
        if warnings != told.get("warnings"):
            told = (runs.told(folder) or {}) | {"warnings": warnings}
            write_aside(folder / runs.MARK, json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    return {
        "outputs": {name: str(folder.absolute() / file) for name, file in outputs.items()},
        "warnings": warnings,
    }


def _add(warnings: list[str], said: str) -> None:
    if said not in warnings:
        warnings.append(said)


def _wish(assembled: Assembled) -> ReportSpec:
    return assembled.report or ReportSpec()
