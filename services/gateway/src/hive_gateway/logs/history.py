"""A task's epochs, as its own stream tells them: which printed what, and how each ended. Pure."""

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from hive_contracts.outcome import Failure, WorkDone
from hive_contracts.plan import ArtifactRef, CommandGate, Step
from hive_contracts.task import (
    AnyTaskEvent,
    AttemptFailed,
    AttemptSucceeded,
    GatesJudged,
    HandoverLost,
    LeaseLost,
    LeaseWithdrawn,
    RetryScheduled,
    TaskCancelled,
    TaskFailed,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskSucceeded,
    TaskTaken,
    WorkHandedOver,
)

OutcomeOf = Literal["", "succeeded", "failed", "lost"]


class Epoch(msgspec.Struct, frozen=True):
    epoch: int
    attempt: int
    """From 1; epochs that ended by nobody's fault share a number."""
    step: Step
    runner_id: str
    outcome: OutcomeOf = ""
    """Empty while it goes on."""
    detail: str = ""
    kept: tuple[tuple[str, ArtifactRef], ...] = ()
    """Names of its outputs that were kept whole, and their artifacts."""


class History(msgspec.Struct, frozen=True):
    epochs: tuple[Epoch, ...] = ()
    over: bool = False
    """The task has ended."""
    counted: int = 0
    """Attempts that failed by the agent's or a gate's fault."""
    commands: tuple[str, ...] = ()
    """Its command gates, in the order in which runners number their outputs."""

    def epoch(self, number: int) -> Epoch | None:
        return next((epoch for epoch in self.epochs if epoch.epoch == number), None)


def history(events: Sequence[AnyTaskEvent]) -> History:
    """What a task's events say, from the first on."""
    told = History()
    for event in events:
        told = _after(told, event)
    return told


def _after(told: History, event: AnyTaskEvent) -> History:  # one case for each event
    match event:
        case TaskPlanned(spec=spec):
            commands = (gate.name for gate in spec.gates if isinstance(gate, CommandGate))
            return replace(told, commands=tuple(commands))
        case TaskLeased(epoch=epoch, step=step, runner_id=runner_id):
            begun = Epoch(epoch, told.counted + 1, step, runner_id)
            return replace(told, epochs=(*told.epochs, begun), over=False)
        case AttemptSucceeded(epoch=epoch, result=result):
            output = result.output if isinstance(result, WorkDone) else None
            return _ended(told, epoch, "succeeded", kept=_named(("output", output)))
        case AttemptFailed(epoch=epoch, failure=failure):
            step = found.step if (found := told.epoch(epoch)) is not None else "work"
            kept = _named((_output_of(step, failure), failure.output))
            return _ended(told, epoch, "failed", f"{failure.kind}: {failure.detail}", kept)
        case GatesJudged(epoch=epoch, results=results):
            failed = [result.name for result in results if not result.passed]
            numbers = {name: number for number, name in enumerate(told.commands)}
            outputs = _named(*((f"gate-{numbers.get(r.name, r.name)}", r.output) for r in results))
            detail = f"gate: {', '.join(failed)} failed" if failed else ""
            return _ended(told, epoch, "failed" if failed else "succeeded", detail, outputs)
        case LeaseLost(epoch=epoch, reason=reason):
            return _ended(told, epoch, "lost", reason)
        case LeaseWithdrawn(epoch=epoch):
            return _ended(told, epoch, "lost", "an earlier attempt was reported after all")
        case TaskTaken(by=by, interrupted=interrupted):
            # Its runner still hands over; any other epoch is over with this.
            for known in told.epochs:
                if known.epoch != interrupted:
                    told = _ended(told, known.epoch, "lost", f"the task was taken by {by}")
            return told
        case WorkHandedOver(epoch=epoch, handover=left):
            detail = "a person took it over"
            return _ended(told, epoch, "lost", detail, _named(("output", left.output)))
        case HandoverLost(epoch=epoch, reason=reason):
            return _ended(told, epoch, "lost", reason)
        case RetryScheduled(counted=counted):
            return replace(told, counted=told.counted + counted)
        case TaskReopened():
            return replace(told, counted=told.counted + 1, over=False)
        case TaskSucceeded(epoch=epoch):
            return replace(_ended(told, epoch, "succeeded"), over=True)
        case TaskFailed() | TaskCancelled():
            why = "the task was cancelled" if isinstance(event, TaskCancelled) else "the task ended"
            for known in told.epochs:
                told = _ended(told, known.epoch, "lost", why)
            return replace(told, over=True)
        case _:
            return told  # nothing about output


def _ended(
    told: History,
    number: int,
    outcome: OutcomeOf,
    detail: str = "",
    kept: tuple[tuple[str, ArtifactRef], ...] = (),
) -> History:
    """The first end that an epoch comes to is its end."""
    return replace(
        told,
        epochs=tuple(
            replace(epoch, outcome=outcome, detail=detail, kept=kept)
            if epoch.epoch == number and not epoch.outcome
            else epoch
            for epoch in told.epochs
        ),
    )


def _named(*outputs: tuple[str, ArtifactRef | None]) -> tuple[tuple[str, ArtifactRef], ...]:
    return tuple((name, ref) for name, ref in outputs if ref is not None)


def _output_of(step: Step, failure: Failure) -> str:
    """Whose output a failure brings: gates bring their own, where their set-up went well."""
    no_agent_ran = failure.kind == "infrastructure" and failure.agent is None
    if step == "gates" or no_agent_ran:
        return "setup"
    return "expand" if step == "expand" else "output"
