"""A pull request: given what was recorded, when this comes, then these events."""

from functools import reduce

import pytest
from hypothesis import given as given_any
from hypothesis import strategies

from hive_contracts.github.pull_request import (
    AnyPullRequestCommand,
    AnyPullRequestEvent,
    AwaitMerge,
    BeginMerge,
    BranchPushed,
    CheckRecovered,
    CheckRerun,
    FailPullRequest,
    MergeAwaited,
    MergeBegun,
    MergeQueued,
    NoteDescription,
    NoteLeft,
    NoteOpened,
    NotePush,
    NoteQueued,
    NoteRecovery,
    NoteReviewRequest,
    PullRequestClosed,
    PullRequestDescribed,
    PullRequestDrafted,
    PullRequestFailed,
    PullRequestHeadMoved,
    PullRequestMerged,
    PullRequestOpened,
    PullRequestReadied,
    PullRequestReopened,
    PullRequestRequested,
    PullRequestSeen,
    RequestPullRequest,
    ReviewRequested,
    SeePullRequest,
)
from hive_contracts.plan import PullRequestWish
from hive_github.deciders import pull_request

ID = "a" * 32
WISH = PullRequestWish("acme/shop")
ASKED = PullRequestRequested(ID, "fix-1", WISH)
PUSHED = BranchPushed(ID, "hive/fix-1", "1" * 40)
URL = "https://github.com/acme/shop/pull/7"
OPENED = PullRequestOpened(
    ID, "github-com-1", "acme/shop", 7, "PR_x", URL, "1" * 40, "main", draft=True
)
OPEN: list[AnyPullRequestEvent] = [ASKED, PUSHED, OPENED]
MERGED = PullRequestMerged(ID, "9" * 40, "ann")
DRAFT = PullRequestSeen(7, "open", "1" * 40, draft=True)
READY = PullRequestSeen(7, "open", "1" * 40)


def opening(seen: PullRequestSeen) -> NoteOpened:
    return NoteOpened(ID, "github-com-1", "acme/shop", "PR_x", URL, "main", seen)


