"""Surveyed sections as curves in channel coordinates, and the bed between them.

A section is a polyline of points (s, u, z), in order of u: the place s(u) where it crosses the channel, so that a
skewed or bent section is met where it lies, and its shape z(u) with every surveyed point kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from naru.kernel import inner, kernel
from twin.bed.weights import NEAREST, STEPS, weights
from twin.survey.records import Floats


@dataclass(frozen=True)
class Shapes:
    """The sections of a reach, upstream first, their points one after the other."""

    first: npt.NDArray[np.int64]  # (sections + 1,) where each section's points begin
    s: Floats  # (points,) chainage, metres
    u: Floats  # (points,) −1 … 1, rising within a section
    z: Floats  # (points,) bed elevation, metres
    own: npt.NDArray[np.bool_]  # (points,) which were surveyed; others lie between them or at the banks
    surveyed: Floats  # (sections, 2): lowest and highest u that was surveyed; beyond, it is extrapolated
    middle: Floats  # (sections,) chainage in mid-channel
    thalweg: Floats  # (sections,) u of the deepest part
    width_m: float  # of the channel

    def points(self, number: int) -> tuple[Floats, Floats, Floats]:
        """Return s, u and z of one section's surveyed points in the channel."""
        part = np.arange(self.first[number], self.first[number + 1])
        part = part[self.own[part]]
        return self.s[part], self.u[part], self.z[part]

    @cached_property
    def _shares(self) -> Floats:
        return weights(self.middle, self.width_m)

    def shape(self, number: int) -> Floats:
        """Return u and z (points, 2) of one section, from bank to bank."""
        number %= len(self.middle)
        part = slice(self.first[number], self.first[number + 1])
        return np.stack((self.u[part], self.z[part]), axis=-1)

    def about(self, number: int, reach: int) -> Shapes:
        """Return the sections within so many of one, without it."""
        low, high = max(0, number - reach), min(len(self.middle), number + reach + 1)
        chosen = np.array([k for k in range(low, high) if k != number])
        lengths = np.diff(self.first)[chosen]
        part = np.concatenate([np.arange(self.first[k], self.first[k + 1]) for k in chosen])
        return Shapes(
            np.concatenate(([0], np.cumsum(lengths))),
            s=self.s[part],
            u=self.u[part],
            z=self.z[part],
            own=self.own[part],
            surveyed=self.surveyed[chosen],
            middle=self.middle[chosen],
            thalweg=self.thalweg[chosen],
            width_m=self.width_m,
        )

    def bed(self, s: Floats, u: Floats, method: str) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
        """Return bed elevation, metres to the nearer section along the channel, and whether it is extrapolated.

        NaN before the first section and beyond the last. Along the channel, at equal u:

        - linear
        - pchip: piecewise cubic, monotone between sections (Fritsch & Carlson 1980), with the weighted harmonic
          mean of the slopes on either side (Fritsch & Butland 1984)
        - kriging: see `twin.bed.weights`; never beyond the heights of the two neighbouring sections there
        - aligned, aligned-kriging: linear and kriging, with u stretched so that thalwegs lie on each other
        """
        s, u = np.ascontiguousarray(s, float), np.ascontiguousarray(u, float)
        thalweg = self.thalweg if "aligned" in method else np.zeros_like(self.thalweg)
        shares = self._shares if "kriging" in method else np.empty((0, 0, 0))
        packed = _Packed(self.first, self.s, self.u, self.z, self.surveyed, self.middle, thalweg, shares)
        out = _Out(np.full(len(s), np.nan), np.full(len(s), np.inf), np.zeros(len(s), np.bool_))
        _beds(packed, s, u, method == "pchip", out)
        return out.z, out.near, out.beyond


class _Packed(NamedTuple):
    """What kernels take of `Shapes`."""

    first: npt.NDArray[np.int64]
    s: Floats
    u: Floats
    z: Floats
    surveyed: Floats
    middle: Floats
    thalweg: Floats
    shares: Floats  # see `twin.bed.weights`; empty for other methods


class _Out(NamedTuple):
    z: Floats
    near: Floats
    beyond: npt.NDArray[np.bool_]


@inner
def _along(of: Any, values: Any, k: int, u: float) -> Any:
    """Return section k's value at u: linear between its points, level beyond its ends."""
    low, high = of.first[k], of.first[k + 1] - 1
    if u <= of.u[low]:
        return values[low]
    if u >= of.u[high]:
        return values[high]
    while high - low > 1:
        middle = (low + high) // 2
        if of.u[middle] <= u:
            low = middle
        else:
            high = middle
    share = (u - of.u[low]) / (of.u[high] - of.u[low])
    return values[low] * (1 - share) + values[high] * share


@inner
def _warped(u: float, at: float, to: float) -> float:
    """Return where u goes when the thalweg moves and the banks stay."""
    if at == to:
        return u
    if u <= at:
        return -1 + (u + 1) * (to + 1) / (at + 1)
    return 1 - (1 - u) * (1 - to) / (1 - at)


