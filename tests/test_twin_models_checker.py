"""The checker of tilesets finds what the validator's own cases have, and nothing in those that are sound."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.tiles3d_checks import check_tileset
from twin.models.attributes import schema
from twin.models.glb import write_glb
from twin.models.mesh import faceted
from twin.models.shapes import box
from twin.models.table import Property, PropertyTable
from twin.models.tileset import About, Content, tileset_json
from twin.models.tree import plan

# sound by themselves: what is wrong with them lies in other files, or (the first) nothing is
_SOUND = {
    "tileContentBoundingVolumeWithRotationTransform.json",
    "tileRefineMissingInRootOfExternal.json",
    "tilesetWithCycleB.json",
    "tilesetWithMultipleExternal.json",
    "tilesetWithMultipleExternalA0.json",
    "tilesetWithMultipleExternalB.json",
}


def test_sample_tilesets_have_no_faults(shared: Callable[[str], Path]) -> None:
    samples = sorted(shared("data/tiles3d").rglob("tileset*.json"))
    assert len(samples) >= 5
    assert {str(path): faults for path in samples if (faults := check_tileset(path.read_bytes()))} == {}


def test_cases_of_the_validator_are_told_apart(shared: Callable[[str], Path]) -> None:
    cases = sorted(shared("data/tiles3d_cases/tilesets").glob("*.json"))
    assert len(cases) > 60
    for path in cases:
        sound = path.name.startswith("valid") or path.name.endswith("Valid.json") or path.name in _SOUND
        faults = check_tileset(path.read_bytes())
        assert bool(faults) != sound, (path.name, faults)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"asset": {"version": "1.1"}}', b"\xef\xbb\xbf{}"])
def test_what_is_no_tileset_has_faults(raw: bytes) -> None:
    assert check_tileset(raw)


def _tileset(**changes: Callable[[Any], Any]) -> bytes:
    """Return a sound tileset with one GLB, its root changed at paths with underscores between."""
    solid = box((0.0, 0.0), (1.0, 0.0), (10.0, 10.0), (0.0, 5.0), ("concrete", 0))
    lonlat = 127 + solid.positions[:, 0] / 88_000, 37.5 + solid.positions[:, 1] / 111_000
    mesh = faceted([solid], [lonlat], [23.0])
    tree, content = plan(np.zeros(1), np.zeros(1), np.ones(1)), Content("a.glb", mesh.frame, mesh.region)
    about = About("이름", schema("c", [_NAME], "이름"), {"c": {"count": 1}})
    document = json.loads(tileset_json(tree, {"0": content}, about, 10.0))
    for name, value in changes.items():
        holder = document["root"]
        *way, last = name.split("_")
        for step in way:
            holder = holder[step]
        holder[last] = value(holder[last])
    return json.dumps(document).encode()


_NAME = Property("name", "이름", "STRING")


def _glb() -> bytes:
    solid = box((0.0, 0.0), (1.0, 0.0), (10.0, 10.0), (0.0, 5.0), ("concrete", 0))
    lonlat = 127 + solid.positions[:, 0] / 88_000, 37.5 + solid.positions[:, 1] / 111_000
    mesh = faceted([solid], [lonlat], [23.0])
    columns = [pa.array(["건물"])]
    return write_glb(mesh, PropertyTable(schema("c", [_NAME], "이름"), "c", [_NAME], columns, 1))


def test_what_we_write_is_sound() -> None:
    assert check_tileset(_tileset(), lambda _uri: _glb()) == []


def _moved(region: list[float], which: int, by: float) -> list[float]:
    return [value + by * (place == which) for place, value in enumerate(region)]


@pytest.mark.parametrize(("which", "by"), [(0, 1e-6), (1, 1e-6), (2, -1e-6), (3, -1e-6), (4, 0.1), (5, -0.1)])
def test_a_volume_that_does_not_hold_its_content_is_found(which: int, by: float) -> None:
    raw = _tileset(content_boundingVolume_region=lambda region: _moved(region, which, by))
    assert any("does not hold a.glb" in fault for fault in check_tileset(raw, lambda _uri: _glb()))


def test_a_tile_that_is_elsewhere_is_found() -> None:
    raw = _tileset(transform=lambda matrix: _moved(matrix, 12, 100.0))
    assert any("does not hold a.glb" in fault for fault in check_tileset(raw, lambda _uri: _glb()))


def _repacked(change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return our GLB with its JSON changed."""
    raw = _glb()
    (size,) = struct.unpack_from("<I", raw, 12)
    document = json.loads(raw[20 : 20 + size])
    change(document)
    text = json.dumps(document).encode()
    text += b" " * ((4 - len(text)) % 8)
    rest = raw[20 + size :]
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest


def _table(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["extensions"]["EXT_structural_metadata"]["propertyTables"][0]
    return found


def _misalign(document: dict[str, Any]) -> None:
    document["bufferViews"][_table(document)["properties"]["name"]["stringOffsets"]]["byteOffset"] += 4


def _cut_a_letter(document: dict[str, Any]) -> None:
    document["bufferViews"][_table(document)["properties"]["name"]["values"]]["byteLength"] -= 1


def _lengthen(document: dict[str, Any]) -> None:
    document["bufferViews"][-1]["byteLength"] += 1000


def _fewer_rows(document: dict[str, Any]) -> None:
    _table(document)["count"] = 0


def _fewer_features(document: dict[str, Any]) -> None:
    primitive = document["meshes"][0]["primitives"][0]
    primitive["extensions"]["EXT_mesh_features"]["featureIds"][0]["featureCount"] = 0


def _other_bounds(document: dict[str, Any]) -> None:
    document["accessors"][0]["max"][0] += 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_misalign, "stringOffsets do not begin at a multiple of 8"),
        (_cut_a_letter, "the offsets of its texts are none"),
        (_lengthen, "ends beyond the buffer"),
        (_fewer_rows, "a feature id is beyond its property table"),
        (_fewer_features, "of more features than are said"),
        (_other_bounds, "min and max of the vertices are not theirs"),
    ],
)
def test_faults_of_a_glb_are_found(change: Callable[[dict[str, Any]], None], told: str) -> None:
    faults = check_tileset(_tileset(), lambda _uri: _repacked(change))
    assert any(told in fault for fault in faults), faults
