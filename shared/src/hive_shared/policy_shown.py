"""The error-budget policy as people are shown it. Pure."""

from msgspec.structs import replace

from hive_contracts.policy import Restraints, Standing
from hive_contracts.policy_report import PolicyReport, StateShown


def shown(standing: Standing, now_ms: int, problem: str = "") -> PolicyReport:
    entered = {each.name: each for each in standing.entered}
    states = []
    for state in standing.policy.states:
        demands = Restraints(
            state.slots_share, state.slots_most, state.approve, state.freeze_landing
        )
        now = entered.get(state.name)
        if now is not None:
            pins = tuple(pin for pin in now.pins if pin.what in state.pin)
            demands = replace(demands, pins=pins)
        states.append(
            StateShown(
                state.name,
                0 if now is None else now.since_ms,
                demands,
                () if now is None else now.because,
                state.pin,
            )
        )
    override = standing.override
    if override is not None and now_ms >= override.until_ms:
        override = None
    return PolicyReport(
        standing.policy.enforce,
        standing.in_force(now_ms),
        standing.would,
        tuple(states),
        "" if override is None else override.by,
        0 if override is None else override.until_ms,
        "" if override is None else override.reason,
        problem,
    )
