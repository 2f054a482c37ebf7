"""What the interpolation of a river bed answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from twin.grid import Grid, Values

Method = Literal["linear", "pchip", "aligned", "kriging", "aligned-kriging"]
METHODS: tuple[Method, ...] = ("linear", "pchip", "aligned", "kriging", "aligned-kriging")  # simpler ones first

# where a cell's bed elevation is from: `Bed.source`
OUTSIDE, SURVEYED, INTERPOLATED, EXTRAPOLATED = 0, 1, 2, 3


@dataclass(frozen=True)
class SectionScore:
    """How well one section, left out, was found again from the others."""

    reach: str
    section: str
    chainage_m: float
    points: int
    rmse_m: float
    bias_m: float  # interpolated less surveyed
    thalweg_error_m: float  # lowest interpolated less lowest surveyed


@dataclass(frozen=True)
class Score:
    """How well a method finds sections again that are left out in turn."""

    method: str
    rmse_m: float  # over all points of the sections left out, each section counting the same
    bias_m: float
    thalweg_rmse_m: float
    sections: tuple[SectionScore, ...]


@dataclass(frozen=True)
class Bed:
    """The bed of all reaches on a frame. Arrays are rows × columns, of the frame; outside the channel NaN."""

    elevation: Grid  # bed elevation, metres in the survey's vertical datum; NaN outside the channel
    s: Values  # float32: chainage along the reach's centre line, metres
    u: Values  # float32: −1 at the left bank, +1 at the right bank
    reach: npt.NDArray[np.int16]  # place in `survey.reaches`; −1 outside the channel
    bank_distance_m: Values  # float32: to the nearest bank line or island, metres
    source: npt.NDArray[np.uint8]  # OUTSIDE, SURVEYED (a section or sounding is within the cell), …
    method: str  # that was used
    scores: tuple[Score, ...] = ()  # of leave-one-section-out, where the method was chosen by it
    deviation_m: float = 0.0  # largest |bed − survey| at the surveyed points inside the channel
    warnings: tuple[str, ...] = ()

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """True where there is bed."""
        out: npt.NDArray[np.bool_] = self.source != OUTSIDE
        return out
