"""Which question a person's answer is for."""

from collections.abc import Iterable, Iterator

import msgspec

from hive_contracts.plan import PROTECTED_GATE
from hive_gateway.refusals import Refusal
from hive_gateway.views.rows import Approval, TaskRow


class Asked(msgspec.Struct, frozen=True):
    task_id: str
    gate: str


def choose(tasks: Iterable[TaskRow], gate: str, command_id: str, mission: str) -> Asked:
    """The question that is meant; an empty gate means the only one that waits.

    A gate is named by its name, or with its task as `phase/task/gate`. Of several with one name the
    first is taken, but for changes of protected paths: each of those is another question. A command
    that was answered before means what it meant then, though that no longer waits. Raises Refusal.
    """
    asked = list(_asked(tasks))
    for task, approval in asked:
        if approval.command_id == command_id:
            return Asked(task.task_id, approval.gate)
    named = [(task, a) for task, a in asked if gate in ("", a.gate, full_name(task, a))]
    waiting = [(task, approval) for task, approval in named if not approval.answer]
    if len(waiting) > 1 and gate == PROTECTED_GATE:
        names = ", ".join(full_name(task, approval) for task, approval in waiting)
        raise Refusal("conflict", f"several tasks wait: {names}", "gate", "name one of them")
    if len(waiting) == 1 or (len(waiting) > 1 and gate):
        task, approval = waiting[0]
        return Asked(task.task_id, approval.gate)
    if waiting:
        names = ", ".join(sorted({approval.gate for _, approval in waiting}))
        raise Refusal("conflict", f"several gates wait: {names}", "gate", "name one of them")
    if named and gate:
        # The orchestrator knows best whether this answer comes too late.
        task, approval = named[-1]
        return Asked(task.task_id, approval.gate)
    raise _nothing_waits(gate, mission, asked)


def full_name(task: TaskRow, approval: Approval) -> str:
    """A gate with its task."""
    return "/".join(part for part in (task.phase, task.name, approval.gate) if part)


def _asked(tasks: Iterable[TaskRow]) -> Iterator[tuple[TaskRow, Approval]]:
    for task in tasks:
        for approval in task.approvals:
            yield task, approval


def _nothing_waits(gate: str, mission: str, asked: list[tuple[TaskRow, Approval]]) -> Refusal:
    if not gate:
        return Refusal("conflict", f"nothing in {mission} waits for a person", "mission")
    names = ", ".join(sorted({approval.gate for _, approval in asked})) or "none"
    return Refusal("not-found", f"{mission} asks for no {gate!r}; it asked for: {names}", "gate")
