"""The Flask application: the route table behind one guard, with the lane in front."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from naru import errors
from naru.settings import Clock, Settings
from tileserver import content, fonts, health, layers, legend_routes, openapi, pages, pictures, styles, tilejson
from tileserver.access import Caller, check_function, check_own_key, identify, presented_key
from tileserver.common import address, elevation, point_number, region, transform
from tileserver.dialects import MARK, retold
from tileserver.flood import routes as flood
from tileserver.keys import routes as keys
from tileserver.lane import Lane
from tileserver.managing import job_events, jobs, runs, scenarios, timeseries
from tileserver.managing import layers as management
from tileserver.managing.guard import check_manager, check_planner
from tileserver.ogc import common as ogc
from tileserver.ogc import features as ogc_features
from tileserver.ogc import styles as ogc_styles
from tileserver.ogc import tiles as ogc_tiles
from tileserver.problems import problem
from tileserver.quota.headers import tell_standing
from tileserver.receiving import tus, uploads
from tileserver.routes import Route
from tileserver.service import Service
from tileserver.tms import routes as tms
from tileserver.twin import models, sections, terrain
from tileserver.usage import views as usage
from tileserver.usage.noting import name_caller, note_answer
from tileserver.watching import metrics
from tileserver.watching.flasks import watch_requests
from tileserver.watching.request_ids import request_id
from tileserver.wmts import routes as wmts

_CORS_AGE_S = "86400"
_ASKED_HEADERS = "Authorization, If-None-Match, X-API-Key"
_SECURITY_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def show_openapi(service: Service, caller: Caller) -> Response:
    """The interface's description, for programs."""
    return openapi.answer(ROUTES, service, caller)


ROUTES: tuple[Route, ...] = (
    *pages.ROUTES,
    *health.ROUTES,
    *metrics.ROUTES,
    *layers.ROUTES,
    *pictures.ROUTES,
    *tilejson.ROUTES,
    *styles.ROUTES,
    *legend_routes.ROUTES,
    *fonts.ROUTES,
    *content.ROUTES,
    *terrain.ROUTES,
    *sections.ROUTES,
    *models.ROUTES,
    *flood.ROUTES,
    *ogc.ROUTES,
    *ogc_features.ROUTES,
    *ogc_tiles.ROUTES,
    *ogc_styles.ROUTES,
    *wmts.ROUTES,
    *tms.ROUTES,
    *uploads.ROUTES,
    *tus.ROUTES,
    *jobs.ROUTES,
    *job_events.ROUTES,
    *management.ROUTES,
    *scenarios.ROUTES,
    *runs.ROUTES,
    *timeseries.ROUTES,
    *keys.ROUTES,
    *usage.ROUTES,
    *elevation.ROUTES,
    *transform.ROUTES,
    *point_number.ROUTES,
    *region.ROUTES,
    *address.ROUTES,
    Route(
        "/openapi.json",
        "visible",
        show_openapi,
        "This document",
        {200: ("OpenAPI 3.0", "application/json"), 304: ("You have this version", "")},
        tag="pages",
    ),
)

_OWN_PAGES_ONLY = frozenset(route.endpoint for route in ROUTES if route.scope in ("manage", "plan"))


def create_app(settings: Settings, clock: Clock = time.time, loopback: str = "") -> Flask:
    """Return the application over the house that `settings` name; `app.extensions["naru"]` is its `Service`.

    `loopback` is the server's own address where only this machine can reach it: see `tileserver/addresses.py`.

    Nothing beats in the background yet: `tileserver/serve.py` starts a `Pulse`; tests call `Service.pulse`.

    Raises:
        StorageFailed: the home folder or the catalogue cannot be opened.
    """
    service = Service.open(settings, clock, loopback)
    app = Flask("tileserver", static_folder=None, template_folder=None)
    app.url_map.merge_slashes = app.url_map.strict_slashes = False  # no redirects: they would name a host
    app.extensions["naru"] = service
    for route in ROUTES:
        view = _guarded(route, service)
        methods = [route.method]
        app.add_url_rule(route.rule, route.endpoint, view, methods=methods, provide_automatic_options=False)
    watch_requests(app, service, {route.endpoint: route for route in ROUTES})  # first, so that its end is last
    app.before_request(_refuse_other_spellings)
    app.before_request(_answer_preflight)
    app.after_request(partial(note_answer, service, {route.endpoint: route for route in ROUTES}))  # runs last
    app.after_request(_add_security_headers)
    app.after_request(_retell)
    app.register_error_handler(Exception, _answer_error)
    behind = _blind_to_host(app.wsgi_app)
    lane = Lane.of(service, behind)
    app.wsgi_app = lane  # type: ignore[method-assign]  # Flask's documented place for WSGI middleware
    return app


