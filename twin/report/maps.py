"""Maps of a run: classes of depth and hazard, arrival times, differences, over the shaded ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Patch

from twin.grid import Floats, Frame, Values
from twin.report.affected import Things
from twin.report.blocks import Picture
from twin.report.canvas import clock_unit, drawing, joined
from twin.report.classes import Both, Class, classify
from twin.report.lettering import label, printable

_MOST_PIXELS = 1200
_APART = (0.1, 0.035)  # of the map's width: names nearer to each other would hide one another
_MOST_OUTLINES = 20_000
_FLAT = 0.45  # of its width: a map less high has its bar below
_WIDTH_IN = 7.0
_HIGHEST_IN = 8.5
_SPEEDS = (0, 0.1, 0.25, 0.5, 1, 2, 4, 8)  # m/s


@dataclass(frozen=True)
class Mark:
    """A gauge (one point) or a structure (its point, line or outline) on maps."""

    name: str
    xy: Floats  # n × 2
    is_gauge: bool = True

    @property
    def middle(self) -> Floats:
        """Where its name stands."""
        out: Floats = self.xy.mean(0) if len(self.xy) == 2 else self.xy[len(self.xy) // 2]
        return out


class Maps:
    """Draws maps of one frame: all have the same ground, buildings and marks."""

    def __init__(self, frame: Frame, bed: Values | None, marks: Sequence[Mark]) -> None:
        self.frame, self.marks = frame, marks
        self._thin = max(1, -(-max(frame.rows, frame.columns) // _MOST_PIXELS))
        self._shade = (
            None if bed is None else _hillshade(bed[:: self._thin, :: self._thin], frame.cell_m * self._thin)
        )
        self._outlines: list[Any] = []

    def with_buildings(self, found: Things | None) -> Maps:
        """Draw the outlines of buildings too."""
        if found is not None and len(found.shapes):
            parts = shapely.get_parts(found.shapes)
            kept = parts[shapely.intersects(parts, shapely.box(*self.frame.bounds))]
            if len(kept) <= _MOST_OUTLINES:
                self._outlines = [shapely.get_coordinates(shapely.get_exterior_ring(p)) for p in kept]
        return self

    def classed(self, values: Values, classes: tuple[Class, ...], title: Both) -> Picture:
        """Return a map of classes."""
        index = classify(self._part(values), classes).astype(float)
        colours = ListedColormap([each.colour for each in classes])
        with drawing(title, self._size(0.5)) as drawn:
            self._ground(drawn.axes, title)
            self._lay(
                drawn.axes, np.where(index < 0, np.nan, index), cmap=colours, vmin=-0.5, vmax=len(classes) - 0.5
            )
            self._over(drawn.axes)
            handles = [Patch(color=each.colour, label=each.name) for each in classes]
            columns = 2 if max(len(each.name) for each in classes) > 28 else 3
            drawn.figure.legend(handles=handles, loc="outside lower center", ncols=columns)
        return drawn.picture

    def deep(self, depth: Values, title: Both) -> Picture:
        """Return a map of depths, m, from 0 to the deepest."""
        most = float(np.nanmax(depth)) if np.isfinite(depth).any() else 1.0
        return self._smooth(self._part(depth), title, ("m", "m"), cmap="Blues", vmin=0, vmax=most)

    def share(self, share: Values, title: Both) -> Picture:
        """Return a map of shares from 0 to 1."""
        return self._smooth(self._part(share), title, ("비율", "share"), cmap="YlGnBu", vmin=0, vmax=1)

    def timed(self, seconds: Values, title: Both, end_s: float) -> Picture:
        """Return a map of times from the start to `end_s`."""
        part, unit = clock_unit(end_s)
        return self._smooth(self._part(seconds) / part, title, unit, cmap="viridis_r", vmin=0, vmax=end_s / part)

    def fast(self, speed: Values, title: Both) -> Picture:
        """Return a map of speeds."""
        norm = BoundaryNorm(_SPEEDS, 256, extend="max")
        return self._smooth(self._part(speed), title, ("m/s", "m/s"), cmap="YlOrRd", norm=norm)

    def difference(self, change: Values, title: Both) -> Picture:
        """Return a map of differences, red where there is more."""
        values = self._part(change)
        most = max(0.05, float(np.nanpercentile(np.abs(values), 99)) if np.isfinite(values).any() else 0.05)
        return self._smooth(values, title, ("m", "m"), cmap="RdBu_r", vmin=-most, vmax=most, extend="both")

    # --- parts ---------------------------------------------------------------------------------------

    def _size(self, legend_in: float) -> tuple[float, float]:
        shape = self.frame.rows / self.frame.columns
        return _WIDTH_IN, float(np.clip(_WIDTH_IN * shape * 0.9 + 0.5 + legend_in, 2.4, _HIGHEST_IN))

    def _part(self, values: Values) -> Values:
        return values[:: self._thin, :: self._thin]

    def _extent(self) -> tuple[float, float, float, float]:
        west, south, east, north = self.frame.bounds
        return west, east, south, north

    def _smooth(self, values: Values, title: Both, unit: Both, **how: Any) -> Picture:
        extend = how.pop("extend", None)
        is_flat = self.frame.rows < _FLAT * self.frame.columns
        with drawing(title, self._size(0.6 if is_flat else 0.0)) as drawn:
            self._ground(drawn.axes, title)
            image = self._lay(drawn.axes, values, **how)
            self._over(drawn.axes)
            bar = drawn.figure.colorbar(
                image,
                ax=drawn.axes,
                shrink=0.7,
                pad=0.02,
                format="%g",
                orientation="horizontal" if is_flat else "vertical",
                **({"aspect": 40} if is_flat else {}),
                **({"extend": extend} if extend else {}),
            )
            bar.ax.tick_params(labelsize=7)
            bar.set_label(joined(unit))
        return drawn.picture

    def _lay(self, axes: Any, values: Values, **how: Any) -> Any:
        return axes.imshow(values, extent=self._extent(), interpolation="nearest", alpha=0.9, **how)

    def _ground(self, axes: Any, title: Both) -> None:
        if self._shade is not None:
            axes.imshow(
                self._shade, extent=self._extent(), cmap="gray", vmin=-0.4, vmax=1.1, interpolation="nearest"
            )
        axes.set_title(printable(joined(title)))
        axes.set_aspect("equal")
        axes.grid(visible=False)
        axes.tick_params(labelsize=6.5)
        axes.locator_params(nbins=6)
        axes.ticklabel_format(style="plain", useOffset=False)

    def _named(self) -> list[bool]:
        """Return which marks are named: each that is not too near to one before it of its kind."""
        west, _, east, _ = self.frame.bounds
        taken: dict[bool, list[Floats]] = {True: [], False: []}
        out = []
        for mark in self.marks:
            place = mark.middle / (east - west)
            near = any((np.abs(place - other) < _APART).all() for other in taken[mark.is_gauge])
            if not near:
                taken[mark.is_gauge].append(place)
            out.append(not near)
        return out

    def _over(self, axes: Any) -> None:
        from matplotlib.collections import LineCollection

        if self._outlines:
            axes.add_collection(LineCollection(self._outlines, colors="#3b3b3b", linewidths=0.35, alpha=0.7))
        west, south, east, north = self.frame.bounds
        axes.set(xlim=(west, east), ylim=(south, north))
        for mark, is_named in zip(self.marks, self._named(), strict=True):
            _mark(axes, mark, named=is_named)
        _scale_bar(axes, self.frame)
        _north(axes)


def _mark(axes: Any, mark: Mark, *, named: bool) -> None:
    """Draw a gauge as a triangle, a structure as its line or a square."""
    colour = "#111111" if mark.is_gauge else "#7a1fa2"
    if len(mark.xy) > 1:
        axes.plot(*mark.xy.T, color=colour, lw=1.4, solid_capstyle="round")
    else:
        shape = "v" if mark.is_gauge else "s"
        axes.plot(*mark.xy[0], marker=shape, color=colour, ms=5 if named else 2.5, mec="white", mew=0.5)
    if named:
        axes.annotate(
            label(mark.name, 18),
            tuple(mark.middle),
            (4, 4 if mark.is_gauge else -9),
            textcoords="offset points",
            fontsize=6.5,
            color=colour,
            annotation_clip=True,
            clip_on=True,
            path_effects=_halo(),
        )


def _halo() -> list[Any]:
    from matplotlib import patheffects

    return [patheffects.withStroke(linewidth=1.6, foreground="white")]


def _north(axes: Any) -> None:
    """Draw an arrow in the corner: rows run from the north."""
    how = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center", "path_effects": _halo()}
    axes.annotate("▲", (0, 1), (11, -11), fontsize=8, va="center", **how)
    axes.annotate("N", (0, 1), (11, -20), fontsize=8, va="center", **how)


def _scale_bar(axes: Any, frame: Frame) -> None:
    """Draw a bar of a round length, about a fifth of the map's width."""
    west, south, east, north = frame.bounds
    length = round_length((east - west) / 5)
    x, y = east - length - (east - west) * 0.03, south + (north - south) * 0.04
    axes.plot([x, x + length], [y, y], color="#111111", lw=2.2, solid_capstyle="butt")
    words = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.annotate(
        words,
        (x + length / 2, y),
        (0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=7,
        path_effects=_halo(),
    )


def round_length(length: float) -> float:
    """Return the longest of 1, 2 or 5 times a power of ten that is not above a length.

    >>> [round_length(v) for v in (0.3, 7.0, 20.0, 4999.0)]
    [0.2, 5.0, 20.0, 2000.0]
    """
    power = 10.0 ** np.floor(np.log10(length) + 1e-12)
    return float(next(step * power for step in (5, 2, 1) if step * power <= length * (1 + 1e-9)))


def _hillshade(bed: Values, cell_m: float) -> Values:
    """Return the light of a sun in the north-west, 45° high (Horn 1981); flat ground is shown steeper."""
    if not np.isfinite(bed).any():
        return np.full(bed.shape, np.nan)
    known = np.nan_to_num(bed, nan=float(np.nanmean(bed)))
    if min(bed.shape) < 2:
        return np.where(np.isnan(bed), np.nan, np.sin(np.pi / 4))
    down, across = np.gradient(known, cell_m)
    stretch = 1.0 if np.nanstd(bed) > 20 else 3.0
    slope = np.arctan(stretch * np.hypot(across, down))
    aspect = np.arctan2(down, -across)
    light = np.sin(np.pi / 4) * np.cos(slope) + np.cos(np.pi / 4) * np.sin(slope) * np.cos(np.radians(135) - aspect)
    out: Values = np.where(np.isnan(bed), np.nan, light)
    return out
