"""A pull request for each task on the test GitHub: stacked, mended each by itself, and merged."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from hive_contracts.github.pull_request import (
    MergeAwaited,
    NotePush,
    PullRequestFailed,
    RequestPullRequest,
)
from hive_contracts.mission import RecordLanding
from hive_contracts.plan import TaskSpec
from hive_contracts.subjects import stream_name
from hive_github.api.errors import Unreachable
from hive_github.merging.landing import Landings
from hive_github.records import AnyCommand, Records
from hive_github.testing import Issue
from hive_github.testing.model import Pull
from hive_shared.eventstore.errors import StoreUnavailable
from tests.integration.github.ground import Ground, on_github
from tests.suites.of_tasks import PER_TASK, SPECS, Tasks
from tests.suites.on_github import MISSION

WHEN_GREEN = msgspec.structs.replace(PER_TASK, merge="when_green")


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with on_github(tmp_path) as ground:
        yield ground
        assert ground.server.problems == []


def issue_of(ground: Ground, task: str) -> Issue:
    [found] = [
        each for each in ground.shop.pulls if pull(each).head == f"hive/limits-1.build.{task}"
    ]
    return found


def pull(issue: Issue) -> Pull:
    assert issue.pull is not None
    return issue.pull


def of(ground: Ground, task: str) -> Pull:
    return pull(issue_of(ground, task))


def files_of(ground: Ground, commit: str) -> set[str]:
    return set(git(ground, "ls-tree", "--name-only", commit).split())


def git(ground: Ground, *arguments: str) -> str:
    """What git says in the repository on the test GitHub."""
    return ground.server.world.git.run(ground.shop.path, *arguments).decode()


async def opened(ground: Ground, wish: object = PER_TASK) -> Tasks:
    story = Tasks(ground.hive.store, ground.checkout, wish)  # type: ignore[arg-type]
    await story.launched()
    await story.done("limiter", limiter="one\ntwo\nthree\n")
    await story.done("wiring", wiring="wired\n")
    await story.done("docs", docs="told\n")
    await ground.hive.carry()
    return story


async def test_each_task_has_its_own_based_on_what_it_needs(ground: Ground) -> None:
    story = await opened(ground)
    assert len(ground.shop.pulls) == 3
    limiter, wiring, docs = (of(ground, name) for name in ("limiter", "wiring", "docs"))
    assert (limiter.base, docs.base) == ("main", "main")
    assert wiring.base == "hive/limits-1.build.limiter"
    assert all(each.draft for each in (limiter, wiring, docs))
    assert files_of(ground, limiter.head_sha) == {"README.md", "limiter.txt"}
    assert files_of(ground, wiring.head_sha) == {"README.md", "limiter.txt", "wiring.txt"}
    assert files_of(ground, docs.head_sha) == {"README.md", "docs.txt"}
    body = issue_of(ground, "wiring").body or ""
    assert issue_of(ground, "wiring").title == "Wire it in"
    assert "what the task build/wiring changed, one of 3" in body
    assert "It is based on build/limiter" in body
    assert "Gates of build/wiring" in body
    assert "340,000 tokens, ≈ $1.90" in body
    assert "docs" not in body

    await story.succeeded()
    await ground.hive.carry()
    assert not any(pull(each).draft for each in ground.shop.pulls)


async def test_carried_again_it_changes_nothing(ground: Ground) -> None:
    story = await opened(ground)
    await story.succeeded()
    await ground.hive.carry()
    told, writes = await ground.hive.told(), ground.writes("PATCH", "PUT", "DELETE")
    await ground.hive.carry()
    assert await ground.hive.told() == told
    assert ground.writes("PATCH", "PUT", "DELETE") == writes


async def test_a_crash_after_the_push_makes_the_same_commit_again(ground: Ground) -> None:
    ground.server.fail("cut", method="POST", path="/repos/acme/shop/pulls", done=True)
    with pytest.raises(Unreachable):
        await opened(ground)
    await ground.hive.carry()
    assert len(ground.shop.pulls) == 3
    assert (await ground.hive.told()).count("BranchPushed") == 3
    assert (await ground.hive.told()).count("PullRequestOpened") == 3


async def test_a_crash_between_a_push_and_its_record_finds_the_same_commit(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, crashes = Records.tell, iter((True,))

    async def crashing(self: Records, command: AnyCommand, cause: str) -> int:
        if isinstance(command, NotePush) and next(crashes, False):
            raise StoreUnavailable("killed")
        return await tell(self, command, cause)

    monkeypatch.setattr(Records, "tell", crashing)
    with pytest.raises(StoreUnavailable):
        await opened(ground)
    head = git(ground, "rev-parse", "hive/limits-1.build.limiter").strip()
    await ground.hive.carry()
    assert of(ground, "limiter").head_sha == head
    assert len(ground.shop.pulls) == 3


async def test_a_merged_one_lets_the_one_above_it_go_on_to_the_base(ground: Ground) -> None:
    story = await opened(ground)
    await story.succeeded()
    await ground.hive.carry()
    ada = ground.server.person("ada")
    ada.merge(ground.shop, issue_of(ground, "limiter"), method="squash")
    await ground.hive.looks.of("build/limiter").pull_request(
        MISSION, "acme/shop", issue_of(ground, "limiter").number, ground.at.id, "test"
    )
    await ground.hive.carry()
    wiring = of(ground, "wiring")
    assert wiring.base == "main"
    # It shows no more than its own, though its base was squashed.
    changed = git(ground, "diff", "--name-only", f"main...{wiring.head_sha}")
    assert changed.split() == ["wiring.txt"]
    assert "PullRequestRetargeted" in await ground.hive.told()
    writes = ground.writes("PATCH", "PUT", "DELETE")
    await ground.hive.carry()
    assert ground.writes("PATCH", "PUT", "DELETE") == writes


async def test_the_hive_merges_all_in_their_order_and_then_it_has_landed(ground: Ground) -> None:
    story = await opened(ground, WHEN_GREEN)
    await story.succeeded()
    await ground.hive.carry()
    await ground.hive.carry()
    assert len(ground.shop.pulls) == 3
    assert all(pull(each).merged_at is not None for each in ground.shop.pulls)
    tree = files_of(ground, "main")
    assert tree == {"README.md", "limiter.txt", "wiring.txt", "docs.txt"}
    landings = Landings(ground.hive.records, ground.hive.histories, ground.hive.orders)
    [*_, last] = await ground.hive.store.read_stream(stream_name("pull_request", MISSION))
    await landings.perform(last, "0" * 32)
    [(_, landed)] = ground.hive.orders.told
    assert isinstance(landed, RecordLanding)
    assert landed.branch == "main"


async def test_none_is_merged_into_the_branch_of_another(ground: Ground) -> None:
    story = await opened(ground, msgspec.structs.replace(WHEN_GREEN, rounds=0))
    limiter = issue_of(ground, "limiter")
    ground.server.person("ada").review(ground.shop, limiter, "REQUEST_CHANGES", "No.")
    await story.succeeded()
    await ground.hive.carry()
    assert of(ground, "docs").merged_at is not None
    assert (of(ground, "limiter").merged_at, of(ground, "wiring").merged_at) == (None, None)
    state = await ground.hive.records.of("build/wiring").pull_request(MISSION)
    assert isinstance(state.merging, MergeAwaited)
    assert state.merging.reason == "hive/limits-1.build.limiter is merged first"


async def test_it_has_not_landed_while_one_is_open(ground: Ground) -> None:
    story = await opened(ground)
    await story.succeeded()
    await ground.hive.carry()
    ground.server.person("ada").merge(ground.shop, issue_of(ground, "limiter"))
    await ground.hive.rounds.look_at_all(MISSION, "test")
    landings = Landings(ground.hive.records, ground.hive.histories, ground.hive.orders)
    [*_, last] = await ground.hive.store.read_stream(stream_name("pull_request", MISSION))
    await landings.perform(last, "0" * 32)
    assert ground.hive.orders.told == []


async def test_what_comes_back_goes_to_the_task_that_it_is_about_one_at_a_time(
    ground: Ground,
) -> None:
    story = await opened(ground)
    await story.succeeded()
    await ground.hive.carry()
    limiter, docs = of(ground, "limiter"), of(ground, "docs")
    ground.server.run_workflow(
        ground.shop, docs.head_sha, docs.head, {"spelling": ("failure", "told is misspelt")}
    )
    ground.server.person("ada").review(
        ground.shop, issue_of(ground, "limiter"), "REQUEST_CHANGES", "two is too many"
    )
    await ground.hive.carry()
    pulls = await ground.hive.records.pull_requests(MISSION)
    first = pulls.round
    assert first is not None
    assert (first.part, first.task, first.kind) == ("build/limiter", "build/limiter", "review")
    before = docs.head_sha
    await story.revised(first, limiter="one\nthree\n")
    await ground.hive.carry()
    assert docs.head_sha == before
    assert files_of(ground, limiter.head_sha) == {"README.md", "limiter.txt"}
    assert git(ground, "show", f"{limiter.head_sha}:limiter.txt"
    ) == "one\nthree\n"  # fmt: skip

    second = (await ground.hive.records.pull_requests(MISSION)).round
    assert second is not None
    assert (second.round, second.part, second.kind) == (2, "build/docs", "checks")
    assert "told is misspelt" in second.finding
    head = limiter.head_sha
    await story.revised(second, docs="tolled\n")
    await ground.hive.carry()
    assert limiter.head_sha == head
    assert docs.head_sha != before
    pulls = await ground.hive.records.pull_requests(MISSION)
    assert pulls.round is None
    ends = {
        part: [end.outcome for _, end in each.rounds.done] for part, each in pulls.parts.items()
    }
    assert ends == {"build/limiter": ["pushed"], "build/wiring": [], "build/docs": ["pushed"]}


async def test_a_base_that_conflicts_goes_to_an_agent_and_is_mended_for_all(ground: Ground) -> None:
    story = await opened(ground)
    await story.succeeded()
    await ground.hive.carry()
    ada = ground.server.person("ada")
    ada.push(ground.shop, "main", {"limiter.txt": "theirs\n", "docs.txt": "theirs\n"})
    await ground.hive.carry()
    round = (await ground.hive.records.pull_requests(MISSION)).round
    assert round is not None
    assert (round.kind, round.part) == ("base", "build/limiter")
    assert round.merge is not None
    await story.revised(round, limiter="both\n", docs="both\n")
    await ground.hive.carry()
    # The same conflict of another task is mended by it, too: no agent is asked again.
    assert (await ground.hive.records.pull_requests(MISSION)).round is None
    for task in ("limiter", "docs"):
        head = of(ground, task).head_sha
        assert git(ground, "show", f"{head}:{task}.txt") == "both\n"
        assert git(ground, "merge-base", "main", head) == git(ground, "rev-parse", "main")
    assert "docs.txt" in files_of(ground, of(ground, "limiter").head_sha)  # theirs, from main
    assert git(ground, "show", f"{of(ground, 'limiter').head_sha}:docs.txt") == "theirs\n"


async def test_one_that_needs_several_waits_until_all_but_one_are_merged(ground: Ground) -> None:
    both = TaskSpec("both", prompt="Join them.", needs=("limiter", "docs"))
    specs = (SPECS[0], SPECS[2], both)
    story = Tasks(ground.hive.store, ground.checkout, WHEN_GREEN, specs)
    await story.launched()
    await story.done("limiter", limiter="1\n")
    await story.done("docs", docs="1\n")
    await story.done("both", both="1\n")
    await ground.hive.carry()
    assert len(ground.shop.pulls) == 2
    await story.succeeded()
    await ground.hive.carry()
    await ground.hive.carry()
    assert of(ground, "both").base == "main"
    assert of(ground, "both").merged_at is not None


async def test_one_whose_base_was_closed_asks_a_person(ground: Ground) -> None:
    story = Tasks(ground.hive.store, ground.checkout)
    await story.launched()
    await story.done("limiter", limiter="1\n")
    await ground.hive.carry()
    ground.server.person("ada").close(ground.shop, issue_of(ground, "limiter"))
    await ground.hive.looks.of("build/limiter").pull_request(
        MISSION, "acme/shop", issue_of(ground, "limiter").number, ground.at.id, "test"
    )
    await story.done("wiring", wiring="1\n")
    await ground.hive.carry()
    state = await ground.hive.records.of("build/wiring").pull_request(MISSION)
    assert isinstance(state.failed, PullRequestFailed)
    assert (
        "build/wiring is based on build/limiter, whose pull request was closed"
        in state.failed.reason
    )


async def test_tasks_in_the_same_places_are_merged_one_after_the_other(ground: Ground) -> None:
    """Independent in the plan, and yet one was done on top of the other."""
    story = Tasks(ground.hive.store, ground.checkout, WHEN_GREEN)
    await story.launched()
    await story.done("limiter", limiter="one\n")
    await story.done("docs", limiter="one, told\n")
    await ground.hive.carry()
    assert len(ground.shop.pulls) == 1
    await story.succeeded()
    await ground.hive.carry()
    await ground.hive.carry()
    assert of(ground, "docs").merged_at is not None
    assert git(ground, "show", "main:limiter.txt") == "one, told\n"


async def test_a_person_asks_for_one_each_after_the_end(ground: Ground) -> None:
    story = Tasks(ground.hive.store, ground.checkout, None)
    await story.launched()
    await story.done("limiter", limiter="1\n")
    await story.done("docs", docs="1\n")
    await story.succeeded()
    await ground.hive.records.tell(RequestPullRequest(MISSION, "limits-1", PER_TASK, "ann"), "test")
    await ground.hive.carry()
    assert {pull(each).head for each in ground.shop.pulls} == {
        "hive/limits-1.build.limiter", "hive/limits-1.build.docs",
    }  # fmt: skip


async def test_checks_stand_on_the_head_of_their_own(ground: Ground) -> None:
    story = await opened(ground)
    await story.succeeded()
    await ground.hive.carry()
    await ground.hive.show()
    heads: dict[str, set[str]] = {}
    for run in ground.shop.check_runs:
        heads.setdefault(run.head_sha, set()).add(run.name)
    assert set(heads) == {of(ground, name).head_sha for name in ("limiter", "wiring", "docs")}
    for name in ("limiter", "wiring", "docs"):
        shown = heads[of(ground, name).head_sha]
        assert "hive / tests" in shown  # of all tasks together
        assert [each for each in shown if each.endswith(f"build/{name} / lint")] != []
        others = {"limiter", "wiring", "docs"} - {name}
        assert not any(other in each for each in shown for other in others)
