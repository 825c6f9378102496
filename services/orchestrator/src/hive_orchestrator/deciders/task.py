"""A task, its attempts and its gates.

                        LeaseTask            StartAttempt           report
    TaskPlanned ▶ Queued ────────▶ Leased ────────────▶ Running ─────────────▶ next step, or the end
                    ▲  ▲ LeaseLost   │                    │ │
                    │  └─────────────┴────────────────────┘ │ failure, attempts left
                    │ RequeueTask                           ▼
                    └─────────────────────────────────── BackingOff

A `work` task is leased for `work`, then (where a runner has gates to judge) for `gates`, then waits
in AwaitingApproval for its approval gates, and for a person's consent where it changed protected
paths, then is Succeeded. A person may take it over until then (`takeover`). Each lease mints an
epoch. The report of an epoch is taken as long as no
later epoch has begun, however late it comes; else it is recorded and changes nothing. A refusal
ends the task, but for that of a change of protected paths: then it is done again. A turn that ends
with a question waits in AwaitingAnswer (`questions`). Succeeded is left again only by ReopenTask,
where the work did not merge.
"""

from msgspec.structs import replace

from hive_contracts.dialogue import MAX_QUESTIONS
from hive_contracts.outcome import (
    MAX_DETAIL,
    AgentRun,
    Asked,
    Failure,
    GateResult,
    GatesRun,
    HandedOver,
    ItemsListed,
    MergeDone,
    Outcome,
    WorkDone,
)
from hive_contracts.plan import PROTECTED_GATE, SETUP_GATE
from hive_contracts.policy import NOTHING, Restraints
from hive_contracts.task import (
    AnswerQuestion,
    AnyTaskCommand,
    AnyTaskEvent,
    ApprovalGiven,
    ApprovalRefused,
    ApproveGate,
    AskQuestion,
    AttemptStarted,
    AttemptSucceeded,
    CancelTask,
    ConcludeCheck,
    GatesJudged,
    GiveTask,
    ItemsReported,
    LeaseLost,
    LeaseTask,
    LeaseWithdrawn,
    LoseLease,
    RejectGate,
    ReopenTask,
    ReportAttempt,
    ReportIgnored,
    ReportUsage,
    RequeueTask,
    RetryScheduled,
    StartAttempt,
    TakeTask,
    TaskCancelled,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskRequeued,
    TellTask,
    TimeOutTask,
    UsageReported,
)
from hive_orchestrator.deciders import github_checks, questions
from hive_orchestrator.deciders.approvals import (
    approvals,
    check_may,
    passed,
    protected_in,
    requested,
    succeeded,
)
from hive_orchestrator.deciders.hints import tell
from hive_orchestrator.deciders.items import in_chunks
from hive_orchestrator.deciders.pins import pinned_model
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.deciders.retrying import (
    MAX_UNCOUNTED,
    PROMPT_LOSSES,
    failed,
    gate_failure,
    gave_up,
    infrastructure_delay,
)
from hive_orchestrator.deciders.takeover import give, hand_over, lose_handover, take
from hive_orchestrator.deciders.task_state import (
    AwaitingAnswer,
    AwaitingApproval,
    BackingOff,
    Ended,
    Facts,
    Leased,
    Open,
    Queued,
    Running,
    Succeeded,
    Taken,
    Task,
    Unplanned,
    checks,
    first_step,
)


def plan(planned: TaskPlanned) -> list[AnyTaskEvent]:
    """The first events of a task's stream."""
    if first_step(planned) is not None:
        return [planned]
    return [
        planned,
        *(requested(planned, gate) for gate in approvals(planned)),
        *github_checks.awaited(planned),
    ]


def decide(
    task: Task,
    command: AnyTaskCommand,
    jitter: float = 0.0,
    consent: str = "",
    demanded: Restraints = NOTHING,
) -> list[AnyTaskEvent]:
    """What a command brings about; `jitter`, from -1 to 1, spreads back-offs by a fifth.

    `consent`: why a person has to agree before work is merged; empty where nobody has to.
    `demanded`: what the error-budget policy has pinned. Raises Rejected.
    """
    if isinstance(task, Unplanned):
        raise Rejected("not-found", f"there is no task {command.task_id}")
    match command:
        case LeaseTask():
            return _lease(task, command, demanded)
        case StartAttempt(epoch=epoch):
            return _start(task, epoch)
        case ReportAttempt():
            return _report(task, command, jitter, consent)
        case LoseLease():
            return _lose(task, command, jitter)
        case ReportUsage():
            return _told(task, command)
        case RequeueTask():
            return _requeue(task)
        case TimeOutTask():
            return _time_out(task, command, jitter)
        case ApproveGate() | RejectGate():
            return _judge(task, command, jitter)
        case ConcludeCheck():
            return github_checks.conclude(task, command)
        case TellTask():
            return tell(task, command)
        case TakeTask():
            return take(task, command)
        case GiveTask():
            return give(task, command)
        case AskQuestion():
            return questions.ask(task, command)
        case AnswerQuestion():
            return questions.answer(task, command)
        case ReopenTask():
            return _reopen(task, command)
        case CancelTask(reason=reason):
            return _cancel(task, reason)


