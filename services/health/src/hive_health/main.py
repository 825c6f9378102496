"""The process of health: `python -m hive_health`."""

import os
import time
from typing import Final

from hive_contracts.ids import uuid7
from hive_health.autoscaler import Autoscaler
from hive_health.baselines.reader import Regressions
from hive_health.edge import broker_for, serving
from hive_health.health import Health
from hive_health.incidents.service import keep_incidents
from hive_health.knocking import knocking
from hive_health.ledger import Ledger
from hive_health.notifier import Notifier
from hive_health.objectives import Promises
from hive_health.policy.desk import Desk as PolicyDesk
from hive_health.policy.keeper import Keeper
from hive_health.record_clock import RecordClock
from hive_health.record_view import RecordView
from hive_health.webhook import webhooks
from hive_shared.bus.connection import connected
from hive_shared.bus.events import EventStream, Retention
from hive_shared.clock import SystemClock
from hive_shared.eventstore.pool import open_pool
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.eventstore.probe import PoolProbe
from hive_shared.heartbeats import beat
from hive_shared.process import Shell, run
from hive_shared.settings import HealthSettings, SettingsError, nats_url, postgres_url
from hive_shared.subscriptions.effects import EffectRunner
from hive_shared.subscriptions.feed import Feed

CONNECTIONS: Final = 3
"""For the effect's checkpoint, and for reading the record beside it."""
LOOKING: Final = 5
"""For looking at it: apart, so that what is wrong with the others does not blind it."""


async def start(shell: Shell, settings: HealthSettings) -> None:
    health = Health(SystemClock())
    await shell.enter(serving(broker_for(nats_url(settings), health), health))
    client = await shell.enter(connected(nats_url(settings), "health"))
    # It only looks, so what a stream made by it would keep does not matter.
    shell.spawn(health.watch(EventStream(client, Retention())), "bus")
    shell.spawn(beat(shell, client), "heartbeats")
    shell.spawn(health.judge(), "judging")
    knocker = await shell.enter(knocking(health.doors, SystemClock()))
    shell.spawn(knocker.run(lambda: health.to_ask(shell.vitals.host)), "doors")
    shell.vitals.disk(settings.data)
    shell.vitals.handling(health.beats)
    shell.vitals.handling(health.asked)

    pool = await shell.enter(await open_pool(postgres_url(settings), CONNECTIONS))
    store, clock = PostgresEventStore(pool), SystemClock()
    looking = await shell.enter(await open_pool(postgres_url(settings), LOOKING))
    decided_by = RecordClock(clock)
    health.record = RecordView(
        looking, PostgresEventStore(looking), clock, health.learn, decided_by.saw
    )
    # Before anything is decided by it: until then it is this machine's.
    await health.record.look()
    shell.spawn(health.record.run(), "record")
    for name, connections in (("effects", pool), ("looking", looking)):
        probe = PoolProbe(name, connections, clock)
        shell.vitals.pool(probe.use)
        shell.spawn(probe.run(), "pool")
    health.ledger = Ledger(looking, store, clock, shell.instance, shell.version)
    health.regressions = Regressions(looking, clock)
    shell.spawn(health.regressions.run(), "baselines")
    health.promises = Promises(settings.slo_path, health.ledger)
    shell.vitals.handling(health.ledger.counting)
    shell.spawn(health.ledger.run(settings.count_every), "ledger")
    health.autoscaler = Autoscaler(
        PostgresEventStore(looking),
        health.demand,
        clock,
        shell.instance,
        new_id,
        settings.capacity_hold,
    )
    shell.spawn(health.autoscaler.run(), "autoscaling")
    posting = await shell.enter(webhooks(_notify_key(settings)))
    # A second later is soon enough, and so it needs no bus: people are told while that is away.
    feed = Feed(store, clock)
    notifier = Notifier(store, posting, clock)
    telling = EffectRunner(pool, "health", notifier, feed, store, clock, shell.instance)
    shell.vitals.handling(telling.handling)
    shell.spawn(telling.run(), "notify")
    keeper = Keeper(
        PostgresEventStore(looking),
        health.objectives,
        health.usual,
        settings.policy_path,
        decided_by,
        new_id,
    )
    health.policy = PolicyDesk(keeper, decided_by)
    shell.spawn(keeper.run(settings.count_every), "policy")
    health.desk = await keep_incidents(shell, settings, health, client, decided_by, new_id)


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


def new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def main() -> int:
    return run("health", HealthSettings, start)
