"""Which of several media types a caller likes best, by `Accept` (RFC 9110 §12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_MOST_RANGES = 32  # that are looked at: no client sends more, and the header may be 64 KB long
_WEIGHT = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?")  # §12.4.2


class _Range(NamedTuple):
    media: str  # "image/webp", "image/*", "*/*"
    weight: float


def best_type(accept: str, types: Sequence[str]) -> str | None:
    """Return which of `types` (media types, the server's favourite first) suits `accept` best; None: none does.

    An empty header accepts all. Each type has the weight of the most specific range that names it; of equal
    weights the earlier type wins. Ranges that are malformed do not count. Who answers by this must send
    `Vary: Accept`.

    >>> best_type("image/avif,image/png,image/*;q=0.8,*/*;q=0.5", ["image/webp", "image/png"])
    'image/png'
    >>> best_type("text/html", ["image/webp", "image/png"]) is None
    True
    """
    if not accept.strip():
        return types[0] if types else None
    ranges = [found for part in accept.split(",")[:_MOST_RANGES] if (found := _range(part))]
    weights = {media: _weight(media.lower(), ranges) for media in types}
    best = max(weights, key=lambda media: weights[media], default=None)  # max gives the first of equals
    return best if best is not None and weights[best] > 0 else None


def _range(text: str) -> _Range | None:
    """Return one media range; its parameters but `q` are not looked at: our types have none to choose by."""
    media, *parameters = (part.strip().lower() for part in text.split(";"))
    kind, slash, subtype = media.partition("/")
    if not (kind and slash and subtype) or (kind == "*" and subtype != "*"):
        return None
    weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    return _Range(media, float(weight)) if _WEIGHT.fullmatch(weight) else None


def _weight(media: str, ranges: Sequence[_Range]) -> float:
    for wanted in (media, f"{media.partition('/')[0]}/*", "*/*"):
        weights = [found.weight for found in ranges if found.media == wanted]
        if weights:
            return max(weights)
    return 0.0
