"""Real agents on a mission's terms, with their servers, and their questions."""

import sys
from pathlib import Path

import msgspec
import pytest

from hive_contracts.dialogue import Answered, Reply, Rule
from hive_contracts.outcome import Asked
from hive_runner.agents.questions import Key
from hive_runner.link.reports import Asks
from hive_shared.profiles import Profile, Server
from tests.integration.runner.test_terms import on_terms
from tests.integration.runner.workshop import PERSON, Source, Workshop, done, lease
from tests.system.agents.conftest import Model, claude, codex, gemini, opencode

PROFILES = {"claude": claude, "codex": codex, "gemini": gemini, "opencode": opencode}
TRIES = """
[[conversation]]
[[conversation.turn]]
run = "touch denied.txt"
[[conversation.turn]]
run = "echo ok > allowed.txt"
[[conversation.turn]]
say = "Done."
"""
SAYS = """
[[conversation]]
[[conversation.turn]]
run = "echo 'nothing to do' > \\"$HIVE_NO_CHANGE_FILE\\""
[[conversation.turn]]
say = "Done."
"""
LOOKS = """
[[conversation]]
[[conversation.turn]]
run = "cat src/a.py"
[[conversation.turn]]
run = "touch denied.txt"
[[conversation.turn]]
run = "echo 'Which?' > \\"$HIVE_QUESTION_FILE\\""
[[conversation.turn]]
say = "I may write nothing.\\nQUESTION: Which one?"
"""
ASKS = """
[[conversation]]
match = "You asked:"
[[conversation.turn]]
run = "cat half.txt > whole.txt"
[[conversation.turn]]
say = "Done."
[[conversation]]
[[conversation.turn]]
run = "echo half > half.txt; echo 'Which one?' > \\"$HIVE_QUESTION_FILE\\""
[[conversation.turn]]
say = "I wait."
"""


@pytest.mark.parametrize("name", ["claude", "gemini", "opencode"])
async def test_a_command_that_is_denied_is_not_run_and_others_are(
    name: str, source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    workshop.options.profiles[name] = PROFILES[name](tmp_path / "home", model(TRIES))
    rules = (Rule("run:touch*", "deny"), Rule("edit", "allow"))
    work = on_terms(lease(source, agent=name, prompt="Try it."), permissions=rules)
    files = workshop.files_of(done(await workshop.perform(work)).commit)
    assert "allowed.txt" in files
    assert "denied.txt" not in files


async def test_opencode_by_the_protocol_asks_a_person_for_one_command(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    asked: list[str] = []

    def ask(key: Key, asks: Asks) -> None:
        asked.append(asks.question.text)
        questions.reply(Reply(*key, asks.id, "deny"))

    questions = workshop.place.questions
    questions.on_asked = ask
    profile = opencode(tmp_path / "home", model(TRIES), "opencode-acp")
    workshop.options.profiles["opencode-acp"] = profile
    rules = (Rule("run:touch*", "ask"), Rule("*", "allow"))
    work = on_terms(lease(source, agent="opencode-acp", prompt="Try it."), permissions=rules)
    await workshop.perform(work)
    assert asked == ["May I run: touch denied.txt"]


@pytest.mark.parametrize("name", ["claude", "claude-acp", "codex", "gemini-acp", "opencode"])
async def test_an_mcp_server_of_the_profile_is_started_and_its_tool_is_offered(
    name: str, source: Source, model: Model, tmp_path: Path
) -> None:
    workshop = Workshop(tmp_path / "data", {**PERSON, "ISSUES_TOKEN": "hush"})
    served = model(SAYS)
    program = str(Path(__file__).with_name("mcp_server.py"))
    server = Server(sys.executable, (program, str(tmp_path / "seen")), ("ISSUES_TOKEN",))
    home = tmp_path / "home"
    named = {"gemini-acp": gemini, "claude-acp": claude}
    profile: Profile = (
        named[name](home, served, name) if name in named else PROFILES[name](home, served)
    )
    workshop.options.profiles[name] = msgspec.structs.replace(profile, mcp={"issues": server})
    done(await workshop.perform(lease(source, agent=name, prompt="Look.")))
    assert (tmp_path / "seen").read_text() == "hush"
    if name not in ("codex", "claude-acp"):  # these offer them in ways of their own
        assert any("list_issues" in tool for heard in served.heard for tool in heard.asked.tools)


def open_to_all(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


async def test_gemini_believes_no_settings_for_all_users_in_an_attempts_own_folder(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    """So it cannot be told of MCP servers for one attempt in this way."""
    settings = tmp_path / "open" / "settings.json"
    program = str(Path(__file__).with_name("mcp_server.py"))
    server = {"command": sys.executable, "args": [program, str(tmp_path / "seen")]}
    open_to_all(settings.parent)  # a folder of root's own would be believed
    settings.write_bytes(msgspec.json.encode({"mcpServers": {"issues": server}}))
    profile = gemini(tmp_path / "home", model(SAYS))
    env = {**profile.set_env, "GEMINI_CLI_SYSTEM_SETTINGS_PATH": str(settings)}
    workshop.options.profiles["gemini"] = msgspec.structs.replace(profile, set_env=env)
    result = done(await workshop.perform(lease(source, agent="gemini", prompt="Look.")))
    assert b"Skipping system settings file" in workshop.artifact(result.output)
    assert not (tmp_path / "seen").exists()


async def test_codex_that_may_only_look_is_let_read_and_refused_to_write_and_can_still_ask(
    source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    served = model(LOOKS)
    workshop.options.profiles["codex"] = codex(tmp_path / "home", served)
    work = on_terms(lease(source, agent="codex", prompt="Look."), read_only=True)
    ended = await workshop.perform(work)
    assert isinstance(ended, Asked), ended
    assert ended.question.text == "Which one?"
    assert ended.work.output is not None
    assert b'"aggregated_output":"a = 1\\n","exit_code":0' in workshop.artifact(ended.work.output)
    # It came as far as its last words, after two commands that its sandbox let do nothing.
    assert len(served.heard) == 4
    assert ended.work.commit == ""


@pytest.mark.parametrize("name", sorted(PROFILES))
async def test_a_question_ends_its_turn_and_the_next_one_goes_on(
    name: str, source: Source, workshop: Workshop, model: Model, tmp_path: Path
) -> None:
    workshop.options.profiles[name] = PROFILES[name](tmp_path / "home", model(ASKS))
    first = await workshop.perform(lease(source, agent=name, prompt="Do it."))
    assert isinstance(first, Asked), first
    assert first.question.text == "Which one?"
    answers = (Answered("Which one?", "The left one.", "ann"),)
    assert first.work.agent is not None
    second = lease(
        source, agent=name, prompt="Do it.", epoch=2, result=first.work, answers=answers,
        session=first.work.agent.session,
    )  # fmt: skip
    result = done(await workshop.perform(second))
    assert workshop.files_of(result.commit)["whole.txt"] == "half"
