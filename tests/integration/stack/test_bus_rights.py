"""What each user of the bus may say: only the relay writes events, the observer says nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import nats as nats_client
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from hive_contracts import subjects
from hive_stack.nats import SERVICES
from tests.conftest import NatsAccount
from tests.suites.bus import SOON, settled

EVENT = subjects.event_subject("task-" + "1" * 32, "TaskPlanned")


class Bus:
    """Connections of one account's users; `heard` has what the administrator heard."""

    def __init__(self, account: NatsAccount) -> None:
        self._account = account
        self._clients: dict[str, Client] = {}
        self._refusals: asyncio.Queue[Exception] = asyncio.Queue()

    async def client(self, user: str) -> Client:
        if user not in self._clients:
            self._clients[user] = await nats_client.connect(
                self._account.url_of(user), error_cb=self._refused
            )
        return self._clients[user]

    async def may_publish(self, user: str, subject: str) -> bool:
        admin, client = await self.client("admin"), await self.client(user)
        heard = await admin.subscribe(subject)
        await settled(admin)
        await client.publish(subject, b"1")
        hearing = asyncio.create_task(heard.next_msg(timeout=30))
        refused = asyncio.create_task(self._refusals.get())
        try:
            await asyncio.wait((hearing, refused), return_when=asyncio.FIRST_COMPLETED)
            assert hearing.done() != refused.done(), "neither heard nor refused, or both"
            return hearing.done()
        finally:
            for each in (hearing, refused):
                each.cancel()
                with suppress(asyncio.CancelledError):
                    await each
            await heard.unsubscribe()

    async def close(self) -> None:
        await asyncio.gather(*(client.close() for client in self._clients.values()))

    async def _refused(self, error: Exception) -> None:
        """The server's word on a violation."""
        self._refusals.put_nowait(error)


@pytest.fixture
async def bus(nats: NatsAccount) -> AsyncIterator[Bus]:
    opened = Bus(nats)
    yield opened
    await opened.close()


async def test_only_the_relay_may_publish_events(bus: Bus) -> None:
    users = (*SERVICES, "observer")
    assert [user for user in users if await bus.may_publish(user, EVENT)] == ["relay"]


async def test_only_the_gateway_and_github_may_send_commands(bus: Bus) -> None:
    users = (*SERVICES, "observer")
    may = [user for user in users if await bus.may_publish(user, subjects.SUBMIT)]
    assert may == ["gateway", "github"]
    launching = [user for user in users if await bus.may_publish(user, subjects.RUNBOOK)]
    assert launching == ["gateway", "health"]


async def test_nobody_beats_in_anothers_name(bus: Bus) -> None:
    assert await bus.may_publish("health", subjects.heartbeat_subject("health", "i"))
    assert not await bus.may_publish("health", subjects.heartbeat_subject("gateway", "i"))


async def test_only_the_relay_may_make_and_remove_streams(bus: Bus) -> None:
    relay = (await bus.client("relay")).jetstream(timeout=SOON)
    await relay.add_stream(name="HIVE_EVENTS_1", subjects=[subjects.EVENTS])
    for user in ("gateway", "health", "github", "orchestrator", "observer"):
        stream = (await bus.client(user)).jetstream(timeout=0.1)
        with pytest.raises(NatsError):
            await stream.delete_stream("HIVE_EVENTS_1")
        with pytest.raises(NatsError):
            await stream.purge_stream("HIVE_EVENTS_1")
    with pytest.raises(NatsError):
        # An update with a higher first sequence empties a stream at the next restart.
        await (
            (await bus.client("relay"))
            .jetstream(timeout=0.1)
            .update_stream(name="HIVE_EVENTS_1", subjects=[subjects.EVENTS])
        )
    await relay.delete_stream("HIVE_EVENTS_1")


@pytest.mark.parametrize("user", ["gateway", "health", "github", "observer", "relay"])
async def test_a_reader_reads_with_a_consumer_of_its_own(bus: Bus, user: str) -> None:
    relay = (await bus.client("relay")).jetstream(timeout=SOON)
    await relay.add_stream(name="HIVE_EVENTS_1", subjects=[subjects.EVENTS])
    await relay.publish(EVENT, b"fact")
    reader = (await bus.client(user)).jetstream(timeout=SOON)
    assert (await reader.stream_info("HIVE_EVENTS_1")).state.messages == 1
    if user != "relay":
        events = await reader.subscribe(subjects.EVENTS, ordered_consumer=True)
        assert (await events.next_msg(timeout=SOON)).data == b"fact"


async def test_a_command_is_answered_and_the_observer_hears_it(bus: Bus) -> None:
    orchestrator = await bus.client("orchestrator")
    gateway = await bus.client("gateway")
    observer = await bus.client("observer")
    commands = await orchestrator.subscribe(subjects.SUBMIT)
    seen = await observer.subscribe("hive.>")
    await settled(orchestrator)
    await settled(observer)

    async def answer() -> None:
        request = await commands.next_msg(timeout=SOON)
        await request.respond(b"done")

    answering = asyncio.create_task(answer())
    assert (await gateway.request(subjects.SUBMIT, b"do", timeout=SOON)).data == b"done"
    await answering
    assert (await seen.next_msg(timeout=SOON)).subject == subjects.SUBMIT
