"""Which agent's question a person's answer is for."""

from collections.abc import Iterable

from hive_gateway.refusals import Refusal
from hive_gateway.views.rows import TaskRow


def choose_asking(tasks: Iterable[TaskRow], ref: str, command_id: str, mission: str) -> TaskRow:
    """The task that `phase/task`, or `task`, names; empty means the only one that asks.

    A command that was answered before means what it meant then. Raises Refusal.
    """
    asked = [task for task in tasks if task.question is not None]
    for task in asked:
        if task.question is not None and task.question.command_id == command_id:
            return task
    phase, slash, name = ref.rpartition("/")
    found = [t for t in asked if not ref or (t.name == name and (not slash or t.phase == phase))]
    waiting = [task for task in found if asks(task)]
    match waiting:
        case [task]:
            return task
        case [] if found and ref:
            # The orchestrator knows best whether this answer comes too late.
            return found[-1]
        case []:
            what = f"no agent of {mission} waits for an answer"
            raise Refusal("conflict", f"{what} in {ref!r}" if ref else what, "task", _named(asked))
    raise Refusal("conflict", f"several agents of {mission} ask", "task", _named(waiting))


def asks(task: TaskRow) -> bool:
    """Whether its agent waits for an answer."""
    return task.question is not None and not task.question.over


def _named(tasks: list[TaskRow]) -> str:
    names = [f"{task.phase}/{task.name}" for task in tasks if asks(task)]
    return (
        f"these ask: {', '.join(names)}" if names else "`hive why MISSION` shows what it waits for"
    )
