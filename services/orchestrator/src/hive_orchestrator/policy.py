"""What the hive does next because of an event: a process manager, pure.

The board has folded the event before it is asked. A reaction may be repeated after a crash: its
commands carry ids that follow from the event, so that each takes effect once.
"""

from typing import Final

from hive_contracts.budget import Spent, attempt_key
from hive_contracts.codec import AnyEvent
from hive_contracts.github.pull_request import RoundAsked
from hive_contracts.mission import (
    AddItems,
    AdvanceMission,
    AnyMissionCommand,
    MeetPrerequisite,
    MergeConflicted,
    MissionCancelled,
    MissionFailed,
    MissionLanded,
    MissionLaunched,
    MissionPaused,
    MissionRefused,
    MissionSucceeded,
    RecordLanding,
    ReviseMission,
    SettleReservation,
    SettleTask,
    TasksPlanned,
)
from hive_contracts.outcome import AgentRun, WorkDone
from hive_contracts.runner import SessionClosed
from hive_contracts.task import (
    AnyTaskCommand,
    AttemptFailed,
    AttemptSucceeded,
    CancelTask,
    HandoverLost,
    ItemsReported,
    LeaseLost,
    LeaseWithdrawn,
    LoseLease,
    QuestionAsked,
    ReopenTask,
    ReportIgnored,
    TaskCancelled,
    TaskFailed,
    TaskLeased,
    TaskSucceeded,
    TaskTaken,
    UsageReported,
    WorkHandedOver,
)
from hive_orchestrator.board import Board

Reaction = AnyMissionCommand | AnyTaskCommand


PAUSED: Final = "the mission is paused"


def react(event: AnyEvent, board: Board) -> list[Reaction]:
    if board.standings.of and (follows := _by_standing(event, board)):
        return [*follows, *_react(event, board)]
    return _react(event, board)


def _react(event: AnyEvent, board: Board) -> list[Reaction]:
    match event:
        case TaskSucceeded(task_id=id, mission_id=mission, epoch=epoch, result=result):
            found = event.baselines
            return [SettleTask(mission, id, "succeeded", epoch, result, baselines=found)]
        case TaskFailed(task_id=id, mission_id=mission, epoch=epoch, failure=failure):
            return [SettleTask(mission, id, "failed", epoch, failure=failure)]
        case TaskTaken(task_id=id, interrupted=epoch) if epoch:
            card = board.cards.of.get(id)
            if card is not None and card.session_id not in board.sessions:
                return [LoseLease(id, epoch, "its runner's session was over")]
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
        case MissionLanded(branch=branch, by=by, earlier=earlier) if earlier is not None:
            return [RecordLanding(earlier.mission_id, earlier.commit, branch, by)]
        case RoundAsked(mission_id=mission, round=round, finding=finding, merge=merge):
            return [
                ReviseMission(mission, round, event.title, finding, event.by, event.task, merge)
            ]
        case SessionClosed(session_id=session, reason=reason):
            return [
                LoseLease(card.task_id, card.epoch, f"its runner's session was {reason}")
                for card in board.cards.of_session(session)
            ]
    return []


def _by_standing(event: AnyEvent, board: Board) -> list[Reaction]:
    """What follows where a mission is paused, or has a budget."""
    match event:
        case MissionPaused(mission_id=mission, now=True):
            return [
                LoseLease(card.task_id, card.epoch, PAUSED, "paused")
                for id in board.cards.of_mission(mission)
                if (card := board.cards.of[id]).status in ("leased", "running")
            ]
        case TaskLeased(task_id=id, epoch=epoch):
            # It was on its way while the pause was written.
            late = board.standings.is_paused(_mission_of(id, board))
            return [LoseLease(id, epoch, PAUSED, "paused")] if late else []
        case AttemptSucceeded(task_id=id, epoch=epoch, result=WorkDone(agent=agent)):
            return _settled(board, _mission_of(id, board), id, epoch, _spent(agent))
        case QuestionAsked(task_id=id, epoch=epoch, work=WorkDone(agent=agent)):
            return _settled(board, _mission_of(id, board), id, epoch, _spent(agent))
        case AttemptFailed(task_id=id, epoch=epoch, failure=failure):
            stopped = failure.kind == "budget"
            mission = _mission_of(id, board)
            return _settled(board, mission, id, epoch, _spent(failure.agent), stopped=stopped)
        case LeaseLost(task_id=id, epoch=epoch, fault=fault):
            nothing = Spent() if fault == "declined" else None
            return _settled(board, _mission_of(id, board), id, epoch, nothing)
        case TaskTaken(task_id=id):
            # Counted in full until it is handed over, and for good where that never comes.
            mission = _mission_of(id, board)
            standing = board.standings.of.get(mission)
            held = standing.purse.reserved if standing and standing.purse else {}
            epochs = [int(key.partition("/")[2]) for key in held if key.startswith(f"{id}/")]
            return [SettleReservation(mission, id, epoch) for epoch in epochs]
        case WorkHandedOver(task_id=id, epoch=epoch, handover=handover):
            return _settled(board, _mission_of(id, board), id, epoch, _spent(handover.agent))
        case HandoverLost(task_id=id, epoch=epoch):
            return _settled(board, _mission_of(id, board), id, epoch, None)
        case LeaseWithdrawn(task_id=id, epoch=epoch):
            return _settled(board, _mission_of(id, board), id, epoch, None)
        case ReportIgnored(task_id=id, epoch=epoch, mission_id=mission, usage=usage) if usage:
            return _settled(board, mission, id, epoch, usage.spent())
        case UsageReported(task_id=id, epoch=epoch, mission_id=mission, usage=usage):
            return _settled(board, mission, id, epoch, usage.spent())
    return []


def _settled(
    board: Board,
    mission: str,
    task_id: str,
    epoch: int,
    spent: Spent | None,
    *,
    stopped: bool = False,
) -> list[Reaction]:
    standing = board.standings.of.get(mission)
    if standing is None or standing.purse is None:
        return []
    if not standing.purse.knows(attempt_key(task_id, epoch)):
        return []
    return [SettleReservation(mission, task_id, epoch, spent, stopped)]


def _mission_of(task_id: str, board: Board) -> str:
    card = board.cards.of.get(task_id)
    return card.mission_id if card else ""


def _spent(agent: AgentRun | None) -> Spent:
    """What a report tells; an agent that did not say is counted with all that it had."""
    if agent is None:
        return Spent()
    if agent.usage is None:
        return Spent(known_usd=False, known_tokens=False)
    return agent.usage.spent()


def _release(event: MissionSucceeded, board: Board) -> list[Reaction]:
    waiting = board.prerequisites.waiting.get(event.series, ())
    return [MeetPrerequisite(mission, event.series) for mission in sorted(waiting)]


def _cancel_rest(mission: str, reason: str, board: Board) -> list[Reaction]:
    return [CancelTask(id, reason) for id in board.cards.of_mission(mission)]
