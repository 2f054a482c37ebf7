"""Which content coding a caller gets (RFC 9110 §12.5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

Coding = Literal["gzip", "br", "zstd", "identity"]
CODINGS: tuple[Coding, ...] = ("gzip", "br", "zstd")  # in our order: tiles lie gzipped in their archives
_LONGEST = 256  # characters of Accept-Encoding; who sends more gets no coding, and fills no memory
_OTHER_NAMES = {"x-gzip": "gzip"}  # two names of one coding (RFC 9110 §8.4.1.3)


def coding_for(environ: Mapping[str, Any]) -> Coding:
    """Return the coding that the caller likes best; ours first among those that it likes alike."""
    return _best(_said(environ))


def accepts_gzip(environ: Mapping[str, Any]) -> bool:
    """Tell whether the caller takes gzip."""
    return _weights(_said(environ)).get("gzip", 0.0) > 0


def _said(environ: Mapping[str, Any]) -> str:
    said: str = environ.get("HTTP_ACCEPT_ENCODING", "")
    return said if len(said) <= _LONGEST else ""


@lru_cache(maxsize=256)  # browsers and libraries send a handful of spellings
def _best(accepted: str) -> Coding:
    weights = _weights(accepted)
    best = max(CODINGS, key=lambda name: weights[name])
    return best if weights[best] > 0 else "identity"


@lru_cache(maxsize=256)
def _weights(accepted: str) -> Mapping[str, float]:
    """Return how much a caller likes each of our codings; 0: not at all."""
    named = [_weight(part) for part in accepted.lower().split(",")]
    given = {_OTHER_NAMES.get(name, name): 0.0 for name, _ in named}
    for name, weight in named:
        given[_OTHER_NAMES.get(name, name)] = max(weight, given[_OTHER_NAMES.get(name, name)])
    return {name: given.get(name, given.get("*", 0.0)) for name in CODINGS}


def _weight(part: str) -> tuple[str, float]:
    name, _, parameter = part.partition(";")
    try:
        return name.strip(), float(parameter.strip().removeprefix("q=") or 1)
    except ValueError:
        return name.strip(), 0.0
