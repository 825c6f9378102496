"""Live output in a real Redis: capped, bounded, and nothing anybody waits for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, ConnectionError, NoPermissionError

from hive_contracts.v1 import runner_pb2
from hive_gateway.logs.tails import BEGINNING, ENTRIES, QUEUE_BYTES, Entry, Tails, TailsAway, opened
from hive_shared.clock import SystemClock
from tests.suites.bus import SOON, FastClock, eventually, running
from tests.suites.redis import RedisServer, redis_server

TASK = "0" * 32
PIECE = b"x" * 16_384


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as started:
        yield started


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[Redis]:
    async with opened(server.url) as client:
        assert client is not None
        await answering(client)
        yield client


async def answering(client: Any) -> None:
    """Until the server is up."""
    async with asyncio.timeout(SOON):
        while True:
            with contextlib.suppress(ConnectionError):
                await client.ping()
                return
            await asyncio.sleep(0.01)


class Dropped:
    def __init__(self) -> None:
        self.bytes = 0

    def __call__(self, size: int) -> None:
        self.bytes += size


def piece(offset: int, content: bytes = b"x", **other: object) -> runner_pb2.OutputPiece:
    fields = {"task_id": TASK, "epoch": 1, "name": "output"} | other
    return runner_pb2.OutputPiece(offset=offset, piece=content, **fields)  # type: ignore[arg-type]


async def all_of(tails: Tails) -> list[Entry]:
    found: list[Entry] = []
    after = BEGINNING
    while page := await tails.read(TASK, 1, after):
        found += page
        after = page[-1].id
    return found


async def test_what_is_taken_can_be_read_elsewhere_and_is_capped(
    client: Redis, server: RedisServer
) -> None:
    dropped = Dropped()
    tails = Tails(client, SystemClock(), dropped)
    async with opened(server.url) as other, running(tails.run()):
        elsewhere = Tails(other, SystemClock(), dropped)
        tails.take([piece(0, b"\xff one "), piece(6, b"two")])
        await eventually(lambda: not tails.reason)
        assert [(e.output, e.offset, e.piece) for e in await all_of(elsewhere)] == [
            ("output", 0, b"\xff one "),
            ("output", 6, b"two"),
        ]
        many = ENTRIES * 3
        tails.take(piece(9 + number) for number in range(many))
        await ends(elsewhere, many + 8)
        # Trimmed in whole nodes of a hundred entries.
        assert ENTRIES <= len(await all_of(elsewhere)) < ENTRIES + 100
    assert dropped.bytes == 0


async def ends(tails: Tails, offset: int) -> None:
    """Until the last piece is the one of this offset."""
    async with asyncio.timeout(SOON):
        while not (entries := await all_of(tails)) or entries[-1].offset != offset:
            await asyncio.sleep(0.01)


async def test_what_nobody_may_have_sent_is_dropped(client: Redis) -> None:
    dropped = Dropped()
    tails = Tails(client, SystemClock(), dropped)
    bad = [
        piece(0, task_id="x:y"), piece(0, epoch=0), piece(-1), piece(0, name=""),
        piece(0, name="n" * 100), piece(0, PIECE + b"x"), piece(0, b""),
    ]  # fmt: skip
    async with running(tails.run()):
        tails.take(bad)
        tails.take([piece(7)])
        await ends(tails, 7)
        assert len(await all_of(tails)) == 1
    assert dropped.bytes == sum(len(one.piece) for one in bad)


async def test_while_redis_is_away_the_newest_waits_and_the_rest_is_counted(
    client: Redis, server: RedisServer
) -> None:
    dropped = Dropped()
    tails = Tails(client, FastClock(), dropped)
    async with running(tails.run()):
        await eventually(lambda: not tails.reason)
        server.kill()
        await eventually(lambda: "Redis does not answer" in tails.reason)
        with pytest.raises(TailsAway, match="Redis does not answer"):
            await tails.read(TASK, 1, BEGINNING)
        count = 2 * QUEUE_BYTES // len(PIECE)
        tails.take(piece(number * len(PIECE), PIECE) for number in range(count))
        assert dropped.bytes >= QUEUE_BYTES
        server.start()
        await eventually(lambda: not tails.reason)
        tails.take([piece(1 << 40)])
        await ends(tails, 1 << 40)


async def test_without_redis_nothing_is_live_and_nothing_breaks() -> None:
    async with opened("") as client:
        tails = Tails(client, SystemClock(), Dropped())
        tails.take([piece(0)])
        assert "redis_url" in tails.reason
        with pytest.raises(TailsAway):
            await tails.read(TASK, 1, BEGINNING)


async def test_the_gateways_user_may_do_nothing_but_what_it_does(
    client: Redis, server: RedisServer
) -> None:
    tails = Tails(client, SystemClock(), Dropped())
    async with running(tails.run()):
        await eventually(lambda: not tails.reason)
    for command in ("FLUSHALL", "KEYS *", "CONFIG GET *", "XADD other * a b", "SHUTDOWN"):
        with pytest.raises(NoPermissionError):
            await cast("Any", client).execute_command(*command.split())
    place = server.url.rpartition("@")[2]
    for login in ("", "gateway:wrong@", ":wrong@"):
        async with opened(f"redis://{login}{place}") as stranger:
            assert stranger is not None
            with pytest.raises((AuthenticationError, NoPermissionError)):
                await cast("Any", stranger).ping()
