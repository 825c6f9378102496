"""What goes wrong with a repository in mid-mission, and names of every kind: on the test GitHub."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from hive_github.deciders.pull_request import PullRequest
from hive_github.testing.model import Pull
from tests.integration.github.ground import WISH, Ground, ground_of, on_github
from tests.suites.of_tasks import PER_TASK, Tasks
from tests.suites.on_github import MISSION, Story, as_person, calling

ODD = "fix/ü&;|$(touch;owned)'\"`x`-%2e{}!=+,#@中"
FILES = (
    "a b", "-n", "$(touch owned)", "`x`'\"", "ünï中🚀", ":(glob)*", "new\nline", "tab\t",
    "back\\slash",
)  # fmt: skip
"""Without `.txt` at their ends."""


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with on_github(tmp_path) as ground:
        yield ground
        assert ground.server.problems == []


async def opened(ground: Ground) -> Story:
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    assert len(ground.shop.pulls) == 1
    return story


async def goes_on(ground: Ground, story: Story) -> PullRequest:
    """More is merged, and the mission succeeds."""
    await story.merged(b="2")
    await story.succeeded()
    await ground.hive.carry()
    return await ground.hive.records.pull_request(MISSION)


def pull(ground: Ground) -> Pull:
    assert ground.pull.pull is not None
    return ground.pull.pull


async def test_transferred_to_where_the_app_is_installed_it_goes_on(ground: Ground) -> None:
    story = await opened(ground)
    there = ground.server.organization("emca")
    ground.server.install(ground.app, "emca")
    ground.server.person("boss").transfer(ground.shop, there)
    await ground.hive.looks.repository("emca/shop", "test")  # as the delivery has it looked at
    state = await goes_on(ground, story)
    assert state.failed is None
    assert ground.shop.owner.login == "emca"
    assert (pull(ground).head_sha, pull(ground).draft) == (ground.checkout.tip.commit, False)


async def test_transferred_to_where_it_is_not_a_person_is_asked(ground: Ground) -> None:
    story = await opened(ground)
    before = pull(ground).head_sha
    ground.server.person("boss").transfer(ground.shop, ground.server.organization("emca"))
    state = await goes_on(ground, story)
    assert state.failed is not None
    assert "cannot be worked with" in state.failed.reason
    assert "install the App" in state.failed.remedy
    assert pull(ground).head_sha == before


async def test_deleted_in_mid_mission_a_person_is_asked(ground: Ground) -> None:
    story = await opened(ground)
    ground.server.person("boss").delete(ground.shop)
    state = await goes_on(ground, story)
    assert state.failed is not None
    assert "acme/shop cannot be worked with" in state.failed.reason
    told = await ground.hive.told()
    await ground.hive.carry()  # said once, and not tried for ever
    assert await ground.hive.told() == told


async def test_archived_in_mid_mission_it_goes_on_once_it_is_back(ground: Ground) -> None:
    story = await opened(ground)
    boss = ground.server.person("boss")
    boss.archive(ground.shop)
    state = await goes_on(ground, story)
    assert state.failed is not None
    assert state.failed.reason == "acme/shop is archived"
    boss.archive(ground.shop, archived=False)
    await ground.hive.carry()
    assert (pull(ground).head_sha, pull(ground).draft) == (ground.checkout.tip.commit, False)


async def test_a_persons_token_revoked_in_mid_mission_is_asked_for(
    ground: Ground, tmp_path: Path
) -> None:
    credentials = as_person(ground.server, "boss")
    async with calling(ground.server, credentials) as github:
        own = ground_of(ground.server, github, tmp_path / "own", ground.shop, ground.app, ground.at)
        story = await opened(own)
        ground.server.revoke(credentials.token)
        state = await goes_on(own, story)
    assert state.failed is not None
    assert "cannot be worked with" in state.failed.reason
    assert "give the token access" in state.failed.remedy
    assert credentials.token not in state.failed.reason


@pytest.mark.parametrize("per_task", [False, True])
async def test_odd_names_of_branches_and_files_come_through(
    ground: Ground, per_task: bool, tmp_path: Path
) -> None:
    boss = ground.server.person("boss")
    boss.push(ground.shop, ODD, {"README.md": "odd\n"}, onto="main")
    if per_task:
        wish = msgspec.structs.replace(PER_TASK, base=ODD)
        story: Story = Tasks(ground.hive.store, ground.checkout, wish)
    else:
        story = ground.story(msgspec.structs.replace(WISH, base=ODD))
    await story.launched()
    ours = dict.fromkeys(FILES, "ours\n")
    if isinstance(story, Tasks):
        await story.done("docs", **ours)
    else:
        await story.merged(**ours)
    await story.succeeded()
    await ground.hive.carry()
    assert pull(ground).base == ODD
    listed = ground.server.git(ground.shop, "ls-tree", "-z", "--name-only", pull(ground).head_sha)
    assert {f"{name}.txt" for name in FILES} <= set(listed.split("\0"))

    # The base gets the same files: all of them conflict, and come back as one round.
    boss.push(ground.shop, ODD, {f"{name}.txt": "theirs\n" for name in FILES})
    await ground.hive.carry()
    round = (await ground.hive.records.pull_requests(MISSION)).round
    assert round is not None
    assert (round.kind, round.merge is not None) == ("base", True)
    await story.revised(round, **dict.fromkeys(FILES, "both\n"))
    await ground.hive.carry()
    head = pull(ground).head_sha
    for name in FILES:
        assert ground.server.git(ground.shop, "show", f"{head}:{name}.txt") == "both"
    assert not any("owned" in entries for _, _, entries in os.walk(tmp_path))
