"""The relay's process: `python -m hive_shared.relay`, as role hive_relay. Any number may run."""

import asyncio
import sys

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from hive_contracts.health import REBUILD_BUS
from hive_contracts.subjects import APPENDED
from hive_shared.bus.connection import connected
from hive_shared.bus.events import EventStream, Retention
from hive_shared.clock import SystemClock
from hive_shared.eventstore.postgres import open_postgres_store
from hive_shared.eventstore.probe import PoolProbe
from hive_shared.heartbeats import beat
from hive_shared.process import Shell, run
from hive_shared.relay.log import PostgresLog, opened_pool
from hive_shared.relay.relay import Relay
from hive_shared.settings import RelaySettings, nats_url, postgres_url
from hive_shared.wake import Wake


async def start(shell: Shell, settings: RelaySettings) -> None:
    clock = SystemClock()
    wake = Wake(clock)
    retention = Retention(settings.bus_max_age, settings.bus_max_bytes)
    store = await shell.enter(open_postgres_store(postgres_url(settings)))
    log = PostgresLog(await shell.enter(opened_pool(postgres_url(settings))), retention)

    ready: asyncio.Future[Relay] = asyncio.get_running_loop().create_future()

    async def hear(client: Client) -> None:
        await client.subscribe(APPENDED, cb=hinted)
        await client.subscribe(REBUILD_BUS, queue="relay", cb=rebuild)

    async def hinted(_: Msg) -> None:
        wake.set()

    async def rebuild(request: Msg) -> None:
        await request.respond(msgspec.json.encode(await (await ready).rebuild()))

    client = await shell.enter(connected(nats_url(settings), "relay", wake.set, hear))
    relay = Relay(store, log, EventStream(client, retention), clock, wake)
    ready.set_result(relay)
    shell.vitals.handling(relay.publishing)
    for name, pool in (("log", store.pool), ("upkeep", log.pool)):
        probe = PoolProbe(name, pool, clock)
        shell.vitals.pool(probe.use)
        shell.spawn(probe.run(), "pool")
    shell.vitals.need("record and bus", lambda: relay.trouble)
    shell.vitals.disk(settings.data)
    shell.spawn(relay.run(), "relay")
    shell.spawn(log.keep_up(clock), "upkeep")
    shell.spawn(log.check_daily(clock), "check")
    shell.spawn(beat(shell, client), "heartbeat")


if __name__ == "__main__":
    sys.exit(run("relay", RelaySettings, start))
