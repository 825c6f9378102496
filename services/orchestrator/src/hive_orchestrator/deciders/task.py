"""A task, its attempts and its gates.

                        LeaseTask            StartAttempt           report
    TaskPlanned ▶ Queued ────────▶ Leased ────────────▶ Running ─────────────▶ next step, or the end
                    ▲  ▲ LeaseLost   │                    │ │
                    │  └─────────────┴────────────────────┘ │ failure, attempts left
                    │ RequeueTask                           ▼
                    └─────────────────────────────────── BackingOff

A `work` task is leased for `work`, then (where a runner has gates to judge) for `gates`, then waits
in AwaitingApproval for its approval gates, and for a person's consent where it changed protected
paths, then is Succeeded. Each lease mints an epoch. The report of an epoch is taken as long as no
later epoch has begun, however late it comes; else it is recorded and changes nothing. A refusal
ends the task, but for that of a change of protected paths: then it is done again. Succeeded is left
again only by ReopenTask, where the work did not merge.
"""

from typing import Final

from hive_contracts.plan import (
    MAX_DETAIL,
    PROTECTED_GATE,
    ApprovalGate,
    Failure,
    GateResult,
    GatesRun,
    ItemsListed,
    MergeDone,
    Outcome,
    WorkDone,
)
from hive_contracts.task import (
    AnyTaskCommand,
    AnyTaskEvent,
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    ApproveGate,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    CancelTask,
    GatesJudged,
    ItemsReported,
    LeaseLost,
    LeaseTask,
    LeaseWithdrawn,
    LoseLease,
    RejectGate,
    ReopenTask,
    ReportAttempt,
    ReportIgnored,
    RequeueTask,
    RetryScheduled,
    StartAttempt,
    TaskCancelled,
    TaskFailed,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskRequeued,
    TaskSucceeded,
    TaskTold,
    TellTask,
    TimeOutTask,
)
from hive_orchestrator.deciders.baselines import by_gate, news
from hive_orchestrator.deciders.items import in_chunks
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.deciders.task_state import (
    AwaitingApproval,
    BackingOff,
    Ended,
    Facts,
    Leased,
    Open,
    Queued,
    Running,
    Succeeded,
    Task,
    Unplanned,
    checks,
    first_step,
)

MAX_UNCOUNTED: Final = 20
"""Epochs that may be lost by nobody's fault before the task is given up."""
INFRASTRUCTURE_BACKOFF: Final = 2.0
"""Seconds before the second try after an infrastructure failure; doubles each time."""
INFRASTRUCTURE_BACKOFF_MAX: Final = 60.0
MAX_HINT: Final = 4_000
"""Characters of what a task is told at a time."""
MAX_HINTS: Final = 20
PROMPT_LOSSES: Final = 3
"""Leases that may be lost in a row before the next one waits."""


def plan(planned: TaskPlanned) -> list[AnyTaskEvent]:
    """The first events of a task's stream."""
    approvals = _approvals(planned) if first_step(planned) is None else ()
    return [planned, *(_requested(planned, gate) for gate in approvals)]


def decide(task: Task, command: AnyTaskCommand, jitter: float = 0.0) -> list[AnyTaskEvent]:
    """What a command brings about; `jitter`, from -1 to 1, spreads back-offs by a fifth.

    Raises Rejected.
    """
    if isinstance(task, Unplanned):
        raise Rejected("not-found", f"there is no task {command.task_id}")
    match command:
        case LeaseTask():
            return _lease(task, command)
        case StartAttempt(epoch=epoch):
            return _start(task, epoch)
        case ReportAttempt():
            return _report(task, command, jitter)
        case LoseLease(epoch=epoch, reason=reason):
            return _lose(task, epoch, reason, jitter)
        case RequeueTask():
            return _requeue(task)
        case TimeOutTask():
            return _time_out(task, command, jitter)
        case ApproveGate() | RejectGate():
            return _judge(task, command, jitter)
        case TellTask():
            return _tell(task, command)
        case ReopenTask():
            return _reopen(task, command)
        case CancelTask(reason=reason):
            return _cancel(task, reason)


