"""All events from a position on, from the bus where it serves, else from the record.

        ┌───────────── a hole, silence, another history ─────────────┐
        ▼                                                            │
    record ──page after page──▶ at its head ──▶ a reader of the bus ─┤
        ▲                                                            │
        └── nothing came for a second, and the record has more ◀─────┘

Positions are dense, so a hole cannot hide: what does not follow on is not taken, and the record is
asked. Without the bus the record is read at each hint and once a second (`quiet_seconds`).
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Final, Protocol

import msgspec

from hive_contracts.envelope import Recorded
from hive_shared.bus.errors import BrokenFeed, BusUnavailable
from hive_shared.clock import Clock
from hive_shared.eventstore.port import EventStore
from hive_shared.wake import Wake

QUIET_SECONDS: Final = 1.0
"""Nothing came for so long: look at the record."""
PAGE: Final = 1000
"""Events in one batch, at most."""
BUS_RETRY_SECONDS: Final = 5.0
"""How long the record is read before the bus is tried again."""


class Reader(Protocol):
    """An open reader of the bus."""

    async def take(self, limit: int) -> list[Recorded]:
        """What has come, in order and without a hole. Raises BrokenFeed."""
        ...

    def skip_to(self, position: int) -> None:
        """Do not give what the record gave already."""
        ...

    async def close(self) -> None: ...


class Bus(Protocol):
    async def open(self, log_id: str, after: int, arrived: Callable[[], None]) -> Reader:
        """Raises BusUnavailable, also where the bus holds no such history."""
        ...


class Batch(msgspec.Struct, frozen=True):
    log_id: str
    events: tuple[Recorded, ...]
    """In order, without gaps; empty when nothing is new for a second."""
    head: int
    """The record's last position, as far as is known."""


class HistoryChanged(Exception):
    """The record has another `log_id` than when this reading began."""


class Batches(Protocol):
    """All events, as a subscription reads them."""

    def batches(self, after: int) -> AsyncGenerator[Batch, None]:
        """Events with `position > after`, for ever. Close it (`aclosing`).

        Raises HistoryChanged, and what the store raises.
        """
        ...

    def hint(self) -> None:
        """Something was appended."""
        ...


async def pages(store: EventStore, after: int, log_id: str) -> AsyncGenerator[Batch, None]:
    """The record up to its head; the next page is fetched while the last one is worked on."""
    fetching = asyncio.create_task(store.read_all(after, PAGE))
    try:
        while events := await fetching:
            after = events[-1].position
            fetching = asyncio.create_task(store.read_all(after, PAGE))
            yield Batch(log_id, tuple(events), after)
    finally:
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)


class Feed:
    """Reads for one subscription; `bus` may be left out, then the record alone is read."""

    def __init__(
        self,
        store: EventStore,
        clock: Clock,
        bus: Bus | None = None,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._quiet = quiet_seconds
        self._wake = Wake(clock)

    def hint(self) -> None:
        """Something was appended."""
        self._wake.set()

    async def batches(self, after: int) -> AsyncGenerator[Batch, None]:
        """Events with `position > after`, for ever. Close it (`aclosing`).

        Raises HistoryChanged, and what the store raises.
        """
        head = await self._store.head()
        while True:
            async with contextlib.aclosing(pages(self._store, after, head.log_id)) as past:
                async for batch in past:
                    after = batch.events[-1].position
                    yield batch
            async with contextlib.aclosing(self._live(after, head.log_id)) as live:
                async for batch in live:
                    after = batch.events[-1].position if batch.events else after
                    yield batch

    async def _live(self, after: int, log_id: str) -> AsyncGenerator[Batch, None]:
        """The bus while it serves; without it, one look at the record per hint or second."""
        reader = await self._open(log_id, after)
        if reader is None:
            until = self._clock.monotonic() + BUS_RETRY_SECONDS
            while self._clock.monotonic() < until:
                await self._wake.wait(self._quiet)
                batch = await self._look(after, log_id)
                after = batch.events[-1].position if batch.events else after
                yield batch
            return
        came = False
        try:
            async with contextlib.aclosing(self._from(reader, after, log_id)) as batches:
                async for batch in batches:
                    came = True
                    yield batch
        except BrokenFeed:
            if not came:
                # Until a relay has put the bus right, it would be as broken the next moment.
                await self._clock.sleep(QUIET_SECONDS)
        finally:
            await reader.close()

    async def _from(self, reader: Reader, after: int, log_id: str) -> AsyncGenerator[Batch, None]:
        heard = self._clock.monotonic()
        while True:
            if events := await reader.take(PAGE):
                after = events[-1].position
                yield Batch(log_id, tuple(events), after)
                heard = self._clock.monotonic()
                continue
            await self._wake.wait(self._quiet)
            if self._clock.monotonic() - heard >= self._quiet:
                # Nothing comes: maybe there is nothing, maybe no relay is running.
                batch = await self._look(after, log_id)
                if batch.events:
                    after = batch.events[-1].position
                    reader.skip_to(after)
                yield batch
                heard = self._clock.monotonic()

    async def _open(self, log_id: str, after: int) -> Reader | None:
        if self._bus is None:
            return None
        try:
            return await self._bus.open(log_id, after, self._wake.set)
        except BusUnavailable:
            return None

    async def _look(self, after: int, log_id: str) -> Batch:
        head = await self._store.head()
        if head.log_id != log_id:
            raise HistoryChanged(f"{log_id} became {head.log_id}")
        events = await self._store.read_all(after, PAGE) if head.position > after else []
        if len(events) == PAGE:
            self._wake.set()  # there may be more
        return Batch(log_id, tuple(events), max(head.position, after))
