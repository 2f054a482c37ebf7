"""Reaches one after the other: the river goes on through the joint as it does within a reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely

from twin.bed.channel import channel
from twin.bed.fitting import fitted
from twin.bed.patch import Part
from twin.grid import Grid
from twin.survey.lines import cleaned, length
from twin.survey.records import Floats, Reach

_NEAR = 1.5  # widths from a reach's end to the next one's head
_STRAIGHT_DEG = 60.0  # where several meet, one that turns more is a tributary that comes in
_SECTIONS = 2  # of either reach: what lies between follows all four
_GAP = 8.0  # widths between the sections: more is left to the surveyor


@dataclass(frozen=True)
class Joint:
    """The stretch over a joint as a reach of its own."""

    part: Part
    upper: int  # number of the reach that comes
    lower: int  # and of the one that goes on
    at_m: float  # where along the stretch's centre line the lower one begins


def joints(parts: Sequence[Part], ground: Grid | None) -> Iterator[Joint]:
    """Yield every place where one reach carries another on: the only one, or of several the straightest.

    Where the banks of both cross or double back there is none: such a joint is filled as any other place between
    reaches.
    """
    numbers = {part.reach.id: number for number, part in enumerate(parts)}
    coming: dict[int, list[int]] = {}
    for number, part in enumerate(parts):
        lower = numbers.get(part.reach.downstream or "")
        if lower is not None and _meets(part, parts[lower]):
            coming.setdefault(lower, []).append(number)
    for lower, uppers in coming.items():
        turn, upper = min((_turn_deg(parts[number], parts[lower]), number) for number in uppers)
        alone = len(uppers) == 1
        reach = _over(parts[upper], parts[lower]) if alone or turn <= _STRAIGHT_DEG else None
        if reach is not None:
            along = channel(reach)
            at = length(parts[upper].reach.centreline)
            yield Joint(Part(reach, along, *fitted(reach, along, ground)), upper, lower, at)


def _meets(upper: Part, lower: Part) -> bool:
    width = max(upper.along.width_m, lower.along.width_m)
    ends = upper.reach.centreline[-1], lower.reach.centreline[0]
    gap = upper.along.ends(float(upper.shapes.middle[-1])).mean(axis=0) - lower.along.ends(
        float(lower.shapes.middle[0])
    ).mean(axis=0)
    return bool(np.hypot(*(ends[0] - ends[1])) < _NEAR * width and np.hypot(*gap) <= _GAP * width)


def _turn_deg(upper: Part, lower: Part) -> float:
    """Return by how much the river turns from one reach's last section to the other's first."""
    before, after = _way(upper, -1), _way(lower, 0)
    return float(np.degrees(np.arccos(np.clip(before @ after, -1, 1))))


def _way(part: Part, section: int) -> Floats:
    """Return the unit direction downstream, square to a section's ends in the channel."""
    left, right = part.along.ends(float(part.shapes.middle[section]))
    across = left - right
    out: Floats = np.array([across[1], -across[0]]) / max(float(np.hypot(*across)), 1e-12)
    return out


def _over(upper: Part, lower: Part) -> Reach | None:
    """Return the stretch from the upper reach's last sections to the lower one's first; None where lines cross."""
    above, below = upper.reach, lower.reach
    left, right, centre = (
        cleaned(np.concatenate(lines))
        for lines in (
            (above.left_bank, below.left_bank),
            (above.right_bank, below.right_bank),
            (above.centreline, below.centreline),
        )
    )
    ring = shapely.Polygon(np.concatenate((left, right[::-1])))
    if not (ring.is_valid and shapely.LineString(centre).is_simple):
        return None
    offset = length(above.centreline)
    last = [above.sections[number] for number in upper.numbers[-_SECTIONS:]]
    first = [
        replace(below.sections[number], chainage_m=below.sections[number].chainage_m + offset)
        for number in lower.numbers[:_SECTIONS]
    ]
    return Reach(f"{above.id} to {below.id}", centre, left, right, (*last, *first), below.downstream)
