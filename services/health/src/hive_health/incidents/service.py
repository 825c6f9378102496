"""Incidents, put together: what looks, who is told, what is launched, and the door for alerts."""

import logging
from typing import Final

import httpx
from nats.aio.client import Client

from hive_contracts.ids import NewId
from hive_health.health import Health
from hive_health.incidents.alertmanager import Alertmanagers
from hive_health.incidents.desk import Desk
from hive_health.incidents.inbox import Inbox
from hive_health.incidents.paging import Receiver, keep_receivers
from hive_health.incidents.records import Records
from hive_health.incidents.register import Register
from hive_health.incidents.rules import Rules
from hive_health.incidents.runbooks import Runbooks
from hive_health.incidents.standard_webhooks import StandardWebhooks, read_secret
from hive_health.incidents.surroundings import Surroundings
from hive_health.incidents.watch import Watch
from hive_health.orchestrator import Orchestrator
from hive_health.webhook import SECONDS
from hive_shared.clock import Clock
from hive_shared.eventstore.pool import open_pool
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.eventstore.probe import PoolProbe
from hive_shared.process import Shell
from hive_shared.settings import HealthSettings, SettingsError, postgres_url
from hive_shared.subscriptions.effects import Effect, EffectRunner
from hive_shared.subscriptions.feed import Feed

CONNECTIONS: Final = 5
"""For looking, for the door, and for one effect; each receiver has one more."""
RULES_SECONDS: Final = 2.0

_log = logging.getLogger("hive.health.incidents")


async def keep_incidents(
    shell: Shell, settings: HealthSettings, health: Health, bus: Client, clock: Clock, new_id: NewId
) -> Desk:
    """Open all that incidents need and start their loops. Raises SettingsError, StoreError."""
    rules = Rules(settings.incidents_path)
    receivers = rules.file.notify
    pool = await shell.enter(await open_pool(postgres_url(settings), CONNECTIONS + len(receivers)))
    probe = PoolProbe("incidents", pool, clock)
    shell.vitals.pool(probe.use)
    shell.spawn(probe.run(), "incidents' pool")
    store = PostgresEventStore(pool)
    client = await shell.enter(httpx.AsyncClient(timeout=SECONDS, follow_redirects=False))
    records, inbox = Records(store, new_id), Inbox(pool)
    watch = Watch(
        store, records, Register(), inbox, health, health.objectives, rules, clock, shell.instance,
        settings.count_every,
    )  # fmt: skip
    shell.spawn(watch.run(), "incidents")
    shell.spawn(Alertmanagers(client, watch, clock).run(), "alertmanager")
    posting = StandardWebhooks(client)
    folder = rules.path.parent
    effects: list[Effect] = [Runbooks(records, Orchestrator(bus), folder, clock)]
    for name, entry in receivers.items():
        try:
            secret = read_secret(folder / entry.secret_file)
        except ValueError as problem:
            raise SettingsError(
                str(problem), where=f"{rules.path}: notify.{name}.secret_file",
                remedy="put a secret there, of mode 0600",
            ) from problem  # fmt: skip
        effects.append(Receiver(name, entry, secret, store, posting, clock))
    await keep_receivers(pool, receivers, await store.head())
    for effect in effects:
        feed = Feed(store, clock)
        runner = EffectRunner(pool, "health", effect, feed, store, clock, shell.instance)
        shell.vitals.handling(runner.handling)
        shell.spawn(runner.run(), effect.name)
    shell.spawn(_watch_receivers(shell, rules, clock), "receivers")
    if settings.alerts_port:
        # A web server costs memory, and most hives do without it.
        from hive_health.incidents.door import AlertDoor
        from hive_shared.listening import serving

        door = AlertDoor(inbox, _token(settings), clock)
        shell.vitals.handling(door.handling)
        host, port = settings.alerts_host, settings.alerts_port
        shared = settings.replicas > 1
        await shell.enter(serving(door.app(), host, port, "alerts_port", shared=shared))
    return Desk(store, records, watch, Surroundings(pool), clock)


async def _watch_receivers(shell: Shell, rules: Rules, clock: Clock) -> None:
    """Ends the process once others are to be told: whoever supervises starts it anew."""
    began_with = rules.file.notify
    while rules.file.notify == began_with:
        await clock.sleep(RULES_SECONDS)
    _log.info("others are to be told of incidents now: starting anew")
    shell.failed = True
    shell.stop()
    await shell.stopping.wait()
    while True:
        await clock.sleep(RULES_SECONDS)


def _token(settings: HealthSettings) -> bytes:
    """Raises SettingsError."""
    path = settings.alerts_token_path
    try:
        token = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(
            f"it cannot be read: {error.strerror}", where=str(path),
            remedy="`hive up` makes it; or name the file as alerts_token_file in hive.toml",
        ) from error  # fmt: skip
    if len(token) < 16:
        raise SettingsError(
            "it holds no token of at least 16 characters", where=str(path),
            remedy="write a longer one, and name it in Alertmanager's configuration",
        )  # fmt: skip
    return token
