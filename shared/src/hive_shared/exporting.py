"""The SDK of OpenTelemetry, as it is used here. Imported only where an endpoint is set."""

from collections.abc import Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

EXPORT_SECONDS: Final = 5.0
"""How long one batch may take; afterwards it is lost."""
QUEUE_SPANS: Final = 4096
"""Spans that wait for export; what comes on top is dropped."""
EXPORT_EVERY_MS: Final = 1000


class Counts:
    """What became of this process's spans: those that were not exported wait, or are lost."""

    def __init__(self) -> None:
        self.ended = 0
        self.exported = 0


class _Counting(SpanExporter):
    """Notes what a collector took."""

    def __init__(self, exporter: SpanExporter, counts: Counts) -> None:
        self._exporter = exporter
        self._counts = counts

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._counts.exported += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def exporting(service: str, endpoint: str) -> tuple[TracerProvider, Counts]:
    """Spans of this provider go to an OTLP/HTTP endpoint; what is recorded was decided before."""
    counts = Counts()
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource({"service.name": service, "service.namespace": "hive"}),
        shutdown_on_exit=False,
    )
    url = endpoint.removesuffix("/").removesuffix("/v1/traces") + "/v1/traces"
    provider.add_span_processor(
        BatchSpanProcessor(
            _Counting(OTLPSpanExporter(endpoint=url, timeout=EXPORT_SECONDS), counts),
            max_queue_size=QUEUE_SPANS,
            schedule_delay_millis=EXPORT_EVERY_MS,
        )
    )
    return provider, counts
