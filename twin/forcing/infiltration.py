"""The section `infiltration` of a scenario: what soaks in, and what drains take evenly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from naru.errors import BadSpec
from twin.fields import Fields
from twin.flood.catchment import CONSTANT, CURVE_NUMBER, GREEN_AMPT, HORTON, NONE, Cover
from twin.flood.world import World
from twin.forcing import reference
from twin.forcing.falling import Zones
from twin.forcing.hyetograph import MM_H
from twin.forcing.sections import group, number
from twin.grid import Floats
from twin.text import read_table

METHODS = {"none": NONE, "constant": CONSTANT, "green-ampt": GREEN_AMPT, "scs-cn": CURVE_NUMBER, "horton": HORTON}
_AMC = ("I", "II", "III")
_RATE = (0.0, 10_000.0)


@dataclass(frozen=True)
class Parameter:
    """A parameter: one number, or a raster; `factor` brings it to SI."""

    name: str
    where: Fields
    given: Any
    within: tuple[float, float]
    unit: str
    factor: float = 1.0
    table: Mapping[int, float] = field(default_factory=dict)  # land-cover class: value

    @property
    def is_number(self) -> bool:
        """Whether it is the same all over."""
        return isinstance(self.given, int | float)

    def on(self, world: World) -> Floats:
        """Return it on the domain's cells (a number: 1 × columns). Raises BadSpec: no value, or out of range."""
        if self.is_number:
            return np.full((1, world.domain.frame.columns), self.given * self.factor)
        values = world.raster(self.given, self.where.where(self.name), **({"classes": True} if self.table else {}))
        active = world.domain.active
        if self.table:
            values = self._by_class(values, active)
        bad = active & ~((values >= self.within[0]) & (values <= self.within[1]))
        if bad.any():
            row, column = (int(i[0]) for i in np.nonzero(bad))
            frame = world.domain.frame
            worst = "no value" if np.isnan(values[row, column]) else f"{values[row, column]:g}"
            low, high = self.within
            raise self.where.wrong(
                self.name,
                f"has {worst} in {int(bad.sum())} cells (first at x {frame.x[column]:.1f}, y {frame.y[row]:.1f}) "
                f"where {low:g} to {high:g} {self.unit} is expected".rstrip(),
                "Fill the raster, or correct its unit.",
            )
        return np.where(active, values, self.within[0]) * self.factor

    def _by_class(self, values: Floats, active: Any) -> Floats:
        known = np.array(sorted(self.table))
        found = np.clip(np.searchsorted(known, values), 0, len(known) - 1)
        missing = active & (known[found] != values) & ~np.isnan(values)
        if missing.any():
            raise self.where.wrong(
                "table", f"does not have the class {values[missing][0]:g} of the land cover", "Add its row."
            )
        numbers = np.array([self.table[int(k)] for k in known])
        return np.where(np.isnan(values), np.nan, numbers[found])


@dataclass(frozen=True)
class Losses:
    """A law of infiltration on the domain's cells: arrays of 1 or all rows, float64."""

    law: int
    first: Floats
    second: Floats
    third: Floats
    pervious: Floats
    drains: Floats  # m/s

    @classmethod
    def none(cls, columns: int) -> Losses:
        """Return what takes nothing."""
        zero = np.zeros((1, columns))
        return cls(NONE, zero, zero, zero, zero + 1, zero)

    @cached_property
    def draining(self) -> bool:
        """Whether drains take anything."""
        return bool(self.drains.any())

    @cached_property
    def lasting(self) -> bool:
        """Whether water that lies there may be lost: what the curve number takes is of the rain alone."""
        return self.law in (CONSTANT, GREEN_AMPT, HORTON) or self.draining

    @cached_property
    def fastest(self) -> float:
        """The fastest that water may be lost for long, m/s."""
        soil = float(self.first.max()) if self.law in (CONSTANT, GREEN_AMPT, HORTON) else 0.0
        return soil + float(self.drains.max())

    def cover(self, zones: Zones) -> Cover:
        """Return them beside zones of rain."""
        return Cover(zones, self.law, (self.first, self.second, self.third), self.pervious, self.drains)


