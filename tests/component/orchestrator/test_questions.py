"""An agent asks, a person answers: given, when, then."""

import msgspec
import pytest
from msgspec.structs import replace

from hive_contracts.dialogue import MAX_QUESTION, MAX_QUESTIONS, Answered, Question
from hive_contracts.outcome import AgentRun, Asked, Failure, WorkDone
from hive_contracts.plan import ArtifactRef, Retry, TaskSpec, Timeouts, Tip
from hive_contracts.task import (
    AnswerQuestion,
    AnyTaskCommand,
    AnyTaskEvent,
    AskQuestion,
    AttemptFailed,
    AttemptStarted,
    LeaseLost,
    QuestionAnswered,
    QuestionAsked,
    ReportAttempt,
    ReportIgnored,
    RetryScheduled,
    TaskLeased,
    TaskPlanned,
    TaskRequeued,
    TimeOutTask,
)
from hive_orchestrator.deciders import questions, task, task_state
from hive_orchestrator.deciders.rejected import Rejected

T, M = "0" * 31 + "1", "0" * 31 + "2"
HALF = WorkDone("b" * 40, ArtifactRef("d" * 64, 10), agent=AgentRun("codex", "session-1"))
WHICH = Question("Which one?")
MAY = Question("May I push?", ("allow", "deny"))


def planned(attempts: int = 2, answer: float = 0) -> TaskPlanned:
    spec = TaskSpec(
        "fix", prompt="Fix.", agent="codex",
        retry=Retry(attempts=attempts), timeouts=Timeouts(answer=answer),
    )  # fmt: skip
    return TaskPlanned(T, M, "fix-1", "main", "work", spec, tip=Tip("a" * 40))


def begun(epoch: int) -> list[AnyTaskEvent]:
    return [TaskLeased(T, epoch, "work", "r", "s", 60), AttemptStarted(T, epoch)]


def asked(epoch: int, work: WorkDone | None = HALF) -> QuestionAsked:
    return QuestionAsked(T, M, epoch, str(epoch), WHICH, work)


def after(*events: AnyTaskEvent) -> task_state.Task:
    state: task_state.Task = task_state.INITIAL
    for event in events:
        state = task_state.evolve(state, event)
    return state


def facts(*events: AnyTaskEvent) -> task_state.Facts:
    state = after(*events)
    assert not isinstance(state, task_state.Unplanned)
    return state.facts


def test_a_turn_that_ends_with_a_question_uses_up_no_attempt_and_gives_its_slot_back() -> None:
    report = ReportAttempt(T, 1, Asked(WHICH, HALF))
    assert task.decide(after(planned(), *begun(1)), report) == [asked(1)]
    state = after(planned(), *begun(1), asked(1))
    assert isinstance(state, task_state.AwaitingAnswer)
    assert (state.facts.failed, state.facts.uncounted) == (0, 0)


def test_the_answer_the_work_so_far_and_the_session_are_the_next_turns() -> None:
    history = [planned(), *begun(1), asked(1), QuestionAnswered(T, "1", "The left one.", "ann")]
    assert isinstance(after(*history), task_state.Queued)
    known = facts(*history)
    assert known.answers == (Answered("Which one?", "The left one.", "ann"),)
    assert (known.result, known.session, known.pending) == (HALF, "session-1", None)


def test_what_was_made_before_stays_the_base_where_a_second_question_brought_nothing_new() -> None:
    nothing = WorkDone(agent=AgentRun("codex", "session-1"))
    history = [planned(), *begun(1), asked(1), QuestionAnswered(T, "1", "Left.", "ann")]
    assert facts(*history, *begun(2), asked(2, nothing)).result == HALF


def test_an_attempt_that_fails_after_an_answer_begins_at_the_tip_and_knows_the_answer() -> None:
    history = [planned(), *begun(1), asked(1), QuestionAnswered(T, "1", "Left.", "ann"), *begun(2)]
    failed: list[AnyTaskEvent] = [
        AttemptFailed(T, 2, Failure("agent", "exit 1")),
        RetryScheduled(T, 1, True),
    ]
    known = facts(*history, *failed, TaskRequeued(T, 3600))
    assert (known.result, len(known.answers), known.failed) == (None, 1, 1)


def test_a_lost_runner_costs_neither_the_answer_nor_the_work_so_far() -> None:
    history = [planned(), *begun(1), asked(1), QuestionAnswered(T, "1", "Left.", "ann"), *begun(2)]
    known = facts(*history, LeaseLost(T, 2, "gone"))
    assert (known.result, len(known.answers)) == (HALF, 1)


