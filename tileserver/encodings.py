"""Which content codings a caller takes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_GZIP = ("gzip", "x-gzip")  # two names of one coding (RFC 9110 §8.4.1.3)


def accepts_gzip(environ: Mapping[str, Any]) -> bool:
    """Tell whether the caller takes gzip (RFC 9110 §12.5.3)."""
    return _takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))


@lru_cache(maxsize=256)  # browsers and libraries send a handful of spellings
def _takes_gzip(accepted: str) -> bool:
    weights = dict(_weight(part) for part in accepted.lower().split(","))
    named = [weights[name] for name in _GZIP if name in weights]
    return max(named, default=weights.get("*", 0.0)) > 0


def _weight(part: str) -> tuple[str, float]:
    name, _, parameter = part.partition(";")
    try:
        return name.strip(), float(parameter.strip().removeprefix("q=") or 1)
    except ValueError:
        return name.strip(), 0.0
