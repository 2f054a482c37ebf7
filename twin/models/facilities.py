"""Facilities become a tileset: their solids, by tile, with what is known of each as its properties."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyproj import Transformer

from naru.errors import BadModels
from twin.datum import Geoid, geoid_undulation_m
from twin.facilities.records import Facilities, Facility
from twin.facilities.schema import Field
from twin.facilities.types import FIELDS
from twin.facilities.writing import properties
from twin.models.archive import ArchiveWriter
from twin.models.attributes import schema
from twin.models.facility_shapes import Ground, facility_meshes
from twin.models.glb import write_glb
from twin.models.globe import Region
from twin.models.made import ModelsMade
from twin.models.mesh import Mesh, faceted
from twin.models.shapes import Floats, Solid
from twin.models.table import Property, PropertyTable, property_id
from twin.models.tileset import About, Content, tileset_json
from twin.models.tree import MOST, Node, plan

_MADE = {  # what facilities say beyond their fields: name as people read it, what it means
    "type": ("type", "Kind of facility"),
    "kind": ("종류", "Kind of facility, in words"),
    "total_width_m": ("총폭", "All openings together, m"),
    "top_elevation_m": ("문짝상단고", "Top of the closed leaf, EL m"),
    "area_m2": ("단면적", "Open area of all barrels, m²"),
    "deck_elevation_m": ("노면고", "Top of the deck, EL m"),
    "blocked_width_m": ("교각점유폭", "Width that piers take, m"),
    "unit_capacity_m3_s": ("대당토출량(초)", "Rated flow of one pump, m³/s"),
    "capacity_m3_min": ("총토출량", "All pumps, m³/min"),
    "capacity_m3_s": ("총토출량(초)", "All pumps, m³/s"),
    "available_m3_s": ("가용토출량", "What works of it, m³/s"),
    "dead_band_m": ("가동폭", "Between start and stop, m"),
    "capacity_m3": ("저류용량", "Volume held, m³"),
    "unverified": ("미확인 항목", "Fields whose numbers nobody has held against a source"),
}


@dataclass(frozen=True)
class FacilityPlan:
    """How facilities are to stand, and what their tileset is called."""

    ground: Ground | None = None  # x, y in the facilities' system → EL metres, NaN where nothing is known
    geoid: Geoid | None = None
    title: str = ""
    attribution: str = ""
    most: int = MOST  # facilities a tile


@dataclass(frozen=True)
class _Site:
    """Facilities with their solids, places and properties."""

    all: Sequence[Facility]
    solids: Sequence[Sequence[Solid]]  # by facility
    lonlat: Callable[[Floats, Floats], tuple[Floats, Floats]]
    undulation_m: Floats
    columns: Sequence[tuple[Property, list[Any]]]
    schema: Mapping[str, Any]


def build_facilities(facilities: Facilities, wish: FacilityPlan, out: Path) -> ModelsMade:
    """Write the tileset of facilities to `out` (.3tz).

    Raises:
        BadModels: there is no facility.
        DatumRefused: nothing says how high the heights' zero lies above the ellipsoid.
    """
    if not facilities.all:
        raise BadModels("there is no facility to make a model of", remedy="Give a file with facilities.")
    title = wish.title or "하천시설물"
    centre = np.array([it.geometry.middle for it in facilities.all])
    lonlat = Transformer.from_crs(facilities.crs, "OGC:CRS84", always_xy=True).transform
    lon, lat = lonlat(centre[:, 0], centre[:, 1])
    found = geoid_undulation_m(lon, lat, facilities.vertical_datum, geoid=wish.geoid)
    solids = _by_feature(facility_meshes(facilities.all, wish.ground), len(facilities.all))
    columns = _columns(facilities.all, [properties(it) for it in facilities.all])
    look = schema("facility", [one for one, _ in columns], title)
    site = _Site(facilities.all, solids, lonlat, found.metres, columns, look)
    size = np.array([_size(mine) for mine in solids])
    tree = plan(centre[:, 0], centre[:, 1], size, wish.most)
    contents: dict[str, Content] = {}
    with ArchiveWriter(out) as archive:
        for node in tree.walk():
            mesh, table = _tile(site, node)
            contents[node.name] = Content(f"tiles/{node.name}.glb", mesh.frame, mesh.region)
            archive.add(contents[node.name].uri, write_glb(mesh, table, wish.attribution))
        about = About(title, look, {"facility": {"count": len(facilities.all)}})
        archive.add("tileset.json", tileset_json(tree, contents, about, float(size.max())))
    return _made(facilities, site, [content.region for content in contents.values()], found.how)


def _tile(site: _Site, node: Node) -> tuple[Mesh, PropertyTable]:
    """Return the solids of a tile's facilities as one mesh, and their rows."""
    rows = node.rows.tolist()
    mine = [replace(solid, feature=number) for number, row in enumerate(rows) for solid in site.solids[row]]
    places = [site.lonlat(solid.positions[:, 0], solid.positions[:, 1]) for solid in mine]
    lift = [float(site.undulation_m[rows[solid.feature]]) for solid in mine]
    columns = [pa.array([values[row] for row in rows], _ARROW[one.type]) for one, values in site.columns]
    kept = [one for one, _ in site.columns]
    return faceted(mine, places, lift), PropertyTable(site.schema, "facility", kept, columns, len(rows))


