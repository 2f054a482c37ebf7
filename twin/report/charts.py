"""Charts of a run: rain, stages, discharges, the balance over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from twin.grid import Floats
from twin.report.blocks import Picture
from twin.report.canvas import COLOURS, clock_unit, drawing, joined
from twin.report.classes import Both
from twin.report.lettering import label, printable

Series = Mapping[str, tuple[Floats, Floats]]
_MOST_LINES = 8


def hydrographs(series: Series, title: Both, unit: str) -> list[Picture]:
    """Return charts of series by time (s), some lines each."""
    names = list(series)
    return [
        lines({name: series[name] for name in names[first : first + _MOST_LINES]}, title, unit)
        for first in range(0, len(names), _MOST_LINES)
    ]


def lines(series: Series, title: Both, unit: str, dashed: Series | None = None) -> Picture:
    """Return a chart of some series; those in `dashed` have the colour of the one of the same name."""
    end_s = max((float(times[-1]) for times, _ in series.values() if len(times)), default=0.0)
    with drawing(title, (7.0, 2.7)) as drawn:
        part = clock_unit(end_s)[0]
        for colour, (name, (times, values)) in zip(COLOURS, series.items(), strict=False):
            drawn.axes.plot(times / part, values, color=colour, label=label(name))
            if dashed and name in dashed:
                drawn.axes.plot(dashed[name][0] / part, dashed[name][1], color=colour, ls=(0, (4, 2)), lw=1.1)
        _frame(drawn, title, unit, end_s)
        _legend(drawn)
    return drawn.picture


def hyetograph(times: Floats, millimetres_per_hour: Floats, title: Both) -> Picture:
    """Return a chart of rain: the mean of each stretch between output times."""
    with drawing(title, (7.0, 1.9)) as drawn:
        part = clock_unit(float(times[-1]))[0]
        drawn.axes.stairs(millimetres_per_hour, times / part, fill=True, color=COLOURS[0], alpha=0.8)
        _frame(drawn, title, "mm/h", float(times[-1]))
        drawn.axes.set(xlim=(0, times[-1] / part))
        drawn.axes.set_ylim(bottom=0)
    return drawn.picture


def balance(times: Floats, come: Mapping[str, Floats], gone: Mapping[str, Floats], stored: Floats) -> Picture:
    """Return a chart of what came (above), what left (below) and what is stored, m³ since the start."""
    title = ("누적 물수지", "water balance since the start")
    names = list(dict.fromkeys([*come, *gone]))
    colours = {name: COLOURS[1:][n % (len(COLOURS) - 1)] for n, name in enumerate(names)}
    with drawing(title, (7.0, 2.9)) as drawn:
        part, told = clock_unit(float(times[-1]))[0], set[str]()
        for sign, terms in ((1.0, come), (-1.0, gone)):
            base = np.zeros(len(times))
            for name, values in terms.items():
                top, words = base + sign * values, None if name in told else label(name)
                drawn.axes.fill_between(times / part, base, top, color=colours[name], alpha=0.55, lw=0, label=words)
                told.add(name)
                base = top
        drawn.axes.plot(times / part, stored, color=COLOURS[0], lw=2, label="저류 변화 · change of storage")
        drawn.axes.axhline(0, color="#111111", lw=0.8)
        _frame(drawn, title, "m³", float(times[-1]))
        _legend(drawn)
    return drawn.picture


def _frame(drawn: Any, title: Both, unit: str, end_s: float) -> None:
    drawn.axes.set(xlabel=joined(clock_unit(end_s)[1]), ylabel=unit)
    drawn.axes.set_title(printable(joined(title)))
    drawn.axes.margins(x=0)
    drawn.axes.ticklabel_format(axis="y", style="plain", useOffset=False)


def _legend(drawn: Any) -> None:
    drawn.figure.legend(loc="outside right upper", ncols=1)
