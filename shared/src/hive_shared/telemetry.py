"""Traces: each step that handles a message is a short span.

Its parent is the context of the message that caused it (W3C Trace Context, `traceparent`), which
travels in event metadata and headers, so that one mission is one trace however long it takes. A
step that ends a wait also links to the span that began it.

Nothing of the SDK is imported unless an OTLP endpoint is set: then `span` hands the context on and
costs a microsecond. With an endpoint, spans are exported in batches by a thread of its own, which
drops what does not fit; a collector that is down or deaf delays neither a step nor the exit.
"""

import re
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import SpanContext, Tracer

SHUTDOWN_SECONDS: Final = 1.0
"""How long an exit waits for the last spans to be taken."""
EXPORT_SECONDS: Final = 5.0
"""How long one batch may take; afterwards it is lost."""
QUEUE_SPANS: Final = 4096
"""Spans that wait for export; what comes on top is dropped."""
EXPORT_EVERY_MS: Final = 1000

Attribute = str | int | float | bool

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class Step(Protocol):
    """What `span` yields."""

    @property
    def traceparent(self) -> str:
        """The context to put into metadata and headers of what this step causes; may be empty."""
        ...


class Span(Protocol):
    def __enter__(self) -> Step: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Telemetry:
    """The exporter of this process; close it last. A context manager."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        self._provider = provider

    def close(self) -> None:
        """Export what waits, for at most `SHUTDOWN_SECONDS`. A second call does nothing."""
        global _tracer
        provider, self._provider = self._provider, None
        if provider is None:
            return
        _tracer = None
        # The SDK waits 30 s for a deaf collector and offers no way to say less. Its threads and
        # this one are daemons: what they still do ends with the process.
        closing = threading.Thread(target=provider.shutdown, daemon=True, name="telemetry-close")
        closing.start()
        closing.join(SHUTDOWN_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_tracer: "Tracer | None" = None


def configure(service: str, otlp_endpoint: str = "") -> Telemetry:
    """Begin to export this process's spans to an OTLP/HTTP endpoint (`http://host:4318`).

    An empty endpoint exports nothing. Call it after the process has forked, once.
    """
    global _tracer
    if not otlp_endpoint:
        return Telemetry()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

    provider = TracerProvider(
        sampler=ParentBased(ALWAYS_ON),
        resource=Resource({"service.name": service, "service.namespace": "hive"}),
        shutdown_on_exit=False,
    )
    url = otlp_endpoint.removesuffix("/").removesuffix("/v1/traces") + "/v1/traces"
    provider.add_span_processor(
        BatchSpanProcessor(
            OTLPSpanExporter(endpoint=url, timeout=EXPORT_SECONDS),
            max_queue_size=QUEUE_SPANS,
            schedule_delay_millis=EXPORT_EVERY_MS,
        )
    )
    _tracer = provider.get_tracer("hive")
    return Telemetry(provider)


def span(
    name: str, traceparent: str = "", links: Sequence[str] = (), **attributes: Attribute
) -> Span:
    """One step, as a context manager. An exception that leaves it marks the span as failed.

    Its parent is `traceparent`; where that is empty or not well-formed, the span that is open in
    this task, else it begins a trace. `links` are the contexts of spans that it continues.
    """
    if _tracer is None:
        return _Passing(traceparent if _TRACEPARENT.fullmatch(traceparent) else "")
    return _Recording(_tracer, name, traceparent, links, attributes)


class _Passing:
    """No exporter: the context of the cause is handed on."""

    __slots__ = ("traceparent",)

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent

    def __enter__(self) -> Step:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class _Recording:
    """A span of the SDK, current in this task while it is open."""

    def __init__(
        self,
        tracer: "Tracer",
        name: str,
        traceparent: str,
        links: Sequence[str],
        attributes: dict[str, Attribute],
    ) -> None:
        from opentelemetry import trace

        parent = _context(traceparent)
        contexts = (_context(link) for link in links)
        self._scope: Any = tracer.start_as_current_span(
            name,
            context=trace.set_span_in_context(trace.NonRecordingSpan(parent)) if parent else None,
            links=[trace.Link(context) for context in contexts if context],
            attributes=attributes,
        )

    def __enter__(self) -> Step:
        context = self._scope.__enter__().get_span_context()
        return _Passing(
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._scope.__exit__(kind, error, trace)


def _context(traceparent: str) -> "SpanContext | None":
    """The remote context that a traceparent names; None where it is not well-formed."""
    from opentelemetry.trace import SpanContext, TraceFlags

    parts = _TRACEPARENT.fullmatch(traceparent)
    if parts is None or parts[1] == "ff":
        return None
    context = SpanContext(
        int(parts[2], 16),
        int(parts[3], 16),
        is_remote=True,
        trace_flags=TraceFlags(int(parts[4], 16)),
    )
    return context if context.is_valid else None
