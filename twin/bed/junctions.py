"""Where reaches meet: one bed without a step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from scipy.ndimage import binary_dilation, distance_transform_edt, find_objects, label

from twin.bed.channel import Channel, Rulings
from twin.bed.patch import Part, Patch
from twin.bed.records import INTERPOLATED
from twin.bed.series import Joint
from twin.grid import Frame, Values
from twin.survey.records import Floats

_NEAR = 1.5  # widths: a reach that ends so near another's head flows into that
_FARTHEST = 8.0  # widths between two reaches' sections: a longer way is no junction
_SMOOTHINGS = 100
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

    def carry_on(self, patch: Patch, joint: Joint) -> None:
        """Lay the bed over a joint where there is none yet: each of both reaches gets what lies on its side."""
        s, u, z, reach, source, channel = (
            values[patch.window] for values in (self.s, self.u, self.z, self.reach, self.source, self.channel)
        )
        channel |= ~np.isnan(patch.s) & ~np.isnan(patch.z)
        taken = ~np.isnan(patch.z) & np.isnan(z)
        below = taken & (patch.s >= joint.at_m)
        for values, own in ((s, patch.s), (u, patch.u), (z, patch.z), (source, patch.source)):
            values[taken] = own[taken]
        s[below] -= np.float32(joint.at_m)
        reach[taken], reach[below] = joint.upper, joint.lower

    def join(self, rings: list[Floats], frame: Frame) -> None:
        """Fill what lies between the beds of two reaches or more: in their channels, or in rings.

        At first every reach counts by the inverse of the distance to its nearest cell, whose bed it gives; that
        is smoothed towards the surface of Laplace's equation, which has no hollow or peak but at its edges.
        """
        gap = self.channel | inside(rings, frame) if rings else self.channel.copy()
        gap &= np.isnan(self.z)
        pieces, _ = label(gap, _ALL)
        for number, place in enumerate(find_objects(pieces), start=1):
            rows, columns = (slice(max(part.start - 1, 0), part.stop + 1) for part in place)
            self._fill((rows, columns), pieces[rows, columns] == number)

    def open_mouth(self, mouth: Mouth, frame: Frame) -> None:
        """Lead a tributary's last section down to the receiving centre line, through the bank there.

        The section's bed goes over into the bed at the centre line. In the receiving channel that only lowers,
        and towards the mouth's sides less: a bank as it was surveyed up- and downstream would dam the tributary.
        """
        s, u = np.full(self.z.shape, np.nan, np.float32), np.full(self.z.shape, np.nan, np.float32)
        mouth.channel.draw(frame, s, u)
        row, column = np.nonzero(~np.isnan(s))
        if not len(row):
            return
        begin, length = mouth.channel.rulings.s[0], np.ptp(mouth.channel.rulings.s)
        t, across = (s[row, column] - begin) / length, u[row, column].astype(np.float64)
        share = ((across + 1) / 2)[:, None]
        end = mouth.channel.left[-1] * (1 - share) + mouth.channel.right[-1] * share
        end_row, end_column = (np.rint(place).astype(int) for place in frame.place(end[:, 0], end[:, 1]))
        inside_frame = (end_row >= 0) & (end_row < frame.rows) & (end_column >= 0) & (end_column < frame.columns)
        level = self.z[np.where(inside_frame, end_row, 0), np.where(inside_frame, end_column, 0)]
        wanted = np.interp(across, mouth.last[:, 0], mouth.last[:, 1]) * (1 - t) + level * t
        known = inside_frame & ~np.isnan(level)
        row, column, across, wanted = row[known], column[known], across[known], wanted[known]
        bare = np.isnan(self.z[row, column])
        lower = np.maximum(self.z[row, column] - wanted, 0) * (1 - across**2) ** 0.5
        self.z[row, column] = np.where(bare, wanted, self.z[row, column] - lower)
        row, column = row[bare], column[bare]
        self.s[row, column], self.u[row, column] = s[row, column], u[row, column]
        self.reach[row, column], self.source[row, column] = mouth.number, INTERPOLATED

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
        z[piece] = _smooth(z, piece)
        source[piece] = INTERPOLATED


def _smooth(z: Values, piece: Mask) -> Values:
    """Return the heights of a piece, each near the mean of its four neighbours that have one."""
    around = np.pad(np.where(np.isnan(z), 0, z).astype(np.float64), 1)
    has = np.pad(~np.isnan(z), 1)
    row, column = np.nonzero(piece)
    for _ in range(_SMOOTHINGS):
        total, count = np.zeros(len(row)), np.zeros(len(row))
        for down, right in ((0, 1), (2, 1), (1, 0), (1, 2)):
            total += around[row + down, column + right]
            count += has[row + down, column + right]
        around[row + 1, column + 1] = np.where(count > 0, total / np.maximum(count, 1), around[row + 1, column + 1])
    out: Values = around[row + 1, column + 1]
    return out


def inside(rings: list[Floats], frame: Frame) -> Mask:
    """Return the cells whose centres lie in any of the rings."""
    import rasterio.features
    from affine import Affine

    place = Affine(frame.cell_m, 0, frame.west, 0, -frame.cell_m, frame.north)
    shapes = [({"type": "Polygon", "coordinates": [ring.tolist()]}, 1) for ring in rings]
    out = rasterio.features.rasterize(shapes, out_shape=(frame.rows, frame.columns), transform=place, dtype="uint8")
    mask: Mask = out == 1
    return mask


@dataclass(frozen=True)
class Mouth:
    """The way from a tributary's last section to the centre line of the reach that it flows into."""

    channel: Channel
    last: Floats  # (points, 2) u and bed elevation of the section
    number: int  # of the tributary in `Survey.reaches`


