"""`/content/{layer}.{format}`: a layer as a file, chosen by box, values and coordinate system.

The file is made whole before its first byte goes out: what fails is told with a status, and a download that breaks
off is seen to, for its length was told (docs/decisions/downloads-made-first.md).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from flask import Response, request

import naru
from naru.errors import BadRequest, NotReady, UnknownLayer
from naru.export.formats import FEATURE_FORMATS, FORMATS, Format
from naru.features.selection import Filter, Selection, parse_bbox, parse_filter
from naru.features.systems import normal_name, uri
from naru.records import Layer
from tileserver.access import QUERY_NAMES, Caller
from tileserver.documents import REVALIDATE
from tileserver.encodings import accepts_gzip
from tileserver.ogc.common import is_shared, site_of
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.pyramids import PRIVATE_CACHING, PRIVATE_VARY
from tileserver.routes import LAYER_ID, Route, Service

if TYPE_CHECKING:
    from naru.export.job import Export, Wanted
    from naru.features.source import FeatureSource

_CONTROLS = ("bbox", "crs", "encoding", "fields", "where")
_SEVERAL = ("where",)  # may be given more than once
_TEXTS = ("geojson", "kml", "csv")  # the others are packed by themselves
_LEVEL, _GZIP = 1, 31  # of ISA-L; zlib's word for gzip with the largest window
_AT_ONCE = 4  # files that one worker makes at a time: each costs a processor and up to 300 MB
_places = threading.BoundedSemaphore(_AT_ONCE)
_SENT_AT_ONCE = 16  # that one worker sends at a time: a slow reader holds one of the desk's threads
_sendings = threading.BoundedSemaphore(_SENT_AT_ONCE)


def show_content(service: Service, caller: Caller, layer: str, extension: str) -> Response:
    """The features of a layer as a file."""
    from naru.export.about import About
    from naru.export.job import plan
    from tileserver.sources import source_of

    found, chosen = _permitted(service, caller, layer), FORMATS[extension]
    source = source_of(service, found)
    about = About.of(found, found.live)
    export = plan(chosen, about, source, _read_query(source, chosen), lambda _fraction, _message: None)
    packed = extension in _TEXTS and accepts_gzip(request.environ)
    tag = _tag(found, export) + ("-gzip" if packed else "")
    unchanged = request.if_none_match.contains_weak(tag)  # a proxy that packs it weakens the tag
    response = _unchanged() if unchanged else _download(service, found, export, packed=packed)
    shared = is_shared(service, found) and not site_of(service, caller).query
    response.headers["Cache-Control"] = REVALIDATE if shared else PRIVATE_CACHING
    response.vary.update(["Accept-Encoding", "Origin"] if shared else PRIVATE_VARY.split(", "))
    response.set_etag(tag)
    response.headers["Link"] = _links(service, caller, found)
    return response


def _permitted(service: Service, caller: Caller, layer_id: str) -> Layer:
    found = service.keeper.current.layers.get(layer_id)
    if found is None:
        raise UnknownLayer(layer_id)
    caller.permit(found)
    return found


# --- what was asked -------------------------------------------------------------------------------


def _read_query(source: FeatureSource, chosen: Format) -> Wanted:
    """Read the query: our parameters, and fields of the layer that must equal what is given.

    Raises:
        BadRequest: an unknown or repeated parameter.
        BadSelection: a box, field, value or system that cannot be asked for.
    """
    from naru.export.job import Wanted
    from naru.export.shapefile import check_encoding

    names = [field.name for field in source.fields]
    given = _parameters([name for name in names if name not in (*_CONTROLS, *QUERY_NAMES)])
    if "encoding" in given and chosen.name != "shp":
        raise BadRequest("encoding is for shp; all other formats are UTF-8", remedy="Leave it out.")
    equal = tuple(Filter(name, "=", values[0]) for name, values in given.items() if name not in _CONTROLS)
    selection = Selection(
        bbox=parse_bbox(given["bbox"][0]) if "bbox" in given else None,
        crs=normal_name(given["crs"][0]) if "crs" in given else None,
        filters=(*equal, *(parse_filter(text, names) for text in given.get("where", ()))),
        fields=tuple(given["fields"][0].split(",")) if "fields" in given else None,
    )
    return Wanted(selection, check_encoding(given.get("encoding", ["utf-8"])[0]))


def _parameters(fields: list[str]) -> dict[str, list[str]]:
    given = {name: values for name, values in request.args.lists() if name not in QUERY_NAMES}
    for name, values in given.items():
        if name not in _CONTROLS and name not in fields:
            raise BadRequest(
                f"there is no parameter '{name[:80]}'",
                remedy=f"There are: {', '.join((*_CONTROLS, *fields[:20]))}; fields of these names go by where.",
            )
        if len(values) > 1 and name not in _SEVERAL:
            raise BadRequest(f"'{name[:80]}' is given {len(values)} times", remedy="Give it once.")
    return given


# --- what is answered -----------------------------------------------------------------------------


def _download(service: Service, layer: Layer, export: Export, *, packed: bool) -> Response:
    """Return the file; for HEAD, what would be said of it, without making it."""
    if request.method == "HEAD":
        response = Response(iter(()), content_type=export.format.media_type)  # of unknown length, not of none
    else:
        response = _sent(_make(service, export, packed=packed), export.format.media_type)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    if export.selection.crs:
        response.headers["Content-Crs"] = f"<{uri(export.selection.crs)}>"
    response.headers["Content-Disposition"] = disposition(layer, export.format.suffix)
    return response


def _unchanged() -> Response:
    response = Response(status=304)
    del response.headers["Content-Type"]
    return response


def _sent(made: BinaryIO, media_type: str) -> Response:
    from naru.export.writing import chunks

    length = made.seek(0, 2)
    made.seek(0)
    ending = ExitStack()  # runs once, at the end of the file or of the connection
    ending.callback(_sendings.release)
    ending.callback(made.close)

    def body() -> Iterator[bytes]:
        with ending:
            yield from chunks(made)

    response = Response(body(), content_type=media_type)  # no passthrough: it would never be closed
    response.content_length = length
    response.call_on_close(ending.close)
    return response


def _make(service: Service, export: Export, *, packed: bool) -> BinaryIO:
    """Return the whole file, open and without a name, and a place to send it from, which its response gives back.

    Raises:
        NotReady: too many are being made or sent already.
        BadSelection, ExportLimit, ArchiveDamaged, StorageFailed: why it cannot be made.
    """
    from naru.export.order import scratch_folder
    from naru.export.writing import kept_open, write

    if not _sendings.acquire(blocking=False):
        raise _busy("sent")
    try:
        if not _places.acquire(blocking=False):
            raise _busy("made")
        try:
            return kept_open(partial(_write_packed if packed else write, export), scratch_folder(service.house))
        finally:
            _places.release()
    except BaseException:
        _sendings.release()
        raise


def _busy(what: str) -> NotReady:
    return NotReady(f"too many downloads are being {what} here", remedy="Try again in a moment.")


def _write_packed(export: Export, path: Path) -> None:
    from isal import isal_zlib

    from naru.export.writing import pieces

    packer = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)
    with path.open("wb") as stream:
        for piece in pieces(export, path.parent):
            stream.write(packer.compress(piece))
        stream.write(packer.flush())


def _tag(layer: Layer, export: Export) -> str:
    """Return what stands for the file's bytes: the version, what the catalogue says of it, and the question."""
    source = export.source.path.name
    question = (source, layer.updated, export.about, export.format.name, export.selection, export.encoding)
    return hashlib.sha256(f"{naru.__version__} {question!r}".encode()).hexdigest()[:20]


