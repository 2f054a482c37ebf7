"""Odd requests: what OpenAPI's schemas allow and forbid, nasty strings in every place, and both mixed at random."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, quote_plus

import requests
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, openapi
from schemathesis.core.errors import SerializationNotPossible

from bench.odd_strings import BODIES, GOOD, HEADER_VALUES, HEADERS, METHODS, NASTY
from tileserver.app import ROUTES
from tileserver.openapi import openapi_path
from tileserver.routes import Route

SEED = 20260404
FORGED_HOST = "forged-host.example"
KEYS = ("none", "reader", "manager")


@dataclass(frozen=True)
class Case:
    """One request: its line and headers as bytes, so that nothing on the way can put them right."""

    source: str  # how it was made
    method: str
    target: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    body: bytes = b""
    key: str = "none"


# --- how it is put together -----------------------------------------------------------------------


def cases(documents: Mapping[str, dict[str, Any]], each: int) -> Iterator[Case]:
    """Yield cases without end: from the schemas, then one nasty string in one place, then mixtures.

    `documents` are the OpenAPI documents that each sort of caller gets; `each`: examples of an operation and mode.
    """
    yield from from_schemas(documents, each)
    yield from one_by_one()
    yield from mixed()


def from_schemas(documents: Mapping[str, dict[str, Any]], each: int) -> Iterator[Case]:
    """Yield what Schemathesis makes of the documents: requests that they allow, and requests that they forbid."""
    for key, document in documents.items():
        for result in openapi.from_dict(document).get_all_operations():
            operation = result.ok()
            for mode in GenerationMode:
                try:
                    made = _examples(operation.as_strategy(generation_mode=mode), each)
                except (Unsatisfiable, SerializationNotPossible):  # nothing can be forbidden; raw bytes of tus
                    continue
                yield from (_sent(case, key) for case in made)


def _examples(strategy: Any, count: int) -> list[Any]:
    found: list[Any] = []

    @seed(SEED)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(case: Any) -> None:
        found.append(case)

    collect()
    return found


def _sent(case: Any, key: str) -> Case:
    """Return a case of Schemathesis' as the library requests would send it."""
    asked = case.as_transport_kwargs(base_url="http://x")
    prepared = requests.Request(**{name: asked[name] for name in _KNOWN if name in asked}).prepare()
    body = prepared.body or b""
    sent = body.encode() if isinstance(body, str) else bytes(body)
    kept = {
        n: v
        for n, v in prepared.headers.items()
        if n.lower() not in ("content-length", "x-api-key", "authorization")
    }
    headers = tuple((name, _bytes(value)) for name, value in kept.items() if isinstance(name, str))
    return Case("schemas", prepared.method or "GET", _bytes(prepared.path_url), headers, sent, key)


_KNOWN = ("method", "url", "headers", "params", "data", "json", "files", "cookies")


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def one_by_one() -> Iterator[Case]:
    """Yield every route with one nasty string in one place: a path or query parameter, a header, the body."""
    keys = itertools.cycle(KEYS)
    for route in ROUTES:
        key = "manager" if route.scope == "manage" else None
        for name in parameters(route):
            for text in NASTY:
                yield Case("one place", route.method, address(route, {name: text}), key=key or next(keys))
        for name in route.query:
            for text in NASTY:
                yield Case("one place", route.method, address(route, {}, {name: text}), key=key or next(keys))
        for header, value in zip(HEADERS * 3, itertools.cycle(HEADER_VALUES), strict=False):
            yield Case("one place", route.method, address(route), ((header, value),), key=key or next(keys))
        for method in METHODS:
            yield Case("one place", method, address(route), key=key or next(keys))
        if route.method in ("POST", "PATCH"):
            for media_type, body in BODIES:
                yield Case(
                    "one place", route.method, address(route), (("Content-Type", media_type),), body, "manager"
                )


def parameters(route: Route) -> list[str]:
    """Return the names of a route's path parameters."""
    return [part.partition("}")[0] for part in openapi_path(route.rule).split("{")[1:]]


