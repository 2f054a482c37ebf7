"""Lines along a river: places on them, how far points lie to their left, lines beside them."""

from __future__ import annotations

import numpy as np
import shapely

from twin.survey.records import Floats


def distances(points: Floats) -> Floats:
    """Return how far each point of a polyline (points, 2) is from the first, along it."""
    return np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))))


def cleaned(points: Floats) -> Floats:
    """Return a polyline (points, 2) without points twice in a row."""
    points = np.asarray(points, float)[:, :2]
    moved = np.hypot(*np.diff(points, axis=0).T) > 1e-6
    return points[np.concatenate(([True], moved))]


def length(points: Floats) -> float:
    """Return a polyline's length."""
    return float(distances(points)[-1])


def at(points: Floats, s: Floats) -> Floats:
    """Return the points (…, 2) at distances along a polyline; beyond its ends, on their tangents."""
    along = distances(points)
    s = np.asarray(s, float)
    inside = np.stack([np.interp(s, along, points[:, axis]) for axis in (0, 1)], axis=-1)
    before, after = np.minimum(s, 0.0), np.maximum(s - along[-1], 0.0)
    ends = tangents(points, np.array([0.0, along[-1]]))
    out: Floats = inside + before[..., None] * ends[0] + after[..., None] * ends[1]
    return out


def tangents(points: Floats, s: Floats) -> Floats:
    """Return the unit directions (…, 2) at distances along a polyline, turning evenly from segment to segment."""
    along = distances(points)
    steps = np.diff(points, axis=0)
    units = steps / np.hypot(*steps.T)[:, None]
    middles = (along[1:] + along[:-1]) / 2
    mixed = np.stack([np.interp(s, middles, units[:, axis]) for axis in (0, 1)], axis=-1)
    sizes = np.hypot(mixed[..., 0], mixed[..., 1])[..., None]
    nearest = units[np.clip(np.searchsorted(along, s, "right") - 1, 0, len(units) - 1)]
    out: Floats = np.where(sizes > 1e-9, mixed / np.maximum(sizes, 1e-9), nearest)
    return out


def part(points: Floats, first: float, last: float) -> Floats:
    """Return the part of a polyline between two distances along it, both inside it."""
    along = distances(points)
    inner = (along > first + 1e-9) & (along < last - 1e-9)
    ends = at(points, np.array([first, last]))
    return np.concatenate((ends[:1], points[inner], ends[1:]))


def locate(
    points: Floats, places: Floats, first: float = 0.0, last: float = np.inf, along: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return how far along a polyline places (n, 2) are, and how far to its left (negative: right).

    Only the part of the line from `first` to `last` is looked at, so that a meander's other limb is not taken.
    `along` are the line's `distances`, where they are known already.
    """
    along = distances(points) if along is None else along
    first, last = max(0.0, min(first, float(along[-1]) - 1e-6)), min(float(along[-1]), last)
    last = max(last, first + 1e-6)
    begin = max(0, int(np.searchsorted(along, first)) - 2)
    near = points[begin : int(np.searchsorted(along, last)) + 2]
    base = float(along[begin])
    window = part(near, first - base, last - base)
    line = shapely.LineString(window)
    inside = shapely.line_locate_point(line, shapely.points(places))
    foot = shapely.get_coordinates(shapely.line_interpolate_point(line, inside))
    away = np.asarray(places, float) - foot
    s = inside + first
    ahead = tangents(near, s - base)
    side = ahead[:, 0] * away[:, 1] - ahead[:, 1] * away[:, 0]
    return s, np.where(side >= 0, 1.0, -1.0) * np.hypot(*away.T)


def crossings(points: Floats, other: Floats) -> Floats:
    """Return how far along `points` another polyline crosses it; empty where it does not."""
    line = shapely.LineString(points)
    meeting = shapely.intersection(line, shapely.LineString(other))
    found = shapely.get_coordinates(meeting)
    return np.sort(shapely.line_locate_point(line, shapely.points(found))) if len(found) else np.empty(0)


def beside(points: Floats, s: Floats, offset: Floats) -> Floats:
    """Return the line `offset` metres (positive: left) beside a polyline; in sharper bends it has loops."""
    along = tangents(points, s)
    left = np.stack((-along[:, 1], along[:, 0]), axis=-1)
    return at(points, s) + left * np.asarray(offset)[:, None]


def unlooped(points: Floats, longest: float) -> Floats:
    """Return a polyline without the loops in which it crosses itself: the crossing point stands for each.

    Loops longer than `longest` stay: they are meanders, not what a parallel does inside a sharp bend.
    """
    points = cleaned(points)
    while len(points) > 3:
        segments = shapely.linestrings(np.stack((points[:-1], points[1:]), axis=1))
        first, second = shapely.STRtree(segments).query(segments, predicate="intersects")
        along = distances(points)
        apart = (second > first + 1) & (along[second] - along[np.minimum(first + 1, len(along) - 1)] <= longest)
        if not apart.any():
            break
        start = int(first[apart].min())
        end = int(second[apart & (first == start)].max())
        meeting = shapely.get_coordinates(shapely.intersection(segments[start], segments[end]))
        middle = meeting[:1] if len(meeting) else points[start + 1 : start + 2]
        shorter = cleaned(np.concatenate((points[: start + 1], middle, points[end + 1 :])))
        if len(shorter) >= len(points):
            break
        points = shorter
    return points


def flowing(places: Floats, directions: Floats, step: float) -> tuple[Floats, Floats]:
    """Return a smooth line through places (n, 2), leaving each in its direction, and how far along it they are.

    It is made of cubic Hermite pieces, whose tangents are as long as the way between their ends (Farin, Curves
    and Surfaces for CAGD, §7).
    `step` is the distance between its points, about.
    """
    pieces = []
    for n in range(len(places) - 1):
        a, b = places[n], places[n + 1]
        size = float(np.hypot(*(b - a)))
        count = int(np.clip(np.ceil(size / step), 1, 1000))
        t = np.linspace(0.0, 1.0, count + 1)[:-1, None]
        pieces.append(
            (2 * t**3 - 3 * t**2 + 1) * a
            + (t**3 - 2 * t**2 + t) * size * directions[n]
            + (3 * t**2 - 2 * t**3) * b
            + (t**3 - t**2) * size * directions[n + 1]
        )
    points = np.concatenate([*pieces, places[-1:]])
    marks = np.cumsum([0, *(len(piece) for piece in pieces)])
    return points, distances(points)[marks]
