"""Health's edge on the bus: it hears every heartbeat and answers who is alive. FastStream."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec
from faststream.nats import NatsBroker, NatsMessage

from hive_contracts.health import ALIVE, Alive, AliveQuery
from hive_contracts.heartbeat import Heartbeat
from hive_contracts.subjects import HEARTBEATS
from hive_health.bus_view import BusView
from hive_health.roll import Roll
from hive_shared.bus.errors import BusUnavailable
from hive_shared.bus.events import EventStream
from hive_shared.clock import Clock

LOOK_SECONDS: Final = 2.0

_log = logging.getLogger("hive.health")
_query: Final = msgspec.json.Decoder(AliveQuery)
_beat: Final = msgspec.json.Decoder(Heartbeat)


class Health:
    """What this process knows, and since when it has been able to know it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.roll = Roll()
        self.bus = BusView()
        self._listening_since: float | None = None

    def connection(self, is_there: bool) -> None:
        """The connection to the bus came or went."""
        self._listening_since = self._clock.monotonic() if is_there else None

    def hear(self, beat: Heartbeat) -> None:
        self.roll.hear(beat, self._clock.monotonic())

    def alive(self, query: AliveQuery) -> Alive:
        now, since = self._clock.monotonic(), self._listening_since
        return Alive(
            members=tuple(self.roll.members(now, since, query.service)),
            bus=self.bus.seen(now, connected=since is not None),
            listening_s=0.0 if since is None else round(now - since, 3),
        )

    async def watch(self, stream: EventStream) -> None:
        """Look at the event stream every two seconds, until cancelled."""
        while True:
            with suppress(BusUnavailable):
                self.bus.saw(await stream.look(), self._clock.monotonic())
            await self._clock.sleep(LOOK_SECONDS)


def broker_for(url: str, health: Health) -> NatsBroker:
    async def lost() -> None:
        health.connection(is_there=False)

    async def back() -> None:
        health.connection(is_there=True)

    broker = NatsBroker(
        url,
        name="health",
        logger=_log,
        log_level=logging.DEBUG,
        apply_types=False,
        disconnected_cb=lost,
        reconnected_cb=back,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
    )

    @broker.subscriber(
        HEARTBEATS, decoder=_body, title="Heartbeats",
        description="What every process says of itself (Heartbeat), every two seconds.",
    )  # fmt: skip
    async def on_beat(body: bytes) -> None:
        try:
            health.hear(_beat.decode(body))
        except msgspec.MsgspecError as error:
            _log.warning("a heartbeat that is none: %s", error)

    @broker.subscriber(
        ALIVE, queue="health", decoder=_body, title="Alive",
        description="Who is alive: an AliveQuery (or nothing), answered by Alive.",
    )  # fmt: skip
    async def on_alive(body: bytes) -> bytes:
        return msgspec.json.encode(health.alive(_query.decode(body or b"{}")))

    return broker


@asynccontextmanager
async def serving(broker: NatsBroker, health: Health) -> AsyncIterator[None]:
    """Listen and answer as soon as the bus is there."""

    async def begin() -> None:
        await broker.start()
        health.connection(is_there=True)

    starting = asyncio.create_task(begin())
    try:
        yield
    finally:
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        await broker.stop()


async def _body(message: NatsMessage) -> bytes:
    return bytes(message.body)
