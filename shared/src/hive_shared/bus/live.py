"""The event stream as a reader sees it: an ephemeral consumer started at a position. Adapter.

Nothing durable is kept on the server: the reader's checkpoint is the only cursor. Messages are
pushed, with flow control, so that a slow reader slows the server and not its own memory.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import api

from hive_contracts.envelope import Recorded
from hive_contracts.subjects import event_stream_name
from hive_shared.bus.connection import heed_cancellation
from hive_shared.bus.errors import BrokenFeed, BusUnavailable
from hive_shared.bus.message import LOG_ID, recorded_of

HEARTBEAT_SECONDS: Final = 1.0
SILENCE_SECONDS: Final = 3.0
"""No message and no heartbeat for so long: the consumer is gone."""
API_SECONDS: Final = 2.0


class LiveBus:
    """Opens readers of the event stream, through one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def open(self, log_id: str, after: int, arrived: Callable[[], None]) -> "LiveEvents":
        """Read that history from `after + 1`; `arrived` is called when there is something to take.

        Raises BusUnavailable, also where the bus holds no such history.
        """
        if not self._client.is_connected:
            raise BusUnavailable("not connected to NATS")
        events = LiveEvents(self._client, log_id, after, arrived)
        try:
            await events.start()
            heed_cancellation()
        except (nats.errors.Error, OSError) as error:
            await events.close()
            raise BusUnavailable(f"NATS: {error!r}") from error
        return events


class LiveEvents:
    def __init__(
        self, client: Client, log_id: str, after: int, arrived: Callable[[], None]
    ) -> None:
        self._client = client
        self._log_id = log_id
        self._after = after
        self._arrived = arrived
        self._waiting: deque[Msg] = deque()
        self._subscription: Subscription | None = None
        self._heard_at = asyncio.get_running_loop().time()

    async def start(self) -> None:
        inbox = self._client.new_inbox()
        self._subscription = await self._client.subscribe(inbox, cb=self._heard)
        await self._client.jetstream(timeout=API_SECONDS).add_consumer(
            event_stream_name(self._log_id),
            api.ConsumerConfig(
                deliver_subject=inbox,
                deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=self._after + 1,
                ack_policy=api.AckPolicy.NONE,
                max_deliver=1,
                flow_control=True,
                idle_heartbeat=HEARTBEAT_SECONDS,
                mem_storage=True,
                num_replicas=1,
            ),
        )

    async def take(self, limit: int) -> list[Recorded]:
        """What has come, in order and without a hole; maybe nothing.

        Raises BrokenFeed on a hole, another history, or a consumer that has gone silent.
        """
        events: list[Recorded] = []
        while self._waiting and len(events) < limit:
            message = self._waiting.popleft()
            if _is_control(message):
                await self._go_on(message)
            elif (event := self._next(message)) is not None:
                events.append(event)
        silent = asyncio.get_running_loop().time() - self._heard_at
        if not events and silent > SILENCE_SECONDS:
            raise BrokenFeed(f"nothing was heard for {silent:.1f} s")
        return events

    def skip_to(self, position: int) -> None:
        """The reader has got everything up to there from the record."""
        self._after = max(self._after, position)

    async def close(self) -> None:
        """The server forgets the consumer when nobody listens to its subject."""
        if self._subscription is None or self._client.is_closed:
            return
        try:
            await self._subscription.unsubscribe()
        except (nats.errors.Error, OSError):
            return

    def _next(self, message: Msg) -> Recorded | None:
        event = recorded_of(message.data, message.headers)
        if (message.headers or {}).get(LOG_ID) != self._log_id:
            raise BrokenFeed("an event of another history")
        if event.position <= self._after:
            return None
        if event.position != self._after + 1:
            raise BrokenFeed(f"position {event.position} came after {self._after}")
        self._after = event.position
        return event

    async def _heard(self, message: Msg) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if _is_control(message) and not message.reply:
            stalled = (message.headers or {}).get("Nats-Consumer-Stalled")
            if stalled:
                await self._client.publish(stalled)
            return
        self._waiting.append(message)
        self._arrived()

    async def _go_on(self, message: Msg) -> None:
        """Answered only when what came before has been taken: this is the flow control."""
        try:
            await self._client.publish(message.reply)
        except (nats.errors.Error, OSError) as error:
            raise BrokenFeed(f"NATS: {error!r}") from error


def _is_control(message: Msg) -> bool:
    return (message.headers or {}).get("Status") == "100"
