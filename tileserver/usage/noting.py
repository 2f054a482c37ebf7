"""Requests that Flask answers, noted once each: with their key, their layer, their status and the bytes sent.

Requests for a tile that the lane answers are noted there. Pages, health and static files are for nobody's account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import Response, g, request

from naru.tms import WEB_MERCATOR
from tileserver.access import client_address
from tileserver.usage.page import OTHER, UNCOUNTED

if TYPE_CHECKING:
    from naru.records import Layer
    from tileserver.access import Caller
    from tileserver.routes import Route
    from tileserver.service import Service

_UNCOUNTED_SCOPES = ("visible", "key")
_OWN_FUNCTIONS = {"common": "common", "manage": "manage", "plan": "twin"}  # by scope
Note = Callable[[int], None]  # of a body's size


def name_caller(caller: Caller) -> None:
    """Tell under which key this request runs."""
    g.usage_caller, g.usage_key = caller, caller.key.id if caller.key else ""


def name_layers(layers: str, zoom: int = -1) -> None:
    """Tell what this request is for where its path does not: ids joined by commas, a zoom of their grid."""
    g.usage_layers, g.usage_zoom = layers, zoom


def note_answer(service: Service, routes: Mapping[str, Route], response: Response) -> Response:
    """Note the request and its answer; one that is streamed, when it has been sent or broken off."""
    route = routes.get(request.endpoint or "")
    if route is None or route.scope == "open" or request.method == "OPTIONS":
        return response
    note = _prepared(service, route, response.status_code)
    if request.method == "HEAD":
        note(0)
    elif response.is_sequence:  # to ask a stream for its length would be to read it to its end
        note(response.calculate_content_length() or 0)
    else:
        streamed = _Streamed(response.response, note)  # type: ignore[arg-type]  # bytes: Flask has encoded them
        response.response = streamed
        response.call_on_close(streamed.end)
    return response


class _Streamed:
    """A body that is made while it is sent, and its size."""

    def __init__(self, body: Iterable[bytes], note: Note) -> None:
        self._body, self._note, self._size = body, note, 0

    def __iter__(self) -> Iterator[bytes]:
        for part in self._body:
            self._size += len(part)
            yield part

    def end(self) -> None:
        """Note what was sent."""
        self._note(self._size)


def _prepared(service: Service, route: Route, status: int) -> Note:
    """Return what notes this request once its size is known: streams end when the request is no more at hand."""
    path = request.view_args or {}
    layers: str = g.get("usage_layers", path.get("layers", path.get("layer", "")))
    zoom: int = g.get("usage_zoom", _number(path.get("z")))
    caller = str(client_address(request.environ, service.settings.trusted_proxies) or "")
    known = _known(service, layers)
    function, tile = _function(route, known), _tile(path)
    if layers and len(known) < layers.count(",") + 1:
        layers = OTHER  # some are not there, or not for the caller to know of: which of the two, nothing may tell
    key: str = g.get("usage_key", "")

    def note(size: int) -> None:
        service.usage.note(key, function, layers, zoom, status, size, caller, tile)

    return note


def _known(service: Service, layers: str) -> list[Layer]:
    """Return those of the layers named that there are, as far as the caller may know."""
    caller: Caller | None = g.get("usage_caller")
    there = [service.keeper.current.layers.get(one) for one in layers.split(",")]
    return [layer for layer in there if layer is not None and (caller is None or caller.knows_of(layer))]


def _function(route: Route, layers: Sequence[Layer]) -> str:
    """Return the function that a request counts for: its layers' own, where they have one in common."""
    if route.scope in _UNCOUNTED_SCOPES:
        return UNCOUNTED
    if route.scope in _OWN_FUNCTIONS:
        return _OWN_FUNCTIONS[route.scope]
    found = {layer.function for layer in layers}
    return found.pop() if len(found) == 1 else ""


def _tile(path: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return x and y of a tile in Web Mercator."""
    x, y = _number(path.get("x")), _number(str(path.get("y", "")).removesuffix("@2x"))
    return (x, y) if x >= 0 and y >= 0 and path.get("grid", WEB_MERCATOR) == WEB_MERCATOR else None


def _number(text: Any) -> int:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 9 else -1
