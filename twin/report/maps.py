"""Maps of a run: classes of depth and hazard, arrival times, differences, over the shaded ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Patch

from twin.features import Placed
from twin.grid import Frame, Values
from twin.report.blocks import Picture
from twin.report.canvas import drawing
from twin.report.classes import Both, Class, classify

_MOST_PIXELS = 1600
_WIDTH_IN = 7.0
_HIGHEST_IN = 8.5


class Maps:
    """Draws maps of one frame: all have the same ground, buildings and marks."""

    def __init__(self, frame: Frame, bed: Values | None, marks: Sequence[tuple[str, float, float]]) -> None:
        self.frame, self.marks = frame, marks
        self._thin = max(1, -(-max(frame.rows, frame.columns) // _MOST_PIXELS))
        self._shade = (
            None if bed is None else _hillshade(bed[:: self._thin, :: self._thin], frame.cell_m * self._thin)
        )
        self._outlines: list[Any] = []

    def with_buildings(self, found: Placed | None) -> Maps:
        """Draw the outlines of buildings too."""
        if found is not None:
            parts = shapely.get_parts(np.array([s for s in found.shapes if s is not None], object))
            box = shapely.box(*self.frame.bounds)
            kept = parts[shapely.intersects(parts, box)] if len(parts) else parts
            self._outlines = [
                shapely.get_coordinates(shapely.get_exterior_ring(p)) for p in kept if p.geom_type == "Polygon"
            ]
        return self

    def classed(self, values: Values, classes: tuple[Class, ...], title: Both) -> Picture:
        """Return a map of classes."""
        index = classify(self._part(values), classes).astype(float)
        colours = ListedColormap([each.colour for each in classes])
        with drawing(title, self._size()) as drawn:
            self._ground(drawn.axes, title)
            self._lay(
                drawn.axes, np.where(index < 0, np.nan, index), cmap=colours, vmin=-0.5, vmax=len(classes) - 0.5
            )
            self._over(drawn.axes)
            handles = [Patch(color=each.colour, label=each.name) for each in classes]
            drawn.axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, -0.06), ncols=3, fontsize=8)
        return drawn.picture

    def timed(self, seconds: Values, title: Both) -> Picture:
        """Return a map of times, in hours."""
        hours = self._part(seconds) / 3600
        return self._smooth(hours, title, ("시간", "hours"), cmap="viridis_r")

    def fast(self, speed: Values, title: Both) -> Picture:
        """Return a map of speeds."""
        bounds = [0, 0.1, 0.25, 0.5, 1, 2, 4, 8]
        values = self._part(speed)
        return self._smooth(
            values, title, ("m/s", "m/s"), cmap="YlOrRd", norm=BoundaryNorm(bounds, 256, extend="max")
        )

    def difference(self, change: Values, title: Both) -> Picture:
        """Return a map of differences, red where there is more."""
        values = self._part(change)
        most = max(0.05, float(np.nanpercentile(np.abs(values), 99)) if np.isfinite(values).any() else 0.05)
        return self._smooth(values, title, ("m", "m"), cmap="RdBu_r", vmin=-most, vmax=most)

    # --- parts ---------------------------------------------------------------------------------------

    def _size(self) -> tuple[float, float]:
        shape = self.frame.rows / self.frame.columns
        return _WIDTH_IN, float(np.clip(_WIDTH_IN * shape + 1.1, 2.6, _HIGHEST_IN))

    def _part(self, values: Values) -> Values:
        return values[:: self._thin, :: self._thin]

    def _extent(self) -> tuple[float, float, float, float]:
        west, south, east, north = self.frame.bounds
        return west, east, south, north

    def _smooth(self, values: Values, title: Both, unit: Both, **how: Any) -> Picture:
        with drawing(title, self._size()) as drawn:
            self._ground(drawn.axes, title)
            image = self._lay(drawn.axes, values, **how)
            self._over(drawn.axes)
            bar = drawn.figure.colorbar(image, ax=drawn.axes, shrink=0.7, pad=0.02)
            bar.set_label(" · ".join(dict.fromkeys(unit)))
        return drawn.picture

    def _lay(self, axes: Any, values: Values, **how: Any) -> Any:
        return axes.imshow(values, extent=self._extent(), interpolation="nearest", alpha=0.9, **how)

    def _ground(self, axes: Any, title: Both) -> None:
        if self._shade is not None:
            axes.imshow(
                self._shade, extent=self._extent(), cmap="gray", vmin=-0.4, vmax=1.15, interpolation="nearest"
            )
        axes.set_title(" · ".join(title), fontsize=10)
        axes.set_aspect("equal")
        axes.grid(visible=False)
        axes.tick_params(labelsize=7)
        axes.ticklabel_format(style="plain", useOffset=False)

    def _over(self, axes: Any) -> None:
        from matplotlib.collections import LineCollection

        if self._outlines:
            axes.add_collection(LineCollection(self._outlines, colors="#3b3b3b", linewidths=0.35, alpha=0.7))
        for name, x, y in self.marks:
            axes.plot(x, y, marker="v", color="#111111", ms=5, mec="white", mew=0.6)
            axes.annotate(name, (x, y), (4, 4), textcoords="offset points", fontsize=7)
        west, south, east, north = self.frame.bounds
        axes.set(xlim=(west, east), ylim=(south, north))
        _scale_bar(axes, self.frame)


def _scale_bar(axes: Any, frame: Frame) -> None:
    """Draw a bar of a round length, about a fifth of the map's width."""
    west, south, east, north = frame.bounds
    length = round_length((east - west) / 5)
    x, y = east - length - (east - west) * 0.03, south + (north - south) * 0.04
    axes.plot([x, x + length], [y, y], color="#111111", lw=2.2, solid_capstyle="butt")
    words = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.annotate(words, (x + length / 2, y), (0, 3), textcoords="offset points", ha="center", fontsize=7)


def round_length(length: float) -> float:
    """Return the longest of 1, 2 or 5 times a power of ten that is not above a length.

    >>> [round_length(v) for v in (0.3, 7.0, 20.0, 4999.0)]
    [0.2, 5.0, 20.0, 2000.0]
    """
    power = 10.0 ** np.floor(np.log10(length) + 1e-12)
    return float(next(step * power for step in (5, 2, 1) if step * power <= length * (1 + 1e-9)))


def _hillshade(bed: Values, cell_m: float) -> Values:
    """Return the light of a sun in the north-west, 45° high (Horn 1981); flat ground is shown steeper."""
    steep = np.nanstd(bed)
    down, across = np.gradient(np.nan_to_num(bed, nan=float(np.nanmean(bed))), cell_m)
    stretch = 1.0 if steep > 20 else 3.0
    slope = np.arctan(stretch * np.hypot(across, down))
    aspect = np.arctan2(down, -across)
    light = np.sin(np.pi / 4) * np.cos(slope) + np.cos(np.pi / 4) * np.sin(slope) * np.cos(np.radians(135) - aspect)
    out: Values = np.where(np.isnan(bed), np.nan, light)
    return out
