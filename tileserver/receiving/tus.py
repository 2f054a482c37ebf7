"""Resumable uploads: tus 1.0.0 (https://tus.io/protocols/resumable-upload).

Core, creation, expiration, termination. All state is on the disk (`naru.uploads`): any worker process can take
the next piece, also after a restart.
"""

from __future__ import annotations

import base64
import binascii
from email.utils import formatdate
from typing import Any

from flask import Response, request

from naru.errors import BadRequest, MediaType, TusVersion, UnknownUpload
from naru.ingest_options import read_options
from naru.records import Job
from naru.uploads import Upload, display_name, too_large
from tileserver.access import Caller
from tileserver.documents import json_document
from tileserver.managing.guard import grant_of
from tileserver.managing.jobs import job_address, visible_job
from tileserver.receiving import bodies, uploads
from tileserver.routes import Route, Service

HEADER = "Tus-Resumable"
VERSION = TusVersion.spoken
_EXTENSIONS = "creation,expiration,termination"
_PIECE = "application/offset+octet-stream"
_LONGEST_METADATA = 32 * 1024
_ADDRESS = "/api/uploads"


def offer(service: Service, path: str) -> dict[str, str]:
    """Return what OPTIONS says of tus for this path."""
    if path != _ADDRESS and not path.startswith(f"{_ADDRESS}/"):
        return {}
    most = str(uploads.most_bytes(service.settings))
    return {HEADER: VERSION, "Tus-Version": VERSION, "Tus-Extension": _EXTENSIONS, "Tus-Max-Size": most}


def create(service: Service, caller: Caller) -> Response:
    """Begin a resumable upload (tus, Creation)."""
    _check_version()
    grant = grant_of(caller)
    length, said = _length(uploads.most_bytes(service.settings)), _metadata()
    name = display_name(said.pop("filename", said.pop("name", "")))
    for unused in ("filetype", "type"):  # what tus clients add by themselves
        said.pop(unused, None)
    options = read_options(said)
    uploads.check_options(options, grant)
    upload = service.house.uploads.create(name, length, options | {"grant": grant.to_dict()}, grant.key)
    response = _answer(201, Location=f"{_ADDRESS}/{upload.id}")
    return _advanced(service, response, upload, 0)


def show_upload(service: Service, caller: Caller, upload: str) -> Response:
    """How far an upload is: for programs of tus with HEAD, as JSON with GET."""
    if request.method == "HEAD":
        _check_version()
    told = _told(service, caller, upload)
    response = json_document(told, shared=False)
    response.headers[HEADER] = VERSION
    response.headers["Cache-Control"] = "no-store"
    response.headers["Upload-Offset"], response.headers["Upload-Length"] = str(told["offset"]), str(told["length"])
    if told["job"]:
        response.headers["Naru-Job"] = told["job"]
    return response


def continue_upload(service: Service, caller: Caller, upload: str) -> Response:
    """Take the next bytes; with the last one comes the job."""
    _check_version()
    try:
        found = _find(service, caller, upload)
        if request.mimetype != _PIECE:
            raise MediaType(f"the body is not {_PIECE}", remedy=f"Send Content-Type: {_PIECE}.")
        offset = _number("Upload-Offset")
        if offset + (request.content_length or 0) > found.length:
            raise too_large(found.length)
        at = service.house.uploads.append(found, offset, bodies.chunks())
    except Exception:
        bodies.drain()
        raise
    return _advanced(service, _answer(204), found, at)


def stop_upload(service: Service, caller: Caller, upload: str) -> Response:
    """Give an upload up (tus, Termination)."""
    _check_version()
    found = _find(service, caller, upload)
    with service.house.uploads.held(found):
        service.house.uploads.remove(found.id)
    return _answer(204)


def _advanced(service: Service, response: Response, upload: Upload, offset: int) -> Response:
    """Say how far the upload is; make its job when it is whole."""
    store = service.house.uploads
    response.headers["Upload-Offset"] = str(offset)
    response.headers["Upload-Expires"] = formatdate(store.expires(upload), usegmt=True)
    if offset == upload.length:
        job = uploads.submit(service.house, upload.id, store.stored(upload), dict(upload.params))
        response.headers["Naru-Job"] = job_address(job.id)
    return response


