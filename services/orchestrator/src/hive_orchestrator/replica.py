"""A replica of the orchestrator: active while it holds the fence, ready to take over while not."""

import logging
from collections.abc import Callable
from contextlib import suppress

from hive_contracts.codec import UnknownEvent
from hive_contracts.heartbeat import QueueUse, Wanted
from hive_orchestrator.active import FENCE, Active, Pace
from hive_orchestrator.desk import Superseded
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import Fenced, StoreUnavailable
from hive_shared.eventstore.port import EventStore, Fence
from hive_shared.wake import Wake

log = logging.getLogger(__name__)


class Replica:
    """Takes the fence, works, keeps the fence; starts anew after whatever goes wrong."""

    def __init__(
        self,
        store: EventStore,
        start: Callable[[Fence], Active],
        holder: str,
        pace: Pace,
        clock: Clock,
    ) -> None:
        self._store = store
        self._start = start
        self._holder = holder
        self._pace = pace
        self._clock = clock
        self._woken = Wake(clock)
        self._acting: Active | None = None
        self.active = False
        """Whether this replica holds the fence."""
        self.trouble = ""
        """Why nothing goes on here; empty while it does."""

    def wake(self) -> None:
        """Something was appended: look at the log now."""
        self._woken.set()

    def queues(self) -> list[QueueUse]:
        """What waits for a runner, where this replica gives work."""
        return [] if self._acting is None else [self._acting.queue()]

    def demand(self) -> tuple[Wanted, ...] | None:
        """What runners are wanted for; None while another replica is active."""
        return None if self._acting is None else self._acting.demand()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self._take_part()
            except* (Superseded, Fenced):
                log.warning("another orchestrator is active now")
            except* (StoreUnavailable, UnknownEvent) as group:
                self.trouble = str(_first(group))
                log.error("nothing goes on: %s", self.trouble)
            self.active = False
            await self._clock.sleep(self._pace.fence / 10)

    async def _take_part(self) -> None:
        fence = await self._take()
        if fence is None:
            self.trouble = ""
            await self._clock.sleep(self._pace.fence / 5)
            return
        active = self._start(fence)
        await active.load()
        self.active, self.trouble = True, ""
        self._acting = active
        log.info("active, with fence %s", fence.token)
        try:
            await self._work(active, fence)
        finally:
            self.active = False
            self._acting = None
            with suppress(StoreUnavailable):
                await self._store.release_fence(fence)

    async def _take(self) -> Fence | None:
        return await self._store.take_fence(FENCE, self._holder, int(self._pace.fence * 1000))

    async def _work(self, active: Active, fence: Fence) -> None:
        kept = watched = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            if now - kept > self._pace.fence / 3:
                if await self._take() != fence:
                    raise Fenced
                kept = now
            if now - watched > self._pace.watch:
                await active.watch()
                watched = now
            done = await active.turn()
            if not done:
                await self._woken.wait(self._pace.watch)
            elif done >= self._pace.much:
                # As long as it worked: what comes meanwhile shares the price of the next turn.
                worked = self._clock.monotonic() - now
                await self._clock.sleep(min(max(worked, self._pace.rest), 4 * self._pace.rest))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in a group: the others are of the same outage."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
