"""What surveyors would bring home from the sample river: sections, lines, soundings, a scan of the ground.

Heights are the truth at the very points, rounded to a millimetre; nothing is added. What a terrain made of them
gets wrong is therefore the interpolation's doing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import LineString, Point, Polygon

from sample_data.river.truth import (
    EAST,
    LEVEE_AT_M,
    NORTH,
    SOUTH,
    WEST,
    Channel,
    Floats,
    River,
)

_EDGE_M = 0.5  # from the edges of the scanned ground: where the survey of the river begins and ends
_LINES_M = 20.0  # beyond the edges, as the lines of a map go on
_EVERY = {"main": 118.0, "tributary": 62.0}  # metres of axis between sections
_SKEW = {"M-05": 14.0, "M-19": -12.0, "T-06": 10.0}  # degrees by which sections were not cut square
_POINTS = 23  # from bank to bank
_BEYOND_M = (4.0, 11.0)  # points on the berm outside each bank
_CLEAR_M = 30.0  # of the tributary's mouth, where a section would run up the other river
DECKS = (("main", 640.0), ("main", 2460.0), ("tributary", 430.0))  # bridges: channel, metres of axis
DECK_WIDTH_M, DECK_CLEAR_M, DECK_THICK_M = 12.0, 1.2, 1.1  # width; low chord above the levees; thickness


@dataclass(frozen=True)
class Section:
    """A surveyed section, from the left bank's berm to the right's."""

    id: str
    reach: str
    chainage_m: float  # along the reach's centre line
    along: float  # along the channel's axis
    x: Floats
    y: Floats
    z: Floats
    banks: tuple[int, int]  # which points are the bank tops

    @property
    def station_m(self) -> Floats:
        """Distance from the first point."""
        out: Floats = np.round(np.hypot(self.x - self.x[0], self.y - self.y[0]), 3)
        return out


@dataclass(frozen=True)
class Deck:
    """A bridge as surveyed: its axis and heights, EL m."""

    id: str
    channel: Channel
    along: float
    axis: LineString
    low_chord_el: float
    piers: int

    @property
    def footprint(self) -> Polygon:
        """The deck's outline."""
        return self.axis.buffer(DECK_WIDTH_M / 2, cap_style="flat")


def channels(river: River) -> tuple[Channel, Channel]:
    """Return main river and tributary."""
    return river.main, river.tributary


def end_of(river: River, channel: Channel) -> float:
    """Return where a channel's centre line ends: beyond the west edge, or on the main river's centre line."""
    return channel.axis_m + _LINES_M if channel is river.main else _where(river, channel, 0.0)


def chainage(river: River, channel: Channel, along: Floats) -> Floats:
    """Return metres along the centre line from its upper end, by the trapezium rule at 0.25 m."""
    steps = np.arange(-_LINES_M, channel.axis_m + _LINES_M + 0.25, 0.25)
    speed = np.hypot(1.0, channel.steepness(steps))
    run = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2 * 0.25)])
    out: Floats = np.interp(along, steps, run)
    return out


def sections(river: River) -> list[Section]:
    """Return all sections, each reach's from upstream to downstream."""
    out = []
    for channel in channels(river):
        letter = channel.name[0].upper()
        for number, along in enumerate(_positions(river, channel), start=1):
            out.append(_section(river, channel, along, f"{letter}-{number:02}"))
    return out


def centreline(river: River, channel: Channel, every_m: float = 10.0) -> LineString:
    """Return a channel's centre line."""
    end = end_of(river, channel)
    along = np.append(np.arange(-_LINES_M, end - every_m / 2, every_m), end)
    return _line(*river.point(channel, along, np.zeros_like(along)))


def bank(river: River, channel: Channel, side: float, every_m: float = 10.0) -> LineString:
    """Return a channel's bank line, `side` -1 left or +1 right; the tributary's ends on the main river's bank."""
    end = end_of(river, channel) if channel is river.main else _where(river, channel, 1.0, side)
    along = np.append(np.arange(-_LINES_M, end - every_m / 2, every_m), end)
    return _line(*river.point(channel, along, np.full_like(along, side)))


