"""`/models/{layer}/…`: 3D Tiles out of a package, and the river bed as files for CAD, GIS and printers."""

from __future__ import annotations

from pathlib import PurePosixPath
from types import MappingProxyType

from flask import Response

from naru.errors import RouteUnknown
from naru.records import Layer
from tileserver.access import Caller
from tileserver.addresses import key_query
from tileserver.content import disposition
from tileserver.ogc.common import is_shared, known
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.routes import LAYER_ID, Route, Service
from tileserver.twin.assets import asset_of, opened
from tileserver.twin.downloads import file_response
from tileserver.twin.links import BED_TYPES
from tileserver.twin.package import package_at
from tileserver.twin.pieces import piece_response

ROOT = "tileset.json"
OTHER = "application/octet-stream"  # also for pages and pictures with scripts: a package is data
MEDIA_TYPES = MappingProxyType(
    {
        ".json": "application/json",
        ".glb": "model/gltf-binary",
        ".gltf": "model/gltf+json",
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".webp": "image/webp",
        ".ktx2": "image/ktx2",
    }
)


def show_tileset(service: Service, caller: Caller, layer: str) -> Response:
    """The tree of a layer's 3D models."""
    return _entry(service, caller, known(service, caller, layer), ROOT)


def show_model(service: Service, caller: Caller, layer: str, entry: str) -> Response:
    """One file of a layer's 3D models."""
    return _entry(service, caller, known(service, caller, layer), entry)


def _entry(service: Service, caller: Caller, layer: Layer, name: str) -> Response:
    asset = asset_of(layer, "models", "3D models", "`naru twin models LAYER` makes some.")
    package = opened(service, asset, package_at)
    if name not in package:
        raise RouteUnknown(
            f"the models have no file '{name[:80]}'",
            layer=layer.id,
            remedy="tileset.json names those there are.",
        )
    return piece_response(
        service.pieces,
        (asset.archive.name, name),
        lambda: package.read(name),
        MEDIA_TYPES.get(PurePosixPath(name).suffix.lower(), OTHER),
        shared=is_shared(service, layer) and not key_query(caller.presented),
        revalidate=name == ROOT,
    )


def download_bed(service: Service, caller: Caller, layer: str, extension: str) -> Response:
    """The river bed of a terrain as a file: a closed solid (glb, stl, obj), or LandXML's surface."""
    found = known(service, caller, layer)
    remedy = "River terrains have it: `naru twin terrain SPEC.yaml` makes them."
    asset = asset_of(found, f"bed.{extension}", f"river bed as .{extension}", remedy)
    response = opened(
        service,
        asset,
        lambda path: file_response(
            path,
            BED_TYPES[extension],
            tag=asset.archive.sha256[:20],
            shared=is_shared(service, found) and not key_query(caller.presented),
        ),
    )
    response.headers["Content-Disposition"] = disposition(found, f"-bed.{extension}")
    return response


_SAME = ("You have this version", "")
ROUTES = (
    Route(
        "/models/<layer>/tileset.json",
        "layer",
        show_tileset,
        "3D models (3D Tiles 1.1)",
        {200: ("The tileset", "application/json"), 304: _SAME},
        {"layer": LAYER_ID},
        tag="models",
    ),
    Route(
        f"/models/<layer>/bed.<any({', '.join(BED_TYPES)}):extension>",
        "layer",
        download_bed,
        "The river bed as a file: glTF, STL or OBJ (a closed solid), or LandXML",
        {
            200: ("The file", ", ".join(BED_TYPES.values())),
            206: ("The part of it that Range asks for", ", ".join(BED_TYPES.values())),
            304: _SAME,
            416: ("The file ends before that part", PROBLEM_MEDIA_TYPE),
        },
        {"layer": LAYER_ID, "extension": {"schema": {"type": "string", "enum": list(BED_TYPES)}}},
        tag="models",
        headers=("Range", "If-Range"),
    ),
    Route(
        "/models/<layer>/<path:entry>",
        "layer",
        show_model,
        "A file that the tileset names",
        {200: ("The file", ", ".join(dict.fromkeys((*MEDIA_TYPES.values(), OTHER)))), 304: _SAME},
        {"layer": LAYER_ID, "entry": {"description": "As tileset.json writes it", "schema": {"type": "string"}}},
        tag="models",
    ),
)
