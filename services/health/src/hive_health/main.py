"""The process of health: `python -m hive_health`."""

from hive_health.edge import Health, broker_for, serving
from hive_shared.bus.connection import connected
from hive_shared.bus.events import EventStream, Retention
from hive_shared.clock import SystemClock
from hive_shared.heartbeats import beat
from hive_shared.process import Shell, run
from hive_shared.settings import HealthSettings, nats_url


async def start(shell: Shell, settings: HealthSettings) -> None:
    health = Health(SystemClock())
    await shell.enter(serving(broker_for(nats_url(settings), health), health))
    client = await shell.enter(connected(nats_url(settings), "health"))
    # It only looks, so what a stream made by it would keep does not matter.
    shell.spawn(health.watch(EventStream(client, Retention())), "bus")
    shell.spawn(beat(shell, client), "heartbeats")


def main() -> int:
    return run("health", HealthSettings, start)
