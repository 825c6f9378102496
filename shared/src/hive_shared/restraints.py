"""What a process has to obey of the error-budget policy, as the record has it.

It is read again where it is older than a second, so that whoever obeys is late by that much, and an
answer of the record that fails is an error and not a "nothing is demanded".
"""

import asyncio
from typing import Final

from hive_contracts.codec import decode_known
from hive_contracts.policy import PolicyEvent, Restraints, Standing, evolve
from hive_shared.clock import Clock
from hive_shared.eventstore.port import EventStore

FRESH_SECONDS: Final = 1.0
PAGE: Final = 1000


class Restraining:
    def __init__(self, store: EventStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._log_id = ""
        self._position = 0
        self._read_at = float("-inf")
        self.standing = Standing()
        self._reading = asyncio.Lock()
        """Many ask at the same time, and each event is folded once."""

    async def now(self) -> Restraints:
        """Raises StoreError."""
        if self._clock.monotonic() - self._read_at >= FRESH_SECONDS:
            async with self._reading:
                # Whoever asked at the same time may have read it meanwhile.
                if self._clock.monotonic() - self._read_at >= FRESH_SECONDS:
                    await self._read()
        return self.standing.in_force(self._clock.now_ms())

    async def refresh(self) -> None:
        """Raises StoreError."""
        async with self._reading:
            await self._read()

    async def _read(self) -> None:
        began = self._clock.monotonic()
        head = await self._store.head()
        if head.log_id != self._log_id or head.position < self._position:
            self._log_id, self._position, self.standing = head.log_id, 0, Standing()
        while events := await self._store.read_category("policy", self._position, PAGE):
            for recorded in events:
                event = decode_known(recorded)
                if isinstance(event, PolicyEvent):
                    self.standing = evolve(self.standing, event)
            self._position = events[-1].position
        self._read_at = began
