"""`/health/live` (the process answers) and `/health/ready` (it can serve, and what it serves is current)."""

from __future__ import annotations

from flask import Response, jsonify

from naru.errors import NotReady
from tileserver.access import Caller
from tileserver.routes import Route, Service

_STALE_S = 15.0


def show_live(service: Service, caller: Caller) -> Response:
    """Say that the process answers."""
    return _fresh(jsonify(status="live"))


def show_ready(service: Service, caller: Caller) -> Response:
    """Say that the server can do its work, or (503) why not."""
    if service.keeper.age() > _STALE_S:
        raise NotReady(
            f"the catalogue has not answered for {service.keeper.age():.0f} s",
            remedy="Look at the database; layers known before are still served.",
        )
    snapshot = service.keeper.current
    return _fresh(jsonify(status="ready", layers=len(snapshot.layers), generation=snapshot.generation))


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


_JSON = "application/json"
ROUTES = (
    Route("/health/live", "open", show_live, "Does the process answer?", {200: ("Yes", _JSON)}, tag="health"),
    Route(
        "/health/ready",
        "open",
        show_ready,
        "Can it serve?",
        {200: ("Yes", _JSON), 503: ("No, and why", "application/problem+json")},
        tag="health",
    ),
)
