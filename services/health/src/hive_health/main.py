"""The process of health: `python -m hive_health`."""

from typing import Final

from hive_health.edge import Health, broker_for, serving
from hive_health.notifier import Notifier
from hive_health.webhook import webhooks
from hive_shared.bus.connection import connected
from hive_shared.bus.events import EventStream, Retention
from hive_shared.clock import SystemClock
from hive_shared.eventstore.pool import open_pool
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.heartbeats import beat
from hive_shared.process import Shell, run
from hive_shared.settings import HealthSettings, SettingsError, nats_url, postgres_url
from hive_shared.subscriptions.effects import EffectRunner
from hive_shared.subscriptions.feed import Feed

CONNECTIONS: Final = 3
"""For the effect's checkpoint, and for reading the record beside it."""


async def start(shell: Shell, settings: HealthSettings) -> None:
    health = Health(SystemClock())
    await shell.enter(serving(broker_for(nats_url(settings), health), health))
    client = await shell.enter(connected(nats_url(settings), "health"))
    # It only looks, so what a stream made by it would keep does not matter.
    shell.spawn(health.watch(EventStream(client, Retention())), "bus")
    shell.spawn(beat(shell, client), "heartbeats")

    pool = await shell.enter(await open_pool(postgres_url(settings), CONNECTIONS))
    store, clock = PostgresEventStore(pool), SystemClock()
    posting = await shell.enter(webhooks(_notify_key(settings)))
    # A second later is soon enough, and so it needs no bus: people are told while that is away.
    feed = Feed(store, clock)
    notifier = Notifier(store, posting, clock)
    telling = EffectRunner(pool, "health", notifier, feed, store, clock, shell.instance)
    shell.spawn(telling.run(), "notify")


def _notify_key(settings: HealthSettings) -> bytes:
    """Raises SettingsError."""
    path = settings.notify_key_path
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(
            f"it cannot be read: {error.strerror}",
            where=str(path),
            remedy="`hive up` makes it; or name the file as notify_key_file in hive.toml",
        ) from error


def main() -> int:
    return run("health", HealthSettings, start)
