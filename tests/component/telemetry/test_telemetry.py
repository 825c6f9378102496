"""Traces without a collector, with one, and with a dead one."""

import json
import logging
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

from hive_shared import logs, telemetry

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


def test_a_step_of_many_causes_is_in_the_trace_of_each_and_links_to_the_rest_of_it(
    collector: Collector,
) -> None:
    other = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"
    later = PARENT.replace("b7ad6b7169203331", "b7ad6b7169203332")
    causes = [PARENT, other, later, PARENT, UNSAMPLED.replace("0af", "2af"), "", "nonsense"]
    with telemetry.configure("relay", collector.endpoint):
        with telemetry.batch("publish", causes, "producer", {"many": 7}):
            pass
        with telemetry.batch("publish", [UNSAMPLED], "producer", {}):
            pass
    request = collector.requests.get(timeout=10)
    spans = [span for r in request.resource_spans for s in r.scope_spans for span in s.spans]
    found = {
        (span.trace_id.hex(), span.parent_span_id.hex()): [
            link.span_id.hex() for link in span.links
        ]
        for span in spans
    }
    assert found == {
        (PARENT.split("-")[1], PARENT.split("-")[2]): [later.split("-")[2]],
        (other.split("-")[1], other.split("-")[2]): [],
    }
    assert {span.kind for span in spans} == {Span.SPAN_KIND_PRODUCER}


def test_a_part_of_no_step_is_not_recorded_and_one_of_a_step_is_its_child(
    collector: Collector,
) -> None:
    with telemetry.configure("gateway", collector.endpoint):
        with telemetry.inner("alone", "client", {}):
            pass
        with telemetry.span("step"), telemetry.inner("part", "client", {"db.system.name": "x"}):
            pass
    spans = collector.spans()
    assert spans.keys() == {"step", "part"}
    assert spans["part"].parent_span_id == spans["step"].span_id


def test_so_many_traces_begin_and_the_rest_say_that_they_are_not_recorded(
    collector: Collector,
) -> None:
    begun: list[str] = []
    with telemetry.configure("gateway", collector.endpoint, per_second=1.0):
        for number in range(50):
            with telemetry.span(f"step {number}") as step:
                begun.append(step.traceparent)
        with telemetry.span("caused", PARENT):
            pass  # whoever began that has decided
        ended = {dict(each.labels)["state"]: each.value for each in telemetry.counted()}
    recorded = [trace for trace in begun if int(trace[-2:], 16) & 1]
    assert telemetry.BURST_SECONDS <= len(recorded) < 20
    assert all(trace.endswith("-00") for trace in set(begun) - set(recorded))
    assert len(set(begun)) == 50
    assert ended["ended"] == len(recorded) + 1
    assert "caused" in collector.spans()


def test_what_an_error_says_is_no_part_of_a_trace(collector: Collector) -> None:
    with (
        telemetry.configure("gateway", collector.endpoint),
        pytest.raises(ValueError),
        telemetry.span("fail"),
    ):
        raise ValueError("postgresql://hive:s3cret@host")
    span = collector.spans()["fail"]
    assert {pair.key: pair.value.string_value for pair in span.attributes} == {
        "error.type": "ValueError"
    }
    assert b"s3cret" not in span.SerializeToString()


def test_a_log_line_has_the_ids_of_the_step_that_it_belongs_to() -> None:
    lines = logs.JsonLines("gateway", "i")
    record = logging.LogRecord("hive", logging.INFO, "", 0, "told", (), None)
    with telemetry.span("step", PARENT):
        line = json.loads(lines.format(record))
    assert [line["trace_id"], line["span_id"]] == PARENT.split("-")[1:3]
    assert "trace_id" not in json.loads(lines.format(record))


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
from hive_shared import exporting, telemetry

sending = telemetry.configure("runner", sys.argv[1])
begun = time.monotonic()
for _ in range(2 * exporting.QUEUE_SPANS):
    with telemetry.span("step"):
        pass
worked = time.monotonic()
sending.close()
sending.close()
print((worked - begun) / (2 * exporting.QUEUE_SPANS), time.monotonic() - worked)
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
