"""The service's loops together, on a real record and the test GitHub."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import msgspec
import pytest
from msgspec.structs import replace

from hive_contracts.codec import decode
from hive_contracts.github.delivery import DeliveryReceived, DeliveryWorked
from hive_contracts.github.pull_request import (
    PullRequestMerged,
    PullRequestOpened,
    RoundAsked,
    RoundSettled,
)
from hive_contracts.plan import PullRequestWish
from hive_contracts.subjects import stream_name
from hive_github.credentials import Configured
from hive_github.git import Mirrors
from hive_github.issues.look import IssueLooks
from hive_github.issues.site import Site
from hive_github.issues.watch import IssueWatch
from hive_github.look import Looks
from hive_github.orchestrator import Commands
from hive_github.pulls.rounds import Rounds
from hive_github.records import Records
from hive_github.service import speak
from hive_github.testing import App, GitHub, Issue, Repository
from hive_github.views.reader import Views
from hive_github.webhooks.deliveries import Deliveries
from hive_github.webhooks.sweeper import SETTLING_SECONDS, Sweeper
from hive_shared.artifacts import Artifacts
from hive_shared.bus.appended import Appended
from hive_shared.clock import SystemClock
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.process import Shell
from hive_shared.profiles import Profile
from hive_shared.settings import GithubSettings
from hive_stack.ports import free_port
from tests.conftest import Database
from tests.suites.bus import pool_of
from tests.suites.of_tasks import PER_TASK, Tasks
from tests.suites.on_github import (
    MISSION,
    Checkout,
    Ordered,
    Story,
    as_app,
    calling,
    new_id,
    until_refused_the_lock,
)
from tests.suites.on_issues import FILES, Orchestrator

SECRET = "it is long and secret"


class LaterClock(SystemClock):
    """When whatever was on its way has settled."""

    def now_ms(self) -> int:
        return super().now_ms() + round((SETTLING_SECONDS + 1) * 1000)


class Ground:
    def __init__(
        self, server: GitHub, shop: Repository, app: App, database: Database, pool: asyncpg.Pool,
        folder: Path,
    ) -> None:  # fmt: skip
        """`pool`: of the github service's login, for what the test itself reads."""
        self.server = server
        self.shop = shop
        self.database = database
        self.pool = pool
        self.appended = Appended()
        """The bus, as far as it says that the record has grown."""
        self.store = self.record_of(pool)
        self.views = Views(pool)
        self.records = Records(self.store, new_id)
        self.settings = GithubSettings(
            data=folder,
            postgres_url=database.url("github"),
            github_url=server.url,
            github_webhook_port=free_port(),
            github_comment_seconds=1.0,
            github_settle_seconds=0,
            profiles={"claude": Profile(command=("claude", "-p"))},
        )
        self.orders = Ordered()
        """What `speaking_alone` was told."""
        self.told = Configured(as_app(server, app), SECRET.encode())
        app.hook.url = f"http://127.0.0.1:{self.settings.github_webhook_port}/webhooks"  # type: ignore[union-attr]

    def record_of(self, pool: asyncpg.Pool) -> PostgresEventStore:
        """As another service writes it, which says on the bus that it does."""
        return PostgresEventStore(pool, on_appended=lambda _: self.appended.tell())

    @asynccontextmanager
    async def speaking(self) -> AsyncIterator[None]:
        """With an orchestrator that records what it is told."""
        async with (
            pool_of(self.database.url("orchestrator")) as record,
            self._speaking(Orchestrator(self.record_of(record))),
        ):
            yield

    @asynccontextmanager
    async def speaking_alone(self) -> AsyncIterator[None]:
        """With nothing behind it but `orders`."""
        async with self._speaking(self.orders):
            yield

    @asynccontextmanager
    async def _speaking(self, orchestrator: Commands) -> AsyncIterator[None]:
        shell = Shell("github", new_id())
        try:
            await speak(shell, self.settings, self.told, new_id, orchestrator, self.appended)
            yield
        finally:
            await shell.close()

    @asynccontextmanager
    async def sweeping(self) -> AsyncIterator[Sweeper]:
        async with calling(self.server, self.told.credentials) as github:
            looks = Looks(github, self.records)
            folders = (self.settings.data / "swept", self.settings.secrets)
            mirrors = Mirrors(*folders, Artifacts(self.settings.artifacts))
            rounds = Rounds(github, self.store, self.records, looks, mirrors)
            deliveries = Deliveries(self.pool, new_id)
            yield Sweeper(github, deliveries, looks, self.views, rounds, LaterClock())

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[IssueWatch]:
        async with calling(self.server, self.told.credentials) as github:
            records, clock = self.records, SystemClock()
            issues = IssueLooks(Site(github), records, Looks(github, records), clock)
            yield IssueWatch(github, self.views, issues, clock)

    async def told_of_pull_request(self) -> list[type]:
        recorded = await self.store.read_stream(stream_name("pull_request", MISSION))
        return [type(decode(each)) for each in recorded]

    async def until_ready(self) -> None:
        """Opened, whether as a draft first or when the mission had succeeded already."""
        await self.until(PullRequestOpened)
        async with asyncio.timeout(60):
            while any(pull.pull is None or pull.pull.draft for pull in self.shop.pulls):
                await asyncio.sleep(0.05)

    async def until_known_as_open(self) -> None:
        async with asyncio.timeout(60):
            while not await self.views.open():
                await asyncio.sleep(0.05)

    def sweeps(self) -> int:
        return sum(heard.path.endswith("/app/hook/deliveries") for heard in self.server.heard)

    async def until_swept(self, times: int) -> None:
        async with asyncio.timeout(60):
            while self.sweeps() < times:
                await asyncio.sleep(0.05)

    async def until_round(self) -> RoundAsked:
        """That the mission is to go on with."""
        async with asyncio.timeout(90):
            while (found := (await self.records.pull_requests(MISSION)).round) is None:
                await asyncio.sleep(0.05)
            return found

    async def until(self, kind: type) -> None:
        async with asyncio.timeout(60):
            while kind not in await self.told_of_pull_request():
                await asyncio.sleep(0.05)


