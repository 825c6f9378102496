"""What `/metrics` shows, besides the process itself."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


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
        self._seconds = Histogram(
            "hive_gateway_call_seconds",
            "How long unary gRPC calls took",
            ["method"],
            buckets=_BUCKETS,
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

    def ended(self, method: str, code: str, seconds: float | None) -> None:
        """A call ended; `seconds` only where its length says something (unary calls)."""
        self._calls.labels(method, code).inc()
        if seconds is not None:
            self._seconds.labels(method).observe(seconds)

    def gauge(self, name: str, help: str, read: Callable[[], float]) -> None:
        """A value that is read when somebody looks."""
        Gauge(f"hive_gateway_{name}", help, registry=self.registry).set_function(read)
