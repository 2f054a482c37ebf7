"""Rivers whose beds are known everywhere, and surveys of them with the faults that surveys have.

The channel's axis is sine-generated (Langbein & Leopold 1966): its direction swings by up to `swing` degrees
over `wave` metres of its length. The bed is a function of s along that axis and n/half-width across it, plus
correlated roughness. Four truths, of which the first two stand for themselves:

- curvature: the thalweg lies where the bend lagging behind puts it, and is deepest in bends
- random: thalweg and depth wander on their own, with no link to bends
- widths: as random, and the channel's width swings by a factor of three
- skewed: as random, and the sections lie up to 25° askew
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from twin.survey.records import CrossSection, Floats, Reach, Survey

TRUTHS = ("curvature", "random", "widths", "skewed")
WIDTH = 160.0
_WAVE, _SWING, _LENGTH = 2400.0, 75.0, 7200.0
_STEP = 2.0
_POINTS, _NOISE = 25, 0.05


@dataclass(frozen=True)
class River:
    """An axis in steps of 2 m and the bed about it."""

    truth: str
    s: Floats
    axis: Floats  # (steps, 2)
    heading: Floats  # radians
    half: Floats  # half widths, metres
    thalweg: Floats  # where across, −1 … 1
    depth: Floats  # of the thalweg below the bank, metres
    rough: Floats  # (steps, across): added to the bed, metres

    def place(self, s: Floats, u: Floats) -> tuple[Floats, Floats]:
        """Return x and y of places along and across (−1 left bank, +1 right bank)."""
        x, y = (np.interp(s, self.s, self.axis[:, k]) for k in (0, 1))
        heading, half = np.interp(s, self.s, self.heading), np.interp(s, self.s, self.half)
        return x + u * half * np.sin(heading), y - u * half * np.cos(heading)

    def bed(self, s: Floats, u: Floats) -> Floats:
        """Return the bed elevation: an asymmetric dish that is deepest at the thalweg."""
        u = np.clip(u, -1, 1)
        thalweg, depth = np.interp(s, self.s, self.thalweg), np.interp(s, self.s, self.depth)
        side = np.where(u < thalweg, (thalweg - u) / (1 + thalweg), (u - thalweg) / (1 - thalweg))
        row = np.clip(s / _STEP, 0, len(self.s) - 1).astype(int)
        column = ((u + 1) / 2 * (self.rough.shape[1] - 1)).astype(int)
        out: Floats = 10 - 0.0003 * s - depth * (1 - side**1.7) + self.rough[row, column]
        return out


def _wandering(rng: np.random.Generator, count: int, metres: float) -> Floats:
    """Return a smooth random function of s, mean 0 and standard deviation 1, correlated over so many metres."""
    noise = gaussian_filter(rng.standard_normal(count), metres / _STEP, mode="reflect")
    out: Floats = (noise - noise.mean()) / noise.std()
    return out


def river(truth: str, seed: int) -> River:
    """Return a river of 3 meanders."""
    rng = np.random.default_rng((seed, TRUTHS.index(truth)))
    s = np.arange(0, _LENGTH + _STEP, _STEP)
    phase = rng.uniform(0, 2 * np.pi)
    heading = np.radians(_SWING) * np.sin(2 * np.pi * s / _WAVE + phase)
    steps = np.stack((np.cos(heading), np.sin(heading)), axis=-1) * _STEP
    axis = np.concatenate(([[0.0, 0.0]], np.cumsum((steps[:-1] + steps[1:]) / 2, axis=0)))
    if truth == "curvature":
        bend = np.cos(2 * np.pi * (s - 150) / _WAVE + phase)  # to the left where positive: deepest on the right
        thalweg = 0.6 * bend + 0.08 * _wandering(rng, len(s), 300)
        depth = 4.5 + 2.0 * np.abs(bend) + 0.4 * _wandering(rng, len(s), 300)
    else:
        thalweg = 0.75 * np.tanh(0.8 * _wandering(rng, len(s), 320))
        depth = 5 + 1.1 * _wandering(rng, len(s), 320)
    half = np.full(len(s), WIDTH / 2)
    if truth == "widths":
        half *= np.sqrt(3.0) ** np.sin(2 * np.pi * s / 1500 + rng.uniform(0, 6))
    rough = gaussian_filter(rng.standard_normal((len(s), 81)), (40 / _STEP, 4), mode="nearest")
    rough *= 0.25 / rough.std()
    return River(truth, s, axis, heading, half, np.clip(thalweg, -0.85, 0.85), np.maximum(depth, 1.5), rough)


def survey(of: River, spacing: float, seed: int) -> Survey:
    """Return sections every so many widths: 25 points each, 5 cm noise, askew; banks 3 % and the axis 3 m off."""
    rng = np.random.default_rng((seed, 99, round(spacing * 10)))
    degrees = 25.0 if of.truth == "skewed" else 8.0
    places = np.arange(300.0, _LENGTH - 300, spacing * WIDTH)
    places = places + np.concatenate(([0], rng.uniform(-0.08, 0.08, len(places) - 2) * spacing * WIDTH, [0]))
    sections = tuple(_section(of, rng, number, at, degrees) for number, at in enumerate(places))
    knots = np.arange(0, _LENGTH + 1, 60.0)
    off = rng.normal(0, 3.0, len(knots))
    wider = 1 + rng.normal(0, 0.03, (2, len(knots)))
    half = np.interp(knots, of.s, of.half)
    centre = np.stack(of.place(knots, off / half), axis=-1)
    left, right = (np.stack(of.place(knots, side * wider[k]), axis=-1) for k, side in enumerate((-1.0, 1.0)))
    return Survey((Reach("main", centre, left, right, sections),), "EPSG:5186", "KVD1964")


def _section(of: River, rng: np.random.Generator, number: int, s: float, degrees: float) -> CrossSection:
    """Return a straight section through the axis at s, from bank to bank, turned by up to so many degrees."""
    turn = np.radians(rng.uniform(-degrees, degrees))
    (x,), (y,) = of.place(np.array([s]), np.zeros(1))
    heading = float(np.interp(s, of.s, of.heading)) + turn
    half = float(np.interp(s, of.s, of.half)) * 1.2 / np.cos(turn)
    fine = np.linspace(-half, half, 400)
    place = Axis(of).coordinates(x + fine * np.sin(heading), y - fine * np.cos(heading))
    inside = np.abs(place[1]) <= 1
    across = np.linspace(fine[inside][0], fine[inside][-1], _POINTS)
    px, py = x + across * np.sin(heading), y - across * np.cos(heading)
    z = of.bed(*Axis(of).coordinates(px, py)) + rng.normal(0, _NOISE, _POINTS)
    return CrossSection(f"{number + 1}", "main", px, py, z, across - across[0], s)


@dataclass(frozen=True)
class Axis:
    """A river's axis, to find places by."""

    river: River

    def coordinates(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return s and u of points; u is beyond ±1 outside the channel."""
        from scipy.spatial import cKDTree

        of = self.river
        _, near = cKDTree(of.axis).query(np.stack((np.ravel(x), np.ravel(y)), axis=-1))
        heading = of.heading[near]
        dx, dy = np.ravel(x) - of.axis[near, 0], np.ravel(y) - of.axis[near, 1]
        s = of.s[near] + dx * np.cos(heading) + dy * np.sin(heading)
        n = dx * np.sin(heading) - dy * np.cos(heading)
        return s, n / np.interp(s, of.s, of.half)
