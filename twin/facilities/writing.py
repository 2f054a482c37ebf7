"""Facilities as the canonical JSON that is published, and as features for the map."""

from __future__ import annotations

import json
from typing import Any

from twin.crs import Mover
from twin.facilities.records import Facilities, Facility
from twin.facilities.rules import Rule
from twin.facilities.schema import Field
from twin.facilities.shape import Shape
from twin.facilities.types import FIELDS

FORMAT = "naru-facilities"
VERSION = 1
_LONLAT = "EPSG:4326"


def to_dict(facilities: Facilities) -> dict[str, Any]:
    """Return the canonical JSON (docs/schemas/facilities.schema.json): every value, its source, what follows."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "crs": facilities.crs,
        "crs_how": facilities.crs_how,
        "vertical_datum": facilities.vertical_datum,
        "facilities": [_one(each) for each in facilities.all],
        "warnings": list(facilities.warnings),
    }


def _one(it: Facility) -> dict[str, Any]:
    values = {name: _plain(value) for name, value in _values(it).items()}
    return {
        "id": it.id,
        "type": it.type,
        "type_ko": it.ko,
        **values,
        "geometry": it.geometry.to_geojson(),
        "sources": {name: {"source": s.source, "verified": s.verified} for name, s in it.sources.items()},
        "unverified": list(it.unverified),
        "derived": it.derived(),
    }


def _values(it: Facility) -> dict[str, Any]:
    """Return what the facility says, without what was neither given nor has a default."""
    out = {}
    for field in FIELDS[it.type].values():
        value = getattr(it, field.name)
        if field.name in it.sources or not _is_silent(field, value):
            out[field.name] = value
    return out


def _is_silent(field: Field, value: Any) -> bool:
    return value in (None, (), "") or (field.kind == "flag" and value is False)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [v.to_dict() if isinstance(v, Rule) else list(v) for v in value]
    return value


def to_geojson(facilities: Facilities) -> dict[str, Any]:
    """Return a GeoJSON (RFC 7946) for the map: flat properties, curves and rules as text, the unverified named."""
    mover = Mover(facilities.crs, _LONLAT, "facilities")
    features = [
        {"type": "Feature", "properties": properties(it), "geometry": lonlat(it.plan, mover).to_geojson()}
        for it in facilities.all
    ]
    return {"type": "FeatureCollection", "features": features}


def lonlat(shape: Shape, mover: Mover) -> Shape:
    """Return a shape in longitude and latitude, to eight decimals (a millimetre)."""
    x, y = mover(shape.xy[:, 0], shape.xy[:, 1])
    return Shape(shape.kind, tuple((round(float(a), 8), round(float(b), 8)) for a, b in zip(x, y, strict=True)))


def properties(it: Facility) -> dict[str, Any]:
    """Return the attributes that the map's features have."""
    out: dict[str, Any] = {"id": it.id, "name": it.name or it.id, "kind": kind_words(it), "type": it.type}
    for name, value in _values(it).items():
        if name not in out:
            out[name] = _flat(value)
    out |= it.derived()
    out["unverified"] = ", ".join(it.unverified)
    own = {name: vars(said) for name, said in it.sources.items() if said.source != it.source}
    return out | ({"sources": json.dumps(own, ensure_ascii=False)} if own else {})


def kind_words(it: Facility | type[Facility]) -> str:
    """Return the type in both languages, as legends have it."""
    return f"{it.ko} · {it.en}"


def _flat(value: Any) -> Any:
    if isinstance(value, tuple):
        return "; ".join(str(v) if isinstance(v, Rule) else f"{v[0]:g}:{v[1]:g}" for v in value)
    return value
