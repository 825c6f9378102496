"""What an agent asks, and what a person answers.

    Running ──report Asked──▶ AwaitingAnswer ──AnswerQuestion──▶ Queued, with the answer
    Running ──AskQuestion───▶ Running, asking ──AnswerQuestion──▶ Running

The first kind ends a turn: the slot is free, what was made so far is the next turn's base, and no
attempt is used up. The second waits at work; whatever ends the attempt ends the question.
"""

from typing import Final

from hive_contracts.dialogue import (
    DENY,
    MAX_ANSWER,
    MAX_OPTION,
    MAX_OPTIONS,
    MAX_QUESTION,
    MAX_QUESTIONS,
    Question,
)
from hive_contracts.outcome import Asked
from hive_contracts.task import (
    AnswerQuestion,
    AnyTaskEvent,
    AskQuestion,
    QuestionAnswered,
    QuestionAsked,
    TimeOutTask,
)
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.deciders.task_state import (
    AwaitingAnswer,
    Ended,
    Facts,
    Open,
    Running,
)

HIVE: Final = "hive"
NOBODY: Final = "Nobody answered in time. Decide by yourself, and say what you assumed."


def asked(facts: Facts, epoch: int, outcome: Asked) -> list[AnyTaskEvent] | None:
    """A turn that ended with a question; None where the task has asked too often."""
    if len(facts.answers) >= MAX_QUESTIONS:
        return None
    planned = facts.planned
    question = _fitting(outcome.question)
    timeout = planned.spec.timeouts.answer
    id = str(epoch)
    return [
        QuestionAsked(
            planned.task_id, planned.mission_id, epoch, id, question, outcome.work, timeout
        )
    ]


def ask(task: Open | Ended, command: AskQuestion) -> list[AnyTaskEvent]:
    """An attempt at work asks."""
    if not isinstance(task, Running) or task.facts.minted != command.epoch:
        raise Rejected("stale", f"epoch {command.epoch} of this task is not at work any more")
    facts, question = task.facts, command.question
    known = facts.pending or facts.replied
    if known is not None and known.id == command.id:
        return []
    if facts.pending is not None:
        raise Rejected("conflict", "it waits for another answer already", "id")
    if not question.text.strip() or not command.id or len(command.id) > MAX_OPTION:
        raise Rejected("invalid", "a question has an id and a text", "question")
    planned = facts.planned
    return [
        QuestionAsked(
            planned.task_id, planned.mission_id, command.epoch, command.id, _fitting(question),
            timeout=planned.spec.timeouts.answer,
        )
    ]  # fmt: skip


def answer(task: Open | Ended, command: AnswerQuestion) -> list[AnyTaskEvent]:
    """A person answers."""
    facts, text = task.facts, command.text.strip()
    name, pending = facts.planned.spec.name, facts.pending
    if pending is None or command.id not in ("", pending.id):
        raise Rejected("conflict", f"task {name} does not wait for this answer", "task")
    if not 0 < len(text) <= MAX_ANSWER:
        raise Rejected(
            "invalid", f"an answer has 1 to {MAX_ANSWER} characters", "text", "shorten it"
        )
    options = pending.question.options
    if options:
        chosen = [option for option in options if option.casefold() == text.casefold()]
        if not chosen:
            raise Rejected(
                "invalid", f"{text[:80]!r} is none of the answers", "text",
                f"answer one of: {', '.join(options)}",
            )  # fmt: skip
        text = chosen[0]
    return [QuestionAnswered(command.task_id, pending.id, text, command.by)]


def unanswered(task: Open | Ended, command: TimeOutTask) -> list[AnyTaskEvent]:
    """Nobody answered in time: an agent at work is refused, any other decides by itself."""
    pending = task.facts.pending
    if pending is None or pending.id != command.question:
        return []
    text = NOBODY if isinstance(task, AwaitingAnswer) else DENY
    return [QuestionAnswered(command.task_id, pending.id, text, HIVE)]


def _fitting(question: Question) -> Question:
    text = question.text.strip()
    if len(text) > MAX_QUESTION:
        text = text[: MAX_QUESTION - 20] + " … (it was longer)"
    options = tuple(option[:MAX_OPTION] for option in question.options[:MAX_OPTIONS])
    return Question(text, options)
