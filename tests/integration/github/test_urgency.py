"""For whom GitHub is asked, whatever asks; and who comes first where little is left."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hive_contracts.envelope import Recorded
from hive_contracts.github.places import places
from hive_contracts.github.pull_request import RequestPullRequest
from hive_contracts.github.repository import Pool
from hive_contracts.ids import derived_id
from hive_contracts.plan import PullRequestWish
from hive_github.api.counters import OwnCounters
from hive_github.api.github import Github, connection
from hive_github.api.limits import CONTENT_A_MINUTE, Urgency
from hive_github.api.throttle import Throttle
from hive_github.pulls.effect import PullRequests
from hive_github.testing import GitHub, Installation, Repository
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.subscriptions.effects import Effect, PutOff
from tests.suites.on_github import (
    MISSION,
    Checkout,
    Hive,
    Story,
    Unhurried,
    as_app,
    nothing_known,
    told_nobody,
)
from tests.suites.on_issues import FILES, IssueHive


class Heeding(Throttle):
    """Notes for whom an installation is asked."""

    def __init__(self) -> None:
        clock = Unhurried()
        super().__init__(OwnCounters(clock), clock, nothing_known, told_nobody)
        self._asked: set[Urgency] = set()

    async def enter(
        self, installation: int, pool: Pool, cost: int, *, content: bool, urgency: Urgency
    ) -> None:
        if installation:
            self._asked.add(urgency)
        await super().enter(installation, pool, cost, content=content, urgency=urgency)

    def asked(self) -> set[Urgency]:
        """Since this was called last."""
        asked, self._asked = self._asked, set()
        return asked


class Scene:
    def __init__(
        self, server: GitHub, github: Github, throttle: Heeding, shop: Repository, at: Installation
    ) -> None:
        self.server = server
        self.github = github
        self.throttle = throttle
        self.shop = shop
        self.at = at


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with GitHub() as server, connection() as client:
        shop = server.repository("acme/shop", files=FILES, collaborators={"ada": "write"})
        app = server.app()
        at, throttle = server.install(app, "acme"), Heeding()
        credentials = as_app(server, app)
        github = Github(client, places(server.url), credentials, throttle, SystemClock())
        yield Scene(server, github, throttle, shop, at)


@pytest.fixture
def hive(scene: Scene, tmp_path: Path) -> IssueHive:
    return IssueHive(scene.server, scene.github, scene.shop, tmp_path)


async def performed(effect: Effect, event: Recorded) -> None:
    assert effect.wants(event)
    await effect.perform(event, derived_id(event.id, effect.name))


async def newest(store: MemoryEventStore, type: str) -> Recorded:
    return [each for each in await store.read_all(0, 1000) if each.type == type][-1]


async def test_what_a_person_asks_for_on_an_issue_is_asked_for_them_and_its_progress_is_not(
    scene: Scene, hive: IssueHive
) -> None:
    ada = scene.server.person("ada")
    issue = ada.open_issue(scene.shop, "Upload fails", labels=["hive"])
    await hive.look(issue)
    scene.throttle.asked()
    await performed(hive.obedience, await newest(hive.store, "IssueAsked"))
    assert scene.throttle.asked() == {"person"}
    await performed(hive.progress, await newest(hive.store, "MissionLaunched"))
    assert scene.throttle.asked() == {"background"}
    ada.comment(scene.shop, issue, "/hive status")
    await hive.look(issue)
    scene.throttle.asked()
    await performed(hive.obedience, await newest(hive.store, "IssueAsked"))
    assert scene.throttle.asked() == {"person"}


async def test_where_the_backgrounds_part_is_used_up_a_command_is_answered_and_progress_waits(
    scene: Scene, hive: IssueHive
) -> None:
    ada = scene.server.person("ada")
    issue = ada.open_issue(scene.shop, "Upload fails", labels=["hive"])
    await hive.look(issue)
    await performed(hive.obedience, await newest(hive.store, "IssueAsked"))
    ada.comment(scene.shop, issue, "/hive reject nothing")
    await hive.look(issue)
    for _ in range(CONTENT_A_MINUTE["background"]):
        await scene.throttle.enter(scene.at.id, "core", 1, content=True, urgency="background")
    with pytest.raises(PutOff):
        await performed(hive.progress, await newest(hive.store, "MissionLaunched"))
    assert hive.said(issue) == []
    await performed(hive.obedience, await newest(hive.store, "IssueAsked"))
    [said] = hive.said(issue)
    assert "nothing" in said


async def test_a_mission_waits_for_its_pull_request_and_a_person_for_what_they_asked_for(
    scene: Scene, tmp_path: Path
) -> None:
    hive = Hive(scene.github, MemoryEventStore(SystemClock()), tmp_path)
    checkout = Checkout(tmp_path / "work", scene.server, scene.shop, hive.artifacts)
    story = Story(hive.store, checkout, PullRequestWish("acme/shop"))
    effect = PullRequests(hive.carrier)
    await story.launched()
    await story.merged(a="1")
    await performed(effect, await newest(hive.store, "BranchAdvanced"))  # type: ignore[arg-type]
    assert scene.throttle.asked() == {"work"}
    assert len(scene.shop.pulls) == 1
    wish = PullRequestWish("acme/shop", merge="when_green")
    asked = RequestPullRequest(MISSION, "fix-upload-1", wish, "ann")
    await hive.records.tell(asked, "c" * 32)
    await performed(effect, await newest(hive.store, "PullRequestRequested"))  # type: ignore[arg-type]
    assert scene.throttle.asked() == {"person"}
