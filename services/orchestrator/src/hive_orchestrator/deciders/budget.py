"""A mission's budget: what an attempt may use of it, and what it has used.

                       ReserveLease
    task queued ──▶ ReservationMade + TaskLeased, one append ──▶ report ──▶ ReservationSettled
                └─▶ MissionPaused, where nothing is left and nothing at work could leave any

The lease and the reservation name the versions of both streams that they were decided on, so
whoever schedules, the reservations of a mission never pass its caps together.
"""

from typing import Final

from msgspec.structs import replace

from hive_contracts.budget import Cap, Purse, attempt_key
from hive_contracts.mission import (
    AnyMissionEvent,
    BudgetWarned,
    MissionPaused,
    ReservationMade,
    ReservationSettled,
    ReserveLease,
    SettleReservation,
    SpendWall,
)
from hive_contracts.policy import NOTHING, Restraints
from hive_contracts.task import AnyTaskEvent, TaskLeased
from hive_orchestrator.deciders import task as tasks
from hive_orchestrator.deciders.mission_state import Active, Mission, accounted
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.deciders.task_state import Task

BY: Final = "hive"
"""Who pauses a mission at a cap."""


def reserve(
    mission: Mission, task: Task, command: ReserveLease, demanded: Restraints = NOTHING
) -> list[AnyMissionEvent | AnyTaskEvent]:
    """The lease of a task with what its attempt may use, or the pause of the mission at a cap.

    Raises Rejected, also where what is left has to wait for others to end.
    """
    if not isinstance(mission, Active) or mission.purse is None or mission.paused is not None:
        raise Rejected("stale", "the mission gives out nothing now")
    id, purse = command.lease.task_id, mission.purse
    share = purse.share(id, command.among)
    if share is None:
        cap = purse.used_up(id)
        if cap is None:
            raise Rejected("stale", "what is left of the budget is reserved")
        return [_at_cap(command.mission_id, purse, cap, id)]
    leased = tasks.decide(task, replace(command.lease, cap=share), demanded=demanded)
    epochs = [event.epoch for event in leased if isinstance(event, TaskLeased)]
    return [ReservationMade(command.mission_id, id, epochs[0], share), *leased]


def settle(mission: Active, command: SettleReservation) -> list[AnyMissionEvent]:
    """What an attempt used takes the place of what it had reserved; `spent` of None loses it."""
    key = attempt_key(command.task_id, command.epoch)
    purse = mission.purse
    if purse is None or not purse.knows(key):
        return []
    if command.spent is None and key in purse.lost:
        return []
    id = command.mission_id
    settled = ReservationSettled(id, command.task_id, command.epoch, command.spent, command.stopped)
    after = accounted(purse, settled) or purse
    warned = [BudgetWarned(id, cap, after.used(cap), after.budget.of(cap)) for cap in after.near()]
    return [settled, *warned]


def spend_wall(mission: Active, command: SpendWall) -> list[AnyMissionEvent]:
    """Time has passed: a warning, or the pause at the cap; nothing where the cap was raised."""
    purse, id = mission.purse, command.mission_id
    if purse is None or mission.paused is not None or purse.budget.wall != command.limit:
        return []
    if command.spent >= command.limit:
        used = f"its wall time of {said(command.limit)} is used up"
        return [MissionPaused(id, used, BY, cap="wall")]
    if "wall" in purse.warned:
        return []
    return [BudgetWarned(id, "wall", command.spent, command.limit)]


def _at_cap(id: str, purse: Purse, cap: Cap, task_id: str) -> MissionPaused:
    why = f"{_of(cap, purse.used(cap), purse.budget.of(cap))} are used"
    met = purse.met.get(task_id)
    if met is not None and purse.left(cap) > 0:
        why += ", and what is left is no more than an attempt was stopped at before"
    lost = sum(1 for share in purse.lost.values() if getattr(share, cap))
    if lost:
        why += f", with all that {lost} vanished {'attempt' if lost == 1 else 'attempts'} had"
    return MissionPaused(id, f"at the cap: {why}", BY, cap=cap)


def _of(cap: Cap, used: float, limit: float) -> str:
    """`$3.20 of $5.00`, `1,200,000 of 6,000,000 tokens`."""
    if cap == "usd":
        return f"${used:.2f} of ${limit:.2f}"
    return f"{used:,.0f} of {limit:,.0f} tokens"


def said(seconds: float) -> str:
    """`2 h`, `90 min`, `45 s`."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