def soundings(river: River) -> tuple[Floats, Floats, Floats]:
    """Return x, y and bed EL along a boat's zigzag down the main river."""
    along = np.arange(6.0, river.main.axis_m - 6, 4.0)
    u = 0.8 * (2 / np.pi) * np.arcsin(np.sin(2 * np.pi * along / 88.0))
    x, y = (np.round(v, 3) for v in river.point(river.main, along, u))
    return x, y, np.round(river.bed(x, y), 3)


def levees(river: River) -> list[tuple[str, Floats, Floats, Floats]]:
    """Return the levees' axes: name, x, y, crest EL; broken where the rivers meet."""
    out = []
    for channel in channels(river):
        for side, word in ((-1.0, "left"), (1.0, "right")):
            along = np.arange(0.0, channel.axis_m, 10.0)
            u = side * (1 + LEVEE_AT_M / (channel.width_m(along) / 2))
            x, y = river.point(channel, along, u)
            crest = channel.levee_el(along)
            inside = (x >= WEST) & (x <= EAST) & (y >= SOUTH) & (y <= NORTH)
            stands = inside & (np.abs(river.terrain(x, y) - crest) < 0.02)
            for number, run in enumerate(_runs(stands), start=1):
                name = f"{channel.name}-{word}-{number}"
                out.append((name, np.round(x[run], 3), np.round(y[run], 3), np.round(crest[run], 3)))
    return out


def decks(river: River) -> list[Deck]:
    """Return the bridges, each from levee to levee."""
    out = []
    for number, (name, along) in enumerate(DECKS, start=1):
        channel = river.main if name == "main" else river.tributary
        at = np.array(along)
        half = float(channel.width_m(at)) / 2 + LEVEE_AT_M + 3.0
        axis = across(river, channel, along, half)
        chord = round(float(channel.levee_el(at)) + DECK_CLEAR_M, 2)
        out.append(Deck(f"BR-{number}", channel, along, axis, chord, 4 if name == "main" else 1))
    return out


def ground(river: River, x: Floats, y: Floats) -> Floats:
    """Return what a laser scanner sees, EL m: the water, not the bed, and the bridges' decks."""
    seen = np.fmax(river.terrain(x, y), river.water(x, y))
    for deck in decks(river):
        top = deck.low_chord_el + DECK_THICK_M
        west, south, east, north = deck.footprint.bounds
        near = np.flatnonzero((x >= west) & (x <= east) & (y >= south) & (y <= north))
        under = near[shapely.contains_xy(deck.footprint, x.ravel()[near], y.ravel()[near])]
        seen.ravel()[under] = top
    return seen


def _positions(river: River, channel: Channel) -> Iterator[float]:
    every = _EVERY[channel.name]
    end = channel.axis_m - _EDGE_M if channel is river.main else _where(river, channel, 1.0) - 25
    mouth = EAST - float(
        river.point(river.tributary, np.array(_where(river, river.tributary, 1.0)), np.array(0.0))[0]
    )
    for along in np.arange(_EDGE_M, end - every / 3, every):
        near = channel is river.main and abs(along - mouth) < _CLEAR_M + float(
            river.tributary.width_m(np.array(river.tributary.axis_m))
        )
        if not near:
            yield float(along)
    yield float(end)


