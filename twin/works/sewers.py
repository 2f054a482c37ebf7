"""Sewers below the street: a SWMM model that runs along at a common step, every m³ between the two counted."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np

from naru.errors import BadSpec, ExtraMissing
from twin.flood.ledger import Ledger
from twin.flood.records import Bystander, Reading, Water
from twin.flood.world import World
from twin.grid import Floats, Values
from twin.works.drains import Openings
from twin.works.spec import DrainsSpec

_FOOT_M = 0.3048
_FLOWS = {  # SWMM's units of flow, m³/s
    "CFS": _FOOT_M**3,
    "GPM": 3.785411784e-3 / 60,
    "MGD": 3785.411784 / 86_400,
    "CMS": 1.0,
    "LPS": 1e-3,
    "MLD": 1000 / 86_400,
}
_INFLOWS = ("dry_weather_inflow", "wet_weather_inflow", "groundwater_inflow", "II_inflow", "external_inflow")
_MORE, _LEAST = 1.2, 1e-4  # -, m³/s: how a full node feels for room
_LOSSES = ("evaporation_loss", "seepage_loss")


class Network:
    """A SWMM model at work. There can be one in a process: beginning another ends the one before."""

    _running: ClassVar[Network | None] = None

    def __init__(self, spec: DrainsSpec, end_s: float) -> None:
        assert spec.swmm is not None
        pyswmm = _pyswmm(spec)
        if Network._running is not None:
            Network._running.close()
        self._folder = tempfile.TemporaryDirectory(prefix="naru-swmm-")
        out = self._folder.name
        try:
            self._sim: Any = pyswmm.Simulation(str(spec.swmm), f"{out}/swmm.rpt", f"{out}/swmm.out")
        except Exception as error:  # SWMM raises that and nothing finer
            self._folder.cleanup()
            what = f"names a model that SWMM cannot read ({' '.join(str(error).split())})"
            raise _wrong(spec, "swmm", what, "Run it in EPA SWMM first.") from error
        Network._running = self
        self._sim.__enter__()
        self._step_s = spec.swmm_step_s
        steps = math.ceil(end_s / spec.swmm_step_s) + 2
        self._sim.end_time = self._sim.start_time + timedelta(seconds=steps * spec.swmm_step_s)
        self._flow, us = _FLOWS[self._sim.flow_units], self._sim.system_units == "US"
        self._metre, self._volume = (_FOOT_M, _FOOT_M**3) if us else (1.0, 1.0)
        self._nodes = {node.nodeid: node for node in pyswmm.Nodes(self._sim)}
        self._links = list(pyswmm.Links(self._sim))
        self._system = pyswmm.SystemStats(self._sim)

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes' names."""
        return tuple(self._nodes)

    def start(self) -> None:
        """Begin at SWMM's own start time."""
        self._sim.step_advance(int(self._step_s))
        self._sim.start()

    def head(self, node: str) -> float:
        """Return a node's head, EL m."""
        return float(self._nodes[node].head) * self._metre

    def holds(self, node: str) -> float:
        """Return what stands in a node, m³."""
        return float(self._nodes[node].volume) * self._volume

    def stored_m3(self) -> float:
        """Return the water in all nodes and links."""
        return math.fsum(float(each.volume) for each in (*self._nodes.values(), *self._links)) * self._volume

    def flooded(self) -> dict[str, float]:
        """Return what has come out of each node since the start, m³."""
        return {k: float(node.statistics["flooding_volume"]) * self._volume for k, node in self._nodes.items()}

    def totals(self) -> tuple[float, float, float]:
        """Return all inflow, what the outfalls let out, and losses since the start, m³."""
        said = self._system.routing_stats
        sums = (sum(said[k] for k in names) for names in (_INFLOWS, ("outflow",), _LOSSES))
        come, gone, lost = (float(v) * self._volume for v in sums)
        return come, gone, lost

    def run(self, inflow: Mapping[str, float]) -> None:
        """Run a common step with an inflow to nodes, m³/s."""
        for node, rate in inflow.items():
            self._nodes[node].generated_inflow(float(rate) / self._flow)
        next(self._sim)

    def close(self) -> None:
        """End it."""
        if Network._running is self:
            Network._running = None
            self._sim.__exit__(None, None, None)
            self._folder.cleanup()

    def __del__(self) -> None:
        self.close()