def _blind_to_host(app: WSGIApplication) -> WSGIApplication:
    """Keep the request's Host from Flask, so that nothing it writes can be made from it."""

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        return app({**environ, "HTTP_HOST": "localhost"}, start_response)

    return answer


def _guarded(route: Route, service: Service) -> Callable[..., Response]:
    """Return the route's view behind what its scope demands."""

    def view(**parameters: Any) -> Response:
        presented = presented_key(request.environ)
        if route.scope == "open":
            return route.view(service, Caller(None, presented), **parameters)
        caller = Caller(_identify(service, must=route.scope != "visible"), presented)
        name_caller(caller)
        if route.scope == "key":
            check_own_key(caller)
        if route.scope in ("visible", "key"):
            return route.view(service, caller, **parameters)
        if route.scope == "manage":
            check_manager(caller)
        if route.scope == "plan":
            check_planner(caller)
        if route.scope == "common":
            check_function(caller, "common")
        return _counted(service, caller, lambda: route.view(service, caller, **parameters))

    return view


def _identify(service: Service, *, must: bool) -> Any:
    try:
        environ, proxies = request.environ, service.settings.trusted_proxies
        return identify(service.keeper.current, environ, service.clock(), proxies)
    except errors.KeyMissing:
        if must:
            raise
        return None


def _counted(service: Service, caller: Caller, answer: Callable[[], Response]) -> Response:
    if caller.key is None:
        raise errors.KeyMissing("this needs a key")
    lease = service.meter.admit(caller.key)
    try:
        response = answer()
    except Exception:
        lease.refund()
        raise
    tell_standing(response, lease, service.clock())
    return response


def _refuse_other_spellings() -> None:
    """Refuse /docs/ and //docs: werkzeug takes them for /docs, and one answer has one address."""
    path = request.environ["PATH_INFO"]
    if "//" in path or (path.endswith("/") and path not in ("/", "/ogc/", "/tms/", "/tms/1.0.0/")):
        raise errors.RouteUnknown("nothing is served under this address", remedy="/openapi.json lists what is.")


def _answer_preflight() -> Response | None:
    """Answer OPTIONS for every address that exists: browsers ask before they send a key in a header."""
    refused = request.routing_exception
    if request.method != "OPTIONS" or isinstance(refused, NotFound):
        return None
    response = Response(status=204)
    del response.headers["Content-Type"]
    served = _methods_here()
    response.headers["Allow"] = ", ".join((*served, "OPTIONS"))
    response.headers.update(tus.offer(current_app.extensions["naru"], request.path))
    if shared := [method for method, endpoint in served.items() if endpoint not in _OWN_PAGES_ONLY]:
        response.headers["Access-Control-Allow-Methods"] = ", ".join((*shared, "OPTIONS"))
        response.headers["Access-Control-Allow-Headers"] = _ASKED_HEADERS
        response.headers["Access-Control-Max-Age"] = _CORS_AGE_S
    else:
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _methods_here() -> dict[str, str]:
    """Return the methods that the request's address takes, and the endpoint of each."""
    refused, adapter = request.routing_exception, current_app.create_url_adapter(request)
    if not isinstance(refused, MethodNotAllowed) or adapter is None:
        return {}
    return {method: adapter.match(method=method)[0] for method in sorted(refused.valid_methods or ())}


def _retell(response: Response) -> Response:
    """Return the answer in the words of the standard that was asked in: WMTS has exception reports for problems."""
    if MARK not in request.environ:
        return response
    answer = response.status, list(response.headers), response.get_data()
    told = retold(answer, request.environ)
    return response if told is answer else Response(told[2], told[0], told[1])


def _add_security_headers(response: Response) -> Response:
    if request.endpoint in tus.ENDPOINTS and tus.HEADER in request.headers:
        response.headers[tus.HEADER] = tus.VERSION
    if request.endpoint in _OWN_PAGES_ONLY:
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    for name, value in _SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if response.headers["Cross-Origin-Resource-Policy"] == "same-origin":  # pages of other sites learn nothing
        for name in ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers"):
            response.headers.pop(name, None)
    return response


def _answer_error(error: Exception) -> Response:
    service: Service = current_app.extensions["naru"]
    reply = problem(_named(error), request_id(request.environ, service.settings.trusted_proxies))
    response = Response(reply.body, reply.code, reply.headers)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = _allowed()
    return response


def _allowed() -> str:
    return ", ".join((*_methods_here(), "OPTIONS"))


def _named(error: Exception) -> Exception:
    """Return Flask's own errors under our names."""
    if isinstance(error, MethodNotAllowed):
        return errors.MethodNotAllowed(f"{request.method} is not served here", remedy=f"Use {_allowed()}.")
    if isinstance(error, NotFound):
        return errors.RouteUnknown("nothing is served under this address", remedy="/openapi.json lists what is.")
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:
        return errors.BadRequest(error.description or "the request is malformed", remedy="See /openapi.json.")
    return error
