"""Tiles under the addresses of other standards: WMTS, OGC API - Tiles, TMS.

Each is another spelling of an address under `/tiles/`. The request is respelt before it is answered, so that one
function answers all of them: bytes, entity tags, caching, permission, quota and usage are the same by construction.
What differs stands here: tiles outside the limits that those standards' documents declare are errors (`/tiles/`
answers that they are empty), and errors are worded as the standard words them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from naru.errors import TileOutOfRange
from tileserver.access import Environ, caller_text, identify, may_read, presented_key
from tileserver.addresses import key_query
from tileserver.flood.times import PARAMETER
from tileserver.ogc import addresses as ogc
from tileserver.problems import problem
from tileserver.pyramids import Answer
from tileserver.spelling import ASKED, Spelling
from tileserver.tilings import VECTOR, reaches
from tileserver.tms import addresses as tms
from tileserver.watching.request_ids import request_id
from tileserver.wmts import addresses as wmts
from tileserver.wmts import faults

if TYPE_CHECKING:
    from tileserver.lane import Lane

MARK = "naru.dialect"  # in a request's environ: which of these it is in


class Dialect(NamedTuple):
    """How a standard spells the addresses of tiles, and how it words what is answered."""

    respell: Callable[[Lane, dict[str, Any]], Spelling | None]  # None: no tile is asked for
    retell: Callable[[Answer, Environ], Answer]


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "wmts": Dialect(wmts.respell, faults.retell),
        "ogc": Dialect(ogc.respell, ogc.retell),
        "tms": Dialect(tms.respell, tms.retell),
    }
)


def answer_in_dialect(lane: Lane, environ: dict[str, Any]) -> Answer | None:
    """Return the lane's answer to GET or HEAD in another standard's words; None when the app is to answer it.

    Then the request has become one for the address under `/tiles/`, if it is for a tile.
    """
    path = environ["PATH_INFO"]
    dialect = DIALECTS.get(path[1:].partition("/")[0])
    if dialect is None:
        return None
    environ[MARK], environ[ASKED] = dialect, path
    answer = _answer(lane, dialect, environ)
    return dialect.retell(answer, environ) if answer else None


def retold(answer: Answer, environ: Environ) -> Answer:
    """Return the app's answer in the words of the standard that was asked in."""
    dialect = environ.get(MARK)
    return dialect.retell(answer, environ) if isinstance(dialect, Dialect) else answer


def _answer(lane: Lane, dialect: Dialect, environ: dict[str, Any]) -> Answer | None:
    try:
        spelling = dialect.respell(lane, environ)
        if spelling is None:
            return None
        _check_limits(lane, spelling, environ)
    except Exception as error:
        answer = problem(error, request_id(environ, lane.proxies))
        lane.note(
            "", "", "", -1, int(answer.status[:3]), len(answer.body), caller_text(environ, lane.proxies), None
        )
        return answer
    environ["PATH_INFO"], environ["QUERY_STRING"] = spelling.path, _what_remains(environ, spelling)
    return lane.answer(environ)


def _what_remains(environ: Environ, spelling: Spelling) -> str:
    """Return the query without what the respelt address says already: who asks, and of what time."""
    query: str = environ["QUERY_STRING"]
    key = key_query(presented_key(environ)).removeprefix("?") if query else ""
    time = f"{PARAMETER}={quote(spelling.time, safe='')}" if spelling.time else ""
    return "&".join(filter(None, (key, time)))


def _check_limits(lane: Lane, tile: Spelling, environ: Environ) -> None:
    """Return if a tile is within what the layers' documents declare (17-083r4 §6.3), or the lane will refuse it.

    Limits are looked at only for who may read the layers: of others, even the way of refusing would tell.

    Raises:
        TileOutOfRange: it is not.
        KeyMissing, KeyInvalid and others: see `identify`.
    """
    snapshot = lane.keeper.current
    if not may_read(snapshot, identify(snapshot, environ, lane.clock(), lane.proxies), tile.layers):
        return
    layers = [snapshot.layers[name] for name in tile.layers.split(",")]
    place, pictures = (tile.z, tile.x, tile.y), tile.extension != VECTOR
    if reaches(snapshot, layers, tile.grid, place, pictures=pictures):
        return
    raise TileOutOfRange(
        "the layer does not reach this tile",
        layer=tile.layers,
        remedy="Its document states the limits, zoom by zoom.",
    )