def disposition(layer: Layer, ending: str) -> str:
    """Return Content-Disposition: the layer's id for old programs, its title for others (RFC 6266, RFC 8187).

    `ending` follows both: ".csv".
    """
    title = "".join("_" if not c.isprintable() or c in '/\\:*?"<>|' else c for c in layer.title_ko or layer.id)
    plain, full = f"{layer.id}{ending}", f"{title}{ending}"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(full, safe='')}"


def _links(service: Service, caller: Caller, layer: Layer) -> str:
    site = site_of(service, caller)
    told = [f'<{site.base}/api/layers/{layer.id}>; rel="describedby"; type="application/json"']
    if layer.licence.startswith(("http://", "https://")):
        told.append(f'<{quote(layer.licence, safe=":/?#&=%")}>; rel="license"')
    return ", ".join(told)


_TEXT = {"type": "string"}
_QUERY = {
    "bbox": {"description": "west,south,east,north in degrees: only what meets this box", "schema": _TEXT},
    "crs": {
        "description": "Coordinate system of what comes out: OGC:CRS84, EPSG:<code> or its URI",
        "schema": _TEXT,
    },
    "encoding": {"description": "Text of a shapefile", "schema": {"type": "string", "enum": ["utf-8", "cp949"]}},
    "fields": {"description": "Only these fields, joined by commas", "schema": _TEXT},
    "where": {
        "description": "A condition, FIELD=VALUE or != < <= > >=; may be repeated. A field's own name with a value "
        "is the same as FIELD=VALUE.",
        "schema": {"type": "array", "items": _TEXT},
    },
}
ROUTES = (
    Route(
        f"/content/<layer>.<any({', '.join(FEATURE_FORMATS)}):extension>",
        "layer",
        show_content,
        "The features of a layer as a file",
        {
            200: ("The file", "application/octet-stream"),
            304: ("You have this version", ""),
            400: ("It cannot be chosen so, or the layer not be had so", PROBLEM_MEDIA_TYPE),
            507: ("The server's disk has no room to make it", PROBLEM_MEDIA_TYPE),
        },
        {"layer": LAYER_ID, "extension": {"schema": {"type": "string", "enum": list(FEATURE_FORMATS)}}},
        tag="content",
        query=_QUERY,
    ),
)
