"""What the report of a run counts: `report:` of the scenario file."""

from __future__ import annotations

from dataclasses import fields

from twin.fields import Fields
from twin.scenario.read_sources import group, shapes
from twin.scenario.spec import ReportSpec


def read_report(top: Fields) -> ReportSpec:
    """Return which buildings, roads and regions a report counts. Raises BadSpec, FileMissing."""
    if not top.has("report"):
        return ReportSpec()
    wish = group(top, top.get("report"), "report")
    names = [field.name for field in fields(ReportSpec)]
    found = ReportSpec(**{name: shapes(wish, name) if wish.has(name) else None for name in names})
    wish.done()
    return found
