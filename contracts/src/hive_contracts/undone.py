"""What of a mission that has ended is left to do: its failed tasks, and what they held up.

    merged, or nothing to change ─▶ left out: the new mission goes on from the tip
    failed, stopped, never begun ─▶ done again, with what each of them needs of the others

Criteria, approvals and the budget are those of the mission; its gates run on the same base.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from hive_contracts.again import plan_again
from hive_contracts.codec import AnyEvent
from hive_contracts.mission import (
    BranchAdvanced,
    ItemsFound,
    MissionLaunched,
    MissionReleased,
    PhaseDefined,
    PhaseSentBack,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.outcome import WorkDone
from hive_contracts.plan import Item, Listed, Phase, Plan, Tip


class NothingFailed(ValueError):
    """No task of the mission has failed."""


class NotAlone(ValueError):
    """What is left cannot be done without what was done."""


class Undone(msgspec.Struct, frozen=True):
    plan: Plan
    failed: tuple[str, ...]
    """Tasks, as `phase/task`, by their names in the plan."""
    held_up: tuple[str, ...]
    """Stopped, or never begun: tasks, or phases of which no task is known yet."""


class _Progress(msgspec.Struct):
    """What is known of one phase."""

    phase: Phase
    items: list[Item] = []
    planned: list[str] = []
    """Its tasks by their names in the plan, in their order: that of the items, too."""
    expanded: bool = False
    done: set[str] = set()
    failed: set[str] = set()

    @property
    def is_listed(self) -> bool:
        each = self.phase.for_each
        return each is None or self.expanded or isinstance(each.source, Listed)


def undone(events: Sequence[AnyEvent]) -> Undone:
    """`events` are those of the mission's stream. Raises NothingFailed, NotAlone, ValueError."""
    whole = plan_again(events)
    phases, tip = _told(events)
    failed = [f"{name}/{task}" for name, p in phases.items() for task in _in_order(p, p.failed)]
    if not failed:
        raise NothingFailed
    left = {
        each.name: phase
        for each in whole.phases
        if (phase := _left(each, phases[each.name])) is not None
    }
    done = any(progress.done for progress in phases.values())
    if done and whole.repository is None:
        raise NotAlone("it has no repository, and what its tasks made would be missing")
    if tip is not None and any(isinstance(event, MissionReleased) for event in events):
        raise NotAlone("what it merged was discarded")
    for phase in left.values():
        if phase.sends_back_to and phase.sends_back_to not in left:
            raise NotAlone(f"phase {phase.name} may send {phase.sends_back_to} back, which is done")
    kept = tuple(
        replace(phase, needs=tuple(need for need in phase.needs if need in left))
        for phase in left.values()
    )
    repository = whole.repository
    if repository is not None and tip is not None:
        id = next(event.mission_id for event in events if isinstance(event, MissionLaunched))
        repository = replace(repository, start=tip, start_of=id)
    held_up = [name for each in kept for name in _held_up(each, phases[each.name])]
    return Undone(replace(whole, phases=kept, repository=repository), tuple(failed), tuple(held_up))


def _told(events: Iterable[AnyEvent]) -> tuple[dict[str, _Progress], Tip | None]:
    """Each phase as it was when the mission ended, and the tip where something was merged."""
    phases: dict[str, _Progress] = {}
    tasks: dict[str, tuple[str, str, str]] = {}
    tip: Tip | None = None
    for event in events:
        match event:
            case PhaseDefined(phase=phase):
                phases[phase.name] = _Progress(phase)
            case ItemsFound(phase=name, items=items):
                phases[name].items += items
            case TasksPlanned(phase=name, tasks=planned):
                for task in planned:
                    called = task.again or task.name
                    tasks[task.task_id] = (name, called, task.kind)
                    if task.kind == "work":
                        phases[name].planned.append(called)
            case TaskSettled(task_id=id, outcome=outcome, result=result):
                name, called, kind = tasks[id]
                if kind == "expand":
                    phases[name].expanded = outcome == "succeeded"
                elif kind == "work" and outcome == "failed":
                    phases[name].failed.add(called)
                elif kind == "work" and outcome == "succeeded" and not _is_to_merge(result):
                    phases[name].done.add(called)
            case BranchAdvanced(task_id=id, new=new):
                name, called, _ = tasks[id]
                phases[name].done.add(called)
                tip = new
            case PhaseSentBack(phases=names):
                for name in names:
                    before = phases[name]
                    is_written = before.is_listed and not before.expanded
                    phases[name] = _Progress(before.phase, before.items if is_written else [])
    return phases, tip


def _is_to_merge(result: object) -> bool:
    return isinstance(result, WorkDone) and bool(result.commit)


def _left(phase: Phase, progress: _Progress) -> Phase | None:
    """What of a phase is to be done; None where that is nothing."""
    done = progress.done
    if not done:
        return phase
    if phase.for_each is None:
        tasks = tuple(
            replace(spec, needs=tuple(need for need in spec.needs if need not in done))
            for spec in phase.tasks
            if spec.name not in done
        )
        return replace(phase, tasks=tasks) if tasks else None
    items = _undone_items(progress)
    if not items:
        return None
    # Fewer are left than there were, and a person has seen the first of them.
    each = replace(phase.for_each, source=Listed(items), min=1)
    return replace(phase, for_each=each, canary=0)


def _undone_items(progress: _Progress) -> tuple[Item, ...]:
    done = {n for n, task in enumerate(progress.planned) if task in progress.done}
    return tuple(item for n, item in enumerate(progress.items) if n not in done)


def _held_up(phase: Phase, progress: _Progress) -> list[str]:
    if phase.for_each is None:
        names: Iterable[str] = (spec.name for spec in phase.tasks)
    elif len(progress.planned) < len(progress.items) or not progress.planned:
        begun = _in_order(progress, set(progress.planned) - progress.done)
        rest = f"{phase.name}, what was not begun of it" if progress.planned else phase.name
        return [f"{phase.name}/{task}" for task in begun if task not in progress.failed] + [rest]
    else:
        names = (task for task in progress.planned if task not in progress.done)
    return [f"{phase.name}/{name}" for name in names if name not in progress.failed]


def _in_order(progress: _Progress, names: set[str]) -> list[str]:
    return [name for name in dict.fromkeys(progress.planned) if name in names]
