"""Pictures of reports: one style for maps and charts, as PNG in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import matplotlib as mpl
from matplotlib.figure import Figure

from twin.report.blocks import Picture
from twin.report.classes import Both
from twin.report.lettering import family

_DPI = 144
_LOOK: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.unicode_minus": False,
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
}
COLOURS = ("#0b6fb8", "#d1495b", "#2a9d5c", "#8a5fbf", "#c98a1b", "#3b3b3b", "#17a2a2", "#a0522d")


@dataclass
class Drawn:
    """A picture while it is drawn."""

    figure: Any
    axes: Any
    made: list[Picture] = field(default_factory=list)

    @property
    def picture(self) -> Picture:
        """The finished picture."""
        return self.made[0]


@contextmanager
def drawing(alt: Both, size: tuple[float, float]) -> Iterator[Drawn]:
    """Give a figure with axes to draw on; afterwards its picture. `size` is inches."""
    with mpl.rc_context(cast("Any", _LOOK | {"font.family": family()})):
        figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
        drawn = Drawn(figure, figure.subplots())
        yield drawn
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
        drawn.made.append(Picture(stream.getvalue(), alt, round(size[0] * _DPI), round(size[1] * _DPI)))
