"""A mission's branch as far as GitHub has it. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from hive_contracts.codec import AnyEvent
from hive_contracts.mission import BranchAdvanced, TasksPlanned


class Branch(msgspec.Struct, frozen=True):
    """The tips that are on GitHub."""

    tips: frozenset[str]
    became: Mapping[tuple[str, int], str]
    """By task and the epoch in which it succeeded: the tip that its work became."""


def branch_of(mission: Sequence[AnyEvent], pushed: str) -> Branch:
    """`pushed` is the tip that was pushed last; all before it are on GitHub with it."""
    tips: list[str] = []
    became: dict[tuple[str, int], str] = {}
    on_github = 0
    for event in mission:
        if isinstance(event, BranchAdvanced):
            tips.append(event.new.commit)
            became[event.task_id, event.epoch] = event.new.commit
            if event.new.commit == pushed:
                on_github = len(tips)
    known = frozenset(tips[:on_github])
    return Branch(known, {key: tip for key, tip in became.items() if tip in known})


def planned_tasks(mission: Sequence[AnyEvent]) -> list[str]:
    return [
        task.task_id
        for event in mission
        if isinstance(event, TasksPlanned)
        for task in event.tasks
        if task.kind in ("work", "gate")
    ]
