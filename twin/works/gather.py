"""Collects a scenario's structures: from layers, files and the scenario itself, in the domain's coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from naru.errors import BadInput, BadSpec, DatumRefused
from twin.datum import canonical
from twin.facilities.building import Row, build
from twin.facilities.checks import check_all
from twin.facilities.columns import meaning_of, nearest
from twin.facilities.problems import FacilitiesRefused, Problems
from twin.facilities.reading import Wanted, read_facilities
from twin.facilities.records import Facilities, Facility
from twin.facilities.shape import Shape
from twin.facilities.types import FIELDS
from twin.facilities.values import convert
from twin.fields import named_by
from twin.flood.world import World
from twin.works.spec import StructureSource, WorksSpec

_ASSET = "facilities"
_PLACES = {"at": "point", "line": "line", "outline": "polygon"}
_SHAPES = {"Point": "point", "LineString": "line", "Polygon": "polygon"}


@dataclass(frozen=True)
class Found:
    """A structure, and the field of the scenario that brought it; `own` where it is written there."""

    it: Facility
    where: str
    own: bool


def gather(spec: WorksSpec, world: World) -> list[Found]:
    """Return all structures with the scenario's overrides. Raises what `WorksSpec.build` raises."""
    out: list[Found] = []
    for source in spec.sources:
        if source.inline is not None:
            out.append(Found(_inline(source, source.inline, world), source.where, own=True))
        else:
            out += [Found(each, source.where, own=False) for each in _read(source, world).all]
    out = _overridden(out, spec, world)
    _check(out, world)
    return out


def _check(found: Sequence[Found], world: World) -> None:
    """Check what was written or changed here, and that ids differ. Files have been checked as they were read."""
    problems = Problems()
    check_all([each.it for each in found], problems)
    if problems.found:
        raise FacilitiesRefused(problems.found, str(world.file))
    own = {each.it.id for each in found if each.own}
    world.warnings.extend(said for said in problems.warnings if said.split(",")[0].split(":")[0] in own)


# --- layers and files -------------------------------------------------------------------------------


def _read(source: StructureSource, world: World) -> Facilities:
    crs = world.domain.frame.crs
    if not crs:
        what = "names a layer or a file, but the terrain has no coordinate system"
        raise _wrong(world, source.where, what, "Write the structures into the scenario.")
    with named_by(source.where):
        path = source.file if source.file is not None else _asset(source, world)
        found = read_facilities(path, Wanted(crs=source.crs, into=crs))
    datum = canonical(world.domain.vertical_datum) if world.domain.vertical_datum else found.vertical_datum
    if found.vertical_datum != datum:
        raise DatumRefused(
            f"the structures' heights are above {found.vertical_datum}, the terrain's above {datum}",
            file=str(world.file),
            field=source.where,
            remedy="Give both above the same zero.",
        )
    return found


def _asset(source: StructureSource, world: World) -> Any:
    assert source.layer is not None
    if world.house is None:
        what = f"is '{source.layer}': no such file, and no layers are at hand"
        raise _wrong(world, source.where, what, "Give a file's path, or run where layers are.")
    layer = world.house.catalogue.layer(source.layer)
    asset = layer.live.assets.get(_ASSET)
    if asset is None:
        raise BadInput(
            f"the layer '{source.layer}' holds no structures",
            layer=source.layer,
            field=source.where,
            remedy="Name a layer that `naru twin facilities publish` made.",
        )
    return world.house.storage.path(asset.archive)


# --- written in the scenario ------------------------------------------------------------------------


def _inline(source: StructureSource, given: Mapping[str, Any], world: World) -> Facility:
    cells = dict(given)
    shape = _placed(cells, source.where, world)
    outlet = cells.pop("outlet", None)
    if outlet is not None:
        x, y = world.place([outlet], f"{source.where}.outlet", inside=False)[0]
        cells |= {"outlet_x": float(x), "outlet_y": float(y)}
    elif "outlet_x" in cells and "outlet_y" in cells:
        point = [[cells["outlet_x"], cells["outlet_y"]]]
        x, y = world.place(point, f"{source.where}.outlet_x", inside=False)[0]
        cells |= {"outlet_x": float(x), "outlet_y": float(y)}
    problems = Problems()
    kind = str(cells.get("type"))
    for name in cells:
        if kind in FIELDS and name != "type" and name in given and meaning_of(name, kind) is None:
            like = nearest(name)
            said = f"Did you mean '{like}'?" if like else f"Known are: {', '.join(FIELDS[kind])}."
            problems.add(str(cells.get("id", source.where)), name, "is no field of a structure", said)
    built = build(Row(source.where, cells, shape), problems)
    if problems.found or built is None:
        raise FacilitiesRefused(problems.found, str(world.file))
    return built


