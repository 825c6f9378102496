"""One command: load what it is about, decide, append.

A decision is written with the version that it was made on; where a stream has moved on, it is
loaded and decided again. A command that was answered before gets its first answer: the store finds
it under the lock of the append, and here before a rejection, as rejections are not stored.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec

from hive_contracts.codec import AnyEvent, encode, schema_of, stream_of
from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.ids import NewId
from hive_contracts.mission import (
    AnyMissionCommand,
    LaunchMission,
    MissionCommand,
    ReserveLease,
)
from hive_contracts.runner import AnyRunnerCommand, RunnerCommand
from hive_contracts.subjects import split_stream, stream_name
from hive_contracts.task import AnyTaskCommand, LeaseTask, ReportAttempt, TaskCommand
from hive_orchestrator.aggregates import Aggregates, Loaded
from hive_orchestrator.deciders import budget, mission, runner, task, task_state
from hive_orchestrator.deciders.pins import new_prompt
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.handlers.tracing import deciding
from hive_orchestrator.obeying import Obeying
from hive_shared.eventstore.errors import VersionConflict
from hive_shared.eventstore.port import (
    Append,
    Appended,
    CommandKey,
    EventStore,
    Fence,
    StreamVersion,
)

AnyCommand = AnyMissionCommand | AnyTaskCommand | AnyRunnerCommand

MAX_CONFLICTS: Final = 50
"""Decisions in a row that lost a race, before the command is refused."""


class Order(msgspec.Struct, frozen=True):
    """A command, who gives it, and the id under which it takes effect once."""

    id: str
    actor: str
    command: AnyCommand
    traceparent: str = ""
    """The context of what caused it; empty is that of the stream's last event."""
    answer: bytes = b"{}"
    """What it is answered, should it be taken."""
    fingerprint: bytes = b""
    """Of what the caller sent; empty is that of the command."""


class Commands:
    def __init__(
        self,
        store: EventStore,
        aggregates: Aggregates,
        new_id: NewId,
        jitter: Callable[[], float],
        obeying: Obeying,
    ) -> None:
        self._store = store
        self._aggregates = aggregates
        self._new_id = new_id
        self._jitter = jitter
        self._obeying = obeying
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def execute(self, order: Order, fence: Fence | None = None) -> Appended:
        """Let a command take effect once.

        Raises Rejected, and what EventStore.append raises but for VersionConflict.
        """
        stream = stream_about(order.command)
        async with self._turn_of(stream):
            if not isinstance(order.command, ReserveLease):
                return await self._in_turn(stream, order, fence)
            # Nobody else takes two turns, so nobody waits here for one who waits for this.
            async with self._turn_of(stream_name("task", order.command.lease.task_id)):
                return await self._in_turn(stream, order, fence)

    def _turn_of(self, stream: str) -> asyncio.Lock:
        turn = self._turns.get(stream)
        if turn is None:
            turn = self._turns[stream] = asyncio.Lock()
        return turn

    async def _in_turn(self, stream: str, order: Order, fence: Fence | None) -> Appended:
        key = CommandKey(order.actor, order.id, order.fingerprint or fingerprint(order.command))
        fresh = False
        for _ in range(MAX_CONFLICTS):
            if isinstance(order.command, LaunchMission) and not fresh:
                loaded = Aggregates.nothing("mission")  # its id was minted just now
            else:
                loaded = await self._aggregates.load(stream, fresh=fresh)
            on = {stream: loaded}
            try:
                if isinstance(order.command, ReserveLease):
                    events = await self._reserve(on, order.command, fresh=fresh)
                else:
                    events = await self._decide(loaded.state, order.command)
            except Rejected:
                if (first := await self._store.first_answer(key)) is not None:
                    return first
                if fresh:
                    raise
                fresh = True
                continue
            try:
                return await self._append(stream, on, events, order, key, fence)
            except VersionConflict:
                fresh = True
        raise Rejected(
            "unavailable", "too many others changed it at the same time", remedy="repeat"
        )

    async def _decide(self, state: Any, command: AnyCommand) -> list[AnyEvent]:
        match command:
            case MissionCommand():
                return [*mission.decide(state, command)]
            case ReportAttempt():
                # Only with a report is work merged, so only then it matters.
                consent = await self._consent(state)
                return [*task.decide(state, command, self._jitter(), consent)]
            case LeaseTask():
                return [*task.decide(state, command, demanded=await self._obeying.now())]
            case TaskCommand():
                return [*task.decide(state, command, self._jitter())]
            case RunnerCommand():
                return [*runner.decide(state, command)]

    async def _reserve(
        self, on: dict[str, Loaded], command: ReserveLease, *, fresh: bool
    ) -> list[AnyEvent]:
        """A decision on two streams; the second one joins those that it was made `on`."""
        stream = stream_name("task", command.lease.task_id)
        on[stream] = await self._aggregates.load(stream, fresh=fresh)
        state = on[stream_name("mission", command.mission_id)].state
        demanded = await self._obeying.now()
        return [*budget.reserve(state, on[stream].state, command, demanded)]

    async def _consent(self, state: Any) -> str:
        """Why a person has to agree before the task's work is merged."""
        demanded = await self._obeying.now()
        if demanded.approve or isinstance(state, task_state.Unplanned):
            return demanded.reason
        if not any(pin.what == "prompt" for pin in demanded.pins):
            return ""
        planned = state.facts.planned
        loaded = await self._aggregates.load(stream_name("mission", planned.mission_id))
        return new_prompt(planned, loaded.state, demanded)

    async def _append(
        self,
        stream: str,
        on: dict[str, Loaded],
        events: list[AnyEvent],
        order: Order,
        key: CommandKey,
        fence: Fence | None,
    ) -> Appended:
        loaded = on[stream]
        streams = dict.fromkeys([*on, *map(stream_of, events)])
        expected = tuple(StreamVersion(s, on[s].version if s in on else 0) for s in streams)
        with deciding(order.command, order.traceparent, loaded.traceparent) as step:
            meta = Meta(
                correlation(order.command, loaded.state), order.id, order.actor, step.traceparent
            )
            append = Append(
                expected,
                tuple(self._new_event(event, meta) for event in events),
                key,
                order.answer,
                fence,
            )
            appended = await self._store.append(append)
        if not appended.repeated:
            written = zip((new.id for new in append.events), events, strict=True)
            self._aggregates.appended(written, on, step.traceparent)
        return appended

    def _new_event(self, event: AnyEvent, meta: Meta) -> NewEvent:
        stream, type = stream_of(event), event.__class__.__name__
        category, _ = split_stream(stream)
        schema = schema_of(category, type)
        if schema != meta.schema:
            meta = msgspec.structs.replace(meta, schema=schema)
        return NewEvent(self._new_id(), stream, type, encode(event), meta)


def stream_about(command: AnyCommand) -> str:
    match command:
        case MissionCommand(mission_id=id):
            return stream_name("mission", id)
        case TaskCommand(task_id=id):
            return stream_name("task", id)
        case RunnerCommand(runner_id=id):
            return stream_name("runner", id)
    raise TypeError(f"{type(command).__name__} is no command")


def correlation(command: AnyCommand, state: Any) -> str:
    """The mission (or runner) that a command belongs to."""
    match command:
        case MissionCommand(mission_id=id):
            return id
        case RunnerCommand(runner_id=id):
            return id
    assert not isinstance(state, task_state.Unplanned)
    mission_id: str = state.facts.planned.mission_id
    return mission_id


def fingerprint(command: msgspec.Struct) -> bytes:
    return hashlib.sha256(msgspec.json.encode(command)).digest()
