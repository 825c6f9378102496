"""One App, installed in two organisations at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hive_contracts.github.issue import AskObeyed
from hive_contracts.mission import MissionLaunched
from hive_github.api.errors import Limited
from hive_github.api.github import Github
from hive_github.testing import GitHub, Installation, Repository
from tests.suites.on_github import as_app, calling
from tests.suites.on_issues import FILES, IssueHive


class Scene:
    def __init__(self, hive: IssueHive, github: Github, other: Repository) -> None:
        self.hive = hive
        self.github = github
        self.server = hive.server
        self.shops = (hive.shop, other)

    @property
    def installations(self) -> list[Installation]:
        return sorted(self.server.world.installations.values(), key=lambda each: each.id)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with GitHub() as server:
        acme, globex = (
            server.repository(
                f"{owner}/shop", files=FILES, private=True, collaborators={"ada": "write"}
            )
            for owner in ("acme", "globex")
        )
        app = server.app()
        for owner in ("acme", "globex"):
            server.install(app, owner)
        async with calling(server, as_app(server, app)) as github:
            yield Scene(IssueHive(server, github, acme, tmp_path), github, globex)


async def test_each_is_spoken_to_by_its_own_installation(scene: Scene) -> None:
    ada, hive = scene.server.person("ada"), scene.hive
    issues = [ada.open_issue(shop, "Upload fails", labels=["hive"]) for shop in scene.shops]
    await asyncio.gather(
        *(hive.look(issue, shop) for issue, shop in zip(issues, scene.shops, strict=True))
    )
    await hive.work()
    assert all(isinstance(each, AskObeyed) for each in await hive.outcomes())
    launched = [e for e in await hive.events("mission") if isinstance(e, MissionLaunched)]
    assert {each.origin.issue for each in launched if each.origin} == {
        "acme/shop#1", "globex/shop#1",
    }  # fmt: skip
    for issue in issues:
        [said] = hive.said(issue)
        assert "is at work" in said
    ours = [h for h in scene.server.heard if h.caller.startswith("installation")]
    for installation, shop in zip(scene.installations, scene.shops, strict=True):
        paths = {h.path for h in ours if h.caller == f"installation {installation.id}"}
        assert any(path.startswith(f"/repos/{shop.full_name}/") for path in paths)
        [other] = [each.full_name for each in scene.shops if each is not shop]
        assert not any(path.startswith(f"/repos/{other}") for path in paths)


async def test_a_limit_of_one_does_not_stop_the_other(scene: Scene) -> None:
    acme, globex = scene.installations
    scene.server.exhaust(acme)
    with pytest.raises(Limited):
        await scene.github.get("/repos/acme/shop", acme.id)
    with pytest.raises(Limited):
        await scene.github.get("/repos/acme/shop", acme.id)
    assert scene.server.usage(acme).refused == 1
    assert (await scene.github.get("/repos/globex/shop", globex.id))["name"] == "shop"


async def test_what_one_owner_takes_away_the_other_still_gives(scene: Scene) -> None:
    ada, hive = scene.server.person("ada"), scene.hive
    acme, _ = scene.installations
    issues = [ada.open_issue(shop, "Upload fails", labels=["hive"]) for shop in scene.shops]
    for issue, shop in zip(issues, scene.shops, strict=True):
        await hive.look(issue, shop)
    scene.server.suspend(acme)
    await hive.work()
    launched = [e for e in await hive.events("mission") if isinstance(e, MissionLaunched)]
    assert [each.origin.issue for each in launched if each.origin] == ["globex/shop#1"]