def test_a_report_that_comes_while_a_person_is_asked_changes_nothing() -> None:
    late = ReportAttempt(T, 1, Failure("agent", "exit 1"))
    state = after(planned(), *begun(1), LeaseLost(T, 1, "gone"), *begun(2), asked(2))
    assert task.decide(state, late) == [ReportIgnored(T, 1, "a later epoch has reported")]


def test_a_task_that_asks_for_ever_fails() -> None:
    history: list[AnyTaskEvent] = [planned(attempts=1)]
    for epoch in range(1, MAX_QUESTIONS + 1):
        history += [*begun(epoch), asked(epoch), QuestionAnswered(T, str(epoch), "Yes.", "ann")]
    last = MAX_QUESTIONS + 1
    report = ReportAttempt(T, last, Asked(WHICH, HALF))
    events = task.decide(after(*history, *begun(last)), report)
    assert [type(event).__name__ for event in events] == ["AttemptFailed", "TaskFailed"]
    assert "more than 10 questions" in str(events[0])


def test_a_question_is_cut_at_its_limit_and_says_so() -> None:
    report = ReportAttempt(T, 1, Asked(Question("x" * 9_000), HALF))
    (event,) = task.decide(after(planned(), *begun(1)), report)
    assert isinstance(event, QuestionAsked)
    assert len(event.question.text) <= MAX_QUESTION
    assert event.question.text.endswith("(it was longer)")
    assert len(msgspec.json.encode(event)) < 60_000


def test_nobody_answers_in_time_and_the_agent_decides_by_itself() -> None:
    state = after(planned(answer=60), *begun(1), replace(asked(1), timeout=60))
    rings = TimeOutTask(T, "answer", 1, question="1")
    assert task.decide(state, rings) == [QuestionAnswered(T, "1", questions.NOBODY, "hive")]
    answered = after(planned(), *begun(1), asked(1), QuestionAnswered(T, "1", "Left.", "ann"))
    assert task.decide(answered, rings) == []


def at_work(*events: AnyTaskEvent) -> task_state.Task:
    return after(planned(), *begun(1), QuestionAsked(T, M, 1, "1-1", MAY), *events)


def test_an_attempt_at_work_asks_and_is_answered_where_it_is() -> None:
    ask = AskQuestion(T, 1, "1-1", MAY)
    assert task.decide(after(planned(), *begun(1)), ask) == [QuestionAsked(T, M, 1, "1-1", MAY)]
    assert task.decide(at_work(), ask) == []  # said twice, asked once
    assert isinstance(at_work(), task_state.Running)
    answered = QuestionAnswered(T, "1-1", "deny", "ann")
    assert task.decide(at_work(), AnswerQuestion(T, "Deny", "ann")) == [answered]
    state = at_work(answered)
    assert isinstance(state, task_state.Running)
    assert state.facts.replied == task_state.Replied("1-1", "deny")
    assert task.decide(state, ask) == []


def test_nobody_answers_an_attempt_at_work_in_time_and_it_is_refused() -> None:
    rings = TimeOutTask(T, "answer", 1, question="1-1")
    assert task.decide(at_work(), rings) == [QuestionAnswered(T, "1-1", "deny", "hive")]


def test_a_question_at_work_is_over_when_its_attempt_is() -> None:
    state = at_work(LeaseLost(T, 1, "gone"))
    with pytest.raises(Rejected, match="does not wait for this answer"):
        task.decide(state, AnswerQuestion(T, "allow", "ann"))


REFUSED: dict[str, tuple[AnyTaskCommand, str]] = {
    "an answer that is none of those offered": (AnswerQuestion(T, "perhaps", "ann"), "none of"),
    "an empty answer": (AnswerQuestion(T, "  ", "ann"), "characters"),
    "an answer without an end": (AnswerQuestion(T, "x" * 4_001, "ann"), "characters"),
    "an answer to another question": (AnswerQuestion(T, "allow", "ann", "9"), "does not wait"),
    "a second question beside the first": (AskQuestion(T, 1, "1-2", MAY), "another answer"),
    "a question of an epoch that is over": (AskQuestion(T, 9, "9-1", MAY), "not at work"),
}


@pytest.mark.parametrize("title", REFUSED)
def test_what_is_no_answer_is_refused(title: str) -> None:
    command, message = REFUSED[title]
    with pytest.raises(Rejected, match=message):
        task.decide(at_work(), command)
