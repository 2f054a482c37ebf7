"""What a worker and its drawing process say to each other: a message is a JSON object and byte strings.

No pickles: the process that draws reads strangers' tiles, and what it sends is not to be trusted with more than
being pictures.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import IO, Any

_HEAD = struct.Struct("<IQ")  # bytes of the JSON, bytes of all that follows
_MOST = 512 << 20


def send(stream: IO[bytes], told: Any, blobs: Sequence[bytes] = ()) -> None:
    """Write a message."""
    text = json.dumps([told, [len(blob) for blob in blobs]], separators=(",", ":")).encode()
    stream.write(_HEAD.pack(len(text), sum(map(len, blobs))))
    stream.write(text)
    for blob in blobs:
        stream.write(blob)
    stream.flush()


def receive(stream: IO[bytes], most: int = _MOST) -> tuple[dict[str, Any], list[bytes]]:
    """Return the next message; of `most` bytes beside its JSON at most, and as many of that.

    Raises:
        EOFError: the other side is gone, or sends something else.
    """
    long, rest = _HEAD.unpack(_exactly(stream, _HEAD.size))
    if long > most or rest > most:
        raise EOFError("no message")
    try:
        told, sizes = json.loads(_exactly(stream, long))
    except (ValueError, TypeError, RecursionError) as cause:
        raise EOFError("no message") from cause
    if not isinstance(told, dict) or not _are_sizes(sizes) or sum(sizes) != rest:
        raise EOFError("no message")
    return told, [_exactly(stream, size) for size in sizes]


def _are_sizes(sizes: Any) -> bool:
    return isinstance(sizes, list) and all(type(size) is int and size >= 0 for size in sizes)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError("the other side is gone")
    return data