def _told(service: Service, caller: Caller, upload_id: str) -> dict[str, Any]:
    """Return an upload as GET shows it; one that has become a job is told from the job."""
    try:
        job = visible_job(service, caller, upload_id)
    except Exception as error:
        if getattr(error, "code", "") != "JOB_NOT_FOUND":
            raise
        upload, store = _find(service, caller, upload_id), service.house.uploads
        expires = formatdate(store.expires(upload), usegmt=True)
        return _shape(upload.id, upload.name, store.offset(upload), upload.length, expires, None)
    return _of_job(job)


def _of_job(job: Job) -> dict[str, Any]:
    if "size" not in job.params:
        raise UnknownUpload(f"there is no upload '{job.id}'", remedy="/api/jobs shows jobs.")
    size = int(job.params["size"])
    return _shape(job.id, str(job.params["name"]), size, size, None, job_address(job.id))


def _shape(*values: Any) -> dict[str, Any]:
    return dict(zip(("id", "filename", "offset", "length", "expires", "job"), values, strict=True))


def _find(service: Service, caller: Caller, upload_id: str) -> Upload:
    """Return an upload of the caller's own key: nobody else may continue it."""
    found = service.house.uploads.find(upload_id)
    if found.owner != grant_of(caller).key:
        raise UnknownUpload(f"there is no upload '{upload_id}'", remedy="Use the key that began it.")
    return found


def _answer(status: int, **headers: str) -> Response:
    response = Response(status=status, headers={HEADER: VERSION, "Cache-Control": "no-store", **headers})
    del response.headers["Content-Type"]
    return response


def _check_version() -> None:
    found = request.headers.get(HEADER)
    if found != VERSION:
        raise TusVersion(
            f"tus '{found}' is not spoken here" if found else "the request names no version of tus",
            remedy=f"Send {HEADER}: {VERSION}.",
        )


def _length(most: int) -> int:
    length = _number("Upload-Length")
    if length > most:
        raise too_large(most)
    return length


def _number(header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequest(f"{header} is not a number of bytes", field=header, remedy=f"Send {header}: BYTES.")
    return int(text)


def _metadata() -> dict[str, str]:
    """Return Upload-Metadata: `name base64, name base64`; values UTF-8, or CP949."""
    header = request.headers.get("Upload-Metadata", "")
    if len(header) > _LONGEST_METADATA:
        raise BadRequest("Upload-Metadata is too long", field="Upload-Metadata", remedy="Leave fields out.")
    said: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = pair.partition(" ")
        if name in said:
            raise BadRequest(f"'{name[:80]}' came twice", field="Upload-Metadata", remedy="Send it once.")
        said[name] = _decoded(name, value.strip())
    return said


def _decoded(name: str, value: str) -> str:
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(
            f"'{name[:80]}' is not base64", field="Upload-Metadata", remedy="Send `filename BASE64,title BASE64`."
        ) from error
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp949", "replace")


_PROBLEM = "application/problem+json"
_UPLOAD = {"upload": {"description": "An upload's id", "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"}}}
_RULE = f"{_ADDRESS}/<upload>"
_OTHER_VERSION = ("Another version of tus", _PROBLEM)
_BUSY = ("Another request is sending it", _PROBLEM)
ROUTES = (
    Route(
        _RULE,
        "manage",
        show_upload,
        "How far a resumable upload is",
        {200: ("The upload", "application/json"), 304: ("You have this version", ""), 412: _OTHER_VERSION},
        _UPLOAD,
        tag="uploads",
        headers=(HEADER,),
    ),
    Route(
        _RULE,
        "manage",
        continue_upload,
        "The next bytes of a resumable upload",
        {
            204: ("Upload-Offset says how far it is; with the last byte Naru-Job leads to the job", ""),
            400: ("Malformed", _PROBLEM),
            409: ("It goes on at another byte", _PROBLEM),
            412: _OTHER_VERSION,
            413: ("More bytes than announced", _PROBLEM),
            415: (f"Not {_PIECE}", _PROBLEM),
            423: _BUSY,
            507: ("No room on the disk", _PROBLEM),
        },
        _UPLOAD,
        tag="uploads",
        method="PATCH",
        body={_PIECE: {"type": "string", "format": "binary"}},
        headers=(HEADER, "Upload-Offset"),
    ),
    Route(
        _RULE,
        "manage",
        stop_upload,
        "Give a resumable upload up",
        {204: ("It is gone", ""), 412: _OTHER_VERSION, 423: _BUSY},
        _UPLOAD,
        tag="uploads",
        method="DELETE",
        headers=(HEADER,),
    ),
)
ENDPOINTS = frozenset(("begin_upload", *(route.endpoint for route in ROUTES)))
