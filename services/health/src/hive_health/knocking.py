"""Health asks each gateway over HTTP whether it is ready. Adapter.

What the answer says of readiness the beats have said already: that there is one is the news.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import msgspec

from hive_health.doors import Door, Doors
from hive_shared.clock import Clock

EVERY_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 3.0
"""For each step: to connect, to send, to hear something."""
AT_ONCE: Final = 8
MOST_BYTES: Final = 64 * 1024
_STATES: Final = ("ready", "not ready")
_ITSELF: Final = {"Host": "localhost"}
"""A gateway answers under each of its names, and under this one in any case."""


class Knocker:
    def __init__(self, client: httpx.AsyncClient, doors: Doors, clock: Clock) -> None:
        self._client = client
        self._doors = doors
        self._clock = clock
        self._few = asyncio.Semaphore(AT_ONCE)

    async def run(self, to_ask: Callable[[], list[Door]]) -> None:
        """Ask all of them every two seconds, until cancelled."""
        while True:
            await self.ask(to_ask())
            await self._clock.sleep(EVERY_SECONDS)

    async def ask(self, doors: list[Door]) -> None:
        await asyncio.gather(*map(self._ask, doors))

    async def _ask(self, door: Door) -> None:
        async with self._few:
            reason = await self._trouble(door.address)
        self._doors.saw(door, reason, self._clock.monotonic())

    async def _trouble(self, address: str) -> str | None:
        """Why it does not answer; None where its name means nothing here."""
        try:
            host = httpx.URL(address).host
            await asyncio.get_running_loop().getaddrinfo(host, None)
        except (OSError, UnicodeError, httpx.InvalidURL):
            return None
        try:
            async with self._client.stream(
                "GET", f"{address}/health/ready", headers=_ITSELF
            ) as answer:
                return await self._understood(answer)
        except httpx.TimeoutException:
            return f"nothing came within {PATIENCE_SECONDS:.0f} s"
        except httpx.HTTPError as error:
            return str(error) or type(error).__name__

    async def _understood(self, answer: httpx.Response) -> str:
        """What is wrong with an answer; nothing where it is a gateway's."""
        body, until = b"", self._clock.monotonic() + PATIENCE_SECONDS
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > MOST_BYTES or self._clock.monotonic() > until:
                return "the answer does not end"
        try:
            said: Any = msgspec.json.decode(body)
        except msgspec.DecodeError:
            said = None
        if isinstance(said, dict) and said.get("status") in _STATES:
            return ""
        return f"what answers there is no gateway (status {answer.status_code})"


@asynccontextmanager
async def knocking(doors: Doors, clock: Clock) -> AsyncIterator[Knocker]:
    # By no proxy: what it asks for is next door.
    async with httpx.AsyncClient(
        timeout=PATIENCE_SECONDS, follow_redirects=False, trust_env=False
    ) as client:
        yield Knocker(client, doors, clock)
