"""What every glTF 2.0 binary (ISO/IEC 12113:2022) is made of: a buffer, views and accessors into it, two chunks."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

VERTICES, INDICES = 34962, 34963  # targets of buffer views, §5.11.5
USHORT, UINT, FLOAT = 5123, 5125, 5126  # types of components, §5.1.3
_MAGIC, _VERSION = 0x46546C67, 2
_JSON, _BIN = 0x4E4F534A, 0x004E4942
_ALIGNMENT = 8  # of property tables, EXT_structural_metadata "Binary table format"


@dataclass
class Buffer:
    """The binary chunk, and the views and accessors into it."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def view(self, content: bytes, target: int | None = None, stride: int | None = None) -> int:
        """Add bytes; return the number of their view. `stride`: bytes from one element to the next."""
        self.pad()
        about = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
        more = {"byteStride": stride, "target": target}
        self.views.append(about | {name: value for name, value in more.items() if value is not None})
        self.data.extend(content)
        return len(self.views) - 1

    def pad(self) -> None:
        """Let what comes next begin at a multiple of eight."""
        self.data.extend(bytes(-len(self.data) % _ALIGNMENT))

    def accessor(self, view: int, kind: tuple[int, str], count: int, **more: Any) -> int:
        """Add an accessor of `count` elements of a kind such as (FLOAT, "VEC3"); return its number."""
        self.accessors.append(
            {"bufferView": view, "componentType": kind[0], "count": count, "type": kind[1], **more}
        )
        return len(self.accessors) - 1

    def positions(self, places: npt.NDArray[np.float32]) -> int:
        """Add vertices, (n, 3), y up; return their accessor, which names their box (§3.6.2.1 demands it)."""
        low, high = places.min(axis=0).tolist(), places.max(axis=0).tolist()
        view = self.view(places.tobytes(), VERTICES)
        return self.accessor(view, (FLOAT, "VEC3"), len(places), min=low, max=high)


def y_up(vectors: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Turn east, north, up into glTF's axes (§3.4): x east, y up, z south."""
    turned = np.column_stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]]).astype("<f4")
    return turned + np.float32(0)  # minus zero becomes zero


def glb(document: Mapping[str, Any], buffer: Buffer) -> bytes:
    """Return header and chunks (§4.4) of a document, to which `asset` and all that tells of the buffer are added.

    The text is padded so that the binary chunk begins at a multiple of eight.
    """
    buffer.pad()
    parts = {
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    whole = {**document, **parts, "asset": {"version": "2.0", "generator": "naru"} | document.get("asset", {})}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * ((4 - len(text)) % _ALIGNMENT)
    data = bytes(buffer.data)
    chunks = struct.pack("<II", len(text), _JSON) + text + struct.pack("<II", len(data), _BIN) + data
    return struct.pack("<III", _MAGIC, _VERSION, 12 + len(chunks)) + chunks
