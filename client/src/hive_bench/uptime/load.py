"""Clients as people and programs are: they launch, look and list, each call with a deadline."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

from hive_bench.uptime.windows import Call
from hive_client import Hive, HiveError
from hive_contracts.plan import Phase, Plan, Repository, TaskSpec

A = TypeVar("A")

PREFIX: Final = "uptime-"
"""What the names of its missions begin with."""
CLIENTS: Final = 8
PAUSE_SECONDS: Final = 0.2
"""Of a client, between two calls."""
LAUNCH_EACH: Final = 120
"""Calls of a client; the others read."""
GIVE_UP_SECONDS: Final = 1.0
"""After its deadline a call is not waited for much longer."""


class Load:
    def __init__(
        self,
        gateway: str,
        token: str,
        repository: Repository,
        *,
        deadline: float,
        began: float,
    ) -> None:
        """`deadline`: seconds that a caller waits for an answer. `began`: the clock's zero."""
        self._gateway, self._token = gateway, token
        self._repository = repository
        self._deadline = deadline
        self._began = began
        self._ended = asyncio.Event()
        self.calls: list[Call] = []
        self.launched: dict[str, str] = {}
        """Of each mission whose launch was answered: its name by its id."""

    def end(self) -> None:
        """Begin no more calls."""
        self._ended.set()

    async def run(self) -> None:
        """Until it is ended; the calls that are away are waited for."""
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(self._client(number))

    async def _client(self, number: int) -> None:
        async with Hive(self._gateway, self._token, patience=self._deadline) as hive:
            launched = await self._launched(hive, number, 0)
            for turn in itertools.count(1):
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_SECONDS):
                        await self._ended.wait()
                if self._ended.is_set():
                    return
                if turn % LAUNCH_EACH == 0:
                    launched = await self._launched(hive, number, turn) or launched
                    continue
                await self._read(hive, launched, turn)

    async def _launched(self, hive: Hive, number: int, turn: int) -> tuple[str, int] | None:
        """A mission's id, and the position from which on it is seen."""
        plan = Plan(
            f"{PREFIX}{number}-{turn}",
            (Phase("main", tasks=(TaskSpec("t", run=f"echo {turn} > {number}-{turn}"),)),),
            repository=self._repository,
        )
        answer = await self._timed("launch", lambda: hive.launch(plan))
        if answer is None:
            return None
        self.launched[answer.mission_id] = answer.name
        return answer.mission_id, answer.position

    async def _read(self, hive: Hive, launched: tuple[str, int] | None, turn: int) -> None:
        match turn % 4:
            case 0 | 1 if launched is not None:
                id, position = launched
                await self._timed("get", lambda: hive.get(id, at_least_position=position))
            case 2:
                await self._timed("list", lambda: hive.list(limit=20))
            case _:
                await self._timed("read", lambda: hive.read(limit=50))

    async def _timed(self, kind: str, call: Callable[[], Awaitable[A]]) -> A | None:
        at = time.monotonic()
        error, answer = "", None
        try:
            async with asyncio.timeout(self._deadline + GIVE_UP_SECONDS):
                answer = await call()
        except (HiveError, TimeoutError) as failure:
            error = f"{type(failure).__name__}: {failure}"
        seconds = time.monotonic() - at
        if not error and seconds > self._deadline:
            error = f"answered after {self._deadline:g} s"
        self.calls.append(Call(kind, at - self._began, seconds, error))
        return answer


class Witness:
    """A subscriber that wants every event."""

    def __init__(self, gateway: str, token: str) -> None:
        self._gateway, self._token = gateway, token
        self.last = 0
        """The position of the last event that came."""
        self.missing = 0
        self._came = asyncio.Condition()

    async def caught_up(self, position: int, seconds: float) -> None:
        """Wait until that event has come, but no longer than so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._came:
                await self._came.wait_for(lambda: self.last >= position)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            # Longer than its patience: it begins again where it was.
            with suppress(HiveError):
                async with Hive(self._gateway, self._token, patience=60) as hive:
                    async for arrived in hive.subscribe(after=self.last):
                        position = arrived.event.position
                        self.missing += max(0, position - self.last - 1)
                        async with self._came:
                            self.last = max(self.last, position)
                            self._came.notify_all()
