"""A finished run on its way to the map: the parts of the job of kind "together" that publishes them at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Part = dict[str, Any]


def parts(folder: Path, run: Mapping[str, Any]) -> list[Part]:
    """Write the layers of a finished run; return the parts of a job of kind "together".

    `folder` is the run's, `run` what `Recorder.finish` returned (or its run.json). Files for the job are made under
    `folder/.publish`; `tidy` deletes them when it is done.

    Raises:
        CrsUnknown: the run's terrain has no CRS: it lies nowhere on a map.
        StorageFailed: the disk is full or not writable.
    """
    from twin.results.layers import write_layers

    return write_layers(folder, run)


def tidy(folder: Path) -> None:
    """Delete what `parts` made and the job left."""
    from twin.results.layers import forget_layers

    forget_layers(folder)
