"""How far keys reach: a managing key makes and touches only keys that reach no further than itself.

Quotas are not part of a reach: who manages keys hands quotas out.
"""

from __future__ import annotations

import ipaddress

from naru.errors import ScopeDenied
from tileserver.keys.ring import Permissions


def excess(own: Permissions, other: Permissions) -> str | None:
    """Return the field by which `other` reaches further than `own`; None where it does not.

    A key that opens nothing but public layers, for reading, may be used from anywhere and at any time. What opens
    more must stay within the networks, the sites and the time that `own` is bound to, or making keys would be a way
    out of them.

    >>> excess(Permissions(frozenset(("manage", "content"))), Permissions(frozenset(("content", "twin"))))
    'functions'
    """
    if other.functions - own.functions:
        return "functions"
    if other.access == "private" and own.access != "private":
        return "access"
    if other.access == "private" and other.groups - own.groups:
        return "groups"
    if own.layers is not None and (other.layers is None or other.layers - own.layers):
        return "layers"
    if other.access == "public" and "manage" not in other.functions:
        return None
    return _looser_bond(own, other)


def check_reach(own: Permissions, wanted: Permissions) -> None:
    """Return if a key with permissions `own` may make one with `wanted`.

    Raises:
        ScopeDenied: it would reach further; `field` says by what.
    """
    field = excess(own, wanted)
    if field is not None:
        raise ScopeDenied(
            f"the key would reach further than the one that makes it, by its {field}",
            field=field,
            remedy="Ask for what your own key has, or ask whoever gave you the key to widen it.",
        )


def _looser_bond(own: Permissions, other: Permissions) -> str | None:
    if own.cidrs and not (other.cidrs and all(_lies_within(cidr, own.cidrs) for cidr in other.cidrs)):
        return "cidrs"
    if own.referrers and (not other.referrers or set(other.referrers) - set(own.referrers)):
        return "referrers"
    if own.expires is not None and (other.expires is None or other.expires > own.expires):
        return "expires"
    return None


def _lies_within(cidr: str, allowed: tuple[str, ...]) -> bool:
    inner = ipaddress.ip_network(cidr)
    outers = [ipaddress.ip_network(one) for one in allowed]
    return any(inner.version == outer.version and inner.subnet_of(outer) for outer in outers)  # type: ignore[arg-type]
