"""Which content codings a caller takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def accepts_gzip(environ: Mapping[str, Any]) -> bool:
    """Tell whether the caller takes gzip (RFC 9110 §12.5.3)."""
    accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
    if "q=" not in accepted:
        return "gzip" in accepted or "*" in accepted
    weights = dict(_weight(part) for part in accepted.lower().split(","))
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weight(part: str) -> tuple[str, float]:
    name, _, parameter = part.partition(";")
    try:
        return name.strip(), float(parameter.strip().removeprefix("q=") or 1)
    except ValueError:
        return name.strip(), 0.0
