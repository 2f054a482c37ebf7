"""Reads the section `drains` of a scenario file: capacity by area, inlets, a SWMM model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from naru.export.harmless import harmless
from twin.fields import Fields, only_own_files
from twin.works.entries import group, listed, pairs
from twin.works.spec import DrainsSpec, InletLaw, InletSpec

_GRATING_M = (0.4, 0.5)  # a street inlet where its size is not given


def read_drains(top: Fields) -> DrainsSpec | None:
    """Return what `drains` says; None where it is not there. Raises BadSpec, FileMissing."""
    given = top.get("drains")
    if given is None:
        return None
    if isinstance(given, int | float) and not isinstance(given, bool):
        given = {"capacity_mm_h": given}
    if not isinstance(given, Mapping):
        raise top.wrong("drains", "is no group of fields", "Write it like {capacity_mm_h: 65}.")
    fields = Fields(given, top.file, top.where("drains"))
    if fields.has("swmm") and only_own_files():  # SWMM reads and writes whatever files its models name
        raise fields.wrong("swmm", "names a model, which a scenario over HTTP cannot", "Run it where the model is.")
    swmm = fields.source_file("swmm") if fields.has("swmm") else None
    step = fields.number("swmm_step_s", 1, 300, "s", 5.0) or 5.0
    if step != int(step):
        raise fields.wrong(
            "swmm_step_s", f"is {step:g} where whole seconds are expected", "SWMM counts whole seconds."
        )
    out = DrainsSpec(
        capacity=_capacity(fields),
        inlets=_inlets(fields),
        law=_law(fields),
        swmm=swmm,
        swmm_step_s=step,
        where=fields.path,
    )
    fields.done()
    _check(fields, out)
    return out


def _capacity(fields: Fields) -> Any:
    given = fields.get("capacity_mm_h")
    if isinstance(given, int | float):
        return fields.as_number(given, "capacity_mm_h", 0, 1000, "mm/h")
    return given  # what names a raster: read on the domain's cells


def _law(fields: Fields) -> InletLaw:
    given = fields.get("coefficients", {})
    if not isinstance(given, Mapping):
        raise fields.wrong("coefficients", "is no group of fields", "Write it like {weir: 0.54}.")
    inner, usual = Fields(given, fields.file, fields.where("coefficients")), InletLaw()
    names = ("weir", "grate", "submerged_weir", "orifice")
    values = {name: inner.number(name, 0.01, 1.5, "", getattr(usual, name)) for name in names}
    inner.done()
    return InletLaw(**{name: value or 0.0 for name, value in values.items()})


def _inlets(fields: Fields) -> tuple[InletSpec, ...]:
    entries = listed(fields, "inlets", "a list of inlets, each with `at: [x, y]`")
    out = tuple(_inlet(group(fields, where, each), where, number) for number, (where, each) in enumerate(entries))
    names = [each.name for each in out]
    for each in out:
        if names.count(each.name) > 1:
            raise Fields({}, fields.file, each.where).wrong("name", f"'{each.name}' stands twice", "Rename one.")
    return out


def _inlet(fields: Fields, where: str, number: int) -> InletSpec:
    if not fields.has("at"):
        raise fields.wrong("at", "is missing", "Say where the inlet is: [x, y].")
    area, perimeter = _size(fields)
    node = fields.text("node")
    out = InletSpec(
        where=where,
        name=harmless(fields.text("name") or "") or node or f"inlet-{number + 1}",
        at=pairs(fields, "at", most=1),
        area_m2=area,
        perimeter_m=perimeter,
        capacity_m3_s=fields.number("capacity_m3_s", 0, 1000, "m³/s"),
        node=node,
    )
    fields.done()
    return out


def _size(fields: Fields) -> tuple[float, float]:
    """Return area and perimeter of an inlet: of a circle, or of a grating."""
    diameter = fields.number("diameter_m", 0.05, 20, "m")
    width = fields.number("width_m", 0.02, 50, "m")
    length = fields.number("length_m", 0.02, 50, "m")
    if diameter is not None:
        if width is not None or length is not None:
            raise fields.wrong("diameter_m", "stands beside width and length", "Give one kind of size.")
        area, around = math.pi * diameter**2 / 4, math.pi * diameter
    else:
        width, length = width or _GRATING_M[0], length or _GRATING_M[1]
        area, around = width * length, 2 * (width + length)
    area = fields.number("area_m2", 1e-4, 1000, "m²", area) or area
    around = fields.number("perimeter_m", 0.01, 1000, "m", around) or around
    return area, around


def _check(fields: Fields, it: DrainsSpec) -> None:
    for each in it.inlets:
        if (each.node is None) != (it.swmm is None):
            missing = "node" if each.node is None else "swmm"
            inner = Fields({}, fields.file, each.where if missing == "node" else fields.path)
            raise inner.wrong(missing, "is missing", "Inlets name nodes of a SWMM model, or there is none.")
    if it.swmm is not None and not it.inlets:
        raise fields.wrong("inlets", "is missing", "Say where the nodes of the SWMM model meet the street.")
