"""A process says at intervals that it is there. Losing some is normal, so none is sent twice."""

import asyncio
import contextlib
import time
from typing import Final

import msgspec
import nats.errors
from nats.aio.client import Client

from hive_contracts.heartbeat import Heartbeat
from hive_contracts.subjects import heartbeat_subject
from hive_shared.process import Shell

EVERY_SECONDS: Final = 2.0


async def beat(shell: Shell, client: Client, every: float = EVERY_SECONDS) -> None:
    """Publish heartbeats until cancelled; nothing is sent while the bus is away."""
    subject = heartbeat_subject(shell.service, shell.instance)
    while True:
        if client.is_connected:
            with contextlib.suppress(nats.errors.Error, OSError):
                await client.publish(subject, msgspec.json.encode(_heartbeat(shell, every)))
        await asyncio.sleep(every)


def _heartbeat(shell: Shell, every: float) -> Heartbeat:
    return Heartbeat(
        service=shell.service,
        instance=shell.instance,
        version=shell.version,
        state=shell.state,
        uptime_s=round(shell.uptime(), 3),
        every_s=every,
        sent_ms=time.time_ns() // 1_000_000,
        **shell.vitals.taken(),
    )
