"""An issue is closed with the merge of what a mission did for it, whatever that is merged into."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from hive_contracts.codec import AnyEvent, decode
from hive_contracts.github.issue import IssueClosed, IssueLeftOpen, NoteClosed
from hive_contracts.ids import derived_id
from hive_contracts.plan import Origin, PullRequestWish
from hive_github.issues.progress import Progress
from hive_github.issues.site import Site
from hive_github.issues.standing import Standings
from hive_github.records import AnyCommand, Records
from hive_github.testing import Issue
from hive_shared.clock import SystemClock
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.subscriptions.effects import PutOff
from tests.integration.github.ground import WISH, Ground, on_github
from tests.suites.of_tasks import PER_TASK, Tasks
from tests.suites.on_github import MISSION, Story

ON_RELEASE = msgspec.structs.replace(WISH, base="release")


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with on_github(tmp_path) as ground:
        ground.server.person("ada").push(ground.shop, "release", {"NOTES": "1\n"})
        yield ground


class Asked:
    """A mission for an issue, and what keeps that issue up to date."""

    def __init__(self, ground: Ground, story: Story) -> None:
        hive = ground.hive
        self.ground = ground
        self.story = story
        self.ada = ground.server.person("ada")
        self.issue: Issue = self.ada.open_issue(ground.shop, "Upload fails")
        self.id = f"{hive.github.places.repository_id(ground.shop.id)}-{self.issue.number}"
        story.origin = Origin(
            self.id, f"acme/shop#{self.issue.number}", "https://example.org", "Upload fails",
            "github:ada",
        )  # fmt: skip
        site, standings = Site(hive.github), Standings(hive.store)
        self.progress = Progress(hive.records, hive.looks, site, standings, SystemClock(), 0)
        self._position = 0

    async def opened(self) -> None:
        await self.story.launched()
        await self.story.merged(a="1")
        await self.ground.hive.carry()

    async def succeeded(self) -> None:
        await self.story.succeeded()
        await self.ground.hive.carry()

    async def merged(self, issue: Issue | None = None, part: str = "") -> None:
        """Ada merges it, and the hive hears of it."""
        pull, hive = issue or self.ground.pull, self.ground.hive
        self.ada.merge(self.ground.shop, pull)
        where = ("acme/shop", pull.number, self.ground.at.id)
        await hive.looks.of(part).pull_request(MISSION, *where, "test")

    async def work(self) -> None:
        """Perform the effect for each event that it wants, as its runner would."""
        while page := await self.ground.hive.store.read_all(self._position, 1000):
            for event in filter(self.progress.wants, page):
                try:
                    await self.progress.perform(event, derived_id(event.id, self.progress.name))
                except PutOff:
                    continue
            self._position = page[-1].position

    async def again(self) -> None:
        """All of it once more, as after a crash before anything was noted."""
        self._position = 0
        await self.work()

    async def settled(self) -> list[AnyEvent]:
        """What is recorded of its closing."""
        page = await self.ground.hive.store.read_stream(f"issue-{self.id}")
        found = [decode(each) for each in page]
        return [each for each in found if isinstance(each, IssueClosed | IssueLeftOpen)]

    def is_open(self) -> bool:
        return self.issue.state == "open"

    def closings(self) -> list[str]:
        return [each.actor.login for each in self.issue.events if each.event == "closed"]


def asked(ground: Ground, wish: PullRequestWish = ON_RELEASE) -> Asked:
    return Asked(ground, ground.story(wish))


async def test_it_is_closed_with_a_merge_into_another_branch_than_the_default(
    ground: Ground,
) -> None:
    scene = asked(ground)
    await scene.opened()
    await scene.succeeded()
    await scene.work()
    assert scene.is_open()
    await scene.merged()
    assert scene.is_open(), "GitHub closes with a merge into the default branch alone"
    await scene.work()
    assert (scene.issue.state, scene.issue.state_reason) == ("closed", "completed")
    assert scene.closings() == [ground.app.bot.login]
    assert await scene.settled() == [IssueClosed(scene.id, MISSION)]
    [comment] = [each for each in scene.issue.comments if each.user is ground.app.bot]
    assert f"acme/shop#{ground.pull.number} (merged)" in comment.body


async def test_done_again_it_closes_nothing_and_asks_nothing(ground: Ground) -> None:
    scene = asked(ground)
    await scene.opened()
    await scene.succeeded()
    await scene.merged()
    await scene.work()
    scene.ada.reopen(ground.shop, scene.issue)
    heard = len(ground.server.heard)
    await scene.again()
    assert scene.is_open()
    assert len(ground.server.heard) == heard
    assert len(await scene.settled()) == 1


async def test_a_crash_between_closing_and_its_record_closes_it_once(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = asked(ground)
    await scene.opened()
    await scene.succeeded()
    await scene.merged()
    tell = Records.tell

    async def crashing(self: Records, command: AnyCommand, cause: str) -> int:
        if isinstance(command, NoteClosed):
            raise StoreUnavailable("killed")
        return await tell(self, command, cause)

    monkeypatch.setattr(Records, "tell", crashing)
    with pytest.raises(StoreUnavailable):
        await scene.work()
    assert not scene.is_open()
    monkeypatch.undo()
    ground.server.clock.advance(60)
    scene.ada.reopen(ground.shop, scene.issue)
    await scene.again()
    assert scene.is_open(), "who opened it again has the last word"
    assert len(scene.closings()) == 1
    [left] = await scene.settled()
    assert isinstance(left, IssueLeftOpen)
    assert left.reason == f"it was closed after the merge, by {ground.app.bot.login}"


async def test_what_github_closed_and_a_person_opened_again_stays_open(ground: Ground) -> None:
    scene = asked(ground, WISH)
    await scene.opened()
    await scene.succeeded()
    await scene.merged()
    assert not scene.is_open()
    ground.server.clock.advance(60)
    scene.ada.reopen(ground.shop, scene.issue)
    await scene.work()
    assert scene.is_open()
    [left] = await scene.settled()
    assert isinstance(left, IssueLeftOpen)


async def test_what_was_opened_again_before_the_merge_is_closed_with_it(ground: Ground) -> None:
    scene = asked(ground)
    await scene.opened()
    scene.ada.close(ground.shop, scene.issue, "not_planned")
    scene.ada.reopen(ground.shop, scene.issue)
    ground.server.clock.advance(60)
    await scene.succeeded()
    await scene.merged()
    await scene.work()
    assert not scene.is_open()


async def test_what_a_person_closed_is_not_closed_again(ground: Ground) -> None:
    scene = asked(ground)
    await scene.opened()
    await scene.succeeded()
    scene.ada.close(ground.shop, scene.issue, "not_planned")
    await scene.merged()
    await scene.work()
    assert (scene.issue.state_reason, scene.closings()) == ("not_planned", ["ada"])
    assert await scene.settled() == [
        IssueLeftOpen(scene.id, MISSION, "it was closed already")
    ]  # fmt: skip


async def test_merged_before_the_end_it_is_closed_at_the_end(ground: Ground) -> None:
    scene = asked(ground)
    await scene.opened()
    scene.ada.set_draft(ground.shop, ground.pull, False)
    await scene.merged()
    await scene.work()
    assert scene.is_open()
    await scene.succeeded()
    await scene.work()
    assert not scene.is_open()


async def test_a_pull_request_that_was_closed_unmerged_closes_no_issue(ground: Ground) -> None:
    scene = asked(ground)
    await scene.opened()
    await scene.succeeded()
    scene.ada.close(ground.shop, ground.pull)
    await ground.hive.looks.pull_request(
        MISSION, "acme/shop", ground.pull.number, ground.at.id, "test"
    )
    await scene.work()
    assert scene.is_open()
    assert await scene.settled() == []


async def test_an_issue_that_is_gone_is_left(ground: Ground) -> None:
    scene = asked(ground)
    await scene.opened()
    await scene.succeeded()
    await scene.merged()
    scene.ada.delete_issue(ground.shop, scene.issue)
    await scene.work()
    [left] = await scene.settled()
    assert isinstance(left, IssueLeftOpen)
    assert "GitHub answers 410" in left.reason


async def test_of_a_pull_request_for_each_task_the_last_closes_it(ground: Ground) -> None:
    wish = msgspec.structs.replace(PER_TASK, base="release")
    story = Tasks(ground.hive.store, ground.checkout, wish)
    scene = Asked(ground, story)
    await story.launched()
    await story.done("limiter", limiter="one\n")
    await story.done("docs", docs="told\n")
    await scene.succeeded()
    limiter, docs = ground.shop.pulls
    await scene.merged(limiter, "build/limiter")
    await scene.work()
    assert scene.is_open()
    await scene.merged(docs, "build/docs")
    await scene.work()
    assert not scene.is_open()
