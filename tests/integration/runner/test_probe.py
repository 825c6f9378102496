"""Gates that ask the world outside, against a server on this machine."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from hive_contracts.outcome import GateResult, GatesRun
from hive_contracts.plan import (
    CommandGate,
    Gate,
    HttpGate,
    MetricGate,
)
from hive_runner.judging import probe as probes
from hive_runner.judging.probe import probe
from tests.integration.runner.workshop import Source, Workshop, lease


class World:
    """A server that answers as it is told, and what it was asked."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.elsewhere = f"http://localhost:{port}"
        self.answers: list[tuple[int, str, str]] = []
        """Status, body, location; the last one stays."""
        self.slow = 0.0
        """Seconds until it answers."""
        self.asked: list[str] = []

    def answer(self) -> tuple[int, str, str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(BaseHTTPRequestHandler):
    world: ClassVar[World]

    def do_GET(self) -> None:
        self.world.asked.append(self.path)
        status, body, location = self.world.answer()
        threading.Event().wait(self.world.slow)
        content = body.encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(probes, "_PAUSES", (0.01,))
    monkeypatch.setenv("no_proxy", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.world = World(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Handler.world
    server.shutdown()
    server.server_close()
    thread.join()


def sampled(*values: str, kind: str = "vector") -> tuple[int, str, str]:
    samples = [{"metric": {"job": str(n)}, "value": [1.5, v]} for n, v in enumerate(values)]
    result = [1.5, values[0]] if kind == "scalar" else samples
    data = {"resultType": kind, "result": result}
    return 200, json.dumps({"status": "success", "data": data}), ""


def metric(world: World, timeout: float = 0.05) -> MetricGate:
    return MetricGate("lag", f"{world.url}/prom/", 'max(lag{job="a b"})', "<", 10, timeout)


async def test_a_url_that_answers_as_it_should_passes(world: World) -> None:
    world.answers = [(201, "all is well", "")]
    found = await probe(HttpGate("up", f"{world.url}/health?deep=1", 201, "is well"))
    assert (found.passed, found.reason, found.exit_code) == (True, "", None)
    assert (found.command, found.tail) == (f"GET {world.url}/health?deep=1", "all is well")
    assert world.asked == ["/health?deep=1"]


async def test_it_is_asked_until_it_holds(world: World) -> None:
    world.answers = [(503, "starting", ""), (200, "starting", ""), (200, "ready", "")]
    found = await probe(HttpGate("up", f"{world.url}/", contains="ready"))
    assert (found.passed, len(world.asked)) == (True, 3)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((503, "no database", ""), "answers 503, not 200"),
        ((200, "sorry", ""), "does not contain 'ready'"),
        ((302, "", "http://elsewhere.example/"), "answers 302 to http://elsewhere.example/"),
        ((302, "", "file:///etc/passwd"), "answers 302 to file:///etc/passwd"),
    ],
)
async def test_one_that_never_does_says_what_it_answered(
    world: World, answer: tuple[int, str, str], reason: str
) -> None:
    world.answers = [answer]
    found = await probe(HttpGate("up", f"{world.url}/", contains="ready", timeout=0.1))
    assert not found.passed
    assert reason in found.reason
    assert re.search(r"\(asked (once|\d+ times) in 0 s\)", found.reason)
    assert found.tail.startswith(found.reason)
    assert answer[1] in found.tail
    assert set(world.asked) == {"/"}


async def test_the_answer_is_heard_that_was_asked_for_when_the_time_was_nearly_over(
    world: World,
) -> None:
    world.answers, world.slow = [(503, "no database", "")], 0.3
    found = await probe(HttpGate("up", f"{world.url}/", timeout=0.001))
    assert "answers 503, not 200 (asked once in 0 s)" in found.reason


async def test_nobody_there_is_a_reason(world: World) -> None:
    found = await probe(HttpGate("up", "http://127.0.0.1:1/", timeout=0.05))
    assert not found.passed
    assert "http://127.0.0.1:1/ does not answer: " in found.reason


async def test_a_redirect_is_followed_on_the_same_host_only(world: World) -> None:
    world.answers = [(302, "", "/there"), (200, "ready", "")]
    assert (await probe(HttpGate("up", f"{world.url}/here"))).passed
    assert world.asked == ["/here", "/there"]
    world.asked.clear()
    world.answers = [(301, "", f"{world.elsewhere}/there"), (200, "ready", "")]
    found = await probe(HttpGate("up", f"{world.url}/here", timeout=0.001))
    assert not found.passed
    assert world.asked == ["/here"]


async def test_a_redirect_that_is_wanted_is_the_answer(world: World) -> None:
    world.answers = [(301, "", "/there")]
    assert (await probe(HttpGate("moved", f"{world.url}/here", 301))).passed
    assert world.asked == ["/here"]


async def test_a_circle_of_redirects_is_no_answer(world: World) -> None:
    world.answers = [(302, "", "/")]
    found = await probe(HttpGate("up", f"{world.url}/", timeout=0.001))
    assert not found.passed
    assert len(world.asked) < 15


async def test_of_a_long_answer_only_so_much_is_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "MAX_BODY", 1000)
    world.answers = [(200, "x" * 5_000 + "ready", "")]
    found = await probe(HttpGate("up", f"{world.url}/", contains="ready", timeout=0.001))
    assert not found.passed
    assert len(found.tail) < 2_500


