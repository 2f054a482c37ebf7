"""Traces: a span for every request that Flask answers, sent to an OpenTelemetry collector (extra `telemetry`).

Stored tiles have none: a span would cost several times what the tile does. Spans follow OpenTelemetry's semantic
conventions for HTTP; a caller's `traceparent` (W3C Trace Context) is taken up. No key's text is in them.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import naru
from naru.errors import BadSetting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span

_LONGEST_S = 5.0  # that the server's end waits for spans to be sent


class Traces:
    """Where one worker's spans go."""

    def __init__(self, url: str) -> None:
        """Send spans to the collector at `url`, in batches, from a thread of their own.

        Raises:
            BadSetting: the extra `telemetry` is not installed.
        """
        if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
            raise BadSetting(
                "NARU_TRACES_URL is set, but OpenTelemetry is not installed",
                remedy="pip install 'naru-city[telemetry]', or leave NARU_TRACES_URL empty.",
            )
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._parents = TraceContextTextMapPropagator()
        resource = Resource.create({"service.name": "naru", "service.version": naru.__version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces", timeout=_LONGEST_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("naru")

    def begin(self, method: str, route: str, path: str, headers: Mapping[str, str]) -> Span:
        """Begin the span of a request; `route` is its rule, empty where there is none."""
        from opentelemetry.trace import SpanKind

        told = {"http.request.method": method, "url.path": path}
        if route:
            told["http.route"] = route
        parent = self._parents.extract({name.lower(): value for name, value in headers.items()})
        name = f"{method} {route}".strip()
        return self._tracer.start_span(name, context=parent, kind=SpanKind.SERVER, attributes=told)

    def end(self, span: Span, status: int, **more: str) -> None:
        """End a request's span."""
        from opentelemetry.trace import StatusCode

        span.set_attributes({"http.response.status_code": status, **more})
        if status >= 500:
            span.set_status(StatusCode.ERROR)
        span.end()

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()
