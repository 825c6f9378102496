"""Traces: each step that handles a message is a short span.

Its parent is the context of the message that caused it (W3C Trace Context, `traceparent`), which
travels in event metadata and headers, so that one mission is one trace however long it takes. A
step that ends a wait also links to the span that began it, and a step that serves many causes at
once to all of them.

Nothing of the SDK is imported unless an OTLP endpoint is set: then `span` hands the context on and
costs a microsecond. With an endpoint, spans are exported in batches by a thread of its own, which
drops what does not fit; a collector that is down or deaf delays neither a step nor the exit.

Whoever begins a trace decides whether it is recorded, and says so in the context's flags; all
others go by that. A process begins so many recorded traces a second and no more, so that tracing a
busy hive costs what tracing a quiet one does.
"""

import os
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Protocol, Self

from hive_contracts.heartbeat import SPANS, Counted

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as SdkSpan
    from opentelemetry.trace import SpanContext, Tracer

    from hive_shared.exporting import Counts

SHUTDOWN_SECONDS: Final = 1.0
"""How long an exit waits for the last spans to be taken."""
MAX_LINKS: Final = 32
"""Links of one span: a step that serves more causes at once names so many."""
MAX_TRACES: Final = 16
"""Traces that a step of many causes is shown in."""
BURST_SECONDS: Final = 10.0
"""Traces of so many quiet seconds may begin at once."""

Attribute = str | int | float | bool
Kind = Literal["internal", "server", "client", "producer", "consumer"]

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


_ODD: Final = frozenset("13579bdf")


