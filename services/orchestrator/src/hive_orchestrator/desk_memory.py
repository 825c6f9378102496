"""The desk in memory: the twin of `desk_postgres`, for the simulator and quick tests.

What it keeps is encoded and decoded as the other does, so that nothing survives by reference.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from hive_contracts.runner import SessionOpened
from hive_orchestrator.board import Board, Changes
from hive_orchestrator.cards import Card
from hive_orchestrator.desk import HeldLease, Pulse, Superseded, held_lease
from hive_orchestrator.prerequisites import Prerequisites, Wait
from hive_orchestrator.standing import Standing
from hive_orchestrator.timers import Timer


class _Session(msgspec.Struct):
    opened: bytes
    heard_ms: int
    draining: bool = False


class MemoryDesk:
    """A Desk whose database time is `now`."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._position = 0
        self._cards: dict[str, bytes] = {}
        self._timers: dict[str, bytes] = {}
        self._succeeded: set[str] = set()
        self._waits: set[Wait] = set()
        self._sessions: dict[str, _Session] = {}
        self._numbers: dict[str, int] = {}
        self._standings: dict[str, bytes] = {}
        self._hearing_ms = 0
        self._heard_at = now()

    async def load(self) -> Board:
        return Board(
            self._position,
            [msgspec.json.decode(card, type=Card) for card in self._cards.values()],
            [msgspec.json.decode(timer, type=Timer) for timer in self._timers.values()],
            [msgspec.json.decode(s.opened, type=SessionOpened) for s in self._sessions.values()],
            Prerequisites(self._succeeded, self._waits),
            [msgspec.json.decode(kept, type=Standing) for kept in self._standings.values()],
        )

    async def keep(self, before: int, after: int, changes: Changes) -> None:
        if self._position != before:
            raise Superseded(f"the checkpoint is not at {before} any more")
        self._position = after
        _update(self._cards, changes.cards)
        _update(self._timers, changes.timers)
        _update(self._standings, changes.standings)
        self._succeeded |= changes.prerequisites.succeeded
        for wait, begun in changes.prerequisites.waits.items():
            (self._waits.add if begun else self._waits.discard)(wait)
        for id, session in changes.sessions.items():
            if session is None:
                self._sessions.pop(id, None)
            else:
                opened = msgspec.json.encode(session)
                self._sessions.setdefault(id, _Session(opened, self._hearing_ms)).opened = opened

    async def now(self) -> datetime:
        return self._now()

    async def pulses(self) -> Sequence[Pulse]:
        return [
            Pulse(
                id,
                msgspec.json.decode(session.opened, type=SessionOpened).runner_id,
                self._hearing_ms - session.heard_ms,
                session.draining,
            )
            for id, session in self._sessions.items()
        ]

    async def heard(self, session_id: str, draining: bool) -> Sequence[HeldLease] | None:
        session = self._sessions.get(session_id)
        if session is None:
            return None
        session.heard_ms, session.draining = self._hearing_ms, draining
        cards = [msgspec.json.decode(card, type=Card) for card in self._cards.values()]
        held = sorted((c for c in cards if c.session_id == session_id), key=lambda c: c.task_id)
        return [held_lease(card) for card in held]

    async def heard_ourselves(self, most_ms: int) -> None:
        now = self._now()
        passed = int((now - self._heard_at).total_seconds() * 1000)
        self._hearing_ms += min(max(passed, 0), most_ms)
        self._heard_at = max(self._heard_at, now)

    async def take_numbers(self, series: Collection[str]) -> list[int]:
        numbers: list[int] = []
        for name in series:
            self._numbers[name] = self._numbers.get(name, 0) + 1
            numbers.append(self._numbers[name])
        return numbers


def _update(kept: dict[str, bytes], changed: Mapping[str, msgspec.Struct | None]) -> None:
    for key, value in changed.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = msgspec.json.encode(value)