@pytest.fixture
async def ground(database: Database, tmp_path: Path) -> AsyncIterator[Ground]:
    async with GitHub() as server, pool_of(database.url("github")) as pool:
        shop = server.repository(
            "acme/shop", files=FILES, private=False, collaborators={"ada": "write"}
        )
        app = server.app(webhook_url="http://127.0.0.1:9/webhooks", webhook_secret=SECRET)
        server.install(app, "acme")
        yield Ground(server, shop, app, database, pool, tmp_path)


@pytest.fixture
async def story(ground: Ground, tmp_path: Path) -> AsyncIterator[Story]:
    artifacts = Artifacts(ground.settings.artifacts)
    checkout = Checkout(tmp_path / "work", ground.server, ground.shop, artifacts)
    async with pool_of(ground.database.url("orchestrator")) as pool:
        yield Story(ground.record_of(pool), checkout, PullRequestWish("acme/shop"))


def merged_by_ada(ground: Ground) -> None:
    [pull] = ground.shop.pulls
    ground.server.person("ada").merge(ground.shop, pull)


async def test_from_a_mission_to_the_merge_that_a_person_made(ground: Ground, story: Story) -> None:
    async with ground.speaking():
        await story.launched()
        await story.merged(a="1")
        await story.succeeded()
        await ground.until_ready()
        merged_by_ada(ground)
        await ground.until(PullRequestMerged)


@pytest.mark.parametrize(
    "look",
    [
        pytest.param("lost", id="it is asked for again"),
        pytest.param("unlogged", id="what is open is looked at"),
    ],
)
async def test_a_merge_of_which_the_webhook_got_lost_is_heard_of(
    ground: Ground, story: Story, look: str
) -> None:
    async with ground.speaking():
        await story.launched()
        await story.merged(a="1")
        await story.succeeded()
        await ground.until_ready()
        await ground.until_known_as_open()
        ground.server.mishap(look, "pull_request", "closed")  # type: ignore[arg-type]
        merged_by_ada(ground)
        await ground.server.settled()
        async with ground.sweeping() as sweeper:
            if look == "lost":
                assert await sweeper.sweep() >= 1
            else:
                await sweeper.reconcile()
        await ground.until(PullRequestMerged)
        kinds = await ground.told_of_pull_request()
        assert kinds.count(PullRequestMerged) == 1


async def test_what_came_while_the_service_was_away_is_done_when_it_is_back(
    ground: Ground, story: Story
) -> None:
    await story.launched()
    await story.merged(a="1")
    await story.succeeded()
    async with ground.speaking():
        await ground.until_ready()
    merged_by_ada(ground)
    await ground.server.settled()
    async with ground.speaking(), ground.sweeping() as sweeper:
        assert await sweeper.sweep() >= 1
        await ground.until(PullRequestMerged)


async def test_two_processes_share_one_port_one_looks_and_the_other_goes_on(
    ground: Ground, story: Story
) -> None:
    ground.settings = replace(ground.settings, replicas=2)
    await story.launched()
    await story.merged(a="1")
    async with ground.speaking_alone():
        async with ground.speaking_alone():
            await ground.until_swept(1)
            await until_refused_the_lock(ground.database)
            assert ground.sweeps() == 1
        await story.succeeded()
        await ground.until_ready()
        merged_by_ada(ground)
        await ground.until(PullRequestMerged)


