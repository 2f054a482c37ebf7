"""Pictures of cases: one style for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

BED, WATER, REFERENCE, SECOND, THIRD = "#8a7f72", "#0b6fb8", "#111111", "#d1495b", "#2a9d5c"
_LOOK = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "savefig.dpi": 110,
}


@contextmanager
def picture(path: Path, rows: int = 1, columns: int = 1, size: tuple[float, float] = (7.2, 3.2)) -> Iterator[Any]:
    """Give axes to draw on (an array where there are several), and write them to `path` as PNG."""
    with mpl.rc_context(_LOOK):
        canvas = Canvas(figsize=size, layout="constrained")
        yield canvas.subplots(rows, columns)
        canvas.savefig(path, metadata={"Software": None})
