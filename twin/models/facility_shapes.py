"""Facilities as solids: plain bodies by which an engineer knows a weir from a gate, in their true place and height.

What a record leaves open is given a usual size (the constants here); the model's properties hold only what the
record says. Lines run from left to right as seen looking downstream, so what lies to their left is downstream.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from twin.facilities.openings import Bridge, Culvert, SluiceGate, Weir
from twin.facilities.records import Facility
from twin.facilities.storage import Levee, PumpStation, RetentionBasin
from twin.models.shapes import Floats, Solid, band, box, corners, prism, sweep
from twin.survey.lines import cleaned, distances

Ground = Callable[[Floats, Floats], Floats]  # x, y → EL metres, NaN where nothing is known

_EVERY_M = 5.0  # how far apart the ground is asked along a line
_INTO_GROUND_M = 0.5  # how deep walls begin below the ground
_SHELL_M = 0.3  # of conduits and parapets
_LEAF_M = 0.25
_HOUSE_M = 6.0  # height of a pump house; and its side, more with more pumps
_ROUND = 12  # corners of a pipe


@dataclass(frozen=True)
class _Site:
    """A facility being built: its solids' feature number, and the ground about it."""

    feature: int
    ground: Ground

    def under(self, points: Floats, otherwise: float) -> Floats:
        """Return the ground at points (n, 2); what is not known is the mean of what is, or `otherwise`."""
        found = np.asarray(self.ground(points[:, 0], points[:, 1]), float)
        known = np.isfinite(found)
        return np.where(known, found, found[known].mean() if known.any() else otherwise)

    def of(self, kind: str) -> tuple[str, int]:
        """Return kind and feature, as solids are made with."""
        return kind, self.feature


def facility_meshes(facilities: Sequence[Facility], ground: Ground | None = None) -> list[Solid]:
    """Return the solids of facilities, in their own system of coordinates and EL metres; features by their order.

    Without `ground`, structures stand where their own numbers put their foot.
    """
    asked = ground or (lambda x, _y: np.full(np.shape(x), np.nan))
    solids = []
    for feature, facility in enumerate(facilities):
        solids += _MAKERS[type(facility)](facility, _Site(feature, asked))
    return [solid for solid in solids if solid.volume_m3 > 0]


def _line(facility: Facility, width_m: float) -> Floats:
    """Return a facility's line, or that of its point: so wide, across the way the water flows."""
    shape = facility.geometry
    if shape.kind == "point":
        shape = shape.across(facility.bearing_deg or 0.0, width_m)
    return cleaned(shape.xy)


def _dense(line: Floats, more: Sequence[float] = ()) -> tuple[Floats, Floats]:
    """Return a line with points every few metres and at the distances `more`, and how far along each lies."""
    run = distances(line)
    usual = np.linspace(0, run[-1], max(2, math.ceil(run[-1] / _EVERY_M) + 1))
    wanted = np.unique(np.round(np.clip(np.concatenate([run, usual, list(more)]), 0, run[-1]), 6))
    return np.column_stack([np.interp(wanted, run, line[:, 0]), np.interp(wanted, run, line[:, 1])]), wanted


def _directions(line: Floats) -> tuple[Floats, Floats]:
    """Return the unit vectors along a line, from end to end, and downstream: to its left."""
    along = (line[-1] - line[0]) / max(float(np.hypot(*(line[-1] - line[0]))), 1e-9)
    return along, np.array([-along[1], along[0]])


def _weir(weir: Weir, site: _Site) -> list[Solid]:
    """A crest with a sloping back, from bank to bank on the bed, and the apron below it."""
    crest = weir.crest_elevation_m
    line, _ = _dense(_line(weir, weir.width_m or 10.0))
    bed = np.minimum(site.under(line, crest - (weir.height_m or 2.0)), crest - 0.1)
    breadth = weir.crest_breadth_m or 1.0
    drop = crest - bed
    half = np.full(len(line), breadth / 2)
    foot = bed - _INTO_GROUND_M
    back = half + drop + _INTO_GROUND_M
    profile = corners((-half, foot), (back, foot), (half, crest + 0 * half), (-half, crest + 0 * half))
    body = sweep(line, profile, *site.of("concrete"))
    length = 2.0 * float(drop.max())
    apron = band(line, (-breadth / 2, breadth / 2 + length), foot, bed + 0.1, site.of("footing"))
    return [body, apron]


