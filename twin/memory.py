"""What a terrain needs of memory, said before it is begun."""

from __future__ import annotations

import os
from pathlib import Path

from naru.errors import TooLarge
from twin.grid import Frame
from twin.spec_records import TerrainSpec

BYTES_PER_CELL = 90  # at the most crowded moment; 66 were measured at 21 million cells, 78 at 9 million
_SHARE = 0.7  # of the machine's memory that one terrain may take
_CGROUP = Path("/sys/fs/cgroup/memory.max")


def check_memory(frame: Frame, spec: TerrainSpec, memory: int | None = None) -> None:
    """Refuse a frame that the machine cannot hold. `memory` is in bytes (default: what this machine has).

    Raises:
        TooLarge: says how much it would need, and from which cell size on it fits.
    """
    memory = machine_memory() if memory is None else memory
    cells = frame.rows * frame.columns
    need, most = cells * BYTES_PER_CELL, int(memory * _SHARE)
    if need <= most:
        return
    fits = spec.cell_m * (need / most) ** 0.5
    raise TooLarge(
        f"{frame.columns} × {frame.rows} cells of {spec.cell_m:g} m need {need / 1e9:.1f} GB of memory "
        f"({BYTES_PER_CELL} bytes a cell); {most / 1e9:.1f} GB may be used here",
        file=str(spec.path),
        field="cell_m",
        remedy=f"Take cells of {fits:.2g} m or more, a smaller ground.margin_m, or a part of the river.",
    )


def machine_memory() -> int:
    """Return the bytes of memory that this process may use: the machine's, or its container's if that is less."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = _CGROUP.read_text().strip()
    except OSError:  # no container, or one of another kind
        return pages
    return min(pages, int(limit)) if limit.isdigit() else pages
