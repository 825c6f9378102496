"""The event store's twin, in memory: the same verdicts in the same order, without a database.

It carries the simulator and the tests of everything above the store, and is the oracle of the
property test against PostgreSQL. Time comes from the clock that it is given.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

import msgspec

from hive_contracts.envelope import Recorded
from hive_contracts.ids import unix_ms_of
from hive_contracts.subjects import split_stream
from hive_shared.clock import Clock
from hive_shared.eventstore.admission import admit, check_command
from hive_shared.eventstore.errors import (
    CommandReused,
    CommandTooOld,
    Fenced,
    NotAllowed,
    VersionConflict,
)
from hive_shared.eventstore.port import (
    COMMAND_RETENTION_MS,
    Append,
    Appended,
    CommandKey,
    Fence,
    Head,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Held(msgspec.Struct, frozen=True):
    holder: str
    token: int
    until_ms: int


class MemoryEventStore:
    """EventStore (see `port`), for one process.

    `writes` names the categories that may be written, as a database role would be limited to them;
    without it, all. `on_appended` is called with the last position after each append that wrote.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        log_id: str = "0" * 32,
        writes: Collection[str] | None = None,
        on_appended: Callable[[int], None] | None = None,
    ) -> None:
        self._clock = clock
        self._log_id = log_id
        self._writes = writes
        self._on_appended = on_appended
        self._log: list[Recorded] = []
        self._streams: dict[str, list[Recorded]] = {}
        self._categories: dict[str, list[Recorded]] = {}
        self._answers: dict[tuple[str, str], tuple[bytes, Appended]] = {}
        self._fences: dict[str, _Held] = {}

    async def append(self, append: Append) -> Appended:
        admit(append)
        self._check_rights(append)
        if append.command is not None and (first := self._first_answer(append.command)):
            return first
        self._check_fence(append.fence)
        self._check_versions(append)
        self._write(append)
        appended = Appended(len(self._log), append.answer)
        if append.command is not None:
            key = append.command.caller, append.command.id
            repeated = Appended(appended.position, append.answer, repeated=True)
            self._answers[key] = append.command.fingerprint, repeated
        if append.events and self._on_appended is not None:
            self._on_appended(appended.position)
        return appended

    async def first_answer(self, command: CommandKey) -> Appended | None:
        check_command(command)
        return self._first_answer(command)

    async def read_stream(self, stream: str, after: int = 0, limit: int = 1000) -> list[Recorded]:
        return self._streams.get(stream, [])[after : after + limit]

    async def read_all(self, after: int, limit: int = 1000) -> list[Recorded]:
        return self._log[after : after + limit]

    async def read_category(self, category: str, after: int, limit: int = 1000) -> list[Recorded]:
        events = self._categories.get(category, [])
        start = bisect_right(events, after, key=lambda event: event.position)
        return events[start : start + limit]

    async def head(self) -> Head:
        return Head(len(self._log), self._log_id)

    async def take_fence(self, name: str, holder: str, ttl_ms: int) -> Fence | None:
        now = self._clock.now_ms()
        held = self._fences.get(name, _Held(holder, 0, 0))
        running = held.until_ms > now
        if running and held.holder != holder:
            return None
        token = held.token if running else held.token + 1
        self._fences[name] = _Held(holder, token, now + ttl_ms)
        return Fence(name, token)

    async def release_fence(self, fence: Fence) -> None:
        held = self._fences.get(fence.name)
        if held is not None and held.token == fence.token:
            self._fences[fence.name] = _Held(held.holder, held.token, 0)

    def _first_answer(self, command: CommandKey) -> Appended | None:
        if unix_ms_of(command.id) < self._clock.now_ms() - COMMAND_RETENTION_MS:
            raise CommandTooOld(f"{command.id} is older than 30 days")
        known = self._answers.get((command.caller, command.id))
        if known is None:
            return None
        fingerprint, first = known
        if fingerprint != command.fingerprint:
            raise CommandReused(f"{command.id} was used for another payload")
        return first

    def _check_rights(self, append: Append) -> None:
        if self._writes is None:
            return
        for event in append.events:
            if split_stream(event.stream)[0] not in self._writes:
                raise NotAllowed(f"{event.stream} may not be written")

    def _check_fence(self, fence: Fence | None) -> None:
        if fence is None:
            return
        held = self._fences.get(fence.name)
        if held is None or held.token != fence.token:
            raise Fenced(f"{fence.name} {fence.token} is not the token in force")

    def _check_versions(self, append: Append) -> None:
        for expected in append.expected:
            version = len(self._streams.get(expected.stream, []))
            if version != expected.version:
                raise VersionConflict(
                    f"{expected.stream} is at version {version}, not {expected.version}"
                )

    def _write(self, append: Append) -> None:
        now = _EPOCH + timedelta(milliseconds=self._clock.now_ms())
        recorded_at = max(now, self._log[-1].recorded_at) if self._log else now
        for event in append.events:
            stream = self._streams.setdefault(event.stream, [])
            recorded = Recorded(
                position=len(self._log) + 1,
                stream=event.stream,
                version=len(stream) + 1,
                id=event.id,
                type=event.type,
                data=event.data,
                meta=event.meta,
                recorded_at=recorded_at,
            )
            self._log.append(recorded)
            stream.append(recorded)
            self._categories.setdefault(split_stream(event.stream)[0], []).append(recorded)
