"""A mission's pull request on the test GitHub, from the first merge to the last word."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hive_contracts.github.pull_request import RequestPullRequest
from hive_contracts.plan import PullRequestWish
from hive_github.api.errors import GithubError, Limited, Unreachable
from hive_github.pulls.body import BEGIN, END
from hive_github.testing import App, GitHub, Repository, Rules
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from tests.suites.on_github import MISSION, Checkout, Hive, Story, as_app, as_person, calling

WISH = PullRequestWish("acme/shop", reviewers=("ada", "eve"), labels=("hive",))
BRANCH = "hive/fix-upload-1"


class Ground:
    """A repository with an App installed, and a mission that works on it."""

    def __init__(self, server: GitHub, hive: Hive, shop: Repository, app: App, work: Path) -> None:
        self.server = server
        self.hive = hive
        self.shop = shop
        self.app = app
        self.checkout = Checkout(work, server, shop, hive.artifacts)

    def story(self, wish: PullRequestWish | None = WISH) -> Story:
        return Story(self.hive.store, self.checkout, wish)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with GitHub() as server:
        shop = server.repository(
            "acme/shop", files={"README.md": "hi\n"}, collaborators={"ada": "write"}
        )
        ada = server.person("ada")
        ada.label(shop, ada.open_issue(shop, "so that the label exists"), "hive")
        shop.labels["hive"].description = "by agents"
        app = server.app()
        server.install(app, "acme")
        async with calling(server, as_app(server, app)) as github:
            hive = Hive(github, MemoryEventStore(SystemClock()), tmp_path)
            yield Ground(server, hive, shop, app, tmp_path / "work")


async def test_it_is_a_draft_until_the_mission_has_succeeded(ground: Ground) -> None:
    story = ground.story()
    await story.launched()
    await ground.hive.carry()
    assert ground.shop.pulls == []  # nothing is merged yet

    first = await story.merged(a="1")
    await ground.hive.carry()
    [pull] = ground.shop.pulls
    assert pull.pull is not None
    assert (pull.pull.draft, pull.pull.head, pull.pull.base) == (True, BRANCH, "main")
    assert pull.pull.head_sha == first.commit
    assert pull.title == "Fix the *upload*, @everyone"
    assert "At work" in (pull.body or "")

    second = await story.merged(b="2")
    await story.succeeded()
    await ground.hive.carry()
    assert len(ground.shop.pulls) == 1
    assert (pull.pull.draft, pull.pull.head_sha) == (False, second.commit)
    body = pull.body or ""
    assert f"Run by the hive in a clean checkout of `{second.commit[:12]}`" in body
    assert "✓ exit 0" in body
    assert "680,000 tokens, ≈ $3.80 at list prices, estimated" in body
    assert "@everyone" not in body
    assert f"trace `{'7' * 32}`" in body
    assert await ground.hive.told() == [
        "PullRequestRequested", "BranchPushed", "PullRequestOpened", "PullRequestDescribed",
        "ReviewRequested", "BranchPushed", "PullRequestDescribed", "PullRequestReadied",
    ]  # fmt: skip


async def test_carried_again_it_changes_nothing(ground: Ground) -> None:
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    await story.succeeded()
    await ground.hive.carry()
    told, writes = await ground.hive.told(), _writes(ground.server)
    await ground.hive.carry()
    assert await ground.hive.told() == told
    assert _writes(ground.server) == writes


async def test_a_crash_after_it_was_opened_opens_no_second_one(ground: Ground) -> None:
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    # What was asked for is done, and nobody hears of it.
    ground.server.fail("cut", method="POST", path="/repos/acme/shop/pulls", done=True)
    with pytest.raises(Unreachable):
        await ground.hive.carry()
    assert "PullRequestOpened" not in await ground.hive.told()
    await ground.hive.carry()
    assert len(ground.shop.pulls) == 1
    assert (await ground.hive.told()).count("PullRequestOpened") == 1


async def test_reviewers_that_github_does_not_take_stop_nothing(ground: Ground) -> None:
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    [pull] = ground.shop.pulls
    assert pull.pull is not None
    assert [account.login for account in pull.pull.reviewers] == ["ada"]
    assert [label.name for label in pull.labels] == ["hive"]
    state = await ground.hive.records.pull_request(MISSION)
    assert state.asked is not None
    assert state.asked.reviewers == ("ada",)
    [refused] = state.asked.refused
    assert refused.startswith("eve: ")


async def test_what_people_write_around_the_hives_part_stays(ground: Ground) -> None:
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    [pull] = ground.shop.pulls
    pull.body = f"Closes #7\n\n{pull.body}\n\nNote for reviewers."
    await story.merged(b="2")
    await story.succeeded()
    await ground.hive.carry()
    body = pull.body or ""
    assert body.startswith("Closes #7\n\n" + BEGIN)
    assert body.endswith(END + "\n\nNote for reviewers.")
    assert body.count(BEGIN) == 1
    assert "All gates have passed" in body


async def test_without_a_draft_it_is_opened_when_the_mission_has_succeeded(ground: Ground) -> None:
    story = ground.story(PullRequestWish("acme/shop", draft_until="none"))
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    assert ground.shop.pulls == []
    await story.succeeded()
    await ground.hive.carry()
    [pull] = ground.shop.pulls
    assert pull.pull is not None
    assert not pull.pull.draft


async def test_a_mission_without_the_wish_pushes_nothing_until_somebody_asks(
    ground: Ground,
) -> None:
    story = ground.story(wish=None)
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    assert ground.server.heard == [each for each in ground.server.heard if "shop.git" in each.path]
    assert await ground.hive.told() == []
    asked = RequestPullRequest(MISSION, "fix-upload-1", PullRequestWish("acme/shop"), "ann")
    await ground.hive.records.tell(asked, "test")
    await ground.hive.carry()
    assert len(ground.shop.pulls) == 1


async def test_somebody_elses_commits_on_the_branch_are_never_overwritten(ground: Ground) -> None:
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    ground.checkout.git("checkout", "-q", "-b", "theirs", ground.checkout.base)
    ground.checkout.git("commit", "-q", "--allow-empty", "-m", "mine")
    ground.checkout.git("push", "-q", "--force", "origin", f"HEAD:refs/heads/{BRANCH}")
    theirs = ground.checkout.git("rev-parse", "HEAD")
    ground.checkout.git("checkout", "-q", "--detach", ground.checkout.tip.commit)
    await story.merged(b="2")
    await ground.hive.carry()
    assert ground.server.git(ground.shop, "rev-parse", f"refs/heads/{BRANCH}").strip() == theirs
    state = await ground.hive.records.pull_request(MISSION)
    assert state.failed is not None
    assert f"does not take the branch {BRANCH}" in state.failed.reason
    assert "hive pr fix-upload-1" in state.failed.remedy


async def test_what_somebody_merged_first_is_left_alone(ground: Ground) -> None:
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    state = await ground.hive.records.pull_request(MISSION)
    assert state.opened is not None
    number, installation = state.opened.number, next(iter(ground.server.world.installations))
    ada = ground.server.person("ada")
    ground.shop.issues[number].pull.draft = False  # type: ignore[union-attr]
    ada.merge(ground.shop, ground.shop.issues[number])
    await ground.hive.looks.pull_request(MISSION, "acme/shop", number, installation, "test")
    writes = _writes(ground.server)
    await story.merged(b="2")
    await story.succeeded()
    await ground.hive.carry()
    assert _writes(ground.server) == writes
    state = await ground.hive.records.pull_request(MISSION)
    assert state.state == "merged"
    assert len(state.merge_commit) == 40


async def test_a_renamed_repository_is_found_under_its_new_name(ground: Ground) -> None:
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    ground.server.person("boss").rename(ground.shop, "store")
    await story.merged(b="2")
    await story.succeeded()
    await ground.hive.carry()
    [pull] = ground.shop.pulls
    assert pull.pull is not None
    assert pull.pull.head_sha == ground.checkout.tip.commit
    assert not pull.pull.draft


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("archived", "is archived"), ("uninstalled", "not installed"), ("unknown", "not installed")],
)
async def test_what_a_person_must_do_is_said_and_not_tried_for_ever(
    ground: Ground, wrong: str, said: str
) -> None:
    wish = PullRequestWish("acme/nothing") if wrong == "unknown" else WISH
    story = ground.story(wish)
    await story.launched()
    await story.merged(a="1")
    if wrong == "archived":
        ground.server.person("boss").archive(ground.shop)
    if wrong == "uninstalled":
        for installation in list(ground.server.world.installations.values()):
            ground.server.uninstall(installation)
    await ground.hive.carry()
    state = await ground.hive.records.pull_request(MISSION)
    assert state.failed is not None
    assert said in state.failed.reason
    assert state.failed.remedy


async def test_a_base_that_is_not_on_github_is_named(ground: Ground) -> None:
    ground.checkout.git("commit", "-q", "--allow-empty", "-m", "never pushed")
    ground.checkout.base = ground.checkout.git("rev-parse", "HEAD")
    ground.checkout.tip = type(ground.checkout.tip)(ground.checkout.base)
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    state = await ground.hive.records.pull_request(MISSION)
    assert state.failed is not None
    assert f"started from {ground.checkout.base[:12]}, which is not on" in state.failed.reason


async def test_a_protected_branch_of_that_name_is_no_crash(ground: Ground) -> None:
    ground.server.protect(ground.shop, BRANCH, Rules())
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    state = await ground.hive.records.pull_request(MISSION)
    assert state.opened is not None or state.failed is not None


async def test_a_revoked_token_is_replaced_midway(ground: Ground) -> None:
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    [installation] = ground.server.world.installations.values()
    ground.server.revoke_tokens(installation)
    await story.merged(b="2")
    await story.succeeded()
    await ground.hive.carry()
    [pull] = ground.shop.pulls
    assert pull.pull is not None
    assert not pull.pull.draft


async def test_a_limit_is_waited_for_and_nothing_is_done_twice(ground: Ground) -> None:
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    ground.server.fail("secondary", method="POST", path="/repos/acme/shop/pulls")
    with pytest.raises(Limited):
        await ground.hive.carry()
    [installation] = ground.server.world.installations.values()
    used = ground.server.usage(installation)
    with pytest.raises(Limited):
        await ground.hive.carry()
    assert ground.server.usage(installation) == used  # meanwhile GitHub is not asked again


async def test_a_persons_token_is_the_simple_way(ground: Ground, tmp_path: Path) -> None:
    async with calling(ground.server, as_person(ground.server, "boss")) as github:
        ground.hive = Hive(github, ground.hive.store, tmp_path)
        story = ground.story(PullRequestWish("acme/shop"))
        await story.launched()
        await story.merged(a="1")
        await story.succeeded()
        await ground.hive.carry()
    [pull] = ground.shop.pulls
    assert pull.user.login == "boss"


async def test_no_secret_is_left_behind_or_recorded(ground: Ground, tmp_path: Path) -> None:
    story = ground.story()
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    tokens = [token.value for token in ground.server.world.tokens.values() if token.installation]
    assert tokens
    assert list((tmp_path / "secrets").iterdir()) == []
    kept = [path for path in (tmp_path / "github").rglob("*") if path.is_file()]
    for secret in tokens:
        assert all(secret.encode() not in path.read_bytes() for path in kept)
        for recorded in await ground.hive.store.read_all(0):
            assert secret.encode() not in recorded.data


async def test_a_wrong_key_is_said_without_the_key(ground: Ground, tmp_path: Path) -> None:
    other = ground.server.app("Other")
    key = as_app(ground.server, other).private_key
    async with calling(
        ground.server, type(as_app(ground.server, other))(ground.app.id, key)
    ) as github:
        hive = Hive(github, ground.hive.store, tmp_path)
        with pytest.raises(GithubError) as raised:
            await hive.looks.repository("acme/shop", "test")
    assert "401" in str(raised.value)
    assert key[30:60] not in repr(raised.value)


def _writes(server: GitHub) -> int:
    return sum(
        each.method != "GET" and not each.body.startswith(b'{"query":"query')
        for each in server.heard
        if "access_tokens" not in each.path
    )
