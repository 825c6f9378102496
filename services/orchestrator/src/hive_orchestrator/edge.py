"""The orchestrator's edge on the bus: two request handlers by FastStream, and hints both ways.

Everything here may be lost or late: callers repeat under the same command ids, beats come again,
and the log is looked at once a second without any hint.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import msgspec
from faststream.nats import NatsBroker, NatsMessage
from nats.aio.client import Client
from nats.errors import Error as NatsError

from hive_contracts.orders import Heard
from hive_contracts.subjects import APPENDED, BEAT, DEADLINE_HEADER, RUNBOOK, SUBMIT, orders_hint
from hive_contracts.submit import Submission
from hive_orchestrator.handlers.beats import Beats
from hive_orchestrator.handlers.runbook import launch_runbook
from hive_orchestrator.handlers.submit import Submit
from hive_orchestrator.replica import Replica
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.handling import Handling

QUEUE: Final = "orchestrator"
WORKERS: Final = 64
DEFAULT_DEADLINE_MS: Final = 10_000

log = logging.getLogger(__name__)

_submission: Final = msgspec.json.Decoder(Submission)
_submissions: Final = msgspec.json.Decoder(list[Submission])
_heard: Final = msgspec.json.Decoder(Heard)


class Hints:
    """Hints to others, while the bus is there."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sending: set[asyncio.Task[None]] = set()

    def appended(self) -> None:
        """Tell everybody to look at the log."""
        sending = asyncio.create_task(self._publish(APPENDED))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def tell(self, runner_id: str) -> None:
        """Tell the gateway that holds this runner's session that its orders changed."""
        await self._publish(orders_hint(runner_id))

    async def _publish(self, subject: str) -> None:
        if self._client.is_connected:
            with suppress(NatsError, OSError):
                await self._client.publish(subject, b"")


def broker_for(url: str) -> NatsBroker:
    return NatsBroker(
        url,
        name=QUEUE,
        logger=log,
        log_level=logging.DEBUG,
        apply_types=False,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        graceful_timeout=5.0,
    )


@asynccontextmanager
async def started(broker: NatsBroker) -> AsyncIterator[None]:
    """Serve as soon as the bus is there, and go on without it until then."""
    starting = asyncio.create_task(broker.start())
    try:
        yield
    finally:
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        await broker.stop()


def serve(
    broker: NatsBroker,
    submit: Submit,
    beats: Beats,
    replica: Replica,
    submitting: Handling,
    beating: Handling,
) -> None:
    """Register the handlers; they are called once the broker is started."""

    @broker.subscriber(
        SUBMIT, queue=QUEUE, max_workers=WORKERS, decoder=_with_deadline, title="Submissions",
        description="Commands from outside: a list of Submission, answered by a list of Answer.",
    )  # fmt: skip
    async def on_submit(request: tuple[float, bytes]) -> bytes:
        deadline, body = request
        with submitting.one():
            async with asyncio.timeout(deadline):
                return msgspec.json.encode(await submit(_submissions.decode(body)))

    @broker.subscriber(
        RUNBOOK, queue=QUEUE, decoder=_with_deadline, title="Runbooks",
        description="A runbook's launch, of health: a Submission, answered by an Answer.",
    )  # fmt: skip
    async def on_runbook(request: tuple[float, bytes]) -> bytes:
        deadline, body = request
        with submitting.one():
            async with asyncio.timeout(deadline):
                return msgspec.json.encode(await launch_runbook(submit, _submission.decode(body)))

    @broker.subscriber(
        BEAT, queue=QUEUE, max_workers=WORKERS, decoder=_with_deadline, title="Beats",
        description="What a runner is doing (Beat), answered by what it should be doing (Orders).",
    )  # fmt: skip
    async def on_beat(request: tuple[float, bytes]) -> bytes:
        deadline, body = request
        try:
            with beating.one():
                async with asyncio.timeout(deadline):
                    orders = await beats(_heard.decode(body))
        except (StoreUnavailable, TimeoutError) as error:
            log.warning("a beat was not heard: %s", error)
            return b""
        return msgspec.json.encode(orders) if orders else b""

    @broker.subscriber(
        APPENDED, decoder=_with_deadline, title="Appended",
        description="A hint that the log has grown.",
    )  # fmt: skip
    async def on_appended(_: Any) -> None:
        replica.wake()


async def _with_deadline(message: NatsMessage) -> tuple[float, bytes]:
    """Seconds that the caller still waits, and the exact body."""
    left = message.headers.get(DEADLINE_HEADER, "")
    return (int(left) if left.isdecimal() else DEFAULT_DEADLINE_MS) / 1000, message.body