def _section(river: River, channel: Channel, along: float, name: str) -> Section:
    line = across(river, channel, along, float(channel.width_m(np.array(along))) + 30, _SKEW.get(name, 0.0))
    left, right = (crossing(river, channel, line, u) for u in (-1.0, 1.0))
    between = (1 - np.cos(np.linspace(0, np.pi, _POINTS))) / 2  # closer at the banks, where it is steep
    inner = left + (0.35 * between + 0.65 * np.linspace(0, 1, _POINTS)) * (right - left)
    outer_left, outer_right = [left - b for b in reversed(_BEYOND_M)], [right + b for b in _BEYOND_M]
    x, y = (np.round(v, 3) for v in _on(line, np.concatenate([outer_left, inner, outer_right])))
    first = len(outer_left)
    run = round(float(chainage(river, channel, np.array(along))), 3)
    z = np.round(river.terrain(x, y), 3)
    return Section(name, channel.name, run, along, x, y, z, (first, first + _POINTS - 1))


def _on(line: LineString, distance: Floats) -> tuple[Floats, Floats]:
    """Return the places so far along a straight line."""
    (x0, y0), (x1, y1) = line.coords[0], line.coords[-1]
    share = np.asarray(distance) / line.length
    return x0 + share * (x1 - x0), y0 + share * (y1 - y0)


def crossing(river: River, channel: Channel, line: LineString, u: float) -> float:
    """Return how far along a straight line, drawn from left to right, it comes to a `u` of a channel; bisection."""
    low, high = 0.0, float(line.length)
    for _ in range(60):
        middle = (low + high) / 2
        found = float(river.place(channel, *_on(line, np.array(middle)))[1])
        low, high = (middle, high) if found < u else (low, middle)
    return (low + high) / 2


def chord(river: River, channel: Channel, along: float, left: float, right: float) -> LineString:
    """Return a line square to the centre line, from one `u` to another, left to right."""
    line = across(river, channel, along, float(channel.width_m(np.array(along))) + 30)
    ends = _on(line, np.array([crossing(river, channel, line, u) for u in (left, right)]))
    return LineString(np.round(np.column_stack(ends), 2))


def outside(river: River, channel: Channel, along: float, out_m: float) -> Point:
    """Return the place so many metres outside the left bank, square to the centre line (negative: inside)."""
    line = across(river, channel, along, float(channel.width_m(np.array(along))) + 120)
    x, y = _on(line, np.array(crossing(river, channel, line, -1.0) - out_m))
    return Point(round(float(x), 2), round(float(y), 2))


def across(river: River, channel: Channel, along: float, half: float, skew_deg: float = 0.0) -> LineString:
    """Return a straight line over the centre line, square to it but for the skew, left to right."""
    at = np.array(along)
    x, y = (float(v) for v in river.point(channel, at, np.array(0.0)))
    ahead = [float(v) for v in river.point(channel, at + 0.01, np.array(0.0))]
    flow = np.array([ahead[0] - x, ahead[1] - y])
    flow /= np.hypot(*flow)
    turn = np.radians(skew_deg)
    right = np.array([flow[1], -flow[0]])
    way = right * np.cos(turn) + flow * np.sin(turn)
    return LineString([(x - way[0] * half, y - way[1] * half), (x + way[0] * half, y + way[1] * half)])


def _where(river: River, channel: Channel, main_u: float, u: float = 0.0) -> float:
    """Return where along the tributary a line of its comes to a line of the main river, by bisection."""
    low, high = channel.axis_m - 250.0, channel.axis_m + 60.0
    for _ in range(60):
        middle = (low + high) / 2
        found = float(river.place(river.main, *river.point(channel, np.array(middle), np.array(u)))[1])
        low, high = (middle, high) if found > main_u else (low, middle)
    return (low + high) / 2


def _line(x: Floats, y: Floats) -> LineString:
    return LineString(np.round(np.column_stack([x, y]), 3))


def _runs(flags: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the indices of each unbroken run of at least three."""
    at = np.flatnonzero(flags)
    for run in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1):
        if len(run) >= 3:
            yield run


def in_low_land(river: River, point: Point) -> bool:
    """Tell whether a place is in the low-lying district behind the south levee."""
    x, y = np.array(point.x), np.array(point.y)
    along, u = river.place(river.main, x, y)
    return bool(u < 0 and river.terrain(x, y) < river.main.bank_el(along) - 0.8)
