"""What the report of a run counts: `report:` of the scenario file."""

from __future__ import annotations

from typing import Any

from twin.fields import Fields
from twin.scenario.read_sources import group, shapes
from twin.scenario.spec import ReportSpec

KINDS = ("buildings", "roads", "regions")


def read_report(top: Fields) -> ReportSpec:
    """Return which buildings, roads and regions a report counts. Raises BadSpec, FileMissing."""
    if not top.has("report"):
        return ReportSpec()
    wish = group(top, top.get("report"), "report")
    found: dict[str, Any] = {name: shapes(wish, name) for name in KINDS if wish.has(name)}
    wish.done()
    return ReportSpec(**found, asked=True)