async def test_whoever_is_left_sweeps(ground: Ground) -> None:
    ground.settings = replace(ground.settings, replicas=2)
    async with AsyncExitStack() as first, AsyncExitStack() as second:
        await first.enter_async_context(ground.speaking_alone())
        await ground.until_swept(1)
        await second.enter_async_context(ground.speaking_alone())
        await until_refused_the_lock(ground.database)
        await first.aclose()
        await ground.until_swept(2)


async def test_a_label_launches_a_mission_that_only_who_may_can_cancel(ground: Ground) -> None:
    ada, eve = ground.server.person("ada"), ground.server.person("eve")
    issue = eve.open_issue(ground.shop, "Upload fails", "One run in twenty.")

    async def until_said(what: str) -> None:
        async with asyncio.timeout(60):
            while not any(what in c.body for c in issue.comments if c.user.type == "Bot"):
                await asyncio.sleep(0.05)

    async with ground.speaking():
        ada.label(ground.shop, issue, "hive")
        await until_said("is at work")
        eve.comment(ground.shop, issue, "/hive cancel")
        ground.server.mishap("duplicated", "issue_comment", "created")
        ada.comment(ground.shop, issue, "> /hive cancel\n\n/hive pause")
        await until_said("is paused")
        # Of this one no webhook tells; it is asked for again, as it would be within a minute.
        ground.server.mishap("lost", "issue_comment", "created")
        ada.comment(ground.shop, issue, "/hive cancel")
        await ground.server.settled()
        async with ground.sweeping() as sweeper:
            assert await sweeper.sweep() >= 1
        await until_said("was cancelled")
    assert len([c for c in issue.comments if c.user.type == "Bot"]) == 1
    log = await ground.store.read_all(0, 10_000)
    kinds = [recorded.type for recorded in log]
    assert [kinds.count(k) for k in ("MissionLaunched", "MissionPaused", "MissionCancelled")] == [
        1, 1, 1,
    ]  # fmt: skip


async def test_an_issue_of_which_nothing_was_told_is_found_by_looking(ground: Ground) -> None:
    ada = ground.server.person("ada")
    first = ada.open_issue(ground.shop, "Upload fails")

    def bots(issue: Issue) -> list[str]:
        return [each.body for each in issue.comments if each.user.type == "Bot"]

    async with ground.speaking():
        ada.comment(ground.shop, first, "/hive status")
        async with asyncio.timeout(60):
            while not bots(first):
                await asyncio.sleep(0.05)
        ground.server.mishap("unlogged", "issues", times=10)
        second = ada.open_issue(ground.shop, "Nobody hears of this", labels=["hive"])
        await ground.server.settled()
        async with ground.watching() as watch:
            await watch.look()
            await watch.look()
        async with asyncio.timeout(60):
            while not bots(second):
                await asyncio.sleep(0.05)
    assert "is at work" in bots(second)[0]


def a_check_fails(ground: Ground) -> None:
    [issue] = ground.shop.pulls
    assert issue.pull is not None
    jobs = {"tests": ("failure", "it is red")}
    ground.server.run_workflow(ground.shop, issue.pull.head_sha, issue.pull.head, jobs)


def ada_reviews(ground: Ground) -> None:
    [issue] = ground.shop.pulls
    ground.server.person("ada").review(ground.shop, issue, "REQUEST_CHANGES", "Not so.")


def a_status_fails(ground: Ground) -> None:
    [issue] = ground.shop.pulls
    assert issue.pull is not None
    ground.server.person("boss").status(ground.shop, issue.pull.head_sha, "docs", "failure")


def the_base_moves(ground: Ground) -> None:
    ground.server.person("boss").push(ground.shop, "main", {"a.txt": "theirs"})


CAME_BACK = [
    pytest.param(a_check_fails, "check_suite", id="a check fails"),
    pytest.param(a_status_fails, "status", id="a status fails"),
    pytest.param(ada_reviews, "pull_request_review", id="a review"),
    pytest.param(the_base_moves, "push", id="the base moves"),
]


@pytest.mark.parametrize(("back", "event"), CAME_BACK)
async def test_what_comes_back_is_heard_of(
    ground: Ground, story: Story, back: Callable[[Ground], None], event: str
) -> None:
    async with ground.speaking():
        await story.launched()
        await story.merged(a="1")
        await story.succeeded()
        await ground.until_ready()
        await ground.until_known_as_open()
        back(ground)
        await ground.until(RoundAsked)
    await ground.server.settled()


