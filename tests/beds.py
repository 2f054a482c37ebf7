"""Small rivers with known beds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from twin.grid import Frame
from twin.survey.records import CrossSection, Floats, Reach, Survey

ASIDE = np.array([0.0, 20.0])  # from the middle of a straight river to its left bank
Shape = Callable[[float, Floats], Floats]


def section(name: str, x: Floats, y: Floats, z: Floats, reach: str = "a") -> CrossSection:
    """Return a section through points."""
    station = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))))
    return CrossSection(name, reach, np.asarray(x), np.asarray(y), np.asarray(z), station, 0.0)


def flat_frame() -> Frame:
    """Return a frame about a straight river of 400 m, in cells of 2 m."""
    return Frame(-20, 30, 2, 30, 230, "EPSG:5186")


def straight(places: list[float], bed: Shape, points: int = 21, reach: float = 1.0) -> Survey:
    """Return a river of 40 m width along x; sections reach so far of the way to its banks."""
    line = np.array([[-0.0, 0.0], [400.0, 0.0]])
    u = np.linspace(-reach, reach, points)
    rows = tuple(section(f"{s:.0f}", np.full(points, s), -20 * u, bed(s, u) + 0 * u) for s in places)
    return Survey((Reach("a", line, line + ASIDE, line - ASIDE, rows),), "EPSG:5186", "KVD1964")


def offsets(centre: Floats, half: float) -> tuple[Floats, Floats]:
    """Return the lines so far to the left and to the right."""
    along = np.gradient(centre, axis=0)
    along /= np.hypot(*along.T)[:, None]
    left = np.stack((-along[:, 1], along[:, 0]), axis=-1) * half
    return centre + left, centre - left


def bend(*, seed: int, width: float, swing: float, points: int, sections: int, skew: float) -> Survey:
    """Return a sine-generated river with sections at random places, askew, each with a dish of its own."""
    rng = np.random.default_rng(seed)
    s = np.arange(0, 22 * width, width / 20)
    heading = np.radians(swing) * np.sin(2 * np.pi * s / (11 * width)) + rng.uniform(0, 6)
    centre = np.cumsum(np.stack((np.cos(heading), np.sin(heading)), axis=-1) * (width / 20), axis=0)
    left, right = offsets(centre, width / 2)
    places = np.linspace(20, len(s) - 20, sections).astype(int) + rng.integers(-10, 10, sections)
    rows = []
    for number, at in enumerate(places):
        turn = np.radians(rng.uniform(-skew, skew))
        normal = np.array([-np.sin(heading[at] + turn), np.cos(heading[at] + turn)])
        u = np.sort(np.concatenate(([-1.0, 1.0], rng.uniform(-1, 1, points - 2))))
        x, y = (centre[at] - (u * width / 2 / np.cos(turn))[:, None] * normal).T
        rows.append(
            section(f"{number}", x, y, 2 + 3 * (u - rng.uniform(-0.6, 0.6)) ** 2 + rng.normal(0, 0.05, points))
        )
    return Survey((Reach("a", centre, left, right, tuple(rows)),), "EPSG:5186", "KVD1964")


def in_two(whole: Survey, upper: int) -> Survey:
    """Return a river of one reach as two, of which the first has that many sections."""
    (reach,) = whole.reaches
    centre, steps = reach.centreline, np.hypot(*np.diff(reach.centreline, axis=0).T)
    along = np.concatenate(([0.0], np.cumsum(steps)))
    middles = np.array([[each.x.mean(), each.y.mean()] for each in reach.sections])
    places = [float(along[np.argmin(np.hypot(*(centre - middle).T))]) for middle in middles]
    cut = int(np.argmin(np.abs(along - (places[upper - 1] + places[upper]) / 2)))

    def half(name: str, rows: slice, points: slice, from_m: float, to: str | None) -> Reach:
        lines = centre[points], reach.left_bank[points], reach.right_bank[points]
        own = zip(reach.sections[rows], places[rows], strict=True)
        return Reach(name, *lines, tuple(replace(each, reach=name, chainage_m=at - from_m) for each, at in own), to)

    up = half("up", slice(0, upper), slice(0, cut + 1), 0.0, "down")
    down = half("down", slice(upper, None), slice(cut, None), float(along[cut]), None)
    return Survey((up, down), whole.crs, whole.vertical_datum)


def confluence(split: bool) -> Survey:
    """Return a river with banks at 5 m and a thalweg at 2, and a tributary at 6 and 4, from the right."""
    x = np.linspace(0, 600, 61)
    centre = np.stack((x, 20 * np.sin(x / 90)), axis=-1)
    left, right = offsets(centre, 30.0)
    u = np.linspace(-1, 1, 21)

    def across(a: Floats, b: Floats, name: str, reach: str, low: float, high: float) -> CrossSection:
        x, y = (a + (u[:, None] + 1) / 2 * (b - a)).T
        return section(name, x, y, low + (high - low) * u**2, reach)

    share = np.linspace(0, 1, 41)[:, None]
    way = np.array([150.0, -220]) * (1 - share) + centre[30] * share
    way_left, way_right = offsets(way, 15.0)
    own = tuple(across(way_left[k], way_right[k], f"t{k}", "t", 4, 6) for k in (1, 10, 20, 31))
    tributary = Reach("t", way, way_left[:32], way_right[:32], own, "down" if split else "river")

    def river(name: str, places: tuple[int, ...], part: slice, banks: slice, to: str | None) -> Reach:
        rows = tuple(across(left[k], right[k], f"{name}{k}", name, 2, 5) for k in places)
        return Reach(name, centre[part], left[banks], right[banks], rows, to)

    if split:
        up = river("up", (1, 9, 18, 26), slice(0, 31), slice(0, 28), "down")
        down = river("down", (36, 44, 52, 59), slice(30, 61), slice(35, 61), None)
        return Survey((up, down, tributary), "EPSG:5186", "KVD1964")
    whole = river("river", (1, 12, 24, 36, 48, 59), slice(0, 61), slice(0, 61), None)
    return Survey((whole, tributary), "EPSG:5186", "KVD1964")


def cells(survey: Survey, cell_m: float) -> Frame:
    """Return a frame about a survey."""
    lines = [line for reach in survey.reaches for line in (reach.left_bank, reach.right_bank)]
    points = np.concatenate(lines)
    (west, south), (east, north) = points.min(axis=0) - 10, points.max(axis=0) + 10
    return Frame(
        west, north, cell_m, int((north - south) / cell_m) + 1, int((east - west) / cell_m) + 1, survey.crs
    )
