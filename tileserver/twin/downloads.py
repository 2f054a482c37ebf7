"""Files of storage as downloads: sent in pieces, from where a broken one left off (RFC 9110 §14)."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from flask import Response, request

from naru.errors import NotReady, RangeOutside
from tileserver.documents import REVALIDATE
from tileserver.pyramids import PRIVATE_CACHING

_CHUNK = 256 << 10
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})", re.ASCII | re.IGNORECASE)
_SENT_AT_ONCE = 16  # that one worker sends at a time: a slow reader holds one of the desk's threads
_sendings = threading.BoundedSemaphore(_SENT_AT_ONCE)


def file_response(path: Path, media_type: str, *, tag: str, shared: bool) -> Response:
    """Return a file, the part of it that was asked for, or 304; `tag` stands for its bytes.

    One range is answered; several, or another unit than bytes, are the whole file, as RFC 9110 §14.2 lets it.

    Raises:
        RangeOutside: the part begins beyond the end.
        NotReady: too many files are being sent already.
        OSError: the file cannot be opened.
    """
    size = path.stat().st_size
    if request.if_none_match.contains_weak(tag):
        response = Response(status=304)
        del response.headers["Content-Type"]
    else:
        part = _asked_range(size, tag) if request.method == "GET" else None
        response = _sent(path, media_type, part or (0, size))
        if part:
            response.status_code = 206
            response.headers["Content-Range"] = f"bytes {part[0]}-{part[1] - 1}/{size}"
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = REVALIDATE if shared else PRIVATE_CACHING
    response.vary.update(["Origin"] if shared else ["Authorization", "X-API-Key", "Origin", "Referer"])
    response.set_etag(tag)
    return response


def _asked_range(size: int, tag: str) -> tuple[int, int] | None:
    """Return first byte and end of the part that is asked for; None: the whole."""
    found = _RANGE.fullmatch(request.headers.get("Range", ""))
    if found is None or found.group(1) == found.group(2) == "":
        return None
    if request.headers.get("If-Range", f'"{tag}"') != f'"{tag}"':
        return None  # what the caller has a part of is another version
    first, last = found.groups()
    if not first:
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < begin:
            return None  # no range at all: RFC 9110 §14.1.1
    if begin >= size:
        error = RangeOutside(f"the file has {size} bytes", remedy="Ask without Range, or for what is there.")
        error.size = size
        raise error
    return begin, end


def _sent(path: Path, media_type: str, part: tuple[int, int]) -> Response:
    if request.method == "HEAD":
        response = Response(iter(()), content_type=media_type)
    else:
        response = _streamed(path, media_type, part)
    response.content_length = part[1] - part[0]
    return response


def _streamed(path: Path, media_type: str, part: tuple[int, int]) -> Response:
    if not _sendings.acquire(blocking=False):
        raise NotReady("too many downloads are being sent here", remedy="Try again in a moment.")
    with ExitStack() as stack:
        stack.callback(_sendings.release)
        stream = stack.enter_context(path.open("rb"))
        ending = stack.pop_all()  # runs once, at the end of the file or of the connection
    response = Response(_pieces(stream, part, ending), content_type=media_type)
    response.call_on_close(ending.close)
    return response


def _pieces(stream: BinaryIO, part: tuple[int, int], ending: ExitStack) -> Iterator[bytes]:
    with ending:
        stream.seek(part[0])
        left = part[1] - part[0]
        while left and (chunk := stream.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
