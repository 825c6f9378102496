"""A token that GitHub does not take, and what it forbids: named, waited for, not forgotten."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from hive_contracts.github.delivery import DeliveryReceived, DeliveryWorked, ReceiveDelivery
from hive_contracts.github.issue import AskObeyed, AskRefused, IssueAsked
from hive_contracts.ids import derived_id
from hive_contracts.mission import MissionLaunched
from hive_github.api.errors import Forbidden, Unauthenticated
from hive_github.api.github import UNTAKEN_SECONDS, Github
from hive_github.checks.buttons import Pressed, Suite
from hive_github.credentials import TokenCredentials
from hive_github.doctor import Doctor
from hive_github.issues.look import BACK_SECONDS
from hive_github.look import KEY_SECONDS, Looks
from hive_github.testing import GitHub, Installation, Issue, Repository, Token
from hive_github.views.projection import GithubProjection
from hive_github.views.reader import Ours, Views
from hive_github.webhooks.deliveries import Deliveries
from hive_github.webhooks.work import DeliveryWork
from hive_shared.clock import SystemClock
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.subscriptions.effects import PutOff
from hive_shared.subscriptions.feed import Feed
from hive_shared.subscriptions.projector import Projector
from tests.conftest import Database
from tests.suites.bus import pool_of
from tests.suites.on_github import Unhurried, as_app, calling, new_id
from tests.suites.on_issues import FILES, IssueHive

GUID: Final = "72d3162e-cc78-11e3-81ab-4c9367dc0958"


class Scene:
    """A hive in a person's name on one repository."""

    def __init__(self, hive: IssueHive, github: Github, clock: Unhurried) -> None:
        self.hive = hive
        self.github = github
        self.clock = clock
        self.server = hive.server

    async def asked(self) -> Issue:
        """Ada asks for a mission, and that is recorded."""
        issue = self.server.person("ada").open_issue(self.hive.shop, "Fails", labels=["hive"])
        await self.hive.look(issue)
        return issue

    async def obey(self) -> None:
        """What was asked last. Raises PutOff."""
        page = await self.hive.store.read_all(0, 1000)
        [event] = [each for each in page if each.type == IssueAsked.__name__]
        await self.hive.obedience.perform(event, derived_id(event.id, "issues"))

    async def launched(self) -> int:
        return (await self.hive.told())[MissionLaunched.__name__]


@pytest.fixture
async def server() -> AsyncIterator[GitHub]:
    async with GitHub() as server:
        yield server


@pytest.fixture
def shop(server: GitHub) -> Repository:
    return server.repository(
        "acme/shop", files=FILES, private=False, collaborators={"ada": "write"}
    )


@pytest.fixture
def token(server: GitHub, shop: Repository) -> Token:
    return server.personal_token("boss")


@pytest.fixture
async def by_token(
    server: GitHub, shop: Repository, token: Token, tmp_path: Path
) -> AsyncIterator[Scene]:
    clock = Unhurried()
    async with calling(server, TokenCredentials(token.value), clock) as github:
        yield Scene(IssueHive(server, github, shop, tmp_path, clock), github, clock)


@pytest.fixture
def installation(server: GitHub, shop: Repository) -> Installation:
    return server.install(server.app(), "acme")


@pytest.fixture
async def by_app(
    server: GitHub, shop: Repository, installation: Installation, tmp_path: Path
) -> AsyncIterator[Scene]:
    clock = Unhurried()
    async with calling(server, as_app(server, installation.app)) as github:
        yield Scene(IssueHive(server, github, shop, tmp_path, clock), github, clock)


async def test_what_was_asked_waits_for_a_token_that_is_taken(
    by_token: Scene, token: Token
) -> None:
    await by_token.asked()
    by_token.server.revoke(token)
    with pytest.raises(PutOff, match=r"401.*hive github doctor") as put_off:
        await by_token.obey()
    assert put_off.value.seconds == KEY_SECONDS
    assert await by_token.hive.outcomes() == []
    token.revoked = False
    await by_token.clock.sleep(KEY_SECONDS)
    await by_token.obey()
    [outcome] = await by_token.hive.outcomes()
    assert isinstance(outcome, AskObeyed)
    assert await by_token.launched() == 1


async def test_the_comment_of_a_mission_waits_for_it_as_well(by_token: Scene, token: Token) -> None:
    issue = await by_token.asked()
    await by_token.obey()
    page = await by_token.hive.store.read_all(0, 1000)
    [event] = [each for each in page if each.type == MissionLaunched.__name__]
    progress, effect = by_token.hive.progress, derived_id(event.id, "progress")
    by_token.server.revoke(token)
    with pytest.raises(PutOff, match="401"):
        await progress.perform(event, effect)
    assert (await by_token.hive.told())["CommentRefused"] == 0
    token.revoked = False
    await by_token.clock.sleep(KEY_SECONDS)
    await progress.perform(event, effect)
    assert "is at work" in issue.comments[-1].body


async def test_what_was_asked_of_a_suspended_app_is_done_once_it_is_resumed(
    by_app: Scene, installation: Installation
) -> None:
    await by_app.asked()
    by_app.server.suspend(installation)
    with pytest.raises(PutOff, match="403"):
        await by_app.obey()
    assert await by_app.hive.outcomes() == []
    by_app.server.suspend(installation, suspended=False)
    await by_app.obey()
    assert await by_app.launched() == 1


