"""Facilities that let water through: weirs, gates, culverts, bridges. Each names the law that its numbers feed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from twin.facilities.records import BROAD_CREST, COEFFICIENT, ORIFICE, Facility
from twin.facilities.rules import Rule
from twin.facilities.schema import choice, elevation, flag, number, rules, whole
from twin.facilities.shape import Shape


@dataclass(frozen=True, kw_only=True)
class Weir(Facility):
    """A fixed crest: Q = (2/3)·Cd·√(2g)·b·H1^1.5·(1 − (H2/H1)^1.5)^k, drowned after Villemonte (1947)."""

    type: ClassVar[str] = "weir"
    ko: ClassVar[str] = "보"
    en: ClassVar[str] = "weir"
    shapes: ClassVar[tuple[str, ...]] = ("line", "point")

    crest_elevation_m: float = elevation(
        ("마루표고", "crest elevation", "top of the crest"), (-0.5, 3), required=True
    )
    width_m: float | None = number(
        ("폭", "width", "length of the crest across the flow; of a line: its length"), "m", (0.1, 10_000)
    )
    crest_breadth_m: float | None = number(("마루너비", "crest breadth", "along the flow"), "m", (0.05, 200))
    height_m: float | None = number(("높이", "height", "crest above the bed"), "m", (0.05, 60))
    placement: str = choice(
        ("배치", "placement", "across the river, or beside it into a basin"),
        {"cross": "횡단", "side": "횡월류"},
        default="cross",
    )
    discharge_coefficient: float = number(
        ("유량계수", "discharge coefficient", "Cd"), "–", COEFFICIENT, default=0.577, source=BROAD_CREST
    )
    submergence_exponent: float = number(
        ("잠김지수", "submergence exponent", "k of Villemonte's factor for drowned flow"),
        "–",
        (0.1, 1),
        default=0.385,
        source="Villemonte 1947",
    )
    modular_limit: float | None = number(
        (
            "완전월류한계",
            "modular limit",
            "m: the flow is free up to H2 = m·H1, then Q = (2/3)·Cd·√(2g)·b·H1·√((H1 − H2)/(1 − m)), in place of k",
        ),
        "–",
        (0.05, 0.99),
    )
    one_way: bool = flag("역류방지", "one-way", "lets water over along the flow only")


@dataclass(frozen=True, kw_only=True)
class SluiceGate(Facility):
    """Gates: orifice flow under the leaf; weir flow over the sill when the leaf is clear, and over the leaf."""

    type: ClassVar[str] = "sluice_gate"
    ko: ClassVar[str] = "수문"
    en: ClassVar[str] = "sluice gate"
    shapes: ClassVar[tuple[str, ...]] = ("line", "point")

    sill_elevation_m: float = elevation(("문턱표고", "sill elevation", "top of the sill"), (-3, 3), required=True)
    width_m: float = number(("폭", "width", "clear width of one opening"), "m", (0.1, 200), required=True)
    height_m: float = number(("높이", "height", "of the leaf, and of the opening"), "m", (0.1, 60), required=True)
    units: int = whole(("수량", "units", "number of openings"), (1, 200), default=1, also={"문수": 1.0})
    gate_kind: str = choice(
        ("형식", "kind of gate", "how it opens; a flap gate in the bed lies down"),
        {"vertical_lift": "인양식", "radial": "래디얼", "flap": "전도식", "land": "육갑문"},
        default="vertical_lift",
    )
    opening_m: float = number(("개도", "opening", "at the start, of every leaf"), "m", (0, 60), default=0.0)
    opening_rate_m_min: float | None = number(
        ("개폐속도", "opening rate", "how fast a leaf moves; none: at once"),
        "m/min",
        (0.001, 60),
        also={"opening_rate_m_s": 60.0},
    )
    one_way: bool = flag("역류방지", "one-way", "a flap lets water through along the flow only")
    contraction_coefficient: float = number(
        ("수축계수", "contraction coefficient", "Cc of free flow under the leaf: Q = Cc·b·a·√(2g·H1)"),
        "–",
        COEFFICIENT,
        default=0.611,
        source="π/(π+2): free-streamline jet (Kirchhoff 1869)",
    )
    submerged_coefficient: float = number(
        ("잠김유량계수", "submerged coefficient", "Cd of drowned flow: Q = Cd·b·a·√(2g·(H1 − H2))"),
        "–",
        COEFFICIENT,
        default=0.8,
        source=ORIFICE,
    )
    weir_coefficient: float = number(
        ("월류계수", "weir coefficient", "Cd over the sill or the leaf"),
        "–",
        COEFFICIENT,
        default=0.577,
        source=BROAD_CREST,
    )
    rules: tuple[Rule, ...] = rules(
        "조작규칙", "rules", "when it is opened and closed; the first that holds counts"
    )

    def derived(self) -> dict[str, Any]:
        """Return the total width and the top of the closed leaf."""
        return {
            "total_width_m": round(self.width_m * self.units, 3),
            "top_elevation_m": round(self.sill_elevation_m + self.height_m, 3),
        }


@dataclass(frozen=True, kw_only=True)
class Culvert(Facility):
    """A conduit: the lesser of inlet and outlet control."""

    type: ClassVar[str] = "culvert"
    ko: ClassVar[str] = "암거"
    en: ClassVar[str] = "culvert"
    shapes: ClassVar[tuple[str, ...]] = ("line", "point")

    inlet_invert_elevation_m: float = elevation(
        ("유입부바닥고", "inlet invert", "floor at the inlet"), (-8, 2), required=True
    )
    outlet_invert_elevation_m: float = elevation(
        ("유출부바닥고", "outlet invert", "floor at the outlet"), (-8, 2), required=True
    )
    shape: str = choice(("단면", "shape", "of the barrel"), {"box": "사각", "circle": "원형"}, default="box")
    width_m: float | None = number(("폭", "width", "of one box"), "m", (0.1, 50))
    height_m: float | None = number(("높이", "height", "of one box"), "m", (0.1, 50))
    diameter_m: float | None = number(("지름", "diameter", "of one pipe"), "m", (0.1, 20))
    length_m: float | None = number(("연장", "length", "of a line: its length"), "m", (0.5, 20_000))
    barrels: int = whole(("련수", "barrels", "side by side"), (1, 50), default=1)
    manning_n: float = number(
        ("조도계수", "Manning n", "of the walls"),
        "s·m^-1/3",
        (0.005, 0.2),
        default=0.013,
        source="concrete, Chow 1959 table 5-6; domain.md §6 gives 0.013–0.017",
    )
    entrance_loss: float = number(
        ("유입손실계수", "entrance loss", "ke, of the velocity head"),
        "–",
        (0, 3),
        default=0.5,
        source="square edge in a headwall, FHWA HDS-5",
    )
    exit_loss: float = number(
        ("유출손실계수", "exit loss", "kx, of the velocity head"), "–", (0, 3), default=1.0, source="FHWA HDS-5"
    )
    flap: bool = flag("역지문", "flap gate", "lets water out only")

    @property
    def plan(self) -> Shape:
        """Its line from inlet to outlet; a point is the middle of it."""
        if self.geometry.kind == "point" and self.bearing_deg is not None and self.length_m:
            return self.geometry.across(self.bearing_deg - 90, self.length_m)
        return self.geometry

    def derived(self) -> dict[str, Any]:
        """Return the open area of all barrels, m²."""
        if self.shape == "circle":
            area = math.pi * (self.diameter_m or 0.0) ** 2 / 4
        else:
            area = (self.width_m or 0.0) * (self.height_m or 0.0)
        return {"area_m2": round(area * self.barrels, 3)}


@dataclass(frozen=True, kw_only=True)
class Bridge(Facility):
    """A deck over openings: free flow below, orifice flow when the deck is touched, weir flow over it."""

    type: ClassVar[str] = "bridge"
    ko: ClassVar[str] = "교량"
    en: ClassVar[str] = "bridge"
    shapes: ClassVar[tuple[str, ...]] = ("line",)

    low_chord_elevation_m: float = elevation(
        ("형하고", "low chord", "underside of the deck"), (-2, 15), required=True
    )
    deck_thickness_m: float = number(
        ("상판두께", "deck thickness", "from the underside to the road"), "m", (0.05, 20), required=True
    )
    deck_width_m: float = number(("교폭", "deck width", "along the river"), "m", (0.5, 200), default=10.0)
    openings: int = whole(("경간수", "openings", "spans between piers and abutments"), (1, 500), default=1)
    piers: int = whole(("교각수", "piers", "in the water's way"), (0, 500), default=0)
    pier_width_m: float | None = number(("교각폭", "pier width", "of one pier, across the flow"), "m", (0.05, 50))
    parapet_height_m: float = number(
        ("난간높이", "parapet height", "of what closes the deck's side"), "m", (0, 10), default=0.0
    )
    orifice_coefficient: float = number(
        ("압력류계수", "orifice coefficient", "Cd when the deck is touched on both sides"),
        "–",
        COEFFICIENT,
        default=0.8,
        source=ORIFICE,
    )
    weir_coefficient: float = number(
        ("월류계수", "weir coefficient", "Cd over the deck"), "–", COEFFICIENT, default=0.577, source=BROAD_CREST
    )

    def derived(self) -> dict[str, Any]:
        """Return the road's height and the width that the piers take, m."""
        return {
            "deck_elevation_m": round(self.low_chord_elevation_m + self.deck_thickness_m, 3),
            "blocked_width_m": round(self.piers * (self.pier_width_m or 0.0), 3),
        }
