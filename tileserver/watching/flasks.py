"""Watching the requests that Flask answers: their time, their line in the access log, their span, their id."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request

from tileserver.watching.request_ids import request_id
from tileserver.watching.watch import KEY

if TYPE_CHECKING:
    from tileserver.routes import Route
    from tileserver.service import Service

_UNKNOWN = "unknown"  # the kind of requests for an address that there is not


def watch_requests(app: Flask, service: Service, routes: Mapping[str, Route]) -> None:
    """Have `app` tell `service.watch` of every request. To be called before anything else runs after requests."""
    proxies = service.settings.trusted_proxies

    def begin() -> None:
        g.began = time.perf_counter()
        if service.traces is not None:
            rule = request.url_rule.rule if request.url_rule else ""
            g.span = service.traces.begin(request.method, rule, request.path, dict(request.headers))

    def end(response: Response) -> Response:
        name = request_id(request.environ, proxies)
        response.headers.setdefault("X-Request-Id", name)
        route = routes.get(request.endpoint or "")
        whole = response.is_sequence and request.method != "HEAD"  # a stream would be read to its end
        size = response.calculate_content_length() or 0 if whole else 0
        kind = route.tag if route else _UNKNOWN
        if key := g.get("usage_key"):
            request.environ[KEY] = key
        service.watch.seen(kind, request.environ, response.status_code, size, g.began)
        if service.traces is not None:
            more = {"naru.request_id": name, "naru.key": request.environ.get(KEY, "")}
            service.traces.end(g.span, response.status_code, **more)
        return response

    app.before_request(begin)
    app.after_request(end)
