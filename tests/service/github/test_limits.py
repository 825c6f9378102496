"""A limit that is met before the hive knows any repository."""

import asyncio
from pathlib import Path

from hive_contracts.codec import decode
from hive_contracts.github.repository import LimitObserved
from hive_github.credentials import Configured
from hive_github.service import speak
from hive_github.testing import GitHub
from hive_github.views.reader import Views
from hive_shared.bus.appended import Appended
from hive_shared.clock import SystemClock
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.process import Shell
from hive_shared.settings import GithubSettings
from hive_stack.ports import free_port
from tests.conftest import Database
from tests.suites.bus import pool_of
from tests.suites.on_github import Ordered, as_app, new_id


async def test_a_limit_of_the_apps_own_is_recorded_and_recalled(
    database: Database, tmp_path: Path
) -> None:
    async with GitHub() as server, pool_of(database.url("github"), 1) as pool:
        app = server.app()
        server.fail("secondary", path="/app/hook/deliveries", seconds=600)
        settings = GithubSettings(
            data=tmp_path,
            postgres_url=database.url("github"),
            github_url=server.url,
            github_webhook_port=free_port(),
        )
        told = Configured(as_app(server, app), b"")
        shell = Shell("github", new_id())
        try:
            await speak(shell, settings, told, new_id, Ordered(), Appended())
            async with asyncio.timeout(60):
                while not (known := await Views(pool).limits(SystemClock().now_ms())):
                    await asyncio.sleep(0.05)
        finally:
            await shell.close()
        [recorded] = await PostgresEventStore(pool).read_all(0)
        limit = decode(recorded)
    assert isinstance(limit, LimitObserved)
    assert (limit.installation, limit.kind) == (0, "secondary")
    assert recorded.stream.endswith("-installation-0")
    assert [(each.installation, each.until_ms) for each in known] == [(0, limit.until_ms)]
