"""Holds the budgets against the policy again and again, and records what follows.

A decision is appended with the version that it was made on: two processes that decide at the same
moment decide once, and after a crash anywhere the next look decides on what is recorded.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from hive_contracts.codec import UnknownEvent, decode, encode, schema_of, stream_of
from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.files.document import FileProblem
from hive_contracts.files.policy import parse_policy
from hive_contracts.health import Baselines, Objectives
from hive_contracts.ids import NewId
from hive_contracts.policy import (
    POLICY_ID,
    AnyPolicyCommand,
    AnyPolicyEvent,
    BudgetSeen,
    ObserveBudgets,
    Policy,
    Standing,
    evolve,
)
from hive_contracts.subjects import stream_name
from hive_health.policy.decider import decide, pins
from hive_health.policy.pinning import pins_of
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError, StoreUnavailable, VersionConflict
from hive_shared.eventstore.port import Append, CommandKey, EventStore, StreamVersion

SOON_SECONDS: Final = 1.0
ACTOR: Final = "health"
STREAM: Final = stream_name("policy", POLICY_ID)
PAGE: Final = 1000
MAX_CONFLICTS: Final = 20

_log = logging.getLogger("hive.health.policy")


class Keeper:
    def __init__(
        self,
        store: EventStore,
        objectives: Callable[[], Awaitable[Objectives]],
        baselines: Callable[[], Awaitable[Baselines]],
        path: Path,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._store = store
        self._objectives = objectives
        self._baselines = baselines
        self.path = path
        self._clock = clock
        self._new_id = new_id
        self.problem = ""
        """What is wrong with the file; what was recorded of it last counts then."""
        self.standing = Standing()
        self._version = 0
        self._last_id = ""
        self._last_ms = 0
        """When the last event was; whatever is told counts as told after it."""
        self._reading = asyncio.Lock()
        """Whoever reads on, or decides: the loop and people's questions come at the same time."""

    async def run(self, every: float) -> None:
        """Until cancelled; seconds between two looks."""
        while True:
            known = True
            try:
                known = await self.look()
            except (StoreError, UnknownEvent) as error:
                _log.warning("the policy waits: %s", error)
            await self._clock.sleep(every if known else min(every, SOON_SECONDS))

    async def look(self) -> bool:
        """False where nothing is known of budgets yet. Raises StoreError, UnknownEvent."""
        standings = (await self._objectives()).objectives
        if not standings:
            return False
        policy = self._read({each.name for each in standings})
        if policy is None:
            await self.refresh()
            policy = self.standing.policy
        budgets = tuple(
            BudgetSeen(each.name, each.budget_left, 1 - each.surely_burnt) for each in standings
        )
        command = ObserveBudgets(self._clock.now_ms(), policy, budgets)
        await self.refresh()
        if pins(self.standing, command):
            # Looking for changes takes seconds: only where a state that pins is entered.
            command = replace(command, pins=pins_of((await self._baselines()).changes))
        await self.tell(command)
        return True

    def _read(self, objectives: set[str]) -> Policy | None:
        """What the file says; without one nothing follows from anything. None for a wrong one."""
        try:
            policy = parse_policy(self.path.read_text("utf-8"), str(self.path), objectives)
        except FileNotFoundError:
            self.problem = ""
            return Policy()
        except (OSError, UnicodeDecodeError) as error:
            self.problem = f"{self.path}: it cannot be read: {error}"
        except FileProblem as error:
            self.problem = str(error)
        else:
            self.problem = ""
            return policy
        _log.warning("the policy is wrong, the one before counts: %s", self.problem)
        return None

    async def tell(
        self, command: AnyPolicyCommand, actor: str = ACTOR, command_id: str = ""
    ) -> int:
        """Let a command take effect; answers the position of its last event, 0 for none.

        Raises NotSo, StoreError, UnknownEvent.
        """
        key = None
        if command_id:
            # Of what was asked, not of when: its end is told as a duration.
            sent = msgspec.json.encode(replace(command, at_ms=0))
            key = CommandKey(actor, command_id, hashlib.sha256(sent).digest())
            if (first := await self._store.first_answer(key)) is not None:
                return first.position
        meta = Meta(POLICY_ID, command_id or self._new_id(), actor)
        async with self._reading:
            for _ in range(MAX_CONFLICTS):
                await self._read_on()
                at_ms = max(command.at_ms, self._last_ms)
                events = decide(self.standing, replace(command, at_ms=at_ms))
                if not events and key is None:
                    return 0
                new = tuple(self._new_event(event, meta) for event in events)
                try:
                    expected = (StreamVersion(STREAM, self._version),)
                    appended = await self._store.append(Append(expected, new, key, b"{}"))
                except VersionConflict:
                    continue
                for event in events:
                    _log.warning("%s", told(event))
                await self._read_on()
                return appended.position
        raise StoreUnavailable("too many others changed the policy at the same time")

    async def refresh(self) -> None:
        """Raises StoreError, UnknownEvent."""
        async with self._reading:
            await self._read_on()

    async def _read_on(self) -> None:
        if self._version and not await self._is_recorded():
            self._version, self._last_id, self.standing = 0, "", Standing()
            self._last_ms = 0
        while page := await self._store.read_stream(STREAM, self._version, PAGE):
            for recorded in page:
                event = decode(recorded)
                self.standing = evolve(self.standing, event)  # type: ignore[arg-type]
                self._last_ms = max(self._last_ms, event.at_ms)  # type: ignore[union-attr]
            self._version, self._last_id = page[-1].version, page[-1].id

    async def _is_recorded(self) -> bool:
        """Whether the record still has the last event that was read: it may have been put back."""
        found = await self._store.read_stream(STREAM, self._version - 1, 1)
        return bool(found) and found[0].id == self._last_id

    def _new_event(self, event: AnyPolicyEvent, meta: Meta) -> NewEvent:
        type = event.__class__.__name__
        meta = replace(meta, schema=schema_of("policy", type))
        return NewEvent(self._new_id(), stream_of(event), type, encode(event), meta)


def told(event: AnyPolicyEvent) -> str:
    """An event as a line of the log."""
    state = getattr(event, "state", "")
    return f"{type(event).__name__} {state}".strip()
