"""One reading of the record for all subscriptions of a process.

    record ──hint, or a look now and then──▶ trunk, which holds the newest events
                                               ├──▶ branch ──▶ an effect
                                               ├──▶ branch ──▶ an effect
                                               └──▶ branch ──▶ a projection

What seven subscriptions would ask for at each hint is asked for once. A branch that is behind what
the trunk holds reads the record by itself until it is there, so none of them waits for another.
After each reading the trunk rests for a moment: what comes meanwhile is read together. The first
after a silence is read at once.
"""

import contextlib
import itertools
import logging
from collections import deque
from collections.abc import AsyncGenerator
from typing import Final

from hive_contracts.envelope import Recorded
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.port import EventStore
from hive_shared.subscriptions.feed import (
    PAGE,
    QUIET_SECONDS,
    Batch,
    Feed,
    HistoryChanged,
    pages,
)
from hive_shared.wake import Wake

HELD: Final = 2 * PAGE
"""Events."""
REST_SECONDS: Final = 0.02
RETRY_SECONDS: Final = 0.5

_log = logging.getLogger("hive.trunk")


class Trunk:
    """Reads from where the record ends when it begins, for branches made before or later."""

    def __init__(
        self, store: EventStore, clock: Clock, quiet_seconds: float = QUIET_SECONDS
    ) -> None:
        """`quiet_seconds`: so often the record is looked at though nobody gave a hint."""
        self._store = store
        self._clock = clock
        self._feed = Feed(store, clock, quiet_seconds=quiet_seconds)
        self._branches: list[Branch] = []
        self._held: deque[Recorded] = deque()
        self._before = 0
        """The position before the first that is held."""
        self._log_id = ""

    def branch(self) -> "Branch":
        """For one subscription."""
        branch = Branch(self, self._store, self._clock)
        self._branches.append(branch)
        return branch

    def hint(self) -> None:
        """Something was appended."""
        self._feed.hint()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._follow()
            except (HistoryChanged, StoreUnavailable) as error:
                _log.warning("the record is read again in a moment: %r", error)
                await self._clock.sleep(RETRY_SECONDS)

    def following(self, after: int, log_id: str) -> tuple[Recorded, ...] | None:
        """What is held of that history after a position; None where what follows it is not held.

        Raises HistoryChanged.
        """
        if not self._log_id or after < self._before:
            return None
        if log_id != self._log_id:
            raise HistoryChanged(f"{log_id} is not {self._log_id}")
        begin = after - self._before
        return tuple(itertools.islice(self._held, begin, begin + PAGE))

    @property
    def head(self) -> int:
        """The position of the last event that was read."""
        return self._before + len(self._held)

    async def _follow(self) -> None:
        head = await self._store.head()
        self._held.clear()
        self._before, self._log_id = head.position, head.log_id
        self._tell()
        async with contextlib.aclosing(self._feed.batches(head.position)) as batches:
            async for batch in batches:
                if batch.log_id != self._log_id:
                    raise HistoryChanged(f"{self._log_id} became {batch.log_id}")
                if batch.events:
                    self._hold(batch.events)
                    self._tell()
                    await self._clock.sleep(REST_SECONDS)

    def _hold(self, events: tuple[Recorded, ...]) -> None:
        self._held.extend(events)
        while len(self._held) > HELD:
            self._held.popleft()
            self._before += 1

    def _tell(self) -> None:
        for branch in self._branches:
            branch.news.set()


class Branch:
    """The events for one subscription, as a `Feed` gives them."""

    def __init__(self, trunk: Trunk, store: EventStore, clock: Clock) -> None:
        self.news = Wake(clock)
        """That the trunk has read more."""
        self._trunk = trunk
        self._store = store

    def hint(self) -> None:
        self._trunk.hint()

    async def batches(self, after: int) -> AsyncGenerator[Batch, None]:
        """Raises HistoryChanged, and what the store raises."""
        log_id = (await self._store.head()).log_id
        # What is held may be of a record that was put back since: this one is asked first.
        events: tuple[Recorded, ...] | None = None
        while True:
            if events is None:
                async with contextlib.aclosing(pages(self._store, after, log_id)) as behind:
                    async for batch in behind:
                        after = batch.events[-1].position
                        yield batch
                events = self._trunk.following(after, log_id) or ()
            if not events and not await self.news.wait(QUIET_SECONDS):
                yield Batch(log_id, (), max(self._trunk.head, after))
            elif events:
                after = events[-1].position
                yield Batch(log_id, events, max(self._trunk.head, after))
            events = self._trunk.following(after, log_id)
