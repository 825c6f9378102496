"""The hint that the record has grown: whispered on the bus by whoever appends. Adapter.

Hints may be lost; whoever hears them looks by itself now and then. The first after a silence is
whispered at once, and of many that follow each other a few a second.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from hive_contracts.subjects import APPENDED
from hive_shared.clock import Clock

APART_SECONDS: Final = 0.25


class Appended:
    """Of one process: who here wants to know, and what others are told."""

    def __init__(self) -> None:
        self._told: list[Callable[[], None]] = []
        self._said = asyncio.Event()

    def on(self, told: Callable[[], None]) -> None:
        """`told` must not block."""
        self._told.append(told)

    def tell(self) -> None:
        """Somebody has appended, or may have: all here are told."""
        for told in self._told:
            told()

    def say(self) -> None:
        """This process has appended: all here are told, and others in a moment."""
        self.tell()
        self._said.set()

    async def subscribe(self, client: Client) -> None:
        await client.subscribe(APPENDED, cb=self._hear)

    async def whisper(self, client: Client, clock: Clock) -> None:
        """Tell others, until cancelled."""
        while True:
            await self._said.wait()
            self._said.clear()
            if client.is_connected:
                with suppress(nats.errors.Error, OSError):
                    await client.publish(APPENDED, b"")
            await clock.sleep(APART_SECONDS)

    async def _hear(self, _: Msg) -> None:
        self.tell()
