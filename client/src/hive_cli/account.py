"""What happened to a mission, in sentences: pure functions of its events."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from hive_cli.harmless import harmless
from hive_cli.spending import dollars, tokens
from hive_cli.task_row import left_over
from hive_contracts import mission, task
from hive_contracts.budget import Budget
from hive_contracts.codec import decode_known
from hive_contracts.envelope import Recorded
from hive_contracts.outcome import Failure, GateResult, WorkDone

FIRST: Final = 6
LAST: Final = 40
"""Of a long account its beginning and its end are shown."""
_NAMED: Final = 6
_FIGURES: Final = re.compile(r"\d+ s\b")

KINDS: Final = {
    "agent": "its command failed",
    "gate": "a gate did not pass",
    "no-change": "it changed nothing",
    "timeout": "it took too long",
    "conflict": "it conflicts with work that was merged before it",
    "infrastructure": "not its own fault",
    "limit": "a limit was reached",
    "budget": "it used all that an attempt may",
    "permanent": "it cannot go on as it is",
}
"""Whose failure it was, in words."""


class Line(msgspec.Struct, frozen=True):
    at: datetime
    text: str
    bad: bool = False
    times: int = 1
    """How often it happened in a row, but for figures in it."""


def account(events: Iterable[Recorded]) -> list[Line]:
    """The turns of a mission, oldest first. Events of a later version are left out."""
    teller = _Teller()
    lines: list[Line] = []
    for recorded in events:
        event = decode_known(recorded)
        if event is None:
            continue
        for text, bad in teller.told(event):
            _add(lines, Line(recorded.recorded_at, text, bad))
    return lines


def _add(lines: list[Line], line: Line) -> None:
    """A turn that only repeats one of the last two is counted there: failures and their retries."""
    for place in range(len(lines) - 1, max(-1, len(lines) - 3), -1):
        before = lines[place]
        if _FIGURES.sub("", before.text) == _FIGURES.sub("", line.text):
            lines[place] = msgspec.structs.replace(before, times=before.times + 1)
            return
    lines.append(line)


def shortened(lines: list[Line]) -> list[Line | int]:
    """The beginning and the end of a long account, and in between how many were left out."""
    if len(lines) <= FIRST + LAST + 1:
        return [*lines]
    return [*lines[:FIRST], len(lines) - FIRST - LAST, *lines[-LAST:]]


class _Teller:
    """Knows the tasks by name, and for what each epoch was leased."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._red: set[str] = set()
        """Tasks whose gates were just told to be red."""
        self._last: dict[str, Failure] = {}
        """How each task's last attempt failed."""

    def told(self, event: object) -> Iterator[tuple[str, bool]]:
        if isinstance(event, task.TaskPlanned):
            name = f"{event.phase}/{event.spec.name}" if event.phase else event.spec.name
            self._names[event.task_id], self._kinds[event.task_id] = name, event.kind
        elif isinstance(event, task.TaskEvent):
            yield from self._of_task(event, self._names.get(event.task_id, "a task"))
        elif isinstance(event, mission.MissionEvent):
            yield from self._of_mission(event)

    def _of_task(self, event: task.TaskEvent, name: str) -> Iterator[tuple[str, bool]]:
        match event:
            case task.LeaseLost(fault="paused"):
                yield f"{name} was stopped, and its work is kept: the mission is paused", False
            case task.LeaseLost(reason=reason):
                yield f"{name}: its runner was lost ({reason})", True
            case task.AttemptFailed(failure=failure):
                self._last[event.task_id] = failure
                if failure.kind != "gate" or event.task_id not in self._red:
                    yield f"{name}: {said(failure)}", True
                self._red.discard(event.task_id)
            case task.GatesJudged(results=results):
                yield from self._judged(event.task_id, name, results)
            case task.RetryScheduled(delay=delay, counted=counted):
                fault = "that was one of its attempts" if counted else "that counts against nobody"
                when = f" in {delay:.0f} s" if delay else ""
                yield f"{name} is tried again{when}; {fault}", False
            case task.ReportIgnored(reason=reason):
                yield f"{name}: a report came too late and changed nothing ({reason})", False
            case task.ItemsReported(phase=phase, items=items):
                yield (
                    f"phase {phase} has {len(items)} items: {_some(i.value for i in items)}",
                    False,
                )
            case task.ApprovalRequested(text=text):
                yield f"a person is asked: {text}", False
            case task.CheckAwaited(check=check, commit=commit):
                yield f"GitHub's check {check} is awaited on {commit[:7]}", False
            case task.ApprovalGiven(by=by, note=note):
                yield f"{by} said yes{f': {note}' if note else ''}", False
            case task.ApprovalRefused(by=by, note=note):
                yield f"{by} said no{f': {note}' if note else ''}", True
            case task.TaskTold(by=by, text=text):
                yield f"{by} told {name}: {text}", False
            case task.TaskTaken(by=by):
                yield f"{by} took {name} over", False
            case task.WorkHandedOver(handover=left):
                what = f"left {left.commit[:7]}" if left.commit else "had changed nothing yet"
                yield f"{name}: its agent was ended, and {what}", False
            case task.HandoverLost(reason=reason):
                yield f"{name}: nothing was handed over ({reason})", True
            case task.TaskGiven():
                yield _given(name, event), False
            case task.QuestionAsked(question=question):
                yield f"{name} asks: {harmless(question.text)}", False
            case task.QuestionAnswered(by=by, text=text):
                yield f"{by} answered {name}: {text}", False
            case task.AttemptSucceeded(result=WorkDone(left_over=number)) if number:
                yield f"{name}: {left_over(number)}", True
            case task.TaskReopened(failure=failure):
                yield f"{name} is done again on the newer branch: {said(failure)}", True
            case task.TaskSucceeded(result=WorkDone(no_change=reason)) if reason:
                yield f"{name} had nothing to change: {reason}", False
            case task.TaskFailed(failure=failure):
                again = self._last.get(event.task_id) == failure
                yield f"{name} failed for good{'' if again else f': {failure.detail}'}", True
            case _:
                return

    def _judged(
        self, task_id: str, name: str, results: tuple[GateResult, ...]
    ) -> Iterator[tuple[str, bool]]:
        red = [gate for gate in results if not gate.passed]
        if red:
            self._red.add(task_id)
            yield f"{name}: {', '.join(_red(gate) for gate in red)}", True
        elif self._kinds.get(task_id) == "gate":
            worse = [gate for gate in results if gate.exit_code]
            judged = "can be compared with" if worse else "passed"
            yield f"{name}: {_some(gate.name for gate in results)} {judged}", False

    def _of_mission(self, event: mission.MissionEvent) -> Iterator[tuple[str, bool]]:
        match event:
            case mission.MissionLaunched(name=name, repository=repository):
                base = f", from {repository.base[:7]} of {repository.url}" if repository else ""
                yield f"{name} was launched{base}", False
            case mission.PrerequisiteMet(series=series):
                yield f"a run of {series} has succeeded", False
            case mission.PhaseStarted(phase=phase):
                yield f"phase {phase} began", False
            case mission.BranchAdvanced(new=new, task_id=id):
                yield f"{self._names.get(id, 'a task')} was merged: {new.commit[:7]}", False
            case mission.PhaseCompleted(phase=phase, failed=failed):
                without = f", without {failed} tasks that failed" if failed else ""
                yield f"phase {phase} is complete{without}", bool(failed)
            case mission.PhaseSentBack(phase=phase, to=to, defects=defects):
                yield f"phase {phase} found defects, and {to} is done again: {defects}", True
            case mission.MissionPaused(reason=reason, by=by, now=now):
                why = f": {reason}" if reason else ""
                yield f"{by} paused it{', with what was at work' if now else ''}{why}", True
            case mission.MissionResumed(by=by):
                yield f"{by} let it go on", False
            case mission.BudgetRaised(by=by, budget=budget):
                yield f"{by} raised its budget: {_caps(budget)}", False
            case mission.BudgetWarned(cap=cap, used=used, limit=limit):
                yield f"{used / limit:.0%} of its {_CAPS[cap]} is used", True
            case mission.MissionSucceeded():
                yield "the mission succeeded", False
            case mission.MissionFailed(reason=reason):
                yield f"the mission failed: {reason}", True
            case mission.MissionRefused(reason=reason):
                yield f"the mission was refused: {reason}", True
            case mission.MissionCancelled(reason=reason):
                yield f"the mission was cancelled{f': {reason}' if reason else ''}", False
            case mission.MissionRevised(round=round, title=title):
                yield f"round {round} of its pull request: {title}", True
            case mission.RevisionDeclined(round=round, reason=reason):
                yield f"round {round} of its pull request was not taken up: {reason}", True
            case mission.MissionLanded(commit=commit, branch=branch, by=by):
                into = f" into {branch}" if branch else ""
                yield f"{by} landed {commit[:7]}{into}", False
            case mission.MissionReleased(by=by, reason=reason):
                yield f"{by} discarded its work{f': {reason}' if reason else ''}", False
            case _:
                return


_CAPS: Final = {"usd": "budget in dollars", "tokens": "budget of tokens", "wall": "wall time"}


def _caps(budget: Budget) -> str:
    parts = [dollars(budget.usd)] if budget.usd else []
    parts += [tokens(budget.tokens)] if budget.tokens else []
    parts += [f"{budget.wall / 60:.0f} min of wall time"] if budget.wall else []
    return ", ".join(parts)


def _given(name: str, event: task.TaskGiven) -> str:
    who = f"{event.by}, for {event.taken_by}," if event.taken_by else event.by
    if event.dropped:
        said = f"{who} gave {name} back without any work"
    elif event.done:
        said = f"{who} gave {name} back as done, at {event.commit[:7]}"
    else:
        said = f"{who} gave {name} back{f', at {event.commit[:7]}' if event.commit else ''}"
    return f"{said}: {event.note}" if event.note else said


def said(failure: Failure) -> str:
    """`it took too long: the command was ended after 30 s`."""
    return f"{KINDS[failure.kind]}: {failure.detail}"


def _red(gate: GateResult) -> str:
    if gate.exit_code is None:
        return f"the gate {gate.name} did not {'pass' if gate.reason else 'end'}"
    return f"the gate {gate.name} ended with status {gate.exit_code}"


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more