@dataclass(frozen=True)
class Openings:
    """What lies between the last sections of reaches and what they flow into."""

    rings: list[Floats]
    mouths: list[Mouth]
    warnings: list[str]


def openings(parts: list[Part], carried: Collection[Joint] = ()) -> Openings:
    """Return where reaches meet, and what could not be joined.

    At the head of a reach: the hull of its first section and of the last ones of those that end there. On the way
    along a reach, and along a stretch over a joint (of `carried`), which takes in whatever else ends there: the
    hull of the last section and of the nearest places on the receiving centre line.
    """
    by_id = {part.reach.id: part for part in parts}
    over = {parts[joint.lower].reach.id: joint for joint in carried}
    heads: dict[str, list[Floats]] = {}
    found = Openings([], [], [])
    for number, part in enumerate(parts):
        to = by_id.get(part.reach.downstream or "")
        if to is None:
            continue
        last = part.along.ends(float(part.shapes.middle[-1]))
        joint = over.get(to.reach.id)
        if joint is not None and joint.upper == number:
            continue
        at_head = _at_head(part, to)
        if joint is not None and at_head:
            to, at_head = joint.part, False
        near = to.along.ends(float(to.shapes.middle[0])) if at_head else _nearest(to, last)
        apart = float(np.hypot(*(last.mean(axis=0) - near.mean(axis=0))))
        if apart > _FARTHEST * max(part.along.width_m, to.along.width_m):
            found.warnings.append(
                f"Reach {part.reach.id} ends {apart:.0f} m before {to.reach.id}: what lies between has a bed only "
                "where bank lines cover it. Survey a section nearer to the junction."
            )
        elif at_head:
            heads.setdefault(to.reach.id, [near]).append(last)
        else:
            found.rings.append(_hull([last, near]))
            way = _mouth(last, near, float(part.shapes.middle[-1]), apart)
            found.mouths.append(Mouth(way, part.shapes.shape(-1), number))
    found.rings.extend(_hull(ends) for ends in heads.values())
    return found


def _nearest(to: Part, last: Floats) -> Floats:
    """Return the places on a reach's centre line next to both ends of a section."""
    centre = shapely.LineString(to.reach.centreline)
    out: Floats = shapely.get_coordinates(centre.interpolate(centre.project(shapely.points(last))))
    return out


def _mouth(last: Floats, near: Floats, begin: float, length: float) -> Channel:
    """Return the channel that leads straight from a section to two places."""
    s, edges = np.array([begin, begin + max(length, 1e-3)]), np.array([[-1.0, 1.0], [-1.0, 1.0]])
    rulings = Rulings(np.array([last[0], near[0]]), np.array([last[1], near[1]]), s, edges)
    return Channel(rulings, float(np.hypot(*(last[0] - last[1]))))


def _at_head(part: Part, to: Part) -> bool:
    end, head = part.reach.centreline[-1], to.reach.centreline[0]
    return bool(np.hypot(*(end - head)) < _NEAR * max(part.along.width_m, to.along.width_m))


def _hull(ends: list[Floats]) -> Floats:
    hull = shapely.convex_hull(shapely.multipoints(np.concatenate(ends)))
    out: Floats = shapely.get_coordinates(hull)
    return out
