"""Where water crosses the border of the model: the flow of boundary faces, and of closed ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from naru.kernel import lean_inner, lean_kernel
from twin.flood.records import DISCHARGE, EAST, NORTH, OPEN, SOUTH, STAGE, WEST, Boundary, Ints
from twin.grid import Floats, Values

_G = 9.80665
_OPEN, _STAGE, _DISCHARGE = int(OPEN), int(STAGE), int(DISCHARGE)
# columns of `Faces.where`: flat indices, −1 where there is nothing
CELL, FACE, OPPOSITE, INNER_CELL, ACROSS, OUTER_CELL, IN_X, SIGN, GROUP, COLUMNS = range(10)
DX, DT, THETA, DRY, FROUDE, DATUM = range(6)  # what stands where in `facts`


@dataclass(frozen=True)
class Faces:
    """The boundary's faces in numbers that a kernel can use."""

    where: Ints  # faces × 10: flat indices of cell and face, of the face and the cell opposite, …
    slope: Floats
    volume_m3: Floats  # 4 × names: in, its rounding error, out, its rounding error

    @classmethod
    def of(cls, boundary: Boundary, active: Values) -> Faces:
        """Look up all that the faces touch. An index is −1 where there is nothing."""
        columns = active.shape[1]
        i, j = np.divmod(boundary.cell, columns)
        side = boundary.side
        in_x = (side == WEST) | (side == EAST)
        down = np.where(side == NORTH, 1, np.where(side == SOUTH, -1, 0))  # one cell inwards
        right = np.where(side == WEST, 1, np.where(side == EAST, -1, 0))
        x_face, y_face = i * (columns + 1) + j, i * columns + j
        face = np.where(in_x, x_face + (side == EAST), y_face + columns * (side == SOUTH))
        opposite = np.where(in_x, x_face + (side == WEST), y_face + columns * (side == NORTH))
        across = np.where(in_x, y_face, x_face)  # the first of the two faces that look the other way
        inner_cell, outer_cell = (_cell(i + s * down, j + s * right, active.shape) for s in (1, -1))
        inner_cell = np.where((inner_cell >= 0) & active.reshape(-1)[inner_cell], inner_cell, -1)
        where = [boundary.cell, face, opposite, inner_cell, across, outer_cell, in_x, down + right, boundary.group]
        where.append(np.full(len(i), columns))
        return cls(
            np.column_stack(where).astype(np.int64),
            np.nan_to_num(boundary.slope).astype(np.float64),
            np.zeros((4, max(len(boundary.names), int(boundary.group.max(initial=-1)) + 1))),
        )


def _cell(i: Ints, j: Ints, shape: tuple[int, ...]) -> Ints:
    inside = (i >= 0) & (i < shape[0]) & (j >= 0) & (j < shape[1])
    out: Ints = np.where(inside, i * shape[1] + j, -1)
    return out


@lean_inner
def _open(cell: Any, inner_cell: Any, slope: Any, leaving: Any, ground: Any, facts: Any) -> Any:
    """Return normal flow outwards; without a slope as if the land went on: at its slope, or as it comes."""
    h, z = ground.h.reshape(-1), ground.z.reshape(-1)
    depth, n = float(h[cell]), _manning(ground, cell)
    if not depth > facts[DRY]:
        return 0.0
    critical = depth * np.sqrt(_G * depth)
    if slope > 0.0:
        return depth ** (5.0 / 3.0) * np.sqrt(slope) / n if n > 0.0 else critical
    if slope < 0.0:
        normal = depth ** (5.0 / 3.0) * np.sqrt(-slope) / n if n > 0.0 else critical
        return max(min(critical, normal), leaving)
    fall = float(z[inner_cell]) - float(z[cell]) if inner_cell >= 0 else 0.0
    if fall > 0.0 and n > 0.0:
        return min(critical, depth ** (5.0 / 3.0) * np.sqrt(fall / facts[DX]) / n)
    return max(leaving, 0.0)


@lean_inner
def _manning(ground: Any, cell: Any) -> Any:
    return 2.0 / np.sqrt(_G) * float(ground.n.reshape(-1)[cell])


