"""Deliveries on their way into the record: those that wait travel together. Adapter.

    take, finish ──▶ waiting ──▶ one statement, one commit, an answer for each

While a statement is away the next ones gather, so a lone delivery waits for nobody, and of many
each costs PostgreSQL a part of what one alone does. What the server refuses as a whole is sent
again one by one. Where no answer comes nobody knows whether it was recorded: GitHub is told that it
was not.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextvars import Context
from importlib.resources import files
from typing import Final

import asyncpg
import msgspec

from hive_contracts.codec import encode, schema_of
from hive_contracts.envelope import Meta
from hive_contracts.github.delivery import AnyDeliveryEvent
from hive_contracts.ids import NewId
from hive_shared.eventstore.errors import StoreError, StoreUnavailable
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.eventstore.traced import statement_for

ACTOR: Final = "github"
LANES: Final = 2
"""Statements that are on their way at a time."""
MAX_BATCH: Final = 64
MAX_BYTES: Final = 4 * 1024 * 1024
"""Of bodies in one statement, unless a single one is larger."""

_RECORD: Final = files(__package__).joinpath("queries", "record.sql").read_text()


class Waiting:
    """One event of a delivery, and the future of its verdict."""

    __slots__ = ("body", "event", "meta", "verdict")

    def __init__(self, event: AnyDeliveryEvent, meta: Meta, body: bytes | None) -> None:
        self.event = event
        self.meta = meta
        self.body = body
        self.verdict: asyncio.Future[str] = asyncio.get_running_loop().create_future()


class Recording:
    def __init__(self, pool: asyncpg.Pool, new_id: NewId) -> None:
        self._pool = pool
        self._new_id = new_id
        self._queue: deque[Waiting] = deque()
        self._lanes: set[asyncio.Task[None]] = set()

    async def record(
        self, event: AnyDeliveryEvent, cause: str, traceparent: str, body: bytes | None = None
    ) -> bool:
        """False where it had been recorded before. `body`: of one that was received.

        Raises StoreError. A caller that is cancelled may have it recorded.
        """
        schema = schema_of("delivery", type(event).__name__)
        meta = Meta(event.delivery_id, cause, ACTOR, traceparent, schema)
        waiting = Waiting(event, meta, body)
        self._queue.append(waiting)
        self._open_lane()
        return await waiting.verdict == "written"

    def _open_lane(self) -> None:
        if len(self._lanes) >= LANES:
            return
        # It begins with the loop's next turn, when all who came in this one are waiting, and is no
        # part of the step of whoever opened it.
        lane = asyncio.create_task(self._empty(), name="deliveries", context=Context())
        self._lanes.add(lane)
        lane.add_done_callback(self._close_lane)

    def _close_lane(self, lane: asyncio.Task[None]) -> None:
        self._lanes.discard(lane)
        if self._queue and not lane.cancelled():
            self._open_lane()

    async def _empty(self) -> None:
        while batch := self._next():
            await self._send(batch)

    def _next(self) -> list[Waiting]:
        batch: list[Waiting] = []
        size = 0
        while self._queue and len(batch) < MAX_BATCH:
            size += len(self._queue[0].body or b"")
            if batch and size > MAX_BYTES:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _send(self, batch: list[Waiting]) -> None:
        try:
            with statement_for(
                "SELECT github.deliveries", (each.meta.traceparent for each in batch), len(batch)
            ):
                rows = await self._pool.fetch(_RECORD, *self._columns(batch))
        except FAILURES as error:
            refusal = translated(error)
            if isinstance(refusal, StoreUnavailable) or len(batch) == 1:
                _fail(batch, refusal)
                return
            for waiting in batch:
                await self._send([waiting])
        except BaseException:
            _fail(batch, StoreUnavailable("the process stopped while it waited for an answer"))
            raise
        else:
            for waiting, [verdict] in zip(batch, rows, strict=True):
                if not waiting.verdict.done():  # its caller was cancelled
                    waiting.verdict.set_result(verdict)

    def _columns(self, batch: list[Waiting]) -> list[list[object]]:
        return [
            [each.event.delivery_id for each in batch],
            [each.body for each in batch],
            [self._new_id() for _ in batch],
            [type(each.event).__name__ for each in batch],
            [encode(each.event) for each in batch],
            [msgspec.json.encode(each.meta) for each in batch],
        ]


def _fail(batch: Iterable[Waiting], error: StoreError) -> None:
    for waiting in batch:
        if not waiting.verdict.done():
            waiting.verdict.set_exception(error)
