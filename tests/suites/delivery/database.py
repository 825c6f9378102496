"""PostgreSQL's twin for subscriptions: the record, and each subscription's rows beside it.

A transaction sees what was committed, and holds the row of its subscription from its first change
to its end; a connection that is lost rolls back. A snapshot of all of it can be restored.
"""

import contextlib
import copy
import math
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from hive_contracts.subjects import event_stream_name
from hive_shared.bus.survey import Held
from hive_shared.clock import Clock
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.subscriptions.place import query
from tests.suites.delivery.processes import Machine, Process

SCHEMA: Final = "sim"
IDLE_SECONDS: Final = 10.0
"""A transaction that asks for it ends after so long without a statement."""
_READING: Final = frozenset({"begin", "place", "blocked", "due"})
_NAMES: Final = {
    query(name, SCHEMA): name
    for name in (
        *("begin", "place", "lock", "move", "stop"),
        *("take_effects", "move_effects", "yield_effects", "blocked", "due"),
        *("block", "queue", "failed_again", "next_waiting", "unblock"),
    )
}  # fmt: skip


class Record(MemoryEventStore):
    """The twin store, of which a copy can be kept, and which can begin a new history."""

    def __init__(self, clock: Clock, log_id: str) -> None:
        super().__init__(clock, log_id=log_id)

    @property
    def log_id(self) -> str:
        return self._log_id

    @property
    def position(self) -> int:
        return len(self._log)

    def begin_history(self, log_id: str) -> None:
        self._log_id = log_id

    def id_at(self, position: int) -> str | None:
        return self._log[position - 1].id if 0 < position <= len(self._log) else None

    def kept(self) -> "Record":
        twin = copy.copy(self)
        twin._log = list(self._log)
        twin._streams = {name: list(events) for name, events in self._streams.items()}
        twin._categories = {name: list(events) for name, events in self._categories.items()}
        twin._answers = dict(self._answers)
        return twin


class Parked(msgspec.Struct):
    position: int
    tries: int
    next_at: float
    parked: bool = False


class Subscription(msgspec.Struct):
    """All rows of one subscription."""

    position: int = 0
    log_id: str = ""
    stopped: str = ""
    holder: str = ""
    held_until: float = -math.inf
    parked: dict[str, Parked] = {}
    waiting: dict[str, list[int]] = {}
    rows: dict[str, tuple[int, str]] = {}
    """What the projection keeps."""


class Database:
    def __init__(self, machine: Machine, clock: Clock, log_id: str) -> None:
        self.machine = machine
        self.record = Record(clock, log_id)
        self.subscriptions: dict[str, Subscription] = {}
        self.holding: dict[str, Connection] = {}
        """By subscription: whose transaction has its row."""
        self._open: list[Connection] = []
        self._histories = 0

    @property
    def now(self) -> float:
        return self.machine.ms / 1000

    def new_history(self) -> None:
        self._histories += 1
        self.record.begin_history(f"{self._histories:08x}" + 24 * "0")

    def snapshot(self) -> "tuple[Record, dict[str, Subscription]]":
        return self.record.kept(), copy.deepcopy(self.subscriptions)

    def restore(self, snapshot: "tuple[Record, dict[str, Subscription]]") -> None:
        for connection in list(self._open):
            connection.lose()
        record, subscriptions = snapshot
        self.record, self.subscriptions = record.kept(), copy.deepcopy(subscriptions)

    def opened(self, connection: "Connection") -> None:
        self._open.append(connection)

    def closed(self, connection: "Connection") -> None:
        self._open.remove(connection)

    def drop(self, process: Process) -> None:
        """Its process is gone."""
        for connection in [one for one in self._open if one.process is process]:
            connection.lose()

    def renew_if_bus_is_wrong(self, held: Held, log_id: str) -> str:
        """As `relay.log` does with the primary, under the append's lock."""
        record = self.record
        if record.log_id != log_id or held.stream != event_stream_name(log_id):
            return record.log_id
        same = not held.last_id or record.id_at(held.last) == held.last_id
        if not same or held.last > record.position:
            self.new_history()
        return record.log_id


class Pool:
    """One process's connections."""

    def __init__(self, process: Process, database: Database) -> None:
        self._process = process
        self._database = database

    @contextlib.asynccontextmanager
    async def acquire(self) -> "AsyncIterator[Connection]":
        await self._process.step()
        connection = Connection(self._process, self._database)
        try:
            yield connection
        finally:
            connection.lose()


