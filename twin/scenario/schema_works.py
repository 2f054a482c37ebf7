"""The schema of what stands in the water: structures, breaches, drains."""

from __future__ import annotations

from typing import Any

from twin.scenario.schema_words import any_of, choice, flag, group, items, number, ref, text

_EL_M = (-500.0, 9_000.0, "EL m")


def _breach() -> dict[str, Any]:
    return group(
        {
            "name": text("of its own"),
            "levee": text("id of the levee"),
            "line": ref("line", "of the levee, drawn"),
            "at": ref("point", "middle of the breach"),
            "from": ref("point", "one end"),
            "to": ref("point", "the other end"),
            "width_m": number(0.1, 10_000, "m", "at its widest"),
            "bottom_elevation_m": number(*_EL_M, "at its deepest"),
            "start_h": number(0, 10_000, "h", "after the start of the run"),
            "when_stage_m": number(*_EL_M, "it begins when the water stands so high"),
            "when_overtopped": any_of(
                flag(""), number(0, 10, "m over the crest", ""), what="it begins when overtopped"
            ),
            "growth": choice(("linear", "verheij"), "how it widens"),
            "growth_h": number(0, 1000, "h", "how long it deepens"),
            "start_width_m": number(0, 10_000, "m", "at the beginning"),
            "critical_velocity_m_s": number(0.05, 5, "m/s", "of erosion"),
        }
    )


def _drains() -> dict[str, Any]:
    size = ("m", "of the inlet")
    inlet = group(
        {
            "name": text("of its own"),
            "at": ref("point", "where"),
            "node": text("of the SWMM model"),
            "diameter_m": number(0.05, 20, *size),
            "width_m": number(0.02, 50, *size),
            "length_m": number(0.02, 50, *size),
            "area_m2": number(1e-4, 1000, "m²", "of its opening"),
            "perimeter_m": number(0.01, 1000, *size),
            "capacity_m3_s": number(0, 1000, "m³/s", "at most"),
        },
        needed=("at",),
    )
    return group(
        {
            "capacity_mm_h": any_of(number(0, 1000, "mm/h", ""), ref("raster", ""), what="of the sewers, by area"),
            "inlets": any_of(inlet, items(inlet), what="street inlets"),
            "coefficients": group(
                {name: number(0.01, 1.5, "", "") for name in ("weir", "grate", "submerged_weir", "orifice")}
            ),
            "swmm": text("path of a SWMM model (.inp)"),
            "swmm_step_s": number(1, 300, "s", "of the coupling"),
        }
    )


WORKS: dict[str, Any] = {
    "structures": any_of(
        {"type": "string"},
        {"type": "object"},
        {"type": "array", "items": {"type": ["string", "object"]}},
        what="id of a layer of facilities, a file, or structures",
    ),
    "overrides": {
        "type": "object",
        "additionalProperties": {"type": "object"},
        "description": "by a structure's id",
    },
    "levee_breaches": any_of(_breach(), items(_breach()), what="levee breaches"),
    "drains": any_of({"type": "number"}, _drains(), what="capacity in mm/h, or a group"),
}
