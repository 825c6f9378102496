"""GitHub's merge queue: what is put into it, what it lets go of, and what fails there."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from hive_contracts.github.pull_request import MergeAwaited, MergeQueued
from hive_github.testing import Rules
from tests.integration.github.ground import WISH, Ground, e2e, on_github, opened, state, waits
from tests.suites.on_github import MISSION, Story

QUEUE = msgspec.structs.replace(WISH, merge="queue", rounds=0)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with on_github(tmp_path) as ground:
        yield ground


async def test_the_queue_merges_what_was_put_into_it(ground: Ground) -> None:
    ground.server.protect(ground.shop, rules=Rules(checks=("e2e",), merge_queue=True))
    story, tip = await opened(ground, QUEUE)
    ground.server.check_run(ground.shop, tip.commit, "e2e", ground.ci, conclusion="success")
    await story.succeeded()
    await ground.hive.carry()
    known = await ground.hive.records.pull_request(MISSION)
    assert known.merging == MergeQueued(MISSION, tip.commit)
    pull = ground.pull.pull
    assert pull is not None
    assert pull.queued is not None
    await ground.hive.carry()
    assert (await ground.hive.told()).count("MergeQueued") == 1
    head = pull.queued.head_sha
    ground.server.check_run(ground.shop, head, "e2e", ground.ci, conclusion="success")
    await ground.hive.carry()
    assert await state(ground) == "merged"
    enqueued = [heard for heard in ground.server.heard if b"enqueuePullRequest" in heard.body]
    assert len(enqueued) == 1


async def test_what_has_left_the_queue_is_put_in_again_once_it_is_green(ground: Ground) -> None:
    ground.server.protect(ground.shop, rules=Rules(checks=("e2e",), merge_queue=True))
    story, tip = await opened(ground, QUEUE)
    ground.server.check_run(ground.shop, tip.commit, "e2e", ground.ci, conclusion="success")
    await story.succeeded()
    await ground.hive.carry()
    ground.server.person("ada").dequeue(ground.shop, ground.pull)
    await ground.hive.carry()
    pull = ground.pull.pull
    assert pull is not None
    assert pull.queued is not None


async def test_what_the_queue_lets_go_again_and_again_waits_for_a_person(ground: Ground) -> None:
    ground.server.protect(ground.shop, rules=Rules(checks=("e2e",), merge_queue=True))
    story, tip = await opened(ground, QUEUE)
    ground.server.check_run(ground.shop, tip.commit, "e2e", ground.ci, conclusion="success")
    await story.succeeded()
    pull = ground.pull.pull
    assert pull is not None
    for _ in range(2):
        await ground.hive.carry()
        assert pull.queued is not None
        head = pull.queued.head_sha
        ground.server.clock.advance(1)  # within one second the queue would make the same commit
        ground.server.check_run(ground.shop, head, "e2e", ground.ci, conclusion="failure")
        assert not in_queue(ground), "the queue has let go of it"
    for _ in range(3):
        await ground.hive.carry()
    assert not in_queue(ground)
    assert (await waits(ground)).startswith("it has left the merge queue 2 times with ")
    enqueued = [heard for heard in ground.server.heard if b"enqueuePullRequest" in heard.body]
    assert len(enqueued) == 2
    ground.server.person("ada").enqueue(ground.shop, ground.pull)
    await ground.hive.carry()
    known = await ground.hive.records.pull_request(MISSION)
    assert known.merging == MergeQueued(MISSION, tip.commit)


MENDING = msgspec.structs.replace(QUEUE, rounds=2)
FAILS = ("failure", "2026-11-28T10:00:02.0000000Z ##[error]a.txt:1: it breaks what is on main\n")
"""In the queue alone."""


def in_queue(ground: Ground) -> bool:
    assert ground.pull.pull is not None
    return ground.pull.pull.queued is not None


def enqueued(ground: Ground) -> int:
    return sum(b"enqueuePullRequest" in heard.body for heard in ground.server.heard)


async def queued(ground: Ground) -> Story:
    ground.server.protect(ground.shop, rules=Rules(checks=("e2e",), merge_queue=True))
    story, tip = await opened(ground, MENDING)
    e2e(ground, tip.commit, ("success", ""))
    await story.succeeded()
    await ground.hive.carry()
    assert in_queue(ground)
    return story


async def dropped(ground: Ground) -> None:
    """The queue's check fails, some time after a look."""
    await ground.hive.rounds.look(MISSION, "test")
    pull = ground.pull.pull
    assert pull is not None and pull.queued is not None
    e2e(ground, pull.queued.head_sha, FAILS)
    assert not in_queue(ground)
    ground.server.clock.advance(1)  # within one second the queue would make the same commit


