"""A task that a person takes over and gives back.

                  TakeTask                  WorkHandedOver, HandoverLost
    Queued, Leased, ─────▶ Taken (awaited) ──────────────────────────────▶ Taken
    Running, BackingOff      │                                               │ GiveTask
                             └─────────────────────▶ Queued ◀────────────────┘

Taking mints an epoch that has begun: from then on no report of an earlier one takes effect, so two
never write. Of the epoch that was at work only what it left is still of use. Where that does not
come, because its runner declines or is gone, the person goes on from the tip. Nothing about a taken
task times out.
"""

from hive_contracts.outcome import Failure, HandedOver, Outcome, WorkDone
from hive_contracts.task import (
    AnyTaskEvent,
    GiveTask,
    HandoverLost,
    ReportIgnored,
    TakeTask,
    TaskGiven,
    TaskTaken,
    WorkHandedOver,
)
from hive_orchestrator.deciders.hints import check_hint
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.deciders.task_state import (
    AwaitingApproval,
    Ended,
    Facts,
    Leased,
    Open,
    Running,
    Taken,
)

NO_WORK = "it had not begun to change anything"


def take(task: Open | Ended, command: TakeTask) -> list[AnyTaskEvent]:
    """Raises Rejected."""
    facts = task.facts
    planned, name = facts.planned, facts.planned.spec.name
    if isinstance(task, Taken) and task.by == command.by:
        return []
    if isinstance(task, Taken):
        remedy = f"ask {task.by} for it, or have it given back: hive give TASK --drop --force"
        raise Rejected("conflict", f"task {name} was taken by {task.by}", "task", remedy)
    if planned.kind != "work" or planned.repository is None:
        raise Rejected("invalid", f"task {name} is no work in a repository", "task")
    if isinstance(task, AwaitingApproval):
        raise Rejected(
            "conflict", f"task {name} is done and waits for an answer", "task",
            "answer it: hive mission approve, or reject",
        )  # fmt: skip
    if isinstance(task, Ended):
        raise Rejected("conflict", f"task {name} has ended", "task")
    at_work = isinstance(task, Leased | Running) and facts.step == "work"
    return [
        TaskTaken(
            command.task_id,
            epoch=facts.minted + 1,
            by=command.by,
            tip=facts.tip,
            interrupted=facts.minted if at_work else 0,
            found=_found(facts),
        )
    ]


def hand_over(task: Taken, epoch: int, outcome: Outcome) -> list[AnyTaskEvent]:
    """What a report of an epoch is worth to the person who has the task now."""
    id = task.facts.planned.task_id
    if epoch != task.interrupted:
        return [ReportIgnored(id, epoch, f"the task was taken by {task.by}")]
    match outcome:
        case HandedOver():
            return [WorkHandedOver(id, epoch, outcome)]
        case WorkDone(commit=commit, bundle=bundle):
            # It was done by itself a moment before.
            left = HandedOver(commit, bundle, outcome.output, outcome.setup, outcome.agent)
            return [WorkHandedOver(id, epoch, left)]
        case Failure(detail=detail):
            return [HandoverLost(id, epoch, f"the attempt had failed: {detail}")]
        case _:
            return [HandoverLost(id, epoch, NO_WORK)]


def lose_handover(task: Taken, epoch: int, reason: str) -> list[AnyTaskEvent]:
    if not epoch or epoch != task.interrupted:
        return []
    return [HandoverLost(task.facts.planned.task_id, epoch, reason)]


def give(task: Open | Ended, command: GiveTask) -> list[AnyTaskEvent]:
    """Raises Rejected."""
    facts = task.facts
    name = facts.planned.spec.name
    if isinstance(task, Ended):
        raise Rejected(
            "conflict", f"task {name} has ended, so nothing can be given to it", "task",
            "merge what you made by hand",
        )  # fmt: skip
    if not isinstance(task, Taken):
        raise Rejected("conflict", f"task {name} is not taken", "task", "take it: hive take")
    if task.by != command.by and not command.force:
        raise Rejected(
            "conflict", f"task {name} was taken by {task.by}, not by you", "task",
            "give it back in spite of that with --force",
        )  # fmt: skip
    if command.epoch not in (0, facts.minted):
        raise Rejected("stale", f"task {name} was given back and taken again since", "epoch")
    _check_work(name, command)
    note = command.note.strip()
    if note:
        check_hint(facts, note)
    return [
        TaskGiven(
            command.task_id,
            facts.minted,
            command.by,
            command.commit,
            command.bundle,
            note,
            command.done,
            command.drop,
            task.by if task.by != command.by else "",
        )
    ]


def _check_work(name: str, command: GiveTask) -> None:
    if bool(command.commit) != (command.bundle is not None):
        raise Rejected("invalid", "a commit comes with its bundle", "bundle")
    if command.drop and (command.commit or command.done):
        raise Rejected("invalid", "what is dropped brings no work", "drop")
    if command.done and not command.commit:
        raise Rejected(
            "invalid", f"nothing was changed, so task {name} is not done", "done",
            "give it back without --done",
        )  # fmt: skip


def _found(facts: Facts) -> HandedOver | None:
    """Work that is known already: done and not judged yet, or left by a person before."""
    result = facts.result
    if isinstance(result, WorkDone) and result.commit:
        return HandedOver(result.commit, result.bundle, agent=result.agent)
    if facts.start is not None:
        return HandedOver(facts.start.commit, facts.start.bundle)
    return None
