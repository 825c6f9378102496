"""Several pull requests of a mission: given what was recorded, when this comes, then these."""

from functools import reduce

import pytest
from msgspec.structs import replace

from hive_contracts.github.pull_request import (
    AnyPullRequestCommand,
    AnyPullRequestEvent,
    AskRound,
    AwaitMerge,
    BranchPushed,
    FailPullRequest,
    MergeAwaited,
    NotePush,
    PullRequestFailed,
    PullRequestOpened,
    PullRequestRequested,
    PullRequestRetargeted,
    PullRequestSeen,
    RequestPullRequest,
    RoundAsked,
    RoundSettled,
    SeePullRequest,
)
from hive_contracts.plan import PullRequestWish
from hive_github.deciders import pull_requests

ID, A, B = "a" * 32, "build/limiter", "build/docs"
HEAD, TIP = "1" * 40, "2" * 40
WISH = PullRequestWish("acme/shop", per="task")
REQUESTED = PullRequestRequested(ID, "fix-1", WISH)
ASK = AskRound(ID, "checks", f"checks {HEAD}", HEAD, "it failed", part=A)
ASKED = RoundAsked(ID, 1, "checks", f"checks {HEAD}", HEAD, "it failed", part=A)
SETTLED = RoundSettled(ID, 1, "pushed", TIP, part=A)
PUSH = NotePush(ID, "hive/fix-1.build.limiter", HEAD, "", TIP, part=A)
PUSHED = BranchPushed(ID, "hive/fix-1.build.limiter", HEAD, "", TIP, part=A)
FAILED = PullRequestFailed(ID, "archived", part=A)
OPENED = PullRequestOpened(
    ID, "gh-1", "acme/shop", 7, "PR_1", "https://x", HEAD, "hive/fix-1.build.x", part=A
)

CASES = [
    pytest.param([REQUESTED], PUSH, [PUSHED], id="each has a branch"),
    pytest.param([PUSHED], PUSH, [], id="pushed twice"),
    pytest.param(
        [PUSHED], replace(PUSH, part=B), [replace(PUSHED, part=B)], id="another one has its own"
    ),
    pytest.param([PUSHED], replace(PUSH, tip=HEAD), [replace(PUSHED, tip=HEAD)], id="it has more"),
    pytest.param([], ASK, [ASKED], id="a round of one"),
    pytest.param([ASKED], replace(ASK, part=B), [], id="another one's while one is open"),
    pytest.param(
        [ASKED, SETTLED],
        replace(ASK, part=B),
        [replace(ASKED, round=2, part=B)],
        id="another one's after it, numbered on",
    ),
    pytest.param([ASKED, SETTLED], ASK, [], id="what was mended already"),
    pytest.param(
        [REQUESTED, FAILED],
        RequestPullRequest(ID, "fix-1", WISH, "ann"),
        [PullRequestRequested(ID, "fix-1", WISH, "ann")],
        id="a person lets one of them go on",
    ),
    pytest.param(
        [REQUESTED], RequestPullRequest(ID, "fix-1", WISH, "ann"), [], id="none of them waits"
    ),
    pytest.param(
        [OPENED, MergeAwaited(ID, "x is merged first", part=A)],
        AwaitMerge(ID, "x is merged first", part=A),
        [],
        id="it waits for the same",
    ),
    pytest.param([FAILED], FailPullRequest(ID, "archived", part=A), [], id="it failed already"),
    pytest.param(
        [FAILED],
        FailPullRequest(ID, "archived", part=B),
        [replace(FAILED, part=B)],
        id="another one fails, too",
    ),
    pytest.param(
        [OPENED],
        SeePullRequest(ID, PullRequestSeen(7, "open", HEAD, base="main"), part=A),
        [PullRequestRetargeted(ID, "main", part=A)],
        id="it is to be merged elsewhere",
    ),
    pytest.param(
        [OPENED, PullRequestRetargeted(ID, "main", part=A)],
        SeePullRequest(ID, PullRequestSeen(7, "open", HEAD, base="main"), part=A),
        [],
        id="as it was seen before",
    ),
]


@pytest.mark.parametrize(("given", "when", "then"), CASES)
def test_rule(
    given: list[AnyPullRequestEvent], when: AnyPullRequestCommand, then: list[AnyPullRequestEvent]
) -> None:
    state = reduce(pull_requests.evolve, given, pull_requests.INITIAL)
    assert pull_requests.decide(state, when) == then


def test_all_are_wished_for_together_and_let_go_on_together() -> None:
    halted = RoundSettled(ID, 1, "failed", part=A)
    given: list[AnyPullRequestEvent] = [REQUESTED, ASKED, halted, FAILED]
    state = reduce(pull_requests.evolve, given, pull_requests.INITIAL)
    assert state.of(B).requested == REQUESTED
    assert (state.of(A).failed, state.of(B).failed) == (replace(FAILED, part=""), None)
    assert state.part_of_round == {1: A}
    again = pull_requests.evolve(state, replace(REQUESTED, by="ann"))
    assert again.of(A).failed is None
    assert again.of(A).rounds.halted is None
    assert again.of(A).rounds.used == 0