class Connection:
    def __init__(self, process: Process, database: Database) -> None:
        self.process = process
        self._database = database
        self._lost = False
        self._ends_when_idle = False
        self._in_transaction = False
        self._spoke = database.now
        self._own: dict[str, Subscription] = {}
        """What its transaction has changed."""
        database.opened(self)

    @property
    def idle_for_long(self) -> bool:
        return self._ends_when_idle and self._database.now - self._spoke > IDLE_SECONDS

    def lose(self) -> None:
        if not self._lost:
            self._lost = True
            self._release()
            self._database.closed(self)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        self._in_transaction = True
        try:
            yield
            await self._commit()
        finally:
            self._in_transaction = False
            self._release()

    async def execute(self, sql: str, *args: Any) -> str:
        if sql.startswith("set "):
            self._ends_when_idle |= "idle_in_transaction_session_timeout" in sql
        else:
            await self._ask(sql, args)
        return ""

    async def executemany(self, command: str, args: Any) -> None:
        for one in args:
            await self._ask(command, one)

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        return list(await self._ask(sql, args))

    async def fetchrow(self, sql: str, *args: Any) -> Any:
        return await self._ask(sql, args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        return await self._ask(sql, args)

    def rows(self, name: str) -> dict[str, tuple[int, str]]:
        """A projection's own rows, to be changed in its transaction."""
        assert self._in_transaction
        return self._own[name].rows

    async def _ask(self, sql: str, args: Sequence[Any]) -> Any:
        about, name, rest = _NAMES[sql], args[0], args[1:]
        await self._arrive()
        if about not in _READING:
            await self._hold(name)
        known = self._own.get(name) or self._database.subscriptions.setdefault(name, Subscription())
        answer = getattr(self, f"_{about}")(known, *rest)
        if not self._in_transaction:
            await self._commit()
        return answer

    async def _arrive(self) -> None:
        await self.process.step()
        if self._lost:
            raise ConnectionResetError("the connection is gone")
        if self._database.machine.doubt():
            self.lose()
            raise ConnectionResetError("simulated, before")
        self._spoke = self._database.now

    async def _hold(self, name: str) -> None:
        holding = self._database.holding
        while (other := holding.get(name)) is not None and other is not self:
            if other.idle_for_long:
                other.lose()
            else:
                await self._arrive()
        if name not in self._own:
            holding[name] = self
            now = self._database.subscriptions.setdefault(name, Subscription())
            self._own[name] = copy.deepcopy(now)

    async def _commit(self) -> None:
        if self._own:
            if self._in_transaction:
                await self._arrive()
            self._database.subscriptions.update(self._own)
            self._release()
            if self._database.machine.doubt():
                self.lose()
                raise ConnectionResetError("simulated, after")

    def _release(self) -> None:
        for name in self._own:
            del self._database.holding[name]
        self._own = {}

    # --- the queries, by the names of their files -------------------------------------------------

    def _begin(self, _: Subscription) -> None:
        return None

    def _place(self, of: Subscription) -> dict[str, Any]:
        log_id = self._database.record.log_id
        return {"position": of.position, "stopped": of.stopped, "log_id": log_id}

    def _lock(self, of: Subscription, position: int) -> dict[str, Any]:
        event_id = self._database.record.id_at(position)
        return self._place(of) | {"event_id": event_id}

    def _move(self, of: Subscription, position: int, log_id: str) -> None:
        of.position, of.log_id, of.stopped = position, log_id, ""

    def _stop(self, of: Subscription, position: int, why: str) -> None:
        if of.position == position:
            of.stopped = why

    def _take_effects(self, of: Subscription, holder: str, seconds: float) -> int | None:
        if of.holder != holder and of.held_until >= self._database.now:
            return None
        of.holder, of.held_until = holder, self._database.now + seconds
        return of.position

    def _move_effects(
        self, of: Subscription, position: int, log_id: str, holder: str, seconds: float
    ) -> int | None:
        if of.holder != holder:
            return None
        of.position, of.log_id = max(of.position, position), log_id
        of.held_until = self._database.now + seconds
        return of.position

    def _yield_effects(self, of: Subscription, holder: str) -> None:
        if of.holder == holder:
            of.held_until = -math.inf

    def _blocked(self, of: Subscription) -> list[dict[str, Any]]:
        return [{"stream": stream} for stream in of.parked]

    def _due(self, of: Subscription) -> list[dict[str, Any]]:
        now = self._database.now
        due = [(p.next_at, s, p) for s, p in of.parked.items() if not p.parked and p.next_at <= now]
        return [{"stream": s, "position": p.position, "tries": p.tries} for _, s, p in sorted(
            due, key=lambda one: one[:2]
        )][:20]  # fmt: skip

    def _block(
        self, of: Subscription, stream: str, position: int, _: str, __: str, wait: float, tries: int
    ) -> None:
        assert stream not in of.parked, "a stream is blocked twice"
        of.parked[stream] = Parked(position, tries, self._database.now + wait)

    def _queue(self, of: Subscription, stream: str, position: int) -> None:
        assert stream in of.parked, "queued behind nothing"
        of.waiting[stream] = sorted({*of.waiting.get(stream, []), position})

    def _failed_again(
        self, of: Subscription, stream: str, position: int, _: str, wait: float, most: int, add: int
    ) -> bool | None:
        parked = of.parked.get(stream)
        if parked is None or parked.position != position:
            return None
        parked.tries += add
        parked.next_at = self._database.now + wait
        parked.parked = parked.tries >= most
        return parked.parked

    def _next_waiting(self, of: Subscription, stream: str) -> int | None:
        if not of.waiting.get(stream):
            return None
        position = of.waiting[stream].pop(0)
        of.parked[stream] = Parked(position, 0, self._database.now)
        return position

    def _unblock(self, of: Subscription, stream: str) -> None:
        of.parked.pop(stream, None)
        of.waiting.pop(stream, None)
