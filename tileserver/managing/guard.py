"""What a caller may manage: the grant of its key, and nothing without one."""

from __future__ import annotations

from naru.errors import KeyMissing, ScopeDenied, UnknownLayer
from naru.grants import Grant
from naru.records import Layer
from tileserver.access import Caller
from tileserver.keys.ring import ANONYMOUS, Key


def check_manager(caller: Caller) -> Key:
    """Return the caller's key if it may manage.

    Raises:
        KeyMissing: no key came; what a caller without one may do never includes this.
        ScopeDenied: the key is for other things.
    """
    if caller.key is None or caller.key.id == ANONYMOUS:
        raise KeyMissing(
            "this needs a key with the function manage", remedy="Send one as X-API-Key or Authorization: Bearer."
        )
    if "manage" not in caller.key.permissions.functions:
        raise ScopeDenied(
            "the key is not for managing layers",
            remedy="It needs the function manage: ask whoever gave you the key.",
        )
    return caller.key


def check_planner(caller: Caller) -> Key:
    """Return the caller's key if it may run floods: it manages, or it is for the twin and opens private layers.

    Keys for the twin's public layers stand in web pages: they start no work, and publish nothing.

    Raises:
        KeyMissing: no key came; what a caller without one may do never includes this.
        ScopeDenied: the key is for other things.
    """
    if caller.key is None or caller.key.id == ANONYMOUS:
        raise KeyMissing(
            "this needs a key with the function twin and private access, or manage",
            remedy="Send one as X-API-Key or Authorization: Bearer.",
        )
    may = caller.key.permissions
    if "manage" in may.functions or ("twin" in may.functions and may.access == "private"):
        return caller.key
    raise ScopeDenied(
        "the key is not for running floods",
        remedy="It needs the function twin with private access, or manage: ask whoever gave you the key.",
    )


def may_plan(caller: Caller) -> bool:
    """Tell whether the caller may run floods."""
    try:
        check_planner(caller)
    except (KeyMissing, ScopeDenied):
        return False
    return True


def may_manage_some(caller: Caller) -> bool:
    """Tell whether the caller's key is one for managing."""
    try:
        check_manager(caller)
    except (KeyMissing, ScopeDenied):
        return False
    return True


def plan_of(caller: Caller) -> Grant:
    """Return what the caller's floods may publish. Raises KeyMissing, ScopeDenied: see `check_planner`."""
    return _grant(check_planner(caller))


def may_manage(caller: Caller, layer: Layer) -> bool:
    """Tell whether the caller may change this layer."""
    try:
        grant_of(caller).check_change(layer.id, layer.visibility)
    except (KeyMissing, ScopeDenied, UnknownLayer):
        return False
    return True


def grant_of(caller: Caller) -> Grant:
    """Return what the caller may manage.

    Raises:
        KeyMissing, ScopeDenied: nothing; see `check_manager`.
    """
    return _grant(check_manager(caller))


def _grant(key: Key) -> Grant:
    may = key.permissions
    layers = None if may.layers is None else tuple(sorted(may.layers))
    return Grant(key.id, may.access == "private", tuple(sorted(may.groups)), layers)
