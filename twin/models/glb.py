"""GLB: binary glTF 2.0 (ISO/IEC 12113:2022) of a mesh, its materials, and what is known of its features.

Written here because it is short, and because libraries leave EXT_structural_metadata to the caller. Feature ids go
by EXT_mesh_features, their properties by EXT_structural_metadata (both CesiumGS/glTF, 3D Tiles 1.1); no extension
is required to draw the model. The same mesh always gives the same bytes.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from twin.models.materials import material
from twin.models.mesh import Mesh
from twin.models.table import PropertyTable

_MAGIC, _VERSION = 0x46546C67, 2
_JSON, _BIN = 0x4E4F534A, 0x004E4942
_ALIGNMENT = 8  # of property tables, EXT_structural_metadata "Binary table format"
_BYTES, _VERTICES, _INDICES = None, 34962, 34963  # targets of buffer views
_USHORT, _UINT, _FLOAT = 5123, 5125, 5126
_MOST_FEATURES = 1 << 16  # of an attribute of unsigned shorts: glTF §3.7.2.1 has none longer


@dataclass
class _Buffer:
    """The binary chunk, and the views and accessors into it."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def view(self, content: bytes, target: int | None = _BYTES, stride: int | None = None) -> int:
        self.pad()
        about = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
        more = {"byteStride": stride, "target": target}
        self.views.append(about | {name: value for name, value in more.items() if value is not None})
        self.data.extend(content)
        return len(self.views) - 1

    def pad(self) -> None:
        self.data.extend(bytes(-len(self.data) % _ALIGNMENT))

    def accessor(self, view: int, kind: tuple[int, str], count: int, **more: Any) -> int:
        self.accessors.append(
            {"bufferView": view, "componentType": kind[0], "count": count, "type": kind[1], **more}
        )
        return len(self.accessors) - 1


def write_glb(mesh: Mesh, table: PropertyTable, attribution: str = "") -> bytes:
    """Return the GLB of a mesh with the properties of its features, Y up, in metres about the mesh's frame.

    Globes show `attribution` while the model is in sight.

    Raises ValueError for more features than 65,536, or a feature without a row.
    """
    if table.count > _MOST_FEATURES or mesh.features.max(initial=0) >= table.count:
        raise ValueError(f"features up to {mesh.features.max(initial=0)} with {table.count} rows")
    buffer = _Buffer()
    primitives = _primitives(mesh, buffer, table)
    tables = [table.to_json(buffer.view)]
    buffer.pad()
    document = {
        "asset": {"version": "2.0", "generator": "naru"} | ({"copyright": attribution} if attribution else {}),
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": table.schema_class}],
        "meshes": [{"name": table.schema_class, "primitives": primitives}],
        "materials": [material(kind) for kind in mesh.triangles],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
        "extensionsUsed": ["EXT_mesh_features", "EXT_structural_metadata"],
        "extensions": {"EXT_structural_metadata": {"schema": table.schema, "propertyTables": tables}},
    }
    return _packed(document, bytes(buffer.data))


def _primitives(mesh: Mesh, buffer: _Buffer, table: PropertyTable) -> list[dict[str, Any]]:
    """Write the vertices, which all kinds share, and the triangles of each kind."""
    count = len(mesh.positions)
    places = _y_up(mesh.positions)
    ids = np.zeros((count, 2), "<u2")  # padded: each element of an attribute begins at a multiple of four
    ids[:, 0] = mesh.features
    attributes = {
        "POSITION": buffer.accessor(
            buffer.view(places.tobytes(), _VERTICES),
            (_FLOAT, "VEC3"),
            count,
            min=[float(v) for v in places.min(axis=0)],
            max=[float(v) for v in places.max(axis=0)],
        ),
        "NORMAL": buffer.accessor(buffer.view(_y_up(mesh.normals).tobytes(), _VERTICES), (_FLOAT, "VEC3"), count),
        "_FEATURE_ID_0": buffer.accessor(
            buffer.view(ids.tobytes(), _VERTICES, stride=4), (_USHORT, "SCALAR"), count
        ),
    }
    about = {"featureCount": table.count, "attribute": 0, "propertyTable": 0, "label": table.schema_class}
    width, code = ("<u2", _USHORT) if count < 0xFFFF else ("<u4", _UINT)
    out = []
    for number, triangles in enumerate(mesh.triangles.values()):
        indices = triangles.astype(width).ravel()
        view = buffer.view(indices.tobytes(), _INDICES)
        out.append(
            {
                "attributes": attributes,
                "indices": buffer.accessor(view, (code, "SCALAR"), len(indices)),
                "material": number,
                "extensions": {"EXT_mesh_features": {"featureIds": [about]}},
            }
        )
    return out


def _y_up(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Turn east, north, up into glTF's axes: x east, y up, z south."""
    turned = np.column_stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]]).astype("<f4")
    return turned + np.float32(0)  # minus zero becomes zero


def _packed(document: dict[str, Any], data: bytes) -> bytes:
    """Return header and chunks; the text is padded so that the binary chunk begins at a multiple of eight."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * ((4 - len(text)) % _ALIGNMENT)
    chunks = struct.pack("<II", len(text), _JSON) + text + struct.pack("<II", len(data), _BIN) + data
    return struct.pack("<III", _MAGIC, _VERSION, 12 + len(chunks)) + chunks
