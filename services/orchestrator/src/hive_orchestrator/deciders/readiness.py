"""Which tasks of a running phase may begin, and when it is over."""

from collections.abc import Collection, Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from hive_contracts.pathspecs import may_meet
from hive_contracts.plan import ApprovalGate, TaskSpec
from hive_contracts.template import render_task
from hive_orchestrator.deciders.items import MAX_NAME, task_name
from hive_orchestrator.deciders.mission_state import Active, PhaseProgress

CANARY: Final = "canary"
MAX_TOLD: Final = 4_000
"""Characters of a review's defects that a prompt holds: what a task carries fits into an event."""


class Ready(Struct, frozen=True):
    spec: TaskSpec
    again: str = ""
    """The task of the plan that it does once more, under another name."""


def ready(mission: Active, progress: PhaseProgress, most: int) -> list[Ready]:
    """Tasks that may begin now, at most so many. Raises UnfitItem.

    Of tasks whose paths may meet, one waits until the other is merged.
    """
    if progress.phase.for_each is not None and len(progress.names) == len(progress.items):
        return []
    busy = [task.paths for task in mission.open.values() if task.paths]
    found: list[Ready] = []
    taken = set(progress.taken)
    for spec in _candidates(progress):
        if len(found) == most:
            break
        if any(may_meet(spec.paths, paths) for paths in busy):
            if progress.phase.for_each is not None:
                break  # items begin in their order
            continue
        if spec.paths:
            busy.append(spec.paths)
        name = _name(spec.name, progress.round, taken)
        taken.add(name)
        again = spec.name if progress.round else ""
        found.append(Ready(_told(replace(spec, name=name), progress), again))
    return found


def is_over(progress: PhaseProgress) -> bool:
    """Whether nothing of it is open, and nothing is left that could begin."""
    ended = len(progress.done) + len(progress.failed)
    return ended + len(skipped(progress)) == total(progress)


def total(progress: PhaseProgress) -> int:
    """How many tasks it has in all."""
    each = progress.phase.for_each
    return len(progress.phase.tasks) if each is None else len(progress.items)


def skipped(progress: PhaseProgress) -> set[str]:
    """Tasks that will never begin, as they need one that failed."""
    lost = set(progress.failed)
    left = [spec for spec in progress.phase.tasks if spec.name not in progress.names]
    while more := {spec.name for spec in left if not lost.isdisjoint(spec.needs)} - lost:
        lost |= more
    return lost - progress.failed


def canaries_are_back(progress: PhaseProgress) -> bool:
    """Whether those that go first have ended, and a person is to be asked about the rest."""
    first = progress.phase.canary
    ended = len(progress.done) + len(progress.failed)
    return not progress.canary and 0 < first == ended < total(progress)


def asking(mission: str, progress: PhaseProgress) -> TaskSpec:
    """The question whether the rest may go."""
    rest = total(progress) - progress.phase.canary
    text = (
        f"Phase {progress.phase.name}: {len(progress.done)} of the first {progress.phase.canary}"
        f" merged; look with `hive diff {mission}`. Shall the other {rest} go?"
    )
    return TaskSpec(CANARY, gates=(ApprovalGate(CANARY, text),))


def _candidates(progress: PhaseProgress) -> Iterator[TaskSpec]:
    """Tasks that were not begun and lack nothing but, maybe, room beside others."""
    for_each = progress.phase.for_each
    if for_each is None:
        for spec in progress.phase.tasks:
            if spec.name not in progress.names and set(spec.needs) <= progress.done:
                yield spec
        return
    begun, names = len(progress.names), set(progress.names)
    held = progress.phase.canary if progress.canary != "passed" else 0
    for item in progress.items[begun : held or None]:
        name = task_name(item, names)
        names.add(name)
        yield render_task(for_each.template, name, item)


def _name(name: str, round: int, taken: Collection[str]) -> str:
    if not round:
        return name
    ending = f"-r{round + 1}"
    while (found := name[: MAX_NAME - len(ending)].rstrip("-") + ending) in taken:
        ending += "x"
    return found


def _told(spec: TaskSpec, progress: PhaseProgress) -> TaskSpec:
    """With what a review found, where it was sent back."""
    if not progress.defects_to_mend or not spec.prompt:
        return spec
    found = progress.defects_to_mend[:MAX_TOLD]
    return replace(
        spec,
        prompt=f"{spec.prompt}\n\nThis was done once, and merged. A review of it found:\n\n{found}"
        "\n\nMend that, and leave the rest as it is.",
    )