class Step(Protocol):
    """What `span` yields."""

    @property
    def traceparent(self) -> str:
        """The context to put into metadata and headers of what this step causes; may be empty."""
        ...

    def tell(self, attributes: Mapping[str, Attribute]) -> None:
        """What was learnt while the step went on."""
        ...

    def fail(self, kind: str) -> None:
        """It failed, though no exception leaves it; `kind` is the attribute `error.type`."""
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
        global _recorder
        provider, self._provider = self._provider, None
        if provider is None:
            return
        _recorder = None
        # The SDK waits 30 s for a deaf collector and offers no way to say less. Its threads and
        # this one are daemons: what they still do ends with the process.
        closing = threading.Thread(target=provider.shutdown, daemon=True, name="telemetry-close")
        closing.start()
        closing.join(SHUTDOWN_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Recorder:
    """What spans are made with, and how many traces may still begin."""

    def __init__(self, tracer: "Tracer", counts: "Counts", per_second: float) -> None:
        self.tracer = tracer
        self.counts = counts
        self._per_second = per_second
        self._left = self._most = max(1.0, per_second * BURST_SECONDS)
        self._at = time.monotonic()

    def begins(self) -> bool:
        """Whether one more trace is recorded."""
        if not self._per_second:
            return True
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


_recorder: _Recorder | None = None
_current: ContextVar[str] = ContextVar("traceparent", default="")


def configure(service: str, otlp_endpoint: str = "", per_second: float = 0.0) -> Telemetry:
    """Begin to export this process's spans to an OTLP/HTTP endpoint (`http://host:4318`).

    An empty endpoint exports nothing. `per_second` bounds the traces that begin here and are
    recorded; 0 is no bound. Call it after the process has forked, once.
    """
    global _recorder
    if not otlp_endpoint:
        return Telemetry()
    from hive_shared.exporting import exporting

    provider, counts = exporting(service, otlp_endpoint)
    _recorder = _Recorder(provider.get_tracer("hive"), counts, per_second)
    return Telemetry(provider)


def span(
    name: str,
    traceparent: str = "",
    links: Sequence[str] = (),
    kind: Kind = "internal",
    attributes: Mapping[str, Attribute] | None = None,
    **named: Attribute,
) -> Span:
    """One step, as a context manager. An exception that leaves it marks the span as failed.

    Its parent is `traceparent`; where that is empty or not well-formed, the span that is open in
    this task, else it begins a trace. `links` are the contexts of spans that it continues.
    """
    known = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    parent = _current.get() if known is None else traceparent
    if _recorder is None:
        return _Passing(parent)
    if not parent and not _recorder.begins():
        ids = os.urandom(24).hex()
        parent = f"00-{ids[:32]}-{ids[32:]}-00"
    if parent and not _is_recorded(parent):
        return _Passing(parent)
    return _Recording(_recorder, name, parent, links, kind, {**(attributes or {}), **named})


def parent_of(cause: str, before: str) -> str:
    """The parent of a step that goes on from `before`, brought about by `cause`: contexts, both
    of which may be empty.

    It is in the trace of `before`: of a cause that has a trace of its own it is no child, and
    links to it.
    """
    if cause and (not before or cause[3:35] == before[3:35]):
        return cause
    return before


def continuing(name: str, before: str) -> Span:
    """A step of what `before` is the context of, whatever the span that is open in this task is
    about: where that has a trace of its own, the step links to it."""
    cause = _current.get()
    parent = parent_of(cause, before)
    return span(name, parent, [cause] if cause and cause != parent else ())


def inner(name: str, kind: Kind, attributes: Mapping[str, Attribute]) -> Span:
    """A part of the step that is open in this task; where none is, nothing is recorded."""
    open_here = _current.get()
    if not open_here or _recorder is None:
        return _Passing(open_here)
    return span(name, open_here, (), kind, attributes)


def batch(
    name: str, causes: Iterable[str], kind: Kind, attributes: Mapping[str, Attribute]
) -> Span:
    """A step that serves many causes at once: a span in the trace of each, as the child of its
    first cause and with links to its others. What is not recorded has none."""
    if _recorder is None:
        return _Passing("")
    traces: dict[str, list[str]] = {}
    for cause in dict.fromkeys(causes):
        if trace := recorded_trace(cause):
            traces.setdefault(trace, []).append(cause)
    about = dict(attributes)
    return _Several(
        [
            span(name, first, others[:MAX_LINKS], kind, about)
            for first, *others in list(traces.values())[:MAX_TRACES]
        ]
    )


def current() -> str:
    """The context of the step that is open in this task; empty where none is."""
    return _current.get()


def recorded_trace(traceparent: str) -> str:
    """The id of a context's trace; empty where it is not recorded anywhere."""
    return traceparent[3:35] if _recorder is not None and _is_recorded(traceparent) else ""


def counted() -> list[Counted]:
    """How many spans have ended in this process, and how many a collector took."""
    if _recorder is None:
        return []
    counts = _recorder.counts
    return [
        Counted(SPANS, counts.ended, (("state", "ended"),)),
        Counted(SPANS, counts.exported, (("state", "exported"),)),
    ]


class _Passing:
    """Nothing is recorded: the context of the cause is handed on."""

    __slots__ = ("_token", "traceparent")

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent

    def __enter__(self) -> Step:
        self._token = _current.set(self.traceparent)
        return self

    def __exit__(self, *_: object) -> None:
        _reset(self._token)

    def tell(self, attributes: Mapping[str, Attribute]) -> None:
        pass

    def fail(self, kind: str) -> None:
        pass


class _Several:
    """The spans of one step in several traces."""

    __slots__ = ("_spans", "_steps", "traceparent")

    def __init__(self, spans: list[Span]) -> None:
        self._spans = spans
        self._steps: list[Step] = []
        self.traceparent = ""

    def __enter__(self) -> Step:
        # Each is open in the other's place, so they are closed in reverse.
        self._steps = [each.__enter__() for each in self._spans]
        self.traceparent = self._steps[-1].traceparent if self._steps else ""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in reversed(self._spans):
            each.__exit__(kind, error, trace)

    def tell(self, attributes: Mapping[str, Attribute]) -> None:
        for step in self._steps:
            step.tell(attributes)

    def fail(self, kind: str) -> None:
        for step in self._steps:
            step.fail(kind)


class _Recording:
    """A span of the SDK, current in this task while it is open."""

    __slots__ = ("_counts", "_span", "_token", "traceparent")

    def __init__(
        self,
        recorder: _Recorder,
        name: str,
        parent: str,
        links: Sequence[str],
        kind: Kind,
        attributes: Mapping[str, Attribute],
    ) -> None:
        from opentelemetry import context, trace

        remote = _context(parent)
        contexts = (_context(link) for link in links)
        begun: SdkSpan = recorder.tracer.start_span(
            name,
            context=trace.set_span_in_context(
                trace.NonRecordingSpan(remote or trace.INVALID_SPAN_CONTEXT), context.Context()
            ),
            kind=trace.SpanKind[kind.upper()],
            links=[trace.Link(each) for each in contexts if each],
            attributes=attributes,
        )
        own = begun.get_span_context()
        self._span = begun
        self._counts = recorder.counts
        self.traceparent = f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"

    def __enter__(self) -> Step:
        self._token = _current.set(self.traceparent)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _reset(self._token)
        if kind is not None:
            # Its text may hold what is secret, and is for the log of the one who failed.
            self.fail(kind.__qualname__)
        self._span.end()
        self._counts.ended += 1

    def tell(self, attributes: Mapping[str, Attribute]) -> None:
        self._span.set_attributes(attributes)

    def fail(self, kind: str) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)


def _reset(token: Token[str]) -> None:
    # A stream may be closed in another task than the one that began it.
    try:  # noqa: SIM105  # this is on the way of every message
        _current.reset(token)
    except ValueError:
        pass


def _is_recorded(traceparent: str) -> bool:
    # Most are not, and the last digit of the flags tells.
    if traceparent[54:55] not in _ODD:
        return False
    return _TRACEPARENT.fullmatch(traceparent) is not None


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
