"""Which states of the policy the hive is in. Pure.

    a budget is surely so low ──▶ entered ──each has `until` again, and `hold` is over──▶ left

What is entered needs evidence (the share that is surely used up, with the objective's confidence),
and what is left needs more budget than what was entered: so a state does not flap. Of an objective
about which nothing is known now nothing follows.
"""

from collections.abc import Iterable
from typing import assert_never

from hive_contracts.policy import (
    LONGEST_OVERRIDE_MS,
    MAX_REASON,
    NOTHING,
    POLICY_ID,
    AnyPolicyCommand,
    AnyPolicyEvent,
    BudgetSeen,
    EndOverride,
    Entered,
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
    evolve,
)


class NotSo(Exception):
    """A person asked for what cannot be done."""

    def __init__(self, message: str, where: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy


def decide(standing: Standing, command: AnyPolicyCommand) -> list[AnyPolicyEvent]:
    """Raises NotSo."""
    match command:
        case ObserveBudgets():
            return _observe(standing, command)
        case OverridePolicy(at_ms=at, by=by, for_ms=for_ms, reason=reason):
            if not reason.strip() or len(reason) > MAX_REASON:
                raise NotSo(
                    "an override needs a reason", "reason", f"say why, in {MAX_REASON} characters"
                )
            if not 0 < for_ms <= LONGEST_OVERRIDE_MS:
                raise NotSo("an override ends within seven days", "for", "write such as 2h")
            return [PolicyOverridden(POLICY_ID, at, by, at + for_ms, reason.strip())]
        case EndOverride(at_ms=at, by=by):
            return [] if standing.override is None else [PolicyOverrideEnded(POLICY_ID, at, by)]
    assert_never(command)


def _observe(standing: Standing, seen: ObserveBudgets) -> list[AnyPolicyEvent]:
    at, policy = seen.at_ms, seen.policy
    events: list[AnyPolicyEvent] = []

    def add(event: AnyPolicyEvent) -> None:
        nonlocal standing
        events.append(event)
        standing = evolve(standing, event)

    if standing.override is not None and at >= standing.override.until_ms:
        add(PolicyOverrideEnded(POLICY_ID, at))
    if policy != standing.policy:
        names = {each.name for each in standing.entered}
        would = restraints(policy, names, standing.entered)
        demanded = would if policy.enforce else NOTHING
        add(PolicyConfigured(POLICY_ID, at, policy, demanded, would))
    budgets = {each.name: each for each in seen.budgets}
    for entered in standing.entered:
        state = next((each for each in policy.states if each.name == entered.name), None)
        if state is None or _is_left(state, entered.since_ms, budgets, at):
            names = {each.name for each in standing.entered} - {entered.name}
            would = restraints(policy, names, standing.entered)
            demanded = would if policy.enforce else NOTHING
            because = _because(state, budgets)
            add(PolicyRelaxed(POLICY_ID, at, entered.name, because, demanded, would))
    for state in policy.states:
        names = {each.name for each in standing.entered}
        if state.name not in names and _is_entered(state, budgets):
            pins = tuple(pin for pin in seen.pins if pin.what in state.pin)
            entered_now = (*standing.entered, Entered(state.name, at, pins=pins))
            would = restraints(policy, names | {state.name}, entered_now)
            demanded = would if policy.enforce else NOTHING
            because = _because(state, budgets)
            add(PolicyTightened(POLICY_ID, at, state.name, because, demanded, would, pins))
    return events


def pins(standing: Standing, seen: ObserveBudgets) -> bool:
    """Whether a state is entered that pins something: then it matters what became worse."""
    entered = {each.name for each in standing.entered}
    budgets = {each.name: each for each in seen.budgets}
    return any(
        state.pin and state.name not in entered and _is_entered(state, budgets)
        for state in seen.policy.states
    )


def restraints(policy: Policy, names: Iterable[str], entered: Iterable[Entered] = ()) -> Restraints:
    """The strictest of what these states demand.

    What a state pins was decided when it was entered; of two pins of a work the older one holds.
    """
    wanted = set(names)
    states = [state for state in policy.states if state.name in wanted]
    pinning = {state.name: state.pin for state in states}
    pins: dict[tuple[str, ...], Pin] = {}
    for each in entered:
        for pin in each.pins:
            if pin.what in pinning.get(each.name, ()):
                pins.setdefault(pin.about, pin)
    if not states:
        return NOTHING
    most = [state.slots_most for state in states if state.slots_most]
    told = ", ".join(f"`{state.name}` ({_entered_at(state)})" for state in states)
    return Restraints(
        min(state.slots_share for state in states),
        min(most, default=0),
        any(state.approve for state in states),
        any(state.freeze_landing for state in states),
        f"the error-budget policy is in {told}",
        tuple(pins.values()),
    )


def _entered_at(state: PolicyState) -> str:
    return " or ".join(f"{each.objective} at {each.left:.0%}" for each in state.budgets)


def _is_entered(state: PolicyState, budgets: dict[str, BudgetSeen]) -> bool:
    return any(
        (seen := budgets.get(each.objective)) is not None
        and seen.left is not None
        and seen.surely_left <= each.left
        for each in state.budgets
    )


def _is_left(state: PolicyState, since_ms: int, budgets: dict[str, BudgetSeen], at_ms: int) -> bool:
    if at_ms - since_ms < state.hold_s * 1000:
        return False
    seen = [budgets.get(each.objective) for each in state.budgets]
    return all(
        each is not None and (each.left is None or each.left >= state.until) for each in seen
    )


def _because(state: PolicyState | None, budgets: dict[str, BudgetSeen]) -> tuple[BudgetSeen, ...]:
    """The budgets that it looks at; none where the file does not have the state any more."""
    names = [] if state is None else [each.objective for each in state.budgets]
    return tuple(budgets[name] for name in names if name in budgets)
