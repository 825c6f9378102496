"""The rounds of a pull request: given what was recorded, when this comes, then these events."""

from functools import reduce

import msgspec
import pytest
from hypothesis import given as given_any
from hypothesis import strategies as some

from hive_contracts.github.pull_request import (
    AnyPullRequestCommand,
    AnyPullRequestEvent,
    AskRound,
    CheckRerun,
    NoteRerun,
    PullRequestDescribed,
    PullRequestRequested,
    RequestPullRequest,
    ReviewSetAside,
    RoundAsked,
    RoundSettled,
    SetReviewAside,
    SettleRound,
)
from hive_contracts.plan import PullRequestWish
from hive_github.deciders import pull_request

ID = "a" * 32
HEAD = "1" * 40
WISH = PullRequestWish("acme/shop", reviewers=("ada",), rounds=2)
REQUESTED = PullRequestRequested(ID, "fix-1", WISH)
ASK = AskRound(ID, "checks", f"checks {HEAD}", HEAD, "a check failed: tests", "red")
ASKED = RoundAsked(ID, 1, "checks", f"checks {HEAD}", HEAD, "a check failed: tests", "red")
REVIEW = AskRound(ID, "review", "review PRR_1", HEAD, "ada asks for changes", by="ada")
PUSHED = RoundSettled(ID, 1, "pushed", "2" * 40)
FAILED = RoundSettled(ID, 1, "failed", reason="it gave up")
AGAIN = RequestPullRequest(ID, "fix-1", WISH, "ann")

CASES = [
    pytest.param([], ASK, [ASKED], id="the first"),
    pytest.param([ASKED], ASK, [], id="asked twice"),
    pytest.param([ASKED], REVIEW, [], id="another while one is open"),
    pytest.param([ASKED, PUSHED], ASK, [], id="what was mended already"),
    pytest.param(
        [ASKED, PUSHED],
        REVIEW,
        [RoundAsked(ID, 2, "review", "review PRR_1", HEAD, "ada asks for changes", by="ada")],
        id="another one after it",
    ),
    pytest.param([ASKED], SettleRound(ID, 1, "pushed", "2" * 40), [PUSHED], id="settled"),
    pytest.param([ASKED, PUSHED], SettleRound(ID, 1, "pushed", "2" * 40), [], id="settled twice"),
    pytest.param([ASKED], SettleRound(ID, 2, "pushed"), [], id="one that was not asked"),
    pytest.param([ASKED, FAILED], ASK, [], id="what failed is not asked again by itself"),
    pytest.param(
        [REQUESTED, ASKED, FAILED, PullRequestRequested(ID, "fix-1", WISH, "ann")],
        ASK,
        [msgspec.structs.replace(ASKED, round=2)],
        id="but once a person lets it go on",
    ),
    pytest.param(
        [REQUESTED, ASKED, PUSHED, PullRequestRequested(ID, "fix-1", WISH, "ann")],
        ASK,
        [],
        id="what was mended does not come back then",
    ),
    pytest.param(
        [REQUESTED, ASKED, FAILED], AGAIN, [PullRequestRequested(ID, "fix-1", WISH, "ann")],
        id="a person lets it go on",
    ),
    pytest.param([REQUESTED, ASKED, PUSHED], AGAIN, [], id="there is nothing to let go on"),
    pytest.param(
        [],
        NoteRerun(ID, HEAD, "tests", "it has passed", "7 now"),
        [CheckRerun(ID, HEAD, "tests", "it has passed", "7 now")],
        id="a rerun",
    ),
    pytest.param(
        [CheckRerun(ID, HEAD, "tests", "it has passed", "7 now")],
        NoteRerun(ID, HEAD, "tests", "it has passed", "8 later"),
        [],
        id="one rerun of a check and commit",
    ),
    pytest.param(
        [ReviewSetAside(ID, "PRR_1", "eve", "no")], SetReviewAside(ID, "PRR_1", "eve", "no"), [],
        id="a review that was set aside",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "when", "then"), CASES)
def test_decisions(
    given: list[AnyPullRequestEvent],
    when: AnyPullRequestCommand,
    then: list[AnyPullRequestEvent],
) -> None:
    state = reduce(pull_request.evolve, given, pull_request.INITIAL)
    assert pull_request.decide(state, when) == then
    after = reduce(pull_request.evolve, then, state)
    assert pull_request.decide(after, when) == []


def test_a_wish_keeps_what_is_not_asked_for_otherwise() -> None:
    state = pull_request.evolve(pull_request.INITIAL, REQUESTED)
    [asked] = pull_request.decide(
        state, RequestPullRequest(ID, "fix-1", PullRequestWish("acme/shop", rounds=5), "ann")
    )
    assert isinstance(asked, PullRequestRequested)
    assert asked.wish == PullRequestWish("acme/shop", reviewers=("ada",), rounds=5)


def test_where_a_round_failed_a_person_is_waited_for_whatever_else_is_recorded() -> None:
    history: list[AnyPullRequestEvent] = [
        REQUESTED, ASKED, FAILED, PullRequestDescribed(ID, "d" * 64),
    ]  # fmt: skip
    state = reduce(pull_request.evolve, history, pull_request.INITIAL)
    assert state.rounds.halted == FAILED
    assert pull_request.evolve(state, REQUESTED).rounds.halted is None


COMMANDS = some.one_of(
    some.builds(
        AskRound, some.just(ID), some.sampled_from(["checks", "review", "base"]),
        some.sampled_from(["a", "b", "c", "d"]), some.just(HEAD), some.just("title"),
    ),
    some.builds(
        SettleRound, some.just(ID), some.integers(0, 6),
        some.sampled_from(["pushed", "unchanged", "failed", "declined"]),
    ),
    some.just(AGAIN),
)  # fmt: skip


@given_any(some.lists(COMMANDS, max_size=30))
def test_rounds_are_one_at_a_time_and_numbered_without_a_hole(
    commands: list[AnyPullRequestCommand],
) -> None:
    state, open, numbers, since = pull_request.INITIAL, 0, [], 0
    for command in commands:
        for event in pull_request.decide(state, command):
            state = pull_request.evolve(state, event)
            match event:
                case RoundAsked(round=round, kind=kind):
                    assert not open
                    open, since = round, since + (kind != "base")
                    numbers.append(round)
                case RoundSettled(round=round):
                    assert round == open
                    open = 0
                case PullRequestRequested():
                    since = 0
        assert state.rounds.used == since
    assert numbers == list(range(1, len(numbers) + 1))
