"""People with tokens of their own: all is done in their name, as far as their role goes."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from grpc import StatusCode

from hive_contracts.submit import Accepted
from hive_contracts.task import ApprovalRequested, ApproveGate
from hive_contracts.v1 import event_pb2, mission_pb2
from hive_shared.people import Role
from hive_stack import people
from tests.suites.gateway import (
    ADMIN,
    Gateway,
    ScriptedOrchestrator,
    authorized,
    bearer,
    http_get,
    launch_request,
    new_id,
    planned_task,
)
from tests.suites.refusals import refused

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GET = mission_pb2.GetRequest(mission="fix-1")


def admitted(gateway: Gateway, name: str, role: Role) -> tuple[tuple[str, str], ...]:
    """Somebody is given a token while the gateway runs."""
    token = people.mint()
    people.admit(gateway.settings.people_path, name, role, token, NOW)
    return bearer(token)


async def waiting(gateway: Gateway, orchestrator: ScriptedOrchestrator) -> str:
    """The task of fix-1 that waits for an approval."""
    launched, task = await gateway.launch(), new_id()
    asked = ApprovalRequested(task, launched.mission_id, "ship", "Ship it?", by=("approver",))
    position = await orchestrator.chronicle.write(
        planned_task(launched.mission_id, task), asked, correlation=launched.mission_id
    )
    await gateway.get("fix-1", position)  # from now on it is in the views
    orchestrator.answer = lambda _: Accepted(1, task)
    return task


async def until_all_is_told(stream: Any) -> None:
    while True:
        told = await stream.read()
        if told.event.position == told.head:
            return


def approval() -> mission_pb2.ApproveRequest:
    return mission_pb2.ApproveRequest(command_id=new_id(), mission="fix-1")


async def test_a_viewer_reads_and_is_told_why_nothing_else_is_done(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    await waiting(gateway, orchestrator)
    sent = len(orchestrator.submissions)
    vera = admitted(gateway, "vera", "viewer")
    assert (await gateway.missions.Get(GET, metadata=vera)).mission.summary.name == "fix-1"
    with refused(StatusCode.PERMISSION_DENIED) as told:
        await gateway.missions.Launch(launch_request(), metadata=vera)
    assert told.reason == "not-allowed"
    assert told.message == "vera is a viewer and may read, not MissionService/Launch"
    assert "hive token create vera --role admin" in told.facts["remedy"]
    with refused(StatusCode.PERMISSION_DENIED) as told:
        await gateway.missions.Approve(approval(), metadata=vera)
    assert "--role approver" in told.facts["remedy"]
    assert len(orchestrator.submissions) == sent


async def test_an_approver_answers_in_their_own_name_and_role(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    task = await waiting(gateway, orchestrator)
    ann = admitted(gateway, "ann", "approver")
    await gateway.missions.Approve(approval(), metadata=ann)
    submission = orchestrator.submissions[-1]
    assert submission.actor == "ann"
    assert submission.command == ApproveGate(task, "ship", "ann", "", "approver")
    with refused(StatusCode.PERMISSION_DENIED):
        await gateway.missions.Launch(launch_request(), metadata=ann)


async def test_a_gate_may_be_for_a_person_from_the_moment_that_there_is_one(
    gateway: Gateway,
) -> None:
    launch = launch_request()
    launch.plan.approvals.add(name="go", text="Shall it begin?", by=["ann"])
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await gateway.missions.Launch(launch, metadata=bearer(ADMIN))
    assert told.message == "gate 'go' is for ann, and nobody here is"
    assert "hive token create NAME --role approver" in told.facts["remedy"]
    admitted(gateway, "ann", "approver")
    await gateway.missions.Launch(launch, metadata=bearer(ADMIN))


async def test_a_revoked_token_is_refused_at_the_next_call_and_ends_its_streams(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    await waiting(gateway, orchestrator)
    vera = admitted(gateway, "vera", "viewer")
    stream = gateway.events.Subscribe(event_pb2.SubscribeRequest(), metadata=vera)
    async with asyncio.timeout(60):
        await until_all_is_told(stream)  # from now on the stream is quiet
        people.revoke(gateway.settings.people_path, "vera", NOW)
        with refused(StatusCode.UNAUTHENTICATED) as told:
            await gateway.missions.Get(GET, metadata=vera)
        assert "of vera was revoked on 2026-03-01" in told.message
        with refused(StatusCode.UNAUTHENTICATED) as ended:
            await stream.read()
        assert "of vera was revoked on 2026-03-01" in ended.message


async def test_a_revoked_token_ends_a_stream_that_has_more_to_tell(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    await gateway.launch("first")
    vera = admitted(gateway, "vera", "viewer")
    stream = gateway.events.Subscribe(event_pb2.SubscribeRequest(), metadata=vera)
    async with asyncio.timeout(60):
        await until_all_is_told(stream)
        people.revoke(gateway.settings.people_path, "vera", NOW)
        await gateway.launch("second")
        with refused(StatusCode.UNAUTHENTICATED):
            await stream.read()


async def test_a_viewer_sees_metrics_and_the_reasons_of_readiness(gateway: Gateway) -> None:
    ((_, header),) = admitted(gateway, "prometheus", "viewer")
    as_viewer = authorized(header.removeprefix("Bearer "))
    assert (await http_get(gateway, "/metrics", as_viewer)).status == 200
    gateway.settings.people_path.write_text("{")
    assert (await http_get(gateway, "/metrics", as_viewer)).status == 401
    async with asyncio.timeout(15):
        while True:
            ready = await http_get(gateway, "/health/ready", authorized(ADMIN))
            row = {check["name"]: check for check in ready.json["checks"]}["people"]
            if not row["ok"]:
                break
            await asyncio.sleep(0.05)
    assert "is no file of people" in row["reason"]
    assert row["needed"] is False
