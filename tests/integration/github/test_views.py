"""The read models of GitHub in PostgreSQL: what was folded with restarts equals a rebuild."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import asyncpg
import msgspec

from hive_contracts.codec import AnyEvent, encode, event_types, stream_of
from hive_contracts.envelope import Meta, NewEvent
from hive_github.views.projection import GithubProjection
from hive_shared.clock import SystemClock
from hive_shared.eventstore.port import Append, EventStore, StreamVersion
from hive_shared.eventstore.postgres import open_postgres_store
from hive_shared.subscriptions.feed import Feed
from hive_shared.subscriptions.projector import Projector
from tests.conftest import Database
from tests.factories import sample
from tests.suites.bus import SOON, pool_of, running
from tests.suites.gateway import new_id

TABLES: Final = ("repositories", "pull_requests", "limits", "awaited_checks")
WRITERS: Final = {"repository": "github", "pull_request": "github", "task": "orchestrator"}
ROUNDS: Final = 4
"""How often each kind of event is there."""


def history(chance: random.Random) -> list[AnyEvent]:
    """Each kind of event of these categories some times, in any order, about a few things."""
    missions, tasks = [new_id() for _ in range(3)], [new_id() for _ in range(4)]
    values: dict[str, list[Any]] = {
        "mission_id": missions,
        "task_id": tasks,
        "repository_id": ["11", "12"],
        "part": ["", "main/a", "main/b"],
        "installation": [1, 2],
        "until_ms": list(range(1, 100)),
        "number": list(range(1, 100)),
        "epoch": [0, 1],
        "new": ["acme/shop", "acme/store"],
        "commit": ["a" * 40, "b" * 40],
    }
    events = []
    for (category, _), kind in ROUNDS * list(event_types().items()):
        if category not in WRITERS:
            continue
        event: Any = sample(kind)
        told = {
            name: chance.choice(known)
            for name, known in values.items()
            if isinstance(getattr(event, name, None), type(known[0]))
        }
        events.append(msgspec.structs.replace(event, **told))
    chance.shuffle(events)
    return events


class Record:
    """Written as each category's own service."""

    def __init__(self, stores: dict[str, EventStore]) -> None:
        self._stores = stores
        self._versions: dict[str, int] = {}

    async def append(self, event: AnyEvent) -> int:
        stream = stream_of(event)
        version = self._versions.get(stream, 0)
        self._versions[stream] = version + 1
        new = NewEvent(new_id(), stream, type(event).__name__, encode(event), Meta("", "", "ann"))
        store = self._stores[WRITERS[stream.partition("-")[0]]]
        done = await store.append(Append((StreamVersion(stream, version),), (new,)))
        return done.position


@asynccontextmanager
async def record(database: Database) -> AsyncIterator[Record]:
    async with AsyncExitStack() as stack:
        stores: dict[str, EventStore] = {}
        for role in sorted({*WRITERS.values()}):
            opened = open_postgres_store(database.url(role))
            stores[role] = await stack.enter_async_context(opened)
        yield Record(stores)


async def rows(pool: asyncpg.Pool) -> dict[str, list[str]]:
    return {
        table: sorted(
            [str(tuple(row)) for row in await pool.fetch(f"select * from github.{table}")]
        )
        for table in TABLES
    }


@asynccontextmanager
async def projecting(database: Database, pool: asyncpg.Pool) -> AsyncIterator[Projector]:
    """One life of the process."""
    clock = SystemClock()
    async with open_postgres_store(database.url("github")) as store:
        feed = Feed(store, clock)
        projector = Projector(pool, "github", GithubProjection(), feed, store, clock)
        async with running(projector.run()):
            yield projector


async def test_what_was_folded_in_pieces_over_restarts_equals_a_rebuild(
    database: Database, seed: int
) -> None:
    chance = random.Random(seed)
    events = history(chance)
    filled: set[str] = set()
    async with pool_of(database.url("github")) as pool, record(database) as written:
        while events:
            async with projecting(database, pool) as projector:
                for size in (1, chance.randint(2, 20), chance.randint(20, 60)):
                    piece, events = events[:size], events[size:]
                    for event in piece:
                        last = await written.append(event)
                    await projector.wait_for(last, SOON)
                    filled |= {table for table, held in (await rows(pool)).items() if held}
        kept = await rows(pool)
        assert filled == {*TABLES}, "nothing ever came into the others"
        async with projecting(database, pool) as projector:
            await projector.wait_for(last, SOON)
            await projector.rebuild()
            await projector.wait_for(last, SOON)
        assert await rows(pool) == kept
