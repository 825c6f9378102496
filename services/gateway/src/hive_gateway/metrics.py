"""What `/metrics` shows, besides the process itself."""

from collections import Counter as Counts
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from hive_contracts.heartbeat import Counted
from hive_contracts.slo.catalogue import BUCKET, CALL_BOUNDS, CALLS, bucket_of
from hive_shared.telemetry import recorded_trace

TELL_ALL: Final = 15
"""Each so many beats all counters are told, else those that changed: a beat may get lost."""


class Metrics:
    """The counters of one gateway; a registry of its own, so that tests may have several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._calls = Counter(
            "hive_gateway_calls",
            "gRPC calls that ended",
            ["method", "code"],
            registry=self.registry,
        )
        self._counts: Counts[tuple[str, str, str]] = Counts()
        """By method, code and bucket: what the hive's objectives are made of."""
        self._told: dict[tuple[str, str, str], int] = {}
        self._beats = 0
        self._seconds = Histogram(
            "hive_gateway_call_seconds",
            "How long unary gRPC calls took",
            ["method"],
            buckets=CALL_BOUNDS,
            registry=self.registry,
        )
        self.tails_dropped = Counter(
            "hive_gateway_tails_dropped_bytes",
            "Bytes of live output that were not passed on; the attempts' artifacts have them",
            registry=self.registry,
        )
        self.open_streams = Gauge(
            "hive_gateway_open_streams", "Streams that are open", ["method"], registry=self.registry
        )

    def ended(self, method: str, code: str, seconds: float | None, traceparent: str = "") -> None:
        """A call ended; `seconds` only where its length says something (unary calls)."""
        self._calls.labels(method, code).inc()
        bucket = "" if seconds is None else bucket_of(CALLS, seconds)
        self._counts[method, code, bucket] += 1
        if seconds is not None:
            trace = recorded_trace(traceparent)
            self._seconds.labels(method).observe(seconds, {"trace_id": trace} if trace else None)

    def counted(self) -> tuple[list[Counted], bool]:
        """What changed since the last beat; at first, and now and then, all: then True."""
        whole = self._beats % TELL_ALL == 0
        self._beats += 1
        if whole:
            self._told.clear()
        changed = {key: n for key, n in self._counts.items() if self._told.get(key) != n}
        self._told |= changed
        counted = [
            Counted(CALLS.name, n, (("method", method), ("code", code), (BUCKET, bucket)))
            for (method, code, bucket), n in changed.items()
        ]
        return counted, whole

    def gauge(self, name: str, help: str, read: Callable[[], float]) -> None:
        """A value that is read when somebody looks."""
        Gauge(f"hive_gateway_{name}", help, registry=self.registry).set_function(read)