@lean_inner
def _driven(stage: Any, cell: Any, flows: Any, ground: Any, facts: Any) -> Any:
    """Return the inertial flow inwards between a stage at the face and the cell's centre, half a cell away.

    `flows`: through the face and the cell's opposite face before, inwards, and the mean across.
    """
    old, inward, aside = flows
    bed, depth = float(ground.z.reshape(-1)[cell]), float(ground.h.reshape(-1)[cell])
    outside = max(stage, bed)
    flow_depth = max(outside - bed, depth)
    if not flow_depth > facts[DRY]:
        return 0.0
    force = _G * flow_depth * facts[DT] * (outside - bed - depth) / (0.5 * facts[DX])
    push = facts[THETA] * old + (1.0 - facts[THETA]) * inward + force
    k = _G * facts[DT] * _manning(ground, cell) ** 2 / flow_depth ** (7.0 / 3.0)
    aside *= 1.0 + k * np.sqrt(old * old + aside * aside)
    return 2.0 * push / (1.0 + np.sqrt(1.0 + 4.0 * k * np.sqrt(push * push + aside * aside)))


@lean_kernel
def cross(where: Any, kind: Any, slope: Any, value: Any, ground: Any, before: Any, now: Any, facts: Any) -> Any:
    """Set the unit discharge of boundary faces; return the fastest flow, m/s.

    `before`, `now`: flows, of which `now` has those of the inside already; `facts`: dx, dt, theta, dry depth,
    Froude's limit, datum. OPEN: Manning's normal flow at the given slope; where none is given (0, NaN), at that of
    the bed there, no faster than critical; where that does not fall, what arrives at the cell's opposite face.
    STAGE: the inertial law of a face (Bates et al. 2010), with the stage at the face itself. DISCHARGE: as given.
    """
    best = 0.0
    for f in range(where.shape[0]):
        cell, face, opposite, across = where[f, CELL], where[f, FACE], where[f, OPPOSITE], where[f, ACROSS]
        sign = float(where[f, SIGN])
        if where[f, IN_X] == 1:
            old, others, new, next_across = (
                before.x.reshape(-1),
                before.y.reshape(-1),
                now.x.reshape(-1),
                where[f, COLUMNS],
            )
        else:
            old, others, new, next_across = before.y.reshape(-1), before.x.reshape(-1), now.y.reshape(-1), 1
        over = float(ground.h.reshape(-1)[cell])
        flow = 0.0
        if kind[f] == _OPEN:
            flow = -_open(cell, where[f, INNER_CELL], slope[f], -sign * float(new[opposite]), ground, facts)
        elif kind[f] == _STAGE and not np.isnan(value[f]):
            stage = value[f] - facts[DATUM]
            over = max(over, stage - float(ground.z.reshape(-1)[cell]))
            aside = 0.5 * (float(others[across]) + float(others[across + next_across]))
            flow = _driven(
                stage, cell, (sign * float(old[face]), sign * float(old[opposite]), aside), ground, facts
            )
        if kind[f] == _DISCHARGE:
            flow = value[f]
        else:
            most = facts[FROUDE] * over * np.sqrt(_G * max(over, 0.0))
            flow = max(-most, min(most, flow))
        flow = max(flow, -float(ground.h.reshape(-1)[cell]) * facts[DX] / facts[DT])  # no more than is there
        new[face] = sign * flow
        best = max(best, abs(flow) / max(over, 0.01))
    return best


@lean_kernel
def close(flows: Any, closed_x: Any, closed_y: Any) -> Any:
    """Let nothing through closed faces, given by flat indices."""
    qx, qy = flows.x.reshape(-1), flows.y.reshape(-1)
    for f in closed_x:
        qx[f] = 0
    for f in closed_y:
        qy[f] = 0


@lean_kernel
def count(where: Any, flows: Any, share: Any, volume: Any) -> Any:
    """Add what passed each boundary to `volume`; `share` is dt/dx · the cell's area: m³ of a unit discharge.

    Sums carry their rounding error along (Neumaier 1974).
    """
    qx, qy = flows.x.reshape(-1), flows.y.reshape(-1)
    for f in range(where.shape[0]):
        flow = float(qx[where[f, FACE]]) if where[f, IN_X] == 1 else float(qy[where[f, FACE]])
        passed = flow * float(where[f, SIGN]) * share
        row = 0 if passed >= 0 else 2
        total, more = volume[row, where[f, GROUP]], abs(passed)
        new = total + more
        volume[row + 1, where[f, GROUP]] += (total - new) + more if total >= more else (more - new) + total
        volume[row, where[f, GROUP]] = new