@pytest.mark.parametrize(("back", "event"), CAME_BACK)
async def test_what_comes_back_is_found_without_its_webhook(
    ground: Ground, story: Story, back: Callable[[Ground], None], event: str
) -> None:
    async with ground.speaking():
        await story.launched()
        await story.merged(a="1")
        await story.succeeded()
        await ground.until_ready()
        await ground.until_known_as_open()
    ground.server.mishap("unlogged", event, times=9)
    back(ground)
    async with ground.sweeping() as sweeper:
        await sweeper.reconcile()
        await sweeper.reconcile()
    kinds = await ground.told_of_pull_request()
    assert kinds.count(RoundAsked) == 1


@pytest.mark.full("three pull requests, one after the other; test_per_task has their parts")
async def test_one_for_each_task_until_all_are_merged_with_a_kill_on_the_way(
    ground: Ground, tmp_path: Path
) -> None:
    """One is based on another; one is reviewed, one fails a check: each is mended by itself."""
    ada, boss = ground.server.person("ada"), ground.server.person("boss")
    artifacts = Artifacts(ground.settings.artifacts)
    checkout = Checkout(tmp_path / "work", ground.server, ground.shop, artifacts)

    def issue_of(task: str) -> Issue:
        head = f"hive/limits-1.build.{task}"
        [found] = [each for each in ground.shop.pulls if each.pull and each.pull.head == head]
        return found

    async def until_there_are(kind: type, count: int) -> None:
        async with asyncio.timeout(90):
            while (await ground.told_of_pull_request()).count(kind) < count:
                await asyncio.sleep(0.05)

    async with pool_of(ground.database.url("orchestrator")) as pool:
        wish = msgspec.structs.replace(PER_TASK, merge="when_green")
        story = Tasks(ground.record_of(pool), checkout, wish)
        async with ground.speaking_alone():
            await story.launched()
            await story.done("limiter", limiter="one\ntwo\n")
            await story.done("wiring", wiring="wired\n")
            await story.done("docs", docs="told\n")
            await until_there_are(PullRequestOpened, 1)
        async with ground.speaking_alone():
            await until_there_are(PullRequestOpened, 3)
            docs = issue_of("docs").pull
            assert docs is not None
            ada.review(ground.shop, issue_of("limiter"), "REQUEST_CHANGES", "Two is too many.")
            boss.status(ground.shop, docs.head_sha, "spelling", "failure")
            await story.succeeded()
            mended = {
                "build/limiter": {"limiter": "one\n"},
                "build/docs": {"docs": "well told\n"},
            }
            for _ in range(2):
                asked = await ground.until_round()
                await story.revised(asked, **mended.pop(asked.part))
                await until_there_are(RoundSettled, 2 - len(mended))
            ada.review(ground.shop, issue_of("limiter"), "APPROVE", "Now it is well.")
            await until_there_are(PullRequestMerged, 3)
    assert (await ground.told_of_pull_request()).count(PullRequestOpened) == 3
    assert len(ground.shop.pulls) == 3
    tree = ground.server.world.git.run(ground.shop.path, "ls-tree", "--name-only", "main")
    assert {"limiter.txt", "wiring.txt", "docs.txt"} <= set(tree.decode().split())


async def test_deliveries_of_an_unknown_installation_change_nothing(ground: Ground) -> None:
    """Signed as ours, but about what the hive was never given."""
    strange: dict[str, dict[str, object]] = {
        "pull_request": {"action": "closed", "number": 7, "pull_request": {"number": 7}},
        "issue_comment": {"action": "created", "issue": {"number": 7}},
        "push": {"ref": "refs/heads/main", "after": "c" * 40},
        "installation": {"action": "deleted"},
        "check_run": {"action": "completed", "check_run": {"head_sha": "c" * 40}},
    }
    around = {
        "repository": {"id": 666, "full_name": "evil/corp"},
        "installation": {"id": 999_999},
        "sender": {"login": "eve"},
    }
    door = f"http://127.0.0.1:{ground.settings.github_webhook_port}/webhooks"
    async with ground.speaking_alone(), httpx.AsyncClient() as client:
        for number, (event, told) in enumerate(strange.items()):
            body = msgspec.json.encode(told | around)
            signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
            answer = await client.post(
                door, content=body, headers={
                    "X-GitHub-Event": event, "X-GitHub-Delivery": f"{number:032x}",
                    "X-Hub-Signature-256": f"sha256={signature}",
                    "Content-Type": "application/json",
                },
            )  # fmt: skip
            assert answer.status_code == 202
        async with asyncio.timeout(60):
            while True:
                log = [decode(each) for each in await ground.store.read_all(0, 1000)]
                worked = [each for each in log if isinstance(each, DeliveryWorked)]
                if len(worked) == len(strange):
                    break
                await asyncio.sleep(0.05)
    assert {type(each) for each in log} == {DeliveryReceived, DeliveryWorked}
    assert ground.orders.told == []
    assert ground.shop.pulls == []
