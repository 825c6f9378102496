"""What goes wrong in a hive of real processes, and what `hive status` then says of it: its name,
what it is about and what to do; and nothing of it any more once it is over.

All of them meet the same hive, so each looks for its own kind.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from hive_cli.liveness import is_whole
from hive_client import Hive
from hive_contracts.envelope import Recorded
from hive_contracts.incident import IncidentOpened
from hive_contracts.plan import Notify, Phase, Plan, TaskSpec
from hive_contracts.v1 import operations_pb2
from tests.service.runner.process import RunnerProcess
from tests.suites.webhook import taking
from tests.system.hive import PASSED, RealHive, eventually, of_type, open_folder, running

OFF_SECONDS: Final = 90
_SITECUSTOMIZE: Final = """\
import os, sys, time

if "hive_shared.relay" in sys.orig_argv:
    right = time.time_ns

    def wrong():
        return right() + OFF * 10**9 * os.path.exists(FLAG)

    time.time_ns = wrong
"""
"""The machine's clock, as the relay's process sees it, is off while a file is there."""
GATEWAYS_CONNECTIONS: Final = 8


class OffHive(RealHive):
    """A hive whose relay's clock can be put wrong."""

    def __init__(self, folder: Path) -> None:
        self.flag = folder / "clock-is-off"
        path = folder / "path"
        path.mkdir()
        text = _SITECUSTOMIZE.replace("OFF", str(OFF_SECONDS)).replace("FLAG", repr(str(self.flag)))
        (path / "sitecustomize.py").write_text(text)
        before = os.environ.get("PYTHONPATH")
        whole = os.pathsep.join([str(path), *([before] if before else [])])
        super().__init__(folder, PYTHONPATH=whole, HIVE_COUNT_EVERY="1")


@pytest.fixture(scope="module")
def hive(request: pytest.FixtureRequest) -> Iterator[OffHive]:
    with open_folder("named", request.session) as folder, running(OffHive(folder)) as hive:
        asyncio.run(whole(hive))
        yield hive


async def whole(hive: RealHive) -> None:
    """Until health has heard each service: of one that it never heard it says no trouble."""
    async with hive.client() as client:

        async def probe() -> bool | None:
            return is_whole(await client.operations.health()) or None

        await eventually(probe, seconds=60, every=0.3)


async def named(client: Hive, kind: str, about: str, text: str = "") -> operations_pb2.Symptom:
    """The trouble, once health says that it is there."""

    async def probe() -> operations_pb2.Symptom | None:
        for symptom in (await client.operations.health()).report.symptoms:
            if (symptom.kind, symptom.about) == (kind, about) and text in symptom.text:
                return symptom
        return None

    return await eventually(probe, seconds=60, every=0.3)


async def over(client: Hive, kind: str, about: str) -> None:
    """Until health says that it is no more."""

    async def probe() -> bool | None:
        health = await client.operations.health()
        found = {(symptom.kind, symptom.about) for symptom in health.report.symptoms}
        return True if health.HasField("report") and (kind, about) not in found else None

    await eventually(probe, seconds=60, every=0.3)


def plan(name: str, notify: Notify | None = None) -> Plan:
    return Plan(name, (Phase("main", tasks=(TaskSpec("work", run="true"),)),), notify=notify)


async def test_a_frozen_relay_is_silent_and_holds_up_the_feed_and_hive_status_says_so(
    hive: OffHive,
) -> None:
    async with hive.client() as client:
        with hive.frozen("relay"):
            await client.launch(plan("unheard"))
            silent = await named(client, "service-silent", "relay")
            held_up = await named(client, "feed-held-up", "bus", "no relay is heard")
            shown = await asyncio.to_thread(hive_status, hive)
        await over(client, "service-silent", "relay")
        await over(client, "feed-held-up", "bus")
    assert "no beat of relay for" in silent.text
    assert "log of relay" in silent.remedy
    assert "the record is at" in held_up.text
    assert "start a relay" in held_up.remedy
    told = {s["kind"]: s for s in json.loads(shown)["health"]["report"]["symptoms"]}
    assert told["service-silent"]["remedy"] == silent.remedy
    assert told["feed-held-up"]["remedy"] == held_up.remedy


