"""What each task of a mission changed, and on which others it is based. Pure."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from hive_contracts.plan import Phase, Tip


class Change(msgspec.Struct, frozen=True):
    """The mission's tip moved, by the work of one task."""

    part: str
    """The task of the plan, as `phase/task`."""
    old: str
    new: Tip
    round: int = 0
    """The round that it mends; 0 of the work itself."""
    merged: str = ""
    """A commit of GitHub's that it brought in."""


class Part(msgspec.Struct, frozen=True):
    """A task that changed something."""

    name: str
    """`phase/task`."""
    needs: tuple[str, ...] = ()
    """Others that changed something, and on which it is based."""

    @property
    def label(self) -> str:
        """As people call it: a phase of one task is named like it."""
        phase, _, task = self.name.partition("/")
        return task if phase == task else self.name


def branch_of(mission: str, part: str) -> str:
    """A dot stands in no name, so no two tasks have the same branch; and git takes no branch
    `hive/m/task` where there is a branch `hive/m`.
    """
    if not part:
        return f"hive/{mission}"
    phase, _, task = part.partition("/")
    return f"hive/{mission}.{task}" if phase == task else f"hive/{mission}.{phase}.{task}"


def parts_of(
    changes: Sequence[Change], phases: Sequence[Phase], planned: Mapping[str, Sequence[str]]
) -> tuple[Part, ...]:
    """In the order in which they came. `planned`: the tasks of each phase, as the plan has them."""
    changed = dict.fromkeys(change.part for change in changes if not change.round)
    by_name = {phase.name: phase for phase in phases}

    def before(part: str) -> Iterator[str]:
        """What it is based on directly; through what changed nothing."""
        phase = by_name.get(part.partition("/")[0])
        if phase is None:
            return
        task = part.partition("/")[2]
        named = [need for spec in phase.tasks if spec.name == task for need in spec.needs]
        needed = [f"{phase.name}/{need}" for need in named]
        if not named:
            needed = list(_last_of(phase, by_name, planned))
        for each in needed:
            if each in changed:
                yield each
            else:
                yield from before(each)

    found = {part: tuple(dict.fromkeys(before(part))) for part in changed}

    def all_before(part: str) -> set[str]:
        return set(found[part]).union(*(all_before(each) for each in found[part]))

    return tuple(
        Part(part, tuple(one for one in needs if not any(one in all_before(o) for o in needs)))
        for part, needs in found.items()
    )


def _last_of(
    phase: Phase, by_name: Mapping[str, Phase], planned: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """The tasks of the phases that one needs; through those that planned none."""
    for need in phase.needs:
        tasks = planned.get(need, ())
        yield from (f"{need}/{task}" for task in tasks)
        if not tasks and need in by_name:
            yield from _last_of(by_name[need], by_name, planned)
