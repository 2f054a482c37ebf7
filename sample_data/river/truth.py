"""The sample river as functions of place: what its bed, its land and its water truly are.

All is closed-form in EPSG:5186 metres and EL metres, so that a terrain made from the survey can be held against
the truth at any point. The main river runs west, its tributary south into it. Both centre lines are graphs
(northing over easting, easting over northing), so "where across the channel" needs no search: `u` is -1 on the
left bank and +1 on the right, as seen looking downstream.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CRS = "EPSG:5186"
VERTICAL_DATUM = "KVD1964"
WEST, SOUTH = 155_000.0, 524_000.0  # open water off Incheon: README.md says why
EAST, NORTH = WEST + 3400.0, SOUTH + 1700.0
SEED = 5186
MOUTH = 1650.0  # metres east of WEST where the tributary's axis comes in

_BERM_M, _BERM_RISE = 24.0, 0.01  # the flood plain within the levees, and how it rises outwards
LEVEE_HEIGHT_M, LEVEE_TOP_M, LEVEE_SLOPE = 4.0, 6.0, 2.5  # above the berm's edge; width of the crest; H : V
LEVEE_AT_M = _BERM_M + LEVEE_HEIGHT_M * LEVEE_SLOPE + LEVEE_TOP_M / 2  # of its axis, from the bank
LOW_LAND = (1050.0, 2450.0)  # metres east of WEST between which the land south of the levee lies low


@dataclass(frozen=True)
class Channel:
    """One of the two channels. `along` is the coordinate of its axis, downstream from its upper end, metres."""

    name: str
    axis_m: float  # length of the axis
    middle: float  # of the centre line, across the axis
    swings: tuple[tuple[float, float, float], ...]  # of the centre line: amplitude m, wavelength m, phase
    width: tuple[float, tuple[tuple[float, float, float], ...]]  # mean m, and swings
    bank: tuple[float, float]  # EL at the upper end, fall per metre of axis
    depth: tuple[float, tuple[tuple[float, float, float], ...]]  # from the bank to the thalweg: mean m, swings
    thalweg: tuple[tuple[float, float, float], ...]  # swings of u at the thalweg
    drift: float = 0.0  # how far the centre line comes across the axis from end to end, metres
    calm: tuple[float, float] = (600.0, 0.0)  # over how many metres of axis it begins and ceases to swing

    def centre(self, along: Floats) -> Floats:
        """Return where the centre line lies, across the axis; it leaves the map square to the map's edge."""
        t = np.clip(along / self.axis_m, 0, 1)
        drift = self.drift * t * t * (3 - 2 * t)
        return self.middle + drift + self._swing(along)[0] * _waves(self.swings, along)

    def steepness(self, along: Floats) -> Floats:
        """Return the slope of the centre line against the axis."""
        share, change = self._swing(along)
        slopes = (
            a * 2 * np.pi / length * np.cos(2 * np.pi * along / length + phase) for a, length, phase in self.swings
        )
        waves = _waves(self.swings, along)
        t = np.clip(along / self.axis_m, 0, 1)
        drift = self.drift * 6 * t * (1 - t) / self.axis_m
        return drift + share * sum(slopes, np.zeros_like(along)) + change * waves

    def _swing(self, along: Floats) -> tuple[Floats, Floats]:
        """Return the share of its swings that the centre line has, 0 to 1, and how that changes per metre."""
        share, change = np.ones_like(along, dtype=float), np.zeros_like(along, dtype=float)
        for length, sign, at in ((self.calm[0], 1.0, along), (self.calm[1], -1.0, self.axis_m - along)):
            if length:
                t = np.clip(at / length, 0, 1)
                rise, slope = t * t * (3 - 2 * t), 6 * t * (1 - t) / length * sign
                share, change = share * rise, change * rise + share * slope
        return share, change

    def width_m(self, along: Floats) -> Floats:
        """Return the width from bank to bank, square to the centre line."""
        return self.width[0] + _waves(self.width[1], along)

    def half(self, along: Floats) -> Floats:
        """Return half the width as measured across the axis."""
        return self.width_m(along) / 2 * np.hypot(1.0, self.steepness(along))

    def bank_el(self, along: Floats) -> Floats:
        """Return the height of both banks, EL m."""
        return self.bank[0] - self.bank[1] * along

    def thalweg_u(self, along: Floats) -> Floats:
        """Return where across the channel it is deepest."""
        return _waves(self.thalweg, along)

    def thalweg_el(self, along: Floats) -> Floats:
        """Return the lowest bed elevation, EL m."""
        return self.bank_el(along) - self.depth[0] - _waves(self.depth[1], along)

    def bed(self, along: Floats, u: Floats) -> Floats:
        """Return the bed's EL where -1 ≤ u ≤ 1: a parabola on either side of the thalweg."""
        deepest = self.thalweg_u(along)
        q = np.where(u > deepest, (u - deepest) / (1 - deepest), (deepest - u) / (1 + deepest))
        low = self.thalweg_el(along)
        return low + (self.bank_el(along) - low) * q * q

    def beside(self, along: Floats, u: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the EL of the berm outside the bank, of the levee (−inf beyond its foot) and of the valley side.

        Land rises from the berm no steeper than that side, which is the levee's own inner slope carried on.
        """
        # square to the centre line, as the width is: levees then stand as wide as they are said to
        out = (np.abs(u) - 1) * self.width_m(along) / 2
        berm = self.bank_el(along) + _BERM_RISE * np.clip(out, 0, _BERM_M)
        top = self.levee_el(along)
        off = np.maximum(np.abs(out - LEVEE_AT_M) - LEVEE_TOP_M / 2, 0)
        levee = np.where(off <= 2.5 * LEVEE_HEIGHT_M * LEVEE_SLOPE, top - off / LEVEE_SLOPE, -np.inf)
        side = berm + np.clip(out - _BERM_M, 0, None) / LEVEE_SLOPE
        return np.where(out <= _BERM_M, berm, np.inf), levee, side

    def levee_el(self, along: Floats) -> Floats:
        """Return the levees' crest, EL m."""
        return self.bank_el(along) + _BERM_RISE * _BERM_M + LEVEE_HEIGHT_M

    def water_el(self, along: Floats) -> Floats:
        """Return the water's stage on the day of the survey, EL m: low, as surveyors wait for."""
        return self.bank_el(along) - 0.55 * self.depth[0]


def _waves(swings: tuple[tuple[float, float, float], ...], along: Floats) -> Floats:
    return sum(
        (a * np.sin(2 * np.pi * along / length + phase) for a, length, phase in swings), np.zeros_like(along)
    )


@dataclass(frozen=True)
class River:
    """Both channels and the land around them."""

    seed: int = SEED

    @cached_property
    def main(self) -> Channel:
        """The main river: its axis runs from the east edge to the west edge."""
        p = np.random.default_rng(self.seed).uniform(0, 2 * np.pi, 8)
        return Channel(
            name="main",
            axis_m=EAST - WEST,
            middle=560.0,
            swings=((95.0, 1500.0, p[0]), (36.0, 770.0, p[1])),
            width=(110.0, ((34.0, 1900.0, p[2]), (12.0, 640.0, p[3]))),
            bank=(11.0, 0.0011),
            depth=(4.6, ((0.5, 820.0, p[4]), (0.25, 330.0, p[5]))),
            thalweg=((0.38, 1500.0, p[6]), (0.12, 610.0, p[7])),
            calm=(600.0, 600.0),
        )

    @cached_property
    def tributary(self) -> Channel:
        """The tributary: its axis runs from the north edge to the main river's centre line."""
        p = np.random.default_rng(self.seed + 1).uniform(0, 2 * np.pi, 5)
        mouth = self.main.centre(np.array([self.main.axis_m - MOUTH]))[0]
        fall, length = 0.0028, NORTH - SOUTH - mouth
        at_mouth = self.main.bank_el(np.array([self.main.axis_m - MOUTH]))[0]
        return Channel(
            name="tributary",
            axis_m=length,
            middle=MOUTH + 240.0,
            swings=((55.0, 640.0, p[0]),),
            width=(34.0, ((6.0, 500.0, p[1]),)),
            bank=(at_mouth + fall * length, fall),
            depth=(2.6, ((0.3, 380.0, p[2]),)),
            thalweg=((0.35, 640.0, p[3]), (0.1, 270.0, p[4])),
            drift=-240.0,
            calm=(300.0, 0.0),
        )

    def place(self, channel: Channel, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return `along` and `u` of points in EPSG:5186."""
        if channel is self.main:
            along, across = EAST - x, y - SOUTH
            return along, (across - channel.centre(along)) / channel.half(along)
        along, across = NORTH - y, x - WEST
        return along, -(across - channel.centre(along)) / channel.half(along)  # looking south, left is east

    def point(self, channel: Channel, along: Floats, u: Floats) -> tuple[Floats, Floats]:
        """Return the x, y of a place in a channel: the inverse of `place`."""
        if channel is self.main:
            return EAST - along, SOUTH + channel.centre(along) + u * channel.half(along)
        return WEST + channel.centre(along) - u * channel.half(along), NORTH - along

    def bed(self, x: Floats, y: Floats) -> Floats:
        """Return the bed elevation, EL m; NaN outside both channels."""
        found = np.minimum(self._bed_of(self.main, x, y), self._bed_of(self.tributary, x, y))
        return np.where(np.isinf(found), np.nan, found)

    def _bed_of(self, channel: Channel, x: Floats, y: Floats) -> Floats:
        along, u = self.place(channel, x, y)
        return np.where((np.abs(u) <= 1) & self._reached(channel, x, y), channel.bed(along, u), np.inf)

    def _reached(self, channel: Channel, x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
        """Tell where a channel is: the tributary ends at the main river's centre line."""
        if channel is self.main:
            return np.ones(np.shape(x), bool)
        return self.place(self.main, x, y)[1] > 0

    def terrain(self, x: Floats, y: Floats) -> Floats:
        """Return the height of the solid ground, EL m: bed, berms, levees, land. No water, bridges or houses."""
        x, y = np.asarray(x, float), np.asarray(y, float)
        land, levees = self.land(x, y), np.full(np.shape(x), -np.inf)
        cut = np.full(np.shape(x), np.inf)
        for channel in (self.main, self.tributary):
            along, u = self.place(channel, x, y)
            berm, levee, side = channel.beside(along, u)
            inside = np.where(np.abs(u) <= 1, channel.bed(along, u), berm)
            reached = self._reached(channel, x, y)
            cut = np.where(reached, np.minimum(cut, inside), cut)
            land = np.where(reached, np.minimum(land, side), land)
            levees = np.where(reached, np.maximum(levees, levee), levees)
        return np.where(np.isinf(cut), np.maximum(land, levees), cut)

    def land(self, x: Floats, y: Floats) -> Floats:
        """Return the land without rivers and levees, EL m: low behind the south levee, hills in the north."""
        along, u = self.place(self.main, x, y)
        valley = self.main.bank_el(along)
        north = np.clip(y - SOUTH - self.main.centre(along), 0, None)
        east = x - WEST
        low = _bump(east, *LOW_LAND, 250.0) * _bump(y - SOUTH, 15.0, 1e4, 130.0) * (u < 0)
        hills = 0.010 * np.clip(north - 150, 0, None) + 2.2 * _bump(north, 700.0, 1400.0, 250.0)
        rolls = 0.25 * np.sin(x / 97.0) * np.sin(y / 131.0)
        return valley + 1.1 + hills + rolls - 3.0 * low

    def water(self, x: Floats, y: Floats) -> Floats:
        """Return the water's stage on the day of the survey, EL m; NaN outside the channels."""
        out = np.full(np.shape(x), np.nan)
        for channel in (self.tributary, self.main):
            along, u = self.place(channel, x, y)
            inside = (np.abs(u) <= 1) & self._reached(channel, x, y)
            out = np.where(inside, channel.water_el(along), out)
        return out

    def volume_m3(self, stage_below_bank_m: float = 0.0, cell_m: float = 1.0) -> float:
        """Return how much water the main channel holds below its banks less that, by the midpoint rule, m³."""
        along = np.arange(cell_m / 2, self.main.axis_m, cell_m)[:, None]
        u = (np.arange(400)[None, :] + 0.5) / 200 - 1
        depth = np.maximum(self.main.bank_el(along) - stage_below_bank_m - self.main.bed(along, u), 0)
        area = (depth * self.main.half(along)).sum(axis=1) * (2 / 400)
        return float(area.sum() * cell_m)


def _bump(at: Floats, low: float, high: float, soft: float) -> Floats:
    """Return 1 between two places and 0 outside, with smooth shoulders that are `soft` wide."""
    rise = np.clip((at - low) / soft, 0, 1)
    fall = np.clip((high - at) / soft, 0, 1)
    return (rise * rise * (3 - 2 * rise)) * (fall * fall * (3 - 2 * fall))
