"""Charts of a run: rain, stages, discharges, the balance over time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from twin.grid import Floats
from twin.report.blocks import Picture
from twin.report.canvas import COLOURS, drawing
from twin.report.classes import Both

Series = Mapping[str, tuple[Floats, Floats]]
_MOST_LINES = 8


def hydrographs(series: Series, title: Both, unit: str) -> list[Picture]:
    """Return charts of series by time (s), some lines each."""
    names = list(series)
    return [
        _lines({name: series[name] for name in names[first : first + _MOST_LINES]}, title, unit)
        for first in range(0, len(names), _MOST_LINES)
    ]


def _lines(series: Series, title: Both, unit: str) -> Picture:
    with drawing(title, (7.0, 2.7)) as drawn:
        for colour, (name, (times, values)) in zip(COLOURS, series.items(), strict=False):
            drawn.axes.plot(times / 3600, values, color=colour, label=name)
        drawn.axes.set(xlabel="시간 · hours", ylabel=unit)
        drawn.axes.set_title(" · ".join(title), fontsize=10)
        drawn.axes.legend(fontsize=7, ncols=2)
        drawn.axes.margins(x=0)
    return drawn.picture


def hyetograph(times: Floats, millimetres_per_hour: Floats, title: Both) -> Picture:
    """Return a chart of rain: the mean of each stretch between output times."""
    with drawing(title, (7.0, 2.0)) as drawn:
        drawn.axes.stairs(millimetres_per_hour, times / 3600, fill=True, color=COLOURS[0], alpha=0.8)
        drawn.axes.set(xlabel="시간 · hours", ylabel="mm/h", xlim=(0, times[-1] / 3600))
        drawn.axes.set_title(" · ".join(title), fontsize=10)
    return drawn.picture


def balance(times: Floats, come: Mapping[str, Floats], gone: Mapping[str, Floats], stored: Floats) -> Picture:
    """Return a chart of what came (above), what left (below) and what is stored, m³ since the start."""
    title = ("물수지", "water balance")
    with drawing(title, (7.0, 2.9)) as drawn:
        for sign, terms in ((1.0, come), (-1.0, gone)):
            base = np.zeros(len(times))
            for colour, (name, values) in zip(COLOURS[1:] * 4, terms.items(), strict=False):
                top = base + sign * values
                drawn.axes.fill_between(times / 3600, base, top, color=colour, alpha=0.55, lw=0, label=name)
                base = top
        drawn.axes.plot(times / 3600, stored, color=COLOURS[0], lw=2, label="저류 변화 · change of storage")
        drawn.axes.axhline(0, color="#111111", lw=0.8)
        drawn.axes.set(xlabel="시간 · hours", ylabel="m³")
        drawn.axes.set_title(" · ".join(title), fontsize=10)
        drawn.axes.legend(fontsize=7, ncols=2)
        drawn.axes.margins(x=0)
    return drawn.picture
