"""HTTP: health, readiness and metrics.

    /health          open; the process answers
    /health/ready    open; 200 or 503, with reasons for whoever has a token
    /metrics         with the token of an admin, approver or viewer; of this gateway
    /metrics/hive    the same of the whole hive: ask one gateway, and not each of them
    /capacity        with the admin's token; how many runners are wanted, and who is at work

Each request must name this host in its Host header: a page in a browser could otherwise have any
name resolved to this address and speak to it.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import msgspec
import uvicorn
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hive_contracts.health import Capacity, RunnerMember
from hive_gateway.asking_health import AskingHealth
from hive_gateway.health import Check, Dependencies
from hive_gateway.metrics import Metrics
from hive_gateway.ports import port_in_use
from hive_gateway.refusals import Refusal
from hive_gateway.tokens import Tokens
from hive_shared.wake import first_of

SELF: Final = ("localhost", "127.0.0.1", "::1")
_OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_STATUS: Final = {"unauthenticated": 401, "revoked": 401, "not-allowed": 403, "unavailable": 503}


class OwnNames:
    """Lets only requests pass that are meant for this host."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            hosts = Headers(scope=scope).getlist("host")
            if len(hosts) != 1 or _name(hosts[0]) not in self._names:
                refusal = Refusal(
                    "not-this-host",
                    f"Host {', '.join(hosts)[:100]!r} is not this gateway",
                    "host",
                    "call it by its name, or add the name to gateway_names in hive.toml",
                )
                await _error(421, refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class CapacityPage(msgspec.Struct, frozen=True):
    """What scalers read."""

    capacity: Capacity
    runners: tuple[RunnerMember, ...]


class Pages:
    def __init__(
        self,
        dependencies: Dependencies,
        tokens: Tokens,
        metrics: Metrics,
        health: AskingHealth,
        version: str,
    ) -> None:
        self._dependencies = dependencies
        self._tokens = tokens
        self._metrics = metrics
        self._whole = health
        self._alive = _json(200, {"status": "healthy", "service": "gateway", "version": version})

    def app(self, names: Collection[str]) -> ASGIApp:
        routes = [
            Route("/health", self._health),
            Route("/health/ready", self._ready),
            Route("/metrics", self._show_metrics),
            Route("/metrics/hive", self._show_hive),
            Route("/capacity", self._show_capacity),
        ]
        handlers = {Refusal: _refused, HTTPException: _no_page}
        return OwnNames(Starlette(routes=routes, exception_handlers=handlers), names)

    async def _health(self, request: Request) -> Response:
        return self._alive

    async def _ready(self, request: Request) -> Response:
        await self._dependencies.look_again()
        ready = self._dependencies.ready
        body: dict[str, Any] = {"status": "ready" if ready else "not ready"}
        try:
            self._person(request)
        except Refusal:
            body["checks"] = [
                Check(check.name, check.ok, needed=check.needed)
                for check in self._dependencies.checks
            ]
        else:
            body["checks"] = self._dependencies.checks
        return _json(200 if ready else 503, body)

    async def _show_metrics(self, request: Request) -> Response:
        self._person(request)
        accept = request.headers.get("accept", "")
        generate, content_type = choose_encoder(accept)
        return Response(generate(self._metrics.registry), media_type=content_type)

    async def _show_hive(self, request: Request) -> Response:
        self._person(request)
        openmetrics = "application/openmetrics-text" in request.headers.get("accept", "")
        text = await self._whole.metrics(openmetrics=openmetrics)
        return Response(text, media_type=_OPENMETRICS if openmetrics else CONTENT_TYPE_PLAIN_0_0_4)

    async def _show_capacity(self, request: Request) -> Response:
        self._person(request)
        seen = await self._whole.seen()
        return _json(200, CapacityPage(seen.capacity, seen.runners))

    def _person(self, request: Request) -> None:
        """Raises Refusal."""
        caller = self._tokens.caller(request.headers.get("authorization"))
        if caller.role == "runner":
            raise Refusal("not-allowed", "a runner's token opens RunnerService alone")


class _Server(uvicorn.Server):
    """Leaves the signals to the process, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[int]:
    """Serve in this loop; yields the port (another one only for port 0). Raises SettingsError."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=2,
    )
    with _bound(host, port) as bound:
        server = _Server(config)
        running = asyncio.create_task(server.serve([bound]), name="http")
        await first_of(server.listening.wait(), asyncio.wait([running]))
        try:
            yield bound.getsockname()[1]
        finally:
            server.should_exit = True
            await running


def address_of(host: str, port: int, machine: str) -> str:
    """Where others find what listens on `host`: everywhere is at the machine's name."""
    if host in ("", "0.0.0.0", "::"):  # noqa: S104  # compared, and not bound
        host = machine
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise port_in_use(host, port, "gateway_http_port") from error
    return bound


def _name(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _error(_STATUS[error.code], error)


async def _no_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, Refusal("not-found", error.detail, request.url.path))


def _error(status: int, refusal: Refusal) -> Response:
    fields = ("code", "message", "where", "remedy")
    return _json(status, {"error": {field: getattr(refusal, field) for field in fields}})


def _json(status: int, body: object) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
