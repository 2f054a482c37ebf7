"""`/terrain/{layer}/{z}/{x}/{y}.terrain` in the lane: a mesh tile that is new to it.

All of them are answered here, whether there is such a layer or not, so that nothing in a refusal tells which. Where
a tile was found once its place is remembered, and from then on it costs what a vector tile costs.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from naru.errors import NoSuchAsset, TileOutOfRange, UnknownLayer
from tileserver.access import caller_text, identify, permit
from tileserver.encodings import coding_for
from tileserver.keys.ring import Key
from tileserver.problems import problem
from tileserver.pyramids import Answer, not_modified, recoded
from tileserver.snapshot import Place, Snapshot
from tileserver.spelling import tile_in
from tileserver.tms.addresses import flipped
from tileserver.twin.mesh import GRID, MeshPyramid
from tileserver.watching.request_ids import request_id
from tileserver.watching.watch import KEY

if TYPE_CHECKING:
    from tileserver.lane import Lane

PREFIX = "/terrain/"
SUFFIX = ".terrain"
_PARTS = 6  # "", "terrain", layer, z, x, y.terrain
_NO_MESH = "`naru twin mesh LAYER` makes one."


class MeshAddress(NamedTuple):
    """Which tile of which layer's mesh."""

    layer: str
    z: int
    x: int
    y: int  # from the north


def parse(path: str) -> MeshAddress | None:
    """Return the mesh tile that `path` (percent-decoded) names, or None when it names something else.

    Raises:
        TileOutOfRange: z, x or y is not a canonical number, or outside of WorldCRS84Quad.

    >>> parse("/terrain/dem/1/3/0.terrain")
    MeshAddress(layer='dem', z=1, x=3, y=1)
    """
    parts = path.split("/")
    if len(parts) != _PARTS or not path.endswith(SUFFIX):
        return None
    try:
        z, x, y = tile_in(GRID, parts[3], parts[5].removesuffix(SUFFIX), parts[4])
    except TileOutOfRange as cause:
        raise TileOutOfRange(
            "z, x and y must be plain decimal numbers, x below 2^(z + 1), y below 2^z and counted from the south",
            remedy="layer.json says which zooms and tiles there are.",
        ) from cause
    return MeshAddress(parts[2], z, x, flipped(GRID, z, y))


def answer(lane: Lane, environ: dict[str, Any]) -> Answer | None:
    """Answer GET or HEAD of a mesh tile; None where the address is another one."""
    snapshot, key, lease, layers, function, zoom = lane.keeper.current, None, None, "", "", -1
    try:
        address = parse(environ["PATH_INFO"])
        if address is None:
            return None
        zoom = address.z
        key = identify(snapshot, environ, lane.clock(), lane.proxies)
        lease = lane.meter.admit(key)
        mesh = _permitted(snapshot, key, address.layer)
        layers, function = mesh.id, mesh.function
        found = _found(mesh, address, environ)
        snapshot.remember(environ["PATH_INFO"], _place(mesh, address))
    except Exception as error:
        if lease is not None:
            lease.refund()
        found = problem(error, request_id(environ, lane.proxies))
    key_id = environ[KEY] = "" if key is None else key.id
    status, headers, body = found
    if environ["REQUEST_METHOD"] == "HEAD":
        headers, body = [*headers, ("Content-Length", str(len(body)))] if body else headers, b""
    caller = caller_text(environ, lane.proxies)
    lane.note(key_id, function, layers, zoom, HTTPStatus(int(status[:3])), len(body), caller, None)
    return status, headers, body


def _permitted(snapshot: Snapshot, key: Key, layer_id: str) -> MeshPyramid:
    """Return a layer's mesh.

    Raises:
        UnknownLayer, ScopeDenied: see `permit`.
        NoSuchAsset: the layer has none.
    """
    layer = snapshot.layers.get(layer_id)
    if layer is None:
        raise UnknownLayer(layer_id[:80])
    permit(key, layer)
    mesh = snapshot.meshes.get(layer_id)
    if mesh is None:
        raise NoSuchAsset("the layer has no terrain mesh", layer=layer_id, remedy=_NO_MESH)
    return mesh


def _found(mesh: MeshPyramid, address: MeshAddress, environ: dict[str, Any]) -> Answer:
    """Return a tile, or 304. What is not there is refused, not empty: clients then split the tile above it.

    Raises:
        TileOutOfRange: nothing is there.
        ArchiveDamaged: the mesh cannot be read.
    """
    offset, length = _located(mesh, address)
    coding = coding_for(environ)
    unchanged = not_modified(mesh.headers, environ, coding)
    if unchanged is not None:
        return unchanged
    tile = mesh.read(offset, length)
    if coding != "gzip":
        tile = recoded(mesh, tile, coding, (offset, length))
    return "200 OK", mesh.headers.by_coding[coding].headers, tile


def _located(mesh: MeshPyramid, address: MeshAddress) -> tuple[int, int]:
    within = mesh.minzoom <= address.z <= mesh.maxzoom
    place = mesh.locate(address.z, address.x, address.y) if within else None
    if place is None or not place[1]:
        raise TileOutOfRange(
            f"the mesh has no tile here; its zooms are {mesh.minzoom} to {mesh.maxzoom}",
            layer=mesh.id,
            remedy="`available` in layer.json says which tiles there are; below them, split the last one.",
        )
    return place


def _place(mesh: MeshPyramid, address: MeshAddress) -> Place:
    known = mesh.id, mesh.function, mesh.headers.by_coding, mesh.read
    return Place(mesh, *known, address.z, False, *_located(mesh, address), None)
