"""The bus as an operator sees it, and the order to make it anew. Adapter."""

import msgspec
import nats.errors
from nats.aio.client import Client

from hive_contracts.health import REBUILD_BUS, BusRebuilt, RebuildBus
from hive_gateway.refusals import Refusal
from hive_shared.bus.errors import BusUnavailable
from hive_shared.bus.events import EventStream, Retention
from hive_shared.bus.survey import Survey, survey
from hive_shared.clock import Clock
from hive_shared.eventstore.port import EventStore


class BusState:
    def __init__(self, client: Client, store: EventStore, clock: Clock) -> None:
        self._client = client
        self._store = store
        self._clock = clock

    async def survey(self) -> Survey:
        """Bus against record. Raises what the store raises."""
        try:
            # It only looks, so what a stream made by it would keep does not matter.
            held = await EventStream(self._client, Retention()).look()
        except BusUnavailable:
            return Survey(await self._store.head(), None, "unreachable")
        return await survey(self._store, held, self._clock.now_ms())

    async def rebuild(self, seconds: float) -> BusRebuilt:
        """Let a relay make the event stream anew. Raises Refusal."""
        if not self._client.is_connected:
            raise Refusal("unavailable", "the bus is not reachable", remedy="start NATS, repeat")
        try:
            order = msgspec.json.encode(RebuildBus())
            reply = await self._client.request(REBUILD_BUS, order, timeout=seconds)
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise Refusal(
                "unavailable", f"no relay answered: {error!r}", remedy="see that a relay is running"
            ) from error
        return msgspec.json.decode(reply.data, type=BusRebuilt)
