"""The test GitHub's HTTP server, in a thread of its own, so that a test may block."""

import asyncio
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from hive_github.testing import pages, repository_door, tokens
from hive_github.testing.api import Api, Asked, Said, by_number
from hive_github.testing.clock import TestClock
from hive_github.testing.faults import Fault
from hive_github.testing.graph import Graph
from hive_github.testing.hooks import Courier
from hive_github.testing.limits import Limits, Meter, secondary
from hive_github.testing.published import Published
from hive_github.testing.queueing import Queue
from hive_github.testing.refusals import Problems, Refused
from hive_github.testing.world import World

_PREFIX: Final = re.compile(r"^/api(/v3(?=/|$)|(?=/graphql))")
START_SECONDS: Final = 10.0


class Heard(msgspec.Struct, frozen=True):
    """One request, and what became of it."""

    method: str
    path: str
    query: str
    status: int
    """0 where the connection ended first."""
    caller: str
    """As `installation 5000`, `app 100`, `user 1001`, `nobody`; empty for git."""
    operation: str = ""
    """As GitHub's description names it, or `graphql` or `git`."""
    fault: str = ""
    body: bytes = b""


class Server:
    """Runs from `start` to `close`; `world`, `courier`, `faults` and `heard` are for tests."""

    def __init__(self, clock: TestClock, limits: Limits, port: int = 0) -> None:
        self.published = Published()
        self.faults: list[Fault] = []
        self.heard: list[Heard] = []
        self._folder = Path(tempfile.mkdtemp(prefix="test-github-"))
        self.world = World(self._folder, clock)
        self.courier = Courier(self.world, self.published)
        self.world.courier = self.courier
        self.world.meter = Meter(limits, clock)
        self.queue = self.world.queue = Queue(self.world)
        self._api = Api(self.world, self.published)
        self._graph = Graph(self.world, self.published)
        self._port = port
        self._listening = threading.Event()
        self._server: _Uvicorn | None = None
        self._thread = threading.Thread(target=self._run, name="test-github", daemon=True)
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Raises OSError when the port is taken."""
        # Named as TCP, or asyncio would not send at once (TCP_NODELAY): 40 ms for each answer.
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(("127.0.0.1", self._port))
        except OSError:
            bound.close()
            raise
        self._socket = bound
        self.world.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        self._thread.start()
        if not self._listening.wait(START_SECONDS):
            raise TimeoutError("the test GitHub did not start")

    def close(self) -> None:
        """Raises Problems, once everything is closed."""
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join()
        if self._socket is not None:
            self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self.published.problems:
            raise Problems(self.published.problems)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        config = uvicorn.Config(
            self._handle, http=_Protocol, interface="asgi3", proxy_headers=False, lifespan="off",
            log_config=None, access_log=False, server_header=False, ws="none",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = _Uvicorn(config, self._listening)
        carrying = asyncio.create_task(self.courier.carry())
        assert self._socket is not None
        await self._server.serve([self._socket])
        carrying.cancel()
        with suppress(asyncio.CancelledError):
            await carrying

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw = scope["raw_path"].decode("ascii").partition("?")[0]
        asked = Asked(
            method=request.method, path=_PREFIX.sub("", raw) or "/", query=request.url.query,
            headers=dict(request.headers.items()),
            body=await request.body(),
        )  # fmt: skip
        running, bucket = self.world.meter.running, self._bucket(asked)
        running[bucket] += 1
        try:
            await self._heard(asked, scope, receive, send)
        finally:
            running[bucket] -= 1

    def _bucket(self, asked: Asked) -> str:
        """Whose requests at once it belongs to; git's belong to nobody's."""
        if repository_door.split(asked.path) is not None:
            return "git"
        with suppress(Refused):
            return tokens.caller(self.world, asked.headers).bucket
        return "nobody"

    async def _heard(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        fault = next((one for one in self.faults if one.strikes(asked.method, asked.path)), None)
        response, said = await self._answered(asked, fault)
        status = 0 if fault and fault.kind in ("cut", "dropped") else response.status_code
        self.heard.append(
            Heard(
                asked.method, asked.path, asked.query, status, said.caller, said.operation,
                fault.kind if fault else "", asked.body,
            )
        )  # fmt: skip
        if fault is not None and fault.kind in ("cut", "dropped"):
            if fault.kind == "cut":
                await _begin(response, send)
            scope["state"]["transport"].abort()
            return
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        with suppress(ConnectionError):
            await response(scope, receive, send)

    async def _answered(self, asked: Asked, fault: Fault | None) -> tuple[Response, Said]:
        said = Said(status=0)
        if fault is None or fault.done or fault.kind in ("slow", "cut"):
            response, said = await self._real(asked)
            if fault is None or fault.kind in ("slow", "cut"):
                return response, said
        return _failed(fault), said

    async def _real(self, asked: Asked) -> tuple[Response, Said]:
        if (git := repository_door.split(asked.path)) is not None:
            found = await repository_door.answer(self.world, asked, *git)
            return found, Said(status=found.status_code, operation="git")
        if (page := pages.matching(asked)) is not None:
            with self.world.lock:
                return page(self.world, asked), Said(status=200, operation="page")
        running = self.world.meter.running[self._bucket(asked)]
        said = await asyncio.to_thread(self._locked, asked, running)
        return Response(said.content, said.status, said.headers), said

    def _locked(self, asked: Asked, running: int) -> Said:
        with self.world.lock:
            if asked.path == "/graphql":
                return self._graph.answer(asked, running)
            asked.path = by_number(self.world, asked.path)
            return self._api.answer(asked, running)


class _Protocol(H11Protocol):
    """Lets whoever answers end the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Uvicorn(uvicorn.Server):
    """Leaves the signals to the process, and says when it listens."""

    def __init__(self, config: uvicorn.Config, listening: threading.Event) -> None:
        super().__init__(config)
        self._listening = listening

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()


def _failed(fault: Fault) -> Response:
    retry = {} if fault.no_retry_after else {"Retry-After": str(int(fault.seconds))}
    match fault.kind:
        case "secondary":
            refused = secondary(None if fault.no_retry_after else int(fault.seconds))
            return _json(refused)
        case "too_many":
            return _json(Refused(429, "Too many requests", headers=retry))
        case "unavailable":
            return _json(Refused(503, "Service unavailable", headers=retry))
        case "bad_gateway":
            return Response(
                "<html><body>502 Bad Gateway</body></html>", 502, media_type="text/html"
            )
        case _:
            return Response()


def _json(refused: Refused) -> Response:
    content = msgspec.json.encode(refused.body)
    return Response(content, refused.status, refused.headers, media_type="application/json")


async def _begin(response: Response, send: Send) -> None:
    """Half an answer."""
    content = bytes(response.body)
    headers = [*response.raw_headers]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    half = content[: len(content) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