@pytest.mark.parametrize(
    "answer", [sampled("9.5"), sampled("1", "2", "-3e5"), sampled("3", kind="scalar")]
)
async def test_a_metric_passes_where_every_sample_does(
    world: World, answer: tuple[int, str, str]
) -> None:
    world.answers = [answer]
    found = await probe(metric(world))
    assert found.passed, found.reason
    assert found.command == 'max(lag{job="a b"}) < 10'
    (asked,) = world.asked
    assert urlsplit(asked).path == "/prom/api/v1/query"
    assert parse_qs(urlsplit(asked).query) == {"query": ['max(lag{job="a b"})']}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (sampled("10"), 'max(lag{job="a b"}) is 10, not < 10'),
        (sampled("1", "12", "13"), "is 12, not < 10 (2 of 3 samples)"),
        (sampled("NaN"), "is nan, not < 10"),
        (sampled(), "there are no samples of max(lag"),
        (sampled("1", kind="matrix"), "a matrix is no number"),
        ((400, '{"status":"error"}', ""), "Prometheus answers 400"),
        ((200, "<html>", ""), "Prometheus' answer cannot be read"),
        ((200, "[]", ""), "Prometheus' answer cannot be read"),
    ],
    ids=["equal", "some", "nan", "none", "matrix", "bad-query", "html", "other"],
)
async def test_a_metric_that_does_not_hold_says_what_it_is(
    world: World, answer: tuple[int, str, str], reason: str
) -> None:
    world.answers = [answer]
    found = await probe(metric(world))
    assert not found.passed
    assert reason in found.reason


async def test_what_is_no_number_holds_for_no_comparison(world: World) -> None:
    world.answers = [sampled("NaN")]
    assert not (await probe(msgspec.structs.replace(metric(world), operator="!="))).passed


def asking(source: Source | None, *gates: Gate) -> object:
    asked = lease(source, "gates")
    spec = msgspec.structs.replace(asked.task.spec, gates=gates)
    return msgspec.structs.replace(asked, task=msgspec.structs.replace(asked.task, spec=spec))


async def test_commands_and_probes_are_answered_in_the_order_of_the_plan(
    source: Source, workshop: Workshop, world: World
) -> None:
    world.answers = [(200, "", "")]
    asked = asking(source, HttpGate("up", world.url), CommandGate("tests", "true"))
    run = await workshop.perform(asked)  # type: ignore[arg-type]
    assert isinstance(run, GatesRun), run
    assert [(result.name, result.passed) for result in run.results] == [
        ("up", True), ("tests", True),
    ]  # fmt: skip
    assert run.commit == source.head


async def test_a_probe_alone_needs_no_checkout_and_no_repository(
    workshop: Workshop, source: Source, world: World
) -> None:
    world.answers = [(200, "", "")]
    for repository in (None, source):
        run = await workshop.perform(asking(repository, HttpGate("up", world.url)))  # type: ignore[arg-type]
        assert isinstance(run, GatesRun), run
        assert [result.passed for result in run.results] == [True]
        assert run.commit == (repository.head if repository else "")


async def test_a_probe_that_is_not_wanted_any_more_ends(world: World) -> None:
    world.answers = [(503, "", "")]
    task: asyncio.Task[GateResult] = asyncio.create_task(probe(HttpGate("up", world.url)))
    while not world.asked:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
