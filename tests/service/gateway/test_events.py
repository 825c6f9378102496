"""EventService: pages of the record, and a stream without holes whatever the bus does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from grpc import StatusCode, aio

from hive_contracts.runner import SessionClosed, SessionOpened
from hive_contracts.v1 import event_pb2, mission_pb2
from hive_gateway import live
from hive_gateway.resume import Place, ResumeTokens
from tests.conftest import Database, NatsAccount
from tests.suites.bus import SOON, record, relay_in_process
from tests.suites.gateway import (
    ADMIN,
    Chronicle,
    Gateway,
    ScriptedOrchestrator,
    bearer,
    gateway_settings,
    launch_request,
    new_id,
)
from tests.suites.gateway import gateway as running_gateway
from tests.suites.nats import own_nats
from tests.suites.refusals import refused

AS_ADMIN = bearer(ADMIN)


class Subscriber:
    """A subscription, read to a position."""

    def __init__(self, gateway: Gateway, timeout: float = SOON, **request: Any) -> None:
        self._call: aio.UnaryStreamCall[Any, event_pb2.SubscribeResponse] = (
            gateway.events.Subscribe(
                event_pb2.SubscribeRequest(**request), metadata=AS_ADMIN, timeout=timeout
            )
        )
        self.token = ""
        self.events: list[event_pb2.Event] = []
        self.messages = 0

    async def read_to(self, position: int) -> list[event_pb2.Event]:
        """All events up to there, and what came with the last message."""
        at = self.events[-1].position if self.events else 0
        while at < position:
            at = await self._take(await self._next())
        return self.events

    async def first(self) -> event_pb2.SubscribeResponse:
        response = await self._next()
        await self._take(response)
        return response

    async def _next(self) -> event_pb2.SubscribeResponse:
        response = await self._call.read()
        assert isinstance(response, event_pb2.SubscribeResponse)
        return response

    async def _take(self, response: Any) -> int:
        self.token = response.resume_token
        self.messages += 1
        if response.HasField("event"):
            self.events.append(response.event)
            return int(response.event.position)
        return 0

    def positions(self) -> list[int]:
        return [event.position for event in self.events]

    async def end(self) -> None:
        """Let the gateway end it."""
        while (response := await self._call.read()) is not aio.EOF:
            await self._take(response)

    def cancel(self) -> None:
        self._call.cancel()


async def noise(chronicle: Chronicle, count: int) -> int:
    """So many events of runners that come and go; answers the last position."""
    position = 0
    for start in range(0, count, 200):
        position = await chronicle.write(
            *(
                event
                for runner, session in (
                    (new_id(), new_id()) for _ in range(min(200, count - start) // 2)
                )
                for event in (
                    SessionOpened(runner, session, "anvil", 4),
                    SessionClosed(runner, session, "drained"),
                )
            )
        )
    return position


async def read(gateway: Gateway, **request: Any) -> event_pb2.ReadResponse:
    return await gateway.events.Read(event_pb2.ReadRequest(**request), metadata=AS_ADMIN)


# --- Read


async def test_the_record_is_read_in_pages(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    last = await noise(orchestrator.chronicle, 10)
    first = await read(gateway, limit=4)
    rest = await read(gateway, after=first.next)
    assert [e.position for e in first.events] + [e.position for e in rest.events] == list(
        range(1, last + 1)
    )
    assert (rest.next, rest.head, len(rest.log_id)) == (last, last, 32)
    event = first.events[0]
    assert (event.type, event.version, event.stream[:7]) == ("SessionOpened", 1, "runner-")
    assert event.data.startswith(b'{"type":"SessionOpened"')
    assert event.meta.actor == "tester"
    assert event.recorded_at.seconds > 1_700_000_000


@pytest.mark.parametrize(
    ("filter", "types"),
    [
        ({"categories": ["mission"]}, ["MissionLaunched", "PhaseDefined"] * 2),
        ({"types": ["MissionLaunched", "SessionClosed"]}, ["SessionClosed", "MissionLaunched"] * 2),
        ({"mission": "fix-2"}, ["MissionLaunched", "PhaseDefined"]),
        ({"mission": "fix-2", "types": ["PhaseDefined"]}, ["PhaseDefined"]),
        ({"categories": ["nothing"]}, []),
    ],
)
async def test_a_filter_lets_through_what_it_names(
    gateway: Gateway,
    orchestrator: ScriptedOrchestrator,
    filter: dict[str, Any],
    types: list[str],
) -> None:
    for _ in range(2):
        await noise(orchestrator.chronicle, 2)
        launched = await gateway.missions.Launch(launch_request(), metadata=AS_ADMIN)
    if "mission" in filter:
        await reached(gateway, launched.position)
    page = await read(gateway, filter=event_pb2.EventFilter(**filter))
    assert [event.type for event in page.events] == types
    assert page.next == page.head
    if types:
        subscriber = Subscriber(gateway, filter=event_pb2.EventFilter(**filter))
        events = await subscriber.read_to(page.events[-1].position)
        assert [event.type for event in events] == types


async def test_a_limit_out_of_bounds_is_refused(gateway: Gateway) -> None:
    for limit in (-1, 1001):
        with refused(StatusCode.INVALID_ARGUMENT) as told:
            await read(gateway, limit=limit)
        assert told.fields == ["limit"]


# --- Subscribe


async def test_a_subscriber_catches_up_and_goes_on_live(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    caught = await noise(orchestrator.chronicle, 600)
    subscriber = Subscriber(gateway)
    await subscriber.read_to(caught)
    for _ in range(20):
        last = await noise(orchestrator.chronicle, 10)
        await subscriber.read_to(last)
    assert subscriber.positions() == list(range(1, last + 1))


async def test_a_live_subscriber_gets_only_what_comes(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    before = await noise(orchestrator.chronicle, 4)
    subscriber = Subscriber(gateway, live=True)
    assert not (await subscriber.first()).HasField("event")
    last = await noise(orchestrator.chronicle, 4)
    await subscriber.read_to(last)
    assert subscriber.positions() == list(range(before + 1, last + 1))


async def test_a_token_resumes_after_what_was_seen(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    seen = await noise(orchestrator.chronicle, 10)
    subscriber = Subscriber(gateway)
    await subscriber.read_to(seen)
    subscriber.cancel()
    last = await noise(orchestrator.chronicle, 10)
    resumed = Subscriber(gateway, resume_token=subscriber.token)
    await resumed.read_to(last)
    assert resumed.positions() == list(range(seen + 1, last + 1))


async def test_the_token_moves_on_though_nothing_is_let_through(
    gateway: Gateway, orchestrator: ScriptedOrchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = event_pb2.EventFilter(types=["MissionLaunched"])
    subscriber = Subscriber(gateway, filter=only)
    began = (await subscriber.first()).resume_token
    await noise(orchestrator.chronicle, 10)
    moved = await subscriber.first()
    assert not moved.HasField("event")
    assert moved.resume_token != began
    subscriber.cancel()
    launched = await gateway.missions.Launch(launch_request(), metadata=AS_ADMIN)
    resumed = Subscriber(gateway, filter=only, resume_token=moved.resume_token)
    assert [e.type for e in await resumed.read_to(launched.position - 1)] == ["MissionLaunched"]


async def test_a_token_of_another_filter_or_of_nobody_is_refused(gateway: Gateway) -> None:
    subscriber = Subscriber(gateway)
    token = (await subscriber.first()).resume_token
    subscriber.cancel()
    only = event_pb2.EventFilter(types=["MissionLaunched"])
    for wrong in ({"resume_token": token, "filter": only}, {"resume_token": token[:-6] + "AAAA=="}):
        with refused(StatusCode.INVALID_ARGUMENT) as told:
            await Subscriber(gateway, **wrong).end()
        assert told.fields == ["resume_token"]


async def test_a_token_of_another_history_is_refused_with_the_new_head(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    last = await noise(orchestrator.chronicle, 10)
    subscriber = Subscriber(gateway)
    await subscriber.read_to(last)
    subscriber.cancel()
    key = gateway.settings.resume_key_path.read_bytes()
    place = ResumeTokens(key).open(subscriber.token)
    tokens = [
        ResumeTokens(key).seal(Place("0" * 32, 5, place.filter)),
        ResumeTokens(key).seal(Place(place.log_id, last + 1, place.filter)),
    ]
    for token in tokens:
        with refused(StatusCode.FAILED_PRECONDITION) as told:
            await Subscriber(gateway, resume_token=token).end()
        assert told.reason == "other-history"
        assert told.facts["head"] == str(last)
        assert told.facts["log_id"] == place.log_id


async def test_a_subscriber_is_told_when_the_history_changes_under_it(
    gateway: Gateway, orchestrator: ScriptedOrchestrator, database: Database
) -> None:
    last = await noise(orchestrator.chronicle, 4)
    subscriber = Subscriber(gateway)
    await subscriber.read_to(last)
    connection = await asyncpg.connect(database.admin_url)
    await connection.execute("select hive.renew_log_id(id) from hive.log_ids")
    await connection.close()
    with refused(StatusCode.FAILED_PRECONDITION) as told:
        await subscriber.end()
    assert told.reason == "other-history"


async def test_a_position_beyond_the_head_is_refused(gateway: Gateway) -> None:
    with refused(StatusCode.OUT_OF_RANGE) as told:
        await Subscriber(gateway, after=1_000_000).end()
    assert told.facts["head"] == "0"


async def test_a_slow_subscriber_loses_nothing_and_holds_up_nobody(
    gateway: Gateway, orchestrator: ScriptedOrchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RING_EVENTS", 32)
    slow, quick = Subscriber(gateway), Subscriber(gateway)
    first = await noise(orchestrator.chronicle, 4)
    await slow.read_to(first)
    # More than the flow control of a stream lets out unread, and far more than the ring holds.
    last = await noise(orchestrator.chronicle, 3000)
    await quick.read_to(last)
    await slow.read_to(last)
    assert slow.positions() == quick.positions() == list(range(1, last + 1))


async def test_a_restart_of_nats_leaves_no_hole(database: Database, tmp_path: Path) -> None:
    with own_nats(tmp_path) as bus:
        async with (
            record(database, bus.account) as store,
            relay_in_process(database.url("relay"), bus.account.url_of("relay")),
            running_gateway(
                gateway_settings(database, bus.account.url_of("gateway"), tmp_path)
            ) as gateway,
        ):
            chronicle = Chronicle(store)
            subscriber = Subscriber(gateway, timeout=60)
            last = await noise(chronicle, 20)
            await subscriber.read_to(last)
            bus.stop()
            last = await noise(chronicle, 20)
            await subscriber.read_to(last)
            bus.start()
            for _ in range(10):
                last = await noise(chronicle, 20)
                await subscriber.read_to(last)
            assert subscriber.positions() == list(range(1, last + 1))
            subscriber.cancel()


@pytest.fixture
async def relayed(
    gateway: Gateway, database: Database, nats: NatsAccount
) -> AsyncIterator[Gateway]:
    """A gateway whose bus carries the events."""
    async with relay_in_process(database.url("relay"), nats.url_of("relay")):
        yield gateway


async def test_events_come_over_the_bus_at_once(
    relayed: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    last = await noise(orchestrator.chronicle, 20)
    subscriber = Subscriber(relayed)
    await subscriber.read_to(last)
    waits = []
    for _ in range(30):
        begun = asyncio.get_running_loop().time()
        last = await noise(orchestrator.chronicle, 2)
        await subscriber.read_to(last)
        waits.append(asyncio.get_running_loop().time() - begun)
    assert subscriber.positions() == list(range(1, last + 1))
    # The record alone, without hints, would be looked at once a second.
    assert sorted(waits)[len(waits) // 2] < 0.5


async def reached(gateway: Gateway, position: int) -> None:
    """Until the read models know of that position."""
    await gateway.missions.List(
        mission_pb2.ListRequest(at_least_position=position), metadata=AS_ADMIN
    )


async def test_after_a_time_without_subscribers_the_next_one_misses_nothing(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    first = Subscriber(gateway)
    await first.read_to(await noise(orchestrator.chronicle, 4))
    first.cancel()
    # It is noticed when something comes, or within a second.
    for _ in range(3):
        last = await noise(orchestrator.chronicle, 2)
        await asyncio.sleep(0)
    again = Subscriber(gateway, after=4)
    last = await noise(orchestrator.chronicle, 2)
    await again.read_to(last)
    assert again.positions() == list(range(5, last + 1))
