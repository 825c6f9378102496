"""The ring of the newest events, over the store's twin and without a bus."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hive_contracts.envelope import Meta, NewEvent
from hive_gateway import live
from hive_gateway.live import Live
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import Append, StreamVersion
from hive_shared.subscriptions.feed import Feed
from tests.suites.bus import FastClock, eventually, running
from tests.suites.gateway import new_id


class Followed:
    def __init__(self) -> None:
        clock = FastClock()
        self.store = MemoryEventStore(clock)
        self.feed = Feed(self.store, clock)
        self.live = Live(self.store, self.feed, clock)

    async def write(self, count: int) -> None:
        stream = f"task-{new_id()}"
        events = tuple(
            NewEvent(new_id(), stream, "TaskNoted", b"{}", Meta("c", "c", "a"))
            for _ in range(count)
        )
        await self.store.append(Append((StreamVersion(stream, 0),), events))
        self.feed.hint()

    def positions(self, after: int, limit: int = 100) -> list[int] | None:
        page = self.live.after(after, limit)
        return None if page is None else [event.position for event in page]


@pytest.fixture
async def followed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Followed]:
    monkeypatch.setattr(live, "RING_EVENTS", 4)
    made = Followed()
    async with running(made.live.run()):
        yield made


async def test_what_is_older_than_the_ring_is_not_in_it(followed: Followed) -> None:
    with followed.live.followed():
        await followed.live.head()
        await followed.write(10)
        await eventually(lambda: followed.live.last == 10)
        assert followed.positions(0) is None
        assert followed.positions(5) is None
        assert followed.positions(6) == [7, 8, 9, 10]
        assert followed.positions(6, limit=2) == [7, 8]
        assert followed.positions(9) == [10]
        assert followed.positions(10) == []


async def test_a_large_event_takes_the_room_of_many_but_is_kept_itself(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RING_BYTES", 1)
    with followed.live.followed():
        await followed.live.head()
        await followed.write(3)
        await eventually(lambda: followed.live.last == 3)
        assert followed.positions(1) is None
        assert followed.positions(2) == [3]


async def test_with_nobody_following_nothing_is_read_and_the_next_begins_at_the_head(
    followed: Followed,
) -> None:
    await followed.write(3)
    await asyncio.sleep(0)
    assert (followed.live.log_id, followed.live.last) == ("", 0)
    with followed.live.followed():
        assert (await followed.live.head()).position == 3
        assert (followed.live.last, followed.positions(0)) == (3, None)
    await eventually(lambda: followed.live.log_id == "")
    await followed.write(3)
    with followed.live.followed():
        assert (await followed.live.head()).position == 6
        assert (followed.live.last, followed.positions(3)) == (6, None)
