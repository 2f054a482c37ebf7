"""Reads the rasters among what was received; called by `ingest.vector` when there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.raster.looking import Look, look
from ingest.raster.opening import PICTURES
from ingest.receive import Dataset
from ingest.sandbox import Limits
from naru.errors import CrsUnknown

Found = Sequence[tuple[Dataset, str]]  # dataset, its format


def raster_entries(
    found: Found, params: Mapping[str, Any], workdir: Path, limits: Limits, several: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the entries of all rasters, and in words what was left out.

    A picture that lies nowhere is left out where it came with other data (`several`): a photograph, a legend.
    """
    wanted = Look(params["crs"], params.get("kind"), params.get("bands"))
    entries: list[dict[str, Any]] = []
    left_out: list[str] = []
    for number, (dataset, kind) in enumerate(found):
        if params["layers"] is not None and dataset.name not in params["layers"]:
            continue
        try:
            entries.append(look(dataset, kind, workdir / f"raster-{number:04d}", wanted, limits))
        except CrsUnknown as error:
            if kind not in PICTURES or not several:
                raise
            left_out.append(f"'{dataset.file}' was left out: {error.message}")
    return entries, left_out