def _lease(task: Open | Ended, command: LeaseTask, demanded: Restraints) -> list[AnyTaskEvent]:
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
            cap=command.cap,
            model=pinned_model(facts, demanded),
        )
    ]


def _start(task: Open | Ended, epoch: int) -> list[AnyTaskEvent]:
    match task:
        case Leased(facts=facts) if facts.minted == epoch:
            return [AttemptStarted(facts.planned.task_id, epoch)]
        case Running(facts=facts) if facts.minted == epoch:
            return []
        case Taken(interrupted=interrupted) if interrupted == epoch:
            return []  # it is about to be told to hand over
    raise Rejected("stale", f"epoch {epoch} of this task is not leased any more")


def _report(
    task: Open | Ended, command: ReportAttempt, jitter: float, consent: str
) -> list[AnyTaskEvent]:
    facts, epoch = task.facts, command.epoch
    id = facts.planned.task_id
    if epoch > facts.minted or epoch < 1:
        raise Rejected("invalid", f"epoch {epoch} was never leased", "epoch")
    if epoch == facts.reported:
        return []
    if isinstance(task, Taken):
        return hand_over(task, epoch, command.outcome)
    if late := _is_late(task, epoch):
        return [_ignored(facts, epoch, late, agent_in(command.outcome))]
    withdrawn: list[AnyTaskEvent] = []
    if isinstance(task, Leased) and facts.minted > epoch:
        withdrawn = [LeaseWithdrawn(id, facts.minted)]
    return withdrawn + _outcome(facts, epoch, command.outcome, jitter, consent)


def _is_late(task: Open | Ended, epoch: int) -> str:
    """Why the report of an epoch comes too late; empty where it does not."""
    if isinstance(task, Ended):
        return "the task has ended"
    if isinstance(task, AwaitingApproval | AwaitingAnswer) or epoch < task.facts.reported:
        return "a later epoch has reported"
    return "a later epoch has begun" if epoch < task.facts.begun else ""


def _ignored(facts: Facts, epoch: int, late: str, agent: AgentRun | None) -> ReportIgnored:
    """It changes nothing, but what was used was used."""
    ignored = ReportIgnored(facts.planned.task_id, epoch, late)
    if agent is None or agent.usage is None:
        return ignored
    return replace(ignored, mission_id=facts.planned.mission_id, usage=agent.usage)


def agent_in(outcome: Outcome) -> AgentRun | None:
    """The agent that was at work, if one was."""
    match outcome:
        case WorkDone(agent=agent) | Failure(agent=agent) | HandedOver(agent=agent):
            return agent
        case Asked(work=work):
            return work.agent
        case _:
            return None


def _told(task: Open | Ended, command: ReportUsage) -> list[AnyTaskEvent]:
    """What a stopped attempt had used is taken once, and never where the attempt has reported."""
    facts, epoch = task.facts, command.epoch
    if epoch > facts.minted or epoch < 1:
        raise Rejected("invalid", f"epoch {epoch} was never leased", "epoch")
    if epoch == facts.reported:
        return []
    planned = facts.planned
    return [UsageReported(planned.task_id, epoch, planned.mission_id, command.usage)]


def _outcome(
    facts: Facts, epoch: int, outcome: Outcome, jitter: float, consent: str
) -> list[AnyTaskEvent]:
    """What the report of an epoch brings about, once it is sure to be taken."""
    id, mission = facts.planned.task_id, facts.planned.mission_id
    match outcome, facts.step:
        case HandedOver(), _:
            # Nobody has taken it in this history: the record was put back to an earlier time.
            return failed(facts, epoch, Failure("infrastructure", "it was handed over"), jitter)
        case Failure(), _:
            return failed(facts, epoch, outcome, jitter)
        case Asked(work=work), "work":
            if (question := questions.asked(facts, epoch, outcome)) is not None:
                return question
            failure = Failure(
                "agent", f"it asked more than {MAX_QUESTIONS} questions", agent=work.agent
            )
            return failed(facts, epoch, failure, jitter)
        case WorkDone(), "work":
            done = AttemptSucceeded(id, epoch, outcome)
            if checks(facts.planned):
                return [done]
            return [done, *passed(facts, epoch, outcome, consent)]
        case GatesRun(), "gates":
            judged = GatesJudged(id, epoch, outcome.commit, outcome.results)
            red = [result for result in outcome.results if not result.passed]
            missing = _unjudged(facts.planned, outcome.results)
            if missing:
                failure = Failure("infrastructure", f"gates were not run: {', '.join(missing)}")
                return failed(facts, epoch, failure, jitter)
            if red:
                return [judged, *failed(facts, epoch, gate_failure(red), jitter)]
            return [judged, *passed(facts.judged(outcome.results), epoch, facts.result, consent)]
        case MergeDone(), "merge":
            return [AttemptSucceeded(id, epoch, outcome), *passed(facts, epoch, outcome, consent)]
        case ItemsListed(items=items), "expand":
            found = [
                ItemsReported(id, mission, facts.planned.phase, chunk) for chunk in in_chunks(items)
            ]
            return [*found, AttemptSucceeded(id, epoch), *passed(facts, epoch, None)]
    raise Rejected("invalid", f"epoch {epoch} was leased for {facts.step}", "outcome")


