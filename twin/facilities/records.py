"""What facilities have in common, and their collection. Lengths are metres, heights EL m, angles degrees.

Lines are drawn from left to right as seen looking along the flow that the structure lets through: downstream at a
weir or a bridge, out of the town at a drainage gate; a culvert's line runs from its inlet to its outlet.
Coordinates are of the collection's `crs`, which is projected in metres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from twin.facilities.schema import choice, flag, number, text, whole
from twin.facilities.shape import Shape

BROAD_CREST = "1/√3: critical depth over a broad crest; Q = (2/3)·Cd·√(2g)·b·H^1.5"
ORIFICE = (
    "typical of a fully submerged opening (HEC-RAS Hydraulic Reference Manual, ch. 6 and 8); not verified here"
)
COEFFICIENT = (0.1, 1.5)


@dataclass(frozen=True)
class Sourced:
    """Where a number comes from, and whether somebody held it against that source or the structure itself."""

    source: str
    verified: bool


@dataclass(frozen=True, kw_only=True)
class Facility:
    """What all have in common."""

    type: ClassVar[str]
    ko: ClassVar[str]
    en: ClassVar[str]
    shapes: ClassVar[tuple[str, ...]]  # kinds of geometry: line, point, polygon

    id: str = text("관리번호", "id", "unique in the file: letters, digits, - _ .", required=True)
    name: str = text("이름", "name", "what people call it")
    name_en: str = text("영문명", "English name", "the same in English")
    geometry: Shape
    bearing_deg: float | None = number(
        ("방위각", "bearing", "of a point: the way the water flows through, clockwise from north"), "°", (0, 360)
    )
    river: str = text("하천", "river", "the reach or stream that it stands on")
    status: str = choice(
        ("상태", "status", "whether it works"),
        {"normal": "정상", "partial": "일부고장", "failed": "고장"},
        default="normal",
    )
    failure_fraction: float | None = number(
        ("고장비율", "failure fraction", "share that is out of order: 0 where normal, 1 where failed"), "–", (0, 1)
    )
    manager: str = text("관리기관", "manager", "who runs it")
    built: int | None = whole(("준공연도", "year built", "when it was finished"), (1000, 2200))
    note: str = text("비고", "note", "anything else")
    source: str = text("출처", "source", "where the numbers come from, unless a column NAME_source says otherwise")
    verified: bool = flag("확인", "verified", "whether somebody held the numbers against that source")
    sources: Mapping[str, Sourced] = field(default_factory=dict)  # by field that has a value

    @property
    def working(self) -> float:
        """The share that works, 0 to 1; of what has failed nothing does, whether or not a share is said."""
        return 0.0 if self.status == "failed" else 1.0 - (self.failure_fraction or 0.0)

    @property
    def unverified(self) -> tuple[str, ...]:
        """The fields whose values nobody has verified; defaults are never verified."""
        return tuple(name for name, said in self.sources.items() if not said.verified)

    @property
    def plan(self) -> Shape:
        """What it looks like on a map: of a point with width and bearing, the line that they make."""
        width = getattr(self, "width_m", None)
        if self.geometry.kind == "point" and "line" in self.shapes and width and self.bearing_deg is not None:
            return self.geometry.across(self.bearing_deg, width * getattr(self, "units", 1))
        return self.geometry

    def derived(self) -> dict[str, Any]:
        """Return what follows from the fields, for people and models."""
        return {}


@dataclass(frozen=True)
class Facilities:
    """All facilities of a file: coordinates of `crs`, projected in metres; heights above `vertical_datum`."""

    all: tuple[Facility, ...]
    crs: str
    crs_how: str
    vertical_datum: str
    warnings: tuple[str, ...] = ()