def _placed(cells: dict[str, Any], where: str, world: World) -> Shape:
    """Return where it stands, in the domain's coordinates; the fields that say so are taken out."""
    said = [name for name in (*_PLACES, "geometry") if cells.get(name) is not None]
    if len(said) != 1:
        what = "is missing" if not said else f"stands beside '{said[0]}'"
        raise _wrong(
            world, f"{where}.{said[1] if said else 'line'}", what, "Say one of at, line, outline, geometry."
        )
    name, given = said[0], cells.pop(said[0])
    kind, points = (_PLACES[name], given) if name != "geometry" else _geometry(given, where, world)
    if kind == "point":
        points = [points]
    xy = world.place(points, f"{where}.{name}", inside=False)
    if kind == "polygon" and not np.array_equal(xy[0], xy[-1]):
        xy = np.vstack([xy, xy[:1]])
    if (kind == "line" and len(xy) < 2) or (kind == "polygon" and len(xy) < 4):
        raise _wrong(world, f"{where}.{name}", f"has only {len(points)} points", "Give more of them.")
    return Shape(kind, tuple((float(x), float(y)) for x, y in xy))  # type: ignore[arg-type]


def _geometry(given: Any, where: str, world: World) -> tuple[str, Any]:
    """Read GeoJSON or WKT."""
    import shapely

    try:
        found = shapely.from_wkt(given) if isinstance(given, str) else shapely.geometry.shape(given)
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise _wrong(
            world, f"{where}.geometry", "is no geometry that can be read", "Give WKT or GeoJSON."
        ) from error
    if found.is_empty or found.geom_type not in _SHAPES:
        raise _wrong(world, f"{where}.geometry", f"is a {found.geom_type}", "Give a point, a line or an outline.")
    kind = _SHAPES[found.geom_type]
    ring = found.exterior if kind == "polygon" else found
    points = [[float(c[0]), float(c[1])] for c in ring.coords]
    return kind, points[0] if kind == "point" else points


# --- overrides --------------------------------------------------------------------------------------


def _overridden(found: Sequence[Found], spec: WorksSpec, world: World) -> list[Found]:
    by_id = {each.it.id: each for each in found}
    for name in spec.overrides:
        if name not in by_id:
            near = get_close_matches(name, by_id, n=1, cutoff=0.4)
            known = f"Known are: {', '.join(sorted(by_id)[:20])}." if by_id else "The scenario has no structures."
            what = "names a structure that is not there"
            raise _wrong(world, f"overrides.{name}", what, (f"Did you mean '{near[0]}'? " if near else "") + known)
    return [
        replace(each, it=_changed(each.it, spec.overrides[each.it.id], world), own=True)
        if each.it.id in spec.overrides
        else each
        for each in found
    ]


def _changed(it: Facility, said: Mapping[str, Any], world: World) -> Facility:
    values: dict[str, Any] = {}
    for name, raw in said.items():
        where = f"overrides.{it.id}.{name}"
        meaning = meaning_of(name, it.type)
        if meaning is None or meaning.is_source or meaning.field.name == "id":
            near = get_close_matches(name, FIELDS[it.type], n=1, cutoff=0.5)
            hint = f"Did you mean '{near[0]}'? " if near else ""
            raise _wrong(
                world, where, f"is no field of a {it.en}", f"{hint}Known are: {', '.join(FIELDS[it.type])}."
            )
        try:
            values[meaning.field.name] = convert(meaning.field, raw, meaning.factor)
        except ValueError as error:
            least, most, unit = meaning.field.low, meaning.field.high, meaning.field.unit
            allowed = f"Allowed is {least:g} to {most:g} {unit}." if least is not None and most is not None else ""
            raise _wrong(
                world, where, f"is wrong: {error}", allowed or "Write it as in a file of structures."
            ) from error
    return replace(it, **_consistent(values))


def _consistent(values: dict[str, Any]) -> dict[str, Any]:
    """Let status and share follow each other where only one is said."""
    if "status" in values and "failure_fraction" not in values and values["status"] != "partial":
        return values | {"failure_fraction": None}
    if "failure_fraction" in values and "status" not in values:
        share = values["failure_fraction"]
        return values | {"status": "failed" if share == 1 else "partial" if share else "normal"}
    return values


def _wrong(world: World, where: str, what: str, remedy: str) -> BadSpec:
    return BadSpec(f"field '{where}' {what}", file=str(world.file), field=where, remedy=remedy)
