"""Webhooks that arrive in the wrong order: what they say is read, and not believed."""

import asyncio

from hive_contracts.github.pull_request import PullRequestMerged, PullRequestOpened
from hive_github.testing import Delivery
from tests.service.github.test_service import Ground, ground, merged_by_ada, story
from tests.suites.on_github import Story

__all__ = ["ground", "story"]


async def turned_around(ground: Ground) -> list[str]:
    """What was held is let go, the last first; answers its actions once all of it is worked."""
    held: list[Delivery] = list(ground.server.world.courier.held)
    ground.server.release(reverse=True)
    await ground.server.settled()
    assert all(delivery.ok for delivery in held)
    async with asyncio.timeout(60):
        while True:
            log = await ground.store.read_all(0, 1000)
            worked = {each.stream for each in log if each.type == "DeliveryWorked"}
            if {f"delivery-{delivery.guid}" for delivery in held} <= worked:
                break
            await asyncio.sleep(0.05)
    came = [each.stream for each in log if each.type == "DeliveryReceived"]
    names = [f"delivery-{delivery.guid}" for delivery in held]
    assert [each for each in came if each in names] == names[::-1]
    return [delivery.action or "" for delivery in held]


async def test_closed_before_ready_before_opened_is_one_merge(ground: Ground, story: Story) -> None:
    ground.server.mishap("held", "pull_request", times=99)
    async with ground.speaking_alone():
        await story.launched()
        await story.merged(a="1")
        await ground.until(PullRequestOpened)
        await story.succeeded()
        await ground.until_ready()
        await ground.until_known_as_open()
        merged_by_ada(ground)
        actions = await turned_around(ground)
        assert [each for each in actions if each in ("opened", "ready_for_review", "closed")] == [
            "opened", "ready_for_review", "closed",
        ]  # fmt: skip
        await ground.until(PullRequestMerged)
    told = await ground.told_of_pull_request()
    assert told.count(PullRequestMerged) == 1
    assert told[-1] is PullRequestMerged, "and nothing is done about it any more"
    assert len(ground.shop.pulls) == 1


async def test_a_label_heard_of_after_its_removal_launches_nothing(ground: Ground) -> None:
    ada = ground.server.person("ada")
    ground.server.mishap("held", "issues", times=9)
    async with ground.speaking():
        issue = ada.open_issue(ground.shop, "Upload fails")
        ada.label(ground.shop, issue, "hive")
        ada.unlabel(ground.shop, issue, "hive")
        assert await turned_around(ground) == ["opened", "labeled", "unlabeled"]
    told = {each.type for each in await ground.store.read_all(0, 1000)}
    assert not told & {"IssueAsked", "MissionLaunched"}
    assert issue.comments == []
