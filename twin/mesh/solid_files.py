"""Triangles as files: GLB (glTF 2.0), binary STL, OBJ."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from naru.storage import disk_errors
from twin.gltf import INDICES, UINT, Buffer, glb, y_up
from twin.mesh.lattice import Ints

_STL_HEAD = 80
_WATERS_BED = [0.62, 0.53, 0.40, 1.0]  # linear RGBA


def write_glb(path: Path, xyz: Any, faces: Ints, name: str, about: Mapping[str, Any]) -> None:
    """Write a glTF 2.0 binary: y is up there, so north is -z. Points are shared; `about` goes to `extras`."""
    buffer = Buffer()
    indices = faces.astype("<u4").ravel()
    primitive = {
        "attributes": {"POSITION": buffer.positions(y_up(xyz))},
        "indices": buffer.accessor(buffer.view(indices.tobytes(), INDICES), (UINT, "SCALAR"), indices.size),
        "material": 0,
    }
    colour = {"baseColorFactor": _WATERS_BED, "metallicFactor": 0.0, "roughnessFactor": 0.9}
    document = {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name, "extras": dict(about)}],
        "meshes": [{"primitives": [primitive], "name": name}],
        "materials": [{"name": name, "pbrMetallicRoughness": colour}],
    }
    with disk_errors(path):
        path.write_bytes(glb(document, buffer))


def write_stl(path: Path, xyz: Any, faces: Ints, name: str) -> None:
    """Write a binary STL: 80 bytes of name, a count, and for each triangle its normal and three corners."""
    corners = xyz[faces].astype("<f4")
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    records = np.zeros(len(faces), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
    records["normal"] = normal / np.where(length > 0, length, 1)
    records["corners"] = corners
    with disk_errors(path), path.open("wb") as out:
        out.write(_stl_head(name) + struct.pack("<I", len(faces)))
        records.tofile(out)


def _stl_head(name: str) -> bytes:
    """Return 80 bytes that do not begin with "solid", as text files do, and end at a whole letter."""
    text = f"naru bed, metres: {name}".encode()[:_STL_HEAD].decode(errors="ignore")
    return text.encode().ljust(_STL_HEAD, b" ")


def write_obj(path: Path, xyz: Any, faces: Ints, name: str, about: Mapping[str, Any]) -> None:
    """Write a Wavefront OBJ in UTF-8: z is up, metres from the origin in the comment; letters of any script."""
    one_word = "_".join(name.split()) or "bed"  # readers end an object's name at a blank
    head = [
        f"# metres east, north, up from {' '.join(f'{v:g}' if v % 1 else f'{v:.0f}' for v in about['origin'])}",
        f"# {about['crs']}, heights: {about['vertical_datum'] or 'datum not stated'}",
        f"o {one_word}",
    ]
    with disk_errors(path), path.open("w", encoding="utf-8", newline="\n") as out:
        out.write("\n".join(head) + "\n")
        np.savetxt(out, xyz, fmt="v %.4f %.4f %.4f")
        np.savetxt(out, faces + 1, fmt="f %d %d %d")
