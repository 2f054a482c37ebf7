"""What of the ledger a caller may see: nobody learns from a report of layers that they may not know of.

- A managing key that oversees everything (private, no list of layers) sees all rows; layers of groups that it is
  not in have no name.
- A managing key with a list of layers, or for public layers only, sees the rows of the layers it may change, and
  not who asked for them.
- Whoever holds a key sees what that key asked for; layers that it may not read now have no name.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from naru.errors import ScopeDenied, UnknownKey, UnknownLayer
from tileserver.access import Caller
from tileserver.keys.ring import ANONYMOUS
from tileserver.managing.guard import grant_of, may_manage
from tileserver.routes import Service
from tileserver.usage.page import NONE, OTHER
from tileserver.usage.query import Query
from tileserver.usage.report import Reach

_NO_LAYER = (NONE, OTHER)


def of_manager(service: Service, caller: Caller, query: Query) -> Reach:
    """Return what a managing key may see of a query's answer.

    Raises:
        KeyMissing, ScopeDenied, UnknownLayer, UnknownKey: nothing of it.
    """
    grant = grant_of(caller)
    known = service.keeper.current.layers

    @lru_cache
    def changeable(layers: str) -> bool:
        return all(one in known and may_manage(caller, known[one]) for one in layers.split(","))

    @lru_cache
    def not_hidden(layers: str) -> bool:
        return all(one not in known or grant.reaches(known[one].visibility) for one in layers.split(","))

    if not grant.oversees:
        if "key" in (*query.by, *query.filters) and query.key != grant.key:
            raise ScopeDenied(
                "the key does not oversee other keys",
                field="by",
                remedy="It needs access private and no list of layers; /api/usage/mine shows its own usage.",
            )
        _check_layer(query, changeable(query.layer or ""))
        return Reach(only=changeable)
    _check_layer(query, not_hidden(query.layer or "") and _was_there(service, query.layer or NONE))
    if query.key not in (None, NONE, ANONYMOUS, grant.key):
        service.keyring.get(query.key or "")
    return Reach(named=not_hidden)


def of_holder(caller: Caller, service: Service, query: Query) -> tuple[Query, Reach]:
    """Return the query as a key's own, and what its holder may see.

    Raises:
        UnknownLayer: the query is about a layer that the key may not read.
        UnknownKey: ... or about another key.
    """
    key = caller.key
    if key is None or query.key not in (None, key.id):
        raise UnknownKey(
            "that is not the key that asks", field="key", remedy="Leave it out: this is its own usage."
        )
    known = service.keeper.current.layers

    @lru_cache
    def readable(layers: str) -> bool:
        return layers in _NO_LAYER or all(one in known and caller.sees(known[one]) for one in layers.split(","))

    _check_layer(query, readable(query.layer or NONE))
    return replace(query, key=key.id), Reach(named=readable)


def check_layer(service: Service, caller: Caller, layer: str) -> None:
    """Return if a managing key may see the usage of one layer.

    Raises:
        KeyMissing, ScopeDenied, UnknownLayer: it may not.
    """
    grant = grant_of(caller)
    found = service.keeper.current.layers.get(layer)
    if found is not None:
        grant.check_change(found.id, found.visibility)
    elif not (grant.oversees and _was_there(service, layer)):
        raise UnknownLayer(layer)


def _was_there(service: Service, layers: str) -> bool:
    """Tell whether layers are there or were: to find nothing of others would tell them from hidden ones."""
    known = service.keeper.current.layers
    there = layers in _NO_LAYER or all(one in known for one in layers.split(","))
    return there or service.usage.ledger.has_layer(layers)


def _check_layer(query: Query, known: bool) -> None:
    if query.layer is not None and not known:
        raise UnknownLayer(query.layer)
