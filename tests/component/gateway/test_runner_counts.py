"""What a runner says of its work, and what is made of it."""

import pytest
from msgspec.structs import replace

from hive_contracts.heartbeat import (
    HANDLED_BOUNDS,
    MAX_SILENT,
    TOKENS,
    Counted,
    Handled,
    RunnerHeard,
    SilentAttempt,
)
from hive_contracts.orders import Beat, Holding, StepsDone, TokensUsed
from hive_gateway.runner_counts import (
    MAX_PROFILES,
    handled,
    nearest_to_their_end,
    silent,
    tokens,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
BUCKETS = (1,) * (len(HANDLED_BOUNDS) + 1)
TURN = StepsDone("turn", 13, 2, 1, 0.5, 9.5, BUCKETS, 3.0, TRACE)
BEAT = Beat("r", "s", "anvil", 4)
SILENT = SilentAttempt("t", 2, "fix-1/main/work", 70, 600, "claude")


def test_what_a_runner_did_is_told_as_by_any_process() -> None:
    [told] = handled(replace(BEAT, handlers=(TURN,)))
    assert told == Handled("turn", 13, 2, 1, 0.5, "job", 9.5, BUCKETS, (3.0, TRACE))


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(replace(TURN, name="a-label-that-explodes"), id="a name nobody knows"),
        pytest.param(replace(TURN, done=-1), id="a negative count"),
        pytest.param(replace(TURN, seconds=float("nan")), id="no number"),
        pytest.param(replace(TURN, oldest_s=float("inf")), id="without an end"),
        pytest.param(replace(TURN, buckets=(-1, *BUCKETS[1:])), id="a negative bucket"),
    ],
)
def test_what_cannot_be_is_not_handed_on(steps: StepsDone) -> None:
    assert handled(replace(BEAT, handlers=(steps,))) == ()


def test_buckets_of_another_version_and_what_is_no_trace_are_left_out() -> None:
    odd = replace(TURN, buckets=(1, 2), slowest_trace='"} 1\nforged{')
    [told] = handled(replace(BEAT, handlers=(odd,)))
    assert (told.done, told.buckets, told.slowest) == (13, (), None)


def test_tokens_are_counters_by_profile_and_kind() -> None:
    assert tokens(replace(BEAT, tokens=(TokensUsed("claude", 120, 100, 7),))) == tuple(
        Counted(TOKENS, amount, (("profile", "claude"), ("kind", kind)))
        for kind, amount in (("input", 120), ("cached", 100), ("output", 7))
    )


def test_profiles_are_bounded_and_odd_names_are_none() -> None:
    many = tuple(TokensUsed(f"p{n}", 1) for n in range(MAX_PROFILES + 5))
    told = tokens(replace(BEAT, tokens=(TokensUsed('a"b\n', 1), *many)))
    assert {dict(each.labels)["profile"] for each in told} == {f"p{n}" for n in range(MAX_PROFILES)}


def test_a_silence_is_told_of_what_is_at_work_alone() -> None:
    for holding, told in (
        ((), ()),
        ((Holding("t", 2),), (SILENT,)),
        ((Holding("t", 2, "reported"),), ()),
        ((Holding("t", 3),), ()),
    ):
        assert silent(replace(BEAT, silent=(SILENT, SILENT), holding=holding)) == told


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(replace(SILENT, seconds=float("nan")), id="no number"),
        pytest.param(replace(SILENT, seconds=-1), id="before it began"),
        pytest.param(replace(SILENT, limit=0), id="without a time-out"),
        pytest.param(replace(SILENT, limit=float("inf")), id="without an end"),
        pytest.param(replace(SILENT, task="fix-1/main; rm -rf ~"), id="no name of a task"),
        pytest.param(replace(SILENT, agent="a\nb"), id="no name of a profile"),
    ],
)
def test_a_silence_that_cannot_be_is_not_handed_on(odd: SilentAttempt) -> None:
    assert silent(replace(BEAT, silent=(odd,), holding=(Holding("t", 2),))) == ()


def test_a_gateways_beat_has_a_hundred_silences_of_all_its_runners() -> None:
    runners = [
        RunnerHeard(
            str(n), "s", "anvil", 60, 0.1, 2.0,
            silent=tuple(replace(SILENT, task_id=f"{n}-{m}", seconds=m) for m in range(60)),
        )
        for n in range(3)
    ]  # fmt: skip
    told = nearest_to_their_end(runners)
    assert [runner.runner_id for runner in told] == ["0", "1", "2"]
    seconds = sorted(each.seconds for runner in told for each in runner.silent)
    assert (len(seconds), seconds[0], seconds[-1]) == (MAX_SILENT, 26, 59)
    assert nearest_to_their_end(runners[:1]) == runners[:1]
