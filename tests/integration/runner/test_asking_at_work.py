"""An agent that asks for permission waits where it is until a person has answered."""

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from hive_contracts.dialogue import Question, Reply, Rule
from hive_contracts.orders import Lease
from hive_contracts.outcome import WorkDone
from hive_runner.agents.questions import Key, Questions
from hive_runner.link.reports import Asks
from hive_runner.processes.process_group import Command, Pause, _next_limit
from hive_shared.profiles import Login, Profile, Server
from tests.integration.runner.test_terms import on_terms
from tests.integration.runner.workshop import PERSON, Source, Workshop, done, failure, lease

AGENT = Path(__file__).with_name("acp_agent.py")
PUSH = {"ACP_DOES": "ask for a command", "ACP_KIND": "execute"}


def hired(source: Source, workshop: Workshop, env: dict[str, str], **fields: object) -> Lease:
    workshop.options.profiles["agent"] = Profile(
        (sys.executable, str(AGENT)), protocol="acp", login=Login(needed=False), set_env=env,
        **fields,  # type: ignore[arg-type]
    )  # fmt: skip
    return lease(source, agent="agent", prompt="Do it.")


def answering(questions: Questions, text: str, after: float = 0) -> list[Asks]:
    """A person who answers; what was asked."""
    asked: list[Asks] = []

    def ask(key: Key, asks: Asks) -> None:
        asked.append(asks)
        reply = Reply(*key, asks.id, text)
        asyncio.get_running_loop().call_later(after, questions.reply, reply)

    questions.on_asked = ask
    return asked


def answer_in(workshop: Workshop, result: WorkDone) -> str:
    option: str = json.loads(workshop.files_of(result.commit)["answer"])["optionId"]
    return option


@pytest.mark.parametrize(("text", "option"), [("allow", "allow-once"), ("deny", "reject-once")])
async def test_a_person_allows_or_denies_what_the_mission_says_is_to_be_asked(
    source: Source, workshop: Workshop, text: str, option: str
) -> None:
    asked = answering(workshop.place.questions, text)
    rules = (Rule("run:git push*", "ask"),)
    work = on_terms(hired(source, workshop, PUSH), permissions=rules)
    assert answer_in(workshop, done(await workshop.perform(work))) == option
    assert asked[0].question.text == "May I run: git push origin"
    assert asked[0].question.options == ("allow", "deny")
    assert (asked[0].id, len(asked)) == ("1-1", 1)


def test_no_time_out_goes_on_while_a_person_is_asked(tmp_path: Path) -> None:
    now = time.monotonic()
    clock = [now]
    pause = Pause(lambda: clock[0])
    command = Command(
        ("x",), tmp_path, {}, tmp_path, run_timeout=60, silence_timeout=10, pause=pause
    )
    began = last = now - 50
    assert _next_limit(command, began, last)[1] < -30  # it would be ended for its silence
    clock[0] = now - 45
    pause.begin()
    clock[0] = now
    assert _next_limit(command, began, last)[1] > 0  # however long it takes
    pause.end()
    reason, left = _next_limit(command, began, last)
    assert (reason, 9 < left <= 10) == ("silence", True)  # silent since the answer
    reason, left = _next_limit(command, began, now + 60)
    assert (reason, 54 < left <= 55) == ("run", True)  # at work for 5 of its 60 s


async def test_a_question_that_the_hive_does_not_take_is_denied(
    source: Source, workshop: Workshop
) -> None:
    questions = workshop.place.questions
    loop = asyncio.get_running_loop()

    def refuse(key: Key, asks: Asks) -> None:
        loop.call_soon(questions.refused, key, asks.id)

    questions.on_asked = refuse
    work = on_terms(hired(source, workshop, PUSH), permissions=(Rule("run", "ask"),))
    assert answer_in(workshop, done(await workshop.perform(work))) == "reject-once"


@pytest.mark.parametrize(
    ("mine", "theirs", "option"),
    [
        ({"*": "allow"}, (Rule("run:git push*", "deny"),), "reject-once"),
        ({"execute": "deny"}, (Rule("run", "allow"),), "reject-once"),
        ({"*": "allow"}, (Rule("run:git pull*", "deny"),), "allow-once"),
    ],
    ids=["the mission", "the profile", "neither"],
)
async def test_of_the_profiles_word_and_the_missions_the_stricter_counts(
    source: Source,
    workshop: Workshop,
    mine: dict[str, str],
    theirs: tuple[Rule, ...],
    option: str,
) -> None:
    work = on_terms(hired(source, workshop, PUSH, permissions=mine), permissions=theirs)
    assert answer_in(workshop, done(await workshop.perform(work))) == option


async def test_an_agent_that_may_only_look_is_denied_to_edit(
    source: Source, workshop: Workshop
) -> None:
    env = {"ACP_DOES": "ask", "ACP_KIND": "edit"}
    work = on_terms(hired(source, workshop, env), read_only=True)
    refused = failure(await workshop.perform(work))
    assert refused.files == ("answer", "session")  # the stand-in writes what it was answered
    (kept,) = workshop.kept().values()
    assert "reject-once" in workshop.files_of(kept)["answer"]


async def test_servers_of_the_profile_come_with_the_session_and_secrets_in_no_file(
    source: Source, tmp_path: Path
) -> None:
    workshop = Workshop(tmp_path / "data", {**PERSON, "ISSUES_TOKEN": "hush"})
    server = Server("issues-mcp", ("--read-only",), ("ISSUES_TOKEN", "NOT_THERE"))
    work = hired(source, workshop, {"ACP_DOES": "edit"}, mcp={"issues": server})
    result = done(await workshop.perform(work))
    (told,) = json.loads(workshop.files_of(result.commit)["servers"])
    assert (told["name"], told["command"], told["args"]) == (
        "issues", "issues-mcp", ["--read-only"],
    )  # fmt: skip
    assert told["env"] == [{"name": "ISSUES_TOKEN", "value": "hush"}]


def test_an_answer_said_twice_is_given_once_and_another_ones_never() -> None:
    questions = Questions()
    given: list[tuple[str, str]] = []
    question = Question("May I?")
    assert questions.ask(("t", 1), "1-1", question, lambda id, text: given.append((id, text)))
    assert not questions.ask(("t", 1), "1-2", question, lambda id, text: None)
    questions.reply(Reply("t", 1, "1-9", "allow"))
    questions.reply(Reply("t", 2, "1-1", "allow"))
    assert (given, questions.waits(("t", 1))) == ([], "1-1")
    questions.reply(Reply("t", 1, "1-1", "allow"))
    questions.reply(Reply("t", 1, "1-1", "deny"))
    assert given == [("1-1", "allow")]
    assert questions.waits(("t", 1)) == ""
