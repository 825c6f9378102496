"""What of a mission is still to be done, task by task: those planned, and those to come. Pure."""

from collections.abc import Iterator

from msgspec import Struct

from hive_cli.forecast.history import History, Mission, Task
from hive_cli.forecast.samples import Kind
from hive_contracts.plan import Phase, TaskSpec


class Unit(Struct, frozen=True):
    """Work that is to be done: a task, planned or still to come."""

    key: str
    mission_id: str
    kind: Kind
    held: float = 0
    """Seconds for which it has held a slot."""
    running: bool = False
    worked: bool = False
    """Whether it only waits for its merge."""
    after: tuple[str, ...] = ()
    """Keys of those that must be merged before."""

    @property
    def merges(self) -> bool:
        """Whether its work goes into a branch."""
        return bool(self.kind.repository)

    @property
    def planned(self) -> bool:
        return ":" not in self.key


def units_of(history: History, mission: Mission, now: float) -> list[Unit]:
    """What of a mission is not merged yet."""
    works = [t for id in mission.tasks if (t := history.tasks[id]).kind == "work"]
    keys: dict[str, list[str]] = {}
    found: list[Unit] = []
    for phase in mission.phases.values():
        keys[phase.name] = []
        if phase.name in mission.completed:
            continue
        planned = [task for task in works if task.phase == phase.name]
        own = [_planned(task, mission, now) for task in planned if _is_open(task, mission)]
        before = tuple(key for needed in phase.needs for key in keys.get(needed, ()))
        own += [
            Unit(
                key,
                mission.mission_id,
                Kind(spec.agent, mission.repository, mission.series, phase.name),
                after=(*before, *after),
            )
            for key, spec, after in _coming(mission, phase, {task.name for task in planned})
        ]
        keys[phase.name] = [unit.key for unit in own]
        found += own
    return found


def _is_open(task: Task, mission: Mission) -> bool:
    if task.done_at is None:
        return True
    return task.succeeded and bool(task.repository) and task.task_id not in mission.merged


def _planned(task: Task, mission: Mission, now: float) -> Unit:
    return Unit(
        task.task_id,
        mission.mission_id,
        Kind(task.agent, task.repository, mission.series, task.phase),
        task.held(now),
        running=task.leased_at is not None,
        worked=task.succeeded,
    )


def _coming(
    mission: Mission, phase: Phase, planned: set[str]
) -> Iterator[tuple[str, TaskSpec, tuple[str, ...]]]:
    """Tasks that are not planned yet: a key, the task, and keys of those that it needs."""

    def key(name: str) -> str:
        return f"{mission.mission_id}:{phase.name}/{name}"

    if phase.for_each is not None:
        # How many there are is known once the items are found; until then it is one.
        count = max(mission.items.get(phase.name, 1), len(planned))
        for number in range(count - len(planned)):
            yield key(f"#{number}"), phase.for_each.template, ()
        return
    for spec in phase.tasks:
        if spec.name not in planned:
            needed = tuple(key(name) for name in spec.needs if name not in planned)
            yield key(spec.name), spec, needed
