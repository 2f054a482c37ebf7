"""`POST /api/uploads`: files come in, a job goes out. Nothing is parsed here: that is the job's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, request
from sqlalchemy.exc import IntegrityError

from naru.errors import NaruError
from naru.grants import Grant
from naru.house import House
from naru.ingest_options import OPTIONS, read_options
from naru.records import Job
from naru.settings import Settings
from naru.uploads import Stored, too_large
from tileserver.access import Caller
from tileserver.documents import json_document
from tileserver.managing.guard import grant_of
from tileserver.managing.jobs import describe, job_address
from tileserver.receiving import bodies, tus
from tileserver.receiving.multipart import FILE, Form
from tileserver.routes import Route, Service

_AROUND_BYTES = 2 * 2**20  # boundaries, headers and fields of a form


def begin_upload(service: Service, caller: Caller) -> Response:
    """Take in files as a form, or begin a resumable upload."""
    try:
        if tus.HEADER in request.headers:
            return tus.create(service, caller)
        job = _take_in(service, grant_of(caller))
    except NaruError:
        bodies.drain()
        raise
    response = json_document({"job": describe(job)}, shared=False)
    response.status_code = 202
    response.headers["Location"] = job_address(job.id)
    return response


def most_bytes(settings: Settings) -> int:
    """Return how many bytes one upload may have."""
    return settings.max_upload_mb * 2**20


def _take_in(service: Service, grant: Grant) -> Job:
    """Write the form's files to the disk as they come, then the job's row."""
    uploads, most = service.house.uploads, most_bytes(service.settings)
    length = request.content_length or 0
    if length > most + _AROUND_BYTES:
        raise too_large(most)
    form = Form(
        request.headers.get("Content-Type", ""),
        _at_most(bodies.chunks(), most),
        lambda name, value: _options({name: value}, grant),
    )
    uploads.check_room(length)
    upload_id = uploads.begin()
    try:
        stored = uploads.receive(upload_id, form.files(), most)
        return submit(service.house, upload_id, stored, _options(form.fields, grant) | {"grant": grant.to_dict()})
    except BaseException:
        uploads.remove(upload_id)
        raise


def _at_most(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    """Pass on a body of unknown length as long as it is not too long."""
    seen = 0
    for piece in pieces:
        seen += len(piece)
        if seen > most + _AROUND_BYTES:
            raise too_large(most)
        yield piece


def _options(fields: dict[str, str], grant: Grant) -> dict[str, Any]:
    """Return the form's options as a job's parameters, refused at once where the key does not reach so far."""
    options = read_options(fields)
    check_options(options, grant)
    return options


def check_options(options: dict[str, Any], grant: Grant) -> None:
    """Return if what is asked for is within the key's reach, as far as it can be told before the file is read.

    Raises:
        ScopeDenied: it is not.
    """
    if "visibility" in options:
        grant.check_visibility(options.get("id"), options["visibility"])
    if "id" in options:
        grant.check_id(options["id"])


def submit(house: House, upload_id: str, stored: Stored, params: dict[str, Any]) -> Job:
    """Make the job of an upload whose bytes are all there; the one that it has, when it has one already."""
    facts = {"file": str(stored.source), "name": stored.name, "names": stored.names, "size": stored.size}
    try:
        return house.jobs.submit("ingest", params | facts, job_id=upload_id)
    except IntegrityError:  # the last byte was sent twice
        return house.jobs.job(upload_id)


_SCHEMA = {
    "type": "object",
    "required": [FILE],
    "properties": {
        FILE: {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "one file, or the several files of one dataset",
        },
        **{option.field: {**option.schema, "description": option.help} for option in OPTIONS},
    },
}
_PROBLEM = "application/problem+json"
ROUTES = (
    Route(
        "/api/uploads",
        "manage",
        begin_upload,
        "Hand in files (a form), or begin a resumable upload (tus 1.0.0, with Tus-Resumable and Upload-Length)",
        {
            202: ("The job that reads the files; Location leads to it", "application/json"),
            201: ("The resumable upload; Location leads to it", ""),
            400: ("Malformed, or an option that there is not", _PROBLEM),
            412: ("Another version of tus", _PROBLEM),
            413: ("Larger than NARU_MAX_UPLOAD_MB", _PROBLEM),
            415: ("Not a form", _PROBLEM),
            507: ("No room on the disk", _PROBLEM),
        },
        tag="uploads",
        method="POST",
        body={"multipart/form-data": _SCHEMA},
        headers=("Tus-Resumable", "Upload-Length", "Upload-Metadata"),
    ),
)
