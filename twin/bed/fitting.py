"""A reach's surveyed sections as shapes in its channel coordinates, from bank to bank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from naru.errors import BadSurvey
from twin.bed.channel import Channel
from twin.bed.shapes import Shapes
from twin.grid import Grid
from twin.survey.records import CrossSection, Floats, Reach

_FINE = 24  # places a width at which a section's line is looked up between its points
_SHORT = 0.1  # of u: a section that ends so near a bank is taken to reach it
_APART = 1e-9  # of u: points at one place (walls) are kept apart by so much, in their order


@dataclass(frozen=True)
class Curve:
    """One section from bank to bank, from u = −1 to u = 1."""

    s: Floats
    u: Floats
    z: Floats
    own: npt.NDArray[np.bool_]  # which points were surveyed
    surveyed: Floats  # (2,) lowest and highest u that was surveyed


def fitted(reach: Reach, along: Channel, ground: Grid | None = None) -> tuple[Shapes, tuple[int, ...]]:
    """Return a reach's sections as shapes, upstream first, and which of `reach.sections` they are.

    Sections that do not cross the channel are left out. Raises `BadSurvey` where fewer than two are left.
    """
    curves = [(curve(section, along, ground), number) for number, section in enumerate(reach.sections)]
    known = [(found, number) for found, number in curves if found is not None]
    if len(known) < 2:
        raise BadSurvey(
            f"Reach {reach.id} has {len(known)} section(s) in its channel; a bed needs two at least.",
            layer=reach.id,
            remedy="Survey another section, or join the reach to its neighbour.",
        )
    known.sort(key=lambda pair: float(np.interp(0, pair[0].u, pair[0].s)))
    points = [found for found, _ in known]
    first = np.concatenate(([0], np.cumsum([len(found.u) for found in points])))
    s, u, z = (np.concatenate([getattr(found, name) for found in points]) for name in "suz")
    return Shapes(
        first,
        s,
        u,
        z,
        own=np.concatenate([found.own for found in points]),
        surveyed=np.array([found.surveyed for found in points]),
        middle=np.array([float(np.interp(0, found.u, found.s)) for found in points]),
        thalweg=np.array([_thalweg(found) for found in points]),
        width_m=along.width_m,
    ), tuple(number for _, number in known)


def curve(section: CrossSection, along: Channel, ground: Grid | None = None) -> Curve | None:
    """Return a section as it lies in a channel; None where it does not cross it.

    What lies beyond the banks is cut off where the section's line leaves the channel. Where a section ends short
    of a bank its line goes on as it lies, up (or down) to the ground there; without ground, at the last height.
    """
    x, y, z, own = _fine(section, along.width_m / _FINE)
    s, u = along.locate(x, y)
    inside = _longest(~np.isnan(s))
    if len(inside) < 3:
        return None
    beyond = tuple(_crossing(x, y, z, u, at, towards) for at, towards in ((inside[0], -1), (inside[-1], 1)))
    s, u, z, own = s[inside], u[inside], z[inside], own[inside]
    if u[0] > u[-1]:
        s, u, z, own, beyond = s[::-1], u[::-1], z[::-1], own[::-1], beyond[::-1]
    order = np.argsort(u, kind="stable")
    keep = np.arange(len(u)) * _APART
    s, u, z, own = s[order], np.maximum.accumulate(u[order] - keep) + keep, z[order], own[order]
    if u[-1] - u[0] < 0.2:
        return None
    return _to_banks(Curve(s, np.clip(u, -1, 1), z, own, u[[0, -1]]), beyond, along, ground)


def _crossing(x: Floats, y: Floats, z: Floats, u: Floats, at: int, towards: int) -> float | None:
    """Return the height at which a section's line leaves the channel after point `at`; None where it ends there.

    Where it crosses the bank follows from how fast u runs along the line just inside.
    """
    out, back = at + towards, at - towards
    if not 0 <= out < len(x):
        return None
    away, before = (float(np.hypot(x[n] - x[at], y[n] - y[at])) for n in (out, back))
    rate = abs(u[at] - u[back]) / before if before > 0 else 0.0
    share = min((1 - abs(u[at])) / (rate * away), 1.0) if rate * away > 0 else 0.0
    return float(z[at] + share * (z[out] - z[at]))


def _fine(section: CrossSection, step: float) -> tuple[Floats, Floats, Floats, npt.NDArray[np.bool_]]:
    """Return a section's points and others between them, straight on, no further apart than `step`."""
    lengths = np.hypot(np.diff(section.x), np.diff(section.y))
    parts = np.maximum(np.ceil(lengths / step).astype(int), 1)
    place = np.concatenate([k + np.arange(n) / n for k, n in enumerate(parts)] + [[float(len(parts))]])
    number = np.arange(len(section.x), dtype=float)
    x, y, z = (np.interp(place, number, values) for values in (section.x, section.y, section.z))
    return x, y, z, place == np.floor(place)


def _longest(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the places of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], inside.astype(np.int8), [0]))))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return np.empty(0, np.int64)
    best = int(np.argmax(ends - starts))
    return np.arange(starts[best], ends[best])


def _to_banks(found: Curve, beyond: tuple[float | None, ...], along: Channel, ground: Grid | None) -> Curve:
    """Return a curve with its ends at both banks; `beyond` are the heights where its line crosses them."""
    s, u, z, own, surveyed = found.s, found.u, found.z, found.own, found.surveyed.copy()
    slope = (s[-1] - s[0]) / (u[-1] - u[0])
    for end, bank in ((0, -1.0), (-1, 1.0)):
        gap = bank - u[end]
        if gap == 0:
            continue
        crossed = beyond[end]
        at, height = s[end] + slope * gap, z[end] if crossed is None else crossed
        if abs(gap) > _SHORT and crossed is None and ground is not None:
            height = _ground_at(along, at, bank, ground, height)
        if abs(gap) <= _SHORT or crossed is not None:
            surveyed[end] = bank
        where = 0 if end == 0 else len(u)
        s, u, z = (np.insert(values, where, value) for values, value in ((s, at), (u, bank), (z, height)))
        own = np.insert(own, where, False)
    return Curve(s, u, z, own, surveyed)


def _ground_at(along: Channel, s: float, bank: float, ground: Grid, otherwise: float) -> float:
    ends = along.left if bank < 0 else along.right
    x, y = (np.interp(s, along.rulings.s, ends[:, axis]) for axis in (0, 1))
    height = float(ground.at(np.array([x]), np.array([y]))[0])
    return otherwise if np.isnan(height) else height


def _thalweg(found: Curve) -> float:
    """Return where the deepest part lies: the centre of what is less than a fifth of the depth above the lowest."""
    fine = np.linspace(-1, 1, 401)
    bed = np.interp(fine, found.u, found.z)
    deep = np.maximum(bed.min() + 0.2 * (bed.max() - bed.min()) - bed, 0)
    return float(np.clip((deep * fine).sum() / deep.sum(), -0.9, 0.9)) if deep.sum() > 0 else 0.0
