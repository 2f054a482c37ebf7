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

DPI = 144
_LOOK: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.unicode_minus": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.linewidth": 1.5,
    "text.parse_math": False,  # names may hold a $
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
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        drawn = Drawn(figure, figure.subplots())
        yield drawn
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
        drawn.made.append(Picture(_small(stream), alt, round(size[0] * DPI), round(size[1] * DPI)))


def _small(stream: io.BytesIO) -> bytes:
    """Return the picture in 256 colours: a third of the bytes, and nobody sees it."""
    from PIL import Image

    out = io.BytesIO()
    with Image.open(stream) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=False)
    return out.getvalue()


def joined(both: Both) -> str:
    """Return both languages in one line."""
    return " · ".join(dict.fromkeys(text for text in both if text))


def clock_unit(longest_s: float) -> tuple[float, Both]:
    """Return in which unit times up to `longest_s` are read easily: its seconds, and its names.

    >>> clock_unit(30.0)[0], clock_unit(5400.0)[0], clock_unit(36000.0)[0]
    (1.0, 60.0, 3600.0)
    """
    if longest_s < 180:
        return 1.0, ("초", "s")
    if longest_s < 3 * 3600:
        return 60.0, ("분", "min")
    return 3600.0, ("시간", "h")
