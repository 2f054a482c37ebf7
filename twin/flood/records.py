"""What the flood model runs on, and what moves its water, a scheme and actors: the waist of twin/flood.

Rows run from the north, columns from the west, as in `twin.grid`. Inside, flow is positive along growing indices:
in x eastwards, in y *southwards*; results turn y round. Times are seconds since the scenario's start, volumes m³
in float64.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from twin.flood.catchment import Catchment, Cover
from twin.flood.ledger import Ledger
from twin.grid import Floats, Frame, Values

Ints = npt.NDArray[np.int64]
WEST, EAST, NORTH, SOUTH = 0, 1, 2, 3  # the side of a cell on which the outside lies
WALL, OPEN, STAGE, DISCHARGE = 0, 1, 2, 3  # what a boundary face is


@dataclass(frozen=True)
class Domain:
    """Where water may be: a bed and its roughness. Cells whose bed is NaN are outside: walls stand around them."""

    frame: Frame  # `crs` is "" where the terrain has none: a laboratory's flume
    bed: Values  # rows × columns, float64, EL m
    manning_n: Values  # rows × columns, float32, s·m^-1/3
    vertical_datum: str = "KVD1964"

    @property
    def area_m2(self) -> float:
        """The area of a cell."""
        return self.frame.cell_m**2

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """Rows × columns: where water may be."""
        return ~np.isnan(self.bed)


@dataclass
class Boundary:
    """Faces between active cells and the outside through which water may pass; all others are walls.

    Arrays have one entry a face. `value` is renewed before each step by whoever has the series: of STAGE the EL m
    (NaN: closed), of DISCHARGE the unit discharge inwards, m²/s; OPEN passes normal flow (Manning) at `slope`
    outwards; a negative slope is the ground's own, at least: what arrives faster leaves as it comes.
    """

    cell: Ints  # flat index of the active cell
    side: npt.NDArray[np.int8]  # WEST … SOUTH
    kind: npt.NDArray[np.int8]  # OPEN, STAGE, DISCHARGE; WALL closes it
    slope: Floats
    value: Floats
    group: npt.NDArray[np.int32]  # index into `names`
    names: tuple[str, ...] = ()  # of the boundaries, as in the scenario: terms of the ledger

    @classmethod
    def none(cls) -> Boundary:
        """Return walls all around."""
        ints, small = np.empty(0, np.int64), np.empty(0, np.int8)
        return cls(ints, small, small.copy(), np.empty(0), np.empty(0), np.empty(0, np.int32))


@dataclass
class Maxima:
    """What is kept of every cell over the whole run; float32, rows × columns. Speeds in m/s, times in s."""

    depth: Values
    speed: Values
    hazard: Values  # HR = d·(v + 0.5) + DF at its own moment, not of the maxima (Defra FD2320)
    arrival: Values  # first time at or above `threshold_m`; NaN: never
    duration: Values  # how long at or above it, in all
    peak_time: Values  # of the deepest water; NaN: never wet
    threshold_m: float = 0.05
    debris: tuple[tuple[float, float], ...] = ((0.25, 0.0), (0.75, 0.5), (np.inf, 1.0))  # depth up to, DF

    @classmethod
    def start(cls, shape: tuple[int, int], threshold_m: float = 0.05) -> Maxima:
        """Return the maxima of nothing yet."""
        zeros = [np.zeros(shape, np.float32) for _ in range(4)]
        never = [np.full(shape, np.nan, np.float32) for _ in range(2)]
        return cls(zeros[0], zeros[1], zeros[2], never[0], zeros[3], never[1], threshold_m)


class Water(Protocol):
    """A scheme at work: it holds the state and moves it. Made by `twin.flood.schemes.start`."""

    domain: Domain
    boundary: Boundary
    blocked_x: Values  # uint8, rows × (columns + 1): 1 where nothing passes the face west of column j
    blocked_y: Values  # uint8, (rows + 1) × columns: … north of row i. Change them through `block`.

    @property
    def depth(self) -> Values:
        """Water depth, m, rows × columns, of the scheme's own precision: the state itself.

        Whoever writes into it calls `wet`; points are changed by `add`.
        """
        ...

    @property
    def threads(self) -> int:
        """How many threads an actor's work on all cells may be spread over."""
        ...

    def longest_step(self) -> float:
        """Return the longest stable step, s (inf where nothing is wet)."""
        ...

    def step(self, dt_s: float) -> None:
        """Move the water by one step; what passes the boundary is counted in `passed_in_m3`, `passed_out_m3`."""
        ...

    def add(self, cells: Ints, volume_m3: Floats) -> Floats:
        """Add volumes (negative: take) at flat cell indices, each once; return what was really added, float64.

        No more is taken than is there. In float32 the volume added differs by rounding: carry the rest on.
        """
        ...

    def wet(self, rows: slice, columns: slice) -> None:
        """Say that depth was changed from outside in a block of cells (rain): wakes its tiles."""
        ...

    def block(self, x_faces: Ints, y_faces: Ints, closed: bool = True) -> None:
        """Close (or open) faces by flat indices in `blocked_x`, `blocked_y`: structures move what passes there."""
        ...

    def flow(self) -> tuple[Values, Values]:
        """Return the unit discharge at cell centres, m²/s, eastwards and southwards (copies)."""
        ...

    def face_flow(self) -> tuple[Values, Values]:
        """Return the unit discharge through faces in the last step: rows × (columns + 1), (rows + 1) × columns."""
        ...

    # Of few places, which a GPU need not send all of its state for; copies, float64:

    def depths(self, cells: Ints) -> Floats:
        """Return the depth in cells by flat indices, m."""
        ...

    def flows(self, cells: Ints) -> tuple[Floats, Floats]:
        """Return the unit discharge in cells by flat indices, m²/s, eastwards and southwards."""
        ...

    def face_flows(self, x_faces: Ints, y_faces: Ints) -> tuple[Floats, Floats]:
        """Return the unit discharge in the last step through faces by flat indices in `blocked_x`, `blocked_y`."""
        ...

    def catchment(self, cover: Cover) -> Catchment | None:
        """Return who lets it rain where the state lies; None: rain is written into `depth`."""
        ...

    def track(self, maxima: Maxima, time_s: float, since_s: float) -> None:
        """Take the present state into the maxima; `since_s` went by since the last time.

        They may be kept elsewhere until `settle` or `save`.
        """
        ...

    def settle(self) -> None:
        """Bring the maxima up to date."""
        ...

    @property
    def passed_in_m3(self) -> Floats:
        """What came in through each boundary of `boundary.names` since the start, m³."""
        ...

    @property
    def passed_out_m3(self) -> Floats:
        """What left through each, m³."""
        ...

    @property
    def repaired_m3(self) -> float:
        """Water that had to be made because no donor could give it back; 0 unless something is wrong."""
        ...

    def stored_m3(self) -> float:
        """Return the volume of all water in the domain, summed in float64."""
        ...

    def save(self) -> Mapping[str, Values]:
        """Return all that `load` needs to go on bit by bit (views are allowed)."""
        ...

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        ...


