"""Deliveries that wait travel together, and a bad one harms none of the others."""

import asyncio
from typing import Any

import asyncpg
import pytest

from hive_contracts.github.delivery import DeliveryReceived
from hive_github.webhooks.recording import LANES, MAX_BYTES, Recording
from hive_shared.eventstore.errors import InvalidAppend, StoreUnavailable
from tests.suites.on_github import new_id


class Pool:
    """A server that refuses what is named, and answers when it is told to."""

    def __init__(self) -> None:
        self.statements: list[list[str]] = []
        self.bad: set[str] = set()
        self.is_away = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def fetch(self, statement: str, guids: list[str], *rest: object) -> list[tuple[str]]:
        self.statements.append(guids)
        await self.may_answer.wait()
        if self.is_away:
            raise ConnectionResetError
        if self.bad & set(guids):
            raise asyncpg.DataError("not this one")
        return [("written",) for _ in guids]


@pytest.fixture
async def pool() -> Pool:
    return Pool()


@pytest.fixture
def recording(pool: Pool) -> Recording:
    anything: Any = pool
    return Recording(anything, new_id)


async def take(recording: Recording, *guids: str, body: bytes = b"{}") -> list[Any]:
    received = (DeliveryReceived(guid, "push", "d" * 64, len(body)) for guid in guids)
    return await asyncio.gather(
        *(recording.record(each, "c" * 32, "", body) for each in received),
        return_exceptions=True,
    )


async def test_those_that_come_at_once_are_one_statement(pool: Pool, recording: Recording) -> None:
    assert await take(recording, *"abcdefgh") == [True] * 8
    assert pool.statements == [list("abcdefgh")]


async def test_what_comes_while_a_statement_is_away_travels_with_the_next(
    pool: Pool, recording: Recording
) -> None:
    pool.may_answer.clear()
    taking = []
    for guid in "abcdef":
        taking.append(asyncio.create_task(take(recording, guid)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    pool.may_answer.set()
    await asyncio.gather(*taking)
    assert len(pool.statements) == LANES + 1
    assert pool.statements[LANES] == list("abcdef")[LANES:]


async def test_one_that_the_server_refuses_harms_none_that_travel_with_it(
    pool: Pool, recording: Recording
) -> None:
    pool.bad = {"c"}
    a, b, c, d = await take(recording, *"abcd")
    assert [a, b, d] == [True] * 3
    assert isinstance(c, InvalidAppend)


async def test_where_no_answer_comes_nothing_is_sent_again(
    pool: Pool, recording: Recording
) -> None:
    pool.is_away = True
    assert all(isinstance(each, StoreUnavailable) for each in await take(recording, *"abc"))
    assert pool.statements == [list("abc")]
    pool.is_away = False
    assert await take(recording, "d") == [True]


async def test_large_bodies_do_not_travel_together(pool: Pool, recording: Recording) -> None:
    assert await take(recording, *"abc", body=b"x" * MAX_BYTES) == [True] * 3
    assert pool.statements == [["a"], ["b"], ["c"]]