async def test_what_is_forbidden_for_three_days_is_refused(
    by_app: Scene, installation: Installation
) -> None:
    await by_app.asked()
    by_app.server.suspend(installation)
    await by_app.clock.sleep(BACK_SECONDS + 1)
    await by_app.obey()
    [outcome] = await by_app.hive.outcomes()
    assert isinstance(outcome, AskRefused)
    assert (outcome.why, "403" in outcome.reason) == ("gone", True)


async def test_a_token_that_is_not_taken_is_not_shown_again_at_once(
    by_token: Scene, token: Token
) -> None:
    by_token.server.revoke(token)
    for _ in range(20):
        with pytest.raises(Unauthenticated, match="Bad credentials"):
            await by_token.github.get("/user", 0)
    assert sum(heard.status == 401 for heard in by_token.server.heard) == 1
    token.revoked = False
    await by_token.clock.sleep(UNTAKEN_SECONDS)
    assert (await by_token.github.get("/user", 0))["login"] == "boss"


async def test_the_doctor_names_a_token_that_is_not_taken(by_token: Scene, token: Token) -> None:
    by_token.server.revoke(token)
    looks = Looks(by_token.github, by_token.hive.records)
    doctor = Doctor(by_token.github, looks, by_token.clock, b"")
    [finding] = (await doctor.examine("", new_id())).findings
    assert (finding.what, finding.ok) == ("the token is taken", False)
    assert "401" in finding.detail
    assert "revoked" in finding.remedy


class Forbidding:
    """Nothing that is pressed is allowed."""

    async def pull_request(self, ours: Ours, cause: str) -> None: ...

    async def branch(self, repository_id: str, branch: str, cause: str) -> str:
        raise Forbidden(403, "Resource not accessible by integration")

    async def commit(self, commit: str, cause: str) -> str:
        return "nothing waits"

    async def group(self, ours: Ours, head: str, cause: str) -> None: ...

    async def button(self, pressed: Pressed, cause: str) -> str:
        raise Forbidden(403, "Resource not accessible by integration")

    async def suite(self, suite: Suite, cause: str) -> str:
        raise Forbidden(403, "Resource not accessible by integration")


class Delivered:
    """A delivery, and the work on it."""

    def __init__(self, work: DeliveryWork, store: PostgresEventStore, taken: Deliveries) -> None:
        self._work = work
        self._store = store
        self._taken = taken

    async def take(self, event: str, **told: object) -> None:
        around = {
            "repository": {"id": 1, "full_name": "acme/shop"},
            "installation": {"id": 5000},
            "sender": {"login": "ada"},
        }
        body = msgspec.json.encode(around | told)
        digest = hashlib.sha256(body).hexdigest()
        coming = ReceiveDelivery(GUID, event, digest, len(body), repository="acme/shop")
        assert await self._taken.take(coming, body)

    async def work(self) -> DeliveryWorked:
        """Raises PutOff, GithubError."""
        page = await self._store.read_all(0, 1000)
        [event] = [each for each in page if each.type == DeliveryReceived.__name__]
        await self._work.perform(event, derived_id(event.id, "deliveries"))
        return await self.worked()

    async def worked(self) -> DeliveryWorked:
        page = await self._store.read_all(0, 1000)
        [event] = [each for each in page if each.type == DeliveryWorked.__name__]
        return msgspec.json.decode(event.data, type=DeliveryWorked)


@pytest.fixture
async def delivered(by_token: Scene, database: Database) -> AsyncIterator[Delivered]:
    async with pool_of(database.url("github")) as pool:
        store, taken = PostgresEventStore(pool), Deliveries(pool, new_id)
        looks = Looks(by_token.github, by_token.hive.records)
        rows = Projector(
            pool, "github", GithubProjection(), Feed(store, SystemClock()), store, SystemClock()
        )
        work = DeliveryWork(
            taken, Views(pool), rows, looks, by_token.hive.looks,
            by_token.github.places, Forbidding(),
        )  # fmt: skip
        following = asyncio.create_task(rows.run())
        yield Delivered(work, store, taken)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_delivery_waits_for_a_token_that_is_taken(
    delivered: Delivered, by_token: Scene, token: Token
) -> None:
    issue = by_token.server.person("ada").open_issue(by_token.hive.shop, "F", labels=["hive"])
    await delivered.take("issues", action="labeled", issue={"number": issue.number})
    by_token.server.revoke(token)
    with pytest.raises(PutOff, match="401"):
        await delivered.work()
    token.revoked = False
    await by_token.clock.sleep(KEY_SECONDS)
    assert (await delivered.work()).outcome == "taken"
    assert (await by_token.hive.told())[IssueAsked.__name__] == 1


async def test_where_a_delivery_leads_to_what_is_forbidden_its_reason_is_recorded(
    delivered: Delivered,
) -> None:
    await delivered.take("push", ref="refs/heads/main", after="c" * 40)
    worked = await delivered.work()
    assert (worked.outcome, "403" in worked.reason) == ("ignored", True)


async def test_a_button_that_is_forbidden_is_tried_again(delivered: Delivered) -> None:
    run = {"head_sha": "c" * 40, "external_id": "t/ok"}
    pressed = {"identifier": "approve"}
    await delivered.take(
        "check_run", action="requested_action", check_run=run, requested_action=pressed
    )
    with pytest.raises(Forbidden):
        await delivered.work()