@dataclass(frozen=True)
class Infiltration:
    """What a scenario says of losses."""

    method: str = "none"
    parameters: tuple[Parameter, ...] = ()
    impervious: Parameter | None = None
    drain_loss: Parameter | None = None
    derive: Callable[..., tuple[Floats, ...]] | None = None  # from the parameters as stated to those of the law
    stated: Mapping[str, Any] = field(default_factory=dict)  # what the report says besides

    def build(self, world: World) -> Losses:
        """Return the law on the domain's cells. Raises BadSpec."""
        none = np.zeros((1, world.domain.frame.columns))
        stated = tuple(p.on(world) for p in self.parameters)
        law = self.derive(*stated) if self.derive is not None else stated
        filled = [*law, none, none, none][:3]
        pervious = none + 1 if self.impervious is None else 1 - self.impervious.on(world)
        drains = none if self.drain_loss is None else self.drain_loss.on(world)
        arrays = (np.ascontiguousarray(a, np.float64) for a in (*filled, pervious, drains))
        return Losses(METHODS[self.method], *arrays)

    def inputs(self) -> list[Mapping[str, Any]]:
        """Return what went in, for the report."""
        said: list[Mapping[str, Any]] = []
        if self.method != "none":
            said.append({"role": "infiltration", "value": self.method, **self.stated})
        stated = (p for p in (*self.parameters, self.impervious, self.drain_loss) if p is not None)
        return [*said, *({"role": f"infiltration.{p.name}", "value": p.given} | _source(p) for p in stated)]


def _source(parameter: Parameter) -> dict[str, Any]:
    given = parameter.given
    if isinstance(given, str):
        return {"file": given}
    if not isinstance(given, Mapping):
        return {}
    if isinstance(given.get("land_cover"), str):
        return {"file": given["land_cover"], "table": given["table"]}
    return {k: given[k] for k in ("file", "layer") if k in given}


def read_infiltration(top: Fields) -> Infiltration:
    """Read `infiltration`. Raises BadSpec, FileMissing (tables)."""
    given = top.get("infiltration")
    if given is None or given == "none":
        return Infiltration()
    where = group(top, "infiltration")
    method = where.choice("method", tuple(METHODS), "none" if where.has("drain_loss_mm_h") else None)
    parameters, derive = _READERS[method](where)
    impervious = _optional(where, "impervious", (0.0, 1.0), "(share)", 1.0) if method != "none" else None
    drain_loss = _optional(where, "drain_loss_mm_h", _RATE, "mm/h", MM_H)
    told = {
        name: given[name]
        for name in ("soil", "soil_table", "initial_saturation", "ia_ratio", "amc")
        if name in given
    }
    if "soil" in told and "soil_table" not in told:
        told["source"] = "Rawls et al. 1983"
    where.done()
    return Infiltration(method, tuple(parameters), impervious, drain_loss, derive, told)


_Read = tuple[list[Parameter], Callable[..., tuple[Floats, ...]] | None]


def _parameter(
    where: Fields, name: str, within: tuple[float, float], unit: str, factor: float, default: float | None = None
) -> Parameter:
    """Return a parameter that is stated, or its default. Raises BadSpec."""
    given = where.get(name, default)
    if given is None:
        low, high = within
        raise where.wrong(
            name, "is missing", f"Give a number from {low:g} to {high:g} {unit}, or a raster of such."
        )
    if isinstance(given, bool) or not isinstance(given, str | Mapping):
        given = where.as_number(given, name, *within, unit)
    return Parameter(name, where, given, within, unit, factor)


def _optional(where: Fields, name: str, within: tuple[float, float], unit: str, factor: float) -> Parameter | None:
    return _parameter(where, name, within, unit, factor) if where.has(name) else None


def _none(where: Fields) -> _Read:
    return [], None


def _constant(where: Fields) -> _Read:
    rate = _parameter(where, "rate_mm_h", _RATE, "mm/h", MM_H)
    return [rate, _parameter(where, "initial_loss_mm", (0.0, 10_000.0), "mm", 1e-3, 0.0)], None


