"""Soundings between the sections: what they differ from the interpolated bed is spread about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from twin.bed.channel import Channel
from twin.bed.shapes import Shapes
from twin.survey.records import Floats, Soundings

_STRETCH = 3.0  # a bed is alike that much further along a channel than across it
_REACH = 1.0  # widths across: where a sounding's say has died out
_NEAREST = 12
_SECTION = 0.125  # widths: so near a section, soundings count half
_NOISE = 0.01  # widths: soundings closer than this are averaged


@dataclass(frozen=True)
class Correction:
    """What soundings add to a bed."""

    tree: cKDTree  # of (s / stretch, u · half a width), metres
    excess: Floats  # (soundings,) sounded less interpolated, metres
    width_m: float
    places: tuple[Floats, Floats]  # s and u of the soundings

    def at(self, s: Floats, u: Floats, near: Floats) -> Floats:
        """Return metres to add at places in the channel that are `near` metres from a section along it.

        Inverse-square distances (Shepard 1968) to the twelve nearest soundings in stretched channel coordinates;
        nothing at the sections themselves, nor further than one width (three along the channel) from a sounding.
        """
        count = min(_NEAREST, len(self.excess))
        apart, which = self.tree.query(
            _flat(s, u, self.width_m), k=count, distance_upper_bound=_REACH * self.width_m
        )
        apart, which = apart.reshape(len(s), count), which.reshape(len(s), count)
        reached = np.isfinite(apart)
        share = np.where(reached, 1 / (apart**2 + (_NOISE * self.width_m) ** 2), 0.0)
        # every sounding fades out before the query stops seeing it: no steps in the bed
        fading = np.where(reached, 1 - (apart / (_REACH * self.width_m)) ** 2, 0.0) ** 2
        excess = np.append(self.excess, 0.0)[np.where(reached, which, -1)]
        total = (share * fading).sum(axis=1)
        mean = (share * fading * excess).sum(axis=1) / np.where(total > 0, total, 1)
        out: Floats = mean * fading.max(axis=1) * _apart(near, self.width_m)
        return out


def correction(soundings: Soundings, along: Channel, shapes: Shapes, method: str) -> Correction | None:
    """Return what the soundings in a channel add to its bed; None where there are none."""
    s, u = along.locate(soundings.x, soundings.y)
    found, near, _ = shapes.bed(s, u, method)
    known = ~np.isnan(found) & ~np.isnan(soundings.z)
    if not known.any():
        return None
    s, u = s[known], u[known]
    excess = (soundings.z[known] - found[known]) / np.maximum(_apart(near[known], along.width_m), 0.5)
    return Correction(cKDTree(_flat(s, u, along.width_m)), excess, along.width_m, (s, u))


def _apart(near: Floats, width_m: float) -> Floats:
    """Return the soundings' say: nothing at a section, half of it an eighth of a width away, all of it far off."""
    out: Floats = near / (near + _SECTION * width_m)
    return out


def _flat(s: Floats, u: Floats, width_m: float) -> Floats:
    return np.stack((s / _STRETCH, u * width_m / 2), axis=-1)
