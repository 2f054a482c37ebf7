"""The schema of what comes from outside: rain, infiltration, inflows, boundaries."""

from __future__ import annotations

from typing import Any

from twin.forcing.boundaries import TYPES
from twin.forcing.cells import EDGES
from twin.forcing.hydrograph import DISCHARGE, STAGE, Quantity
from twin.forcing.hyetograph import KINDS, MOST_MM, MOST_MM_H
from twin.forcing.infiltration import METHODS
from twin.forcing.moments import TIME_UNITS
from twin.scenario.schema_words import any_of, choice, group, items, nullable, number, ref, text

_ROW = {"type": "array", "minItems": 2, "maxItems": 2}
_HOURS = (-1e5, 1e5, "h")
_FACTOR = number(0, 100, "times", "what rain is multiplied by")


def _rows(what: str) -> dict[str, Any]:
    """Return a table: a file, or rows of time and value."""
    return any_of({"type": "string"}, items(_ROW), what=f"{what}: a table's path, or [[time, value], …]")


def _series(what: str) -> dict[str, Any]:
    """Return a table that may also be a group of a file and of what else may stand beside it."""
    ways = ({"type": "string"}, items(_ROW), ref("series", ""))
    return any_of(*ways, what=f"{what}: a table's path, {{file: PATH, …}}, or [[time, value], …]")


def series_group() -> dict[str, Any]:
    """Return the group of a table's file and of what may stand beside it as well, of any quantity."""
    units = tuple(dict.fromkeys((*DISCHARGE.units, *STAGE.units)))
    return group(
        {
            "file": text("path of a table"),
            **{name: text(f"header of the column '{name}'") for name in ("time", "from", "to", "value")},
            **_beside_rows(),
            "unit": choice(units, "of the values"),
            "kind": choice(KINDS, "what numbers of rain are, where the header does not say it"),
            "interpolation": choice(("linear", "step"), "between rows"),
            "stamp": choice(("start", "end"), "which end of its interval a row of rain is"),
            "factor": number(0, 1000, "times", "what the values are multiplied by"),
            "gauge_zero_m": number(-1000, 9000, "EL m", "zero of the gauge on which stages are read"),
        },
        needed=("file",),
    )


def _beside_rows() -> dict[str, Any]:
    """Return the fields that say how a table is read."""
    headers = {name: text(f"header of the column '{name}'") for name in ("time", "from", "to", "value")}
    return {
        "time_unit": choice(tuple(TIME_UNITS), "of times that are numbers"),
        "rows": {"type": "array", "items": {"type": "integer", "minimum": 1}, "description": "which rows to take"},
        "columns": group(headers),
        "encoding": text("of the table"),
        "start_h": number(*_HOURS, "by which the series is later"),
    }


def _hyetograph() -> dict[str, Any]:
    return {
        "hyetograph": _series("rain over time"),
        **_beside_rows(),
        "kind": choice(KINDS, "what the numbers are, where the header does not say it"),
        "interpolation": choice(("step", "linear"), ""),
        "stamp": choice(("start", "end"), "which end of its interval a row's time is"),
        "factor": _FACTOR,
    }


def _rain() -> dict[str, Any]:
    design = group(
        {
            "depth_mm": number(0, MOST_MM, "mm", "of the storm"),
            "return_period_y": number(1, 100_000, "years", "instead of depth_mm, with place"),
            "place": text("of the depth table"),
            "depth_table": text("path of a table of depths of your own"),
            "duration_h": number(1 / 60, 240, "h", "of the storm"),
            "pattern": text("huff-1 … huff-4, uniform, alternating-block, or a column of pattern_table"),
            "pattern_table": text("path of a table of patterns of your own"),
            "step_min": number(0.1, 14_400, "min", "of blocks"),
            "exponent": number(0.05, 1, "", "of depth over duration, of alternating blocks"),
            "peak": number(0, 1, "share of the duration", "when it rains hardest, of alternating blocks"),
            "start_h": number(*_HOURS, "when the storm begins"),
            "factor": _FACTOR,
        },
        needed=("duration_h",),
    )
    raster = group(
        {
            "file": text("path of a NetCDF file or a raster with a band a time"),
            "files": any_of({"type": "string"}, items({"type": "string"}), what="rasters in order, or a pattern"),
            "variable": text("of a NetCDF file"),
            "crs": text("of the rasters"),
            "kind": choice(KINDS[:2], "what the numbers are"),
            "times": {"type": "array", "description": "when each raster begins"},
            "time_unit": text("of times that are numbers"),
            "every_min": number(0.01, 10_000, "min", "how long each raster holds"),
            "start_h": number(*_HOURS, "when the first begins"),
            "missing": choice(("refuse", "zero"), "what no value means"),
        }
    )
    gauge = group({"name": text("of its own"), "at": ref("point", "where"), **_hyetograph()}, needed=("at",))
    entry = group(
        {
            **_hyetograph(),
            "uniform_mm_h": number(0, MOST_MM_H, "mm/h", "everywhere"),
            "from_h": number(*_HOURS, "of uniform rain"),
            "to_h": number(*_HOURS, "of uniform rain"),
            "design": design,
            "gauges": any_of(gauge, items(gauge), what="gauges between which rain is found"),
            "method": choice(("thiessen", "idw"), "how it is found"),
            "power": number(0.1, 20, "", "of distances, with idw"),
            "raster": raster,
        }
    )
    return any_of({"const": "none"}, entry, items(entry), what="rain; several entries add up")


