"""Triangles as files: GLB (glTF 2.0), binary STL, OBJ."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from naru.storage import disk_errors
from twin.mesh.lattice import Ints

_FLOAT, _UNSIGNED_INT = 5126, 5125  # glTF 2.0 §3.6.2.2
_VERTICES, _INDICES = 34962, 34963  # glTF 2.0 §3.6.1
_STL_HEAD = 80
_WATERS_BED = [0.62, 0.53, 0.40, 1.0]  # linear RGBA


def write_glb(path: Path, xyz: Any, faces: Ints, name: str, about: Mapping[str, Any]) -> None:
    """Write a glTF 2.0 binary (§4): y is up there, so north is -z. Points are shared; `about` goes to `extras`."""
    positions = np.column_stack([xyz[:, 0], xyz[:, 2], -xyz[:, 1]]).astype("<f4")
    indices = faces.astype("<u4")
    binary = positions.tobytes() + indices.tobytes()
    low, high = positions.min(axis=0).tolist(), positions.max(axis=0).tolist()
    views = [
        {"buffer": 0, "byteLength": positions.nbytes, "target": _VERTICES},
        {"buffer": 0, "byteOffset": positions.nbytes, "byteLength": indices.nbytes, "target": _INDICES},
    ]
    accessors = [
        {"bufferView": 0, "componentType": _FLOAT, "count": len(xyz), "type": "VEC3", "min": low, "max": high},
        {"bufferView": 1, "componentType": _UNSIGNED_INT, "count": indices.size, "type": "SCALAR"},
    ]
    primitive = {"attributes": {"POSITION": 0}, "indices": 1, "material": 0}
    colour = {"baseColorFactor": _WATERS_BED, "metallicFactor": 0.0, "roughnessFactor": 0.9}
    document = {
        "asset": {"version": "2.0", "generator": "naru"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name, "extras": dict(about)}],
        "meshes": [{"primitives": [primitive], "name": name}],
        "materials": [{"name": name, "pbrMetallicRoughness": colour}],
        "buffers": [{"byteLength": len(binary)}],
        "bufferViews": views,
        "accessors": accessors,
    }
    text = json.dumps(document, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)
    length = 12 + 8 + len(text) + 8 + len(binary)
    with disk_errors(path), path.open("wb") as out:
        out.write(struct.pack("<4sII", b"glTF", 2, length))
        out.write(struct.pack("<I4s", len(text), b"JSON") + text)
        out.write(struct.pack("<I4s", len(binary), b"BIN\0") + binary)


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
