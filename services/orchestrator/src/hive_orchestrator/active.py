"""The active orchestrator: it reacts to events, lets timers ring and gives work to runners.

    ┌─▶ read the log after the checkpoint ─▶ fold the board, react ─▶ keep board and checkpoint ─┐
    │                                                                                            │
    └── rest, or wait for a hint, a timer or a second ◀── tell runners ◀── lease what waits ◀────┘

Any number of orchestrators may run; the one that holds the fence is active, and each of its appends
carries the fence, so that one that was frozen and wakes up late is refused by the database.
Reactions come before the checkpoint: after a crash between them they are repeated, under ids that
follow from the event, and take effect once. The board is kept with the checkpoint, and only from
where it was.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from itertools import groupby
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from hive_contracts.codec import decode
from hive_contracts.envelope import Recorded
from hive_contracts.heartbeat import QueueUse, Wanted
from hive_contracts.ids import NewId, derived_id
from hive_contracts.mission import ReserveLease
from hive_contracts.runner import CloseSession
from hive_contracts.task import LeaseTask, TaskLeased
from hive_orchestrator.board import Board
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.demand import demand
from hive_orchestrator.desk import Desk
from hive_orchestrator.handlers.commands import Commands, Order, stream_about
from hive_orchestrator.measured import Scheduling, queue_of
from hive_orchestrator.obeying import Obeying
from hive_orchestrator.policy import react
from hive_orchestrator.scheduling import assign
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import CommandTooOld
from hive_shared.eventstore.port import EventStore, Fence

FENCE: Final = "scheduler"
ACTOR: Final = "orchestrator"
BATCH: Final = 512
"""Events that are folded before the board is kept."""

log = logging.getLogger(__name__)

Tell = Callable[[str], Awaitable[None]]
"""Tells a runner that its orders changed; it may get lost."""


class Pace(Struct, frozen=True):
    """How often the active orchestrator looks; seconds."""

    fence: float = 5
    session_ttl: float = 15
    watch: float = 0.5
    """Between two looks at timers and sessions."""
    rest: float = 0.01
    """At least, and four times that at most, between two turns where there is much to do."""
    much: int = 16
    """So many events and leases in one turn; with fewer the next follows at once."""


class Active:
    """One turn at being active. After any exception it must not be used again."""

    def __init__(
        self,
        store: EventStore,
        desk: Desk,
        commands: Commands,
        new_id: NewId,
        tell: Tell,
        pace: Pace,
        fence: Fence,
        clock: Clock,
        scheduling: Scheduling,
        obeying: Obeying,
    ) -> None:
        self._store = store
        self._desk = desk
        self._commands = commands
        self._new_id = new_id
        self._tell = tell
        self._pace = pace
        self._fence = fence
        self._board = Board()
        self._clock = clock
        self._scheduling = scheduling
        self._now = 0.0
        """The record's time, as it was looked at last; seconds since 1970."""
        self._obeying = obeying
        self._draining: frozenset[str] = frozenset()
        self._may_work: dict[str, float] = {}
        """Exclusive tasks whose lease was lost, and until when their attempt may still be at work:
        no orders have named it since, so its runner, or what watches for it, ends it by then."""

    async def load(self) -> None:
        self._board = await self._desk.load()
        await self.watch()

    def queue(self) -> QueueUse:
        """What waits for a runner."""
        return queue_of(self._board, self._now)

    async def turn(self) -> int:
        """Fold what is new, react, keep, lease. How many events and leases there were.

        Raises Superseded or Fenced where another orchestrator is active, StoreUnavailable,
        UnknownEvent where a newer version has written.
        """
        with self._scheduling.turns.one():
            return await self._turn()

    async def _turn(self) -> int:
        before = self._board.position
        events = await self._store.read_all(before, BATCH)
        orders = [order for recorded in events for order in self._fold(recorded)]
        await self._execute(orders)
        if events:
            changes = self._board.take_changes()
            await self._desk.keep(before, self._board.position, changes)
            for runner in sorted(changes.runners):
                await self._tell(runner)
        if len(events) == BATCH:
            return BATCH
        held = self._held() if self._board.cards.lost else frozenset()
        restraints = await self._obeying.now()
        leases = assign(self._board, self._draining, held, restraints=restraints)
        await self._execute([self._to_lease(lease) for lease in leases])
        return len(events) + len(leases)

    def demand(self) -> tuple[Wanted, ...]:
        """What runners are wanted for."""
        return demand(self._board, self._held() if self._board.cards.lost else ())

    def _held(self) -> set[str]:
        now = self._clock.monotonic()
        self._may_work = {
            id: self._may_work.get(id, now + self._pace.session_ttl)
            for id in self._board.cards.lost
        }
        return {id for id, until in self._may_work.items() if now < until}

    def _to_lease(self, lease: LeaseTask | ReserveLease) -> Order:
        leased = lease.lease if isinstance(lease, ReserveLease) else lease
        cause = self._board.cards.of[leased.task_id].traceparent
        return Order(self._new_id(), ACTOR, lease, cause)

    async def watch(self) -> None:
        """Let timers ring, end sessions that fell silent."""
        now = await self._desk.now()
        self._now = now.timestamp()
        ringing = [Order(t.id, ACTOR, t.command) for t in self._board.timers.due(now)]
        pulses = await self._desk.pulses()
        self._draining = frozenset(pulse.session_id for pulse in pulses if pulse.draining)
        silent = [
            Order(self._new_id(), ACTOR, CloseSession(p.runner_id, p.session_id, "expired"))
            for p in pulses
            if p.silent_ms > self._pace.session_ttl * 1000
        ]
        await self._execute([*ringing, *silent])

    def _fold(self, recorded: Recorded) -> Iterable[Order]:
        event = decode(recorded)
        if isinstance(event, TaskLeased):
            at_ms = recorded.recorded_at.timestamp() * 1000
            self._scheduling.leased(self._board.cards.of.get(event.task_id), at_ms)
        self._board.apply(recorded, event)
        for number, command in enumerate(react(event, self._board)):
            id = derived_id(recorded.id, "reaction", number)
            yield Order(id, ACTOR, command, recorded.meta.traceparent)

    async def _execute(self, orders: list[Order]) -> None:
        """All orders; those about one stream in their order, the others side by side."""
        if not orders:
            return
        by_stream = sorted(orders, key=lambda order: stream_about(order.command))
        groups = groupby(by_stream, key=lambda order: stream_about(order.command))
        async with asyncio.TaskGroup() as together:
            for _, group in groups:
                together.create_task(self._in_order(list(group)))

    async def _in_order(self, orders: list[Order]) -> None:
        for order in orders:
            try:
                await self._once(order)
            except Rejected as refusal:
                # What it was about has moved on since; the event that did so is still to be folded.
                log.debug("%s: %s", type(order.command).__name__, refusal.message)

    async def _once(self, order: Order) -> None:
        """Under its own id; where that has grown too old (an approval that waited for months),
        under a new one: the deciders do nothing twice by themselves.
        """
        try:
            await self._commands.execute(order, self._fence)
        except CommandTooOld:
            await self._commands.execute(replace(order, id=self._new_id()), self._fence)
