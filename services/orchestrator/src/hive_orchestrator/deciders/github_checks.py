"""Gates that GitHub judges: a check there, awaited for the tip, and what became of it.

The github service looks at GitHub and says what it saw (ConcludeCheck). Nobody else can: not a
person, and no runner.
"""

from hive_contracts.outcome import GateResult
from hive_contracts.plan import GithubCheckGate
from hive_contracts.task import (
    AnyTaskEvent,
    CheckAwaited,
    ConcludeCheck,
    GatesJudged,
    TaskPlanned,
)
from hive_orchestrator.deciders.approvals import succeeded
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.deciders.retrying import gate_failure, gave_up
from hive_orchestrator.deciders.task_state import AwaitingApproval, Ended, Open


def awaited(planned: TaskPlanned) -> list[AnyTaskEvent]:
    commit = _commit(planned)
    return [
        CheckAwaited(
            planned.task_id, planned.mission_id, gate.name, gate.check, commit, gate.timeout
        )
        for gate in _gates(planned)
    ]


def conclude(task: Open | Ended, command: ConcludeCheck) -> list[AnyTaskEvent]:
    """Said twice, or once it is over, it changes nothing. Raises Rejected."""
    planned, result = task.facts.planned, command.result
    if result.name not in {gate.name for gate in _gates(planned)}:
        raise Rejected("not-found", f"gate {result.name!r} is not judged by GitHub", "gate")
    if command.commit != _commit(planned):
        raise Rejected("stale", f"{command.commit[:12]!r} is not the commit in question", "commit")
    if not isinstance(task, AwaitingApproval) or result.name not in task.pending:
        return []
    return _concluded(task, result)


def missed(task: AwaitingApproval, name: str) -> list[AnyTaskEvent]:
    """It was not completed in time."""
    gate = next((gate for gate in _gates(task.facts.planned) if gate.name == name), None)
    if gate is None or name not in task.pending:
        return []
    commit = _commit(task.facts.planned)
    reason = (
        f"GitHub's check {gate.check!r} was not completed on {commit[:12]} within "
        f"{gate.timeout:.0f} s: is it called exactly so, does it run for this branch, and was "
        f"that pushed (hive pr {task.facts.planned.mission})?"
    )
    result = GateResult(name, passed=False, command=gate.check, reason=reason, commit=commit)
    return _concluded(task, result)


def refuse_people(planned: TaskPlanned, gate: str) -> None:
    """Raises Rejected."""
    if gate in {each.name for each in _gates(planned)}:
        raise Rejected(
            "conflict", f"gate {gate!r} is judged by GitHub's check, not by people", "gate",
            "have that check run again on GitHub",
        )  # fmt: skip


def _concluded(task: AwaitingApproval, result: GateResult) -> list[AnyTaskEvent]:
    facts = task.facts
    id, commit = facts.planned.task_id, _commit(facts.planned)
    judged = GatesJudged(id, facts.reported, commit, (result,))
    if not result.passed:
        return [judged, gave_up(facts, facts.reported, gate_failure([result]))]
    if task.pending != (result.name,):
        return [judged]
    return [judged, succeeded(facts, facts.reported, facts.result)]


def _gates(planned: TaskPlanned) -> tuple[GithubCheckGate, ...]:
    return tuple(gate for gate in planned.spec.gates if isinstance(gate, GithubCheckGate))


def _commit(planned: TaskPlanned) -> str:
    return planned.tip.commit if planned.tip else ""
