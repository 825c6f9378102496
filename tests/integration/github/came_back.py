"""A mission that has succeeded, and its pull request, of which something may come back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hive_contracts.github.pull_request import RoundAsked
from hive_contracts.plan import PullRequestWish
from hive_github.testing import App, GitHub, Repository
from hive_github.testing.model import Issue, Pull
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from tests.suites.on_github import MISSION, Checkout, Hive, Story, as_app, calling

BRANCH = "hive/fix-upload-1"


class Ground:
    def __init__(self, server: GitHub, hive: Hive, shop: Repository, app: App, work: Path) -> None:
        self.server = server
        self.hive = hive
        self.shop = shop
        self.app = app
        self.checkout = Checkout(work, server, shop, hive.artifacts)
        self.story = Story(hive.store, self.checkout, PullRequestWish("acme/shop", rounds=2))

    async def opened(self, **files: str) -> None:
        await self.story.launched()
        await self.story.merged(**(files or {"upload": "one\ntwo\nthree\n"}))
        await self.story.succeeded()
        await self.hive.carry()

    async def opened_by_two(self, first: dict[str, str], last: dict[str, str]) -> None:
        """The work of two tasks: `work`, and `last`, which was merged after it."""
        await self.story.launched()
        await self.story.merged(**first)
        await self.story.also_merged("last", **last)
        await self.story.succeeded()
        await self.hive.carry()

    @property
    def issue(self) -> Issue:
        [issue] = self.shop.pulls
        return issue

    @property
    def pull(self) -> Pull:
        assert self.issue.pull is not None
        return self.issue.pull

    def ci(self, **jobs: tuple[str, str]) -> None:
        self.server.run_workflow(self.shop, self.pull.head_sha, BRANCH, jobs)

    async def asked(self) -> RoundAsked:
        found = await self.hive.look()
        assert found is not None
        return found

    async def stuck(self) -> str:
        state = await self.hive.records.pull_request(MISSION)
        return state.failed.reason if state.failed else ""


@asynccontextmanager
async def on_github(folder: Path) -> AsyncIterator[Ground]:
    async with GitHub() as server:
        shop = server.repository(
            "acme/shop",
            files={"README.md": "hi\n", "upload.txt": "zero\n"},
            collaborators={"ada": "write", "eve": "read"},
        )
        app = server.app()
        server.install(app, "acme")
        async with calling(server, as_app(server, app)) as github:
            hive = Hive(github, MemoryEventStore(SystemClock()), folder)
            yield Ground(server, hive, shop, app, folder / "work")
        assert server.problems == []
