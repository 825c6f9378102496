"""A repository on the test GitHub with the App installed, and a mission that works on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from hive_contracts.github.pull_request import MergeAwaited
from hive_contracts.plan import PullRequestWish, Tip
from hive_github.api.github import Github
from hive_github.credentials import Credentials
from hive_github.testing import App, CheckRun, GitHub, Installation, Issue, Repository
from hive_shared.clock import Clock, SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from tests.suites.on_github import MISSION, Checkout, Hive, Story, as_app, calling

WISH = PullRequestWish("acme/shop")
WHEN_GREEN = replace(WISH, merge="when_green", rounds=0)


class Ground:
    def __init__(
        self, server: GitHub, hive: Hive, shop: Repository, app: App, at: Installation, work: Path
    ) -> None:
        self.server = server
        self.hive = hive
        self.shop = shop
        self.app = app
        self.at = at
        self.ci = server.app("CI")
        """Somebody else's App, which says what it likes."""
        self.checkout = Checkout(work, server, shop, hive.artifacts)

    def story(self, wish: PullRequestWish | None = WISH) -> Story:
        return Story(self.hive.store, self.checkout, wish)

    @property
    def pull(self) -> Issue:
        [pull] = self.shop.pulls
        return pull

    def run(self, name: str) -> CheckRun:
        """The only one of that name."""
        [found] = [run for run in self.shop.check_runs if run.name == name]
        return found

    def writes(self, *methods: str) -> int:
        """Requests that change something, as the test GitHub heard them."""
        wanted = methods or ("POST", "PATCH", "PUT", "DELETE")
        return sum(heard.method in wanted for heard in self.server.heard)


@asynccontextmanager
async def on_github(
    folder: Path, credentials: Credentials | None = None, settle_seconds: float = 0,
    clock: Clock | None = None,
) -> AsyncIterator[Ground]:  # fmt: skip
    """With a token where `credentials` are given, else as the App.

    `clock` is the record's, which decides when checks have had their time to begin.
    """
    async with GitHub() as server:
        shop = server.repository(
            "acme/shop", files={"README.md": "hi\n"},
            collaborators={"ada": "write", "rob": "read"},
        )  # fmt: skip
        app = server.app()
        at = server.install(app, "acme")
        async with calling(server, credentials or as_app(server, app)) as github:
            clock = clock or SystemClock()
            hive = Hive(github, MemoryEventStore(clock), folder, settle_seconds, clock)
            yield Ground(server, hive, shop, app, at, folder / "work")


def ground_of(
    server: GitHub, github: Github, folder: Path, shop: Repository, app: App, at: Installation
) -> Ground:
    hive = Hive(github, MemoryEventStore(SystemClock()), folder)
    return Ground(server, hive, shop, app, at, folder / "work")


async def opened(ground: Ground, wish: PullRequestWish = WHEN_GREEN) -> tuple[Story, Tip]:
    """A draft, before the mission has succeeded."""
    story = ground.story(wish)
    await story.launched()
    tip = await story.merged(a="1")
    await ground.hive.carry()
    return story, tip


async def waits(ground: Ground) -> str:
    """Why it is not merged."""
    merging = (await ground.hive.records.pull_request(MISSION)).merging
    assert ground.pull.state == "open"
    assert isinstance(merging, MergeAwaited), merging
    return merging.reason


async def state(ground: Ground) -> str:
    known = await ground.hive.records.pull_request(MISSION)
    return known.state


def puts(ground: Ground) -> int:
    return sum(heard.method == "PUT" for heard in ground.server.heard)


def e2e(ground: Ground, commit: str, job: tuple[str, str]) -> None:
    ground.server.run_workflow(ground.shop, commit, "hive/fix-upload-1", {"e2e": job})
