"""What a scenario that came over the net may reach: layers that its key may read, and the files that came along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from naru.errors import BadSpec, UnknownJob
from naru.grants import Grant
from naru.house import House
from naru.records import Job
from naru.run_sandbox import ReadableLayers
from twin.fields import only_beside


def library(house: House | None, job: Job | None) -> House | None:
    """Return the house as the one who handed a job in may read it."""
    if house is None or job is None or not job.params.get("grant"):
        return house
    grant = Grant.from_dict(job.params["grant"])
    return replace(
        house, catalogue=ReadableLayers(house.catalogue, grant, frozenset(job.params.get("functions", ())))
    )


@contextmanager
def confined(folder: Path | None) -> Iterator[None]:
    """Within this, a scenario finds files in `folder` only; None: wherever they are."""
    if folder is None:
        yield
        return
    with only_beside(folder):
        yield


def check_warm_start(mapping: Mapping[str, Any], house: House | None, job: Job | None) -> None:
    """Return if the run that a scenario over the net goes on from may be read by who handed it in.

    Raises:
        BadSpec: there is none, or it is another key's.
    """
    initial = mapping.get("initial")
    given = initial.get("warm_start") if isinstance(initial, Mapping) else None
    if given is None or house is None or job is None or not job.params.get("grant"):
        return
    grant = Grant.from_dict(job.params["grant"])
    try:
        before = house.jobs.job(str(given))
    except UnknownJob:
        before = None
    theirs = None if before is None else (before.params.get("grant") or {}).get("key")
    if before is None or before.kind != job.kind or not (grant.oversees or theirs == grant.key):
        raise BadSpec(
            f"field 'initial.warm_start' names '{given}', and there is no such run",
            field="initial.warm_start",
            remedy="/api/runs lists the runs that you may see.",
        )
