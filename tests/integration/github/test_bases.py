"""A base that has moved, and a branch to which others push: taken in, or a person is asked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hive_github.api.errors import Limited
from hive_github.pulls.rounds import MAX_LOOKS
from hive_github.testing import Rules
from tests.integration.github.came_back import BRANCH, Ground, on_github
from tests.suites.on_github import MISSION


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with on_github(tmp_path) as ground:
        yield ground


async def test_a_base_that_conflicts_is_merged_into_the_branch(ground: Ground) -> None:
    await ground.opened()
    moved = ground.server.person("boss").push(ground.shop, "main", {"upload.txt": "theirs\n"})
    round = await ground.asked()
    assert round.kind == "base"
    assert round.title == f"main moved on to {moved[:12]}, and this conflicts with it"
    assert round.merge is not None
    assert round.merge.commit == moved
    tip = await ground.story.revised(round, upload="both\n")
    await ground.hive.carry()
    assert ground.pull.head_sha == tip.commit
    ground.server.git(ground.shop, "merge-base", "--is-ancestor", moved, tip.commit)
    state = await ground.hive.records.pull_request(MISSION)
    assert state.rounds.used == 0  # nobody has asked for that by a word on the change
    assert await ground.hive.look() is None


async def test_it_waits_until_github_knows_whether_it_can_be_merged(ground: Ground) -> None:
    await ground.opened()
    ground.server.person("boss").push(ground.shop, "main", {"upload.txt": "theirs\n"})
    ground.server.unsettle(ground.issue, looks=4)
    for _ in range(2):  # each look sees it twice
        with pytest.raises(Limited):
            await ground.hive.look()
    assert (await ground.asked()).kind == "base"


async def test_what_github_never_works_out_keeps_nothing_else_up(ground: Ground) -> None:
    await ground.opened()
    ground.server.unsettle(ground.issue, looks=99)
    ground.ci(tests=("failure", "red"))
    for _ in range(MAX_LOOKS):
        with pytest.raises(Limited):
            await ground.hive.look()
    assert (await ground.asked()).kind == "checks"


async def test_a_base_that_only_moved_is_left_unless_it_must_be_in(ground: Ground) -> None:
    await ground.opened()
    ground.server.person("boss").push(ground.shop, "main", {"other.txt": "theirs\n"})
    assert await ground.hive.look() is None
    ground.server.protect(ground.shop, rules=Rules(strict=True))
    round = await ground.asked()
    assert round.title.endswith("and this is behind it")


async def test_what_somebody_else_pushed_is_taken_in(ground: Ground) -> None:
    await ground.opened()
    pushed = ground.server.person("ada").push(ground.shop, BRANCH, {"more.txt": "by hand\n"})
    round = await ground.asked()
    assert round.title == f"somebody else pushed to {BRANCH}: {pushed[:12]}"
    tip = await ground.story.revised(round)
    await ground.hive.carry()
    assert ground.pull.head_sha == tip.commit
    assert ground.server.git(ground.shop, "show", f"{tip.commit}:more.txt") == "by hand"


async def test_a_branch_that_was_rewritten_waits_for_a_person(ground: Ground) -> None:
    await ground.opened()
    ground.server.person("ada").push(
        ground.shop, BRANCH, {"upload.txt": "mine\n"}, onto="main", force=True
    )
    assert await ground.hive.look() is None
    assert "somebody has rewritten hive/fix-upload-1" in await ground.stuck()
