"""OGC API - Tiles' addresses of tiles (20-057): `…/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}`.

They name no file type: `f` does, else Accept. Those of the whole dataset name no layers: `collections` does, else
it is what the caller sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from naru.errors import BadRequest, TileOutOfRange
from naru.records import FUNCTIONS, Layer
from tileserver.access import Caller, Environ, identify, presented_key
from tileserver.negotiation import best_type
from tileserver.pyramids import MEDIA_TYPES, MOST_LAYERS, PRIVATE_CACHING, PRIVATE_VARY, Answer
from tileserver.snapshot import Snapshot
from tileserver.spelling import Spelling, grid_in, layer_in, tile_in
from tileserver.tilings import VECTOR, tiling_in

if TYPE_CHECKING:
    from tileserver.lane import Lane

PICTURES = ("png", "webp", "jpg")
_TILE_PARTS = 4  # grid, zoom, row, column
_NAMES = {extension: extension for extension in MEDIA_TYPES} | {"jpeg": "jpg", "pbf": VECTOR}
_NAMES |= {media_type: extension for extension, media_type in MEDIA_TYPES.items()}
_NEGOTIATED, _CHOSEN = (
    "naru.negotiated",
    "naru.chosen",
)  # in the environ: Accept told the type; the key told the layers


def respell(lane: Lane, environ: dict[str, Any]) -> Spelling | None:
    """Return the tile that a request asks for, or None where it asks for something else.

    Raises:
        BadRequest: `f` names no type that there is.
        UnknownLayer, TileOutOfRange: there cannot be such a tile.
        KeyInvalid and others: see `identify`.
    """
    parts = environ["PATH_INFO"].split("/")[2:]
    resource, tile = parts[:-_TILE_PARTS], parts[-_TILE_PARTS:]
    if not resource or resource[-1] != "tiles":
        return None
    resource.pop()
    pictures = resource[-1:] == ["map"]
    if pictures:
        resource.pop()
    layer = _layer(resource)
    if layer is None:
        return None
    grid = grid_in(tile[0])
    numbers = tile_in(grid, *tile[1:])
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    ids = layer or _layers(lane, environ, query.get("collections"), grid, pictures=pictures)
    extension = _type(lane.keeper.current, environ, query.get("f"), ids, pictures=pictures)
    return Spelling(ids, grid, *numbers, extension, time=query.get("datetime", "") if pictures else "")


def retell(answer: Answer, environ: Environ) -> Answer:
    """Return an answer with what it depends on, besides its address, for caches."""
    if not (environ.get(_NEGOTIATED) or environ.get(_CHOSEN)):
        return answer
    told = dict(answer[1])
    varies = [told["Vary"]] if "Vary" in told else []
    if environ.get(_NEGOTIATED):
        varies.append("Accept")
    if environ.get(_CHOSEN):
        varies.append(PRIVATE_VARY)
        told |= {"Cache-Control": PRIVATE_CACHING} if answer[0][0] in "23" else {}
    names = dict.fromkeys(name for part in varies for name in part.split(", "))
    return answer[0], [*(told | {"Vary": ", ".join(names)}).items()], answer[2]


def of_dataset(snapshot: Snapshot, caller: Caller, grid: str, *, pictures: bool) -> list[Layer]:
    """Return the layers of the whole dataset's tiles for a caller: at most so many, in the order of drawing."""
    found = []
    for layer in sorted(snapshot.layers.values(), key=lambda layer: FUNCTIONS.index(layer.function)):
        tiling = tiling_in(snapshot, layer, grid)
        if tiling and VECTOR in tiling.types and (tiling.pictures or not pictures) and caller.sees(layer):
            found.append(layer)
    return found[:MOST_LAYERS]


def _layer(resource: list[str]) -> str | None:
    """Return the layer that a path names: "" for the whole dataset, None where it names no such thing."""
    if not resource:
        return ""
    return layer_in(resource[1]) if len(resource) == 2 and resource[0] == "collections" else None


def _layers(lane: Lane, environ: dict[str, Any], asked: str | None, grid: str, *, pictures: bool) -> str:
    if asked is not None:
        return ",".join(layer_in(name) for name in asked.split(","))
    snapshot = lane.keeper.current
    key = identify(snapshot, environ, lane.clock(), lane.proxies)
    environ[_CHOSEN] = True
    found = of_dataset(snapshot, Caller(key, presented_key(environ)), grid, pictures=pictures)
    if not found:
        raise TileOutOfRange(f"there is no layer with such tiles in {grid}", remedy="See /ogc/tiles.")
    return ",".join(layer.id for layer in found)


def _type(snapshot: Snapshot, environ: dict[str, Any], asked: str | None, ids: str, *, pictures: bool) -> str:
    if asked is not None:
        return _named(asked, PICTURES if pictures else (VECTOR,))
    if not pictures:
        return VECTOR
    environ[_NEGOTIATED] = True
    pyramid = snapshot.pyramids.get(ids.partition(",")[0])
    there_are = [kind for kind in (pyramid.types if pyramid else ()) if kind != VECTOR] or ["png"]
    best = best_type(environ.get("HTTP_ACCEPT", ""), [MEDIA_TYPES[kind] for kind in there_are])
    return _NAMES[best] if best else there_are[0]


def _named(asked: str, allowed: tuple[str, ...]) -> str:
    found = _NAMES.get(asked.replace(" ", "+").lower())
    if found not in allowed:
        raise BadRequest(
            f"these tiles do not come as '{asked[:80]}'", field="f", remedy=f"Say f={' or f='.join(allowed)}."
        )
    return found
