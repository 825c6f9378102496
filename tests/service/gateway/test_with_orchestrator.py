"""The gateway with the real orchestrator behind it, and a runner made of this test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hive_contracts.orders import Beat, Holding, Lease, Orders
from hive_contracts.v1 import mission_pb2, runner_pb2
from hive_contracts.wire import from_proto, to_proto
from hive_orchestrator.main import start
from hive_shared.process import Shell
from hive_shared.settings import OrchestratorSettings
from tests.conftest import Database, NatsAccount
from tests.suites.bus import SOON, running
from tests.suites.gateway import (
    ADMIN,
    BEAT_SECONDS,
    RUNNER,
    Gateway,
    bearer,
    gateway_settings,
    launch_request,
    new_id,
)
from tests.suites.gateway import gateway as running_gateway

AS_ADMIN = bearer(ADMIN)


@contextlib.asynccontextmanager
async def orchestrator(database: Database, nats: NatsAccount) -> AsyncIterator[None]:
    settings = OrchestratorSettings(
        postgres_url=database.url("orchestrator"),
        nats_url=nats.url_of("orchestrator"),
        beat=BEAT_SECONDS,
        scheduler_watch=0.1,
        scheduler_fence=1,
    )
    shell = Shell("orchestrator", new_id())
    try:
        await start(shell, settings)
        yield
        assert not shell.failed
    finally:
        await shell.close()


@pytest.fixture
async def gateway(database: Database, nats: NatsAccount, tmp_path: Path) -> AsyncIterator[Gateway]:
    settings = gateway_settings(database, nats.url_of("gateway"), tmp_path)
    async with running_gateway(settings) as started:
        yield started


async def work(gateway: Gateway) -> None:
    """A runner that does at once what it is told, until cancelled."""
    call = gateway.runners.Session(metadata=bearer(RUNNER))
    id, session = new_id(), new_id()
    holding: tuple[Holding, ...] = ()

    async def beat(*reports: runner_pb2.Report) -> None:
        told = to_proto(Beat(id, session, "anvil", 4, holding=holding), runner_pb2.Beat)
        await call.write(runner_pb2.SessionRequest(beat=told, reports=reports))

    async def keep_beating() -> None:
        while True:
            await beat()
            await asyncio.sleep(BEAT_SECONDS)

    async with running(keep_beating()):
        async for response in call:
            assert not any(receipt.refused for receipt in response.receipts)
            orders = from_proto(response.orders, Orders)
            known = {(held.task_id, held.epoch) for held in holding}
            fresh = [
                lease for lease in orders.leases if (lease.task.task_id, lease.epoch) not in known
            ]
            if fresh:
                holding += tuple(Holding(n.task.task_id, n.epoch, "reported") for n in fresh)
                await beat(*(report for lease in fresh for report in done(lease)))


def done(lease: Lease) -> list[runner_pb2.Report]:
    """All that there is to say of an attempt that has nothing to do."""
    begun, ended = (
        runner_pb2.Report(command_id=new_id(), task_id=lease.task.task_id, epoch=lease.epoch)
        for _ in range(2)
    )
    begun.started.SetInParent()
    ended.work.no_change = "nothing to do"
    return [begun, ended]


async def test_a_mission_runs_from_launch_to_success(
    gateway: Gateway, database: Database, nats: NatsAccount
) -> None:
    request = launch_request("whole")
    request.plan.phases[0].tasks.add(name="next", run="true", needs=["work"])
    request.plan.approvals.add(name="go", text="Shall it begin?")
    async with orchestrator(database, nats), running(work(gateway)), asyncio.timeout(SOON):
        launched = await gateway.missions.Launch(request, metadata=AS_ADMIN, timeout=SOON)
        watching = gateway.missions.Watch(
            mission_pb2.WatchRequest(mission="whole-1", at_least_position=launched.position),
            metadata=AS_ADMIN,
        )
        tasks: dict[str, str] = {}
        statuses = []
        async for change in watching:
            statuses.append(change.mission.summary.status)
            tasks |= {task.name: task.status for task in change.mission.tasks}
            if change.mission.approvals and statuses.count("waiting") == 1:
                answer = mission_pb2.ApproveRequest(command_id=new_id(), mission="whole-1")
                await gateway.missions.Approve(answer, metadata=AS_ADMIN)
    assert "waiting" in statuses
    assert statuses[-1] == "succeeded"
    assert {tasks["work"], tasks["next"], tasks["go"]} == {"succeeded"}
    assert change.mission.summary.tasks == change.mission.summary.tasks_done == 2


async def test_a_launch_outlives_a_restart_of_the_orchestrator(
    gateway: Gateway, database: Database, nats: NatsAccount
) -> None:
    request = launch_request("again")
    launching = asyncio.ensure_future(
        gateway.missions.Launch(request, metadata=AS_ADMIN, timeout=SOON)
    )
    async with orchestrator(database, nats):
        launched = await launching
    async with orchestrator(database, nats):
        repeated = await gateway.missions.Launch(request, metadata=AS_ADMIN, timeout=SOON)
    assert (repeated.mission_id, repeated.name) == (launched.mission_id, "again-1")
    assert repeated.repeated_command
    listed = await gateway.missions.List(
        mission_pb2.ListRequest(at_least_position=launched.position), metadata=AS_ADMIN
    )
    assert [mission.name for mission in listed.missions] == ["again-1"]
