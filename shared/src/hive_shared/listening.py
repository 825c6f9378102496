"""An HTTP server for a door of a service's own, where webhooks are taken. Adapter."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from hive_shared.settings import SettingsError
from hive_shared.wake import first_of


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
async def serving(
    app: ASGIApp, host: str, port: int, setting: str, *, shared: bool = False
) -> AsyncIterator[int]:
    """Serve in this loop; yields the port (another one only for port 0).

    `shared`: with other processes of the same account that say so too; the kernel gives each
    connection to one that listens. Raises SettingsError, which names the setting of the port.
    """
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=2,
    )
    with _bound(host, port, setting, shared) as bound:
        server = _Server(config)
        running = asyncio.create_task(server.serve([bound]), name="webhooks")
        await first_of(server.listening.wait(), asyncio.wait([running]))
        try:
            yield bound.getsockname()[1]
        finally:
            server.should_exit = True
            await running


def _bound(host: str, port: int, setting: str, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By its protocol's name: asyncio sends small answers at once (TCP_NODELAY) only of such.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise SettingsError(
            "webhooks cannot be taken at this address; something else may be there",
            where=f"{host}:{port}",
            remedy=f"stop what listens there, or set {setting} in hive.toml",
        ) from error
    return bound
