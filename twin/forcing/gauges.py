"""Rain from a network of gauges: Thiessen polygons (Thiessen 1911), or inverse distances (Shepard 1968)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from naru.errors import TooLarge
from twin.fields import Fields
from twin.flood.world import World
from twin.forcing.falling import ByWeight, ByZone
from twin.forcing.hyetograph import Hyetograph, read_hyetograph
from twin.forcing.sections import groups, number, point
from twin.grid import Floats, Frame

_MOST_BYTES = 2**31


@dataclass(frozen=True)
class RainGauge:
    """A gauge that measures rain; it may stand outside the domain."""

    name: str
    at: tuple[float, float]
    rain: Hyetograph
    where: Fields


@dataclass(frozen=True)
class Network:
    """Gauges, and how cells between them get their rain."""

    gauges: tuple[RainGauge, ...]
    method: str  # thiessen | idw
    power: float

    def build(self, world: World) -> ByZone | ByWeight:
        """Return the rain on the domain's cells. Raises BadSpec: two gauges at one place, no `start`."""
        at = np.concatenate([world.place([list(g.at)], g.where.where("at"), inside=False) for g in self.gauges])
        series = tuple(g.rain.series(world.start) for g in self.gauges)
        if len(np.unique(at, axis=0)) < len(at):
            raise self.gauges[0].where.wrong("at", "is where another gauge is, too", "Give each its own place.")
        frame = world.domain.frame
        if self.method == "thiessen":
            from scipy.spatial import cKDTree

            x, y = np.meshgrid(frame.x, frame.y)
            _, nearest = cKDTree(at).query(np.column_stack([x.ravel(), y.ravel()]))
            return ByZone(nearest.reshape(frame.rows, frame.columns).astype(np.int32), series)
        return ByWeight(_weights(at, frame, self.power), series)


def read_network(where: Fields) -> Network:
    """Read `gauges`, `method` (thiessen, or idw with `power`, 2 if not given). Raises BadSpec."""
    gauges = []
    for fields in groups(where, "gauges"):
        name = fields.text("name") or fields.path
        gauges.append(RainGauge(name, point(fields, "at"), read_hyetograph(fields), fields))
        fields.done()
    if not gauges:
        raise where.wrong("gauges", "is empty", "Give [{name: …, at: [x, y], hyetograph: …}, …].")
    method = where.choice("method", ("thiessen", "idw"), "thiessen")
    power = number(where, "power", (0.1, 20.0), "", 2.0) if method == "idw" else 2.0
    return Network(tuple(gauges), method, power)


def _weights(at: Floats, frame: Frame, power: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return each gauge's share in each cell: d^-power by the distance d, all of it where a gauge stands."""
    if len(at) * frame.rows * frame.columns * 4 > _MOST_BYTES:
        raise TooLarge(
            f"{len(at)} gauges by inverse distances on {frame.rows * frame.columns} cells need more than 2 GiB",
            field="rain.method",
            remedy="Take `method: thiessen`, fewer gauges or larger cells.",
        )
    out = np.empty((len(at), frame.rows, frame.columns), np.float32)
    nearest = 1e-3 * frame.cell_m
    for row, y in enumerate(frame.y):
        distance = np.maximum(np.hypot(at[:, :1] - frame.x, at[:, 1:] - y), nearest)
        shares = (distance.min(axis=0) / distance) ** power  # in this order nothing overflows
        out[:, row] = shares / shares.sum(axis=0)
    return out
