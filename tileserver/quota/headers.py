"""How a key stands, and the response headers that say so: draft-ietf-httpapi-ratelimit-headers-11.

Two lists of structured fields (RFC 9651): `RateLimit-Policy: "day";q=1000;w=86400` is what holds, and
`RateLimit: "day";r=421;t=3021` how much of it is left and in how many seconds it begins anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tileserver.keys.ring import ANONYMOUS
from tileserver.quota.windows import Period, Window

if TYPE_CHECKING:
    from flask import Response

    from tileserver.quota.leases import Lease


@dataclass(frozen=True, slots=True)
class Standing:
    """One window of a key: requests allowed and left (None: any number), used (None: not looked up), its times."""

    period: Period
    limit: int | None
    used: int | None
    left: int | None
    window_s: int
    resets_in_s: int

    @classmethod
    def of(cls, window: Window, limit: int | None, used: int | None, left: int | None, now: float) -> Standing:
        """Return the standing in `window` at the moment `now` (seconds since the epoch)."""
        return cls(window.period, limit, used, left, round(window.ends - window.begins), seconds_left(window, now))

    def as_json(self) -> dict[str, Any] | None:
        """Return limit, used, left and resets_in_s; None where there is no limit."""
        if self.limit is None:
            return None
        return {"limit": self.limit, "used": self.used, "left": self.left, "resets_in_s": self.resets_in_s}


def seconds_left(window: Window, now: float) -> int:
    """Return how long a window still lasts, in whole seconds and at least one."""
    return max(1, math.ceil(window.ends - now))


def policy(name: str, quota: int, window_s: int) -> str:
    """Return one item of RateLimit-Policy (§3 of the draft).

    >>> policy("day", 100000, 86400)
    '"day";q=100000;w=86400'
    """
    return f'"{name}";q={quota};w={window_s}'


def limit(name: str, remaining: int, resets_in_s: int) -> str:
    """Return one item of RateLimit (§4 of the draft).

    >>> limit("day", 4211, 30211)
    '"day";r=4211;t=30211'
    """
    return f'"{name}";r={remaining};t={resets_in_s}'


def tell_standing(response: Response, lease: Lease, now: float) -> None:
    """Add to an answer how its key stands; not to tiles, where every byte counts, nor for callers without a key.

    The latter share one quota, so that what is left of it says nothing to any of them.
    """
    media_type = response.mimetype or ""
    is_tile = media_type.startswith("image/") or "vector-tile" in media_type
    if is_tile or lease.key.id == ANONYMOUS:
        return
    fields = standing_headers(lease.standings(now), lease.key.permissions.second_rate)
    response.headers.extend(fields)
    if fields and "Access-Control-Expose-Headers" not in response.headers:
        response.headers["Access-Control-Expose-Headers"] = "RateLimit, RateLimit-Policy"


def standing_headers(standings: Iterable[Standing], second_rate: int | None = None) -> list[tuple[str, str]]:
    """Return the fields of an answer that was let through; none for a key without limits.

    The rate per second is named as a policy only: what is left of it has changed before the answer arrives.
    """
    limited = [one for one in standings if one.limit is not None and one.left is not None]
    policies = [policy(one.period, one.limit or 0, one.window_s) for one in limited]
    if second_rate is not None:
        policies.append(policy("second", second_rate, 1))
    fields = [("RateLimit-Policy", ", ".join(policies))] if policies else []
    if limited:
        left = ", ".join(limit(one.period, one.left or 0, one.resets_in_s) for one in limited)
        fields.append(("RateLimit", left))
    return fields
