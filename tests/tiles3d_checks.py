"""A reader of 3D Tiles 1.1 that trusts nothing: every fault that it finds in a tileset, in words.

Written from the specification (OGC 22-025r4, glTF 2.0, EXT_mesh_features, EXT_structural_metadata), apart from the
writer in twin/models; tests prove it on the validator's own cases in ../shared/data. It knows regions, boxes and
spheres, and the content kinds that we write; content of other kinds is not opened.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import struct
import zipfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import Transformer

Read = Callable[[str], bytes]  # content by its uri, relative to the tileset
_LENGTHS = {"box": 12, "region": 6, "sphere": 4}
_TYPES = {"SCALAR", "VEC2", "VEC3", "VEC4", "MAT2", "MAT3", "MAT4", "STRING", "BOOLEAN", "ENUM"}
_SIZES = {"INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "INT32": 4, "UINT32": 4, "FLOAT32": 4}
_SIZES |= {"INT64": 8, "UINT64": 8, "FLOAT64": 8}
_COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_NUMERIC = ("min", "max", "mean", "median", "standardDeviation", "variance", "sum")
_GEODETIC = Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)


def check_archive(path: Path) -> list[str]:
    """Return the faults of a .3tz: of its ZIP, its index, and the tileset in it."""
    faults = []
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            faults.append("an entry is compressed")
        if entries[-1].filename != "@3dtilesIndex1@":
            faults.append("the last entry is not the index")
        else:
            faults += _index(archive, entries)
        return faults + check_tileset(archive.read("tileset.json"), archive.read)


def _index(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> Iterator[str]:
    """Look every entry up as a reader of the archive does: by its MD5."""
    raw = archive.read(entries[-1])
    rows = [(raw[at : at + 16], struct.unpack_from("<Q", raw, at + 16)[0]) for at in range(0, len(raw), 24)]
    order = [struct.unpack("<QQ", row[0]) for row in rows]
    if order != sorted(order):
        yield "the index is not in order"
    wanted = {hashlib.md5(e.filename.encode()).digest(): e.header_offset for e in entries[:-1]}
    if wanted != dict(rows):
        yield "the index does not say where the entries are"


def check_tileset(raw: bytes, read: Read | None = None) -> list[str]:
    """Return the faults of a tileset.json; with `read`, of its GLBs too, and of what does not hold them."""
    try:
        raw = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
        if raw.startswith(b"\xef\xbb\xbf"):
            return ["begins with a byte order mark"]
        document = json.loads(raw)
    except ValueError as error:
        return [f"is no JSON: {error}"]
    if not isinstance(document, dict):
        return ["is no object"]
    return list(_Checker(document, read).faults())


class _Checker:
    def __init__(self, document: dict[str, Any], read: Read | None) -> None:
        self.document, self.read = document, read
        schema = document.get("schema")
        self.schema: dict[str, Any] = schema if isinstance(schema, dict) else {}
        self.classes: dict[str, Any] = self.schema.get("classes", {})
        self.used: set[str] = set()

    def faults(self) -> Iterator[str]:
        document = self.document
        asset = document.get("asset")
        if not isinstance(asset, dict) or asset.get("version") not in ("1.0", "1.1"):
            yield "asset.version is neither 1.0 nor 1.1"
        elif not isinstance(asset.get("tilesetVersion", ""), str):
            yield "asset.tilesetVersion is no text"
        error = document.get("geometricError")
        if not _is_number(error) or error < 0:
            yield "geometricError is no number from 0 on"
        yield from self._extensions()
        yield from self._schema()
        yield from self._metadata(document.get("metadata"), "tileset")
        yield from self._statistics()
        yield from self._groups()
        yield from self._old_properties()
        if not isinstance(document.get("root"), dict):
            yield "root is no tile"
            return
        if document["root"].get("refine") is None:
            yield "the root does not say how it is refined"
        limit = error if _is_number(error) else math.inf
        yield from self._tile(document["root"], "root", limit, np.eye(4), [])

    # --- what stands beside the tiles -------------------------------------------------------------

    def _extensions(self) -> Iterator[str]:
        declared = {}
        for name in ("extensionsUsed", "extensionsRequired"):
            value = self.document.get(name, ...)
            if value is ...:
                declared[name] = set()
            elif not isinstance(value, list) or not value or len({str(v) for v in value}) != len(value):
                yield f"{name} is no list of different names"
                declared[name] = set()
            else:
                declared[name] = set(value)
        found: set[str] = set()
        for holder in _objects(self.document):
            if "extensions" in holder:
                if not isinstance(holder["extensions"], dict):
                    yield "extensions is no object"
                else:
                    found |= set(holder["extensions"])
        if found - declared["extensionsUsed"]:
            yield f"extensions found but not declared: {sorted(found - declared['extensionsUsed'])}"
        if declared["extensionsRequired"] - declared["extensionsUsed"]:
            yield "an extension is required but not used"
        gltf = any(str(c.get("uri", "")).endswith((".gltf", ".glb")) for c in _objects(self.document))
        old = self.document.get("asset") == {"version": "1.0"}
        if gltf and old and "3DTILES_content_gltf" not in declared["extensionsUsed"]:
            yield "a tileset 1.0 with glTF content does not declare 3DTILES_content_gltf"

    def _schema(self) -> Iterator[str]:
        if "schema" in self.document and "schemaUri" in self.document:
            yield "schema and schemaUri are both there"
        if not isinstance(self.document.get("schemaUri", ""), str):
            yield "schemaUri is no text"
        for name, one in self.classes.items():
            for key, about in one.get("properties", {}).items():
                yield from self._property(f"{name}.{key}", key, about)

    def _property(self, where: str, key: str, about: dict[str, Any]) -> Iterator[str]:
        if not key.replace("_", "a").isalnum() or not key.isascii() or key[0].isdigit():
            yield f"property {where} has an id with other than letters, digits and underscores"
        if about.get("type") not in _TYPES:
            yield f"property {where} is of no type"
        scalar = about.get("type") not in ("STRING", "BOOLEAN", "ENUM")
        if scalar != ("componentType" in about) or (scalar and about["componentType"] not in _SIZES):
            yield f"property {where} has no component type, or one that it cannot have"
        if about.get("required") and "noData" in about:
            yield f"property {where} is required and has noData"

    def _metadata(self, entity: Any, where: str) -> Iterator[str]:
        if entity is None:
            return
        if not isinstance(entity, dict) or entity.get("class") not in self.classes:
            if "schemaUri" not in self.document:
                yield f"the metadata of the {where} are of no class"
            return
        properties = self.classes[entity["class"]].get("properties", {})
        given = entity.get("properties", {})
        for name, about in properties.items():
            if about.get("required") and name not in given:
                yield f"the metadata of the {where} lack {name}"
        for name, value in given.items():
            if name not in properties:
                yield f"the metadata of the {where} have {name}, which the class has not"
            else:
                yield from _in_range(name, value, properties[name])

    def _statistics(self) -> Iterator[str]:
        if self.document.get("statistics", {}).get("classes") == {}:
            yield "statistics.classes is empty"
        for name, one in self.document.get("statistics", {}).get("classes", {}).items():
            if name not in self.classes:
                yield f"statistics of {name}, which is no class"
                continue
            properties = self.classes[name].get("properties", {})
            for key, values in one.get("properties", {}).items():
                if key not in properties:
                    yield f"statistics of {name}.{key}, which is no property"
                elif properties[key].get("type") in ("STRING", "BOOLEAN", "ENUM") and set(values) & set(_NUMERIC):
                    yield f"statistics of {name}.{key} are of numbers, which it is not"
                else:
                    wide = _WIDTHS.get(properties[key].get("type", ""), 1)
                    for statistic in set(values) & set(_NUMERIC):
                        if len(np.atleast_1d(values[statistic])) != wide and not properties[key].get("array"):
                            yield f"statistics of {name}.{key}: {statistic} is of another shape"

    def _groups(self) -> Iterator[str]:
        for group in self.document.get("groups", []):
            yield from self._metadata(group if group.get("class") else {"class": None}, "group")

    def _old_properties(self) -> Iterator[str]:
        old = self.document.get("properties", {})
        if not isinstance(old, dict):
            yield "properties is no object"
            return
        for name, about in old.items():
            low, high = (about.get(k) if isinstance(about, dict) else None for k in ("minimum", "maximum"))
            if not (_is_number(low) and _is_number(high)) or low > high:
                yield f"properties.{name} has no minimum below its maximum"

    # --- tiles ------------------------------------------------------------------------------------

    def _tile(
        self, tile: dict[str, Any], where: str, limit: float, outer: np.ndarray, holders: list[Any]
    ) -> Iterator[str]:
        volume = tile.get("boundingVolume")
        yield from _volume(volume, where)
        error = tile.get("geometricError")
        if not _is_number(error) or error < 0:
            yield f"{where}: geometricError is no number from 0 on"
            error = 0.0
        if error > limit:
            yield f"{where}: geometricError {error} is above that of its parent, {limit}"
        if tile.get("refine", "ADD") not in ("ADD", "REPLACE"):
            yield f"{where}: refine is neither ADD nor REPLACE"
        transform = outer
        if "transform" in tile:
            given = tile["transform"]
            if not _numbers(given, 16):
                yield f"{where}: transform is not 16 numbers"
            elif [given[i] for i in (3, 7, 11, 15)] != [0, 0, 0, 1]:
                yield f"{where}: transform is not affine"
            else:
                transform = outer @ np.array(given, float).reshape(4, 4).T
        yield from self._metadata(tile.get("metadata"), where)
        yield from self._implicit(tile, where)
        holders = [*holders, (volume, transform)]
        if "content" in tile and "contents" in tile:
            yield f"{where}: content and contents are both there"
        for content in [tile["content"]] if "content" in tile else tile.get("contents", []):
            yield from self._content(content, where, transform, holders)
        children = tile.get("children", [])
        if "children" in tile and not children:
            yield f"{where}: children is empty"
        for number, child in enumerate(children):
            yield from self._tile(child, f"{where}/{number}", error, transform, holders)

    def _implicit(self, tile: dict[str, Any], where: str) -> Iterator[str]:
        tiling = tile.get("implicitTiling")
        if tiling is None:
            return
        if "children" in tile or "metadata" in tile:
            yield f"{where}: an implicit root has children or metadata"
        if tiling.get("subdivisionScheme") not in ("QUADTREE", "OCTREE"):
            yield f"{where}: subdivisionScheme is neither QUADTREE nor OCTREE"
        for name in ("subtreeLevels", "availableLevels"):
            if not isinstance(tiling.get(name), int) or tiling[name] < 1:
                yield f"{where}: {name} is no number from 1 on"
        wanted = ["{level}", "{x}", "{y}"] + (["{z}"] if tiling.get("subdivisionScheme") == "OCTREE" else [])
        uris = [tiling.get("subtrees", {}).get("uri"), *([tile["content"].get("uri")] if "content" in tile else [])]
        for uri in [*uris, *(c.get("uri") for c in tile.get("contents", []))]:
            if not isinstance(uri, str) or any(part not in uri for part in wanted):
                yield f"{where}: {uri} is no template of {wanted}"
            elif any(part not in wanted for part in _placeholders(uri)):
                yield f"{where}: {uri} has other variables than {wanted}"

    def _content(self, content: Any, where: str, transform: np.ndarray, holders: list[Any]) -> Iterator[str]:
        if not isinstance(content, dict) or not isinstance(content.get("uri"), str):
            yield f"{where}: content has no uri"
            return
        group = content.get("group")
        if group is not None and not (isinstance(group, int) and 0 <= group < len(self.document.get("groups", []))):
            yield f"{where}: content is of a group that is not there"
        yield from self._metadata(content.get("metadata"), f"content of {where}")
        own = content.get("boundingVolume")
        if "boundingVolume" in content:
            yield from _volume(own, f"content of {where}")
            for corner in _corners(own if isinstance(own, dict) else {}):
                if not _holds(holders[-1][0], corner, 1e-6):
                    yield f"{where}: the content's volume reaches beyond the tile's"
                    break
        if self.read is None or not content["uri"].endswith(".glb") or "{" in content["uri"]:
            return
        raw = self.read(content["uri"])
        glb = Glb(raw)
        yield from (f"{content['uri']}: {fault}" for fault in glb.faults())
        points = glb.vertices()
        placed = (np.column_stack([points, np.ones(len(points))]) @ _UPRIGHT @ transform.T)[:, :3]
        volumes = [*holders, *([(own, transform)] if own else [])]
        for number, (volume, frame) in enumerate(volumes):
            if not _holds_all(volume, placed, frame):
                yield f"{where}: volume {number} of {len(volumes)} does not hold {content['uri']}"


_UPRIGHT = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], float)  # y up to z up, by rows


def _holds_all(volume: dict[str, Any], points: np.ndarray, frame: np.ndarray) -> bool:
    """Tell whether a volume holds points (n, 3), earth-centred; boxes and spheres lie in `frame`."""
    if "region" in volume:
        west, south, east, north, low, high = volume["region"]
        lon, lat, height = _GEODETIC.transform(*points.T)
        lon, lat = np.radians(lon), np.radians(lat)
        plan = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        return bool((plan & (height >= low) & (height <= high)).all())
    local = np.linalg.solve(frame, np.column_stack([points, np.ones(len(points))]).T)[:3].T
    return all(_holds(volume, point, 1e-3) for point in local)


def _volume(volume: Any, where: str) -> Iterator[str]:
    if not isinstance(volume, dict):
        yield f"{where}: boundingVolume is no object"
        return
    if not set(volume) & {*_LENGTHS, "extensions"}:
        yield f"{where}: boundingVolume is none that is known"
    for name in set(volume) & set(_LENGTHS):
        if not _numbers(volume[name], _LENGTHS[name]):
            yield f"{where}: {name} is not {_LENGTHS[name]} numbers"
        elif name == "region":
            west, south, east, north, low, high = volume[name]
            turns = all(abs(v) <= math.pi for v in (west, east)) and all(
                abs(v) <= math.pi / 2 for v in (south, north)
            )
            if not turns or south > north or low > high:
                yield f"{where}: region is none on the globe"
        elif name == "sphere" and volume[name][3] < 0:
            yield f"{where}: sphere has a radius below 0"


def _corners(volume: dict[str, Any]) -> Iterator[tuple[float, ...]]:
    if _numbers(volume.get("region"), 6):
        west, south, east, north, low, high = volume["region"]
        yield from ((west, south, low), (east, north, high))
    elif _numbers(volume.get("box"), 12):
        box = np.array(volume["box"], float).reshape(4, 3)
        for signs in np.ndindex(2, 2, 2):
            yield tuple(box[0] + sum((2 * sign - 1) * axis for sign, axis in zip(signs, box[1:], strict=True)))


def _holds(volume: dict[str, Any], point: Any, slack: float) -> bool:
    if _numbers(volume.get("region"), 6) and _numbers(list(point), 3):
        west, south, east, north, low, high = volume["region"]
        return west <= point[0] <= east and south <= point[1] <= north and low <= point[2] <= high
    if _numbers(volume.get("box"), 12):
        box = np.array(volume["box"], float).reshape(4, 3)
        away = np.asarray(point) - box[0]
        return all(abs(away @ axis) <= (axis @ axis) * (1 + slack) + slack for axis in box[1:])
    if _numbers(volume.get("sphere"), 4):
        return math.dist(volume["sphere"][:3], point) <= volume["sphere"][3] + slack
    return True


class Glb:
    """A GLB, decoded: vertices, feature ids and property tables."""

    def __init__(self, raw: bytes) -> None:
        magic, version, length = struct.unpack_from("<4sII", raw)
        size, kind = struct.unpack_from("<I4s", raw, 12)
        self.document: dict[str, Any] = json.loads(raw[20 : 20 + size])
        self.data = raw[28 + size :]
        self.start = 28 + size
        whole = len(raw) == length and magic == b"glTF" and version == 2 and kind == b"JSON"
        self.broken = not whole or raw[24 + size : 28 + size] != b"BIN\0"

    def view(self, number: int) -> bytes:
        about = self.document["bufferViews"][number]
        start = about.get("byteOffset", 0)
        return self.data[start : start + about["byteLength"]]

    def accessor(self, number: int) -> np.ndarray:
        about = self.document["accessors"][number]
        kind, wide = np.dtype(_COMPONENTS[about["componentType"]]), _WIDTHS[about["type"]]
        view = self.document["bufferViews"][about["bufferView"]]
        stride = view.get("byteStride", kind.itemsize * wide)
        raw = self.view(about["bufferView"])[about.get("byteOffset", 0) :]
        out = np.ndarray((about["count"], wide), kind, raw, strides=(stride, kind.itemsize))
        return out[:, 0] if wide == 1 else out

    def vertices(self) -> np.ndarray:
        """Return what is drawn, (vertices, 3) in glTF's axes."""
        used = [self.accessor(p["attributes"]["POSITION"])[self.accessor(p["indices"])] for p in self.primitives()]
        return np.concatenate(used).astype(np.float64)

    def primitives(self) -> list[dict[str, Any]]:
        return [p for mesh in self.document["meshes"] for p in mesh["primitives"]]

    def table(self) -> list[dict[str, Any]]:
        """Return the rows of the first property table, None for noData."""
        about = self.document["extensions"]["EXT_structural_metadata"]
        table, properties = about["propertyTables"][0], {}
        for name, stored in table["properties"].items():
            kind = about["schema"]["classes"][table["class"]]["properties"][name]
            properties[name] = [self._value(v, kind) for v in self._values(stored, kind, table["count"])]
        return [dict(zip(properties, row, strict=True)) for row in zip(*properties.values(), strict=True)]

    def _value(self, value: Any, kind: dict[str, Any]) -> Any:
        return None if "noData" in kind and value == kind["noData"] else value

    def _values(self, stored: dict[str, Any], kind: dict[str, Any], count: int) -> list[Any]:
        raw = self.view(stored["values"])
        if kind["type"] == "STRING":
            at = np.frombuffer(self.view(stored["stringOffsets"]), "<u4")
            return [raw[a:b].decode() for a, b in pairwise(at.tolist())]
        if kind["type"] == "BOOLEAN":
            return np.unpackbits(np.frombuffer(raw, "u1"), bitorder="little")[:count].astype(bool).tolist()
        letters = {"FLOAT32": "<f4", "FLOAT64": "<f8", "INT32": "<i4", "INT64": "<i8"}
        return np.frombuffer(raw, letters[kind["componentType"]]).tolist()

    def faults(self) -> Iterator[str]:
        if self.broken:
            yield "header or chunks are broken"
        if self.start % 8:
            yield "the binary chunk does not begin at a multiple of 8"
        for number, view in enumerate(self.document["bufferViews"]):
            if view.get("byteOffset", 0) + view["byteLength"] > self.document["buffers"][0]["byteLength"]:
                yield f"view {number} ends beyond the buffer"
        yield from self._drawn()
        yield from self._tables()

    def _drawn(self) -> Iterator[str]:
        for primitive in self.primitives():
            places = self.accessor(primitive["attributes"]["POSITION"])
            about = self.document["accessors"][primitive["attributes"]["POSITION"]]
            if not np.isfinite(places).all():
                yield "a vertex is nowhere"
            if (places.min(axis=0) != about["min"]).any() or (places.max(axis=0) != about["max"]).any():
                yield "min and max of the vertices are not theirs"
            indices = self.accessor(primitive["indices"])
            if indices.max() >= len(places) or len(indices) % 3:
                yield "a triangle has a corner that is none of the vertices"
            lengths = np.linalg.norm(self.accessor(primitive["attributes"]["NORMAL"]), axis=1)
            if np.abs(lengths - 1).max() > 1e-4:
                yield "a normal is not of length 1"
            yield from self._features(primitive, len(places))

    def _features(self, primitive: dict[str, Any], count: int) -> Iterator[str]:
        tables = self.document["extensions"]["EXT_structural_metadata"]["propertyTables"]
        for one in primitive["extensions"]["EXT_mesh_features"]["featureIds"]:
            ids = self.accessor(primitive["attributes"][f"_FEATURE_ID_{one['attribute']}"])
            if len(ids) != count or len(np.unique(ids)) > one["featureCount"]:
                yield "the feature ids are not one a vertex, or of more features than are said"
            if ids.max() >= tables[one["propertyTable"]]["count"]:
                yield "a feature id is beyond its property table"

    def _tables(self) -> Iterator[str]:
        metadata = self.document["extensions"]["EXT_structural_metadata"]
        for table in metadata["propertyTables"]:
            known = metadata["schema"]["classes"][table["class"]]["properties"]
            for name, about in known.items():
                if about.get("required") and name not in table["properties"]:
                    yield f"{name} is required and not there"
            for name, stored in table["properties"].items():
                yield from (
                    f"property {name}: {fault}" for fault in self._column(stored, known[name], table["count"])
                )

    def _column(self, stored: dict[str, Any], about: dict[str, Any], count: int) -> Iterator[str]:
        for part in ("values", "stringOffsets", "arrayOffsets"):
            if part in stored and self.document["bufferViews"][stored[part]].get("byteOffset", 0) % 8:
                yield f"{part} do not begin at a multiple of 8"
        values = self.view(stored["values"])
        if about["type"] == "STRING":
            at = np.frombuffer(self.view(stored["stringOffsets"]), "<u4")
            if len(at) != count + 1 or at[0] != 0 or (np.diff(at.astype(int)) < 0).any() or at[-1] > len(values):
                yield "the offsets of its texts are none"
                return
            for start, end in pairwise(at.tolist()):
                try:
                    values[start:end].decode()
                except UnicodeDecodeError:
                    yield "a text is no UTF-8"
        else:
            bits = 1 if about["type"] == "BOOLEAN" else 8 * _SIZES[about["componentType"]] * _WIDTHS[about["type"]]
            if len(values) != -(-count * bits // 8):
                yield f"{len(values)} bytes for {count} values of {bits} bits"


# --- small things ------------------------------------------------------------------------------------


def _in_range(name: str, value: Any, about: dict[str, Any]) -> Iterator[str]:
    if about.get("type") == "STRING":
        if not isinstance(value, str):
            yield f"{name} is no text"
        return
    if about.get("type") in ("BOOLEAN", "ENUM") or not _all_numbers(value):
        return
    factor, offset = (np.array(about.get(k, d), float) for k, d in (("scale", 1.0), ("offset", 0.0)))
    placed = np.array(value, float) * factor + offset
    low, high = (np.array(about.get(k, d), float) for k, d in (("min", -np.inf), ("max", np.inf)))
    for statistic, bound in (("min", low), ("max", high)):
        wrong = placed < bound if statistic == "min" else placed > bound
        if np.any(wrong):
            yield f"{name} is beyond its {statistic}"


def _all_numbers(value: Any) -> bool:
    try:
        np.array(value, float)
    except (TypeError, ValueError):
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _numbers(value: Any, count: int) -> bool:
    return isinstance(value, list | tuple) and len(value) == count and all(_is_number(v) for v in value)


def _placeholders(uri: str) -> list[str]:
    return ["{" + part.split("}")[0] + "}" for part in uri.split("{")[1:]]


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)
