"""The error-budget policy: given what was recorded, when budgets are seen, then these events."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hive_contracts.policy import (
    NOTHING,
    AnyPolicyCommand,
    AnyPolicyEvent,
    BudgetSeen,
    EndOverride,
    ObserveBudgets,
    OverridePolicy,
    Pin,
    Policy,
    PolicyConfigured,
    PolicyOverridden,
    PolicyOverrideEnded,
    PolicyRelaxed,
    PolicyState,
    PolicyTightened,
    Restraints,
    Standing,
    Threshold,
    evolve,
)
from hive_health.policy.decider import NotSo, decide, pins, restraints

H = 3_600_000
CAREFUL = PolicyState("careful", (Threshold("a", 0.25),), 0.4, slots_share=0.5)
FROZEN = PolicyState(
    "frozen", (Threshold("a", 0.0), Threshold("b", 0.1)), 0.2, 7200, slots_most=1,
    approve=True, freeze_landing=True,
)  # fmt: skip
POLICY = Policy((CAREFUL, FROZEN), enforce=True)
DRY = replace(POLICY, enforce=False)
ONE = restraints(POLICY, {"careful"})
BOTH = restraints(POLICY, {"careful", "frozen"})


def seen(
    at: float, a: float | None = 1.0, b: float | None = 1.0, policy: Policy = POLICY
) -> ObserveBudgets:
    budgets = [BudgetSeen(n, v, 1.0 if v is None else v) for n, v in (("a", a), ("b", b))]
    return ObserveBudgets(int(at * H), policy, tuple(budgets))


def told(*commands: AnyPolicyCommand) -> Standing:
    standing = Standing()
    for command in commands:
        for event in decide(standing, command):
            standing = evolve(standing, event)
    return standing


def kinds(standing: Standing, command: AnyPolicyCommand) -> list[str]:
    return [
        f"{type(event).__name__} {getattr(event, 'state', '')}".strip()
        for event in decide(standing, command)
    ]


BEGUN = seen(0)
LOW = seen(1, 0.2)


def test_together_the_strictest_holds() -> None:
    assert (ONE.slots_share, ONE.slots_most, ONE.approve, ONE.freeze_landing) == (0.5, 0, False, 0)
    assert (BOTH.slots_share, BOTH.slots_most, BOTH.approve, BOTH.freeze_landing) == (0.5, 1, 1, 1)
    assert "`careful` (a at 25%), `frozen` (a at 0% or b at 10%)" in BOTH.reason


@pytest.mark.parametrize(
    ("before", "when", "then"),
    [
        pytest.param([], seen(0, policy=Policy()), [], id="without a policy nothing is recorded"),
        pytest.param([], BEGUN, ["PolicyConfigured"], id="a file is recorded once"),
        pytest.param([BEGUN], seen(1), [], id="all well"),
        pytest.param([BEGUN], LOW, ["PolicyTightened careful"], id="a low budget enters a state"),
        pytest.param([BEGUN, LOW], seen(2, 0.2), [], id="once"),
        pytest.param([BEGUN, LOW], seen(3, 0.39), [], id="more than that leaves it not yet"),
        pytest.param([BEGUN, LOW], seen(1.9, 0.9), [], id="nor does anything before its time"),
        pytest.param([BEGUN, LOW], seen(3, 0.4), ["PolicyRelaxed careful"], id="then it is left"),
        pytest.param([BEGUN, LOW], seen(3, None), ["PolicyRelaxed careful"], id="nothing happened"),
        pytest.param(
            [BEGUN, LOW], ObserveBudgets(3 * H, POLICY, ()), [], id="of what is not known: nothing"
        ),
        pytest.param(
            [BEGUN, LOW],
            seen(2, -0.1),
            ["PolicyTightened frozen"],
            id="one state follows another",
        ),
        pytest.param(
            [BEGUN, LOW],
            seen(2, 0.2, policy=DRY),
            ["PolicyConfigured"],
            id="a dry run keeps the states",
        ),
        pytest.param(
            [BEGUN, LOW],
            seen(1.1, 0.2, policy=Policy((FROZEN,), enforce=True)),
            ["PolicyConfigured", "PolicyRelaxed careful"],
            id="a state that is not in the file any more is left at once",
        ),
        pytest.param(
            [BEGUN, LOW, OverridePolicy(2 * H, "ann", H, "a release")],
            seen(3, 0.2),
            ["PolicyOverrideEnded"],
            id="an override ends by its time",
        ),
        pytest.param([BEGUN], EndOverride(1, "ann"), [], id="there is none to be ended"),
        pytest.param(
            [OverridePolicy(2, "ann", H, "a release")],
            EndOverride(3, "bob"),
            ["PolicyOverrideEnded"],
            id="a person ends it",
        ),
    ],
)
def test_given_when_then(
    before: list[AnyPolicyCommand], when: AnyPolicyCommand, then: list[str]
) -> None:
    assert kinds(told(*before), when) == then


def test_evidence_is_needed_not_only_a_low_number() -> None:
    unsure = ObserveBudgets(H, POLICY, (BudgetSeen("a", 0.1, 0.6),))
    assert kinds(told(BEGUN), unsure) == []


def test_a_dry_run_demands_nothing_and_says_what_it_would() -> None:
    standing = told(seen(0, policy=DRY), seen(1, 0.2, policy=DRY))
    assert (standing.demanded, standing.would) == (NOTHING, ONE)
    enforced = evolve(standing, decide(standing, seen(2, 0.2))[0])
    assert enforced.demanded == ONE


def test_an_override_lets_all_go_on_until_its_end_though_nobody_ends_it() -> None:
    standing = told(BEGUN, LOW, OverridePolicy(2 * H, "ann", H, "a release"))
    assert standing.demanded == ONE
    assert standing.in_force(3 * H - 1) == NOTHING
    assert standing.in_force(3 * H) == ONE
    assert told(BEGUN, LOW, OverridePolicy(2 * H, "ann", H, "x"), EndOverride(2 * H + 1, "a")) == (
        told(BEGUN, LOW)
    )


@pytest.mark.parametrize(
    ("command", "where"),
    [
        (OverridePolicy(0, "ann", H, " "), "reason"),
        (OverridePolicy(0, "ann", H, "x" * 501), "reason"),
        (OverridePolicy(0, "ann", 0, "why"), "for"),
        (OverridePolicy(0, "ann", 8 * 24 * H, "why"), "for"),
    ],
)
def test_an_override_has_a_reason_and_an_end(command: OverridePolicy, where: str) -> None:
    with pytest.raises(NotSo) as refused:
        decide(Standing(), command)
    assert (refused.value.where, bool(refused.value.remedy)) == (where, True)


LEFT = st.one_of(st.none(), st.floats(-1, 1))
STEPS = st.lists(
    st.one_of(
        st.builds(
            seen, st.just(0.0), LEFT, LEFT,
            st.sampled_from([POLICY, DRY, Policy(), Policy((FROZEN,), enforce=True)]),
        ),
        st.builds(OverridePolicy, st.just(0), st.just("ann"), st.integers(1, 3 * H), st.just("r")),
        st.just(EndOverride(0, "ann")),
    ),
    max_size=40,
)  # fmt: skip


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_what_is_demanded_is_always_what_its_states_demand(
    steps: list[ObserveBudgets | OverridePolicy | EndOverride],
) -> None:
    standing = Standing()
    for at, step in enumerate(steps):
        command = replace(step, at_ms=at * H)
        events: list[AnyPolicyEvent] = decide(standing, command)
        for event in events:
            standing = evolve(standing, event)
        # Said twice is done once.
        if isinstance(command, ObserveBudgets):
            assert decide(standing, command) == []
        names = {each.name for each in standing.entered}
        assert names <= {state.name for state in standing.policy.states}
        would = restraints(standing.policy, names)
        assert standing.would == would
        assert standing.demanded == (would if standing.policy.enforce else NOTHING)
        if standing.override is None:
            assert standing.in_force(at * H) == standing.demanded


@given(st.lists(st.floats(0.3, 0.38), min_size=5, max_size=30))
def test_between_the_two_thresholds_nothing_flaps(lefts: list[float]) -> None:
    standing = told(BEGUN, LOW)
    for at, left in enumerate(lefts):
        assert decide(standing, seen(3 + at, left)) == []
        assert decide(told(BEGUN), seen(3 + at, left)) == []


def test_events_are_about_the_one_stream() -> None:
    for event in (
        *decide(Standing(), BEGUN),
        PolicyOverridden("hive", 1, "a", 2, "r"),
        PolicyOverrideEnded("hive", 1),
        PolicyTightened("hive", 1, "s", (), NOTHING, Restraints()),
        PolicyRelaxed("hive", 1, "s", (), NOTHING, NOTHING),
    ):
        assert event.policy_id == "hive"
    assert isinstance(decide(Standing(), BEGUN)[0], PolicyConfigured)


MODEL = Pin("/app", "fix", "main", "claude", "model", "sonnet", "opus")
PROMPT = Pin("/app", "fix", "main", "claude", "prompt", "aa", "bb")
OLD = PolicyState("old", (Threshold("a", 0.25),), 0.4, pin=("model",))
PINNING = Policy((OLD, replace(FROZEN, pin=("model", "prompt"))), enforce=True)


def worse(at: float, a: float, *old: Pin, policy: Policy = PINNING) -> ObserveBudgets:
    return replace(seen(at, a, policy=policy), pins=old)


def test_a_state_pins_what_had_become_worse_when_it_was_entered() -> None:
    begun, low = worse(0, 1), worse(1, 0.2, MODEL, PROMPT)
    [tightened] = decide(told(begun), low)
    assert isinstance(tightened, PolicyTightened)
    assert tightened.pins == tightened.demanded.pins == (MODEL,)
    later = replace(MODEL, to="haiku")
    assert kinds(told(begun, low), worse(2, 0.2, later)) == []
    both = told(begun, low, worse(2, -0.1, later, PROMPT))
    assert both.demanded.pins == (MODEL, PROMPT), "of two pins of a work the older one holds"
    assert both.demanded.pinned("/app", "fix", "main", "claude", "model") == MODEL
    assert both.demanded.pinned("/app", "fix", "other", "claude", "model") is None
    left = told(begun, low, worse(2, -0.1, later, PROMPT), worse(9, 0.9))
    assert (left.entered, left.demanded) == ((), NOTHING)


def test_pins_are_held_while_the_file_changes_and_only_shown_in_a_dry_run() -> None:
    dry = replace(PINNING, enforce=False)
    standing = told(worse(0, 1, policy=dry), worse(1, 0.2, MODEL, policy=dry))
    assert (standing.demanded.pins, standing.would.pins) == ((), (MODEL,))
    enforced = evolve(standing, decide(standing, worse(1.1, 0.2))[0])
    assert enforced.demanded.pins == (MODEL,)
    no_more = Policy((replace(OLD, pin=(), slots_most=1),), enforce=True)
    unpinned = evolve(enforced, decide(enforced, worse(1.2, 0.2, policy=no_more))[0])
    assert (unpinned.demanded.pins, unpinned.demanded.slots_most) == ((), 1)
    overridden = evolve(enforced, PolicyOverridden("hive", 0, "ann", 9 * H, "a release"))
    assert overridden.in_force(2 * H).pins == ()


def test_only_where_a_state_that_pins_is_entered_it_matters_what_became_worse() -> None:
    assert not pins(told(worse(0, 1)), worse(1, 0.9))
    assert pins(told(worse(0, 1)), worse(1, 0.2))
    assert not pins(told(worse(0, 1), worse(1, 0.2)), worse(2, 0.2))
    assert not pins(told(BEGUN), LOW)
