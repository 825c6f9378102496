"""The read models as a fold: given a history, when an event comes, then these rows."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from hive_contracts.budget import AttemptCap, Budget, Spent
from hive_contracts.codec import AnyEvent, stream_of
from hive_contracts.envelope import Meta, Recorded
from hive_contracts.mission import (
    BranchAdvanced,
    BudgetRaised,
    ItemsFound,
    MissionCancelled,
    MissionFailed,
    MissionLanded,
    MissionLaunched,
    MissionPaused,
    MissionRefused,
    MissionReleased,
    MissionResumed,
    MissionRevised,
    MissionSucceeded,
    PhaseCompleted,
    PhaseDefined,
    PhaseStarted,
    PrerequisiteMet,
    ReservationMade,
    ReservationSettled,
    RevisionDeclined,
    TaskSettled,
)
from hive_contracts.outcome import (
    AgentRun,
    Failure,
    GateResult,
    HandedOver,
    MergeDone,
    Usage,
    WorkDone,
)
from hive_contracts.plan import (
    ArtifactRef,
    ForEach,
    Globbed,
    Item,
    Origin,
    Phase,
    Repository,
    Retry,
    TaskKind,
    TaskSpec,
    Tip,
)
from hive_contracts.runner import SessionClosed, SessionOpened
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    CheckAwaited,
    GatesJudged,
    HandoverLost,
    ItemsReported,
    LeaseLost,
    LeaseWithdrawn,
    ReportIgnored,
    RetryScheduled,
    TaskCancelled,
    TaskFailed,
    TaskGiven,
    TaskLeased,
    TaskPlanned,
    TaskReopened,
    TaskRequeued,
    TaskSucceeded,
    TaskTaken,
    UsageReported,
    WorkHandedOver,
)
from hive_gateway.views.fold import fold
from hive_gateway.views.rows import Approval, Landing, MissionRow, Release, Taken, TaskRow
from hive_gateway.views.tables import Views, needed

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
M, T = "m" * 32, "t" * 32
DONE = WorkDone(commit="c" * 40, bundle=ArtifactRef("d" * 64, 9), files=1)
FAILED = Failure("gate", "tests failed")


def recorded(position: int, event: AnyEvent) -> Recorded:
    meta = Meta(M, f"command-{position}", "tester", f"trace-{position}")
    at = BEGAN + timedelta(seconds=position)
    return Recorded(position, stream_of(event), 1, "", type(event).__name__, b"", meta, at)


def folded(*events: AnyEvent, views: Views | None = None, after: int = 0) -> Views:
    views = views or Views()
    for position, event in enumerate(events, start=after + 1):
        fold(views, event, recorded(position, event))
    return views


def launched(prerequisites: tuple[str, ...] = ()) -> MissionLaunched:
    return MissionLaunched(M, "fix-1", "fix", "qa", "mend", prerequisites=prerequisites)


def planned(kind: TaskKind = "work", attempts: int = 2) -> TaskPlanned:
    spec = TaskSpec("work", run="true", retry=Retry(attempts=attempts))
    return TaskPlanned(T, M, "fix-1", "main", kind, spec)


def leased(epoch: int = 1, step: str = "work") -> TaskLeased:
    return TaskLeased(T, epoch, step, f"runner-{epoch}", "s", 60)  # type: ignore[arg-type]


def task(*events: AnyEvent) -> TaskRow:
    row = folded(launched(), planned(), *events).tasks.get(T)
    assert row is not None
    return row


def test_what_the_agents_of_all_attempts_used_is_added_up_by_kind_of_price() -> None:
    first = Failure("agent", "x", agent=AgentRun("a", usage=Usage(10, 5, 1, estimated_usd=0.1)))
    second = WorkDone(no_change="x", agent=AgentRun("b", usage=Usage(20, 0, 2, billed_usd=0.2)))
    told: list[AnyEvent] = [
        leased(),
        AttemptFailed(T, 1, first),
        leased(2),
        AttemptSucceeded(T, 2, second),
    ]
    assert task(*told).usage == Usage(30, 5, 3, billed_usd=0.2, estimated_usd=0.1)
    silent = Failure("agent", "x", agent=AgentRun("a"))
    assert task(leased(), AttemptFailed(T, 1, silent)).usage is None
    more: list[AnyEvent] = [
        *told,
        leased(3),
        AttemptFailed(T, 3, silent),
        TaskSucceeded(T, M, 2, second),
    ]
    assert task(*more).usage == Usage(30, 5, 3, billed_usd=0.2, estimated_usd=0.1)


LEFT = HandedOver("c" * 40, ArtifactRef("d" * 64, 9), agent=AgentRun("a", usage=Usage(7)))
TAKEN = TaskTaken(T, 2, "ann", Tip("t"), interrupted=1)


def test_who_has_a_task_and_what_they_start_from_is_shown_until_it_is_given() -> None:
    told: list[AnyEvent] = [leased(), AttemptStarted(T, 1), TAKEN]
    since = recorded(5, TAKEN).recorded_at
    row = task(*told)
    assert (row.status, row.epoch) == ("taken", 2)
    assert row.taken == Taken("ann", since, 2, Tip("t"), awaited=True)
    left = task(*told, WorkHandedOver(T, 1, LEFT))
    assert left.taken == Taken("ann", since, 2, Tip("t"), found=LEFT)
    assert left.usage == Usage(7)
    lost = task(*told, HandoverLost(T, 1, "it was away"))
    assert lost.taken == Taken("ann", since, 2, Tip("t"), lost="it was away")
    given = task(*told, TaskGiven(T, 2, "ann"))
    assert (given.status, given.taken, given.counted) == ("queued", None, 0)


def test_what_is_dropped_keeps_what_was_done_before() -> None:
    judging: list[AnyEvent] = [leased(), AttemptSucceeded(T, 1, DONE)]
    dropped = task(*judging, replace(TAKEN, interrupted=0), TaskGiven(T, 2, "ann", dropped=True))
    assert dropped.result == DONE
    assert task(*judging, TAKEN, TaskGiven(T, 2, "ann")).result is None


def mission(*events: AnyEvent) -> MissionRow:
    row = folded(*events).missions.get(M)
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("events", "status", "epoch", "attempt"),
    [
        pytest.param([], "queued", 0, 0, id="a planned task waits"),
        pytest.param([leased()], "leased", 1, 1, id="a lease is the first attempt"),
        pytest.param([leased(), AttemptStarted(T, 1)], "running", 1, 1, id="it began"),
        pytest.param([leased(), LeaseLost(T, 1, "gone")], "queued", 1, 1, id="a lost lease waits"),
        pytest.param(
            [leased(), LeaseLost(T, 1, "gone"), leased(2)], "leased", 2, 1, id="nobody's fault"
        ),
        pytest.param([leased(2), LeaseWithdrawn(T, 2)], "queued", 2, 1, id="a withdrawn lease"),
        pytest.param(
            [leased(), AttemptFailed(T, 1, FAILED)], "backing-off", 1, 1, id="a failed attempt"
        ),
        pytest.param(
            [leased(), AttemptFailed(T, 1, FAILED), RetryScheduled(T, 1, True), leased(2)],
            "leased",
            2,
            2,
            id="a retry that counts is the second attempt",
        ),
        pytest.param(
            [RetryScheduled(T, 1, False), TaskRequeued(T, 60), leased()],
            "leased",
            1,
            1,
            id="a retry that does not count",
        ),
        pytest.param([leased(), AttemptSucceeded(T, 1, DONE)], "queued", 1, 1, id="gates follow"),
        pytest.param(
            [leased(2, "gates"), GatesJudged(T, 2, "c", (GateResult("tests", True),))],
            "queued",
            2,
            1,
            id="judged",
        ),
        pytest.param([ReportIgnored(T, 1, "late")], "queued", 0, 0, id="an ignored report"),
        pytest.param([ItemsReported(T, M, "main", ())], "queued", 0, 0, id="items are found"),
        pytest.param(
            [ApprovalRequested(T, M, "ship", "?")], "awaiting-approval", 0, 0, id="it asks"
        ),
        pytest.param(
            [CheckAwaited(T, M, "ci", "ci/required", "c")],
            "awaiting-check",
            0,
            0,
            id="GitHub's turn",
        ),
        pytest.param(
            [CheckAwaited(T, M, "ci", "ci/required", "c"), GatesJudged(T, 0, "c", ())],
            "awaiting-check",
            0,
            0,
            id="one of its checks is completed",
        ),
        pytest.param([TaskSucceeded(T, M, 1, DONE)], "succeeded", 0, 0, id="it succeeded"),
        pytest.param([TaskFailed(T, M, 1, FAILED)], "failed", 0, 0, id="it failed"),
        pytest.param([TaskCancelled(T, M)], "cancelled", 0, 0, id="it was cancelled"),
        pytest.param(
            [TaskSucceeded(T, M, 1, DONE), TaskReopened(T, Tip("t"), FAILED), leased(2)],
            "leased",
            2,
            2,
            id="work that conflicts is done again",
        ),
    ],
)
def test_status_and_attempt_of_a_task(
    events: list[AnyEvent], status: str, epoch: int, attempt: int
) -> None:
    row = task(*events)
    assert (row.status, row.epoch, row.attempt) == (status, epoch, attempt)


def test_a_task_carries_what_it_came_to() -> None:
    gates = (GateResult("tests", True),)
    row = task(
        leased(),
        AttemptFailed(T, 1, FAILED),
        leased(2),
        AttemptSucceeded(T, 2, DONE),
        GatesJudged(T, 3, "c", gates),
        TaskSucceeded(T, M, 3),
    )
    assert (row.result, row.gates, row.failure) == (DONE, gates, None)
    assert (row.runner_id, row.step, row.attempts) == ("runner-2", "work", 2)
    assert (row.planned_at, row.changed_at) == (
        BEGAN + timedelta(seconds=2),
        BEGAN + timedelta(seconds=8),
    )


def test_an_attempt_that_is_refused_asks_for_nothing_any_more() -> None:
    events = (
        launched(),
        planned(),
        ApprovalRequested(T, M, "ship", "?"),
        ApprovalRequested(T, M, "protected", "?"),
        ApprovalRefused(T, "protected", "ann"),
        AttemptFailed(T, 1, FAILED),
    )
    views = folded(*events)
    row, whole = views.tasks.get(T), views.missions.get(M)
    assert row is not None
    assert whole is not None
    assert [approval.answer for approval in row.approvals] == ["void", "refused"]
    assert (whole.pending, whole.status) == (0, "running")


def test_a_reopened_task_has_nothing_to_show() -> None:
    row = task(
        TaskSucceeded(T, M, 1, DONE),
        BranchAdvanced(M, "a", Tip("b"), T, 1),
        TaskReopened(T, Tip("b"), FAILED),
    )
    assert (row.result, row.gates, row.failure, row.merged) == (None, (), FAILED, False)


def test_the_branch_moves_with_the_work_that_was_merged() -> None:
    views = folded(
        launched(), planned(), TaskSucceeded(T, M, 1, DONE), BranchAdvanced(M, "a", Tip("b"), T, 1)
    )
    row, whole = views.tasks.get(T), views.missions.get(M)
    assert row is not None
    assert whole is not None
    assert (row.merged, whole.tip) == (True, Tip("b"))


def test_work_is_counted_when_it_is_known_and_when_it_is_done() -> None:
    written = Phase("main", tasks=(TaskSpec("a"), TaskSpec("b")))
    fan_out = Phase("each", for_each=ForEach(Globbed(("*",)), TaskSpec("t")))
    history: list[AnyEvent] = [
        launched(),
        PhaseDefined(M, written),
        PhaseDefined(M, fan_out),
        ItemsFound(M, "each", (Item("x"), Item("y"), Item("z"))),
        planned(),
        TaskSucceeded(T, M, 1, DONE),
        TaskSettled(M, T, "succeeded", 1, DONE),
    ]
    row = mission(*history)
    assert (row.tasks, row.tasks_done) == (5, 1)
    assert mission(*history, TaskReopened(T, Tip("t"), FAILED)).tasks_done == 0
    assert mission(launched(), planned("merge"), TaskSucceeded(T, M, 1)).tasks_done == 0


@pytest.mark.parametrize(
    ("event", "status", "reason"),
    [
        (MissionSucceeded(M, "fix"), "succeeded", ""),
        (MissionFailed(M, "work: no"), "failed", "work: no"),
        (MissionRefused(M, "red base"), "refused", "red base"),
        (MissionCancelled(M, "no need"), "cancelled", "no need"),
    ],
)
def test_a_mission_ends_and_nothing_changes_that(event: AnyEvent, status: str, reason: str) -> None:
    asks = ApprovalRequested(T, M, "ship", "?")
    row = mission(launched(), planned(), asks, event, TaskCancelled(T, M))
    assert (row.status, row.reason, row.ended_at) == (status, reason, BEGAN + timedelta(seconds=4))


def test_a_landing_and_a_release_are_kept_with_their_moments() -> None:
    row = mission(
        launched(),
        MissionSucceeded(M, "fix"),
        MissionLanded(M, "c" * 40, "main", "ann"),
        MissionReleased(M, "bob", "tidy"),
    )
    assert row.status == "succeeded"
    assert row.landed == Landing("c" * 40, "main", "ann", BEGAN + timedelta(seconds=3))
    assert row.released == Release("bob", "tidy", BEGAN + timedelta(seconds=4))


def test_a_mission_whose_failed_tasks_another_one_does_again_names_it() -> None:
    start = Repository("/app", "a" * 40, start=Tip("b" * 40), start_of=M)
    again = MissionLaunched("n" * 32, "fix-2", "fix", repository=start)
    assert M in needed([again]).missions
    views = folded(launched(), MissionFailed(M, "main/work: broke"), again)
    row = views.missions.get(M)
    assert row is not None
    assert (row.status, row.again_as) == ("failed", "fix-2")


def test_a_mission_that_goes_on_with_what_came_back_is_open_again_and_ends_again() -> None:
    history: list[AnyEvent] = [
        launched(),
        MissionSucceeded(M, "fix"),
        RevisionDeclined(M, 1, "not yet"),
        MissionRevised(M, 2, "revision-2", title="a check failed"),
    ]
    row = mission(*history)
    assert (row.status, row.reason, row.ended_at) == ("running", "", None)
    row = mission(*history, MissionFailed(M, "it gave up"))
    assert (row.status, row.reason) == ("failed", "it gave up")


def test_a_mission_waits_while_a_person_or_another_mission_is_needed() -> None:
    asks, other = ApprovalRequested(T, M, "ship", "?"), ApprovalRequested(T, M, "tell", "?")
    history: list[AnyEvent] = [launched(("a", "b"))]
    seen = []
    for event in (
        PrerequisiteMet(M, "a"),
        PrerequisiteMet(M, "b"),
        planned(),
        asks,
        other,
        ApprovalGiven(T, "ship", "ann"),
        ApprovalGiven(T, "tell", "ann"),
    ):
        history.append(event)
        seen.append(mission(*history).status)
    assert mission(*history[:1]).status == "waiting"
    assert seen == ["waiting", "running", "running", "waiting", "waiting", "waiting", "running"]


@pytest.mark.parametrize(
    "end",
    [
        ApprovalRefused(T, "ship", "ann"),
        TaskFailed(T, M, 0, FAILED),
        TaskCancelled(T, M),
        TaskSucceeded(T, M, 0),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_question_that_is_settled_waits_no_more(end: AnyEvent) -> None:
    views = folded(launched(), planned(), ApprovalRequested(T, M, "ship", "Ship it?"), end)
    row, whole = views.tasks.get(T), views.missions.get(M)
    assert row is not None
    assert whole is not None
    [approval] = row.approvals
    assert approval.answer in ("refused", "void")
    assert (whole.pending, whole.status, row.asks) == (0, "running", True)


def test_an_answer_remembers_its_command_and_a_new_question_replaces_the_old() -> None:
    asks = ApprovalRequested(T, M, "ship", "Ship it?")
    row = task(asks, ApprovalGiven(T, "ship", "ann"))
    asked_at = BEGAN + timedelta(seconds=3)
    assert row.approvals == (Approval("ship", "Ship it?", asked_at, "given", "command-4"),)
    again = task(asks, ApprovalGiven(T, "ship", "ann"), asks)
    assert [approval.answer for approval in again.approvals] == [""]


def test_phases_go_from_waiting_to_completed() -> None:
    history: list[AnyEvent] = [launched(), PhaseDefined(M, Phase("b", ("a",), (TaskSpec("t"),)))]
    seen = []
    changes: list[AnyEvent] = [PhaseStarted(M, "b"), PhaseCompleted(M, "b")]
    for event in changes:
        seen.append(folded(*history).phases.get((M, "b")))
        history.append(event)
    seen.append(folded(*history).phases.get((M, "b")))
    assert [phase.status for phase in seen if phase] == ["waiting", "running", "completed"]
    assert seen[0] is not None
    assert (seen[0].needs, seen[0].command_id) == (("a",), "command-2")


def test_what_does_not_change_is_written_apart_and_once() -> None:
    repository = Repository("/r", "b" * 40)
    origin = Origin("github-com-1-7", "acme/shop#7", "https://example.org/7", "Broken")
    views = folded(msgspec.structs.replace(launched(), repository=repository, origin=origin))
    [detail] = views.details.changed()
    assert detail.origin == origin
    assert (detail.objective, detail.repository, detail.traceparent, detail.command_id) == (
        "mend",
        repository,
        "trace-1",
        "command-1",
    )


def test_runners_come_and_go_by_session() -> None:
    opened = SessionOpened("r", "s1", "anvil", 4, ("claude",))
    again = SessionOpened("r", "s2", "anvil", 4)
    late = SessionClosed("r", "s1", "superseded")
    statuses = []
    for history in ([opened], [opened, again, late], [opened, late]):
        row = folded(*history).runners.get("r")
        assert row is not None
        statuses.append((row.session_id, row.status))
    assert statuses == [("s1", "connected"), ("s2", "connected"), ("s1", "closed")]


ORPHANS: list[AnyEvent] = [
    PhaseStarted(M, "main"),
    BranchAdvanced(M, "a", Tip("b"), T, 1),
    MissionSucceeded(M, "fix"),
    leased(),
    TaskSucceeded(T, M, 1, MergeDone("a", Tip("b"))),
    SessionClosed("r", "s", "expired"),
]


@pytest.mark.parametrize("event", ORPHANS, ids=lambda event: type(event).__name__)
def test_an_event_of_something_unknown_changes_nothing(event: AnyEvent) -> None:
    views = folded(event)
    tables = (views.missions, views.tasks, views.phases, views.runners)
    assert all(table.changed() == [] for table in tables)


def test_the_rows_that_a_batch_needs_are_named() -> None:
    events: Iterable[AnyEvent] = [planned(), PhaseStarted("x", "p"), ORPHANS[1], ORPHANS[-1]]
    keys = needed(events)
    assert (keys.missions, keys.phases, keys.tasks, keys.runners) == (
        {M, "x"},
        {"x"},
        {T},
        {"r"},
    )


def test_only_rows_that_changed_are_written() -> None:
    views = folded(launched(), planned())
    reloaded = Views()
    for row in views.tasks.changed():
        reloaded.tasks.load(row.task_id, row)
    for whole in views.missions.changed():
        reloaded.missions.load(whole.mission_id, whole)
    folded(leased(), views=reloaded, after=2)
    assert [row.status for row in reloaded.tasks.changed()] == ["leased"]
    assert reloaded.missions.changed() == []


def test_a_pause_is_the_status_until_it_goes_on_or_ends() -> None:
    paused = MissionPaused(M, "lunch", "ann")
    row = mission(launched(), paused)
    assert (row.status, row.pause and row.pause.reason) == ("paused", "lunch")
    assert mission(launched(), paused, MissionResumed(M, "ann")).status == "running"
    ended = mission(launched(), paused, MissionCancelled(M))
    assert (ended.status, ended.pause) == ("cancelled", None)


def test_a_deadline_is_that_of_the_launch_and_none_of_what_comes_back() -> None:
    begun = msgspec.structs.replace(launched(), deadline=3600.0)
    assert mission(begun).deadline == 3600
    back = mission(begun, MissionSucceeded(M, "fix"), MissionRevised(M, 1, "revision-1"))
    assert (back.status, back.deadline) == ("running", None)
    assert mission(launched()).deadline is None


def test_a_budget_is_what_its_events_say() -> None:
    begun = msgspec.structs.replace(launched(), budget=Budget(tokens=1_000))
    made = ReservationMade(M, T, 1, AttemptCap(tokens=600))
    row = mission(begun, made, ReservationSettled(M, T, 1))
    assert row.purse is not None
    assert (row.purse.used("tokens"), row.purse.held("tokens")) == (600, 0)
    settled = ReservationSettled(M, T, 1, Spent(tokens=70))
    raised = BudgetRaised(M, Budget(tokens=5_000), "ann")
    row = mission(begun, made, ReservationSettled(M, T, 1), settled, raised)
    assert row.purse is not None
    assert (row.purse.used("tokens"), row.purse.left("tokens")) == (70, 4_930)


def test_what_a_stopped_or_late_attempt_had_used_is_added_up_too() -> None:
    told: list[AnyEvent] = [
        leased(),
        UsageReported(T, 1, M, Usage(7)),
        ReportIgnored(T, 1, "late", M, Usage(5, unpriced=1)),
        ReportIgnored(T, 1, "late"),
        UsageReported(T, 1, M, Usage()),
    ]
    assert task(*told).usage == Usage(12, unpriced=1)


def test_a_mission_that_does_what_failed_again_begins_at_the_tip_of_the_one_before() -> None:
    start = Tip("e" * 40, "c" * 64)
    begun = replace(launched(), repository=Repository("/shop", "b" * 40, start=start))
    row = folded(begun).missions.get(M)
    assert row is not None
    assert row.tip == start
