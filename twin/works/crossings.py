"""All structures that stand on faces, and basins: one actor, so that thousands of faces cost one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from twin.flood.ledger import Ledger
from twin.flood.records import Bystander, Ints, Reading, Water
from twin.grid import Floats, Values
from twin.works.faces import Chain
from twin.works.laws.crossing import NUMBERS, WIDTH, settle
from twin.works.site import Site

_SMOOTH = 0.05  # of a step in the mean that is read: steps differ in length before an output
_WET_M = 1e-3  # what counts as water where a stage is read


class Part(Protocol):
    """What changes the numbers of some crossings while the water runs: a gate, a breach, a bridge, a basin."""

    def move(self, all_: Crossings, water: Water, time_s: float, dt_s: float) -> None:
        """Set the numbers for a step."""
        ...

    def next_change_s(self, time_s: float) -> float:
        """Return the next time at which something changes by the clock."""
        ...

    def readings(self) -> Iterable[tuple[str, float]]:
        """Return quantities beyond flow and heads, and their values."""
        ...

    def state(self) -> Floats:
        """Return what `restore` needs."""
        ...

    def restore(self, state: Floats) -> None:
        """Go on from a state."""
        ...


@dataclass(frozen=True)
class Owner:
    """A structure, as results name it."""

    id: str
    rows: Ints  # its crossings
    part: Part | None = None
    open_faces: Chain | None = None  # of a bridge: those where the scheme moves the water


@dataclass
class Layout:
    """Crossings as they are laid: rows of a table."""

    site: Site
    pairs: list[Ints] = field(default_factory=list)  # each rows × 2, flat cells; buckets are -1, -2, …
    kinds: list[Values] = field(default_factory=list)
    numbers: list[Floats] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)  # faces to close
    owners: list[Owner] = field(default_factory=list)
    later: list[Callable[[Floats], None]] = field(default_factory=list)  # what is done to the numbers of all
    count: int = 0

    def add(self, pairs: Ints, kind: int, numbers: Floats) -> Ints:
        """Add crossings; return their rows."""
        self.pairs.append(pairs)
        self.kinds.append(np.full(len(pairs), kind, np.int64))
        self.numbers.append(numbers)
        rows = np.arange(self.count, self.count + len(pairs), dtype=np.int64)
        self.count += len(pairs)
        return rows

    def close(self, chain: Chain) -> None:
        """Close faces."""
        self.chains.append(chain)
        self.site.close(chain)


class Bucket(Protocol):
    """Water that is not on the ground: a basin whose volume by stage is known."""

    volume_m3: float

    def look(self) -> tuple[float, float, float]:
        """Return depth, bed and area (m, EL m, m²) of the cell that it is just now."""
        ...


class Crossings(Bystander):
    """The actor of all crossings."""

    name = "structures"

    def __init__(self, layout: Layout, buckets: Sequence[Bucket] = ()) -> None:
        pairs = np.concatenate(layout.pairs) if layout.pairs else np.empty((0, 2), np.int64)
        outer = _outwards(layout.site, pairs)
        known = np.concatenate([pairs[pairs >= 0], outer[outer >= 0]])
        self.cells: Ints = np.unique(known)
        self.buckets = tuple(buckets)
        n, extra = len(self.cells), len(self.buckets)
        self.sides = np.where(pairs >= 0, np.searchsorted(self.cells, pairs), n - 1 - pairs).astype(np.int64)
        beyond = np.where(outer >= 0, np.searchsorted(self.cells, outer), -1).astype(np.int64)
        self._seen = np.stack([self.sides, beyond], axis=2).reshape(-1, 4)
        self.kinds = np.concatenate(layout.kinds) if layout.kinds else np.empty(0, np.int64)
        self.numbers = np.concatenate(layout.numbers) if layout.numbers else np.empty((0, NUMBERS))
        for change in layout.later:
            change(self.numbers)
        self.owners = tuple(layout.owners)
        self._chains = tuple(layout.chains)
        site = layout.site
        self._cell_m = site.domain.frame.cell_m
        self.bed: Floats = np.concatenate([site.bed[self.cells], np.zeros(extra)])
        self.area: Floats = np.full(n + extra, site.domain.area_m2)
        self.depth: Floats = np.zeros(n + extra)
        self._carry: Floats = np.zeros(n)  # what rounding kept back
        self._flow: Floats = np.zeros((len(self.sides), 2))  # in the last step, m³ and m²/s
        self._mean: Floats = np.zeros(len(self.sides))  # m³/s over some twenty steps: what is read
        self._volume: Floats = np.zeros(len(self.sides))  # in all
        self._water: Water | None = None
        self._passed = _faces_between(pairs, site.domain.frame.columns)

    @property
    def stage(self) -> Floats:
        """The stage at each cell, EL m."""
        return self.bed + self.depth

    def begin(self, water: Water) -> None:
        """Close the faces."""
        self._water = water
        for chain in self._chains:
            water.block(chain.x_faces, chain.y_faces)
        self._look(water)

    def next_change_s(self, time_s: float) -> float:
        """Return the next time at which a rule or a breach goes by the clock."""
        return min((part.next_change_s(time_s) for part in self._parts()), default=np.inf)

    def act(self, water: Water, time_s: float, dt_s: float, ledger: Ledger) -> None:
        """Move the parts, then the water."""
        self._look(water)
        for part in self._parts():
            part.move(self, water, time_s, dt_s)
        gain = settle(self._seen, self.kinds, self.numbers, self.depth, self.bed, self.area, dt_s, self._flow)
        self._volume += self._flow[:, 0]
        self._mean += _SMOOTH * (self._flow[:, 0] / dt_s - self._mean)
        self._give(water, gain)

    def _parts(self) -> Iterator[Part]:
        return (owner.part for owner in self.owners if owner.part is not None)

    def _look(self, water: Water) -> None:
        n = len(self.cells)
        self.depth[:n] = water.depths(self.cells)
        for k, bucket in enumerate(self.buckets):
            self.depth[n + k], self.bed[n + k], self.area[n + k] = bucket.look()

    def _give(self, water: Water, gain: Floats) -> None:
        n = len(self.cells)
        moved = np.flatnonzero(gain[:n])
        if len(moved):
            wanted = gain[moved] + self._carry[moved]
            self._carry[moved] = wanted - water.add(self.cells[moved], wanted)
        for k, bucket in enumerate(self.buckets):
            bucket.volume_m3 += float(gain[n + k])
        self.depth += gain / self.area

    def side_stage(self, rows: Ints, side: int) -> float:
        """Return the stage on a side (0 upstream, 1 downstream), EL m: the mean where wet, else the lowest bed.

        It is read a cell away from the structure, where there is water there: the law's head.
        """
        near, far = self._seen[rows, 2 * side], self._seen[rows, 2 * side + 1]
        cells = np.where((far >= 0) & (self.depth[far] > _WET_M) & (self.depth[near] > _WET_M), far, near)
        wet = cells[self.depth[cells] > _WET_M]
        if len(wet):
            return float((self.bed[wet] + self.depth[wet]).mean())
        return float(self.bed[cells].min())

    def highest(self, rows: Ints) -> float:
        """Return the highest stage beside crossings, EL m; -inf where all is dry."""
        cells = self.sides[rows].ravel()
        wet = cells[self.depth[cells] > _WET_M]
        return float((self.bed[wet] + self.depth[wet]).max()) if len(wet) else -np.inf

    def held_m3(self) -> float:
        """Return what rounding kept back, and what the basins hold."""
        return float(self._carry.sum()) + sum(bucket.volume_m3 for bucket in self.buckets)

    def readings(self) -> Iterator[Reading]:
        """Yield flow, volume and heads of each structure, and what its part tells."""
        for owner in self.owners:
            rate = float(self._mean[owner.rows].sum())
            yield Reading(owner.id, "discharge_m3_s", rate + self._flow_below(owner))
            yield Reading(owner.id, "volume_m3", float(self._volume[owner.rows].sum()))
            for side, quantity in enumerate(("head_upstream_m", "head_downstream_m")):
                if (self.depth[self.sides[owner.rows, side]] > _WET_M).any():
                    yield Reading(owner.id, quantity, self.side_stage(owner.rows, side))
            if owner.part is not None:
                for quantity, value in owner.part.readings():
                    yield Reading(owner.id, quantity, value)

    def face_flows(self, x_faces: Ints, y_faces: Ints) -> tuple[Floats, Floats]:
        """Return what structures pass through faces that they have closed, m²/s, positive along growing indices.

        Flat indices as in `Water.blocked_x`, `Water.blocked_y`. A structure that joins cells on both sides of an
        embankment passes every face between them.
        """
        return self._at(self._passed[0], x_faces), self._at(self._passed[1], y_faces)

    def _at(self, passed: tuple[Ints, Ints, Floats], faces: Ints) -> Floats:
        known, rows, signs = passed
        first, last = np.searchsorted(known, faces, "left"), np.searchsorted(known, faces, "right")
        out = np.zeros(len(faces))
        for k in np.flatnonzero(last > first):
            part = slice(first[k], last[k])
            out[k] = float(self._mean[rows[part]] @ signs[part]) / self._cell_m
        return out

    def _flow_below(self, owner: Owner) -> float:
        """Return what the scheme moves through the open faces of a bridge, m³/s."""
        if owner.open_faces is None or self._water is None:
            return 0.0
        faces = owner.open_faces
        flow = np.zeros(len(faces.face))
        flow[faces.vertical], flow[~faces.vertical] = self._water.face_flows(faces.x_faces, faces.y_faces)
        return float((flow * np.sign(faces.cells[:, 1] - faces.cells[:, 0])).sum()) * self._cell_m

    def save(self) -> dict[str, Values]:
        """Return all that `load` needs."""
        out: dict[str, Values] = {
            "carry": self._carry,
            "volume": self._volume,
            "flow": self._flow,
            "mean": self._mean,
            "buckets": np.array([bucket.volume_m3 for bucket in self.buckets]),
        }
        return out | {f"part/{o.id}": o.part.state() for o in self.owners if o.part is not None}

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        self._carry[:], self._volume[:] = saved["carry"], saved["volume"]
        self._flow[:], self._mean[:] = saved["flow"], saved["mean"]
        for bucket, volume in zip(self.buckets, saved["buckets"], strict=True):
            bucket.volume_m3 = float(volume)
        for owner in self.owners:
            if owner.part is not None:
                owner.part.restore(np.asarray(saved[f"part/{owner.id}"], np.float64))


def _outwards(site: Site, pairs: Ints) -> Ints:
    """Return the cells next to pairs of cells, outwards; -1 where there is none, or a line lies between."""
    columns = site.domain.frame.columns
    out = np.full(pairs.shape, -1, np.int64)
    for k, (first, second) in enumerate(pairs):
        if min(first, second) < 0 or first == second:
            continue
        same_row = first // columns == second // columns
        step = int(np.sign(first - second)) * (1 if same_row else columns)
        for side, (cell, way) in enumerate(((int(first), step), (int(second), -step))):
            if site.joined(cell, cell + way):
                out[k, side] = cell + way
    return out


def _faces_between(pairs: Ints, columns: int) -> list[tuple[Ints, Ints, Floats]]:
    """Return the faces between pairs of cells in one row, and in one column: faces in order, pairs, signs."""
    found: tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]] = ([], [])
    for k, (first, second) in enumerate(pairs):
        if min(first, second) < 0:
            continue
        (r0, c0), (r1, c1) = divmod(int(min(first, second)), columns), divmod(int(max(first, second)), columns)
        sign = 1 if second > first else -1
        if r0 == r1:
            found[0].extend((r0 * (columns + 1) + column, k, sign) for column in range(c0 + 1, c1 + 1))
        elif c0 == c1:
            found[1].extend((row * columns + c0, k, sign) for row in range(r0 + 1, r1 + 1))
    out = []
    for each in found:
        table = np.array(sorted(each), np.int64).reshape(-1, 3)
        out.append((table[:, 0], table[:, 1], table[:, 2].astype(np.float64)))
    return out


def numbers_of(count: int, **values: Floats | float) -> Floats:
    """Return the numbers of crossings: columns by name, in capitals as `laws.crossing` has them."""
    from twin.works.laws import crossing

    out = np.zeros((count, NUMBERS))
    for name, value in values.items():
        out[:, getattr(crossing, name)] = value
    return out


def widths(chain: Chain, width_m: float | None) -> Floats:
    """Return each face's share of a structure's width; None: of its line's length."""
    share = np.maximum(chain.end - chain.begin, 0.0)
    if width_m is None:
        return share
    whole = float(share.sum())
    return share * (width_m / whole) if whole > 0 else np.full(len(share), width_m / max(len(share), 1))


__all__ = ["WIDTH", "Crossings", "Layout", "Owner", "Part", "numbers_of", "widths"]
