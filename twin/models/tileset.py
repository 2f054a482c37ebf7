"""tileset.json of 3D Tiles 1.1 (OGC 22-025r4): an explicit tree of tiles that add to each other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twin.models.globe import LocalFrame, Region
from twin.models.tree import Node


@dataclass(frozen=True)
class Content:
    """What a tile shows: a GLB of the archive, where its origin lies, and the box that holds it."""

    uri: str
    frame: LocalFrame
    region: Region


@dataclass(frozen=True)
class About:
    """What the tileset says of itself."""

    title: str
    schema: Mapping[str, Any]
    statistics: Mapping[str, Any]  # by class


def tileset_json(tree: Node, contents: Mapping[str, Content], about: About, size_m: float) -> bytes:
    """Return tileset.json. `contents` are by names of nodes; `size_m` is that of the largest feature.

    Nodes without content, of which all children have none, are left out. Raises ValueError where that is all.
    """
    root = _tile(tree, contents, None)
    if root is None:
        raise ValueError("no tile has content")
    root["refine"] = "ADD"
    document = {
        "asset": {"version": "1.1"},
        "schema": about.schema,
        "statistics": {"classes": about.statistics},
        "metadata": {"class": "tileset", "properties": {"name": about.title}},
        "geometricError": max(size_m, root["geometricError"]),
        "root": root,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _tile(node: Node, contents: Mapping[str, Content], outer: LocalFrame | None) -> dict[str, Any] | None:
    content = contents.get(node.name)
    frame = content.frame if content else outer
    made = [_tile(child, contents, frame) for child in node.children]
    children = [child for child in made if child is not None]
    if content is None and not children:
        return None
    regions = _regions(node, contents)
    whole = regions[0]
    for region in regions[1:]:
        whole = whole.with_other(region)
    out: dict[str, Any] = {
        "boundingVolume": {"region": whole.radians()},
        "geometricError": node.error_m if children else 0.0,
    }
    if content:
        out["transform"] = content.frame.within(outer)
        out["content"] = {"uri": content.uri, "boundingVolume": {"region": content.region.radians()}}
    return out | ({"children": children} if children else {})


def _regions(node: Node, contents: Mapping[str, Content]) -> list[Region]:
    return [contents[below.name].region for below in node.walk() if below.name in contents]
