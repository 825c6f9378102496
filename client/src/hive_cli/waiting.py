"""Why work that is ready does not begin: what runners lack or say, whose paths are in the way."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from hive_cli.task_row import task_name
from hive_contracts import mission, task
from hive_contracts.codec import AnyEvent, decode_known
from hive_contracts.envelope import Recorded
from hive_contracts.outcome import WorkDone
from hive_contracts.pathspecs import may_meet
from hive_contracts.plan import Item, Phase
from hive_contracts.template import UnfitItem, render_task
from hive_contracts.v1 import mission_pb2, operations_pb2

NEXT = "next"
"""The name of an item's task while nobody has named it."""


def runners_lack(
    view: mission_pb2.Mission,
    events: Iterable[Recorded],
    runners: Sequence[operations_pb2.RunnerView],
    report: operations_pb2.HealthReport,
) -> Iterator[str]:
    """Why no runner takes what is ready. An empty `report` is one that health did not give."""
    ready = [task for task in view.tasks if task.status == "queued"]
    given = any(task.status == "leased" for task in view.tasks)
    connected = [runner for runner in runners if runner.status == "connected"]
    if ready and not connected:
        yield "no runner is connected, so nothing can begin"
    elif ready:
        yield from _agents_lack(ready, events, connected)
    if ready or given:
        yield from _said(report)


def paths_are_taken(events: Iterable[Recorded]) -> Iterator[str]:
    """Which tasks wait because an open one may change the same paths."""
    plan = _Plan()
    for event in map(decode_known, events):
        if event is not None:
            plan.apply(event)
    yield from plan.waiting()


def _agents_lack(
    ready: Iterable[mission_pb2.TaskView],
    events: Iterable[Recorded],
    connected: Iterable[operations_pb2.RunnerView],
) -> Iterator[str]:
    there = {agent for runner in connected for agent in runner.agents}
    planned = {
        event.task_id: event.spec.agent
        for event in map(decode_known, events)
        if isinstance(event, task.TaskPlanned)
    }
    for each in ready:
        agent = planned.get(each.task_id, "")
        if agent and agent not in there and not each.result.commit:
            yield (
                f"{task_name(each)} needs the agent {agent}, and no connected runner has it:"
                " install it on one and log in there"
            )


def _said(report: operations_pb2.HealthReport) -> Iterator[str]:
    alive = [runner for runner in report.runners if runner.state == "alive"]
    yield from (
        f"runner {runner.name} takes no work: {runner.reason}"
        for runner in alive
        if not runner.ready and runner.reason
    )
    yield from (
        f"{symptom.text}; {symptom.remedy}"
        for symptom in report.symptoms
        if symptom.kind in ("runner-deaf", "runner-silent")
    )
    takes = [runner for runner in alive if runner.ready]
    if takes and all(runner.working >= runner.slots for runner in takes):
        yield f"all {sum(runner.slots for runner in takes)} slots of the runners are taken"


class _Busy(msgspec.Struct, frozen=True):
    """A task that was planned and is not merged yet."""

    name: str
    paths: tuple[str, ...]


class _Part(msgspec.Struct):
    """A phase, as far as it has come."""

    phase: Phase
    running: bool = False
    items: tuple[Item, ...] = ()
    planned: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()
    asked: bool = False
    """Those that go first are awaited, or a person is."""


class _Plan:
    """A mission's tasks and their paths, as its events tell them."""

    def __init__(self) -> None:
        self._parts: dict[str, _Part] = {}
        self._busy: dict[str, _Busy] = {}
        self._names: dict[str, tuple[str, str]] = {}
        """The phase of a task, and its name in the plan."""

    def apply(self, event: AnyEvent) -> None:
        match event:
            case mission.PhaseDefined(phase=phase):
                self._parts[phase.name] = _Part(phase)
            case mission.PhaseStarted(phase=name) if name in self._parts:
                self._parts[name].running = True
            case mission.PhaseCompleted(phase=name) if name in self._parts:
                self._parts[name].running = False
            case mission.PhaseSentBack(phases=names):
                for name in names:
                    if name in self._parts:
                        part = self._parts[name]
                        self._parts[name] = _Part(part.phase, items=part.items)
            case mission.ItemsFound(phase=name, items=items) if name in self._parts:
                self._parts[name].items += items
            case mission.TasksPlanned(phase=name, tasks=tasks) if name in self._parts:
                self._plan(name, tasks)
            case task.TaskPlanned(task_id=id, kind="work", phase=name, spec=spec):
                self._busy[id] = _Busy(f"{name}/{spec.name}", spec.paths)
            case mission.TaskSettled(task_id=id, result=WorkDone(commit=commit)) if commit:
                pass  # until it is merged
            case mission.TaskSettled(task_id=id) | mission.BranchAdvanced(task_id=id):
                self._end(id)
            case _:
                pass

    def _plan(self, name: str, tasks: Iterable[mission.PlannedTask]) -> None:
        part = self._parts[name]
        for each in tasks:
            if each.kind == "work":
                self._names[each.task_id] = (name, each.again or each.name)
                part.planned |= {each.again or each.name}
            elif each.kind == "gate":
                part.asked = True
                self._names[each.task_id] = (name, "")

    def _end(self, id: str) -> None:
        self._busy.pop(id, None)
        name, planned_as = self._names.get(id, ("", ""))
        if name in self._parts:
            if planned_as:
                self._parts[name].done |= {planned_as}
            else:
                self._parts[name].asked = False

    def waiting(self) -> Iterator[str]:
        for part in self._parts.values():
            if part.running:
                for what, paths in _ready(part):
                    yield from self._in_the_way(f"{part.phase.name}/{what}", paths)

    def _in_the_way(self, name: str, paths: tuple[str, ...]) -> Iterator[str]:
        for other in self._busy.values():
            if paths and other.paths and may_meet(paths, other.paths):
                yield (
                    f"{name} waits until {other.name} is merged: both may change"
                    f" {', '.join(paths[:3])}"
                )
                return


def _ready(part: _Part) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What lacks nothing but, maybe, room beside others: its name and its paths."""
    for_each = part.phase.for_each
    if for_each is None:
        for spec in part.phase.tasks:
            if spec.name not in part.planned and set(spec.needs) <= part.done:
                yield spec.name, spec.paths
        return
    begun = len(part.planned)
    held = part.asked or begun == part.phase.canary > 0
    for item in part.items[begun : begun + 1] if not held else ():
        try:
            yield item.value, render_task(for_each.template, NEXT, item).paths
        except UnfitItem:
            return
