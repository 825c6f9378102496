"""What the hive does next because of an event: a process manager, pure.

The board has folded the event before it is asked. A reaction may be repeated after a crash: its
commands carry ids that follow from the event, so that each takes effect once.
"""

from hive_contracts.codec import AnyEvent
from hive_contracts.mission import (
    AddItems,
    AdvanceMission,
    AnyMissionCommand,
    MeetPrerequisite,
    MergeConflicted,
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionRefused,
    MissionSucceeded,
    SettleTask,
    TasksPlanned,
)
from hive_contracts.runner import SessionClosed
from hive_contracts.task import (
    AnyTaskCommand,
    CancelTask,
    ItemsReported,
    LoseLease,
    ReopenTask,
    TaskCancelled,
    TaskFailed,
    TaskSucceeded,
)
from hive_orchestrator.board import Board

Reaction = AnyMissionCommand | AnyTaskCommand


def react(event: AnyEvent, board: Board) -> list[Reaction]:
    match event:
        case TaskSucceeded(task_id=id, mission_id=mission, epoch=epoch, result=result):
            found = event.baselines
            return [SettleTask(mission, id, "succeeded", epoch, result, baselines=found)]
        case TaskFailed(task_id=id, mission_id=mission, epoch=epoch, failure=failure):
            return [SettleTask(mission, id, "failed", epoch, failure=failure)]
        case TaskCancelled(task_id=id, mission_id=mission):
            return [SettleTask(mission, id, "cancelled")]
        case ItemsReported(mission_id=mission, phase=phase, items=items):
            return [AddItems(mission, phase, items)]
        case MergeConflicted(task_id=id, tip=tip, failure=failure):
            return [ReopenTask(id, tip, failure)]
        case TasksPlanned(mission_id=mission, more=True):
            return [AdvanceMission(mission)]
        case MissionLaunched(mission_id=mission, prerequisites=prerequisites):
            met = [name for name in prerequisites if name in board.prerequisites.succeeded]
            return [MeetPrerequisite(mission, name) for name in met]
        case MissionSucceeded(mission_id=mission):
            return [*_release(event, board), *_cancel_rest(mission, "the mission succeeded", board)]
        case MissionFailed(mission_id=mission) | MissionRefused(mission_id=mission):
            return _cancel_rest(mission, "the mission failed", board)
        case MissionCancelled(mission_id=mission, reason=reason):
            return _cancel_rest(mission, reason or "the mission was cancelled", board)
        case SessionClosed(session_id=session, reason=reason):
            return [
                LoseLease(card.task_id, card.epoch, f"its runner's session was {reason}")
                for card in board.leases(session)
            ]
    return []


def _release(event: MissionSucceeded, board: Board) -> list[Reaction]:
    waiting = board.prerequisites.waiting.get(event.series, ())
    return [MeetPrerequisite(mission, event.series) for mission in sorted(waiting)]


def _cancel_rest(mission: str, reason: str, board: Board) -> list[Reaction]:
    return [CancelTask(id, reason) for id in board.open_tasks(mission)]