def _gate(gate: SluiceGate, site: _Site) -> list[Solid]:
    """A sill, piers between the openings, leaves as far open as they are, and what lifts them above."""
    pier = max(0.5, 0.12 * gate.width_m)
    total = gate.units * gate.width_m + (gate.units + 1) * pier
    line = _line(gate, total)
    along, _ = _directions(line)
    middle = (line[0] + line[-1]) / 2
    sill, top = gate.sill_elevation_m, gate.sill_elevation_m + gate.height_m
    lifts = gate.gate_kind in ("vertical_lift", "radial")
    crown = top + (gate.height_m + 0.5 if lifts else 0.5)
    long = max(2.0, 0.8 * gate.height_m)
    at = [middle + along * (-total / 2 + pier / 2 + i * (gate.width_m + pier)) for i in range(gate.units + 1)]
    sides = (float(along[0]), float(along[1]))
    out = [box(_xy(middle), sides, (total, long + 1), (sill - 0.8, sill), site.of("footing"))]
    out += [box(_xy(p), sides, (pier, long), (sill - 0.8, crown), site.of("pier")) for p in at]
    if lifts:
        out.append(box(_xy(middle), sides, (total, 0.6 * long), (crown, crown + 0.6), site.of("concrete")))
    for place in at[:-1]:
        out.append(_leaf(gate, place + along * (pier + gate.width_m) / 2, along, site))
    return out + _wings(line, total, (sill - _INTO_GROUND_M, top), site)


def _leaf(gate: SluiceGate, middle: Floats, along: Floats, site: _Site) -> Solid:
    """A leaf that lifts, lies down (flap) or slides aside (land gate), by its opening."""
    opening = min(gate.opening_m, gate.height_m)
    low, high = gate.sill_elevation_m, gate.sill_elevation_m + gate.height_m
    if gate.gate_kind in ("vertical_lift", "radial"):
        low, high = low + opening, high + opening
    elif gate.gate_kind == "flap":
        high = max(high - opening, low + _LEAF_M)
    else:
        middle = middle + along * gate.width_m * opening / gate.height_m
    kind = "failed" if gate.status == "failed" else "steel"
    size = (gate.width_m, _LEAF_M)
    return box(_xy(middle), (float(along[0]), float(along[1])), size, (low, high), site.of(kind))


def _wings(line: Floats, total: float, heights: tuple[float, float], site: _Site) -> list[Solid]:
    """Walls from the ends of the line to the gates, where the line is longer than they are."""
    dense, run = _dense(line, [(distances(line)[-1] - total) / 2, (distances(line)[-1] + total) / 2])
    spare = (run[-1] - total) / 2
    if spare < 0.5:
        return []
    parts = [dense[run <= spare + 1e-6], dense[run >= run[-1] - spare - 1e-6]]
    return [band(part, (-0.5, 0.5), *heights, site.of("concrete")) for part in parts if len(part) > 1]


def _culvert(culvert: Culvert, site: _Site) -> list[Solid]:
    """Barrels side by side: floor, roof and walls of boxes, or pipes."""
    shape = culvert.geometry
    if shape.kind == "point":
        flow = math.radians(culvert.bearing_deg or 0.0)
        half = (culvert.length_m or 10.0) / 2 * np.array([math.sin(flow), math.cos(flow)])
        line = np.array([shape.xy[0] - half, shape.xy[0] + half])
    else:
        line = cleaned(shape.xy)
    run = distances(line)
    floor = culvert.inlet_invert_elevation_m + (
        culvert.outlet_invert_elevation_m - culvert.inlet_invert_elevation_m
    ) * (run / run[-1])
    if culvert.shape == "circle":
        return _pipes(line, floor, culvert.diameter_m or 1.0, culvert.barrels, site)
    width, height = culvert.width_m or 2.0, culvert.height_m or 2.0
    total = culvert.barrels * (width + _SHELL_M) + _SHELL_M
    edges = (-total / 2, total / 2)
    out = [band(line, edges, floor - _SHELL_M, floor, site.of("concrete"))]
    out.append(band(line, edges, floor + height, floor + height + _SHELL_M, site.of("concrete")))
    for number in range(culvert.barrels + 1):
        left = edges[0] + number * (width + _SHELL_M)
        out.append(band(line, (left, left + _SHELL_M), floor, floor + height, site.of("concrete")))
    return out


def _pipes(line: Floats, floor: Floats, diameter: float, count: int, site: _Site) -> list[Solid]:
    """Pipes side by side, each a ring of staves."""
    inner, outer = diameter / 2, diameter / 2 + _SHELL_M
    turns = np.linspace(0, 2 * np.pi, _ROUND + 1)
    out = []
    for number in range(count):
        aside = (number - (count - 1) / 2) * (2 * outer + _SHELL_M)
        for first, second in pairwise(turns):
            ring = [(outer, first), (outer, second), (inner, second), (inner, first)]
            stave = np.array([[aside + r * np.cos(t), inner + r * np.sin(t)] for r, t in ring])
            profiles = np.repeat(stave[None], len(line), axis=0)
            profiles[..., 1] += floor[:, None]
            out.append(sweep(line, profiles, *site.of("concrete")))
    return out


