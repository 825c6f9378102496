"""Commands that wait travel together; the orchestrator here is a function."""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from hive_contracts.mission import CancelMission
from hive_contracts.submit import Accepted, Answer, Refused, Submission
from hive_gateway import submitter
from hive_gateway.refusals import Refusal
from hive_gateway.submitter import MAX_BATCH, Submitter, Unanswered


class Scripted:
    """Answers each submission with what the script says."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.silent = 0
        self.garbled = 0
        self.answer: Callable[[Submission], Answer] = lambda _: Accepted(7)

    async def submit(self, payload: bytes, seconds: float) -> bytes:
        submissions = msgspec.json.decode(payload, type=list[Submission])
        self.batches.append([submission.command_id for submission in submissions])
        await self.open.wait()
        if self.silent:
            self.silent -= 1
            raise Unanswered
        if self.garbled:
            self.garbled -= 1
            return b"[]"
        return msgspec.json.encode([self.answer(submission) for submission in submissions])


@pytest.fixture
def orchestrator() -> Scripted:
    return Scripted()


@pytest.fixture
async def sending(
    orchestrator: Scripted, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Submitter]:
    monkeypatch.setattr(submitter, "PAUSE_SECONDS", 0.01)
    made = Submitter(orchestrator)
    yield made
    await made.close()


def submission(id: str, reason: str = "") -> Submission:
    return Submission(id, "ann", CancelMission("m", reason))


async def submit(sending: Submitter, count: int, seconds: float = 5) -> list[Accepted]:
    return list(
        await asyncio.gather(*(sending.submit(submission(str(n)), seconds) for n in range(count)))
    )


async def test_callers_of_one_moment_share_a_request(
    orchestrator: Scripted, sending: Submitter
) -> None:
    assert await submit(sending, 10) == [Accepted(7)] * 10
    assert orchestrator.batches == [[str(n) for n in range(10)]]


async def test_the_next_batch_gathers_while_one_is_away(
    orchestrator: Scripted, sending: Submitter
) -> None:
    orchestrator.open.clear()
    first = asyncio.ensure_future(sending.submit(submission("first"), 5))
    while not orchestrator.batches:
        await asyncio.sleep(0)
    others = asyncio.ensure_future(submit(sending, 5))
    while len(sending) < 5:
        await asyncio.sleep(0)
    assert len(orchestrator.batches) == 1
    orchestrator.open.set()
    await asyncio.gather(first, others)
    assert list(map(len, orchestrator.batches)) == [1, 5]


async def test_a_request_is_bounded_in_count_and_bytes(
    orchestrator: Scripted, sending: Submitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submit(sending, 4 * MAX_BATCH)
    assert max(map(len, orchestrator.batches)) == MAX_BATCH
    assert sum(map(len, orchestrator.batches)) == 4 * MAX_BATCH
    monkeypatch.setattr(submitter, "MAX_BATCH_BYTES", 1000)
    orchestrator.batches.clear()
    await asyncio.gather(*(sending.submit(submission(str(n), "x" * 600), 5) for n in range(3)))
    assert list(map(len, orchestrator.batches)) == [1, 1, 1]


@pytest.mark.parametrize("fault", ["silent", "garbled"])
async def test_what_is_not_answered_is_sent_again_under_the_same_ids(
    orchestrator: Scripted, sending: Submitter, fault: str
) -> None:
    setattr(orchestrator, fault, 2)
    assert await submit(sending, 3) == [Accepted(7)] * 3
    assert orchestrator.batches == [["0", "1", "2"]] * 3


async def test_each_gets_its_own_answer_and_only_who_was_put_off_is_sent_again(
    orchestrator: Scripted, sending: Submitter
) -> None:
    put_off = {"1"}

    def answer(sent: Submission) -> Answer:
        if sent.command_id in put_off:
            put_off.discard(sent.command_id)
            return Refused("unavailable", "busy")
        return Accepted(int(sent.command_id))

    orchestrator.answer = answer
    assert [accepted.position for accepted in await submit(sending, 3)] == [0, 1, 2]
    assert orchestrator.batches == [["0", "1", "2"], ["1"]]


async def test_a_refusal_is_raised_with_its_remedy(
    orchestrator: Scripted, sending: Submitter
) -> None:
    orchestrator.answer = lambda _: Refused("stale", "epoch 2 has begun", "epoch", "drop it")
    with pytest.raises(Refusal) as caught:
        await sending.submit(submission("1"), 5)
    refusal = caught.value
    assert (refusal.code, refusal.message, refusal.where, refusal.remedy) == (
        "stale",
        "epoch 2 has begun",
        "epoch",
        "drop it",
    )


async def test_at_its_deadline_a_caller_is_told_that_the_outcome_is_open(
    orchestrator: Scripted, sending: Submitter
) -> None:
    orchestrator.open.clear()
    with pytest.raises(Refusal) as caught:
        await sending.submit(submission("1"), 0.05)
    assert caught.value.code == "unavailable"
    assert "same command id" in caught.value.remedy
    orchestrator.open.set()


async def test_a_caller_that_hung_up_is_not_sent_for(
    orchestrator: Scripted, sending: Submitter
) -> None:
    orchestrator.open.clear()
    first = asyncio.ensure_future(sending.submit(submission("first"), 5))
    while not orchestrator.batches:
        await asyncio.sleep(0)
    gone = asyncio.ensure_future(sending.submit(submission("gone"), 5))
    stays = asyncio.ensure_future(sending.submit(submission("stays"), 5))
    while len(sending) < 2:
        await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    orchestrator.open.set()
    await asyncio.gather(first, stays)
    assert orchestrator.batches == [["first"], ["stays"]]


async def test_what_is_too_large_for_the_bus_is_refused(
    orchestrator: Scripted, sending: Submitter
) -> None:
    with pytest.raises(Refusal) as caught:
        await sending.submit(submission("1", "x" * submitter.MAX_SUBMISSION_BYTES), 5)
    assert caught.value.code == "too-large"
    assert orchestrator.batches == []


async def test_where_many_wait_a_second_request_goes_beside_the_one_that_is_away(
    orchestrator: Scripted, sending: Submitter
) -> None:
    orchestrator.open.clear()
    first = asyncio.ensure_future(submit(sending, 40))
    while len(orchestrator.batches) < 2:
        await asyncio.sleep(0)
    others = asyncio.ensure_future(submit(sending, 40))
    for _ in range(20):
        await asyncio.sleep(0)
    assert list(map(len, orchestrator.batches)) == [20, 20]
    assert len(sending) == 40
    orchestrator.open.set()
    await asyncio.gather(first, others)
    assert sum(map(len, orchestrator.batches)) == 80


async def test_a_group_is_never_parted_and_goes_again_as_a_whole(
    orchestrator: Scripted, sending: Submitter
) -> None:
    put_off = {"17-a"}

    def answer(sent: Submission) -> Answer:
        if sent.command_id in put_off:
            put_off.discard(sent.command_id)
            return Refused("unavailable", "busy")
        return Accepted(1)

    orchestrator.answer = answer
    groups = [[submission(f"{n}-a"), submission(f"{n}-b")] for n in range(MAX_BATCH)]
    answers = await asyncio.gather(*(sending.submit_in_order(group, 5) for group in groups))
    assert answers == [[Accepted(1)] * 2] * MAX_BATCH
    for batch in orchestrator.batches:
        assert batch[1::2] == [id.replace("a", "b") for id in batch[::2]]
    assert orchestrator.batches[-1] == ["17-a", "17-b"]


async def test_a_group_too_large_for_one_request_goes_in_parts_one_after_the_other(
    orchestrator: Scripted, sending: Submitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitter, "MAX_BATCH_BYTES", 1500)
    group = [submission(str(n), "x" * 600) for n in range(3)]
    group.insert(1, submission("big", "x" * submitter.MAX_SUBMISSION_BYTES))
    answers = await sending.submit_in_order(group, 5)
    assert [getattr(answer, "code", "") for answer in answers] == ["", "too-large", "", ""]
    assert orchestrator.batches == [["0", "1"], ["2"]]


async def test_after_a_part_that_nobody_answered_the_next_one_is_not_sent(
    orchestrator: Scripted, sending: Submitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitter, "MAX_BATCH_BYTES", 1000)
    orchestrator.open.clear()
    answers = await sending.submit_in_order([submission(str(n), "x" * 600) for n in range(2)], 0.05)
    assert [getattr(answer, "code", "") for answer in answers] == ["unavailable"] * 2
    orchestrator.open.set()
    assert orchestrator.batches == [["0"]]