async def test_what_fails_in_the_queue_goes_to_an_agent_and_what_it_mends_is_put_in_again(
    ground: Ground,
) -> None:
    story = await queued(ground)
    await dropped(ground)
    await ground.hive.carry()
    reason = "round 1 comes first: in the merge queue a check failed: e2e"
    assert await waits(ground) == reason
    assert enqueued(ground) == 1
    known = await ground.hive.records.pull_request(MISSION)
    round = known.rounds.open
    assert round is not None
    assert (round.kind, round.head, round.task) == ("checks", known.pushed, "work/work")
    assert "it breaks what is on main" in round.finding
    assert f"which is {known.pushed[:12]} merged with main" in round.finding
    mended = await story.revised(round, a="2")
    await ground.hive.carry()
    e2e(ground, mended.commit, ("success", ""))
    await ground.hive.carry()
    assert in_queue(ground)
    merging = (await ground.hive.records.pull_request(MISSION)).merging
    assert merging == MergeQueued(MISSION, mended.commit)


async def test_what_an_agent_leaves_as_it_is_is_put_in_once_more_and_then_a_person_is_asked(
    ground: Ground,
) -> None:
    story = await queued(ground)
    await dropped(ground)
    await ground.hive.carry()
    round = (await ground.hive.records.pull_request(MISSION)).rounds.open
    assert round is not None
    await story.revised(round)
    await ground.hive.carry()
    assert enqueued(ground) == 2
    await dropped(ground)
    for _ in range(2):
        await ground.hive.carry()
    assert enqueued(ground) == 2
    state = await ground.hive.records.pull_request(MISSION)
    assert isinstance(state.merging, MergeAwaited)
    assert state.merging.reason.startswith("it has left the merge queue 2 times with ")
    assert (await ground.hive.told()).count("RoundAsked") == 1


async def test_what_fails_on_the_base_too_is_put_in_again_before_an_agent_is_bothered(
    ground: Ground,
) -> None:
    await queued(ground)
    main = ground.server.git(ground.shop, "rev-parse", "main")
    ground.server.run_workflow(ground.shop, main, "main", {"e2e": ("failure", "old")})
    await dropped(ground)
    await ground.hive.carry()
    assert enqueued(ground) == 2
    await dropped(ground)
    await ground.hive.carry()
    round = (await ground.hive.records.pull_request(MISSION)).rounds.open
    assert round is not None
    assert "it fails on the base, too" in round.finding


async def test_what_a_person_takes_out_of_the_queue_goes_to_no_agent(ground: Ground) -> None:
    await queued(ground)
    await ground.hive.rounds.look(MISSION, "test")
    ground.server.person("ada").dequeue(ground.shop, ground.pull)
    await ground.hive.carry()
    assert (await ground.hive.told()).count("RoundAsked") == 0
    assert in_queue(ground)


async def test_without_a_queue_it_is_said(ground: Ground) -> None:
    story, _ = await opened(ground, QUEUE)
    await story.succeeded()
    await ground.hive.carry()
    assert (await waits(ground)).startswith("the merge queue does not take it: ")


async def test_a_repository_with_a_queue_says_so_to_who_would_merge(ground: Ground) -> None:
    ground.server.protect(ground.shop, rules=Rules(merge_queue=True))
    story, _ = await opened(ground)
    await story.succeeded()
    await ground.hive.carry()
    assert "merge queue" in await waits(ground)
