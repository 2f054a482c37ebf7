"""Ids for layers: from what the user said, else from the file's name, safe in URLs, Korean romanised."""

from __future__ import annotations

import os
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from anyascii import anyascii

_LONGEST = 64


def legible(name: str) -> str:
    """Return a name that the system handed over as text; bytes that are no UTF-8 are CP949, as Windows packs them.

    >>> legible(os.fsdecode("서울".encode("cp949")))
    '서울'
    """
    raw = os.fsencode(name)
    for codec in ("utf-8", "cp949"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace")


def slug(text: str) -> str:
    """Return `text` as an id; text that romanises to nothing gets a stable name of its own.

    >>> slug("서울시 자치구 (2025)")
    'seoulsi-jachigu-2025'
    """
    plain = anyascii(unicodedata.normalize("NFC", text)).lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST].strip("-")
    return words or f"layer-{zlib.crc32(text.encode()):08x}"


def layer_ids(wanted: str | None, path: Path, names: Sequence[str]) -> list[str]:
    """Return one id a layer: `wanted` (or the file's name) alone, with the layer's name when there are several.

    >>> layer_ids(None, Path("강.gpkg"), ["둔치", "수면"])
    ['gang-dunchi', 'gang-sumyeon']
    """
    stem = wanted if wanted is not None else slug(_stem(legible(path.name)))
    if len(names) == 1:
        return [stem]
    return _distinct([f"{stem}-{slug(name)}"[:_LONGEST].strip("-") for name in names])


def _stem(name: str) -> str:
    return name.split(".", maxsplit=1)[0] or name


def _distinct(ids: Sequence[str]) -> list[str]:
    """Number those that would be the same."""
    seen: Counter[str] = Counter()
    out = []
    for layer_id in ids:
        seen[layer_id] += 1
        number = seen[layer_id]
        out.append(layer_id if number == 1 else f"{layer_id[: _LONGEST - 4]}-{number}")
    return out
