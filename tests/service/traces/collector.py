"""A receiver of OTLP over HTTP, and what it has received."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


class Seen(msgspec.Struct, frozen=True):
    """A span as it arrived; ids are in hex."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    """Empty where it begins a trace."""
    links: frozenset[tuple[str, str]]
    """Trace and span of each."""
    attributes: dict[str, str]


class Collector:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        """As they came."""
        self._spans: dict[str, Seen] = {}
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._take))
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def listening(self) -> Iterator["Collector"]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def spans(self) -> dict[str, Seen]:
        """All that has arrived, by id."""
        with self._arrived:
            return dict(self._spans)

    def wait_for(self, wanted: Callable[[dict[str, Seen]], bool], seconds: float = 20) -> None:
        """Until what has arrived is as wanted. Raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: wanted(self._spans), seconds):
                raise TimeoutError(sorted(f"{s.service} {s.name}" for s in self._spans.values()))

    def _take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        self.bodies.append(body)
        with self._arrived:
            for seen in _spans(request):
                self._spans[seen.id] = seen
            self._arrived.notify_all()


def _spans(request: ExportTraceServiceRequest) -> Iterator[Seen]:
    for group in request.resource_spans:
        about = {pair.key: pair.value.string_value for pair in group.resource.attributes}
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Seen(
                    about["service.name"],
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    frozenset((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    {pair.key: _text(pair.value) for pair in span.attributes},
                )


def _text(value: AnyValue) -> str:
    return str(getattr(value, value.WhichOneof("value") or "string_value"))


def _handler(take: Callable[[bytes], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    return Handler
