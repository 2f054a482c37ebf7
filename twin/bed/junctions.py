"""Where reaches meet: one bed without a step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely
from scipy.ndimage import binary_dilation, distance_transform_edt, find_objects, label

from twin.bed.patch import Part, Patch
from twin.bed.records import INTERPOLATED
from twin.grid import Frame, Values
from twin.survey.records import Floats

_NEAR = 1.5  # widths: a reach that ends so near another's head flows into that
_FARTHEST = 8.0  # widths between two reaches' sections: a longer way is no junction
_ALL = np.ones((3, 3), np.int8)
Mask = npt.NDArray[np.bool_]


class Canvas:
    """The beds of all reaches on one frame, laid one after the other."""

    def __init__(self, frame: Frame) -> None:
        shape = frame.rows, frame.columns
        self.s: Values = np.full(shape, np.nan, np.float32)
        self.u, self.z = self.s.copy(), self.s.copy()
        self.reach = np.full(shape, -1, np.int16)
        self.source = np.zeros(shape, np.uint8)
        self.channel = np.zeros(shape, np.bool_)  # between banks, with a bed or not

    def lay(self, patch: Patch, number: int) -> None:
        """Lay a reach's bed over what is there.

        Where both have one, each counts by how far within its own bed a cell lies: both fade out at their edges.
        """
        s, u, z, reach, source, channel = (
            values[patch.window] for values in (self.s, self.u, self.z, self.reach, self.source, self.channel)
        )
        channel |= ~np.isnan(patch.s)
        new, old = ~np.isnan(patch.z), ~np.isnan(z)
        both = new & old
        taken = new & ~old
        z[taken] = patch.z[taken]
        if both.any():
            deep, deep_old = distance_transform_edt(new)[both], distance_transform_edt(old)[both]
            share = deep / (deep + deep_old)
            z[both] = patch.z[both] * share + z[both] * (1 - share)
            taken[both] = share >= 0.5
        for values, own in ((s, patch.s), (u, patch.u), (source, patch.source)):
            values[taken] = own[taken]
        reach[taken] = number

    def join(self, openings: list[Floats], frame: Frame) -> None:
        """Fill what lies between the beds of two reaches or more: in their channels, or in openings (rings).

        Every reach counts by the inverse of the distance to its nearest cell, whose bed it gives.
        """
        gap = self.channel | inside(openings, frame) if openings else self.channel.copy()
        gap &= np.isnan(self.z)
        pieces, _ = label(gap, _ALL)
        for number, place in enumerate(find_objects(pieces), start=1):
            rows, columns = (slice(max(part.start - 1, 0), part.stop + 1) for part in place)
            self._fill((rows, columns), pieces[rows, columns] == number)

    def _fill(self, window: tuple[slice, slice], piece: Mask) -> None:
        s, u, z, reach, source = (values[window] for values in (self.s, self.u, self.z, self.reach, self.source))
        known = ~np.isnan(z)
        beside = np.unique(reach[binary_dilation(piece, _ALL) & known])
        if len(beside) < 2:
            return
        total, weight, nearest = np.zeros(piece.sum()), np.zeros(piece.sum()), np.full(piece.sum(), np.inf)
        for number in beside:
            apart, (row, column) = distance_transform_edt(~(known & (reach == number)), return_indices=True)
            apart, row, column = apart[piece], row[piece], column[piece]
            total += z[row, column] / apart
            weight += 1 / apart
            closer = apart < nearest
            nearest[closer] = apart[closer]
            for values in (s, u):
                own = values[piece]
                own[closer] = values[row[closer], column[closer]]
                values[piece] = own
            own = reach[piece]
            own[closer] = number
            reach[piece] = own
        z[piece] = total / weight
        source[piece] = INTERPOLATED


def inside(rings: list[Floats], frame: Frame) -> Mask:
    """Return the cells whose centres lie in any of the rings."""
    import rasterio.features
    from affine import Affine

    place = Affine(frame.cell_m, 0, frame.west, 0, -frame.cell_m, frame.north)
    shapes = [({"type": "Polygon", "coordinates": [ring.tolist()]}, 1) for ring in rings]
    out = rasterio.features.rasterize(shapes, out_shape=(frame.rows, frame.columns), transform=place, dtype="uint8")
    mask: Mask = out == 1
    return mask


def openings(parts: list[Part]) -> tuple[list[Floats], list[str]]:
    """Return rings between the last sections of reaches and what they flow into, and what could not be joined.

    At the head of a reach: the hull of its first section and of the last ones of those that end there. On the
    way along a reach: the hull of the last section and of the nearest places on the receiving centre line.
    """
    by_id = {part.reach.id: part for part in parts}
    heads: dict[str, list[Floats]] = {}
    rings: list[Floats] = []
    warnings: list[str] = []
    for part in parts:
        to = by_id.get(part.reach.downstream or "")
        if to is None:
            continue
        last = part.along.ends(float(part.shapes.middle[-1]))
        if _at_head(part, to):
            first = to.along.ends(float(to.shapes.middle[0]))
            near, target = first, heads.setdefault(to.reach.id, [first])
        else:
            centre = shapely.LineString(to.reach.centreline)
            points = shapely.points(last)
            near, target = shapely.get_coordinates(centre.interpolate(centre.project(points))), []
        width = max(part.along.width_m, to.along.width_m)
        apart = float(np.hypot(*(last.mean(axis=0) - near.mean(axis=0))))
        if apart > _FARTHEST * width:
            warnings.append(
                f"Reach {part.reach.id} ends {apart:.0f} m before {to.reach.id}: what lies between has a bed only "
                "where bank lines cover it. Survey a section nearer to the junction."
            )
            continue
        target.append(last)
        if target is not heads.get(to.reach.id):
            rings.append(_hull([last, near]))
    rings += [_hull(ends) for ends in heads.values() if len(ends) > 1]
    return rings, warnings


def _at_head(part: Part, to: Part) -> bool:
    end, head = part.reach.centreline[-1], to.reach.centreline[0]
    return bool(np.hypot(*(end - head)) < _NEAR * max(part.along.width_m, to.along.width_m))


def _hull(ends: list[Floats]) -> Floats:
    hull = shapely.convex_hull(shapely.multipoints(np.concatenate(ends)))
    out: Floats = shapely.get_coordinates(hull)
    return out
