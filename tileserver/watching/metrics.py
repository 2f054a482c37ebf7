"""`/metrics` for Prometheus: what all workers counted, what they take, how the catalogue and the jobs stand.

No layer, key or caller is named: the address is open, as Prometheus expects, and those names are nobody else's.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flask import Response, request
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError

import naru
from naru.jobs import JobQueue
from tileserver.access import Caller
from tileserver.cells import Cells
from tileserver.routes import Route, Service
from tileserver.watching.watch import BUCKETS, BYTES, FOLDER, SECONDS, SEPARATOR

_LABELS = ("kind", "status")
_FEWEST = 3  # buckets below 2^3 µs are shown as one
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def show_metrics(service: Service, caller: Caller) -> Response:
    """Everything, in the format that the caller takes (Prometheus text 0.0.4, OpenMetrics 1.0)."""
    service.watch.tell()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_House(service))
    encode, media_type = choose_encoder(request.headers.get("Accept", ""))
    response = Response(encode(registry), content_type=media_type)
    response.headers["Cache-Control"] = "no-store"
    return response


class _House(Collector):
    """All that is told of one home."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        yield _gauge("naru_build_info", "The version that runs", {(naru.__version__,): 1}, ("version",))
        folder = self._service.settings.home / FOLDER
        yield from _requests(folder)
        yield from _processes(folder)
        yield from _catalogue(self._service)


def _requests(folder: Path) -> Iterator[Metric]:
    rows: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * (BUCKETS + 2))
    for _, name, value in Cells.everyones(folder):
        kind, status, place = name.split(SEPARATOR)
        rows[kind, status][int(place)] += value
    told = "Time until an answer was ready, by kind of request and status"
    times = HistogramMetricFamily("naru_http_request_duration_seconds", told, labels=_LABELS)
    sizes = CounterMetricFamily("naru_http_response_bytes", "Bytes of bodies sent", labels=_LABELS)
    for labels, row in sorted(rows.items()):
        times.add_metric(labels, _cumulated(row), row[SECONDS] / 1e6)
        sizes.add_metric(labels, row[BYTES])
    yield times
    yield sizes


def _cumulated(row: Sequence[int]) -> list[tuple[str, float]]:
    """Return a histogram's buckets as Prometheus wants them: upper bound, and how many were at most so long."""
    buckets, sofar = [], sum(row[:_FEWEST])
    for place in range(_FEWEST, BUCKETS):
        sofar += row[place]
        bound = "+Inf" if place == BUCKETS - 1 else f"{2**place / 1e6:g}"
        buckets.append((bound, float(sofar)))
    return buckets


def _processes(folder: Path) -> Iterator[Metric]:
    """Yield what the worker processes take, from /proc; they are those that have counted something."""
    memory: dict[Sequence[str], float] = {}
    spent: dict[Sequence[str], float] = {}
    for pid in sorted({pid for pid, _, _ in Cells.everyones(folder)}):
        try:
            pages = Path(f"/proc/{pid}/statm").read_text().split()
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        memory[str(pid),] = int(pages[1]) * _PAGE
        spent[str(pid),] = (int(stat[11]) + int(stat[12])) * _TICK_S
    yield _gauge("naru_worker_resident_memory_bytes", "Memory of a worker process", memory, ("pid",))
    seconds = CounterMetricFamily("naru_worker_cpu_seconds", "Processor time of a worker process", labels=("pid",))
    for labels, value in spent.items():
        seconds.add_metric(labels, value)
    yield seconds


def _catalogue(service: Service) -> Iterator[Metric]:
    snapshot = service.keeper.current
    kinds: dict[Sequence[str], float] = defaultdict(float)
    for layer in snapshot.layers.values():
        kinds[layer.kind,] += 1
    yield _gauge("naru_layers", "Layers that are live", kinds, ("kind",))
    yield _gauge("naru_catalogue_generation", "Number of the catalogue's last change", {(): snapshot.generation})
    age = {(): max(0.0, service.keeper.age())}
    yield _gauge("naru_catalogue_age_seconds", "Time since the catalogue last answered this worker", age)
    try:
        jobs = {(state,): float(count) for state, count in JobQueue(service.house.database).states().items()}
    except SQLAlchemyError:  # naru_catalogue_age_seconds tells of it
        return
    yield _gauge("naru_jobs", "Jobs by state", jobs, ("state",))


def _gauge(name: str, told: str, values: Mapping[Any, float], labels: Sequence[str] = ()) -> GaugeMetricFamily:
    """Return a gauge; `values` by the values of its labels, one tuple each."""
    family = GaugeMetricFamily(name, told, labels=labels)
    for at, value in values.items():
        family.add_metric(at, value)
    return family


ROUTES = (
    Route(
        "/metrics",
        "open",
        show_metrics,
        "Counts and times, for Prometheus",
        {200: ("Prometheus text format 0.0.4, or OpenMetrics 1.0", "text/plain")},
        tag="health",
    ),
)
