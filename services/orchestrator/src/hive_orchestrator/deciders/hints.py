"""What people tell a task: each of its attempts that begins later is given it."""

from typing import Final

from hive_contracts.task import AnyTaskEvent, TaskTold, TellTask
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.deciders.task_state import Ended, Facts, Open

MAX_HINT: Final = 4_000
"""Characters of what a task is told at a time."""
MAX_HINTS: Final = 20


def tell(task: Open | Ended, command: TellTask) -> list[AnyTaskEvent]:
    """Raises Rejected."""
    facts, text = task.facts, command.text.strip()
    name = facts.planned.spec.name
    if isinstance(task, Ended):
        raise Rejected("conflict", f"task {name} has ended", "task")
    if not facts.planned.spec.prompt:
        raise Rejected("invalid", f"task {name} is a command, and cannot be told anything", "task")
    check_hint(facts, text)
    return [TaskTold(command.task_id, text, command.by)]


def check_hint(facts: Facts, text: str) -> None:
    """Raises Rejected where a task cannot be told this, too."""
    name = facts.planned.spec.name
    if not 0 < len(text) <= MAX_HINT:
        raise Rejected("invalid", f"a hint has 1 to {MAX_HINT} characters", "text", "shorten it")
    if len(facts.hints) >= MAX_HINTS:
        raise Rejected("conflict", f"task {name} was told {MAX_HINTS} things", "task")
