"""GLB: binary glTF 2.0 (ISO/IEC 12113:2022) of a mesh, its materials, and what is known of its features.

Written here because it is short, and because libraries leave EXT_structural_metadata to the caller. Feature ids go
by EXT_mesh_features, their properties by EXT_structural_metadata (both CesiumGS/glTF, 3D Tiles 1.1); no extension
is required to draw the model. The same mesh always gives the same bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.gltf import FLOAT, INDICES, UINT, USHORT, VERTICES, Buffer, glb, y_up
from twin.models.materials import material
from twin.models.mesh import Mesh
from twin.models.table import PropertyTable

_MOST_FEATURES = 1 << 16  # of an attribute of unsigned shorts: glTF §3.7.2.1 has none longer


def write_glb(mesh: Mesh, table: PropertyTable, attribution: str = "") -> bytes:
    """Return the GLB of a mesh with the properties of its features, Y up, in metres about the mesh's frame.

    Globes show `attribution` while the model is in sight.

    Raises ValueError for more features than 65,536, or a feature without a row.
    """
    if table.count > _MOST_FEATURES or mesh.features.max(initial=0) >= table.count:
        raise ValueError(f"features up to {mesh.features.max(initial=0)} with {table.count} rows")
    buffer = Buffer()
    primitives = _primitives(mesh, buffer, table)
    tables = [table.to_json(buffer.view)]
    document = {
        "asset": {"copyright": attribution} if attribution else {},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": table.schema_class}],
        "meshes": [{"name": table.schema_class, "primitives": primitives}],
        "materials": [material(kind) for kind in mesh.triangles],
        "extensionsUsed": ["EXT_mesh_features", "EXT_structural_metadata"],
        "extensions": {"EXT_structural_metadata": {"schema": table.schema, "propertyTables": tables}},
    }
    return glb(document, buffer)


def _primitives(mesh: Mesh, buffer: Buffer, table: PropertyTable) -> list[dict[str, Any]]:
    """Write the vertices, which all kinds share, and the triangles of each kind."""
    count = len(mesh.positions)
    ids = np.zeros((count, 2), "<u2")  # padded: each element of an attribute begins at a multiple of four
    ids[:, 0] = mesh.features
    attributes = {
        "POSITION": buffer.positions(y_up(mesh.positions)),
        "NORMAL": buffer.accessor(buffer.view(y_up(mesh.normals).tobytes(), VERTICES), (FLOAT, "VEC3"), count),
        "_FEATURE_ID_0": buffer.accessor(buffer.view(ids.tobytes(), VERTICES, stride=4), (USHORT, "SCALAR"), count),
    }
    about = {"featureCount": table.count, "attribute": 0, "propertyTable": 0, "label": table.schema_class}
    width, code = ("<u2", USHORT) if count < 0xFFFF else ("<u4", UINT)
    out = []
    for number, triangles in enumerate(mesh.triangles.values()):
        indices = triangles.astype(width).ravel()
        view = buffer.view(indices.tobytes(), INDICES)
        out.append(
            {
                "attributes": attributes,
                "indices": buffer.accessor(view, (code, "SCALAR"), len(indices)),
                "material": number,
                "extensions": {"EXT_mesh_features": {"featureIds": [about]}},
            }
        )
    return out
