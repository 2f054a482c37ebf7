"""What the parts of a scenario (rain, inflows, structures …) are built against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from naru.house import House
from twin.flood.records import Domain
from twin.grid import Floats


@dataclass(frozen=True)
class World:
    """The domain, the clock, and where names lead.

    `place(points, field)` brings points of the scenario file (a list of [x, y]) into `domain.frame.crs` as an array
    n × 2, and raises BadSpec that names the field where one lies outside the domain (`inside=False`: only where it
    cannot be brought there).
    """

    domain: Domain
    duration_s: float
    start: datetime | None  # the clock time of second 0, with its zone
    file: Path  # the scenario: relative paths begin at its folder
    house: House | None  # holds the layers that a scenario names
    place: Callable[..., Floats]
    raster: Callable[..., Floats]
    """`raster(what, field)`: a raster file or layer (path, id, or {file|layer, band, …}) on the domain's cells.

    Finer cells are averaged, coarser ones interpolated; with `classes=True` values are never mixed.
    """
    gauges: Mapping[str, int] = field(default_factory=dict)  # name: flat index of its cell; rules may name them
    warnings: list[str] = field(default_factory=list)  # whoever builds adds what the user should look at
    structures: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """By id: `type`, `name`, `at` (points in the domain's CRS); whoever builds structures adds them."""
