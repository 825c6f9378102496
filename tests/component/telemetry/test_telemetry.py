"""Traces without a collector, with one, and with a dead one."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Final

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from hive_shared import telemetry

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


class Collector:
    """A real OTLP/HTTP receiver on loopback."""

    def __init__(self) -> None:
        self.requests: Queue[ExportTraceServiceRequest] = Queue()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/traces"
                collector.requests.put(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"

    def spans(self) -> dict[str, Span]:
        request = self.requests.get(timeout=10)
        return {
            span.name: span
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    yield server
    server.close()


def test_without_an_endpoint_the_context_is_handed_on() -> None:
    with telemetry.configure("orchestrator"), telemetry.span("step", PARENT, task="t") as step:
        assert step.traceparent == PARENT
    with telemetry.span("step", "not a context") as step:
        assert step.traceparent == ""


def test_without_an_endpoint_nothing_of_the_sdk_is_imported() -> None:
    script = (
        "import sys; from hive_shared import telemetry\n"
        "with telemetry.configure('x'), telemetry.span('step'): pass\n"
        "print([m for m in sys.modules if m.startswith(('opentelemetry', 'requests'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_spans_arrive_with_their_remote_parent_links_and_attributes(collector: Collector) -> None:
    with telemetry.configure("orchestrator", collector.endpoint):
        with telemetry.span("decide", PARENT, links=[UNSAMPLED, "nonsense"], tries=2) as step:
            assert step.traceparent.split("-")[1] == PARENT.split("-")[1]
            assert step.traceparent != PARENT
        with pytest.raises(ValueError), telemetry.span("fail", step.traceparent):
            raise ValueError("the reason")
    spans = collector.spans()
    decide, fail = spans["decide"], spans["fail"]
    assert decide.trace_id.hex() == PARENT.split("-")[1]
    assert decide.parent_span_id.hex() == PARENT.split("-")[2]
    assert [link.trace_id for link in decide.links] == [decide.trace_id]
    assert decide.attributes[0].value.int_value == 2
    assert fail.parent_span_id == decide.span_id
    assert fail.status.code == fail.status.STATUS_CODE_ERROR


def test_a_span_inside_a_span_is_its_child(collector: Collector) -> None:
    with (
        telemetry.configure("gateway", collector.endpoint),
        telemetry.span("outer"),
        telemetry.span("inner"),
    ):
        pass
    spans = collector.spans()
    assert spans["inner"].parent_span_id == spans["outer"].span_id


def test_a_context_that_is_not_sampled_stays_unsampled(collector: Collector) -> None:
    with telemetry.configure("gateway", collector.endpoint):
        with telemetry.span("unseen", UNSAMPLED) as step:
            assert step.traceparent.endswith("-00")
        with telemetry.span("seen"):
            pass
    assert list(collector.spans()) == ["seen"]


# In a process of its own: the exporter's threads go on after it, for as long as they are daemons of
# a process that lives, and disturb whatever else runs there.
_DEAD: Final = """
import sys, time
from hive_shared import telemetry

exporting = telemetry.configure("runner", sys.argv[1])
begun = time.monotonic()
for _ in range(2 * telemetry.QUEUE_SPANS):
    with telemetry.span("step"):
        pass
worked = time.monotonic()
exporting.close()
exporting.close()
print((worked - begun) / (2 * telemetry.QUEUE_SPANS), time.monotonic() - worked)
"""


@pytest.mark.parametrize("kind", ["refusing", "deaf"])
def test_a_dead_collector_slows_no_step_and_delays_exit_by_a_second_at_most(kind: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if kind == "deaf":
            listener.listen()
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        ended = subprocess.run(
            [sys.executable, "-c", _DEAD, endpoint],
            check=True, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
    step, closing = map(float, ended.stdout.split())
    assert step < 0.001
    assert closing < telemetry.SHUTDOWN_SECONDS + 0.5
