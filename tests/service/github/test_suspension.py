"""An App that an owner suspends, and lets go on: heard of by webhook."""

import asyncio

from tests.service.github.test_service import Ground, ground

__all__ = ["ground"]


async def test_a_repository_is_reached_again_once_the_app_is_resumed(ground: Ground) -> None:
    [installation] = ground.server.world.installations.values()

    async def until_reached(names: list[str]) -> None:
        async with asyncio.timeout(60):
            while [each.full_name for each in await ground.views.reached()] != names:
                await asyncio.sleep(0.05)

    async with ground.speaking_alone():
        ground.server.person("ada").open_issue(ground.shop, "Upload fails")
        await until_reached(["acme/shop"])
        ground.server.suspend(installation)
        await until_reached([])
        ground.server.suspend(installation, suspended=False)
        await until_reached(["acme/shop"])