def _lose(task: Open | Ended, command: LoseLease, jitter: float) -> list[AnyTaskEvent]:
    epoch, reason = command.epoch, command.reason
    match task:
        case Taken():
            return lose_handover(task, epoch, reason)
        case Leased(facts=facts) | Running(facts=facts) if facts.minted == epoch:
            lost = LeaseLost(facts.planned.task_id, epoch, reason, command.fault)
            if command.fault == "paused":
                return [lost]
            if facts.uncounted + 1 >= MAX_UNCOUNTED:
                failure = Failure(
                    "infrastructure", f"given up after {MAX_UNCOUNTED} losses: {reason}"
                )
                return [lost, gave_up(facts, epoch, failure)]
            if facts.uncounted < PROMPT_LOSSES:
                return [lost]
            delay = infrastructure_delay(facts, jitter)
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
            return [gave_up(facts, facts.minted, failure)]
        case Leased(), "start":
            late = LoseLease(command.task_id, command.epoch, "it did not start in time")
            return _lose(task, late, jitter)
        case AwaitingApproval(), "check":
            return github_checks.missed(task, command.gate)
        case AwaitingApproval(), "approval":
            refuse = RejectGate(
                command.task_id, command.gate, by="hive", note="nobody answered in time"
            )
            return _judge(task, refuse, jitter) if command.gate in task.pending else []
        case _, "answer":
            return questions.unanswered(task, command)
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
    github_checks.refuse_people(facts.planned, gate)
    check_may(facts.planned, command)
    if isinstance(command, RejectGate):
        return _refuse(facts, command, jitter)
    given = ApprovalGiven(id, gate, command.by, command.note)
    if gate == SETUP_GATE:
        return [given, RetryScheduled(id, 0, counted=False)]
    if task.pending != (gate,):
        return [given]
    return [given, succeeded(facts, facts.reported, facts.result)]


def _refuse(facts: Facts, command: RejectGate, jitter: float) -> list[AnyTaskEvent]:
    """Work that changed what it should not is done again; any other refusal is the end."""
    gate, note = command.gate, f": {command.note}" if command.note else ""
    refused = ApprovalRefused(facts.planned.task_id, gate, command.by, command.note)
    if gate == PROTECTED_GATE and isinstance(facts.result, WorkDone):
        detail = f"{command.by} refused the change of {protected_in(facts.result)}{note}"
        failure = Failure("agent", detail[:MAX_DETAIL], files=facts.result.protected)
        return [refused, *failed(facts, facts.reported, failure, jitter)]
    said = f"{command.by} refused {gate!r}{note}"
    if gate == SETUP_GATE:
        said = f"the set-up {facts.setups[0]}, and {command.by} would not try it again{note}"
    failure = Failure("permanent", said)
    return [refused, gave_up(facts, facts.reported, failure)]


def _reopen(task: Open | Ended, command: ReopenTask) -> list[AnyTaskEvent]:
    if not isinstance(task, Succeeded):
        return []
    facts = task.facts
    if facts.failed + 1 >= facts.planned.spec.retry.attempts:
        return [gave_up(facts, facts.reported, command.failure)]
    return [TaskReopened(command.task_id, command.tip, command.failure)]


def _cancel(task: Open | Ended, reason: str) -> list[AnyTaskEvent]:
    if isinstance(task, Ended):
        return []
    planned = task.facts.planned
    return [TaskCancelled(planned.task_id, planned.mission_id, reason)]


def _unjudged(planned: TaskPlanned, results: tuple[GateResult, ...]) -> list[str]:
    judged = {result.name for result in results}
    return [gate.name for gate in checks(planned) if gate.name not in judged]
