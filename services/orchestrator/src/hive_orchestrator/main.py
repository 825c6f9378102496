"""The orchestrator's process: `python -m hive_orchestrator`."""

import os
import random
import time

from hive_contracts.ids import uuid7
from hive_orchestrator.active import Pace
from hive_orchestrator.service import open_service
from hive_shared.clock import SystemClock
from hive_shared.heartbeats import beat
from hive_shared.process import Shell, run
from hive_shared.settings import OrchestratorSettings, nats_url, postgres_url


async def start(shell: Shell, settings: OrchestratorSettings) -> None:
    service = await shell.enter(
        open_service(
            postgres_url(settings),
            nats_url(settings),
            Pace(settings.scheduler_fence, settings.session_ttl, settings.scheduler_watch),
            settings.beat,
            SystemClock(),
            new_id,
            lambda: random.uniform(-1, 1),
        )
    )
    for handling in service.handlings:
        shell.vitals.handling(handling)
    for probe in service.pools:
        shell.vitals.pool(probe.use)
        shell.spawn(probe.run(), "pool")
    shell.vitals.queues(service.replica.queues)
    shell.vitals.queue("appends", service.appends_waiting)
    shell.vitals.need("record", lambda: service.replica.trouble)
    shell.vitals.disk(settings.data)
    shell.vitals.demand(service.replica.demand)
    shell.spawn(service.replica.run(), "replica")
    shell.spawn(beat(shell, service.client), "heartbeats")


def new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def main() -> int:
    return run("orchestrator", OrchestratorSettings, start)
