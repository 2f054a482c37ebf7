"""Where water crosses the border of the model, a thread a boundary face; equations: `twin.flood.inertial.edges`."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.flood.inertial import edges
from twin.flood.records import DISCHARGE, OPEN, STAGE, Boundary, Ints
from twin.flood.warped.device import Lately, kernel, launch, part, sent, wp
from twin.flood.warped.inertial_kernels import FASTEST, H, N, Z
from twin.flood.warped.passed import Passed
from twin.grid import Floats, Values

_OPEN, _STAGE, _DISCHARGE = int(OPEN), int(STAGE), int(DISCHARGE)
# columns of `where`: flat indices into a layer of cells, into `q`; −1 where there is nothing
CELL, FACE, OPPOSITE, INNER_CELL, ACROSS, ACROSS_NEXT, SIGN = range(7)
DX, THETA, DRY, FROUDE, DATUM, GRAVITY, FIVE_THIRDS, SEVEN_THIRDS = range(8)  # what stands where in `facts`
_KIND, _SLOPE, _VALUE = range(3)  # rows of `prescribed`


class Faces:
    """The boundary's faces on a device, and what passed them."""

    def __init__(self, boundary: Boundary, active: Values, facts: Floats, device: Any) -> None:
        self._boundary, self._device = boundary, device
        found = edges.Faces.of(boundary, active).where
        outer = found[:, edges.OUTER_CELL]
        self.outside = np.unique(outer[outer >= 0])
        self.count = len(found)
        self._slope = np.nan_to_num(boundary.slope)
        self._lots = _lots(found)
        where = _where(found, active.shape).astype(np.int32)
        self._where = [sent(where[lot], device) for lot in self._lots]
        self._given = [Lately(device) for _ in self._lots]
        self.passed = Passed(boundary, where[:, FACE].astype(np.int64), where[:, SIGN].astype(np.int64), device)
        self._facts = sent(np.array([*facts, 5 / 3, 7 / 3]), device)

    def cross(self, cells: Any, before: Any, now: Any, dt: float, stats: Any) -> None:
        """Set the flow of all faces: kinds and values are those of the boundary at this moment."""
        edge, layers = self._boundary, cells.reshape((4, cells.shape[1] * cells.shape[2]))
        for lot, where, given in zip(self._lots, self._where, self._given, strict=True):
            given.renew(np.stack([edge.kind[lot], self._slope[lot], edge.value[lot]]).astype(np.float64))
            arrays = (where, given.there, layers, before.flatten(), now.flatten(), self._facts)
            launch(_cross, len(lot), *arrays, wp.float64(dt), stats, device=self._device)


def _where(found: Ints, shape: tuple[int, ...]) -> Ints:
    """Return what kernels look up, with faces as flat indices into (rows + 1) × (columns + 1) of x, then of y."""
    in_x = found[:, edges.IN_X] == 1
    first = found[:, edges.ACROSS]
    second = first + np.where(in_x, shape[1], 1)
    faces = [flat(found[:, column], in_x, shape) for column in (edges.FACE, edges.OPPOSITE)]
    across = [flat(index, ~in_x, shape) for index in (first, second)]
    columns = [found[:, edges.CELL], *faces, found[:, edges.INNER_CELL], *across, found[:, edges.SIGN]]
    return np.column_stack(columns).astype(np.int64)


def flat(index: Ints, in_x: Values | bool, shape: tuple[int, ...]) -> Ints:
    """Return flat indices into `q` of faces given as in `blocked_x` (`in_x`) or `blocked_y`."""
    rows, columns = shape
    in_y = (rows + 1) * (columns + 1) + index // columns * (columns + 1) + index % columns
    out: Ints = np.where(in_x, index, in_y)
    return out


def _lots(found: Ints) -> list[Ints]:
    """Return faces that may be computed at the same time, in order: an open face may look at its opposite one.

    Only in strips one cell wide that is a boundary face, too; the one that comes later then waits.
    """
    number = {(int(f), int(x)): k for k, (f, x) in enumerate(found[:, [edges.FACE, edges.IN_X]])}
    opposite = [number.get((int(f), int(x)), -1) for f, x in found[:, [edges.OPPOSITE, edges.IN_X]]]
    waits = np.array([0 <= other < k for k, other in enumerate(opposite)], bool)
    return [lot for lot in (np.flatnonzero(~waits), np.flatnonzero(waits)) if len(lot)]


