"""What a run that came over the net may take of the machine, seen before it is begun (the settings NARU_RUN_…)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from naru.errors import BadSpec, TooLarge
from naru.runs import Share
from twin.results.recorder import clock_words
from twin.runs.dry import Expected
from twin.scenario.records import Assembled

_BACKEND = "numba"


def check_members(count: int, share: Share) -> None:
    """Refuse an ensemble of too many. Raises TooLarge."""
    if count > share.members:
        raise TooLarge(
            f"it has {count} members, and {share.members} are the most that a run over HTTP may have here",
            field="vary",
            remedy="Vary fewer values.",
        )


def check_backend(mapping: Mapping[str, Any]) -> None:
    """Refuse what compiles its own code, which a confined process may not keep. Raises BadSpec."""
    if mapping.get("backend", _BACKEND) != _BACKEND:
        raise BadSpec(
            f"field 'backend' is '{mapping['backend']}', and a run over HTTP has {_BACKEND} only",
            field="backend",
            remedy="Leave it out, or have it run where the terrain is.",
        )


def check_time(takes: Expected, found: Assembled, members: int, share: Share) -> None:
    """Refuse a run that is expected to take more processor time than it may. Raises TooLarge: says how much."""
    needed = takes.cpu_s * members
    if needed <= share.cpu_s:
        return
    cell_m, end_s = found.domain.frame.cell_m, found.plan.end_s
    larger = cell_m * (needed / share.cpu_s) ** (1 / 3) * 1.05  # steps grow with 1/cell, cells with 1/cell²
    many = f" for each of {members} members" if members > 1 else ""
    raise TooLarge(
        f"it would take about {clock_words(needed)} of processor time ({takes.steps:,} steps of {takes.cells:,} "
        f"cells{many}), and {clock_words(share.cpu_s)} are the most that a run over HTTP may take here",
        field="domain.cell_m",
        remedy=f"Take cells of {larger:.3g} m or more, a smaller part of the terrain, "
        f"{clock_words(end_s * share.cpu_s / needed)} of flood or less, or have it run where the terrain is.",
    )
