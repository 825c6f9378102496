"""Whether the demonstration showed what it promises: from the record, and from git."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from hive_contracts.codec import AnyEvent
from hive_contracts.mission import BranchAdvanced, MissionSucceeded, TaskSettled, TasksPlanned
from hive_contracts.outcome import MergeDone
from hive_contracts.task import GatesJudged, LeaseLost, TaskPlanned


class Finding(msgspec.Struct, frozen=True):
    ok: bool
    text: str


class Killed(msgspec.Struct, frozen=True):
    """A process that was killed, and the one that took its place (0: none did)."""

    name: str
    pid: int
    again: int = 0


def judge(
    events: Sequence[AnyEvent], merges: Sequence[str], killed: Sequence[Killed]
) -> list[Finding]:
    """`merges`: the subjects of the merge commits on the mission's branch."""
    names = _work(events)
    return [
        Finding(_succeeded(events), "the mission succeeded, and its gates passed on the result"),
        *(_came_back(each) for each in killed),
        _once_in_record(events, names),
        _once_in_git(merges, names),
        _one_retried(events, names),
    ]


def _work(events: Iterable[AnyEvent]) -> dict[str, str]:
    """The names, with their phases, of the tasks that agents worked on, by id."""
    return {
        event.task_id: f"{event.phase}/{event.spec.name}"
        for event in events
        if isinstance(event, TaskPlanned) and event.kind == "work"
    }


def _succeeded(events: Iterable[AnyEvent]) -> bool:
    return sum(isinstance(event, MissionSucceeded) for event in events) == 1


def _came_back(killed: Killed) -> Finding:
    again = f"started again as pid {killed.again}" if killed.again else "not started again"
    return Finding(
        killed.again not in (0, killed.pid),
        f"{killed.name} (pid {killed.pid}) was killed and {again}",
    )


def _once_in_record(events: Sequence[AnyEvent], names: dict[str, str]) -> Finding:
    merged = Counter(event.task_id for event in events if isinstance(event, BranchAdvanced))
    settled = Counter(
        event.task_id
        for event in events
        if isinstance(event, TaskSettled) and not isinstance(event.result, MergeDone)
    )
    planned = sum(
        task.kind == "work"
        for event in events
        if isinstance(event, TasksPlanned)
        for task in event.tasks
    )
    once = all(merged[id] == 1 and settled[id] == 1 for id in names)
    return Finding(
        once and len(merged) == len(names) == planned > 0,
        f"each of {len(names)} tasks was settled once and merged once, says the record",
    )


def _once_in_git(merges: Sequence[str], names: dict[str, str]) -> Finding:
    once = all(
        sum(f" {name} " in f"{subject} " for subject in merges) == 1 for name in names.values()
    )
    return Finding(
        once and len(merges) == len(names),
        f"its branch holds {len(merges)} merges, one for each task, says git",
    )


def _one_retried(events: Sequence[AnyEvent], names: dict[str, str]) -> Finding:
    """A gate failed an attempt, and a later attempt of the same task passed it."""
    failed: dict[str, int] = {}
    passed: dict[str, int] = {}
    for event in events:
        if isinstance(event, GatesJudged) and event.task_id in names:
            verdict = passed if all(result.passed for result in event.results) else failed
            verdict[event.task_id] = event.epoch
    retried = [id for id, epoch in failed.items() if passed.get(id, 0) > epoch]
    lost = sum(isinstance(event, LeaseLost) for event in events)
    task = names[retried[0]] if retried else "no task"
    return Finding(
        len(retried) == 1,
        f"{task} failed its gate first and passed on retry; {lost} leases were lost and given anew",
    )
