"""From the webhook of an assignment to the mission, by the whole service."""

import asyncio

from hive_contracts.github.issue import AskRefused
from hive_contracts.mission import MissionLaunched
from tests.service.github.test_service import Ground, ground

__all__ = ["ground"]

RULES = "agent: claude\ngates: {tests: 'true'}\ngithub: {issues: {assignees: {acme-hive: {}}}}\n"


async def test_an_assignment_by_who_may_launches_a_mission_and_by_another_none(
    ground: Ground,
) -> None:
    for login in ("acme-hive", "tom"):
        ground.server.person(login)
        ground.shop.collaborators[login] = "triage"
    ground.server.person("boss").push(ground.shop, "main", {".hive/repo.yaml": RULES})
    ada, tom, eve = map(ground.server.person, ("ada", "tom", "eve"))
    first, second = (eve.open_issue(ground.shop, title) for title in ("Fails", "Fails as well"))

    async def until(kind: type) -> None:
        async with asyncio.timeout(60):
            while all(each.type != kind.__name__ for each in await ground.store.read_all(0, 1000)):
                await asyncio.sleep(0.05)

    async with ground.speaking():
        tom.assign(ground.shop, first, "acme-hive")
        await until(AskRefused)
        ada.assign(ground.shop, second, "acme-hive")
        await until(MissionLaunched)
        await ground.server.settled()
    told = [each.type for each in await ground.store.read_all(0, 1000)]
    assert (told.count("MissionLaunched"), told.count("AskRefused")) == (1, 1)
    assert [each for each in first.comments if each.user.type == "Bot"] == []
    assert "assigned" in {each.action for each in ground.server.deliveries}