def hive_status(hive: RealHive) -> str:
    env = {name: os.environ[name] for name in PASSED if name in os.environ}
    done = subprocess.run(
        [Path(sys.executable).with_name("hive"), "status", "--json", "--data", hive.data],
        env=env | {"HOME": str(hive.folder)},
        cwd=hive.folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


async def test_a_pool_whose_connections_all_wait_for_a_lock_is_exhausted(hive: OffHive) -> None:
    async with hive.client() as client:
        async with locked(hive, "gateway", "lock table gateway.missions in access exclusive mode"):
            asked = [asyncio.create_task(client.list()) for _ in range(GATEWAYS_CONNECTIONS + 1)]
            exhausted = await named(client, "pool-exhausted", "gateway/gateway")
        await asyncio.gather(*asked)
        await over(client, "pool-exhausted", "gateway/gateway")
    told = f"all {GATEWAYS_CONNECTIONS} connections of gateway's pool gateway are in use"
    assert told in exhausted.text
    assert "pg_stat_activity" in exhausted.remedy


@asynccontextmanager
async def locked(hive: RealHive, service: str, statement: str) -> AsyncIterator[None]:
    """What the statement locks, as that service's own login."""
    connection = await asyncpg.connect(hive.postgres_url(service))
    try:
        async with connection.transaction():
            await connection.execute(statement)
            yield
    finally:
        await connection.close()


async def test_a_runner_with_less_room_than_it_has_to_keep_is_named(
    hive: OffHive, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    token = (hive.stack.paths.secrets / "runner.token").read_text()
    (secrets / "runner.token").write_text(token)
    short = RunnerProcess(tmp_path, int(hive.state.gateway.rpartition(":")[2]))
    try:
        await short.start(HIVE_RUNNER_NAME="narrow", HIVE_RUNNER_KEEP_FREE="4096TiB")
        async with hive.client() as client:
            filling = await named(client, "disk-filling", "runner narrow")
            short.tell(signal.SIGTERM)
            await short.ended()
            await over(client, "disk-filling", "runner narrow")
    finally:
        await short.kill()
    assert "runner narrow takes no work" in filling.text
    assert "are to stay free" in filling.text
    assert "make room on its machine" in filling.remedy


async def test_a_process_with_a_wrong_clock_is_named_by_its_machine(hive: OffHive) -> None:
    async with hive.client() as client:
        hive.flag.touch()
        host = os.uname().nodename
        try:
            off = await named(client, "clock-off", host)
        finally:
            hive.flag.unlink()
        await over(client, "clock-off", host)
    assert f"the clock of {host} is {OFF_SECONDS} s ahead of the database's" in off.text
    assert "NTP" in off.remedy


@pytest.mark.full("a server is stopped and started")
async def test_live_output_without_its_redis_is_missed(hive: OffHive) -> None:
    if hive.process("redis") is None:
        pytest.skip(hive.state.redis_missing)
    async with hive.client() as client:
        report = (await client.operations.health()).report
        [gateway] = [m.instance for m in report.members if m.service == "gateway"]
        about = f"gateway {gateway[:8]}"
        async with hive.stopped("redis"):
            away = await named(client, "tails-away", about)
        await over(client, "tails-away", about)
    assert "gateway has no store for live output" in away.text
    assert "see that Redis runs" in away.remedy


@pytest.mark.full("a server is stopped and started")
async def test_a_record_that_is_away_is_named_by_hive_status(hive: OffHive) -> None:
    async with hive.client() as client:
        async with hive.stopped("postgres"):
            away = await named(client, "record-away", "record")
            shown = json.loads(await asyncio.to_thread(hive_status, hive))
        await over(client, "record-away", "record")
    assert "the record does not answer" in away.text
    assert "see that PostgreSQL runs" in away.remedy
    told = {s["kind"]: s for s in shown["health"]["report"]["symptoms"]}
    assert told["record-away"]["remedy"] == away.remedy


@pytest.mark.full("a consumer is stuck after 30 s")
async def test_a_projection_whose_row_is_locked_is_a_stuck_consumer(hive: OffHive) -> None:
    row = "select from gateway.subscriptions where name = 'views' for update"
    async with hive.client() as client:
        async with locked(hive, "gateway", row):
            await client.launch(plan("unseen"))
            stuck = await named(client, "stuck-consumer", "gateway/views")
        await over(client, "stuck-consumer", "gateway/views")
    assert "gateway/views has stood at" in stuck.text
    assert "events wait" in stuck.text
    assert "look at the log of gateway" in stuck.remedy


@pytest.mark.full("each of its eight tries waits for a look at the record")
async def test_an_effect_that_was_given_up_is_parked_until_it_is_replayed(hive: OffHive) -> None:
    async with hive.client() as client, taking() as taker:
        taker.answers = [b"500 Out Of Order"] * 8
        mission = await client.launch(plan("untold", Notify(taker.url)))
        stream = f"mission-{mission.mission_id}"
        connection = await asyncpg.connect(hive.postgres_url("health"))
        try:

            async def hurried() -> bool | None:
                """Tried again at once, not in minutes."""
                at_once = "update health.parked set next_at = '-infinity' where parked_at is null"
                await connection.execute(at_once)
                given_up = "select from health.parked where stream = $1 and parked_at is not null"
                return True if await connection.fetchrow(given_up, stream) is not None else None

            await eventually(hurried, seconds=60)
        finally:
            await connection.close()
        parked = await named(client, "parked-stream", f"notify {stream}")
        await client.operations.replay_parked("notify", stream)
        await over(client, "parked-stream", f"notify {stream}")
    assert "health/notify gave up on MissionSucceeded" in parked.text
    assert "answers 500" in parked.text
    assert f"hive parked replay notify {stream}" in parked.remedy
    assert len(taker.taken) == 9


@pytest.mark.full("everything connects anew")
async def test_a_bus_that_is_away_is_an_incident_with_its_name_though_nobody_can_ask_health(
    hive: OffHive,
) -> None:
    """`hive status` says why health is unknown; health itself writes down what it names."""
    async with hive.client() as client:
        async with hive.stopped("nats"):

            async def cannot_be_asked() -> bool | None:
                health = await client.operations.health()
                return None if health.HasField("report") else True

            await eventually(cannot_be_asked)
            shown = json.loads(await asyncio.to_thread(hive_status, hive))["health"]
            assert shown["trouble"] == "the gateway has no connection to the bus"
            assert "see that NATS runs" in shown["remedy"]
            log = await hive.until(lambda log: opened(log, "bus-away"))
        [incident] = opened(log, "bus-away")
        await over(client, "bus-away", "bus")
    [alert] = [each for each in incident.alerts if each.name == "bus-away"]
    assert "health has had no connection to the bus for" in alert.text
    assert "see that NATS runs" in incident.remedy


def opened(log: list[Recorded], name: str) -> list[IncidentOpened]:
    found = [event for event in of_type(log, "IncidentOpened") if isinstance(event, IncidentOpened)]
    return [each for each in found if any(alert.name == name for alert in each.alerts)]
