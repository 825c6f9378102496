"""Whether a pull request may be merged now, and what GitHub's checks come to."""

from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from hive_contracts.outcome import MAX_TAIL, GateResult
from hive_github.checks.verdict import Said, of_name, said_by_run, said_by_status, verdict
from hive_github.merging.judge import (
    Enqueue,
    Merge,
    Queued,
    Standing,
    Wait,
    allowed,
    judge,
)
from hive_github.merging.merge import objecting

HEAD, OTHER = "a" * 40, "b" * 40
CLEAN = Standing(HEAD, state="clean", base="main")

WAITS = [
    (Standing(OTHER, state="clean"), "its head is bbbbbbbbbbbb, and the hive judged aaaaaaaaaaaa"),
    (Standing(HEAD, draft=True, state="draft"), "it is a draft"),
    (Standing(HEAD, state="clean", objecting=("ada",)), "changes are requested by ada"),
    (Standing(HEAD, state="unstable", red=("ci", "e2e")), "checks have failed: ci, e2e"),
    (Standing(HEAD, state="unstable", going=("ci",)), "checks are not completed: ci"),
    (Standing(HEAD, state="dirty", base="main"), "it conflicts with main"),
    (Standing(HEAD), "GitHub works out whether it can be merged"),
]


@pytest.mark.parametrize("how", ["when_green", "queue"])
@pytest.mark.parametrize(("standing", "reason"), WAITS)
def test_it_waits(standing: Standing, reason: str, how: Literal["when_green", "queue"]) -> None:
    step = judge(standing, HEAD, how)
    assert isinstance(step, Wait)
    assert step.reason.startswith(reason)


@pytest.mark.parametrize(
    ("state", "step"),
    [
        ("clean", Merge()),
        ("has_hooks", Merge()),
        ("unstable", Merge()),
        ("behind", Wait("the repository wants it up to date with main first")),
        ("blocked", Wait("the repository's rules: a review or a required check is missing")),
    ],
)
def test_when_green(state: str, step: Merge | Wait) -> None:
    assert judge(Standing(HEAD, state=state, base="main"), HEAD, "when_green") == step


@pytest.mark.parametrize(("how", "otherwise"), [("when_green", Merge()), ("queue", Enqueue())])
def test_while_checks_may_still_begin_it_waits(
    how: Literal["when_green", "queue"], otherwise: Merge | Enqueue
) -> None:
    green = Standing(HEAD, state="clean", base="main", until="12:01:00 UTC")
    reason = "checks may still begin, until 12:01:00 UTC: the rules of main name none that is"
    step = judge(green, HEAD, how)
    assert isinstance(step, Wait)
    assert step.reason.startswith(reason)
    assert judge(msgspec.structs.replace(green, until=""), HEAD, how) == otherwise
    red = msgspec.structs.replace(green, red=("ci",))
    assert judge(red, HEAD, how) == Wait("checks have failed: ci")


def test_a_required_check_that_has_not_begun_is_waited_for_whoever_may_bypass_it() -> None:
    missing = Standing(HEAD, state="clean", base="main", missing=("e2e",))
    assert judge(missing, HEAD, "when_green") == Wait("required checks have not begun: e2e")
    assert judge(missing, HEAD, "queue") == Enqueue()


@pytest.mark.parametrize("state", ["clean", "unstable", "behind", "blocked"])
def test_the_queue_is_asked_and_judges_itself(state: str) -> None:
    assert judge(Standing(HEAD, state=state), HEAD, "queue") == Enqueue()
    assert judge(Standing(HEAD, state=state, left=1), HEAD, "queue") == Enqueue()
    assert judge(Standing(HEAD, state=state, queued=True), HEAD, "queue") == Queued()


def test_what_the_queue_has_let_go_twice_waits_for_a_person() -> None:
    left = Standing(HEAD, state="clean", left=2)
    assert isinstance(judge(left, HEAD, "queue"), Wait)
    assert judge(msgspec.structs.replace(left, queued=True), HEAD, "queue") == Queued()
    assert judge(left, HEAD, "when_green") == Merge()