class Sewers(Bystander):
    """The sewers as an actor: inlets exchange water at every step, the network runs at the common step."""

    name = "sewers"

    def __init__(self, spec: DrainsSpec, openings: Openings, world: World) -> None:
        self._spec, self._openings, self._end_s = spec, openings, world.duration_s
        self._nodes = [str(each.node) for each in openings.inlets]
        network = Network(spec, self._end_s)
        known = network.names
        network.close()
        for each in openings.inlets:
            if each.node not in known:
                what = f"is '{each.node}', and the SWMM model has no such node"
                raise _wrong(spec, f"{each.where}.node", what, f"Its nodes are: {', '.join(known[:20])}.")
        self._network: Network | None = None
        n = len(openings.inlets)
        self._pending: Floats = np.zeros(n)  # m³ on their way into the sewer since the last common step
        self._flow: Floats = np.zeros(n)
        self._volume: Floats = np.zeros(n)
        self._accepts: Floats = np.full(n, np.inf)  # m³/s: what a full node took at last, and a little more
        self._carry = self._stored = 0.0
        self._history: list[Floats] = []  # what went into the network, m³/s, by common step and inlet

    def begin(self, water: Water) -> None:
        """Start SWMM."""
        self._history = []
        self._start()

    def _start(self) -> Network:
        if self._network is not None:
            self._network.close()
        self._network = Network(self._spec, self._end_s)
        self._network.start()
        self._look()
        self._stored = self._network.stored_m3()
        self._totals, self._flooded = self._network.totals(), self._network.flooded()
        return self._network

    def _look(self) -> None:
        assert self._network is not None
        self._heads: Floats = np.array([self._network.head(node) for node in self._nodes])
        self._in_node: Floats = np.array([self._network.holds(node) for node in self._nodes])

    @property
    def _next_s(self) -> float:
        return (len(self._history) + 1) * self._spec.swmm_step_s

    def next_change_s(self, time_s: float) -> float:
        """Return the next common step."""
        return self._next_s if self._next_s > time_s + 1e-6 else self._next_s + self._spec.swmm_step_s

    def act(self, water: Water, time_s: float, dt_s: float, ledger: Ledger) -> None:
        """Run the network when it is due; then exchange water through the inlets."""
        if time_s >= self._next_s - 1e-6:
            self._exchange(water, ledger)
        flow = self._openings.wanted(water, self._heads, dt_s)
        most = 0.5 * self._in_node / self._spec.swmm_step_s  # what a node can give back until the next common step
        self._flow = np.clip(flow, -most, self._accepts)
        volume = self._flow * dt_s
        taken = -self._openings.move(water, -volume)
        self._pending += volume
        self._volume += volume
        self._carry += taken - float(volume.sum())

    def _exchange(self, water: Water, ledger: Ledger) -> None:
        network = self._network
        assert network is not None
        rates = self._pending / self._spec.swmm_step_s
        self._history.append(rates)
        self._run(network, rates)
        given, before = float(self._pending.sum()), self._stored
        totals, flooded = network.totals(), network.flooded()
        come, gone, lost = (new - old for new, old in zip(totals, self._totals, strict=True))
        rose = {node: flooded[node] - self._flooded[node] for node in flooded}
        back = self._back(rose)
        self._stored, self._totals, self._flooded = network.stored_m3(), totals, flooded
        took = np.maximum(self._pending - back, 0.0) / self._spec.swmm_step_s
        self._accepts = np.where(back > 0, _MORE * took + _LEAST, np.inf)
        self._pending[:] = 0.0
        arrived = self._openings.move(water, back)
        self._carry += float(back.sum()) - arrived
        self._volume -= back
        terms = {
            "drains/outfalls": -gone,
            "drains/own inflow": come - given,
            "drains/losses": -lost,
            "drains/flooded elsewhere": float(back.sum()) - math.fsum(rose.values()),
        }
        unexplained = self._stored + float(back.sum()) - before - given - math.fsum(terms.values())
        for term, volume in {**terms, "drains/network error": unexplained}.items():
            if volume:
                ledger.add(term, volume)

    def _run(self, network: Network, rates: Floats) -> None:
        by_node: dict[str, float] = dict.fromkeys(self._nodes, 0.0)
        for node, rate in zip(self._nodes, rates, strict=True):
            by_node[node] += float(rate)
        network.run(by_node)
        self._look()

    def _back(self, rose: Mapping[str, float]) -> Floats:
        """Return what comes out at each inlet, m³; of a node with several inlets evenly."""
        return np.array([max(rose[node], 0.0) / self._nodes.count(node) for node in self._nodes])

    def held_m3(self) -> float:
        """Return the water in the network, on its way into it, and what rounding kept back."""
        return self._stored + float(self._pending.sum()) + self._carry

    def readings(self) -> Iterator[Reading]:
        """Yield the flow into each inlet, its volume (less what came back), its node's head; and the network's."""
        rows = zip(self._openings.inlets, self._flow, self._volume, self._heads, strict=True)
        for each, flow, volume, head in rows:
            yield Reading(each.name, "discharge_m3_s", float(flow))
            yield Reading(each.name, "volume_m3", float(volume))
            yield Reading(each.name, "head_downstream_m", float(head))
        yield Reading(self.name, "stored_m3", self._stored)

    def save(self) -> dict[str, Values]:
        """Return all that `load` needs: SWMM goes on bit by bit only by doing again all that it has done."""
        history = np.array(self._history).reshape(len(self._history), len(self._nodes))
        state = np.array([self._carry, len(self._history)])
        rows, columns = np.nonzero(history)
        return {
            "state": state,
            "pending": self._pending,
            "accepts": self._accepts,
            "flow": self._flow,
            "volume": self._volume,
            "history_row": rows,
            "history_column": columns,
            "history": history[rows, columns],
        }

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave: the network runs again from its start with the same inflows."""
        self._carry, count = float(saved["state"][0]), int(saved["state"][1])
        self._pending, self._flow = saved["pending"].copy(), saved["flow"].copy()
        self._volume, self._accepts = saved["volume"].copy(), saved["accepts"].copy()
        history = np.zeros((count, len(self._nodes)))
        history[saved["history_row"], saved["history_column"]] = saved["history"]
        network = self._start()
        for rates in history:
            self._run(network, rates)
        self._history = list(history)
        self._stored, self._totals, self._flooded = network.stored_m3(), network.totals(), network.flooded()


def _pyswmm(spec: DrainsSpec) -> Any:
    try:
        import pyswmm
        import pyswmm.swmm5
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            "pyswmm is not installed: sewers cannot be coupled",
            field=f"{spec.where}.swmm",
            remedy="pip install 'naru-city[swmm]', or leave `swmm` out.",
        ) from error
    return pyswmm


def _wrong(spec: DrainsSpec, name: str, what: str, remedy: str) -> BadSpec:
    where = name if name.startswith(spec.where) else f"{spec.where}.{name}"
    return BadSpec(f"field '{where}' {what}", field=where, file=str(spec.swmm), remedy=remedy)
