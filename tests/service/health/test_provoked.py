"""Each trouble that health names, made to happen on real servers, and named rightly."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hive_contracts.health import Symptom
from hive_contracts.heartbeat import SilentAttempt
from hive_contracts.orders import Beat, Holding, Lease, Orders, StepsDone
from hive_contracts.v1 import operations_pb2, runner_pb2
from hive_contracts.wire import to_proto
from hive_health import runners, symptoms
from hive_shared import heartbeats
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.eventstore.probe import PoolProbe
from hive_shared.handling import Handling
from hive_shared.process import Shell
from hive_shared.subscriptions.effects import EffectRunner
from hive_shared.subscriptions.feed import Feed
from tests.conftest import Database, NatsAccount
from tests.suites.bus import (
    Counts,
    FastClock,
    Writer,
    eventually,
    make_counts,
    pool_of,
    record,
    relay_in_process,
    replica,
    running,
)
from tests.suites.gateway import (
    ADMIN,
    BEAT_SECONDS,
    RUNNER,
    Gateway,
    bearer,
    gateway,
    gateway_settings,
    new_id,
    planned_task,
    scripted,
)
from tests.suites.health import Watching, watching


@pytest.fixture
async def store(database: Database, nats: NatsAccount) -> AsyncIterator[PostgresEventStore]:
    async with record(database, nats) as opened:
        yield opened


@pytest.fixture
async def watch(database: Database, nats: NatsAccount) -> AsyncIterator[Watching]:
    async with watching(database, nats) as opened:
        yield opened


def ready(service: str) -> Shell:
    shell = Shell(service, new_id())
    shell.state = "ready"
    return shell


def kinds(found: list[Symptom]) -> list[str]:
    return [symptom.kind for symptom in found]


async def test_a_hive_in_which_all_goes_well_has_nothing_wrong(
    database: Database, nats: NatsAccount, store: PostgresEventStore, watch: Watching
) -> None:
    shells = [ready(service) for service in ("gateway", "orchestrator", "relay", "health")]
    last = await Writer(store).write(3)
    async with relay_in_process(database.url("relay"), nats.url_of("relay")):
        async with asyncio.timeout(20):
            while watch.health.bus.held is None or watch.health.bus.held.last < last:
                await watch.look(*shells)
        watch.clock.ahead += 100
        assert await watch.look(*shells) == []


async def test_a_feed_that_is_held_up_is_named_until_a_relay_is_there(
    database: Database, nats: NatsAccount, store: PostgresEventStore, watch: Watching
) -> None:
    last = await Writer(store).write(3)
    assert "feed-held-up" not in kinds(await watch.look())
    watch.clock.ahead += symptoms.FEED_SECONDS + 1
    [held_up] = await watch.look()
    assert (held_up.kind, held_up.about) == ("feed-held-up", "bus")
    assert "has no event stream" in held_up.text
    assert f"the record is at {last}, and no relay is heard" in held_up.text
    assert "start a relay" in held_up.remedy
    async with relay_in_process(database.url("relay"), nats.url_of("relay")):
        async with asyncio.timeout(20):
            while await watch.look():
                await asyncio.sleep(0.02)


async def test_a_service_whose_last_process_goes_is_silent_and_one_of_two_is_missed_by_nobody(
    database: Database, nats: NatsAccount, watch: Watching
) -> None:
    gateways, orchestrator = [ready("gateway"), ready("gateway")], ready("orchestrator")
    assert await watch.look(*gateways, orchestrator) == []
    watch.clock.ahead += 10
    assert await watch.look(gateways[0], orchestrator) == []
    watch.clock.ahead += 10
    silent = await watch.until("service-silent", lambda _: True, orchestrator)
    assert silent.about == "gateway"
    assert "no beat of gateway for 10 s" in silent.text
    again = ready("gateway")
    assert await watch.look(again, orchestrator) == []


async def test_a_projection_that_waits_for_a_lock_is_a_stuck_consumer(
    database: Database, nats: NatsAccount, store: PostgresEventStore, watch: Watching
) -> None:
    shell = ready("gateway")
    async with replica(database.url("gateway"), "", Counts()) as one:
        await make_counts(one.pool, Counts())
        first = await Writer(store).write(1)
        await one.projector.wait_for(first, 20)
        async with one.pool.acquire() as holder, holder.transaction():
            await holder.execute("select from gateway.subscriptions for update")
            last = await Writer(store).write(2)
            assert "stuck-consumer" not in kinds(await watch.look(shell))
            watch.clock.ahead += symptoms.STUCK_SECONDS + 1
            stuck = await watch.until("stuck-consumer", lambda _: True, shell)
        assert stuck.about == "gateway/counts"
        assert f"has stood at {first} for 31 s while 2 events wait" in stuck.text
        assert "log of gateway" in stuck.remedy
        await one.projector.wait_for(last, 20)
        assert "stuck-consumer" not in kinds(await watch.look(shell))


async def test_a_message_that_stays_in_hand_makes_a_stuck_consumer(watch: Watching) -> None:
    shell = ready("orchestrator")
    handling = Handling("submit", watch.clock.monotonic)
    shell.vitals.handling(handling)
    with handling.one():
        assert "stuck-consumer" not in kinds(await watch.look(shell))
        watch.clock.ahead += symptoms.STUCK_SECONDS + 1
        stuck = await watch.until("stuck-consumer", lambda _: True, shell)
    assert (stuck.about, stuck.instance) == ("orchestrator/submit", shell.instance)
    assert "stuck-consumer" not in kinds(await watch.look(shell))


async def test_a_projection_that_is_behind_but_moves_lags(
    database: Database,
    nats: NatsAccount,
    store: PostgresEventStore,
    watch: Watching,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(symptoms, "LAG_SECONDS", 0.05)
    shell = ready("gateway")
    async with pool_of(database.url("gateway")) as pool:
        await pool.execute("insert into gateway.subscriptions (name) values ('views')")
        await Writer(store).write(5)
        await watch.until("projection-lagging", lambda _: True, shell)
        await pool.execute("update gateway.subscriptions set position = 2")
        watch.clock.ahead += symptoms.STUCK_SECONDS + 1
        lagging = await watch.until("projection-lagging", lambda _: True, shell)
    assert lagging.about == "gateway/views"
    assert "is 3 events and" in lagging.text


async def test_a_projection_that_cannot_apply_an_event_is_named_with_the_reason(
    database: Database, nats: NatsAccount, store: PostgresEventStore, watch: Watching
) -> None:
    poisoned = Counts()
    poisoned.poison = "TaskNoted"
    async with replica(database.url("gateway"), "", poisoned) as one:
        await make_counts(one.pool, poisoned)
        await Writer(store).write(1)
        stopped = await watch.until("projection-stopped")
    assert stopped.about == "gateway/counts"
    assert "cannot apply TaskNoted" in stopped.text


class Failing:
    name = "calls"

    def wants(self, event: object) -> bool:
        return True

    async def perform(self, event: object, effect_id: str) -> None:
        raise ConnectionError("the outside is down")


async def test_a_parked_stream_is_named_with_the_command_that_sets_it_going(
    database: Database, nats: NatsAccount, store: PostgresEventStore, watch: Watching
) -> None:
    await Writer(store).write(1)
    async with pool_of(database.url("gateway")) as pool:
        clock = FastClock()
        feed = Feed(store, clock)
        runner = EffectRunner(pool, "gateway", Failing(), feed, store, clock, "one")
        async with running(runner.run()):
            async with asyncio.timeout(20):
                while "parked-stream" not in kinds(await watch.look()):
                    await pool.execute("update gateway.parked set next_at = '-infinity'")
    [parked] = [s for s in await watch.look() if s.kind == "parked-stream"]
    subscription, stream = parked.about.split()
    assert subscription == "calls"
    assert "the outside is down" in parked.text
    assert f"hive parked replay calls {stream}" in parked.remedy


async def test_a_pool_whose_connections_are_all_held_is_exhausted(
    database: Database, watch: Watching
) -> None:
    shell = ready("gateway")
    async with pool_of(database.url("gateway"), connections=2) as pool:
        probe = PoolProbe("gateway", pool, watch.clock)
        shell.vitals.pool(probe.use)
        async with running(probe.run()):
            async with pool.acquire(), pool.acquire():
                await eventually(lambda: probe._asked_at is not None)
                watch.clock.ahead += 3
                exhausted = await watch.until("pool-exhausted", lambda _: True, shell)
            assert exhausted.about == "gateway/gateway"
            assert "all 2 connections of gateway's pool gateway are in use" in exhausted.text
            await eventually(lambda: probe.use().waited_s == 0)
            assert await watch.look(shell) == []


class Usage(NamedTuple):
    total: int
    used: int
    free: int


async def test_a_disk_that_fills_is_named_before_it_is_full(
    watch: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell, gigabyte = ready("health"), 10**9
    shell.vitals.disk(tmp_path)
    free = 90 * gigabyte
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 * gigabyte, 0, free))
    for _ in range(40):
        assert "disk-filling" not in kinds(await watch.look(shell)) or free <= 60 * gigabyte
        watch.clock.ahead += 10
        free -= gigabyte
    [filling] = await watch.look(shell)
    assert filling.kind == "disk-filling"
    assert "50.0 GB free of 100.0 GB, and is full in 8 min at this rate" in filling.text
    free = gigabyte
    [short] = await watch.look(shell)
    assert "1.0 GB free of 100.0 GB, 5.4 GB have to stay" in short.text


async def test_a_clock_that_is_off_is_named_by_its_machine(
    watch: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = ready("relay")
    shell.vitals.host = "anvil"

    class Wrong:
        @staticmethod
        def time_ns() -> int:
            return time.time_ns() + 90 * 10**9

    monkeypatch.setattr(heartbeats, "time", Wrong)
    [off] = await watch.look(shell)
    assert (off.kind, off.about) == ("clock-off", "anvil")
    assert "the clock of anvil is 90 s ahead of the database's" in off.text


async def test_a_runner_that_leaves_its_orders_undone_is_deaf(
    database: Database,
    nats: NatsAccount,
    watch: Watching,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runners, "DEAF_SECONDS", 0.3)
    task, epoch = new_id(), 1
    lease = Lease(epoch, "work", planned_task(new_id(), task), 1)
    settings = gateway_settings(database, nats.url_of("gateway"), tmp_path)
    async with scripted(database, nats) as orchestrator, gateway(settings) as door:
        orchestrator.orders = lambda beat: Orders(
            beat.session_id,
            () if beat.holding else (lease,),
            beat.holding,
            beat_seconds=BEAT_SECONDS,
        )
        call = door.runners.Session(metadata=bearer(RUNNER), timeout=100)
        beat = Beating(door)

        async def mute() -> None:
            while True:
                await call.write(runner_pb2.SessionRequest(beat=beat.message()))
                await call.read()
                await asyncio.sleep(BEAT_SECONDS / 2)

        # Through all of it: a read that is cancelled ends the call.
        async with running(mute()):
            deaf = await watch.until("runner-deaf", lambda _: True, door.shell)
            assert deaf.about == "runner anvil"
            assert "has not begun" in deaf.text
            beat.holding = (Holding(task, epoch),)
            async with asyncio.timeout(20):
                while "runner-deaf" in kinds(await watch.look(door.shell)):
                    await asyncio.sleep(0.02)
        call.cancel()
        watch.clock.ahead += 10
        watch.hear(door.shell)
        silent = await watch.until("runner-silent", lambda _: True, door.shell)
        assert "runner anvil was last heard" in silent.text


async def test_an_agent_that_prints_nothing_is_named_before_its_time_out_ends_it(
    database: Database, nats: NatsAccount, watch: Watching, tmp_path: Path
) -> None:
    task = new_id()
    settings = gateway_settings(database, nats.url_of("gateway"), tmp_path)
    async with scripted(database, nats) as orchestrator, gateway(settings) as door:
        call = door.runners.Session(metadata=bearer(RUNNER), timeout=100)
        beat = Beating(door)
        beat.holding = (Holding(task, 1),)
        beat.silent = (SilentAttempt(task, 1, "fix-1/main/work", 320, 600, "claude"),)
        await call.write(runner_pb2.SessionRequest(beat=beat.message()))
        await call.read()
        silent = await watch.until("agent-silent", lambda _: True, door.shell)
        assert silent.about == "fix-1/main/work"
        assert "claude at fix-1/main/work on runner anvil has printed nothing" in silent.text
        beat.silent = ()
        await call.write(runner_pb2.SessionRequest(beat=beat.message()))
        await call.read()
        assert "agent-silent" not in kinds(await watch.look(door.shell))
        assert [told.silent for told in orchestrator.beats] == [(), ()], "it ends at the gateway"
        call.cancel()


class Beating:
    """A runner's beats."""

    def __init__(self, door: Gateway) -> None:
        self.runner_id, self.session_id = new_id(), new_id()
        self.holding: tuple[Holding, ...] = ()
        self.silent: tuple[SilentAttempt, ...] = ()

    def message(self) -> runner_pb2.Beat:
        told = Beat(
            self.runner_id, self.session_id, "anvil", 4,
            holding=self.holding, handlers=(StepsDone("turn"),), silent=self.silent,
        )  # fmt: skip
        return to_proto(told, runner_pb2.Beat)