def _pump(pump: PumpStation, site: _Site) -> list[Solid]:
    """A house with a flat roof, and the pipe to where the water goes."""
    if pump.geometry.kind == "polygon":
        ring = cleaned(pump.geometry.xy[:-1])
    else:
        side = _HOUSE_M + 2.0 * math.sqrt(pump.units)
        ring = np.asarray(pump.geometry.xy[0]) + side / 2 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    base = float(site.under(ring, pump.start_level_m + 1.0).min())
    top = base + (pump.height_m or _HOUSE_M)
    kind = "failed" if pump.status == "failed" else "building"
    out = [prism(ring, base - _INTO_GROUND_M, top, *site.of(kind)), prism(ring, top, top + 0.4, *site.of("roof"))]
    if pump.outlet_x is not None and pump.outlet_y is not None:
        start, end = ring.mean(axis=0), np.array([pump.outlet_x, pump.outlet_y])
        if np.hypot(*(end - start)) > 1.0:
            height = pump.outlet_elevation_m if pump.outlet_elevation_m is not None else base
            out.append(band(np.array([start, end]), (-0.5, 0.5), height - 1.0, height, site.of("steel")))
    return out


def _levee(levee: Levee, site: _Site) -> list[Solid]:
    """A bank with its crest's profile, down to the ground on both sides; lower where it has broken."""
    line = cleaned(levee.geometry.xy)
    whole = distances(line)[-1]
    breach = (levee.breach_width_m or 0.0) / 2 if levee.status == "failed" else 0.0
    edges = [whole / 2 - breach - 0.5, whole / 2 - breach, whole / 2 + breach, whole / 2 + breach + 0.5]
    marks = [*(run for run, _ in levee.crest_profile), *(edges if breach else [])]
    dense, run = _dense(line, marks)
    crest = np.array([levee.crest_at(float(s)) for s in run])
    if breach and levee.breach_bottom_elevation_m is not None:
        broken = np.abs(run - whole / 2) <= breach
        crest = np.where(broken, np.minimum(crest, levee.breach_bottom_elevation_m), crest)
    half, slope = levee.crest_width_m / 2, levee.side_slope
    lows = [_beside(dense, side * (half + 4 * slope + 1), crest, site) for side in (-1, 1)]
    feet = [half + slope * (crest - low) for low in lows]
    top = half + 0 * crest
    profile = corners((-feet[0], lows[0]), (feet[1], lows[1]), (top, crest), (-top, crest))
    return [sweep(dense, profile, *site.of("earth" if slope else "concrete"))]


def _beside(line: Floats, away: float, crest: Floats, site: _Site) -> Floats:
    """Return the ground beside a line, so far to its left: a little below the crest at most."""
    steps = np.gradient(line, axis=0)
    steps /= np.hypot(*steps.T)[:, None]
    found = site.under(line + away * np.column_stack([-steps[:, 1], steps[:, 0]]), float(crest.mean()) - 3.0)
    return np.minimum(found, crest - 0.2)


def _bridge(bridge: Bridge, site: _Site) -> list[Solid]:
    """A deck, its parapets, and piers down to the bed."""
    line = cleaned(bridge.geometry.xy)
    low, high = bridge.low_chord_elevation_m, bridge.low_chord_elevation_m + bridge.deck_thickness_m
    half = bridge.deck_width_m / 2
    out = [band(line, (-half, half), low, high, site.of("deck"))]
    if bridge.parapet_height_m > 0:
        rail = high + bridge.parapet_height_m
        out.append(band(line, (-half, -half + _SHELL_M), high, rail, site.of("concrete")))
        out.append(band(line, (half - _SHELL_M, half), high, rail, site.of("concrete")))
    along, _ = _directions(line)
    for number in range(bridge.piers):
        place = np.array(bridge.geometry.at(bridge.geometry.length_m * (number + 1) / (bridge.piers + 1)))
        bed = min(float(site.under(place[None], low - 5.0)[0]), low - 0.5)
        size = (bridge.pier_width_m or 1.0, 0.8 * bridge.deck_width_m)
        heights = (bed - _INTO_GROUND_M, low)
        out.append(box(_xy(place), (float(along[0]), float(along[1])), size, heights, site.of("pier")))
    return out


def _basin(basin: RetentionBasin, site: _Site) -> list[Solid]:
    """A floor, and a wall around it up to where it overflows."""
    if basin.geometry.kind == "polygon":
        ring = cleaned(basin.geometry.xy[:-1])
    else:
        deep = max(basin.crest_elevation_m - basin.floor_elevation_m, 0.5)
        volume = basin.stage_volume[-1][1] if basin.stage_volume else 400.0 * deep
        side = math.sqrt(volume / deep)
        ring = np.asarray(basin.geometry.xy[0]) + side / 2 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    floor = prism(ring, basin.floor_elevation_m - 0.3, basin.floor_elevation_m, *site.of("basin"))
    out = [floor]
    for here, there in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        edge, heights = np.array([here, there]), (basin.floor_elevation_m, basin.crest_elevation_m)
        out.append(band(edge, (-0.25, 0.25), *heights, site.of("concrete")))
    return out


def _xy(place: npt.NDArray[np.float64]) -> tuple[float, float]:
    return float(place[0]), float(place[1])


_MAKERS: dict[type[Facility], Callable[[Any, _Site], list[Solid]]] = {
    Weir: _weir,
    SluiceGate: _gate,
    Culvert: _culvert,
    PumpStation: _pump,
    Levee: _levee,
    Bridge: _bridge,
    RetentionBasin: _basin,
}
