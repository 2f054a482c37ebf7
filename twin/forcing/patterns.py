"""How a design storm's depth is spread over its duration: Huff's quartiles, alternating blocks, evenly, a table."""

from __future__ import annotations

import numpy as np

from twin.forcing.series import Series
from twin.grid import Floats


def storm(depth_mm: float, duration_s: float, mass: tuple[Floats, Floats], step_s: float | None) -> Series:
    """Return the rain rate (m/s) of a storm that begins at second 0.

    `mass`: shares of the duration and of the depth by then, each rising from 0 to 1 and straight between.
    `step_s`: how long the rate holds; None: between the shares themselves. The volume is the depth to round-off.
    """
    shares, fallen = mass
    if step_s is not None:
        count = max(1, int(np.ceil(duration_s / step_s - 1e-9)))
        at = np.minimum(np.arange(count + 1) * step_s / duration_s, 1.0)
        shares, fallen = at, np.interp(at, shares, fallen)
    times = shares * duration_s
    return Series.steps(times, np.diff(fallen) * (depth_mm / 1000.0) / np.diff(times))


def uniform() -> tuple[Floats, Floats]:
    """Return the shares of rain that falls evenly."""
    return np.array([0.0, 1.0]), np.array([0.0, 1.0])


def alternating_blocks(depths: Floats, peak: float = 0.5) -> tuple[Floats, Floats]:
    """Return the shares of a storm of alternating blocks (Chow, Maidment & Mays 1988, §14.4).

    `depths` are those of 1, 2, … n blocks, from a depth-duration curve: rising ever more slowly. The largest block
    stands at the share `peak` of the duration (0.5: in the middle), the others by turns after and before it.
    """
    count = len(depths)
    blocks = np.sort(np.diff(depths, prepend=0.0))[::-1]
    centre = min(int(peak * count), count - 1)
    order = sorted(range(count), key=lambda n: (abs(n - centre), n < centre))  # after the peak first
    placed = np.empty(count)
    placed[order] = blocks
    fallen = np.concatenate([[0.0], np.cumsum(placed)])
    return np.linspace(0.0, 1.0, count + 1), fallen / fallen[-1]


def power_law(duration_s: float, step_s: float, exponent: float) -> Floats:
    """Return the depths of 1 … n blocks as shares where depth grows with duration to a power (Sherman 1931)."""
    count = max(1, round(duration_s / step_s))
    shares: Floats = (np.arange(1, count + 1) / count) ** exponent
    return shares