@dataclass(frozen=True)
class Reading:
    """One number of an actor at an output time: a structure's discharge, a pump's units, a gate's opening."""

    actor: str  # such as "gate-1"
    quantity: str  # such as "discharge_m3_s", "opening_m", "units", "head_upstream_m"
    value: float


class Actor(Protocol):
    """Something that brings, takes or passes on water: rain, an inflow, a structure, a boundary's series."""

    name: str

    def begin(self, water: Water) -> None:
        """Make ready, once, before the first step or before going on: close faces, look up cells."""
        ...

    def next_change_s(self, time_s: float) -> float:
        """Return the next time after `time_s` at which an input breaks (inf: none): no step jumps over it."""
        ...

    def longest_step_s(self) -> float:
        """Return the longest step that it stands (inf: any)."""
        ...

    def act(self, water: Water, time_s: float, dt_s: float, ledger: Ledger) -> None:
        """Act over the step from `time_s` to `time_s + dt_s`, before the scheme moves the water."""
        ...

    def held_m3(self) -> float:
        """Return the water that it holds itself (a sump, a sewer), m³."""
        ...

    def readings(self) -> Iterable[Reading]:
        """Return what is written down of it at output times."""
        ...

    def save(self) -> Mapping[str, Values]:
        """Return all that `load` needs to go on bit by bit."""
        ...

    def load(self, saved: Mapping[str, Values]) -> None:
        """Go on from what `save` gave."""
        ...


class Bystander:
    """What most actors answer: a base to inherit."""

    name = ""

    def begin(self, water: Water) -> None:
        """Nothing to make ready."""

    def next_change_s(self, time_s: float) -> float:
        """No input breaks."""
        return np.inf

    def longest_step_s(self) -> float:
        """Any step will do."""
        return np.inf

    def held_m3(self) -> float:
        """Holds nothing."""
        return 0.0

    def readings(self) -> Iterable[Reading]:
        """Nothing is written down."""
        return ()

    def save(self) -> Mapping[str, Values]:
        """Nothing to keep."""
        return {}

    def load(self, saved: Mapping[str, Values]) -> None:
        """Nothing to restore."""


@dataclass(frozen=True)
class Options:
    """How a scheme works; what is None is the scheme's own choice."""

    scheme: str = "inertial"  # inertial | full
    precision: str = "float32"  # of the state: float32 | float64
    order: int = 2  # of `full`: 1 | 2
    eddy_viscosity: float = 0.0  # of `full`: of the bed's eddies, by shear velocity and depth (see full/eddies.py)
    cfl: float | None = None
    theta: float | None = None  # of `inertial`: weight of the face's own flow (de Almeida et al. 2012)
    dry_m: float | None = None  # depth below which nothing flows
    longest_step_s: float = 20.0
    threads: int = 0  # 0: by the number of wet cells and the cores at hand
    backend: str = "numba"  # numba | warp
    more: Mapping[str, Any] = field(default_factory=dict)
