"""Which tasks have a pull request of their own, and what each is based on."""

import pytest
from msgspec.structs import replace

from hive_contracts.github.pull_request import PullRequestOpened
from hive_contracts.outcome import Usage
from hive_contracts.plan import Phase, TaskSpec, Tip
from hive_github.deciders.pull_request import PullRequest
from hive_github.deciders.pull_requests import PullRequests
from hive_github.pulls.bases import Base, Later, base_of
from hive_github.pulls.parts import Change, Part, branch_of, parts_of
from hive_github.pulls.story import Story, of_part
from hive_github.pulls.stuck import Stuck

OPENED = PullRequestOpened("a" * 32, "gh-1", "acme/shop", 7, "PR_1", "https://x", "1" * 40, "main")
PULLS = {
    "open": PullRequest(opened=OPENED),
    "merged": PullRequest(opened=OPENED, state="merged"),
    "closed": PullRequest(opened=OPENED, state="closed"),
}
PHASES = (
    Phase("plan", tasks=(TaskSpec("plan"),)),
    Phase(
        "build",
        needs=("plan",),
        tasks=(
            TaskSpec("a"), TaskSpec("b", needs=("a",)), TaskSpec("c", needs=("a", "b")),
            TaskSpec("d", needs=("gone",)), TaskSpec("gone", needs=("a",)),
        ),
    ),
    Phase("empty", needs=("build",)),
    Phase("docs", needs=("empty",), tasks=(TaskSpec("docs"),)),
)  # fmt: skip
PLANNED = {"plan": ["plan"], "build": ["a", "b", "c", "d", "gone"], "docs": ["docs"]}


def change(part: str, round: int = 0) -> Change:
    return Change(part, "0" * 40, Tip("1" * 40), round)


@pytest.mark.parametrize(
    ("changed", "part", "needs"),
    [
        pytest.param(["plan/plan"], "plan/plan", (), id="nothing"),
        pytest.param(["plan/plan", "build/a"], "build/a", ("plan/plan",), id="a phase before it"),
        pytest.param(["build/a"], "build/a", (), id="a phase that changed nothing"),
        pytest.param(["build/a", "build/b"], "build/b", ("build/a",), id="a task"),
        pytest.param(
            ["build/a", "build/b", "build/c"], "build/c", ("build/b",), id="what that needs, too"
        ),
        pytest.param(
            ["build/a", "build/d"], "build/d", ("build/a",), id="through one that changed nothing"
        ),
        pytest.param(
            ["build/c", "build/d", "docs/docs"],
            "docs/docs",
            ("build/c", "build/d"),
            id="several, through a phase without tasks",
        ),
    ],
)
def test_a_task_is_based_on_what_it_needs(
    changed: list[str], part: str, needs: tuple[str, ...]
) -> None:
    found = parts_of([change(each) for each in changed], PHASES, PLANNED)
    assert [each.name for each in found] == changed
    assert next(each for each in found if each.name == part).needs == needs


def test_what_mends_one_is_no_task_of_its_own() -> None:
    assert parts_of([change("build/a"), change("build/b", 1)], PHASES, PLANNED) == (
        Part("build/a"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("part", "branch"),
    [
        ("", "hive/fix-1"),
        ("build/a", "hive/fix-1.build.a"),
        ("docs/docs", "hive/fix-1.docs"),
    ],
)
def test_each_has_a_branch_that_can_stand_beside_the_others(part: str, branch: str) -> None:
    assert branch_of("fix-1", part) == branch


def story(part: str, *parts: Part) -> Story:
    changes = tuple(change(each.name) for each in parts)
    return Story(
        "a" * 32, "fix-1", "", "", None, None, "open", "", None, (), None, (), Usage(),
        changes=changes, parts=parts, part=part,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("needs", "pulls", "base"),
    [
        pytest.param((), {}, Base(), id="nothing"),
        pytest.param(("x",), {"x": "open"}, Base("x"), id="one that is open"),
        pytest.param(("x",), {"x": "merged"}, Base(is_moved=True), id="one that is merged"),
        pytest.param(("x", "y"), {"x": "merged", "y": "open"}, Base("y"), id="all but one merged"),
    ],
)
def test_where_a_branch_begins(needs: tuple[str, ...], pulls: dict[str, str], base: Base) -> None:
    told = story("me", *(Part(need) for need in needs), Part("me", needs))
    all = PullRequests(parts={part: PULLS[state] for part, state in pulls.items()})
    assert base_of(told, all) == base


@pytest.mark.parametrize(
    ("pulls", "raises"),
    [
        pytest.param({}, Later, id="it has none yet"),
        pytest.param({"x": "open", "y": "open"}, Later, id="several are open"),
        pytest.param({"x": "closed"}, Stuck, id="one was closed"),
    ],
)
def test_where_it_cannot_begin_yet(pulls: dict[str, str], raises: type[Exception]) -> None:
    told = story("me", Part("x"), Part("y"), Part("me", ("x", "y")))
    all = PullRequests(parts={part: PULLS[state] for part, state in pulls.items()})
    with pytest.raises(raises):
        base_of(told, all)


def test_what_came_back_of_one_belongs_to_it_whoever_mended_it() -> None:
    told = story("", Part("build/a"), Part("build/b"))
    mended = (*told.changes, change("build/b", 1), change("build/b", 2))
    whole = replace(told, changes=mended)
    assert of_part(whole, "build/a", {1: "build/a", 2: "build/b"}).changes == (
        mended[0], mended[2],
    )  # fmt: skip
