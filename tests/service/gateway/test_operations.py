"""OperationsService over real servers."""

import asyncpg
from grpc import StatusCode

from hive_contracts.runner import SessionClosed, SessionOpened
from hive_contracts.v1 import mission_pb2, operations_pb2
from tests.conftest import Database, NatsAccount
from tests.suites.bus import relay_in_process
from tests.suites.gateway import ADMIN, Gateway, ScriptedOrchestrator, bearer, new_id
from tests.suites.refusals import refused

AS_ADMIN = bearer(ADMIN)


async def reached(gateway: Gateway, position: int) -> None:
    await gateway.missions.List(
        mission_pb2.ListRequest(at_least_position=position), metadata=AS_ADMIN
    )


async def test_runners_are_listed_with_what_they_offer(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    anvil, bellows, session = new_id(), new_id(), new_id()
    position = await orchestrator.chronicle.write(
        SessionOpened(bellows, session, "bellows", 2),
        SessionOpened(anvil, new_id(), "anvil", 4, ("claude",)),
        SessionClosed(bellows, session, "drained"),
    )
    await reached(gateway, position)
    listed = await gateway.operations.ListRunners(
        operations_pb2.ListRunnersRequest(), metadata=AS_ADMIN
    )
    assert [(r.name, r.status, r.slots, list(r.agents)) for r in listed.runners] == [
        ("anvil", "connected", 4, ["claude"]),
        ("bellows", "closed", 2, []),
    ]


async def test_the_bus_is_compared_with_the_record_and_made_anew(
    gateway: Gateway, orchestrator: ScriptedOrchestrator, database: Database, nats: NatsAccount
) -> None:
    runner = new_id()
    position = await orchestrator.chronicle.write(SessionOpened(runner, new_id(), "anvil", 4))
    await reached(gateway, position)
    missing = await gateway.operations.BusStatus(
        operations_pb2.BusStatusRequest(), metadata=AS_ADMIN
    )
    assert (missing.verdict, missing.record_head, len(missing.log_id)) == ("missing", position, 32)
    [views] = missing.subscriptions
    assert (views.name, views.service, views.lag, views.stopped) == ("views", "gateway", 0, "")
    request = operations_pb2.RebuildBusRequest(command_id=new_id())
    with refused(StatusCode.UNAVAILABLE) as told:
        await gateway.operations.RebuildBus(request, metadata=AS_ADMIN, timeout=1)
    assert "relay" in told.facts["remedy"]
    async with relay_in_process(database.url("relay"), nats.url_of("relay")):
        while (status := await _status(gateway)).verdict != "ok":
            assert status.verdict in ("missing", "behind")
    assert (status.bus_first, status.bus_last, status.holes) == (1, position, 0)
    assert status.stream == f"HIVE_EVENTS_{status.log_id[:8]}"


async def _status(gateway: Gateway) -> operations_pb2.BusStatusResponse:
    return await gateway.operations.BusStatus(operations_pb2.BusStatusRequest(), metadata=AS_ADMIN)


async def test_a_parked_stream_is_shown_and_let_go(
    gateway: Gateway, orchestrator: ScriptedOrchestrator, database: Database
) -> None:
    runner, session = new_id(), new_id()
    position = await orchestrator.chronicle.write(
        SessionOpened(runner, session, "anvil", 4), SessionClosed(runner, session, "drained")
    )
    stream = f"runner-{runner}"
    await _park(database, stream, position - 1, position)
    listed = await gateway.operations.ListParked(
        operations_pb2.ListParkedRequest(), metadata=AS_ADMIN
    )
    assert [(p.subscription, p.stream, p.tries, p.waiting) for p in listed.parked] == [
        ("effects", stream, 8, 1)
    ]
    shown = await gateway.operations.ShowParked(
        operations_pb2.ShowParkedRequest(subscription="effects", stream=stream), metadata=AS_ADMIN
    )
    assert shown.parked.error == "it does not answer"
    assert shown.data.startswith(b'{"type":"SessionOpened"')
    assert list(shown.waiting_positions) == [position]
    replay = operations_pb2.ReplayParkedRequest(
        command_id=new_id(), subscription="effects", stream=stream
    )
    assert (await gateway.operations.ReplayParked(replay, metadata=AS_ADMIN)).released == 2
    listed = await gateway.operations.ListParked(
        operations_pb2.ListParkedRequest(), metadata=AS_ADMIN
    )
    assert list(listed.parked) == []


async def test_what_is_not_parked_is_not_found(gateway: Gateway) -> None:
    with refused(StatusCode.NOT_FOUND) as told:
        await gateway.operations.ShowParked(
            operations_pb2.ShowParkedRequest(subscription="effects", stream="task-1"),
            metadata=AS_ADMIN,
        )
    assert told.facts["where"] == "stream"


async def _park(database: Database, stream: str, position: int, waiting: int) -> None:
    """As an effect of another service does after too many tries."""
    connection = await asyncpg.connect(database.admin_url)
    await connection.execute("insert into gateway.subscriptions (name) values ('effects')")
    await connection.execute(
        "insert into gateway.parked values"
        " ('effects', $1, $2, 'SessionOpened', 8, 'it does not answer', now(), now())",
        stream,
        position,
    )
    await connection.execute(
        "insert into gateway.parked_waiting values ('effects', $1, $2)", stream, waiting
    )
    await connection.close()