async def test_the_record_that_does_not_answer_is_the_one_thing_that_is_named(
    database: Database, watch: Watching, store: PostgresEventStore
) -> None:
    await Writer(store).write(1)
    await watch.look()
    assert watch.health.record is not None
    watch.health.record._pool.terminate()
    watch.clock.ahead += 100
    [away] = await watch.look()
    assert (away.kind, away.about) == ("record-away", "record")


async def test_a_bus_that_goes_is_named_until_it_is_back(watch: Watching) -> None:
    await watch.look()
    watch.health.connection(is_there=False)
    watch.clock.ahead += 4
    assert await watch.look() == [], "a connection is often made again at once"
    watch.clock.ahead += 4
    watch.health.connection(is_there=False)
    [away] = await watch.look()
    assert (away.kind, away.about) == ("bus-away", "bus")
    assert "NATS" in away.remedy
    watch.health.connection(is_there=True)
    assert await watch.look() == []


async def test_the_gateway_says_that_nothing_is_known_while_health_is_not_there(
    database: Database, nats: NatsAccount, tmp_path: Path
) -> None:
    settings = gateway_settings(database, nats.url_of("gateway"), tmp_path)
    async with scripted(database, nats), gateway(settings) as door:
        answer = await door.operations.Health(
            operations_pb2.HealthRequest(), metadata=bearer(ADMIN)
        )
    assert not answer.HasField("report")
    assert answer.trouble == "no process of health is there"
    assert "start one" in answer.remedy