def _lease(task: Open | Ended, command: LeaseTask) -> list[AnyTaskEvent]:
    if not isinstance(task, Queued):
        raise Rejected("stale", f"task {command.task_id} is not waiting for a runner")
    facts = task.facts
    return [
        TaskLeased(
            command.task_id,
            epoch=facts.minted + 1,
            step=facts.step,
            runner_id=command.runner_id,
            session_id=command.session_id,
            start_timeout=facts.planned.spec.timeouts.start,
        )
    ]


def _start(task: Open | Ended, epoch: int) -> list[AnyTaskEvent]:
    match task:
        case Leased(facts=facts) if facts.minted == epoch:
            return [AttemptStarted(facts.planned.task_id, epoch)]
        case Running(facts=facts) if facts.minted == epoch:
            return []
    raise Rejected("stale", f"epoch {epoch} of this task is not leased any more")


def _report(task: Open | Ended, command: ReportAttempt, jitter: float) -> list[AnyTaskEvent]:
    facts, epoch = task.facts, command.epoch
    id = facts.planned.task_id
    if epoch > facts.minted or epoch < 1:
        raise Rejected("invalid", f"epoch {epoch} was never leased", "epoch")
    if epoch == facts.reported:
        return []
    if isinstance(task, Ended):
        return [ReportIgnored(id, epoch, "the task has ended")]
    if isinstance(task, AwaitingApproval) or epoch < facts.reported:
        return [ReportIgnored(id, epoch, "a later epoch has reported")]
    if epoch < facts.begun:
        return [ReportIgnored(id, epoch, "a later epoch has begun")]
    withdrawn: list[AnyTaskEvent] = []
    if isinstance(task, Leased) and facts.minted > epoch:
        withdrawn = [LeaseWithdrawn(id, facts.minted)]
    return withdrawn + _outcome(facts, epoch, command.outcome, jitter)


def _outcome(facts: Facts, epoch: int, outcome: Outcome, jitter: float) -> list[AnyTaskEvent]:
    """What the report of an epoch brings about, once it is sure to be taken."""
    id, mission = facts.planned.task_id, facts.planned.mission_id
    match outcome, facts.step:
        case Failure(), _:
            return _failed(facts, epoch, outcome, jitter)
        case WorkDone(), "work":
            done = AttemptSucceeded(id, epoch, outcome)
            if checks(facts.planned):
                return [done]
            return [done, *_passed(facts, epoch, outcome)]
        case GatesRun(), "gates":
            judged = GatesJudged(id, epoch, outcome.commit, outcome.results)
            red = [result for result in outcome.results if not result.passed]
            missing = _unjudged(facts.planned, outcome.results)
            if missing:
                failure = Failure("infrastructure", f"gates were not run: {', '.join(missing)}")
                return _failed(facts, epoch, failure, jitter)
            if red:
                return [judged, *_failed(facts, epoch, _gate_failure(red), jitter)]
            return [judged, *_passed(facts.judged(outcome.results), epoch, facts.result)]
        case MergeDone(), "merge":
            return [AttemptSucceeded(id, epoch, outcome), *_passed(facts, epoch, outcome)]
        case ItemsListed(items=items), "expand":
            found = [
                ItemsReported(id, mission, facts.planned.phase, chunk) for chunk in in_chunks(items)
            ]
            return [*found, AttemptSucceeded(id, epoch), *_passed(facts, epoch, None)]
    raise Rejected("invalid", f"epoch {epoch} was leased for {facts.step}", "outcome")


def _failed(facts: Facts, epoch: int, failure: Failure, jitter: float) -> list[AnyTaskEvent]:
    """Try again as its kind allows, or give up."""
    id = facts.planned.task_id
    failed = AttemptFailed(id, epoch, failure)
    match failure.kind:
        case "permanent" | "conflict":
            return [failed, _gave_up(facts, epoch, failure)]
        case "infrastructure" | "limit":
            if facts.uncounted + 1 >= MAX_UNCOUNTED:
                return [failed, _gave_up(facts, epoch, failure)]
            delay = failure.retry_after or _infrastructure_delay(facts, jitter)
            return [failed, RetryScheduled(id, delay, counted=False)]
        case "agent" | "gate" | "no-change" | "timeout":
            retry = facts.planned.spec.retry
            if facts.failed + 1 >= retry.attempts:
                return [failed, _gave_up(facts, epoch, failure)]
            delay = _doubling(retry.backoff, retry.backoff_max, facts.failed, jitter)
            return [failed, RetryScheduled(id, delay, counted=True)]


