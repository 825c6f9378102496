"""Deliveries in PostgreSQL: the body beside its event, in one transaction. Adapter."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Any, Final

import asyncpg

from hive_contracts.github.delivery import DeliveryReceived, FinishDelivery, ReceiveDelivery
from hive_contracts.ids import NewId
from hive_contracts.subjects import split_stream, stream_name
from hive_github.deciders import delivery
from hive_github.webhooks.recording import Recording
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.eventstore.traced import statement as statement_span
from hive_shared.telemetry import span


def _query(name: str) -> str:
    return files(__package__).joinpath("queries", f"{name}.sql").read_text()


_BODY: Final = _query("body")
_PURGE: Final = _query("purge")
_SEEN: Final = _query("seen")


class Deliveries:
    def __init__(self, pool: asyncpg.Pool, new_id: NewId) -> None:
        self._pool = pool
        self._new_id = new_id
        self._recording = Recording(pool, new_id)

    async def take(self, coming: ReceiveDelivery, body: bytes) -> bool:
        """Store and record it; False where it had been before. Raises StoreError."""
        [received] = delivery.decide(delivery.INITIAL, coming)
        with span("webhook", kind="server", attributes={"hive.github.event": coming.event}) as step:
            cause, trace = self._new_id(), step.traceparent
            return await self._recording.record(received, cause, trace, body)

    async def finish(
        self, received: DeliveryReceived, done: FinishDelivery, cause: str, before: str
    ) -> None:
        """It is worked, and from now on its body's days are counted. `before` is the context in
        which it was received. Raises StoreError.
        """
        [worked] = delivery.decide(delivery.Delivery(received), done)
        with span("record FinishDelivery", links=[before] if before else []) as step:
            await self._recording.record(worked, cause, step.traceparent)

    async def body(self, guid: str) -> bytes | None:
        """None where it was deleted. Raises StoreError."""
        body: bytes | None = await self._fetchval(_BODY, guid)
        return body

    async def purge(self, days: float, most: int = 500) -> int:
        """Delete bodies that were worked so long ago; answers how many. Raises StoreError."""
        return int(await self._fetchval(_PURGE, days, most))

    async def seen(self, guids: Iterable[str]) -> set[str]:
        """Which of these are recorded. Raises StoreError."""
        streams = await self._fetchval(_SEEN, [stream_name("delivery", guid) for guid in guids])
        return {split_stream(stream)[1] for stream in streams}

    async def _fetchval(self, statement: str, *arguments: object) -> Any:
        try:
            with statement_span("SELECT github.deliveries"):
                return await self._pool.fetchval(statement, *arguments)
        except FAILURES as error:
            raise translated(error) from error
