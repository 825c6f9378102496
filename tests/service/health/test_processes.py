"""Health, github and the relay as processes: they beat, answer, and end when they are told."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import nats.errors
from nats.aio.client import Client

from hive_contracts.capacity import AgentRunners, RunnersWanted
from hive_contracts.codec import decode
from hive_contracts.health import (
    ALIVE,
    GITHUB_STATUS,
    REBUILD_BUS,
    Alive,
    BusRebuilt,
    GithubStatus,
    RebuildBus,
)
from hive_contracts.heartbeat import Heartbeat, Wanted
from hive_contracts.ids import uuid7
from hive_contracts.mission import MissionLaunched, MissionSucceeded
from hive_contracts.plan import Notify
from hive_contracts.subjects import heartbeat_subject
from hive_health.notices import Notice
from hive_health.webhook import signature
from hive_shared.bus.connection import connected
from tests.conftest import Database, NatsAccount
from tests.suites.bus import SOON, Writer, assert_bus_is_the_record, record
from tests.suites.gateway import Chronicle
from tests.suites.webhook import taking


@contextlib.asynccontextmanager
async def process(module: str, folder: Path, **settings: str) -> AsyncIterator[Process]:
    """A service's process with these settings; told to end, it must end in good order."""
    env = {f"HIVE_{name.upper()}": value for name, value in settings.items()}
    env |= {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module,
        env={"HOME": str(folder), "HIVE_DATA": str(folder), **env},
        cwd=folder,
    )  # fmt: skip
    try:
        yield started
        started.send_signal(signal.SIGTERM)
        async with asyncio.timeout(SOON):
            assert await started.wait() == 0
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


def health(
    database: Database, nats: NatsAccount, folder: Path
) -> AbstractAsyncContextManager[Process]:
    key = folder / "secrets" / "notify.key"
    key.parent.mkdir(mode=0o700)
    key.write_text("a key\n")
    return process(
        "hive_health",
        folder,
        nats_url=nats.url_of("health"),
        postgres_url=database.url("health"),
    )


async def ask(client: Client, subject: str, body: bytes = b"") -> bytes:
    """The answer, once somebody is there to give one."""
    async with asyncio.timeout(SOON):
        while True:
            try:
                return bytes((await client.request(subject, body, timeout=5)).data)
            except nats.errors.NoRespondersError:
                await asyncio.sleep(0.05)


async def test_health_says_who_is_alive_and_who_never_was_heard(
    database: Database, nats: NatsAccount, tmp_path: Path
) -> None:
    url = nats.url_of
    async with (
        record(database, nats) as store,
        health(database, nats, tmp_path),
        process("hive_github", tmp_path, nats_url=url("github")),
        process(
            "hive_shared.relay", tmp_path,
            nats_url=url("relay"), postgres_url=database.url("relay"),
        ),
        connected(url("gateway"), "tester") as client,
    ):  # fmt: skip
        last = await Writer(store).write(3)
        status = msgspec.json.decode(await ask(client, GITHUB_STATUS), type=GithubStatus)
        assert not status.configured
        async with asyncio.timeout(SOON):
            while True:
                alive = msgspec.json.decode(await ask(client, ALIVE), type=Alive)
                states = {member.service: member.state for member in alive.members}
                beating = {states["health"], states["github"], states["relay"]}
                if (beating, alive.bus.last_position) == ({"alive"}, last):
                    break
                await asyncio.sleep(0.1)
        assert (states["orchestrator"], states["gateway"]) == ("unknown", "unknown")
        assert (alive.bus.state, alive.bus.holes) == ("alive", 0)
        order = msgspec.json.encode(RebuildBus())
        rebuilt = msgspec.json.decode(await ask(client, REBUILD_BUS, order), type=BusRebuilt)
        assert rebuilt == BusRebuilt(1, last)
        await assert_bus_is_the_record(store, url("observer"))


async def test_a_webhook_is_told_of_a_mission_until_it_takes_it(
    database: Database, nats: NatsAccount, tmp_path: Path
) -> None:
    id = uuid7(1, bytes(10))
    async with (
        taking() as taker,
        record(database, nats) as store,
        health(database, nats, tmp_path),
    ):
        taker.answers = [b"503 Not now"]
        launched = MissionLaunched(id, "fix-1", "fix", notify=Notify(taker.url))
        await Chronicle(store).write(launched, MissionSucceeded(id, "fix"))
        async with asyncio.timeout(SOON):
            while len(taker.taken) < 2:
                taker.news.clear()
                await taker.news.wait()
    refused, taken = taker.taken
    assert refused.headers["hive-effect"] == taken.headers["hive-effect"]
    assert taken.headers["hive-signature-256"] == "sha256=" + signature(b"a key", taken.body)
    told = msgspec.json.decode(taken.body, type=Notice)
    assert (told.event, told.mission, told.next) == ("succeeded", "fix-1", "hive diff fix-1")


async def test_what_the_orchestrator_tells_becomes_an_event_and_a_new_process_goes_on_from_it(
    database: Database, nats: NatsAccount, tmp_path: Path
) -> None:
    async with (
        record(database, nats) as store,
        connected(nats.url_of("orchestrator"), "tester") as orchestrator,
        connected(nats.url_of("gateway"), "asker") as client,
    ):
        beating = Beating(orchestrator, client)
        async with health(database, nats, tmp_path):
            alive = await beating.until(9, 3)
            assert alive.capacity.waiting == 9
            [claude] = alive.capacity.agents
            assert (claude.agent, claude.runners_desired, claude.served) == ("claude", 3, True)
        events = await store.read_category("capacity", 0)
        assert decode(events[-1]) == RunnersWanted(
            "runners", 3, (AgentRunners("claude", 3),), waiting=9
        )
        assert {event.meta.actor for event in events} == {"health"}
        again = tmp_path / "again"
        again.mkdir()
        async with health(database, nats, again):
            # Nothing waits any more, and nobody has forgotten what was wanted a moment ago.
            assert (await beating.until(0, 3)).capacity.waiting == 0
        assert await store.read_category("capacity", events[-1].position) == []


class Beating:
    """An active orchestrator, as far as health hears it, and somebody who asks health."""

    def __init__(self, orchestrator: Client, asker: Client) -> None:
        self._orchestrator, self._asker = orchestrator, asker

    async def until(self, waiting: int, runners: int) -> Alive:
        """What health tells once it knows of so many that wait, and wants so many runners."""
        beat = Heartbeat(
            "orchestrator", "one", "1", "ready", 9.0, 2.0, demand=(Wanted("claude", waiting),)
        )
        subject = heartbeat_subject("orchestrator", "one")
        async with asyncio.timeout(SOON + 20):
            while True:
                await self._orchestrator.publish(subject, msgspec.json.encode(beat))
                alive = msgspec.json.decode(await ask(self._asker, ALIVE), type=Alive)
                capacity = alive.capacity
                if (capacity.waiting, capacity.runners_desired) == (waiting, runners):
                    return alive
                await asyncio.sleep(0.2)
