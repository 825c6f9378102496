"""What has not changed on GitHub is asked for free, and known all the same."""

from collections.abc import AsyncIterator

import pytest

from hive_github.api.github import Github
from hive_github.testing import GitHub, Installation, Issue, Repository
from tests.suites.on_github import as_app, calling

ISSUE = "/repos/acme/shop/issues/1"


class Scene:
    def __init__(self, server: GitHub, github: Github, shop: Repository, issue: Issue) -> None:
        self.server = server
        self.github = github
        self.shop = shop
        self.issue = issue
        self.acme, self.globex = sorted(
            server.world.installations.values(), key=lambda each: each.id
        )

    def counted(self, at: Installation) -> tuple[int, int]:
        """Requests, and how many of them were free."""
        usage = self.server.usage(at)
        return usage.requests, usage.free

    def rename(self, title: str) -> None:
        self.server.person("ada").edit(self.shop, self.issue, title=title)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with GitHub() as server:
        shop, _ = (
            server.repository(name, private=False, collaborators={"ada": "write"})
            for name in ("acme/shop", "globex/lab")
        )
        app = server.app()
        for owner in ("acme", "globex"):
            server.install(app, owner)
        issue = server.person("ada").open_issue(shop, "Much to say")
        async with calling(server, as_app(server, app)) as github:
            yield Scene(server, github, shop, issue)
        assert server.problems == []


async def test_what_has_not_changed_is_told_again_and_costs_nothing(scene: Scene) -> None:
    first = await scene.github.get(ISSUE, scene.acme.id)
    assert first["title"] == "Much to say"
    assert scene.counted(scene.acme) == (1, 0)
    for times in (1, 2):
        assert await scene.github.get(ISSUE, scene.acme.id) == first
        assert scene.counted(scene.acme) == (1 + times, times)


async def test_what_has_changed_is_told_as_it_is_now_and_remembered_then(scene: Scene) -> None:
    await scene.github.get(ISSUE, scene.acme.id)
    scene.rename("More to say")
    changed = await scene.github.get(ISSUE, scene.acme.id)
    assert changed["title"] == "More to say"
    assert scene.counted(scene.acme) == (2, 0)
    assert await scene.github.get(ISSUE, scene.acme.id) == changed
    assert scene.counted(scene.acme) == (3, 1)


async def test_what_one_installation_was_told_no_other_is(scene: Scene) -> None:
    told = await scene.github.get(ISSUE, scene.acme.id)
    assert await scene.github.get(ISSUE, scene.globex.id) == told
    assert scene.counted(scene.globex) == (1, 0)
