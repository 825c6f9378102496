"""Which checks a mission's record asks for, and what each says. Pure.

    an attempt     at the tip that it started from while it goes, then at the tip that it became
    a gate         at the commit that it judged
    an approval    at the tip that is asked about, with a button

A commit is shown on only once it is on GitHub; the mission's own base never is. An attempt that
failed and was done again says nothing against a commit, so it is neutral.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from hive_contracts.codec import AnyEvent
from hive_contracts.github.check import CheckPlace, Conclusion
from hive_contracts.outcome import Failure, GateResult, WorkDone
from hive_contracts.plan import ApprovalGate, GithubCheckGate, Tip
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    GatesJudged,
    LeaseLost,
    TaskCancelled,
    TaskFailed,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskSucceeded,
)
from hive_github.checks.branch import Branch, branch_of
from hive_github.checks.run import Run, named
from hive_github.pulls.body import plain

MAX_ATTEMPTED: Final = 100
"""Tasks of a mission of which attempts are shown; of a larger one only what failed for good."""
MAX_BEFORE: Final = 10
"""Earlier attempts that the check of one at work names."""


def wanted(
    mission: Sequence[AnyEvent], tasks: Mapping[str, Sequence[AnyEvent]], pushed: str
) -> list[Run]:
    """In the order in which things happened. `tasks`: the events of each, by its id."""
    branch = branch_of(mission, pushed)
    few = len(tasks) <= MAX_ATTEMPTED
    runs: dict[CheckPlace, Run] = {}
    for events in tasks.values():
        planned = events[0] if events else None
        if isinstance(planned, TaskPlanned):
            teller = _Teller(planned, branch)
            for run in teller.tell(events):
                if few or run.gate or run.conclusion in ("failure", "action_required"):
                    runs[run.place] = run
    return list(runs.values())


class _Teller:
    """The checks of one task, the newest word of each last."""

    def __init__(self, planned: TaskPlanned, branch: Branch) -> None:
        self._planned = planned
        self._branch = branch
        self._id = planned.task_id
        self._name = planned.spec.name
        if planned.phase not in ("", planned.spec.name):
            self._name = f"{planned.phase}/{planned.spec.name}"
        self._tip: Tip | None = planned.tip
        self._githubs = {
            gate.name for gate in planned.spec.gates if isinstance(gate, GithubCheckGate)
        }
        """Gates that GitHub judges, which shows them itself."""
        self._open: dict[CheckPlace, Run] = {}
        self._step = ""
        self._worked: tuple[int, WorkDone] | None = None
        """The epoch and the result of the work that is judged, or merged, next."""
        self._passed: list[tuple[int, GateResult]] = []
        """Its own gates, by the epoch in which they passed."""
        self._before: list[str] = []
        """How earlier attempts ended."""
        self._last: Run | None = None
        """The attempt that failed last."""

    def tell(self, events: Sequence[AnyEvent]) -> Iterator[Run]:
        for event in events:
            for run in self._after(event):
                if run.status == "completed" and run.conclusion != "action_required":
                    self._open.pop(run.place, None)
                else:
                    self._open[run.place] = run
                if run.place.head in self._branch.tips:
                    yield run

    def _after(self, event: AnyEvent) -> Iterator[Run]:
        match event:
            case TaskPlanned(kind="gate"):
                for gate in event.spec.gates:
                    if not isinstance(gate, ApprovalGate | GithubCheckGate):
                        yield self._gate(gate.name)
            case TaskLeased(step=step):
                self._step = step
            case AttemptStarted(epoch=epoch) if self._step == "work":
                title, so_far = f"At work: attempt {epoch}", self._so_far()
                place = self._attempt(epoch)
                yield Run(place, named(self._name), "in_progress", title=title, summary=so_far)
            case AttemptStarted() if self._planned.kind == "work":
                yield from self._goes_on()
            case AttemptStarted():
                for run in [run for run in self._open.values() if run.gate]:
                    yield msgspec.structs.replace(run, status="in_progress", title="It runs")
            case AttemptSucceeded(epoch=epoch, result=WorkDone() as done):
                yield from self._work_done(epoch, done)
            case TaskSucceeded(epoch=epoch):
                yield from self._succeeded(epoch)
            case AttemptFailed(epoch=epoch, failure=failure):
                yield from self._failed(epoch, failure)
            case LeaseLost(epoch=epoch, reason=reason):
                self._before.append(f"Attempt {epoch} was lost: {reason}")
                yield from self._ended(epoch, f"It was lost: {reason}")
            case GatesJudged(results=results, epoch=epoch):
                for result in results:
                    yield from self._judged(result, epoch)
            case ApprovalRequested() | ApprovalGiven() | ApprovalRefused():
                yield from self._approval(event)
            case TaskReopened(tip=tip):
                yield from self._ended(self._epoch(), "It did not merge, and is done again")
                self._tip = tip
            case TaskFailed(failure=failure):
                if self._planned.kind == "work" and self._last is not None:
                    yield msgspec.structs.replace(self._last, conclusion="failure")
                yield from self._closed(failure.detail)
            case TaskCancelled(reason=reason):
                yield from self._closed(reason or "The mission was cancelled")

    def _so_far(self) -> str:
        """Who is at work, and how the attempts before this one ended."""
        spec = self._planned.spec
        with_model = f" with {plain(spec.model)}" if spec.model else ""
        who = f"By {plain(spec.agent)}{with_model}." if spec.agent else "By a command."
        return "\n".join([who, *(f"\n- {plain(each)}" for each in self._before[-MAX_BEFORE:])])

    def _goes_on(self) -> Iterator[Run]:
        """Its work is done: it is judged, or merged."""
        known = self._open.get(self._attempt(self._epoch()))
        if known is None:
            return
        title = "Done, and it is being merged"
        if self._step == "gates":
            others = ApprovalGate | GithubCheckGate
            gates = self._planned.spec.gates
            names = (gate.name for gate in gates if not isinstance(gate, others))
            title = f"Done, and its gates run: {', '.join(names)}"
        yield msgspec.structs.replace(known, title=title)

    def _attempt(self, epoch: int) -> CheckPlace:
        return CheckPlace(f"{self._id}:{epoch}", self._head())

    def _head(self) -> str:
        return self._tip.commit if self._tip is not None else ""

    def _epoch(self) -> int:
        return 0 if self._worked is None else self._worked[0]

    def _work_done(self, epoch: int, done: WorkDone) -> Iterator[Run]:
        self._worked, self._passed = (epoch, done), []
        known = self._open.get(self._attempt(epoch))
        if known is not None:
            title = f"Done, and not merged yet: {_changed(done)}"
            yield msgspec.structs.replace(known, title=title)

    def _succeeded(self, epoch: int) -> Iterator[Run]:
        """Its work is merged, or will be: `epoch` is the last, of its gates where it has some."""
        if self._worked is None:
            return
        attempt, done = self._worked
        if done.no_change:
            title = f"Nothing had to be changed: {done.no_change}"
            yield self._done(self._attempt(attempt), title)
        became = self._branch.became.get((self._id, epoch), "")
        if not became:
            return
        yield from self._ended(attempt, f"It became {became[:12]}")
        yield self._done(CheckPlace(f"{self._id}:{attempt}", became), _changed(done))
        for judged_in, result in self._passed:
            yield self._own_gate(result, judged_in, became, "success")

    def _done(self, place: CheckPlace, title: str) -> Run:
        return Run(place, named(self._name), "completed", "success", title)

    def _failed(self, epoch: int, failure: Failure) -> Iterator[Run]:
        self._before.append(f"Attempt {epoch}: {failure.detail}")
        places = (self._attempt(epoch), self._attempt(self._epoch()))
        known = next((self._open[place] for place in places if place in self._open), None)
        if known is None:
            return
        summary = f"{plain(failure.detail)}\n\nA later attempt goes on, or the task fails."
        self._last = msgspec.structs.replace(
            known, status="completed", conclusion="neutral", title=failure.detail,
            summary=summary, tail=failure.tail, output=failure.output,
        )  # fmt: skip
        yield self._last

    def _ended(self, epoch: int, title: str) -> Iterator[Run]:
        known = self._open.get(self._attempt(epoch))
        if known is not None:
            yield msgspec.structs.replace(
                known, status="completed", conclusion="neutral", title=title
            )

    def _closed(self, title: str) -> Iterator[Run]:
        """Whatever is still open will not be told of any more."""
        for run in list(self._open.values()):
            yield msgspec.structs.replace(
                run, status="completed", conclusion="cancelled", title=title, buttons=()
            )

    def _gate(self, name: str) -> Run:
        place = CheckPlace(f"{self._id}/{name}", self._head())
        return Run(place, named(name), "queued", title="It waits for a runner", gate=True)

    def _judged(self, result: GateResult, epoch: int) -> Iterator[Run]:
        if self._planned.kind != "gate":
            if result.passed:
                self._passed.append((epoch, result))
            else:
                # It is done again: it says nothing against the tip that it started from.
                yield self._own_gate(result, epoch, self._head(), "neutral")
        elif result.name not in self._githubs:
            place = CheckPlace(f"{self._id}/{result.name}", self._head())
            yield Run(
                place, named(result.name), "completed", "success" if result.passed else "failure",
                _title(result), _summary(result), "" if result.passed else result.tail,
                None if result.passed else result.output, () if result.passed else ("rerun",),
                gate=True,
            )  # fmt: skip

    def _own_gate(self, result: GateResult, epoch: int, head: str, conclusion: Conclusion) -> Run:
        place = CheckPlace(f"{self._id}:{epoch}/{result.name}", head)
        return Run(
            place, named(self._name, result.name), "completed", conclusion, _title(result),
            _summary(result), "" if result.passed else result.tail,
            None if result.passed else result.output,
        )  # fmt: skip

    def _approval(
        self, event: ApprovalRequested | ApprovalGiven | ApprovalRefused
    ) -> Iterator[Run]:
        own = self._planned.kind == "gate"
        name = named(event.gate) if own else named(self._name, event.gate)
        place = CheckPlace(f"{self._id}/{event.gate}", self._head())
        match event:
            case ApprovalRequested(text=text, by=by):
                who = f"\n\nWho may answer: {', '.join(map(plain, by))}." if by else ""
                yield Run(
                    place, name, "completed", "action_required", "A person is asked",
                    f"{plain(text)}{who}", buttons=("approve",), gate=own,
                )  # fmt: skip
            case ApprovalGiven(by=by, note=note):
                said = f"\n\n{plain(note)}" if note else ""
                yield Run(
                    place, name, "completed", "success", f"{by} said yes",
                    f"{plain(by)} said yes.{said}", gate=own,
                )  # fmt: skip
            case ApprovalRefused(by=by, note=note):
                said = f"\n\n{plain(note)}" if note else ""
                # Work that is refused is done again, or the task fails.
                yield Run(
                    place, name, "completed", "failure" if own else "neutral", f"{by} said no",
                    f"{plain(by)} said no.{said}", gate=own,
                )  # fmt: skip


def _changed(done: WorkDone) -> str:
    return f"{done.files} files +{done.insertions} −{done.deletions}"


def _title(result: GateResult) -> str:
    if result.tally is not None:
        tally = result.tally
        return f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped"
    if result.passed:
        return "It passed"
    if result.exit_code is not None:
        return f"Exit status {result.exit_code}"
    return result.reason or "It did not end by itself"


def _summary(result: GateResult) -> str:
    said = [f"Run by the hive in a clean checkout of `{result.commit[:12]}`."]
    if result.reason:
        said.append(plain(result.reason))
    if result.flaky:
        said.append(f"Flaky: {', '.join(map(plain, result.flaky))}.")
    if result.seconds >= 0.1:
        said.append(f"{result.seconds:.1f} s.")
    return "\n\n".join(said)