def _passed(facts: Facts, epoch: int, result: WorkDone | MergeDone | None) -> list[AnyTaskEvent]:
    """All checks are green: approvals follow, or the end."""
    approvals = (*_approvals(facts.planned), *_protection(facts.planned, result))
    if approvals:
        return [_requested(facts.planned, gate) for gate in approvals]
    return [_succeeded(facts, epoch, result)]


def _succeeded(facts: Facts, epoch: int, result: WorkDone | MergeDone | None) -> TaskSucceeded:
    planned = facts.planned
    found = news(planned.baselines, by_gate(facts.baselines))
    return TaskSucceeded(planned.task_id, planned.mission_id, epoch, result, found)


def _lose(task: Open | Ended, epoch: int, reason: str, jitter: float) -> list[AnyTaskEvent]:
    match task:
        case Leased(facts=facts) | Running(facts=facts) if facts.minted == epoch:
            lost = LeaseLost(facts.planned.task_id, epoch, reason)
            if facts.uncounted + 1 >= MAX_UNCOUNTED:
                failure = Failure(
                    "infrastructure", f"given up after {MAX_UNCOUNTED} losses: {reason}"
                )
                return [lost, _gave_up(facts, epoch, failure)]
            if facts.uncounted < PROMPT_LOSSES:
                return [lost]
            delay = _infrastructure_delay(facts, jitter)
            return [lost, RetryScheduled(facts.planned.task_id, delay, counted=False)]
    return []


def _requeue(task: Open | Ended) -> list[AnyTaskEvent]:
    if isinstance(task, BackingOff):
        planned = task.facts.planned
        return [TaskRequeued(planned.task_id, planned.spec.timeouts.queue)]
    return []


def _time_out(task: Open | Ended, command: TimeOutTask, jitter: float) -> list[AnyTaskEvent]:
    facts = task.facts
    match task, command.what:
        case Queued(), "queue" if command.epoch == facts.minted:
            waited = facts.planned.spec.timeouts.queue
            failure = Failure("permanent", f"no runner took it within {waited:.0f} s")
            return [_gave_up(facts, facts.minted, failure)]
        case Leased(), "start":
            return _lose(task, command.epoch, "it did not start in time", jitter)
        case AwaitingApproval(), "approval":
            refuse = RejectGate(
                command.task_id, command.gate, by="hive", note="nobody answered in time"
            )
            return _judge(task, refuse, jitter) if command.gate in task.pending else []
    return []


def _judge(
    task: Open | Ended, command: ApproveGate | RejectGate, jitter: float
) -> list[AnyTaskEvent]:
    facts = task.facts
    id, gate = facts.planned.task_id, command.gate
    if isinstance(command, ApproveGate) and gate in facts.approved:
        return []
    if not isinstance(task, AwaitingApproval) or gate not in task.pending:
        raise Rejected("conflict", f"gate {gate!r} is not waiting for an answer", "gate")
    if isinstance(command, RejectGate):
        return _refuse(facts, command, jitter)
    given = ApprovalGiven(id, gate, command.by, command.note)
    if task.pending != (gate,):
        return [given]
    return [given, _succeeded(facts, facts.reported, facts.result)]


