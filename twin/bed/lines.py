"""Polylines: distances along them, points on them, what rays hit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from naru.kernel import kernel
from twin.survey.lines import distances
from twin.survey.records import Floats


@dataclass(frozen=True)
class Line:
    """A polyline without points twice in a row, and the distance of each point from the first."""

    points: Floats  # (points, 2)
    along: Floats  # (points,), rising

    @property
    def length(self) -> float:
        """From end to end."""
        return float(self.along[-1])

    def at(self, along: Floats) -> Floats:
        """Return the points (…, 2) at distances along the line; beyond its ends, the ends."""
        x = np.interp(along, self.along, self.points[:, 0])
        return np.stack((x, np.interp(along, self.along, self.points[:, 1])), axis=-1)


def line(points: Floats) -> Line:
    """Return the polyline through points (points, 2)."""
    points = np.ascontiguousarray(points, float)[:, :2]
    moved = np.hypot(*np.diff(points, axis=0).T) > 0
    points = points[np.concatenate(([True], moved))]
    return Line(points, distances(points))


def rising(values: Floats) -> Floats:
    """Return the nearest values (least squares) that nowhere fall: pool adjacent violators (Barlow et al. 1972)."""
    sums, counts = np.empty(len(values)), np.empty(len(values), np.int64)
    blocks = _pool(np.ascontiguousarray(values, float), sums, counts)
    return np.repeat(sums[:blocks] / counts[:blocks], counts[:blocks])


@kernel
def _pool(values: Any, sums: Any, counts: Any) -> int:
    blocks = 0
    for value in values:
        sums[blocks], counts[blocks] = value, 1
        blocks += 1
        while blocks > 1 and sums[blocks - 2] * counts[blocks - 1] >= sums[blocks - 1] * counts[blocks - 2]:
            sums[blocks - 2] += sums[blocks - 1]
            counts[blocks - 2] += counts[blocks - 1]
            blocks -= 1
    return blocks


def smoothed(points: Floats, step: float, width: float) -> Floats:
    """Return evenly spaced points (points, 2) under a Gaussian window of standard deviation `width`, ends kept.

    Beyond its ends the line is taken as turned about them by half a circle, so that it neither shrinks nor bends.
    """
    reach = max(1, min(len(points) - 1, round(3 * width / step)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    weights /= weights.sum()
    before = 2 * points[0] - points[reach:0:-1]
    after = 2 * points[-1] - points[-2 : -reach - 2 : -1]
    padded = np.concatenate((before, points, after))
    return np.stack([np.convolve(padded[:, axis], weights, "valid") for axis in (0, 1)], axis=-1)


def hits(origins: Floats, directions: Floats, target: Line, farthest: Floats) -> Floats:
    """Return the distance along `target` where straight lines through origins first meet it; NaN where none does.

    `directions` are unit vectors (rays, 2). Of several meetings within `farthest` (rays,) ahead of the origin or
    a quarter of that behind it, the nearest to the origin counts.
    """
    out = np.full(len(origins), np.nan)
    _meet(origins, directions, target.points, target.along, farthest, out)
    return out


@kernel
def _meet(origins: Any, directions: Any, points: Any, along: Any, farthest: Any, out: Any) -> None:
    for ray in range(len(origins)):
        x, y = origins[ray]
        dx, dy = directions[ray]
        nearest = math.inf
        before = dx * (points[0, 1] - y) - dy * (points[0, 0] - x)  # which side of the ray: signed distance
        for k in range(len(points) - 1):
            after = dx * (points[k + 1, 1] - y) - dy * (points[k + 1, 0] - x)
            if before * after <= 0 and before != after:
                share = before / (before - after)
                px = points[k, 0] + share * (points[k + 1, 0] - points[k, 0])
                py = points[k, 1] + share * (points[k + 1, 1] - points[k, 1])
                distance = (px - x) * dx + (py - y) * dy
                if -0.25 * farthest[ray] <= distance <= farthest[ray] and abs(distance) < nearest:
                    nearest = abs(distance)
                    out[ray] = along[k] + share * (along[k + 1] - along[k])
            before = after