CASES = [
    pytest.param([], RequestPullRequest(ID, "fix-1", WISH), [ASKED], id="asked for"),
    pytest.param([ASKED], RequestPullRequest(ID, "fix-1", WISH, "ann"), [], id="asked for twice"),
    pytest.param(
        [ASKED, PullRequestFailed(ID, "no access")],
        RequestPullRequest(ID, "fix-1", WISH),
        [ASKED],
        id="asked for again once it had failed",
    ),
    pytest.param(
        [ASKED],
        NotePush(ID, "hive/fix-1", "1" * 40),
        [PUSHED],
        id="a push is recorded",
    ),
    pytest.param([ASKED, PUSHED], NotePush(ID, "hive/fix-1", "1" * 40), [], id="and once"),
    pytest.param([ASKED, PUSHED], opening(DRAFT), [OPENED], id="opened as a draft"),
    pytest.param(OPEN, opening(DRAFT), [], id="opened once, though GitHub was asked twice"),
    pytest.param(
        [ASKED, PUSHED],
        opening(PullRequestSeen(7, "merged", "1" * 40, True, "9" * 40, "ann")),
        [OPENED, MERGED],
        id="found, and somebody had merged it first",
    ),
    pytest.param(OPEN, SeePullRequest(ID, DRAFT), [], id="seen as it is known"),
    pytest.param(OPEN, SeePullRequest(ID, READY), [PullRequestReadied(ID)], id="made ready"),
    pytest.param(
        [*OPEN, PullRequestReadied(ID)],
        SeePullRequest(ID, DRAFT),
        [PullRequestDrafted(ID)],
        id="made a draft again",
    ),
    pytest.param(
        OPEN,
        SeePullRequest(ID, PullRequestSeen(7, "open", "2" * 40, draft=True)),
        [PullRequestHeadMoved(ID, "2" * 40)],
        id="somebody pushed to it",
    ),
    pytest.param(
        OPEN,
        SeePullRequest(ID, PullRequestSeen(7, "merged", "1" * 40, False, "9" * 40, "ann")),
        [MERGED],
        id="somebody merged it",
    ),
    pytest.param(
        [*OPEN, MERGED],
        SeePullRequest(ID, READY),
        [],
        id="what was on its way before the merge changes nothing",
    ),
    pytest.param(
        OPEN,
        SeePullRequest(ID, PullRequestSeen(7, "closed", "1" * 40, True, by="ann")),
        [PullRequestClosed(ID, "ann")],
        id="closed without a merge",
    ),
    pytest.param(
        [*OPEN, PullRequestClosed(ID, "ann")],
        SeePullRequest(ID, DRAFT),
        [PullRequestReopened(ID)],
        id="opened again",
    ),
    pytest.param(
        OPEN, SeePullRequest(ID, PullRequestSeen(8, "closed")), [], id="another one is not this"
    ),
    pytest.param(
        OPEN, NoteDescription(ID, "d" * 64), [PullRequestDescribed(ID, "d" * 64)], id="described"
    ),
    pytest.param(
        [*OPEN, PullRequestDescribed(ID, "d" * 64)],
        NoteDescription(ID, "d" * 64),
        [],
        id="described with the same words",
    ),
    pytest.param(
        OPEN,
        NoteReviewRequest(ID, ("ann",), ("hive",), ("bob: no collaborator",)),
        [ReviewRequested(ID, ("ann",), ("hive",), ("bob: no collaborator",))],
        id="reviewers were asked, as far as GitHub took them",
    ),
    pytest.param([*OPEN], AwaitMerge(ID, "a draft"), [MergeAwaited(ID, "a draft")], id="waits"),
    pytest.param(
        [*OPEN, MergeAwaited(ID, "a draft")], AwaitMerge(ID, "a draft"), [], id="waits on"
    ),
    pytest.param(
        [*OPEN, MergeAwaited(ID, "a draft")],
        BeginMerge(ID, "1" * 40, "squash"),
        [MergeBegun(ID, "1" * 40, "squash")],
        id="its merge begins",
    ),
    pytest.param(
        OPEN, NoteQueued(ID, "1" * 40), [MergeQueued(ID, "1" * 40)], id="it is in the queue"
    ),
    pytest.param(
        [*OPEN, MergeQueued(ID, "1" * 40), MergeAwaited(ID, "a check is not completed")],
        NoteLeft(ID, "1" * 40),
        [MergeAwaited(ID, "it has left the merge queue", "1" * 40)],
        id="it has left the queue, whatever was waited for meanwhile",
    ),
    pytest.param(
        [*OPEN, MergeQueued(ID, "1" * 40), MergeAwaited(ID, "it left", "1" * 40)],
        NoteLeft(ID, "1" * 40),
        [],
        id="it has left the queue once",
    ),
    pytest.param(OPEN, NoteLeft(ID, "1" * 40), [], id="it never was in the queue"),
    pytest.param(
        [*OPEN, CheckRerun(ID, "1" * 40, "ci", "it fails on the base, too")],
        NoteRecovery(ID, "1" * 40, "ci"),
        [CheckRecovered(ID, "1" * 40, "ci")],
        id="a check has passed when it was run again",
    ),
    pytest.param(
        [*OPEN, CheckRerun(ID, "1" * 40, "ci", ""), CheckRecovered(ID, "1" * 40, "ci")],
        NoteRecovery(ID, "1" * 40, "ci"),
        [],
        id="that is known",
    ),
    pytest.param(OPEN, NoteRecovery(ID, "1" * 40, "ci"), [], id="nobody had it run again"),
    pytest.param(
        [*OPEN, MergeQueued(ID, "1" * 40)],
        NoteQueued(ID, "1" * 40, "2" * 40),
        [MergeQueued(ID, "1" * 40, "2" * 40)],
        id="the queue has begun to judge a commit",
    ),
    pytest.param(
        [*OPEN, MergeQueued(ID, "1" * 40, "2" * 40)],
        NoteQueued(ID, "1" * 40),
        [],
        id="whoever does not know what the queue judges takes nothing back",
    ),
    pytest.param(
        [
            *OPEN,
            MergeQueued(ID, "1" * 40, "2" * 40),
            MergeAwaited(ID, "it left", "1" * 40),
        ],
        NoteQueued(ID, "1" * 40),
        [MergeQueued(ID, "1" * 40)],
        id="put in again the queue judges another commit",
    ),
    pytest.param([*OPEN, MERGED], AwaitMerge(ID, "x"), [], id="what is merged waits for nothing"),
    pytest.param(
        [*OPEN, PullRequestClosed(ID)],
        BeginMerge(ID, "1" * 40, "merge"),
        [],
        id="what is closed is not merged",
    ),
    pytest.param([ASKED], AwaitMerge(ID, "x"), [], id="what is not open yet waits for nothing"),
    pytest.param(
        [ASKED],
        FailPullRequest(ID, "no access", "install the App"),
        [PullRequestFailed(ID, "no access", "install the App")],
        id="it cannot be made",
    ),
    pytest.param(
        [ASKED, PullRequestFailed(ID, "no access", "install the App")],
        FailPullRequest(ID, "no access", "install the App"),
        [],
        id="for the same reason as before",
    ),
]


@pytest.mark.parametrize(("given", "when", "then"), CASES)
def test_pull_request(
    given: list[AnyPullRequestEvent], when: AnyPullRequestCommand, then: list[AnyPullRequestEvent]
) -> None:
    state = reduce(pull_request.evolve, given, pull_request.INITIAL)
    assert pull_request.decide(state, when) == then


SEEN = strategies.builds(
    PullRequestSeen,
    number=strategies.just(7),
    state=strategies.sampled_from(["open", "closed", "merged"]),
    head=strategies.sampled_from(["1" * 40, "2" * 40]),
    draft=strategies.booleans(),
    merge_commit=strategies.just("9" * 40),
)


@given_any(strategies.lists(SEEN, max_size=12))
def test_in_whatever_order_it_is_seen_a_merge_is_the_end_and_the_last_look_counts(
    looks: list[PullRequestSeen],
) -> None:
    state = reduce(pull_request.evolve, OPEN, pull_request.INITIAL)
    merged = False
    for seen in looks:
        state = reduce(
            pull_request.evolve, pull_request.decide(state, look := SeePullRequest(ID, seen)), state
        )
        assert pull_request.decide(state, look) == []
        merged = merged or seen.state == "merged"
        assert (state.state == "merged") == merged
        if not merged:
            assert (state.state, state.head, state.draft) == (seen.state, seen.head, seen.draft)
