"""The pause of a mission, and its end.

A paused mission leases nothing; what is at work goes on to its end, unless it is paused `now`. A
pause at a cap ends once that cap is raised.
"""

from typing import Final

from msgspec.structs import replace

from hive_contracts.budget import CAPS, Budget
from hive_contracts.mission import (
    AnyMissionEvent,
    BudgetRaised,
    MissionPaused,
    MissionResumed,
    PauseMission,
    RaiseBudget,
    ResumeMission,
)
from hive_orchestrator.deciders.mission_state import Active, evolve
from hive_orchestrator.deciders.rejected import Rejected

MAX_REASON: Final = 1_000
"""Characters."""


def pause(mission: Active, command: PauseMission) -> list[AnyMissionEvent]:
    if len(command.reason) > MAX_REASON:
        raise Rejected("invalid", f"a reason has at most {MAX_REASON} characters", "reason")
    before = mission.paused
    if before is not None and (before.now or not command.now):
        return []
    reason = command.reason or (before.reason if before else "")
    cap = before.cap if before else ""
    return [MissionPaused(command.mission_id, reason, command.by, command.now, cap)]


def resume(mission: Active, command: ResumeMission) -> list[AnyMissionEvent]:
    events: list[AnyMissionEvent] = []
    if command.add is not None:
        events = [_raised(mission, command.mission_id, command.add, command.by)]
        mission = _after(mission, events)
    if mission.paused is None:
        return events
    if mission.paused.cap:
        cap = mission.paused.cap
        example = {"usd": "usd=20", "tokens": "tokens=1M", "wall": "wall=1h"}[cap]
        raise Rejected(
            "conflict",
            f"it would stop again at once: {mission.paused.reason}",
            "mission",
            f"hive resume {mission.launched.name} --add {example}",
        )
    return [*events, MissionResumed(command.mission_id, command.by)]


def raise_budget(mission: Active, command: RaiseBudget) -> list[AnyMissionEvent]:
    raised = _raised(mission, command.mission_id, command.add, command.by)
    after = _after(mission, [raised])
    before = mission.paused
    if before is not None and before.cap and after.paused is not None and not after.paused.cap:
        return [raised, MissionResumed(command.mission_id, command.by)]
    return [raised]


def _raised(mission: Active, id: str, add: Budget, by: str) -> BudgetRaised:
    name = mission.launched.name
    if mission.purse is None:
        raise Rejected("conflict", f"{name} has no budget, so nothing bounds it", "mission")
    budget = mission.purse.budget
    for cap in CAPS:
        if add.of(cap) < 0:
            raise Rejected("invalid", "a cap can only be raised", f"add.{cap}")
        if add.of(cap) and not budget.of(cap):
            raise Rejected("invalid", f"{name} has no cap on {cap}", f"add.{cap}")
    if not any(add.of(cap) for cap in CAPS):
        raise Rejected("invalid", "nothing is added", "add", "give usd, tokens or wall")
    return BudgetRaised(id, replace(budget.plus(add), warn=budget.warn), by)


def _after(mission: Active, events: list[AnyMissionEvent]) -> Active:
    for event in events:
        after = evolve(mission, event)
        assert isinstance(after, Active)
        mission = after
    return mission