def _made(facilities: Facilities, site: _Site, regions: Sequence[Region], how: str) -> ModelsMade:
    whole = regions[0]
    for region in regions[1:]:
        whole = whole.with_other(region)
    heights = np.concatenate([solid.positions[:, 2] for mine in site.solids for solid in mine])
    return ModelsMade(
        features=len(facilities.all),
        tiles=len(regions),
        bounds=(whole.west, whole.south, whole.east, whole.north),
        heights_m=(float(heights.min()), float(heights.max())),
        undulation_m=(float(site.undulation_m.min()), float(site.undulation_m.max())),
        undulation_how=how,
        classes=tuple(dict.fromkeys(it.type for it in facilities.all)),
        vertical_datum=facilities.vertical_datum,
    )


_ARROW: Mapping[str, pa.DataType] = {"STRING": pa.string(), "SCALAR": pa.float64()}


def _by_feature(solids: Sequence[Solid], count: int) -> list[list[Solid]]:
    out: list[list[Solid]] = [[] for _ in range(count)]
    for solid in solids:
        out[solid.feature].append(solid)
    return out


def _size(solids: Sequence[Solid]) -> float:
    """Return the diagonal of what holds the solids, metres."""
    points = np.concatenate([solid.positions for solid in solids])
    return float(np.linalg.norm(np.ptp(points, axis=0)))


def _columns(all_of: Sequence[Facility], rows: Sequence[Mapping[str, Any]]) -> list[tuple[Property, list[Any]]]:
    """Return the properties that any facility has, with their values; words of choices are Korean."""
    fields: dict[str, Field] = {}
    for kind in FIELDS.values():
        fields |= {name: field for name, field in kind.items() if name not in fields}
    out: list[tuple[Property, list[Any]]] = []
    for name in dict.fromkeys(name for row in rows for name in row):
        pairs = zip(all_of, rows, strict=True)
        values = [_worded(FIELDS[it.type].get(name), row.get(name)) for it, row in pairs]
        number = all(value is None or _is_number(value) for value in values)
        field = fields.get(name)
        ko, meaning = (field.ko, _meaning(field)) if field else _MADE.get(name, (name, ""))
        own = property_id(name, [one.id for one, _ in out])
        sort, component = ("SCALAR", "FLOAT64") if number else ("STRING", None)
        read = float if number else str
        plain = [None if value is None else read(value) for value in values]
        out.append((Property(own, ko, sort, component, meaning), plain))
    return out


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _worded(field: Field | None, value: Any) -> Any:
    if isinstance(value, bool):
        return "예" if value else "아니오"
    return field.choices.get(value, value) if field and field.choices else value


def _meaning(field: Field) -> str:
    return f"{field.en}: {field.meaning}" + (f" ({field.unit})" if field.unit else "")
