"""Which task of a mission is meant by what a person typed."""

from collections.abc import Sequence
from typing import Final

from hive_gateway.refusals import Refusal
from hive_gateway.views.rows import TaskRow

MAX_NAMED: Final = 8
"""Tasks that a refusal lists."""


def choose_open(tasks: Sequence[TaskRow], ref: str, mission: str) -> TaskRow:
    """The open task that `phase/task`, or `task`, names; empty means the only one.

    Raises Refusal.
    """
    phase, slash, name = ref.rpartition("/")
    found = [
        task
        for task in tasks
        if not ref or (task.name == name and (not slash or task.phase == phase))
    ]
    match found:
        case [task]:
            return task
        case []:
            what = f"{mission} has no open task {ref!r}" if ref else f"{mission} has no open task"
            raise Refusal("not-found", what, "task", _listed(tasks))
    raise Refusal("conflict", f"several tasks of {mission} are open", "task", _listed(found))


def _listed(tasks: Sequence[TaskRow]) -> str:
    names = [f"{task.phase}/{task.name}" for task in tasks]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"open: {', '.join(names[:MAX_NAMED])}{more}" if names else "it has ended"