@part
def _open(where: Any, f: int, slope: Any, leaving: Any, layers: Any, facts: Any) -> Any:
    """Return normal flow outwards; without a slope as if the land went on: at its slope, or as it comes.

    A negative slope is the ground's own, at least: what arrives faster leaves as it comes.
    """
    cell, beyond = where[f, CELL], where[f, INNER_CELL]
    zero = slope - slope
    depth = wp.float64(layers[H, cell])
    n = wp.float64(2.0) / wp.sqrt(facts[GRAVITY]) * wp.float64(layers[N, cell])
    if depth <= facts[DRY]:
        return zero
    critical = depth * wp.sqrt(facts[GRAVITY] * depth)
    normal = wp.pow(depth, facts[FIVE_THIRDS])
    if slope > zero:
        if n > zero:
            critical = normal * wp.sqrt(slope) / n
        return critical
    if slope < zero:
        steady = critical
        if n > zero:
            steady = wp.min(critical, normal * wp.sqrt(-slope) / n)
        return wp.max(steady, leaving)
    fall = zero
    if beyond >= 0:
        fall = wp.float64(layers[Z, beyond]) - wp.float64(layers[Z, cell])
    if fall > zero and n > zero:
        return wp.min(critical, normal * wp.sqrt(fall / facts[DX]) / n)
    return wp.max(leaving, zero)


@part
def _driven(cell: int, stage: Any, flows: Any, layers: Any, facts: Any, dt: Any) -> Any:
    """Return the inertial flow inwards between a stage at the face and the cell's centre, half a cell away."""
    one = wp.float64(1.0)
    bed, depth = wp.float64(layers[Z, cell]), wp.float64(layers[H, cell])
    outside = wp.max(stage, bed)
    flow_depth = wp.max(outside - bed, depth)
    if flow_depth <= facts[DRY]:
        return one - one
    n = wp.float64(2.0) / wp.sqrt(facts[GRAVITY]) * wp.float64(layers[N, cell])
    force = facts[GRAVITY] * flow_depth * dt * (outside - bed - depth) / (wp.float64(0.5) * facts[DX])
    push = facts[THETA] * flows[0] + (one - facts[THETA]) * flows[1] + force
    k = facts[GRAVITY] * dt * n * n / wp.pow(flow_depth, facts[SEVEN_THIRDS])
    aside = flows[2] * (one + k * wp.sqrt(flows[0] * flows[0] + flows[2] * flows[2]))
    return (
        wp.float64(2.0) * push / (one + wp.sqrt(one + wp.float64(4.0) * k * wp.sqrt(push * push + aside * aside)))
    )


@kernel
def _cross(where: Any, given: Any, layers: Any, before: Any, now: Any, facts: Any, dt: Any, stats: Any) -> None:
    """Set the unit discharge of boundary faces, in float64; threads: faces."""
    f = wp.tid()
    cell, face = where[f, CELL], where[f, FACE]
    kind, value, sign = int(given[_KIND, f]), given[_VALUE, f], wp.float64(where[f, SIGN])
    depth = wp.float64(layers[H, cell])
    over, flow = depth, wp.float64(0.0)
    if kind == _OPEN:
        leaving = -sign * wp.float64(now[where[f, OPPOSITE]])
        flow = -_open(where, f, given[_SLOPE, f], leaving, layers, facts)
    if kind == _STAGE and not wp.isnan(value):
        stage = value - facts[DATUM]
        over = wp.max(depth, stage - wp.float64(layers[Z, cell]))
        aside = wp.float64(before[where[f, ACROSS]]) + wp.float64(before[where[f, ACROSS_NEXT]])
        along = sign * wp.float64(before[face])
        inward = sign * wp.float64(before[where[f, OPPOSITE]])
        flow = _driven(cell, stage, wp.vec3d(along, inward, aside * wp.float64(0.5)), layers, facts, dt)
    if kind == _DISCHARGE:
        flow = value
    else:
        most = facts[FROUDE] * over * wp.sqrt(facts[GRAVITY] * wp.max(over, wp.float64(0.0)))
        flow = wp.max(-most, wp.min(most, flow))
    flow = wp.max(flow, -depth * facts[DX] / dt)  # no more than is there
    now[face] = type(now[0])(sign * flow)
    speed = type(now[0])(wp.abs(flow) / wp.max(over, wp.float64(1.0) / wp.float64(100.0)))
    if speed > stats[FASTEST]:
        wp.atomic_max(stats, FASTEST, speed)
