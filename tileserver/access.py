"""Who asks, and what may they have: a request's key, and that key's permission for a layer."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from naru.errors import (
    AddressDenied,
    KeyExpired,
    KeyInvalid,
    KeyMissing,
    ReferrerDenied,
    ScopeDenied,
    UnknownLayer,
)
from naru.records import Layer
from tileserver.keys.ring import ANONYMOUS, Credential, Key
from tileserver.pyramids import MOST_LAYERS
from tileserver.snapshot import Snapshot

Environ = Mapping[str, Any]
QUERY_NAMES = ("key", "apikey")
LONGEST_REMEMBERED = 512  # characters of a query: callers could fill the memory with longer ones
_BEARER = "bearer "
_SEND_KEY = "Send one as X-API-Key, Authorization: Bearer, or ?key=."
_WIDEN = "Ask whoever gave you the key to widen it."


class Presented(NamedTuple):
    """The key that came with a request, and the query parameter it came in (None: a header)."""

    text: str | None
    parameter: str | None


_NO_KEY = Presented(None, None)


class Caller(NamedTuple):
    """Who asks: under which key (None: nobody we let in), and how the key came."""

    key: Key | None
    presented: Presented

    def permit(self, layer: Layer, function: str | None = None) -> None:
        """Return if the caller may read `layer`; see `permit`."""
        permit(self.key, layer, function)

    def sees(self, layer: Layer, function: str | None = None) -> bool:
        """Tell whether the caller may read `layer`."""
        try:
            permit(self.key, layer, function)
        except (UnknownLayer, ScopeDenied):
            return False
        return True

    def knows_of(self, layer: Layer) -> bool:
        """Tell whether the caller may learn that `layer` exists, which may be more than it may read."""
        try:
            permit(self.key, layer)
        except UnknownLayer:
            return False
        except ScopeDenied:
            return True
        return True


def presented_key(environ: Environ) -> Presented:
    """Return the key a request carries: X-API-Key, else Authorization: Bearer, else ?key=, else ?apikey=."""
    header = environ.get("HTTP_X_API_KEY")
    if header:
        return Presented(header.strip() or None, None)
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return Presented(authorization[len(_BEARER) :].strip(), None)
    query = environ.get("QUERY_STRING", "")
    if "key=" not in query:
        return _NO_KEY
    return _in_query(query) if len(query) <= LONGEST_REMEMBERED else _in_query.__wrapped__(query)


@lru_cache(maxsize=1024)  # a page sends the same query with every tile
def _in_query(query: str) -> Presented:
    given = dict(reversed(parse_qsl(query)))
    for name in QUERY_NAMES:
        if given.get(name):
            return Presented(given[name], name)
    return _NO_KEY


def identify(snapshot: Snapshot, environ: Environ, now: float, proxies: int = 0) -> Key:
    """Return the key under which a request runs; the built-in anonymous one where none was sent.

    `now` in seconds since the epoch; `proxies` are the trusted ones in front of this server.

    Raises:
        KeyMissing, KeyInvalid, KeyExpired, ReferrerDenied, AddressDenied: as their names say.
    """
    header = environ.get("HTTP_X_API_KEY")
    credential = snapshot.met(header) if header else None
    if credential is None:
        credential = _look_up(snapshot, environ)
    if credential is None:
        if snapshot.anonymous is None:
            raise KeyMissing("this needs a key", remedy=_SEND_KEY)
        return snapshot.anonymous
    if now >= credential.expires:
        raise KeyExpired("the key has expired", remedy="Ask whoever gave it to you for a new one.")
    key = credential.key
    if key.permissions.referrers or key.permissions.cidrs:
        _check_origin(key, environ, proxies)
    return key


def _look_up(snapshot: Snapshot, environ: Environ) -> Credential | None:
    """Return what the key that a request carries stands for; None where it carries none.

    Raises:
        KeyInvalid: nobody knows it.
    """
    text = presented_key(environ).text
    if text is None:
        return None
    credential = snapshot.credential(text)
    if credential is None:
        raise KeyInvalid("the key is not known here", remedy="Was it copied whole? Else ask for a new one.")
    return credential


def check_own_key(caller: Caller) -> Key:
    """Return the key that the caller sent.

    Raises:
        KeyMissing: none came; the built-in key of such callers is nobody's own.
    """
    if caller.key is None or caller.key.id == ANONYMOUS:
        raise KeyMissing("this needs a key of your own", remedy=_SEND_KEY)
    return caller.key


def check_function(caller: Caller, function: str) -> None:
    """Return if the caller's key is for `function`.

    Raises:
        KeyMissing, ScopeDenied: there is no key, or it is for other things.
    """
    if caller.key is None:
        raise KeyMissing("this needs a key", remedy=_SEND_KEY)
    if function not in caller.key.permissions.functions:
        raise ScopeDenied(f"the key is not for the function {function}", remedy=_WIDEN)


def permit(key: Key | None, layer: Layer, function: str | None = None) -> None:
    """Return if `key` (None: nobody) may read `layer`; `function` is what for, where not for the layer's own.

    Raises:
        UnknownLayer: the layer is not public and not for this key, which therefore does not learn that it exists.
        ScopeDenied: the layer is public, but outside the key's functions or layers.
    """
    if key is None:
        raise UnknownLayer(layer.id)
    may = key.permissions
    listed = may.layers is None or layer.id in may.layers
    if layer.visibility != "public" and not (listed and _trusted_with(key, layer.visibility)):
        raise UnknownLayer(layer.id)
    if not listed or (function or layer.function) not in may.functions:
        raise ScopeDenied(
            f"the key is not for {function or layer.function} layers"
            if listed
            else "the key is not for this layer",
            layer=layer.id,
            remedy=_WIDEN,
        )


def may_read(snapshot: Snapshot, key: Key, layers: str) -> bool:
    """Tell whether all of `layers` (ids, joined by commas) are there and `key` may read them."""
    if layers.count(",") >= MOST_LAYERS:  # the lane says so
        return False
    found = [snapshot.layers.get(name) for name in layers.split(",")]
    return all(layer is not None and Caller(key, _NO_KEY).sees(layer) for layer in found)


def _trusted_with(key: Key, visibility: str) -> bool:
    if key.permissions.access != "private":
        return False
    return visibility == "private" or visibility.removeprefix("group:") in key.permissions.groups


def _check_origin(key: Key, environ: Environ, proxies: int) -> None:
    may = key.permissions
    if may.referrers and not _from_allowed_site(environ, may.referrers):
        raise ReferrerDenied(
            "the key is bound to other web sites",
            remedy="Use it from the sites it was made for; map clients without a web page need another key.",
        )
    if may.cidrs and not _from_allowed_network(environ, may.cidrs, proxies):
        raise AddressDenied("the key is bound to other networks", remedy="Use it from inside those.")


def _from_allowed_site(environ: Environ, allowed: tuple[str, ...]) -> bool:
    try:
        site = urlsplit(environ.get("HTTP_ORIGIN") or environ.get("HTTP_REFERER") or "")
    except ValueError:  # no address at all, such as https://[bad
        return False
    host = (site.hostname or "").rstrip(".")
    return bool(host) and any(_matches(site.scheme, host, pattern) for pattern in allowed)


def _matches(scheme: str, host: str, pattern: str) -> bool:
    wanted_scheme, separator, rest = pattern.rpartition("://")
    if separator and scheme != wanted_scheme:
        return False
    return host.endswith(rest[1:]) if rest.startswith("*.") else host == rest


def _from_allowed_network(environ: Environ, allowed: tuple[str, ...], proxies: int) -> bool:
    address = client_address(environ, proxies)
    return address is not None and any(address in network for network in _networks(allowed))


def caller_text(environ: Environ, proxies: int) -> str:
    """Return what is known of the caller's address, as text and unchecked: for counting, not for deciding."""
    text: str = environ.get("REMOTE_ADDR", "")
    if proxies:
        hops = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
        text = hops[-proxies].strip() if len(hops) >= proxies else ""
    return text


def client_address(environ: Environ, proxies: int) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the caller's address: the peer's, or the one that the outermost trusted proxy wrote down.

    Entries of X-Forwarded-For further left were sent by the caller and prove nothing.
    """
    text = environ.get("REMOTE_ADDR", "")
    if proxies:
        hops = [hop.strip() for hop in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        text = hops[-proxies] if len(hops) >= proxies else ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=1024)
def _networks(cidrs: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(cidr) for cidr in cidrs)
