"""Two organisations at once by the whole service: each by its own installation, limits apart."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hive_contracts.codec import AnyEvent, encode, stream_of
from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.mission import (
    BranchAdvanced,
    MissionLaunched,
    MissionSucceeded,
    PhaseDefined,
    PlannedTask,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.outcome import AgentRun, WorkDone
from hive_contracts.plan import Phase, PullRequestWish, TaskSpec, Tip
from hive_contracts.plan import Repository as Base
from hive_contracts.task import (
    AttemptStarted,
    AttemptSucceeded,
    TaskLeased,
    TaskPlanned,
    TaskSucceeded,
)
from hive_github.testing import GitHub, Installation, Repository
from hive_github.testing.server import Heard
from hive_shared.artifacts import Artifacts
from hive_shared.eventstore.port import Append, EventStore, StreamVersion
from tests.conftest import Database
from tests.service.github.test_service import SECRET, Ground
from tests.suites.bus import pool_of
from tests.suites.on_github import USAGE, Checkout, new_id
from tests.suites.on_issues import FILES

OWNERS = ("acme", "globex")


class Mission:
    """One organisation's, and its record as the orchestrator writes it."""

    def __init__(
        self, store: EventStore, checkout: Checkout, shop: Repository, at: Installation
    ) -> None:
        self.shop = shop
        self.at = at
        self.name = f"fix-{shop.owner.login}"
        self._id, self._task = (
            "0192f0c0" + hashlib.sha256(f"{self.name} {what}".encode()).hexdigest()[:24]
            for what in ("mission", "task")
        )
        self._store = store
        self._checkout = checkout

    @property
    def caller(self) -> str:
        return f"installation {self.at.id}"

    async def at_work(self) -> None:
        """Launched, and its task has begun."""
        spec, base = TaskSpec("work", prompt="Fix it."), self._checkout.base
        name = self.shop.full_name
        await self._append(
            MissionLaunched(
                self._id, f"{self.name}-1", self.name, objective="Fix it.",
                repository=Base(f"https://github.com/{name}", base, "main"),
                pull_request=PullRequestWish(name, merge="when_green"),
            ),
            PhaseDefined(self._id, Phase("work", tasks=(spec,))),
            TasksPlanned(self._id, "work", (PlannedTask(self._task, "work", "work"),)),
            TaskPlanned(
                self._task, self._id, f"{self.name}-1", "work", "work", spec, tip=Tip(base)
            ),
            TaskLeased(self._task, 1, "work", "r", "s", 60),
            AttemptStarted(self._task, 1),
        )  # fmt: skip

    async def succeeds(self) -> None:
        old = self._checkout.tip.commit
        tip = self._checkout.commit(a=self.name)
        done = WorkDone(tip.commit, files=1, insertions=1, agent=AgentRun("claude", usage=USAGE))
        await self._append(
            AttemptSucceeded(self._task, 1, done),
            TaskSucceeded(self._task, self._id, 1, done),
            TaskSettled(self._id, self._task, "succeeded", 1, done),
            BranchAdvanced(self._id, old, tip, self._task, 1),
            MissionSucceeded(self._id, self.name, tip),
        )

    def is_merged(self) -> bool:
        return any(issue.pull is not None and issue.pull.merged_at for issue in self.shop.pulls)

    def heard(self, server: GitHub) -> list[Heard]:
        """What was asked by its installation."""
        return [each for each in server.heard if each.caller == self.caller]

    async def _append(self, *events: AnyEvent) -> None:
        for event in events:
            stream = stream_of(event)
            version = len(await self._store.read_stream(stream))
            meta = Meta(self._id, new_id(), "ann", f"00-{'7' * 32}-{'8' * 16}-01")
            new = NewEvent(new_id(), stream, type(event).__name__, encode(event), meta)
            await self._store.append(Append((StreamVersion(stream, version),), (new,)))


class Two:
    def __init__(self, ground: Ground, missions: list[Mission]) -> None:
        self.ground = ground
        self.server = ground.server
        self.missions = missions


@pytest.fixture
async def two(database: Database, tmp_path: Path) -> AsyncIterator[Two]:
    async with GitHub() as server, pool_of(database.url("github")) as pool:
        shops = [
            server.repository(
                f"{owner}/shop", files=FILES, private=True, collaborators={"ada": "write"}
            )
            for owner in OWNERS
        ]
        app = server.app(webhook_url="http://127.0.0.1:9/webhooks", webhook_secret=SECRET)
        installed = [server.install(app, owner) for owner in OWNERS]
        ground = Ground(server, shops[0], app, database, pool, tmp_path)
        artifacts = Artifacts(ground.settings.artifacts)
        async with pool_of(database.url("orchestrator")) as written:
            store = ground.record_of(written)
            yield Two(ground, [
                Mission(store, Checkout(tmp_path / owner, server, shop, artifacts), shop, at)
                for owner, shop, at in zip(OWNERS, shops, installed, strict=True)
            ])  # fmt: skip


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not what():
            await asyncio.sleep(0.05)


async def test_missions_of_both_are_merged_each_by_its_own_installation(two: Two) -> None:
    async with two.ground.speaking_alone():
        await asyncio.gather(*(mission.at_work() for mission in two.missions))
        await asyncio.gather(*(mission.succeeds() for mission in two.missions))
        await until(lambda: all(mission.is_merged() for mission in two.missions))
        await until(lambda: len(two.ground.orders.told) == 2)
        await until(lambda: all(mission.shop.check_runs for mission in two.missions))
        await two.server.settled()
    for mission in two.missions:
        own, heard = f"/repos/{mission.shop.full_name}/", mission.heard(two.server)
        assert any(each.method == "PUT" for each in heard), "the merge"
        assert {each.path for each in heard if each.path.startswith("/repos/")} == {
            each.path for each in heard if f"{each.path}/".startswith(own)
        }, "no token of the other's"
        assert not [each for each in heard if each.status in (401, 403, 404)]
        assert [run.name for run in mission.shop.check_runs] == ["hive / work"]
    pushed = [each for each in two.server.heard if each.operation == "git"]
    assert {each.path.split("/")[1] for each in pushed} == set(OWNERS)
    assert not [each for each in pushed if each.status in (403, 404)]


async def test_a_secondary_limit_of_one_holds_up_none_of_the_others_work(two: Two) -> None:
    acme, globex = two.missions
    limit = two.server.fail("secondary", path="/repos/acme/shop", seconds=600)
    async with two.ground.speaking_alone():
        await acme.at_work()
        await acme.succeeds()
        await until(lambda: limit.struck)
        await globex.at_work()
        await globex.succeeds()
        await until(globex.is_merged)
        await two.server.settled()
    refused = [each.fault for each in two.server.heard].index("secondary")
    after = two.server.heard[refused + 1 :]
    assert not [each for each in after if each.caller == acme.caller], "nothing more is asked there"
    assert not acme.is_merged()
