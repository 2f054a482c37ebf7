"""What can be wrong with facilities without looking at the ground: numbers that contradict each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import shapely

from twin.facilities.openings import Bridge, Culvert, SluiceGate, Weir
from twin.facilities.problems import Problems
from twin.facilities.records import Facility
from twin.facilities.rules import Rule
from twin.facilities.storage import Levee, PumpStation, RetentionBasin

_ID = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_LENGTH_OFF = 0.2  # a width may differ so much from its line's length
_LEAST_BAND_M = 0.05
_BESIDE_M = 5.0  # a gate within this of a weir's or a levee's line belongs to it


def check_all(facilities: Sequence[Facility], problems: Problems) -> None:
    """Note every contradiction, within each facility and between them."""
    for each in facilities:
        _common(each, problems)
        _CHECKS[each.type](each, problems)
    for name, count in Counter(each.id for each in facilities).items():
        if count > 1:
            problems.add(name, "id", f"stands {count} times", "Give each facility an id of its own.")
    _sills(facilities, problems)


def _common(it: Facility, problems: Problems) -> None:
    if not set(it.id) <= _ID and not it.id.replace("-", "").replace("_", "").replace(".", "").isalnum():
        problems.add(it.id, "id", "has signs that an id cannot have", "Use letters, digits, - _ and dots.")
    share = it.failure_fraction
    if it.status == "partial" and (share is None or not 0 < share < 1):
        said = "is missing" if share is None else f"is {share:g}"
        problems.add(
            it.id, "failure_fraction", f"{said}, but the status is partial", "Say which share is out of order."
        )
    if it.status == "normal" and share:
        problems.add(it.id, "failure_fraction", f"is {share:g}, but the status is normal", "Correct one of them.")
    if it.status == "failed" and share not in (None, 1.0):
        problems.add(it.id, "failure_fraction", f"is {share:g}, but the status is failed", "Say partial, or 1.")
    if it.verified and (bare := [name for name, said in it.sources.items() if not said.source]):
        said = f"is yes, but no source is named for {bare[0]}"
        problems.add(it.id, "verified", said, f"Fill in source, or {bare[0]}_source; or say no.")
    _shape(it, problems)


def _shape(it: Facility, problems: Problems) -> None:
    if it.geometry.kind == "line" and it.geometry.length_m == 0:
        problems.add(it.id, "geometry", "is a line without length", "Draw it from one side to the other.")
    if it.geometry.kind == "point" and "line" in it.shapes:
        if it.bearing_deg is None:
            problems.add(
                it.id, "bearing_deg", "is missing for a point", "Say which way the water flows, or draw a line."
            )
        size = "length_m" if isinstance(it, Culvert) else "width_m"
        if getattr(it, size) is None:
            problems.add(it.id, size, "is missing for a point", "Give it, or draw a line.")
    if it.geometry.kind == "polygon" and not shapely.Polygon(it.geometry.points).is_valid:
        problems.add(it.id, "geometry", "is an outline that crosses itself", "Draw it again.")


def _weir(it: Weir, problems: Problems) -> None:
    _fits_line(it, "width_m", it.width_m, problems)


def _gate(it: SluiceGate, problems: Problems) -> None:
    if it.opening_m > it.height_m:
        said = f"is {it.opening_m:g} m, more than the leaf's height of {it.height_m:g} m"
        problems.add(it.id, "opening_m", said, "A gate opens as far as its leaf is high.")
    total, line = it.width_m * it.units, it.geometry.length_m
    if it.geometry.kind == "line" and total > line * 1.05:
        said = f"{it.units} × {it.width_m:g} m is {total:g} m, and the line only {line:.1f} m"
        problems.add(it.id, "width_m", said, "It is the width of one opening; draw the line over all of them.")
    _rules(it, it.rules, ("open", "close"), problems)
    for rule in it.rules:
        if rule.opening_m is not None and rule.opening_m > it.height_m:
            said = f"'{rule}' opens further than the leaf's height of {it.height_m:g} m"
            problems.add(it.id, "rules", said, "Correct the opening.")
    _dead_band(it, it.rules, problems)


def _culvert(it: Culvert, problems: Problems) -> None:
    needed = ("diameter_m",) if it.shape == "circle" else ("width_m", "height_m")
    for name in needed:
        if getattr(it, name) is None:
            problems.add(it.id, name, f"is missing: the shape is {it.shape}", "Give it, or correct the shape.")
    for name in {"diameter_m", "width_m", "height_m"} - set(needed):
        if getattr(it, name) is not None:
            problems.add(
                it.id, name, f"is given, but the shape is {it.shape}", "Leave it empty, or correct the shape."
            )
    _fits_line(it, "length_m", it.length_m, problems)
    if it.outlet_invert_elevation_m > it.inlet_invert_elevation_m:
        rise = it.outlet_invert_elevation_m - it.inlet_invert_elevation_m
        problems.warn(
            it.id, "outlet_invert_elevation_m", f"lies {rise:.2f} m above the inlet: it slopes against the flow"
        )


def _pump(it: PumpStation, problems: Problems) -> None:
    band = it.start_level_m - it.stop_level_m
    if band <= 0:
        said = f"EL {it.start_level_m:g} is not above the stop level EL {it.stop_level_m:g}"
        problems.add(
            it.id, "start_level_m", said, "Pumps start as the water rises and stop as it falls: exchange them?"
        )
    elif band < _LEAST_BAND_M:
        problems.warn(
            it.id, "start_level_m", f"the dead band is only {band * 100:.0f} cm: the pumps will start and stop"
        )
    if any(b[1] >= a[1] for a, b in pairwise(it.pump_curve)):
        problems.add(it.id, "pump_curve", "does not fall: the flow must get less with head", "Pairs are head:flow.")
    if any(flow < 0 for _, flow in it.pump_curve):
        problems.add(it.id, "pump_curve", "has a flow below nought", "Pairs are head:flow.")
    if it.pump_curve and not it.pump_curve[-1][1] <= it.unit_capacity_m3_min <= it.pump_curve[0][1]:
        said = f"the rated flow of {it.unit_capacity_m3_min:g} m³/min is nowhere on the curve"
        problems.add(it.id, "pump_curve", said, "The curve is of one pump, in m³/min.")
    if it.sump_floor_elevation_m is not None and it.sump_floor_elevation_m >= it.stop_level_m:
        said = f"EL {it.sump_floor_elevation_m:g} is not below the stop level EL {it.stop_level_m:g}"
        problems.add(it.id, "sump_floor_elevation_m", said, "Pumps stop before the sump is dry.")
    if (it.outlet_x is None) != (it.outlet_y is None):
        missing = "outlet_x" if it.outlet_x is None else "outlet_y"
        problems.add(it.id, missing, "is missing", "Give both coordinates of the outlet.")
    elif it.outlet_x is None:
        problems.warn(it.id, "outlet_x", "no outlet is given: a flood model cannot tell where the water goes")
    _rules(it, it.rules, ("start", "stop"), problems)
    for rule in it.rules:
        if (rule.units or 0) > it.units:
            problems.add(it.id, "rules", f"'{rule}' starts more than the {it.units} pumps", "Correct the number.")


def _levee(it: Levee, problems: Problems) -> None:
    if it.crest_elevation_m is None and not it.crest_profile:
        problems.add(it.id, "crest_elevation_m", "is missing, and so is the profile", "Give one of them.")
    if it.crest_elevation_m is not None and it.crest_profile:
        problems.add(it.id, "crest_profile", "stands beside a crest elevation", "Give one of them.")
    length = it.geometry.length_m
    if it.crest_profile and abs(it.crest_profile[-1][0] - length) > max(10.0, 0.05 * length):
        said = f"ends at {it.crest_profile[-1][0]:g} m, and the line at {length:.1f} m"
        problems.add(
            it.id, "crest_profile", said, "Distances are along the line, from its first point to its last."
        )
    if it.breach_bottom_elevation_m is not None:
        crest = it.crest_elevation_m if it.crest_profile == () else min(z for _, z in it.crest_profile)
        if crest is not None and it.breach_bottom_elevation_m >= crest:
            said = f"EL {it.breach_bottom_elevation_m:g} is not below the crest EL {crest:g}"
            problems.add(it.id, "breach_bottom_elevation_m", said, "A breach is lower than the crest.")


def _bridge(it: Bridge, problems: Problems) -> None:
    if it.piers and it.pier_width_m is None:
        problems.add(it.id, "pier_width_m", f"is missing for {it.piers} piers", "Give the width of one pier.")
    blocked = it.derived()["blocked_width_m"]
    if blocked >= it.geometry.length_m > 0:
        said = f"{it.piers} piers of {it.pier_width_m:g} m take all of the {it.geometry.length_m:.1f} m"
        problems.add(it.id, "pier_width_m", said, "It is the width of one pier.")
    if it.openings != it.piers + 1:
        problems.warn(
            it.id, "openings", f"{it.openings} openings and {it.piers} piers: usually one more than piers"
        )


def _basin(it: RetentionBasin, problems: Problems) -> None:
    if it.floor_elevation_m >= it.crest_elevation_m:
        said = f"EL {it.floor_elevation_m:g} is not below the crest EL {it.crest_elevation_m:g}"
        problems.add(it.id, "floor_elevation_m", said, "Exchange them?")
    if it.initial_stage_m is not None and not it.floor_elevation_m <= it.initial_stage_m <= it.crest_elevation_m:
        said = f"EL {it.initial_stage_m:g} is not between floor and crest"
        problems.add(it.id, "initial_stage_m", said, "Give a stage within the basin.")
    curve = it.stage_volume
    if any(b[1] <= a[1] for a, b in pairwise(curve)) or any(volume < 0 for _, volume in curve):
        problems.add(
            it.id, "stage_volume", "does not rise: there is more water at a higher stage", "Pairs are stage:volume."
        )
    if curve and (curve[0][0] > it.floor_elevation_m + 0.01 or curve[-1][0] < it.crest_elevation_m - 0.01):
        said = f"reaches from EL {curve[0][0]:g} to {curve[-1][0]:g}, not from floor to crest"
        problems.add(it.id, "stage_volume", said, "Stages are EL m like floor and crest, not depths.")
    if not curve and it.geometry.kind == "point":
        problems.add(it.id, "stage_volume", "is missing for a point", "Give it, or draw the basin's outline.")


_CHECKS = cast(
    Any,
    {
        "weir": _weir,
        "sluice_gate": _gate,
        "culvert": _culvert,
        "pump_station": _pump,
        "levee": _levee,
        "bridge": _bridge,
        "retention_basin": _basin,
    },
)


def _fits_line(it: Facility, name: str, size: float | None, problems: Problems) -> None:
    line = it.geometry.length_m
    if it.geometry.kind == "line" and size is not None and abs(size - line) > _LENGTH_OFF * line:
        remedy = "Correct the number or the line."
        if isinstance(it, Weir) and size < line:
            remedy += " Beside a weir's line nothing is closed: for a weir in a wall draw the wall as a levee, too."
        problems.add(it.id, name, f"is {size:g} m, and the line {line:.1f} m", remedy)


def _rules(it: Facility, rules: Sequence[Rule], allowed: tuple[str, ...], problems: Problems) -> None:
    for rule in rules:
        if rule.action not in allowed:
            problems.add(
                it.id, "rules", f"'{rule}': a {it.en} does not {rule.action}", f"Say {' or '.join(allowed)}."
            )


def _dead_band(it: Facility, rules: Sequence[Rule], problems: Problems) -> None:
    """Warn where a gate opens and closes at one stage: it would move at every ripple."""
    single = [(rule, rule.when[0]) for rule in rules if len(rule.when) == 1 and rule.when[0].level_m is not None]
    for rule, first in single:
        for other, second in single:
            apart = abs((first.level_m or 0) - (second.level_m or 0))
            if (
                rule.action == "open"
                and other.action == "close"
                and first.place == second.place
                and apart < _LEAST_BAND_M
            ):
                problems.warn(
                    it.id, "rules", f"opens and closes at the same stage({first.place}): leave a dead band"
                )


def _sills(facilities: Sequence[Facility], problems: Problems) -> None:
    """Note gates and culverts whose sill is above the crest of the weir or levee that they are in."""
    crests = [each for each in facilities if isinstance(each, Weir | Levee) and each.geometry.kind == "line"]
    for it in facilities:
        if isinstance(it, SluiceGate):
            kinds: tuple[type[Facility], ...] = (Weir, Levee)
            name, sill = "sill_elevation_m", it.sill_elevation_m
        elif isinstance(it, Culvert):
            name, sill, kinds = "inlet_invert_elevation_m", it.inlet_invert_elevation_m, (Levee,)
        else:
            continue
        shape = (
            shapely.LineString(it.geometry.points)
            if it.geometry.kind == "line"
            else shapely.Point(it.geometry.middle)
        )
        for other in crests:
            line = shapely.LineString(other.geometry.points)
            if not isinstance(other, kinds) or line.distance(shape) > _BESIDE_M:
                continue
            place = line.project(shapely.Point(it.geometry.middle))
            crest = other.crest_elevation_m if isinstance(other, Weir) else other.crest_at(float(place))
            if sill > crest:
                said = f"EL {sill:g} is above the crest EL {crest:.2f} of {other.id}"
                problems.add(it.id, name, said, "Water would go over before it goes through: check both levels.")