@inner
def _gap(of: Any, s: float, u: float) -> int:
    """Return the section before a place: the last that crosses its u at or before its s, but for the last."""
    count = len(of.middle)
    k: int = min(max(int(np.searchsorted(of.middle, s)) - 1, 0), count - 2)
    while k > 0 and s < _along(of, of.s, k, u):
        k -= 1
    while k < count - 2 and s >= _along(of, of.s, k + 1, u):
        k += 1
    return k


@inner
def _end_slope(h0: float, h1: float, d0: float, d1: float) -> float:
    """Return the one-sided slope that keeps the shape, at the first or last section."""
    slope = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1)
    if slope * d0 <= 0:
        return 0.0
    if d0 * d1 <= 0 and abs(slope) > 3 * abs(d0):
        return 3 * d0
    return slope


@inner
def _inner_slope(h0: float, h1: float, d0: float, d1: float) -> float:
    """Return the weighted harmonic mean of the slopes before and after; 0 at a peak or a hollow."""
    if d0 * d1 <= 0:
        return 0.0
    w0, w1 = 2 * h1 + h0, h1 + 2 * h0
    return (w0 + w1) / (w0 / d0 + w1 / d1)


@inner
def _pchip(of: Any, k: int, t: float, u: float) -> float:
    """Return the piecewise cubic between sections k and k + 1 at equal u."""
    last = len(of.middle) - 1
    s0, z0 = _along(of, of.s, k, u), _along(of, of.z, k, u)
    s1, z1 = _along(of, of.s, k + 1, u), _along(of, of.z, k + 1, u)
    h, h0, h1 = s1 - s0, 0.0, 0.0
    d, d0, d1 = (z1 - z0) / h, 0.0, 0.0
    if k > 0:
        h0 = s0 - _along(of, of.s, k - 1, u)
        d0 = (z0 - _along(of, of.z, k - 1, u)) / h0 if h0 > 0 else 0.0
    if k + 1 < last:
        h1 = _along(of, of.s, k + 2, u) - s1
        d1 = (_along(of, of.z, k + 2, u) - z1) / h1 if h1 > 0 else 0.0
    if h0 <= 0 and h1 <= 0:
        return float(z0 * (1 - t) + z1 * t)
    start = _inner_slope(h0, h, d0, d) if h0 > 0 else _end_slope(h, h1, d, d1)
    end = _inner_slope(h, h1, d, d1) if h1 > 0 else _end_slope(h, h0, d, d0)
    value = (1 + 2 * t) * (1 - t) ** 2 * z0 + t * t * (3 - 2 * t) * z1
    return float(value + h * t * (1 - t) * ((1 - t) * start - t * end))


@inner
def _kriged(of: Any, k: int, t: float, u: float, thalweg: float) -> float:
    """Return the weighted mean of the sections about, kept between the two neighbours' heights."""
    step = min(int(t * STEPS), STEPS - 1)
    part = t * STEPS - step
    total, low, high = 0.0, np.inf, -np.inf
    for m in range(2 * NEAREST):
        own = k + 1 - NEAREST + m
        share = of.shares[k, step, m] * (1 - part) + of.shares[k, step + 1, m] * part
        if 0 <= own < len(of.middle):
            height = _along(of, of.z, own, _warped(u, thalweg, of.thalweg[own]))
            total += share * height
            if own in (k, k + 1):
                low, high = min(low, height), max(high, height)
    return float(min(max(total, low), high))


@kernel
def _beds(of: Any, s: Any, u: Any, curved: bool, out: Any) -> None:
    for n in range(len(s)):
        across = u[n]
        if np.isnan(s[n]) or np.isnan(across):
            continue
        k = _gap(of, s[n], across)
        before, after = _along(of, of.s, k, across), _along(of, of.s, k + 1, across)
        if s[n] < before - 1e-6 or s[n] > after + 1e-6:
            continue
        t = min(max((s[n] - before) / (after - before), 0.0), 1.0) if after > before else 0.5
        out.near[n] = min(abs(s[n] - before), abs(after - s[n]))
        low = of.surveyed[k, 0] * (1 - t) + of.surveyed[k + 1, 0] * t
        high = of.surveyed[k, 1] * (1 - t) + of.surveyed[k + 1, 1] * t
        out.beyond[n] = across < low or across > high
        thalweg = (1 - t) * of.thalweg[k] + t * of.thalweg[k + 1]
        if len(of.shares):
            out.z[n] = _kriged(of, k, t, across, thalweg)
        elif curved and after > before:
            out.z[n] = _pchip(of, k, t, across)
        else:
            first = _along(of, of.z, k, _warped(across, thalweg, of.thalweg[k]))
            second = _along(of, of.z, k + 1, _warped(across, thalweg, of.thalweg[k + 1]))
            out.z[n] = first * (1 - t) + second * t
