"""What operators see: metrics of all workers, the access log, request ids, traces."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from naru.errors import BadSetting
from tests.serving import Fake, make_home, new_key, open_app, service_of

TILE = "/tiles/roads/2/3/1.mvt"


def metrics(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return samples by name and labels, as Prometheus' own parser reads them."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def count(found: dict[tuple[str, frozenset[tuple[str, str]]], float], kind: str, status: int) -> float:
    """Return how many requests of a kind were answered so."""
    labels = frozenset({("kind", kind), ("status", str(status))})
    return found.get(("naru_http_request_duration_seconds_count", labels), 0)


def test_metrics_add_up_what_all_workers_counted(tmp_path: Path) -> None:
    settings = make_home(tmp_path / "home", Fake("roads"))
    one, two = open_app(settings), open_app(settings)
    for _ in range(3):
        assert one.test_client().get(TILE).status_code == 200
    assert two.test_client().get(TILE).status_code == 200
    assert two.test_client().get("/tiles/nowhere/2/3/1.mvt").status_code == 404
    assert two.test_client().get("/api/layers").status_code == 200
    service_of(two).pulse()
    answer = one.test_client().get("/metrics")
    assert answer.content_type.startswith("text/plain")
    found = metrics(answer.text)
    assert (count(found, "stored tile", 200), count(found, "stored tile", 404)) == (4, 1)
    assert count(found, "layers", 200) == 1
    assert found["naru_layers", frozenset({("kind", "vector")})] == 1
    assert "roads" not in answer.text
    service_of(two).close()
    again = metrics(one.test_client().get("/metrics").text)
    assert count(again, "stored tile", 200) == 4, "what a worker counted stays when it ends"
    service_of(one).close()


def test_metrics_are_cumulative_histograms(tmp_path: Path) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("roads")))
    for _ in range(5):
        app.test_client().get(TILE)
    found = metrics(app.test_client().get("/metrics").text)
    buckets = sorted(
        (float(dict(labels)["le"]), value)
        for (name, labels), value in found.items()
        if name == "naru_http_request_duration_seconds_bucket" and ("kind", "stored tile") in labels
    )
    values = [value for _, value in buckets]
    assert values == sorted(values) and buckets[-1] == (float("inf"), 5)
    service_of(app).close()


def test_openmetrics_is_for_who_asks_for_it(tmp_path: Path) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("roads")))
    answer = app.test_client().get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type.startswith("application/openmetrics-text") and answer.text.endswith("# EOF\n")
    service_of(app).close()


def test_the_access_log_tells_each_request_and_no_key(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    app = open_app(make_home(tmp_path / "home", Fake("roads"), NARU_ACCESS_LOG=str(log)))
    key, text = new_key(app)
    client = app.test_client()
    client.get(f"{TILE}?key={text}")
    client.get("/api/layers", headers={"X-API-Key": text, "Referer": f"https://a.kr/?apikey={text}&x=1"})
    client.get(f"/tiles/{text}/2/3/1.mvt?key=somebody-elses-secret")
    service_of(app).close()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    told = [(line["path"], line["status"], line["key"]) for line in lines]
    assert told[:2] == [(TILE, 200, key.id), ("/api/layers", 200, key.id)]
    assert lines[0]["bytes"] > 0 and lines[0]["method"] == "GET" and lines[0]["ms"] >= 0
    assert lines[2]["status"] == 401
    assert text not in log.read_text() and "somebody-elses-secret" not in log.read_text()


@pytest.mark.parametrize("query", ["key={}", "a=1&apikey={}&b=2", "ap%69key={}", "KEY={}&b=2"])
def test_the_access_log_tells_no_key_in_any_spelling(tmp_path: Path, query: str) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("roads"), NARU_ACCESS_LOG=str(tmp_path / "log")))
    _, text = new_key(app)
    spelt = "".join(f"%{ord(sign):02x}" for sign in text)
    for path in ("/tiles/roads/2/3/1.mvt", "/tiles/roads.json"):
        app.test_client().get(
            f"{path}?{query.format(spelt)}", headers={"Referer": f"https://a.kr/?{query.format(spelt)}"}
        )
    service_of(app).close()
    written = (tmp_path / "log").read_text()
    assert written.count("=…") == 4
    assert spelt not in written


def test_an_access_log_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    settings = make_home(tmp_path / "home", NARU_ACCESS_LOG=str(tmp_path / "nowhere" / "access.log"))
    with pytest.raises(BadSetting, match="NARU_ACCESS_LOG"):
        open_app(settings)


def test_refusals_and_pages_bear_a_request_id(tmp_path: Path) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("roads")))
    client = app.test_client()
    for path in ("/tiles/nowhere/2/3/1.mvt", "/nothing", "/api/layers"):
        answer = client.get(path, headers={"X-Request-Id": "from-a-caller"})
        assert len(answer.headers["X-Request-Id"]) == 16, "callers are not believed"
        if answer.status_code >= 400:
            assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    service_of(app).close()


@pytest.mark.parametrize(("given", "is_kept"), [("abc-123.X_y", True), ("a b", False), ("x" * 65, False)])
def test_a_trusted_proxys_request_id_is_taken_over(tmp_path: Path, given: str, is_kept: bool) -> None:
    app = open_app(make_home(tmp_path / "home", Fake("roads"), NARU_TRUSTED_PROXIES="1"))
    for path in ("/tiles/nowhere/2/3/1.mvt", "/nothing"):
        answer = app.test_client().get(path, headers={"X-Request-Id": given})
        assert (answer.headers["X-Request-Id"] == given) is is_kept
        assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    service_of(app).close()


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """Return the address of an OpenTelemetry collector, and what it was sent."""
    sent: list[ExportTraceServiceRequest] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            sent.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", sent
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_are_sent_with_route_status_and_parent(
    tmp_path: Path, collector: tuple[str, list[ExportTraceServiceRequest]]
) -> None:
    url, sent = collector
    app = open_app(make_home(tmp_path / "home", Fake("roads"), NARU_TRACES_URL=url))
    key, text = new_key(app)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    client = app.test_client()
    client.get(f"/tiles/roads.json?key={text}", headers={"traceparent": parent})
    client.get(TILE)
    service_of(app).close()
    spans = [span for one in sent for group in one.resource_spans for s in group.scope_spans for span in s.spans]
    (span,) = spans
    told = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
    assert span.name == "GET /tiles/<layers>.json" and span.trace_id.hex() == parent.split("-")[1]
    assert (told["http.response.status_code"], told["naru.key"]) == (200, key.id)
    assert text.encode() not in sent[0].SerializeToString()
