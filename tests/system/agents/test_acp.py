"""OpenCode by the Agent Client Protocol: whole tasks, offline."""

from pathlib import Path

import msgspec
import pytest

from hive_contracts.outcome import Failure
from hive_contracts.plan import Timeouts
from tests.integration.runner.workshop import Source, Workshop, done, failure, lease
from tests.system.agents.conftest import Model, opencode
from tests.system.agents.test_headless import FIX, LIMIT, SILENCE, STALL

NAME = "opencode-acp"


async def test_an_edit_is_committed_with_its_session_last_words_and_price(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    workshop.options.profiles[NAME] = opencode(tmp_path / "home", model(FIX), NAME)
    result = done(await workshop.perform(lease(source, agent=NAME, prompt="Fix the constant.")))
    assert workshop.files_of(result.commit)["src/a.py"] == "a = 2"
    assert result.agent is not None
    assert result.agent.session.startswith("ses_")
    assert result.agent.said == "The constant was wrong; it is right now."
    assert b'"type":"tool"' in workshop.artifact(result.output)
    usage = result.agent.usage
    assert usage is not None
    # OpenCode tells here the tokens of its last answer only, and the price of all.
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (1100, 1000, 5)
    assert usage.estimated_usd == pytest.approx(0.00235)


async def test_a_limit_of_the_provider_is_waited_for(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    workshop.options.profiles[NAME] = opencode(tmp_path / "home", model(LIMIT), NAME)
    met = failure(await workshop.perform(lease(source, agent=NAME, prompt="Fix it.")))
    assert (met.kind, 3400 < met.retry_after < 3800) == ("limit", True)


async def test_an_agent_whose_model_stalls_is_ended_by_the_silence_time_out(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    workshop.options.profiles[NAME] = opencode(tmp_path / "home", model(STALL), NAME)
    asked = lease(source, agent=NAME, prompt="Fix it.", timeouts=Timeouts(silence=SILENCE))
    ended = failure(await workshop.perform(asked))
    assert (ended.kind, "without output" in ended.detail) == ("timeout", True)
    assert workshop.folders_left() == []


async def test_its_session_is_loaded_by_the_next_attempt_which_goes_on_whatever_comes_of_that(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    profile = opencode(tmp_path / "home", model(FIX), NAME)
    workshop.options.profiles[NAME] = msgspec.structs.replace(profile, resume=True)
    first = done(await workshop.perform(lease(source, agent=NAME, prompt="Fix the constant.")))
    assert first.agent is not None
    again = lease(
        source, agent=NAME, prompt="Fix the constant.", session=first.agent.session, epoch=3,
        attempt=2, feedback=Failure("gate", "gate tests failed (exit 1)"),
    )  # fmt: skip
    second = done(await workshop.perform(again))
    assert workshop.files_of(second.commit)["src/a.py"] == "a = 2"
    output = workshop.artifact(second.output)
    loaded = f'{{"type":"session","id":"{first.agent.session}"}}'.encode()
    assert output.count(loaded) == 1, "session/load was answered"
    # OpenCode 1.18 looks for the folder in which the session began, which went with its attempt.
    assert f'{{"type":"not loaded","id":"{first.agent.session}"'.encode() in output
    assert second.agent is not None
    assert second.agent.session not in ("", first.agent.session)
