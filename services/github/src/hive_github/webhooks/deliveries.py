"""Deliveries in PostgreSQL: the body beside its event, in one transaction. Adapter."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Any, Final

import asyncpg
import msgspec

from hive_contracts.codec import encode, schema_of
from hive_contracts.envelope import Meta
from hive_contracts.github.delivery import (
    AnyDeliveryEvent,
    DeliveryReceived,
    FinishDelivery,
    ReceiveDelivery,
)
from hive_contracts.ids import NewId
from hive_contracts.subjects import split_stream, stream_name
from hive_github.deciders import delivery
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.eventstore.traced import statement as statement_span
from hive_shared.telemetry import span

ACTOR: Final = "github"


def _query(name: str) -> str:
    return files(__package__).joinpath("queries", f"{name}.sql").read_text()


_TAKE, _BODY, _FINISH, _PURGE, _SEEN = map(_query, ("take", "body", "finish", "purge", "seen"))


class Deliveries:
    def __init__(self, pool: asyncpg.Pool, new_id: NewId) -> None:
        self._pool = pool
        self._new_id = new_id

    async def take(self, coming: ReceiveDelivery, body: bytes) -> bool:
        """Store and record it; False where it had been before. Raises StoreError."""
        [received] = delivery.decide(delivery.INITIAL, coming)
        with span("webhook", kind="server", attributes={"hive.github.event": coming.event}) as step:
            event = self._columns(received, self._new_id(), step.traceparent)
            verdict = await self._fetchval(_TAKE, coming.delivery_id, body, *event)
        return bool(verdict == "written")

    async def finish(
        self, received: DeliveryReceived, done: FinishDelivery, cause: str, before: str
    ) -> None:
        """It is worked, and from now on its body's days are counted. `before` is the context in
        which it was received. Raises StoreError.
        """
        [worked] = delivery.decide(delivery.Delivery(received), done)
        with span("record FinishDelivery", links=[before] if before else []) as step:
            event = self._columns(worked, cause, step.traceparent)
            await self._fetchval(_FINISH, done.delivery_id, *event)

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

    def _columns(
        self, event: AnyDeliveryEvent, cause: str, traceparent: str
    ) -> tuple[str, str, bytes, bytes]:
        """As the statements take it."""
        kind = type(event).__name__
        schema = schema_of("delivery", kind)
        meta = Meta(event.delivery_id, cause, ACTOR, traceparent, schema)
        return self._new_id(), kind, encode(event), msgspec.json.encode(meta)

    async def _fetchval(self, statement: str, *arguments: object) -> Any:
        try:
            with statement_span("SELECT github.deliveries"):
                return await self._pool.fetchval(statement, *arguments)
        except FAILURES as error:
            raise translated(error) from error
