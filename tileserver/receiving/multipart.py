"""multipart/form-data (RFC 7578), read as it comes: fields into memory, files in pieces to whoever takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import NEED_DATA, Data, Epilogue, Event, Field, File, MultipartDecoder

from naru.errors import BadRequest, MediaType
from naru.uploads import display_name

FILE = "file"  # the name of the parts that hold files
MOST_FILES = 64
_LONGEST_BOUNDARY = 200  # RFC 2046 §5.1.1 allows 70; some clients write a few more
_MOST_PARTS = MOST_FILES + 32
_LARGEST_FIELD = 16 * 1024  # bytes
_BUFFER = 1024 * 1024  # of headers, preamble and epilogue; a piece of a body is smaller
_REMEDY = "Send files as parts named 'file', and options as fields; /openapi.json lists them."


class Form:
    """A form that is being sent. `fields` is complete when `files` has been gone through."""

    def __init__(self, content_type: str, body: Iterator[bytes], check: Callable[[str, str], Any]) -> None:
        """`check(name, value)` sees each field as soon as it is there, and may refuse it."""
        self.fields: dict[str, str] = {}
        self._body, self._check = body, check
        self._decoder = _Decoder(_boundary(content_type), _BUFFER, max_parts=_MOST_PARTS)

    def files(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield each file's name for people and its bytes, which must be taken before the next.

        Raises:
            BadRequest: the form is malformed, cut short, or not as agreed.
        """
        count = 0
        while not isinstance(event := self._next(), Epilogue):
            if isinstance(event, Field):
                self._keep(event.name)
            elif isinstance(event, File):
                count += 1
                yield _name_of(event, count), self._data()
        if not count:
            raise BadRequest("the form holds no file", field=FILE, remedy=_REMEDY)

    def _keep(self, name: str | None) -> None:
        if not name or name in self.fields or name == FILE:
            raise BadRequest(f"the form's field '{str(name)[:80]}' came twice or is no option", remedy=_REMEDY)
        value = bytearray()
        for piece in self._data():
            value += piece
            if len(value) > _LARGEST_FIELD:
                raise BadRequest(f"the field '{name[:80]}' is too long", field=name[:80], remedy=_REMEDY)
        self.fields[name] = _text(bytes(value))
        self._check(name, self.fields[name])

    def _data(self) -> Iterator[bytes]:
        more = True
        while more:
            event = self._next()
            if not isinstance(event, Data):
                raise BadRequest("the form is malformed", remedy=_REMEDY)
            more = event.more_data
            if event.data:
                yield event.data

    def _next(self) -> Event:
        try:
            while (event := self._decoder.next_event()) is NEED_DATA:
                self._decoder.receive_data(next(self._body, None))
        except RequestEntityTooLarge as error:
            raise BadRequest("the form has too many parts, or too much between them", remedy=_REMEDY) from error
        except ValueError as error:
            raise BadRequest(f"the form is malformed or was cut short ({error})", remedy=_REMEDY) from error
        return event


class _Decoder(MultipartDecoder):
    """Werkzeug's decoder, which also takes file names in CP949, as Korean Windows programs send them."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        return super()._parse_headers(_text(bytes(data)).encode())


def _text(raw: bytes) -> str:
    for codec in ("utf-8", "cp949"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace")


def _name_of(event: File, count: int) -> str:
    if event.name != FILE:
        raise BadRequest(f"the file part '{str(event.name)[:80]}' is not named 'file'", remedy=_REMEDY)
    if not event.filename:
        raise BadRequest("no file was chosen", field=FILE, remedy=_REMEDY)
    if count > MOST_FILES:
        raise BadRequest(f"the form holds more than {MOST_FILES} files", field=FILE, remedy="Pack them as a zip.")
    return display_name(event.filename)


def _boundary(content_type: str) -> bytes:
    media_type, options = parse_options_header(content_type)
    if media_type != "multipart/form-data":
        raise MediaType("the body is not multipart/form-data", remedy=_REMEDY)
    boundary = options.get("boundary", "")
    if not (boundary.isascii() and 0 < len(boundary) <= _LONGEST_BOUNDARY):
        raise BadRequest("the form has no usable boundary", remedy=_REMEDY)
    return boundary.encode()
