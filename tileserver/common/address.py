"""`/common/address`: places by name or address, and addresses by place, from the layers that have any."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Response

from naru.records import Layer
from tileserver.access import Caller
from tileserver.common.asking import LAT, LON, bad, needed, position, read_query, whole
from tileserver.common.gazetteer import Match, by_likeness, nearest, search, text_kinds
from tileserver.common.gazetteers import gazetteers_in
from tileserver.common.region import text_fields
from tileserver.common.words import tokens
from tileserver.documents import json_document
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.routes import Route, Service

LONGEST_QUERY = 100  # characters
WITHIN_M = 100  # of an address that belongs to a place
_MOST, _USUAL = 50, 10  # results
_MOST_LAYERS = 64
_DIGITS_DEG = 7


def show_address(service: Service, caller: Caller) -> Response:
    """Places that are called so or have this address; or the addresses nearest to a place."""
    given = read_query(("q", "lon", "lat", "limit"))
    limit = whole(given, "limit", _USUAL, least=1, most=_MOST)
    if "q" in given and ("lon" in given or "lat" in given):
        raise bad("q", "q goes without lon and lat", "Give either words, or a position.")
    if "lon" in given or "lat" in given:
        return _nearest(service, caller, given, limit)
    text = needed(given, "q", "역삼동")
    if len(text) > LONGEST_QUERY or not tokens(text):
        raise bad(
            "q", "q holds no words that can be looked for", f"Give words, at most {LONGEST_QUERY} characters."
        )
    ready, missing = _gazetteers(service, caller, addresses_only=False)
    found = _searched(ready, text, limit, every=True) or _searched(ready, text, limit, every=False)
    found.sort(key=lambda one: (*by_likeness(one[1])[:-1], one[0], one[1].feature))
    results = [_told(layer, match) | {"text": match.text, "score": match.score} for layer, match in found[:limit]]
    return json_document({"q": text, "results": results, "incomplete": missing}, shared=False)


def _searched(ready: Mapping[str, Path], text: str, limit: int, *, every: bool) -> list[tuple[str, Match]]:
    return [(layer, match) for layer, file in ready.items() for match in search(file, text, limit, every=every)]


def _nearest(service: Service, caller: Caller, given: Mapping[str, str], limit: int) -> Response:
    place = position(given)
    ready, missing = _gazetteers(service, caller, addresses_only=True)
    found = [
        (metres, layer, match)
        for layer, file in ready.items()
        for metres, match in nearest(file, place, WITHIN_M, limit)
    ]
    found.sort(key=lambda one: (one[0], one[1], one[2].feature))
    results = [_told(layer, match) | {"distance_m": round(metres, 2)} for metres, layer, match in found[:limit]]
    return json_document({"at": list(place), "results": results, "incomplete": missing}, shared=False)


def _gazetteers(service: Service, caller: Caller, *, addresses_only: bool) -> tuple[dict[str, Path], list[str]]:
    """Return gazetteers by layer, of those that the caller may know of; and the layers whose are not ready."""
    seen = [layer for layer in service.keeper.current.layers.values() if caller.sees(layer, "common")]
    wanted = [layer for layer in seen if _has_texts(layer, addresses_only=addresses_only)][:_MOST_LAYERS]
    sources = {layer.id: service.house.storage.path(layer.live.source) for layer in wanted if layer.live.source}
    ready = gazetteers_in(service.settings.home).ready(sources.values())
    found = {layer_id: ready[source] for layer_id, source in sources.items() if source in ready}
    return found, [layer_id for layer_id in sources if layer_id not in found]


def _has_texts(layer: Layer, *, addresses_only: bool) -> bool:
    source = layer.live.source
    names, addresses = text_kinds(name for name, kind in text_fields(layer).items() if kind == "String")
    return source is not None and source.suffix == ".parquet" and bool(addresses or (names and not addresses_only))


def _told(layer_id: str, match: Match) -> dict[str, Any]:
    lon, lat = (round(degrees, _DIGITS_DEG) for degrees in match.place)
    about = {"lon": lon, "lat": lat, "name": match.name, "address": match.address}
    return about | {"layer": layer_id, "feature": match.feature}


ROUTES = (
    Route(
        "/common/address",
        "common",
        show_address,
        "Places by name or address, or the addresses nearest to a place",
        {200: ("Places", "application/json"), 400: ("A parameter that cannot be so", PROBLEM_MEDIA_TYPE)},
        tag="common",
        query={
            "q": {
                "description": "Words of a name or address, such as 강남구 역삼동",
                "schema": {"type": "string", "maxLength": LONGEST_QUERY},
            },
            "lon": LON,
            "lat": LAT,
            "limit": {
                "description": "Results at most",
                "schema": {"type": "integer", "minimum": 1, "maximum": _MOST, "default": _USUAL},
            },
        },
    ),
)
