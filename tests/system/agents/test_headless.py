"""Real agents by their command lines: whole tasks, offline."""

from pathlib import Path

import msgspec
import pytest

from hive_contracts.plan import Timeouts
from hive_runner.agents.login import stamp
from hive_runner.processes import sandbox
from hive_runner.processes.confinement import Confinement
from tests.integration.runner.workshop import (
    PERSON,
    Source,
    Workshop,
    done,
    failure,
    lease,
)
from tests.system.agents.conftest import Model, claude, codex, gemini, opencode

FIX = """
[[conversation]]
[[conversation.turn]]
say = "I look at it first."
run = "echo 'a = 2' > src/a.py"
usage = {input = 1000, cached = 200, output = 50}
[[conversation.turn]]
say = "The constant was wrong; it is right now."
usage = {input = 1100, cached = 1000, output = 5}
"""
NOTHING = """
[[conversation]]
[[conversation.turn]]
run = "echo 'it is right already' > \\"$HIVE_NO_CHANGE_FILE\\""
[[conversation.turn]]
say = "Nothing to do."
"""
LIMIT = """
[[conversation]]
[[conversation.turn]]
fault = {kind = "limit", resets_in = 3600}
run = "echo 'a = 2' > src/a.py"
[[conversation.turn]]
say = "Done."
"""
STALL = """
[[conversation]]
[[conversation.turn]]
run = "echo 'a = 2' > src/a.py"
[[conversation.turn]]
fault = {kind = "stall", times = 99}
say = "Done."
"""
REFUSED = """
[[conversation]]
[[conversation.turn]]
fault = {kind = "error", status = 401, message = "Incorrect API key provided", times = 99}
"""

SILENCE = 12
"""Seconds: longer than any of them takes to begin."""
PROFILES = {"claude": claude, "codex": codex, "gemini": gemini, "opencode": opencode}
PARTS = {
    "claude": (".claude", ".claude.json"),
    "codex": ("codex", "tmp"),  # as the profile of these tests moves them
    "gemini": (".gemini",),
    "opencode": (
        ".local/share/opencode", ".config/opencode", ".local/state/opencode", ".cache/opencode",
    ),
}  # fmt: skip
"""Of HOME, as docs/agents.md names them."""


@pytest.fixture(params=sorted(PROFILES))
def agent(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("agent", sorted(PROFILES))
async def test_an_edit_is_committed_and_its_tokens_are_counted(
    agent: str, source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    workshop.options.profiles[agent] = PROFILES[agent](tmp_path / "home", model(FIX))
    result = done(await workshop.perform(lease(source, agent=agent, prompt="Fix the constant.")))
    assert workshop.files_of(result.commit)["src/a.py"] == "a = 2"
    assert (result.files, result.agent is not None) == (1, True)
    assert result.agent is not None
    assert result.agent.profile == agent
    assert result.agent.session
    assert result.agent.said == "The constant was wrong; it is right now."
    assert b"Fix the constant." in workshop.artifact(result.agent.prompt)
    usage = result.agent.usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (2100, 1200, 55)
    assert usage.billed_usd == 0
    if agent in ("codex", "gemini"):
        assert (usage.estimated_usd, usage.unpriced) == (0, 1)
    else:
        # At the price that the agent believes in.
        assert 0.002 < usage.estimated_usd < 0.1
        assert usage.unpriced == 0


@pytest.mark.parametrize("boxed", [False, True], ids=["without a sandbox", "in the sandbox"])
async def test_an_agent_works_with_the_part_of_home_that_is_its_own(
    agent: str, boxed: bool, source: Source, model: Model, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    profile = PROFILES[agent](home, model(FIX))
    (home / ".ssh").mkdir()
    (home / ".claude.json").write_text("{}")
    for part in PARTS[agent]:
        if not part.endswith(".json"):
            (home / part).mkdir(parents=True, exist_ok=True)
    person = PERSON | {"HOME": str(home)}
    box = await sandbox.find("auto", tmp_path / "data", person) if boxed else None
    if isinstance(box, str):
        pytest.skip(f"no sandbox: {box}")
    given = {agent: msgspec.structs.replace(profile, home=PARTS[agent])}
    workshop = Workshop(tmp_path / "data", person, Confinement(sandbox=box), profiles=given)
    before = sorted(home.iterdir())
    result = done(await workshop.perform(lease(source, agent=agent, prompt="Fix the constant.")))
    assert workshop.files_of(result.commit)["src/a.py"] == "a = 2"
    assert sorted(home.iterdir()) == before, "what it writes elsewhere is the attempt's"
    assert result.agent is not None
    session = result.agent.session
    assert _holds(home, session), "the next attempt and a person find its session"


def _holds(home: Path, session: str) -> bool:
    """Whether a session is in a HOME, by name or in one of its files."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return any(session in str(path) or session.encode() in path.read_bytes() for path in files)


@pytest.mark.parametrize("agent", sorted(PROFILES))
async def test_a_reason_to_change_nothing_reaches_the_hive(
    agent: str, source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    workshop.options.profiles[agent] = PROFILES[agent](tmp_path / "home", model(NOTHING))
    result = done(await workshop.perform(lease(source, agent=agent, prompt="Fix it.")))
    assert result.no_change == "it is right already"


async def test_a_limit_of_the_provider_is_waited_for_and_nobody_else_is_started_meanwhile(
    agent: str, source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    served = model(LIMIT)
    workshop.options.profiles[agent] = PROFILES[agent](tmp_path / "home", served)
    first = failure(await workshop.perform(lease(source, agent=agent, prompt="Fix it.")))
    assert first.kind == "limit"
    assert 3400 < first.retry_after < 3800
    heard = len(served.heard)
    second = failure(await workshop.perform(lease(source, agent=agent, prompt="Another.")))
    assert second.kind == "limit"
    assert 3300 < second.retry_after <= first.retry_after
    assert len(served.heard) == heard


async def test_an_agent_whose_model_stalls_is_ended_by_the_silence_time_out(
    agent: str, source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    workshop.options.profiles[agent] = PROFILES[agent](tmp_path / "home", model(STALL))
    asked = lease(source, agent=agent, prompt="Fix it.", timeouts=Timeouts(silence=SILENCE))
    ended = failure(await workshop.perform(asked))
    assert (ended.kind, "without output" in ended.detail) == ("timeout", True)
    assert list(workshop.kept().values())  # what it had done is kept
    assert workshop.folders_left() == []


async def test_a_refused_login_names_what_to_type_and_leaves_the_login_as_it_was(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    profile = codex(tmp_path / "home", model(REFUSED))
    workshop.options.profiles["codex"] = profile
    login = tmp_path / "home" / "codex" / "auth.json"
    before = stamp([login])
    refused = failure(await workshop.perform(lease(source, agent="codex", prompt="Fix it.")))
    assert refused.kind == "infrastructure"
    assert "`codex login`" in refused.detail
    assert stamp([login]) == before
    assert "codex" not in workshop.place.roster.able()


@pytest.mark.parametrize(
    ("agent", "file"), [("codex", "AGENTS.md"), ("claude", "CLAUDE.md"), ("gemini", "GEMINI.md")]
)
async def test_the_repositorys_word_to_agents_is_found_by_the_agent_itself(
    agent: str, file: str, source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    source.commit({file: "Always write a changelog line.\n"})
    served = model(FIX)
    workshop.options.profiles[agent] = PROFILES[agent](tmp_path / "home", served)
    done(await workshop.perform(lease(source, agent=agent, prompt="Fix the constant.")))
    assert any("Always write a changelog line." in heard.asked.text for heard in served.heard)