def _refuse(facts: Facts, command: RejectGate, jitter: float) -> list[AnyTaskEvent]:
    """Work that changed what it should not is done again; any other refusal is the end."""
    gate, note = command.gate, f": {command.note}" if command.note else ""
    refused = ApprovalRefused(facts.planned.task_id, gate, command.by, command.note)
    if gate == PROTECTED_GATE and isinstance(facts.result, WorkDone):
        paths = facts.result.protected
        detail = f"{command.by} refused the change of protected paths{note}"
        failure = Failure("agent", detail[:MAX_DETAIL], files=paths)
        return [refused, *_failed(facts, facts.reported, failure, jitter)]
    failure = Failure("permanent", f"{command.by} refused {gate!r}{note}")
    return [refused, _gave_up(facts, facts.reported, failure)]


def _reopen(task: Open | Ended, command: ReopenTask) -> list[AnyTaskEvent]:
    if not isinstance(task, Succeeded):
        return []
    facts = task.facts
    if facts.failed + 1 >= facts.planned.spec.retry.attempts:
        return [_gave_up(facts, facts.reported, command.failure)]
    return [TaskReopened(command.task_id, command.tip, command.failure)]


def _tell(task: Open | Ended, command: TellTask) -> list[AnyTaskEvent]:
    facts, text = task.facts, command.text.strip()
    name = facts.planned.spec.name
    if isinstance(task, Ended):
        raise Rejected("conflict", f"task {name} has ended", "task")
    if not facts.planned.spec.prompt:
        raise Rejected("invalid", f"task {name} is a command, and cannot be told anything", "task")
    if not 0 < len(text) <= MAX_HINT:
        raise Rejected("invalid", f"a hint has 1 to {MAX_HINT} characters", "text", "shorten it")
    if len(facts.hints) == MAX_HINTS:
        raise Rejected("conflict", f"task {name} was told {MAX_HINTS} things", "task")
    return [TaskTold(command.task_id, text, command.by)]


def _cancel(task: Open | Ended, reason: str) -> list[AnyTaskEvent]:
    if isinstance(task, Ended):
        return []
    planned = task.facts.planned
    return [TaskCancelled(planned.task_id, planned.mission_id, reason)]


def _gave_up(facts: Facts, epoch: int, failure: Failure) -> TaskFailed:
    return TaskFailed(facts.planned.task_id, facts.planned.mission_id, epoch, failure)


def _gate_failure(red: list[GateResult]) -> Failure:
    first = red[0]
    names = ", ".join(result.name for result in red)
    status = f" (exit {first.exit_code})" if first.exit_code is not None else ""
    reason = first.reason or ("" if status else "it did not end by itself")
    return Failure(
        "gate",
        f"gate {names} failed{status}{f': {reason}' if reason else ''}"[:MAX_DETAIL],
        tail=first.tail,
        output=first.output,
    )


def _unjudged(planned: TaskPlanned, results: tuple[GateResult, ...]) -> list[str]:
    judged = {result.name for result in results}
    return [gate.name for gate in checks(planned) if gate.name not in judged]


def _doubling(first: float, most: float, before: int, jitter: float) -> float:
    return round(min(most, first * 2.0**before) * (1 + 0.2 * jitter), 3)


def _infrastructure_delay(facts: Facts, jitter: float) -> float:
    return _doubling(INFRASTRUCTURE_BACKOFF, INFRASTRUCTURE_BACKOFF_MAX, facts.uncounted, jitter)


def _requested(planned: TaskPlanned, gate: ApprovalGate) -> ApprovalRequested:
    return ApprovalRequested(
        planned.task_id, planned.mission_id, gate.name, gate.text, gate.timeout
    )


def _approvals(planned: TaskPlanned) -> tuple[ApprovalGate, ...]:
    return tuple(gate for gate in planned.spec.gates if isinstance(gate, ApprovalGate))


def _protection(
    planned: TaskPlanned, result: WorkDone | MergeDone | None
) -> tuple[ApprovalGate, ...]:
    """What a person is asked where work changes what the base commit protects."""
    if not isinstance(result, WorkDone) or not result.protected_files:
        return ()
    paths = ", ".join(result.protected)
    more = result.protected_files - len(result.protected)
    named = f"{paths} and {more} more" if more > 0 else paths
    text = f"{planned.phase}/{planned.spec.name} changed protected paths: {named}"
    return (ApprovalGate(PROTECTED_GATE, text[:MAX_DETAIL]),)