def _spread(low: float, high: float, unit: str, what: str) -> dict[str, Any]:
    """Return a parameter: one number, or a raster."""
    return any_of(number(low, high, unit, ""), ref("raster", ""), what=f"{what}, {unit}: a number or a raster")


def _infiltration() -> dict[str, Any]:
    rate = (0.0, 10_000.0, "mm/h")
    cover = group({"land_cover": ref("raster", "classes"), "table": text("path: class, curve_number")})
    numbers = any_of(number(1, 100, "", ""), ref("raster", ""), cover, what="SCS curve number")
    out = group(
        {
            "method": choice(tuple(METHODS), "how water soaks in"),
            "rate_mm_h": _spread(*rate, "constant: rate"),
            "initial_loss_mm": _spread(0, 10_000, "mm", "constant: what is lost first"),
            "soil": text("green-ampt: a soil of the table, such as silt loam"),
            "soil_table": text("path of a table of soils of your own"),
            "hydraulic_conductivity_mm_h": _spread(*rate, "green-ampt: K"),
            "suction_mm": _spread(0, 10_000, "mm", "green-ampt: suction at the wetting front"),
            "moisture_deficit": _spread(0, 1, "share", "green-ampt: room in the soil"),
            "initial_saturation": number(0, 1, "share", "green-ampt: with soil"),
            "curve_number": numbers,
            "ia_ratio": number(0, 1, "of S", "scs-cn: initial abstraction"),
            "amc": choice(("I", "II", "III"), "scs-cn: antecedent moisture"),
            "initial_rate_mm_h": _spread(*rate, "horton: at first"),
            "final_rate_mm_h": _spread(*rate, "horton: in the end"),
            "decay_1_h": _spread(0.001, 1000, "1/h", "horton: decay"),
            "impervious": _spread(0, 1, "share", "of the cell into which nothing soaks"),
            "drain_loss_mm_h": _spread(*rate, "what drains take evenly"),
        }
    )
    return any_of({"const": "none"}, out, what="what soaks in")


def _over_time(quantity: Quantity) -> dict[str, Any]:
    low, high = quantity.within
    units = tuple(quantity.units)
    number_ = number(low, high, units[0], "the same all the time")
    table = {quantity.series_key: _series("over time"), quantity.number_key: number_}
    return {**table, **_beside_rows(), "unit": choice(units, ""), "interpolation": choice(("linear", "step"), "")}


def _inflow() -> dict[str, Any]:
    return group(
        {
            "name": text("of its own"),
            "at": ref("point", "where"),
            "radius_m": number(0, 1e6, "m", "about the point"),
            "line": ref("line", "over which it comes, by conveyance"),
            "polygon": {**ref("line", "over which it comes evenly")},
            "factor": number(0, 1000, "times", "what the discharge is multiplied by"),
            **_over_time(DISCHARGE),
        }
    )


def _boundary() -> dict[str, Any]:
    constituent = group(
        {
            "name": text("such as M2"),
            "period_h": number(0.01, 1e5, "h", "of one without a known name"),
            "amplitude_m": number(0, 50, "m", ""),
            "phase_deg": number(-360, 360, "°", "from the start of the run"),
        },
        needed=("amplitude_m",),
    )
    along = (0.0, 1e7, "m")
    units = tuple(dict.fromkeys((*DISCHARGE.units, *STAGE.units)))
    return group(
        {
            **_over_time(DISCHARGE),
            **_over_time(STAGE),
            "name": text("of its own"),
            "edge": choice((*EDGES, "all"), "of the domain"),
            "from_m": number(*along, "along the edge, from the west or south"),
            "to_m": number(*along, "along the edge"),
            "line": ref("line", "along the rim, instead of an edge"),
            "type": choice(TYPES, "what holds there"),
            "slope": number(1e-6, 10, "m a metre", "of an open boundary; the bed's own if left out"),
            "unit": choice(units, "of the series"),
            "factor": number(0, 1000, "times", "what a discharge is multiplied by"),
            "gauge_zero_m": number(-1000, 9000, "EL m", "zero of the gauge on which stages are read"),
            "mean_m": number(-1000, 9000, "EL m", "mean level of a tide"),
            "constituents": any_of(constituent, items(constituent), what="of a tide"),
            "rating": _rows("stage EL m and discharge m³/s"),
        },
        needed=("type",),
    )


def forcing() -> dict[str, Any]:
    """Return the fields of what comes from outside."""
    inflow, boundary, none = _inflow(), _boundary(), {"const": "none"}
    return {
        "rain": _rain(),
        "infiltration": _infiltration(),
        "inflows": any_of(none, inflow, items(inflow), what="hydrographs at points, over lines, over areas"),
        "boundaries": any_of(none, boundary, items(boundary), what="where water passes the rim; walls elsewhere"),
        "evaporation": nullable(choice(("none",), "is not reckoned with")),
    }
