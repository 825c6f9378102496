"""The newest events, once for all who follow.

    feed ──batch──▶ ring of the newest events ──▶ each follower reads at its own position
                                                       │
    record ◀── whoever is older than the ring ─────────┘

With nobody following, nothing is read. A follower holds nothing but its position: one that is slow
falls out of the ring and reads the record until it has caught up. So nobody waits for the slow,
nothing grows with them, and there is no seam at which an event could be lost, as positions are
dense.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Iterator
from typing import Final

from hive_contracts.envelope import Recorded
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError
from hive_shared.eventstore.port import EventStore, Head
from hive_shared.subscriptions.feed import Feed, HistoryChanged

RING_EVENTS: Final = 4096
RING_BYTES: Final = 8 * 1024 * 1024
"""Bytes of data of the events in the ring, at most; the newest one stays however large it is."""
RETRY_SECONDS: Final = 1.0

_log = logging.getLogger("hive.gateway.live")


class OtherHistory(Exception):
    """The log has another `log_id` than the follower began with: the record was restored."""


class Live:
    def __init__(self, store: EventStore, feed: Feed, clock: Clock) -> None:
        self._store = store
        self._feed = feed
        self._clock = clock
        self._ring: deque[Recorded] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._followers = 0
        self._wanted = asyncio.Event()
        self.log_id = ""
        self.last = 0
        """The newest position that was heard of."""

    @contextlib.contextmanager
    def followed(self) -> Iterator[None]:
        """Somebody reads here for as long as this is open; with nobody, nothing is read."""
        self._followers += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers:
                self._wanted.clear()

    async def run(self) -> None:
        """Fill the ring for ever; a record that is away is waited for."""
        while True:
            await self._wanted.wait()
            try:
                head = await self._store.head()
                if head.log_id != self.log_id:
                    self._begin(head.log_id, head.position)
                await self._fill()
            except HistoryChanged:
                continue
            except StoreError as error:
                _log.warning("the record does not answer: %s", error)
                await self._clock.sleep(RETRY_SECONDS)

    async def _fill(self) -> None:
        async with contextlib.aclosing(self._feed.batches(self.last)) as batches:
            async for batch in batches:
                if batch.log_id != self.log_id:
                    return
                if batch.events:
                    self._add(batch.events)
                if not self._followers:
                    # The next one begins at the head of that time, not here.
                    self._begin("", 0)
                    return

    def after(self, position: int, limit: int) -> list[Recorded] | None:
        """Events with a greater position; None where the ring begins later than that."""
        if position >= self.last:
            return []
        if not self._ring or self._ring[0].position > position + 1:
            return None
        begin = position + 1 - self._ring[0].position
        return list(itertools.islice(self._ring, begin, begin + limit))

    async def head(self) -> Head:
        """The record's head, once this follows the same history. Raises what the store raises."""
        while True:
            news = self._news
            head = await self._store.head()
            if head.log_id == self.log_id:
                return head
            await news.wait()

    async def wait(self, log_id: str, position: int) -> None:
        """Until there is an event with a greater position. Raises OtherHistory."""
        while self.log_id == log_id and self.last <= position:
            await self._news.wait()
        if self.log_id != log_id:
            raise OtherHistory(self.log_id)

    def _begin(self, log_id: str, position: int) -> None:
        self._ring.clear()
        self._bytes = 0
        self.log_id, self.last = log_id, position
        self._tell()

    def _add(self, events: tuple[Recorded, ...]) -> None:
        self._ring.extend(events)
        self._bytes += sum(len(event.data) for event in events)
        while len(self._ring) > RING_EVENTS or (self._bytes > RING_BYTES and len(self._ring) > 1):
            self._bytes -= len(self._ring.popleft().data)
        self.last = events[-1].position
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
