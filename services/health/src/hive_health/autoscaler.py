"""Records how many runners are wanted, whenever that changes. Adapter.

    beats ──demand──▶ sizes ──changed, and not just before──▶ record ──▶ what everybody is told

The record has the last word: each process of health tells what is recorded, so two of them tell the
same, and what was wanted outlives them. One counts, the one that holds the fence; it begins with
what was recorded last. A change is recorded at most every EVERY_SECONDS.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from hive_contracts.capacity import POOL, RunnersWanted, WantRunners
from hive_contracts.codec import UnknownEvent, decode, encode, schema_of, stream_of
from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.health import AgentDemand, Capacity, RunnerMember
from hive_contracts.heartbeat import Wanted
from hive_contracts.ids import NewId
from hive_contracts.subjects import stream_name
from hive_health.capacity import Wish, decide, evolve, of_agents
from hive_health.demand import need
from hive_health.sizing import HOLD_SECONDS, Sizes
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import Fenced, StoreError, VersionConflict
from hive_shared.eventstore.port import Append, EventStore, Fence, StreamVersion

FENCE: Final = "capacity"
HOLD_MS: Final = 10_000
LOOK_SECONDS: Final = 2.0
EVERY_SECONDS: Final = 6.0
PAGE: Final = 1000
ACTOR: Final = "health"
STREAM: Final = stream_name("capacity", POOL)

_log = logging.getLogger("hive.health.autoscaler")


class Seen(msgspec.Struct, frozen=True):
    """What the demand is made of at one moment."""

    wanted: tuple[Wanted, ...] | None
    """None where no active orchestrator is heard."""
    runners: tuple[RunnerMember, ...] = ()


class Autoscaler:
    def __init__(
        self,
        store: EventStore,
        see: Callable[[], Seen],
        clock: Clock,
        holder: str,
        new_id: NewId,
        hold: float = HOLD_SECONDS,
    ) -> None:
        """`hold`: seconds for which runners stay wanted after they were needed last."""
        self._store = store
        self._see = see
        self._clock = clock
        self._holder = holder
        self._new_id = new_id
        self._hold = hold
        self._log_id = ""
        self._version = 0
        self._wish: Wish = None
        self._sizes: Sizes | None = None
        """None while another process counts."""
        self._recorded_at = float("-inf")
        self.trouble = "the record was not read yet"
        """Why the number does not follow; empty while it does."""

    async def run(self) -> None:
        """Until cancelled; then another process may count at once."""
        fence: Fence | None = None
        try:
            while True:
                fence = await self.look()
                await self._clock.sleep(LOOK_SECONDS)
        finally:
            if fence is not None:
                with suppress(StoreError):
                    await asyncio.shield(self._store.release_fence(fence))

    async def look(self) -> Fence | None:
        """Read what is recorded; where it is this process that counts, count, and record."""
        try:
            await self._read()
            fence = await self._store.take_fence(FENCE, self._holder, HOLD_MS)
            if fence is None:
                self._sizes = None
            else:
                await self._count(fence)
        except (Fenced, VersionConflict):
            self._sizes = None  # another one counts; what it has recorded is read next time
            return None
        except (StoreError, UnknownEvent) as error:
            if not self.trouble:
                _log.warning("the number of runners stays as it is: %s", error)
            self.trouble = f"the record: {error}"
            return None
        self.trouble = ""
        return fence

    def capacity(self) -> Capacity:
        """What everybody is told."""
        seen = self._see()
        return shown(self._wish, seen, self.trouble)

    async def _read(self) -> None:
        head = await self._store.head()
        if head.log_id != self._log_id:
            # Another history: what was wanted in the lost one is not known to it.
            self._log_id, self._version, self._wish, self._sizes = head.log_id, 0, None, None
        while events := await self._store.read_stream(STREAM, self._version, PAGE):
            for recorded in events:
                event = decode(recorded)
                assert isinstance(event, RunnersWanted)
                self._wish = evolve(self._wish, event)
            self._version = events[-1].version

    async def _count(self, fence: Fence) -> None:
        now = self._clock.monotonic()
        if self._sizes is None:
            self._sizes = _sizes(self._wish, self._hold)
        seen = self._see()
        if seen.wanted is None:
            return
        wants = need(seen.wanted, seen.runners)
        self._sizes.see(now, wants.whole, wants.agents, wants.slots)
        if now - self._recorded_at < EVERY_SECONDS:
            return
        command = WantRunners(
            POOL,
            self._sizes.whole.wanted,
            of_agents(self._sizes.agents),
            sum(each.waiting for each in seen.wanted),
            sum(each.working for each in seen.wanted),
        )
        if events := decide(self._wish, command):
            await self._record(events, fence)
            self._recorded_at = now

    async def _record(self, events: list[RunnersWanted], fence: Fence) -> None:
        new = tuple(self._new(event) for event in events)
        expected = (StreamVersion(STREAM, self._version),)
        await self._store.append(Append(expected, new, fence=fence))
        self._version += len(events)
        for event in events:
            self._wish = evolve(self._wish, event)
            _log.info("%d runners are wanted", event.runners)

    def _new(self, event: RunnersWanted) -> NewEvent:
        id, kind = self._new_id(), type(event).__name__
        meta = Meta(POOL, "", ACTOR, schema=schema_of("capacity", kind))
        return NewEvent(id, stream_of(event), kind, encode(event), meta)


def shown(wish: Wish, seen: Seen, trouble: str) -> Capacity:
    wanted = seen.wanted or ()
    wants = need(wanted, seen.runners)
    ready = [runner for runner in seen.runners if runner.ready]
    by_agent = {} if wish is None else {each.agent: each.runners for each in wish.agents}
    demand = {each.agent: each for each in wanted}
    agents = sorted({*demand, *by_agent})
    return Capacity(
        runners_desired=None if wish is None else wish.runners,
        runners=len(ready),
        slots=sum(runner.slots for runner in ready),
        waiting=sum(each.waiting for each in wanted),
        working=sum(each.working for each in wanted),
        agents=tuple(
            AgentDemand(
                agent,
                demand[agent].waiting if agent in demand else 0,
                demand[agent].working if agent in demand else 0,
                by_agent.get(agent, 0),
                agent not in wants.unserved,
            )
            for agent in agents
        ),
        reason=trouble or ("no active orchestrator is heard" if seen.wanted is None else ""),
    )


def _sizes(wish: Wish, hold: float) -> Sizes:
    if wish is None:
        return Sizes(hold=hold)
    return Sizes(wish.runners, {each.agent: each.runners for each in wish.agents}, hold)
