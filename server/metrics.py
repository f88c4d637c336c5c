"""Figures for Prometheus. Labels come from fixed lists, never from what a client sends."""

from __future__ import annotations

import time
from collections.abc import Iterator

from maskel_core.version import __version__
from maskel_server.engine import Engine
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

disable_created_metrics()

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Metrics:
    """The figures of one application.

    Args:
        engine: Asked when the figures are.
    """

    def __init__(self, engine: Engine) -> None:
        self.started = time.monotonic()
        self.registry = CollectorRegistry()
        self.registry.register(_EngineFigures(engine, self))
        self._requests = Counter(
            "maskel_requests", "Answered requests", ("call", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "maskel_request_seconds",
            "From a request's head to the end of its answer",
            ("call",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._errors = Counter("maskel_errors", "Typed errors answered", ("code",), registry=self.registry)
        self.streams = Gauge("maskel_event_streams", "Clients that follow a job", registry=self.registry)

    @property
    def uptime(self) -> float:
        """Seconds since the application was made."""
        return time.monotonic() - self.started

    def note(self, call: str, status: int, seconds: float, code: str | None) -> None:
        """Count a request: its route, HTTP status, duration and, when it failed, error code."""
        self._requests.labels(call, str(status)).inc()
        self._seconds.labels(call).observe(seconds)
        if code is not None:
            self._errors.labels(code).inc()

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)


class _EngineFigures(Collector):
    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """The engine's figures as they are."""
        figures = self._engine.figures()
        info = self._engine.info()
        about = InfoMetricFamily("maskel", "Version and model")
        about.add_metric(
            [],
            {
                "version": __version__,
                "model": info.id if info else "",
                "device": figures.device or "",
                "precision": figures.precision or "",
            },
        )
        yield about
        yield _gauge("maskel_uptime_seconds", "Since the start", self._metrics.uptime)
        yield _gauge("maskel_memory_bytes", "Resident memory", figures.memory_bytes)
        yield _gauge("maskel_model_loaded", "1 when the model is in memory", float(figures.loaded))
        if figures.device_memory_bytes is not None:
            yield _gauge(
                "maskel_device_memory_bytes", "Memory held on the accelerator", figures.device_memory_bytes
            )
        queue = figures.queue
        yield _gauge("maskel_queue_waiting", "Jobs that wait", queue["waiting"])
        yield _gauge("maskel_queue_running", "Jobs in the model", queue["running"])
        yield _gauge("maskel_queue_limit", "Jobs that may wait", queue["limit"])
        yield _gauge(
            "maskel_batch_largest", "Most jobs in the model at once so far", figures.batch["largest"]
        )
        yield _gauge("maskel_batch_mean", "Mean jobs in the model at once", figures.batch["mean"])
        jobs = CounterMetricFamily("maskel_jobs", "Jobs by their end", labels=("status",))
        for status in ("done", "failed", "cancelled", "refused"):
            jobs.add_metric((status,), figures.totals[status])
        yield jobs


def _gauge(name: str, what: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, what)
    family.add_metric([], value)
    return family
