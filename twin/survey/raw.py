"""What a reader finds in a file, before anything is put in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from naru.errors import BadSurvey
from twin.survey.records import Floats

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RawSection:
    """One section as its file has it. Coordinates are the file's until `twin.survey.placing` moved them."""

    id: str
    file: Path
    x: Floats = field(default_factory=lambda: np.empty(0))
    y: Floats = field(default_factory=lambda: np.empty(0))
    z: Floats = field(default_factory=lambda: np.empty(0))
    reach: str | None = None
    lines: Ints | None = None  # where each point stands in the file, counted from 1
    station: Floats | None = None  # as given, in the file's unit of length
    ordered: bool = False  # the points are in order along the section, as in a line
    chainage: float | None = None  # of the section along the river, as given
    banks: tuple[float, float] | None = None  # stations of the left and the right bank, as given
    bank_points: tuple[int, int] | None = None  # which points were marked as left and right bank
    manning_n: tuple[tuple[float, float], ...] = ()  # from which station on, n

    def bad(self, message: str, remedy: str, field: str | None = None) -> BadSurvey:
        """Return the error that names the file and the section."""
        return BadSurvey(message, file=str(self.file), feature=f"section '{self.id}'", field=field, remedy=remedy)

    def at_line(self, point: int) -> str:
        """Say where a point stands: its line in the file, else its number."""
        return f"point {point + 1}" if self.lines is None else f"line {int(self.lines[point])}"


@dataclass(frozen=True)
class RawReach:
    """A reach that a file names: its line, where it flows, whether its order and direction are known."""

    id: str
    file: Path
    centreline: Floats | None = None  # (points, 2)
    downstream: str | None = None


@dataclass(frozen=True)
class RawSurvey:
    """All sections of one file, and the reaches that it names. `directed`: in order, upstream first."""

    sections: tuple[RawSection, ...]
    reaches: Mapping[str, RawReach] = field(default_factory=dict)
    directed: bool = False
    crs: str | None = None  # what the file says of its coordinates: WKT, or a code
    unit: str | None = None  # of its heights, as the file says
    warnings: tuple[str, ...] = ()
