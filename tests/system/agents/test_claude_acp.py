"""Claude Code by the Agent Client Protocol, through its adapter: whole tasks, offline."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from hive_contracts.dialogue import Reply, Rule
from hive_contracts.outcome import Failure
from hive_contracts.plan import Timeouts
from hive_runner.agents.questions import Key
from hive_runner.link.reports import Asks
from tests.integration.runner.test_terms import on_terms
from tests.integration.runner.workshop import (
    Source,
    Workshop,
    done,
    failure,
    lease,
    new_nap,
    nothing_left_behind,
    until,
)
from tests.system.agents.conftest import Model, claude
from tests.system.agents.test_headless import FIX, LIMIT, SILENCE, STALL
from tests.system.agents.test_terms import TRIES

NAME = "claude-acp"
GOES_ON = """
[[conversation]]
match = "The attempt before this one failed"
[[conversation.turn]]
say = "What was said in the attempt before counts."
[[conversation.turn]]
say = "So these are passed over."
[[conversation.turn]]
run = "echo 'a = 3' > src/a.py"
[[conversation.turn]]
say = "It is three."

[[conversation]]
[[conversation.turn]]
run = "echo 'a = 2' > src/a.py"
[[conversation.turn]]
say = "It is two."
"""


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "data", kill_grace=10)


async def test_an_edit_is_committed_with_its_session_last_words_tokens_and_price(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    workshop.options.profiles[NAME] = claude(tmp_path / "home", model(FIX), NAME)
    result = done(await workshop.perform(lease(source, agent=NAME, prompt="Fix the constant.")))
    assert workshop.files_of(result.commit)["src/a.py"] == "a = 2"
    assert result.agent is not None
    assert result.agent.session
    assert result.agent.said == "The constant was wrong; it is right now."
    assert b'"type":"tool"' in workshop.artifact(result.output)
    usage = result.agent.usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (2100, 1200, 55)
    assert 0.002 < usage.estimated_usd < 0.1


async def test_what_is_denied_is_not_run_and_others_are(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    workshop.options.profiles[NAME] = claude(tmp_path / "home", model(TRIES), NAME)
    rules = (Rule("run:*denied*", "deny"), Rule("edit", "allow"))
    work = on_terms(lease(source, agent=NAME, prompt="Try it."), permissions=rules)
    result = done(await workshop.perform(work))
    files = workshop.files_of(result.commit)
    assert "allowed.txt" in files
    assert "denied.txt" not in files


async def test_a_person_is_asked_for_one_command(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    asked: list[str] = []

    def ask(key: Key, asks: Asks) -> None:
        asked.append(asks.question.text)
        questions.reply(Reply(*key, asks.id, "deny"))

    questions = workshop.place.questions
    questions.on_asked = ask
    workshop.options.profiles[NAME] = claude(tmp_path / "home", model(TRIES), NAME)
    rules = (Rule("run:touch*", "ask"), Rule("*", "allow"))
    work = on_terms(lease(source, agent=NAME, prompt="Try it."), permissions=rules)
    files = workshop.files_of(done(await workshop.perform(work)).commit)
    assert asked == ["May I run: touch denied.txt"]
    assert ("allowed.txt" in files, "denied.txt" in files) == (True, False)


async def test_its_session_is_gone_on_with_by_the_next_attempt_in_a_worktree_of_its_own(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    served = model(GOES_ON)
    profile = claude(tmp_path / "home", served, NAME)
    workshop.options.profiles[NAME] = msgspec.structs.replace(profile, resume=True)
    first = done(await workshop.perform(lease(source, agent=NAME, prompt="Fix the constant.")))
    assert first.agent is not None
    again = lease(
        source, agent=NAME, prompt="Fix the constant.", session=first.agent.session, epoch=3,
        attempt=2, feedback=Failure("gate", "gate tests failed (exit 1)"),
    )  # fmt: skip
    second = done(await workshop.perform(again))
    assert workshop.files_of(second.commit)["src/a.py"] == "a = 3"
    assert second.agent is not None
    assert (second.agent.session, second.agent.said) == (first.agent.session, "It is three.")
    assert served.heard[-1].asked.text.count("Fix the constant.") == 2, "it knows the first one"


async def test_a_limit_of_the_provider_is_waited_for(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    workshop.options.profiles[NAME] = claude(tmp_path / "home", model(LIMIT), NAME)
    met = failure(await workshop.perform(lease(source, agent=NAME, prompt="Fix it.")))
    assert (met.kind, 3400 < met.retry_after < 3800) == ("limit", True)


async def test_an_agent_whose_model_stalls_is_ended_by_the_silence_time_out(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    workshop.options.profiles[NAME] = claude(tmp_path / "home", model(STALL), NAME)
    asked = lease(source, agent=NAME, prompt="Fix it.", timeouts=Timeouts(silence=SILENCE))
    ended = failure(await workshop.perform(asked))
    assert (ended.kind, "without output" in ended.detail) == ("timeout", True)
    assert workshop.folders_left() == []


async def test_a_cancelled_one_ends_its_turn_and_what_it_left_behind_is_ended(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    nap = new_nap()
    scenario = STALL.replace(
        "echo 'a = 2' > src/a.py", f"touch begun; setsid {nap} > /dev/null 2>&1 &"
    )
    served = model(scenario)
    workshop.options.profiles[NAME] = claude(tmp_path / "home", served, NAME)
    with nothing_left_behind(nap), nothing_left_behind(str(tmp_path / "home")):
        attempt = asyncio.ensure_future(
            workshop.perform(lease(source, agent=NAME, prompt="Fix it."))
        )
        await until(lambda: "stall" in [heard.became for heard in served.heard], 60)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
    (kept,) = workshop.kept().values()
    assert "begun" in workshop.files_of(kept)
    assert workshop.folders_left() == []
