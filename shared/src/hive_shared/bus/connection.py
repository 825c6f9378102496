"""A connection to NATS that outlives NATS.

It is there at once, connected or not, and goes on trying; who uses it asks `is_connected` or bears
the error. Adapter.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import nats.errors
from nats.aio.client import Client

_log = logging.getLogger("hive.bus")

RETRY_SECONDS = 0.25
PING_SECONDS = 5
"""A server that answers no ping twice is taken for gone."""
FIRST_SECONDS = 2.0
"""How long to wait for the first connection before going on without it."""


Subscribe = Callable[[Client], Awaitable[object]]


def heed_cancellation() -> None:
    """Call after a request of nats-py: it waits with `asyncio.wait_for`, which in Python 3.11 loses
    a cancellation that comes together with the answer. Raises CancelledError."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _nothing(_: Client) -> None:
    return None


@contextlib.asynccontextmanager
async def connected(
    url: str,
    name: str,
    changed: Callable[[], None] = lambda: None,
    subscribe: Subscribe = _nothing,
) -> AsyncIterator[Client]:
    """A client of that server; `changed` is called when the connection is lost or back.

    `subscribe` is called once, when it is connected first; the client itself subscribes again
    after each later reconnection.
    """
    client = Client()
    connecting = asyncio.create_task(_connect(client, url, name, changed, subscribe))
    await asyncio.wait([connecting], timeout=FIRST_SECONDS)
    try:
        yield client
    finally:
        connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await connecting
        with contextlib.suppress(nats.errors.Error, OSError):
            await client.close()


async def _connect(
    client: Client, url: str, name: str, changed: Callable[[], None], subscribe: Subscribe
) -> None:
    async def lost() -> None:
        if not client.is_closed:
            _log.warning("bus: connection lost")
        changed()

    async def back() -> None:
        _log.info("bus: connected again")
        changed()

    async def failed(error: Exception) -> None:
        # One line for each try would fill the disk while NATS is down.
        _log.debug("bus: %r", error)

    while True:
        try:
            await client.connect(
                url,
                name=name,
                error_cb=failed,
                disconnected_cb=lost,
                reconnected_cb=back,
                max_reconnect_attempts=-1,
                reconnect_time_wait=RETRY_SECONDS,  # type: ignore[arg-type]  # seconds, any number
                ping_interval=PING_SECONDS,
                max_outstanding_pings=2,
            )
        except (nats.errors.Error, OSError) as error:
            _log.debug("bus: no connection yet: %r", error)
            await asyncio.sleep(RETRY_SECONDS)  # noqa: TID251  adapter
        else:
            await subscribe(client)
            changed()
            return
