"""The github service's edge on the bus: one question, answered by FastStream."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
from faststream.nats import NatsBroker, NatsMessage

from hive_contracts.health import GITHUB_STATUS
from hive_github.status import github_status
from hive_shared.settings import GithubSettings

_log = logging.getLogger("hive.github")


def broker_for(url: str, settings: GithubSettings) -> NatsBroker:
    broker = NatsBroker(
        url,
        name="github",
        logger=_log,
        log_level=logging.DEBUG,
        apply_types=False,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
    )

    @broker.subscriber(
        GITHUB_STATUS, queue="github", decoder=_body, title="GithubStatus",
        description="Whether GitHub is configured: a GithubStatusQuery, answered by GithubStatus.",
    )  # fmt: skip
    async def on_status(_: bytes) -> bytes:
        # Read anew for each question: a token that is put there later counts at once.
        return msgspec.json.encode(await asyncio.to_thread(github_status, settings))

    return broker


@asynccontextmanager
async def serving(broker: NatsBroker) -> AsyncIterator[None]:
    """Answer as soon as the bus is there."""
    starting = asyncio.create_task(broker.start())
    try:
        yield
    finally:
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        await broker.stop()


async def _body(message: NatsMessage) -> bytes:
    return bytes(message.body)