def _green_ampt(where: Fields) -> _Read:
    """Parameters: K, suction, moisture deficit; a soil by name gives what is not stated."""
    porosity = suction = conductivity = None
    name = where.text("soil")
    if name is not None:
        porosity, suction, conductivity = reference.soil(where, name)
    k = _parameter(where, "hydraulic_conductivity_mm_h", _RATE, "mm/h", MM_H, conductivity)
    psi = _parameter(where, "suction_mm", (0.0, 10_000.0), "mm", 1e-3, suction)
    if where.has("initial_saturation"):
        if porosity is None or where.has("moisture_deficit"):
            raise where.wrong(
                "initial_saturation", "goes with 'soil' and without 'moisture_deficit'", "Give one of them."
            )
        share = number(where, "initial_saturation", (0.0, 1.0), "(share of the effective porosity)")
        return [k, psi, Parameter("moisture_deficit", where, porosity * (1 - share), (0.0, 1.0), "(share)")], None
    if porosity is not None and not where.has("moisture_deficit"):
        remedy = f"Give a share of the volume, at most {porosity:g} for that soil; or `initial_saturation`, 0 to 1."
        raise where.wrong("moisture_deficit", "is missing: a soil alone does not say how wet it is", remedy)
    return [k, psi, _parameter(where, "moisture_deficit", (0.0, 1.0), "(share)", 1.0)], None


def _curve_number(where: Fields) -> _Read:
    """Parameters: the curve number; S and Ia come from it, the ratio Ia/S and the antecedent moisture."""
    ratio = number(where, "ia_ratio", (0.0, 1.0), "(of S)", 0.2)
    amc = where.choice("amc", _AMC, "II")
    within = (1.0, 100.0)
    given = where.needed("curve_number")
    if isinstance(given, Mapping) and "land_cover" in given:
        cover = group(where, "curve_number")
        table = _classes(cover, within)
        parameter = Parameter("curve_number", where, cover.needed("land_cover"), within, "", table=table)
        cover.done()
    else:
        parameter = _parameter(where, "curve_number", within, "", 1.0)

    def derive(curve_number: Floats) -> tuple[Floats, ...]:
        retention = (25_400.0 / with_moisture(curve_number, amc) - 254.0) * 1e-3
        return retention, ratio * retention

    return [parameter], derive


def with_moisture(curve_number: Floats, amc: str) -> Floats:
    """Return curve numbers of condition II for another antecedent moisture (Chow et al. 1988, eq. 5.5.12, 5.5.13).

    >>> [round(float(with_moisture(np.array(80.0), c)), 2) for c in ("I", "II", "III")]
    [62.69, 80.0, 90.2]
    """
    if amc == "I":
        return 4.2 * curve_number / (10 - 0.058 * curve_number)
    return 23 * curve_number / (10 + 0.13 * curve_number) if amc == "III" else curve_number


def _classes(where: Fields, within: tuple[float, float]) -> dict[int, float]:
    """Read a table of land cover: columns class and curve_number. Raises BadSpec, ColumnsUnknown."""
    rows = read_table(where.source_file("table"))
    named = rows.column("class", "the land cover's class"), rows.column("curve_number", "the curve number")
    out: dict[int, float] = {}
    for n in range(len(rows.rows)):
        key, value = rows.number(n, named[0]), rows.number(n, named[1])
        if not (key.is_integer() and within[0] <= value <= within[1] and int(key) not in out):
            raise BadSpec(
                f"line {rows.lines[n]}: class {key:g}, curve number {value:g}; classes are whole numbers given "
                f"once, curve numbers {within[0]:g} to {within[1]:g}",
                file=str(rows.file),
                field=where.where("table"),
                remedy="Correct the line.",
            )
        out[int(key)] = value
    return out


def _horton(where: Fields) -> _Read:
    start = _parameter(where, "initial_rate_mm_h", _RATE, "mm/h", MM_H)
    end = _parameter(where, "final_rate_mm_h", _RATE, "mm/h", MM_H)
    decay = _parameter(where, "decay_1_h", (0.001, 1000.0), "1/h", 1 / 3600)

    def derive(first: Floats, last: Floats, rate: Floats) -> tuple[Floats, ...]:
        if bool((first < last).any()):
            raise where.wrong(
                "initial_rate_mm_h",
                "is less than 'final_rate_mm_h'",
                "Infiltration falls from the first to the last.",
            )
        return first, last, rate

    return [start, end, decay], derive


_READERS: Mapping[str, Callable[[Fields], _Read]] = {
    "none": _none,
    "constant": _constant,
    "green-ampt": _green_ampt,
    "scs-cn": _curve_number,
    "horton": _horton,
}
