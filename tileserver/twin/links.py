"""Where what belongs to a layer beside its tiles is served: `assets` of `/api/layers` and of OGC collections."""

from __future__ import annotations

from typing import Any

from naru.records import Layer

# Media types of river-bed files by format; xml is LandXML.
BED_TYPES = {"glb": "model/gltf-binary", "stl": "model/stl", "obj": "model/obj", "xml": "application/xml"}


def asset_links(layer: Layer, base: str, query: str = "") -> dict[str, Any]:
    """Return the address of each thing that the live version has, by name; `base` and `query` go around each path.

    `mesh`, `models`, `river`, `section` are addresses, `bed` maps formats to addresses, `flood` names.
    """
    terrain, models, there = f"{base}/terrain/{layer.id}", f"{base}/models/{layer.id}", layer.live.assets
    found: dict[str, Any] = {}
    if "mesh" in there:
        found["mesh"] = f"{terrain}/layer.json{query}"
    if "models" in there:
        found["models"] = f"{models}/tileset.json{query}"
    if "river" in there:
        found["river"] = f"{terrain}/river.json{query}"
    if has_section(layer):
        found["section"] = f"{terrain}/section{query}"
    if flood := flood_links(layer, f"{base}/flood/{layer.id}", query):
        found["flood"] = flood
    if bed := {kind: f"{models}/bed.{kind}{query}" for kind in BED_TYPES if f"bed.{kind}" in there}:
        found["bed"] = bed
    return found


_OF_FLOODS = {  # asset: name of its address, and what follows the layer's
    "frames": ("frames", "frames.json"),
    "depths": ("at", "at"),
    "series": ("series", "series"),
    "run": ("run", "run.json"),
    "netcdf": ("netcdf", "result.nc"),
    "report": ("report", "report"),
    "report.pdf": ("report_pdf", "report.pdf"),
}


def flood_links(layer: Layer, there: str, query: str) -> dict[str, str]:
    """Return where what belongs to a flood over time is served, by name; empty for other layers."""
    has = layer.live.assets
    return {name: f"{there}/{rest}{query}" for asset, (name, rest) in _OF_FLOODS.items() if asset in has}


def has_section(layer: Layer) -> bool:
    """Tell whether sections can be cut: through a river terrain's native grid, or through any layer of heights."""
    if "grid" in layer.live.assets:
        return True
    source = layer.live.source
    roles = ((tileset.rules.get("raster") or {}).get("role") for tileset in layer.live.tilesets)
    return source is not None and source.suffix == ".tif" and "elevation" in roles