@given(
    some.builds(
        Standing,
        head=some.sampled_from([HEAD, OTHER]),
        draft=some.booleans(),
        state=some.sampled_from(
            ["clean", "has_hooks", "unstable", "blocked", "behind", "dirty", "draft", "unknown"]
        ),
        objecting=some.sampled_from([(), ("ada",)]),
        going=some.sampled_from([(), ("ci",)]),
        red=some.sampled_from([(), ("ci",)]),
        queued=some.booleans(),
        missing=some.sampled_from([(), ("e2e",)]),
        until=some.sampled_from(["", "12:01:00 UTC"]),
    ),
    some.sampled_from(["when_green", "queue"]),
)
def test_a_moved_head_an_objection_or_a_check_that_is_not_green_is_never_merged(
    standing: Standing, how: Literal["when_green", "queue"]
) -> None:
    step = judge(standing, HEAD, how)
    if not isinstance(step, Wait):
        assert standing.head == HEAD
        assert not (standing.draft or standing.objecting or standing.going or standing.red)
    if isinstance(step, Merge):
        assert not (standing.missing or standing.until)


def test_ways_to_merge_are_the_repositorys() -> None:
    assert allowed({}) == ("merge", "squash", "rebase")
    assert allowed({"allow_merge_commit": False, "allow_rebase_merge": False}) == ("squash",)


def review(login: str, state: str) -> dict[str, object]:
    return {"user": {"login": login}, "state": state}


def test_an_objection_stands_until_its_reviewer_takes_it_back() -> None:
    asked = [review("ada", "APPROVED"), review("ada", "CHANGES_REQUESTED")]
    assert objecting(asked) == ("ada",)
    assert objecting([*asked, review("ada", "COMMENTED"), review("bob", "APPROVED")]) == ("ada",)
    assert objecting([*asked, review("ada", "DISMISSED")]) == ()
    assert objecting([*asked, review("ada", "APPROVED")]) == ()
    assert objecting([{"user": None, "state": "CHANGES_REQUESTED"}]) == ("ghost",)


def run(status: str, conclusion: str | None, **output: str) -> dict[str, object]:
    return {
        "id": 7, "name": "ci", "status": status, "conclusion": conclusion, "output": output,
        "html_url": "https://github.com/runs/7",
    }  # fmt: skip


def said(*runs: dict[str, object]) -> tuple[Said, ...]:
    return of_name("ci", map(said_by_run, runs))


@pytest.mark.parametrize("conclusion", ["success", "neutral", "skipped"])
def test_a_check_that_passed(conclusion: str) -> None:
    found = verdict("gate", "ci", HEAD, said(run("completed", conclusion)))
    assert found == GateResult("gate", passed=True, command="ci", commit=HEAD)


@pytest.mark.parametrize("runs", [(), (run("queued", None),), (run("in_progress", None),)])
def test_a_check_that_is_missing_or_goes_on_is_waited_for(
    runs: tuple[dict[str, object], ...],
) -> None:
    assert verdict("gate", "ci", HEAD, said(*runs)) is None


def test_of_two_of_one_name_one_that_failed_counts_and_one_that_goes_on_is_waited_for() -> None:
    good, bad = run("completed", "success"), run("completed", "timed_out")
    found = verdict("gate", "ci", HEAD, said(good, bad))
    assert found is not None
    assert not found.passed
    assert verdict("gate", "ci", HEAD, said(bad, run("queued", None))) is None


def test_a_failure_says_what_the_check_said() -> None:
    bad = run("completed", "failure", title="1 failed", summary="sum\0mary", text="x" * 20_000)
    found = verdict("gate", "ci", HEAD, said(bad), ["a.py:1: bad"])
    assert found is not None
    assert found.reason == (
        "GitHub's check 'ci' says failure on aaaaaaaaaaaa: https://github.com/runs/7"
    )
    assert found.tail.startswith("1 failed\na.py:1: bad\nsummary")
    assert len(found.tail) == MAX_TAIL


@pytest.mark.parametrize(
    ("state", "passed"), [("success", True), ("failure", False), ("error", False)]
)
def test_a_commit_status_counts_as_well(state: str, passed: bool) -> None:
    status = {"context": "ci/required", "state": state, "description": None, "target_url": None}
    found = verdict("gate", "ci/required", HEAD, [said_by_status(status)])
    assert found is not None
    assert found.passed == passed
    pending = said_by_status({**status, "state": "pending"})
    assert verdict("gate", "ci/required", HEAD, [pending]) is None


def test_the_name_is_meant_exactly() -> None:
    names = ["ci", "CI", "ci ", "ci/1", "c i"]
    assert [each.name for each in of_name("ci", [Said(name, "success") for name in names])] == [
        "ci"
    ]
    assert judge(CLEAN, HEAD, "when_green") == Merge()
