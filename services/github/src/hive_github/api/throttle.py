"""Keeps all replicas together below GitHub's limits of one installation.

    enter ──▶ closed? ──for long──▶ Limited, the caller's work is put off
                │no, or soon over
                ├── points and contents of the last minute and hour, counted for all; after a
                │   secondary limit half as many, for an hour
                ├── a write that no person waits for takes its turn: one a second
                └──▶ go on

    observe ◀── every answer: a limit that it tells of closes the pool for all, until its end

Counters are in Redis, or in this process where there is none. They may be lost at any moment: what
was closed is also recorded (LimitObserved). Whoever finds that all is forgotten reads the record,
and closes again in one step with the mark that something is known; until then nobody goes on. So an
emptied Redis costs at most what GitHub refuses once: a limit that is not recorded yet.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal, Protocol

import msgspec

from hive_contracts.github.repository import Pool
from hive_github.api.errors import Limited
from hive_github.api.limits import (
    CONTENT_A_MINUTE,
    CONTENT_AN_HOUR,
    POINTS_A_MINUTE,
    WRITE_APART_MS,
    Limit,
    Urgency,
    cautious,
    growing,
    limit_in,
    pools,
)
from hive_shared.clock import Clock

PATIENCE_SECONDS: Final = 5.0
"""What is over sooner is waited for; for longer the work is put off, and others go on."""
STRIKES_SECONDS: Final = 3600

_log = logging.getLogger("hive.github.limits")


class Counters(Protocol):
    """Numbers that all replicas share, and that may be lost."""

    async def add(self, key: str, amount: int, ttl_seconds: int) -> int:
        """The sum, with this; so many seconds after the last it is forgotten."""
        ...

    async def sum(self, key: str) -> int:
        """What was added."""
        ...

    async def spend(self, key: str, amount: int, most: int, seconds: int) -> int:
        """0, and counted, where with this no more than `most` is in any such time that ends now.

        Else milliseconds until it may be, and nothing is counted.
        """
        ...

    async def turn(self, key: str, apart_ms: int) -> int:
        """Milliseconds to wait for one's turn; turns are at least `apart_ms` apart."""
        ...

    async def close(self, key: str, ms: int) -> bool:
        """Closed for at least so long from now on; answers whether it was open."""
        ...

    async def closed(self, *keys: str) -> int | None:
        """For how many milliseconds more one of these is; 0 where all are open.

        None where all was forgotten: it is not known, until `remember`.
        """
        ...

    async def remember(self, closed: Mapping[str, int]) -> None:
        """What was forgotten: these are closed for at least so many milliseconds.

        In one step: nobody finds it known before it is closed.
        """
        ...


class Known(msgspec.Struct, frozen=True):
    """A limit that is recorded."""

    installation: int
    pool: Pool
    kind: Literal["primary", "secondary"]
    until_ms: int


Recall = Callable[[], Awaitable[list[Known]]]
Tell = Callable[[Known], Awaitable[None]]


class Throttle:
    def __init__(self, counters: Counters, clock: Clock, recall: Recall, tell: Tell) -> None:
        """`recall` reads what limits are recorded, `tell` records one."""
        self._counters = counters
        self._clock = clock
        self._recall = recall
        self._tell = tell
        self._restoring = asyncio.Lock()

    async def enter(
        self, installation: int, pool: Pool, cost: int, *, content: bool, urgency: Urgency
    ) -> None:
        """Until a call of `cost` points may be made. Raises Limited."""
        await self._open(installation, pool, urgency)
        strikes = await self._counters.sum(f"{installation}:strikes")
        if content:
            most, hourly = CONTENT_A_MINUTE[urgency], CONTENT_AN_HOUR[urgency]
            await self._count(installation, "content", 1, cautious(most, strikes), 60)
            await self._count(installation, "contents", 1, cautious(hourly, strikes), 3600)
        points = cautious(POINTS_A_MINUTE[urgency], strikes)
        await self._count(installation, f"points:{pool}", cost, points, 60)
        if cost > 1 and urgency != "person":
            # Of its own kind: what a mission waits for does not stand behind what nobody waits for.
            ms = await self._counters.turn(f"{installation}:write:{urgency}", WRITE_APART_MS)
            await self._pause(ms / 1000, "writes are spread")
        # Much may have happened while it waited, and whoever counts is told of it.
        await self._open(installation, pool, urgency)

    async def observe(
        self, installation: int, pool: Pool, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Learn from an answer. Raises Limited where it is a refusal by a limit."""
        limit = limit_in(status, headers, body, self._clock.now_ms() / 1000)
        if limit is None:
            return
        kind = limit.kind
        if kind == "reserve":
            await self._counters.close(f"{installation}:{pool}:reserve", int(limit.seconds * 1000))
            return
        if kind == "secondary":
            limit = await self._grown(installation, pool, limit)
        until = self._clock.now_ms() + int(limit.seconds * 1000)
        for closed in pools(kind, pool):
            await self._counters.close(f"{installation}:{closed}", int(limit.seconds * 1000))
        _log.warning(
            "installation %d: %s limit of %s, for %.0f s",
            installation, kind, pool, limit.seconds,
        )  # fmt: skip
        await self._tell(Known(installation, pool, kind, until))
        if status in (403, 429):
            raise Limited(limit.seconds, f"GitHub's {kind} limit is reached")

    async def _grown(self, installation: int, pool: Pool, limit: Limit) -> Limit:
        # Calls that were on their way together are refused together: that is one strike.
        key = f"{installation}:strikes"
        if await self._counters.close(f"{installation}:{pool}", int(limit.seconds * 1000)):
            strikes = await self._counters.add(key, 1, STRIKES_SECONDS)
        else:
            strikes = await self._counters.sum(key)
        if limit.named:
            return limit
        return msgspec.structs.replace(limit, seconds=growing(limit.seconds, strikes))

    async def _open(self, installation: int, pool: Pool, urgency: Urgency) -> None:
        keys = [f"{installation}:{pool}"]
        if urgency != "person":
            keys.append(f"{installation}:{pool}:reserve")
        while ms := await self._closed(keys):
            await self._pause(ms / 1000, "GitHub's limit is reached")

    async def _closed(self, keys: list[str]) -> int:
        while (ms := await self._counters.closed(*keys)) is None:
            await self._restore()
        return ms

    async def _count(
        self, installation: int, what: str, amount: int, most: int, seconds: int
    ) -> None:
        key = f"{installation}:{what}"
        while ms := await self._counters.spend(key, amount, most, seconds):
            await self._pause(ms / 1000, f"{what} are spread")

    async def _pause(self, seconds: float, why: str) -> None:
        """Raises Limited where it would take long."""
        if seconds > PATIENCE_SECONDS:
            raise Limited(seconds, why)
        if seconds > 0:
            await self._clock.sleep(seconds)

    async def _restore(self) -> None:
        """Each process for itself: what another one is about to close is not closed yet."""
        async with self._restoring:
            if await self._counters.closed() is not None:
                return
            closed: dict[str, int] = {}
            for known in await self._recall():
                ms = known.until_ms - self._clock.now_ms()
                for pool in pools(known.kind, known.pool) if ms > 0 else ():
                    key = f"{known.installation}:{pool}"
                    closed[key] = max(closed.get(key, 0), ms)
            await self._counters.remember(closed)