def _sound(name: str) -> tuple[str, ...]:
    return GOOD.get(name, ("1",))


def address(route: Route, path: Mapping[str, bytes] = {}, query: Mapping[str, bytes] = {}) -> bytes:
    """Return an address of a route with sound values, except those given."""
    target = openapi_path(route.rule)
    for name in parameters(route):
        sound = "victim" if route.scope == "manage" and name == "layer" else _sound(name)[0]
        target = target.replace(f"{{{name}}}", quote(path.get(name, sound.encode()), safe=",@"))
    if route.rule == "/wmts":
        sound = {name: _sound(name)[0].encode() for name in route.query}
        query = {**sound, **query}
    told = "&".join(f"{quote(name)}={quote_plus(value)}" for name, value in query.items())
    return f"{target}?{told}".encode() if told else target.encode()


def mixed(first: int = SEED) -> Iterator[Case]:
    """Yield requests odd in several places at once, without end; the same ones each time."""
    dice = random.Random(first)
    while True:
        route = dice.choice(ROUTES)
        key = "manager" if route.scope == "manage" and dice.random() < 0.8 else dice.choice(KEYS)
        target = _mixed_address(dice, route)
        headers = [
            (dice.choice(HEADERS), dice.choice((*HEADER_VALUES, *_IN_HEADERS)))
            for _ in range(dice.choice((0, 0, 1, 2, 6)))
        ]
        if dice.random() < 0.05:
            headers.append((dice.choice(("X-Forwarded-Host", "Host")), FORGED_HOST.encode()))
        method = dice.choice(METHODS) if dice.random() < 0.08 else route.method
        case = Case("mixed", method, target, tuple(headers), key=key)
        if method in ("POST", "PATCH", "PUT") and dice.random() < 0.9:
            media_type, body = dice.choice(BODIES)
            case = replace(case, body=body, headers=(*headers, ("Content-Type", media_type)))
        yield case


_IN_HEADERS = tuple(text for text in NASTY if not set(text) & set(b"\r\n\0"))


def _mixed_address(dice: random.Random, route: Route) -> bytes:
    target = openapi_path(route.rule).encode()
    for name in parameters(route):
        good = dice.choice(_sound(name)) if not (route.scope == "manage" and name == "layer") else "victim"
        value = _spelt(dice, dice.choice(NASTY)) if dice.random() < 0.3 else quote(good, safe=",@").encode()
        target = target.replace(b"{%s}" % name.encode(), value)
    if dice.random() < 0.1:
        parts = target.split(b"/")
        parts.insert(dice.randrange(1, len(parts) + 1), _spelt(dice, dice.choice(NASTY)))
        target = b"/".join(parts)
    names = [*route.query, *dice.choices(("key", "apikey", "url", "callback", "f", "LAYER", ""), k=1)]
    told = []
    for name in dice.choices(names, k=dice.choice((0, 0, 1, 2, 5))) + (
        list(route.query) if route.rule == "/wmts" else []
    ):
        good = dice.choice(_sound(name))
        value = _spelt(dice, dice.choice(NASTY)) if dice.random() < 0.4 else quote_plus(good).encode()
        told += [quote(name).encode() + b"=" + value] * (40 if dice.random() < 0.02 else 1)
    dice.shuffle(told)
    return target + b"?" + b"&".join(told) if told else target


_KEPT = bytes(set(range(0x21, 0x7F)) - set(b"%?#"))


def _spelt(dice: random.Random, text: bytes) -> bytes:
    """Return a string percent-encoded, as it stands as far as a request line allows, or encoded twice."""
    drawn = dice.random()
    if drawn < 0.6:
        return quote(text, safe="").encode()
    if drawn < 0.9:
        return b"".join(bytes([byte]) if byte in _KEPT or byte > 0x7F else b"%%%02x" % byte for byte in text)
    return quote(quote(text, safe=""), safe="").encode()
