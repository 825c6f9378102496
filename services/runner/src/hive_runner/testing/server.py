"""A scripted model behind HTTP on loopback.

Responses, Chat Completions, Messages and generateContent, streamed.
"""

import itertools
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec

from hive_runner.testing import completions, gemini, messages, responses
from hive_runner.testing.answers import Answer, Asked, NoTurn, Script
from hive_runner.testing.scenario import Fault, Scenario, Tokens

MODEL: Final = "scripted"
"""The model that it says it is."""
_MAX_BODY: Final = 64 * 1024 * 1024
_LOOK_SECONDS: Final = 0.1


class _Api(msgspec.Struct, frozen=True):
    read: Callable[[bytes], Asked]
    stream: Callable[[Answer, str], Iterator[bytes]]


_APIS: Final = {
    responses.PATH: _Api(responses.read, responses.stream),
    completions.PATH: _Api(completions.read, completions.stream),
    messages.PATH: _Api(messages.read, messages.stream),
}
_GEMINI: Final = _Api(gemini.read, gemini.stream)


def _api_of(path: str) -> _Api | None:
    return _GEMINI if gemini.PATH.fullmatch(path) else _APIS.get(path)


_KINDS: Final = {401: "authentication_error", 429: "rate_limit_error"}


class Heard(msgspec.Struct, frozen=True):
    """One request, and what became of it."""

    path: str
    asked: Asked
    became: str
    """`answer`, the kind of fault, or why there was no turn."""


class ScriptedModel:
    """Serves a scenario until it is closed."""

    def __init__(
        self, scenario: Scenario, port: int = 0, on_heard: Callable[[Heard], None] | None = None
    ) -> None:
        """`port` 0 takes a free one; `on_heard` is told of each request, in some thread.

        Raises OSError.
        """
        self.heard: list[Heard] = []
        self._on_heard = on_heard or self.heard.append
        self._script = Script(scenario)
        self._closed = threading.Event()
        self._numbers = itertools.count(1)
        self._server = _Server(self)
        self._server.bind(port)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """What an agent's configuration names as its base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: "_Request") -> None:
        """Answer one request."""
        path = request.path.partition("?")[0]
        body = request.body()
        api = _api_of(path)
        if api is None:
            request.refuse(404, "not_found", f"the scripted model has no {path}")
            return
        try:
            asked = api.read(body)
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            request.refuse(400, "invalid_request_error", f"the request cannot be read: {error}")
            return
        try:
            answer = self._script.answer(asked)
        except NoTurn as missing:
            self._on_heard(Heard(path, asked, str(missing)))
            request.refuse(400, "invalid_request_error", str(missing))
            return
        match answer:
            case Fault(kind=kind):
                self._on_heard(Heard(path, asked, kind))
                self._fail(request, api, answer)
            case Answer():
                self._on_heard(Heard(path, asked, "answer"))
                self._closed.wait(answer.wait)
                if api is _GEMINI and path.endswith(gemini.WHOLE):
                    request.send(gemini.whole(answer, self._new_id()))
                    return
                request.stream(api.stream(answer, self._new_id()))

    def _fail(self, request: "_Request", api: _Api, fault: Fault) -> None:
        match fault.kind:
            case "error" if api is _GEMINI:
                request.send(gemini.refused(fault.status, fault.said), fault.status)
            case "error":
                request.refuse(fault.status, _KINDS.get(fault.status, "server_error"), fault.said)
            case "limit" if api is _GEMINI:
                request.send(gemini.refused(429, fault.said, fault.resets_in), 429)
            case "limit":
                request.limit(fault)
            case "stall":
                request.stream(iter(()))
                while not self._closed.is_set() and not request.is_gone():
                    self._closed.wait(_LOOK_SECONDS)
            case "cut":
                begun = api.stream(Answer(fault.said, (), Tokens(0, 0)), self._new_id())
                request.stream(itertools.islice(begun, 1))

    def _new_id(self) -> str:
        return f"scripted_{next(self._numbers)}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, model: ScriptedModel) -> None:
        super().__init__(("127.0.0.1", 0), _Request, bind_and_activate=False)
        self.model = model

    def bind(self, port: int) -> None:
        self.server_address = ("127.0.0.1", port)
        try:
            self.server_bind()
            self.server_activate()
        except OSError:
            self.server_close()
            raise


class _Request(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:  # named by http.server
        # An agent that was killed has hung up.
        with suppress(ConnectionError):
            self.server.model.answer(self)

    def do_GET(self) -> None:  # named by http.server
        if self.path.partition("?")[0] != "/v1/models":
            self.refuse(404, "not_found", f"the scripted model has no {self.path}")
            return
        self._send(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def body(self) -> bytes:
        size = int(self.headers.get("Content-Length", "0"))
        return self.rfile.read(min(size, _MAX_BODY))

    def send(self, body: dict[str, Any], status: int = 200) -> None:
        self._send(status, body)

    def refuse(self, status: int, kind: str, message: str) -> None:
        error = {"type": kind, "code": kind, "message": message}
        self._send(status, {"type": "error", "error": error})

    def limit(self, fault: Fault) -> None:
        """As the providers say it: in the body for people and clients, and in a header."""
        error: dict[str, Any] = {"type": "usage_limit_reached", "message": fault.said}
        headers = {}
        if fault.resets_in:
            error["resets_at"] = int(time.time()) + fault.resets_in
            error["resets_in_seconds"] = fault.resets_in
            headers["Retry-After"] = str(fault.resets_in)
            headers["anthropic-ratelimit-unified-reset"] = str(error["resets_at"])
            headers["anthropic-ratelimit-unified-status"] = "rejected"
        self._send(429, {"type": "error", "error": error}, headers)

    def stream(self, events: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in events:
            self.wfile.write(event)
            self.wfile.flush()

    def is_gone(self) -> bool:
        """Whether the agent has hung up."""
        ready, _, _ = select.select([self.connection], [], [], 0)
        return bool(ready) and not self.connection.recv(1, socket.MSG_PEEK)

    def log_message(self, format: str, *arguments: object) -> None:
        """Whoever serves is told of each request in another way."""

    def _send(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        content = msgspec.json.encode(body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(scenario: Scenario, port: int = 0) -> Iterator[ScriptedModel]:
    """A scripted model for as long as the block runs."""
    model = ScriptedModel(scenario, port)
    try:
        yield model
    finally:
        model.close()
