"""Which agents there are, what hive.toml changes of them, and which can run here."""

import json
from pathlib import Path

import msgspec
import pytest

from hive_shared.profiles import (
    Login,
    Presence,
    Profile,
    ProfileProblem,
    Server,
    look,
    profiles_of,
)

CLI = Profile(
    ("agent",),
    login=Login(
        folder="~/.agent", folder_env="AGENT_HOME", files=("auth.json", "~/.agent.json#account"),
        keys=("AGENT_KEY",), command="agent login",
    ),
    install="npm install agent",
)  # fmt: skip


SHIPPED = (
    "claude", "claude-acp", "codex", "gemini", "gemini-acp", "opencode", "opencode-acp",
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    program = tmp_path / "bin" / "agent"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


def env(home: Path, **more: str) -> dict[str, str]:
    return {"PATH": str(home / "bin"), "HOME": str(home)} | more


def test_the_agents_that_ship_have_a_command_an_installation_and_a_login() -> None:
    profiles = profiles_of({})
    for name in SHIPPED:
        profile = profiles[name]
        assert profile.command
        assert profile.install.startswith("npm install")
        assert profile.login.command
        assert profile.limits
        assert not profile.pass_env, "no key is let in unless a person names it"
        assert (profile.protocol == "acp") == name.endswith("-acp")


@pytest.mark.parametrize("name", ["qa-test-guardian", "devops-deployer"])
def test_the_original_agent_types_ship_without_a_command(name: str) -> None:
    assert profiles_of({})[name] == Profile()
    taken = profiles_of({name: Profile(use="codex")})[name]
    assert taken.command == profiles_of({})["codex"].command


def test_what_is_said_of_a_profile_changes_it_and_leaves_the_rest() -> None:
    told = {
        "codex": Profile(args=("--model", "o9"), pass_env=("OPENAI_API_KEY",)),
        "builder": Profile(use="codex", set_env={"A": "1"}, login=Login(command="ask Ann")),
    }
    profiles = profiles_of(told)
    codex, builder = profiles["codex"], profiles["builder"]
    assert codex.args == builder.args == ("--model", "o9")
    assert builder.events == codex.events
    assert builder.login.command == "ask Ann"
    assert builder.login.files == codex.login.files
    assert builder.pass_env == ("OPENAI_API_KEY",)
    assert codex.set_env == {}


def test_a_profile_gets_all_of_home_unless_it_says_which_parts() -> None:
    told = {
        "codex": Profile(home=(".codex",)),
        "mine": Profile(use="codex"),
        "paid": Profile(use="codex", home=()),
    }
    profiles = profiles_of(told)
    assert profiles["claude"].home is None
    assert profiles["mine"].home == (".codex",)
    assert profiles["paid"].home == ()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"a": Profile(use="b")}, "there is no profile b to use; there are: claude, claude-acp"),
        ({"a": Profile(use="b"), "b": Profile(use="a")}, "a → b → a"),
        ({"a": Profile(("x",), limits=("(",))}, "'(' is no regular expression"),
        ({"a": Profile(("x",), limits=("(?P<when>x)",))}, "the group when; known are at, epoch"),
        ({"a": Profile(("x",), template="Do it.")}, "it has to name {task}"),
        ({"a": Profile(("x",), template="{task} {tsak}")}, "may name {guide}, {objective}"),
        ({"a": Profile(("x",), mcp={"a b": Server("x")})}, "profiles.a.mcp.a b: a server has"),
        ({"a": Profile(("x",), set_env={"HIVE_TASK": "x"})}, "HIVE_TASK is the hive's own"),
        ({"a": Profile(("",))}, "the program's name is empty"),
        ({"a": Profile(("x",), home=(".a", ""))}, "profiles.a.home: '' is empty; name a file or"),
        ({"a": Profile(("x",), home=("/etc",))}, "home: '/etc' is not relative to HOME; name"),
        ({"a": Profile(("x",), home=("~/.a",))}, "home: '~/.a' is not relative to HOME; name"),
        ({"a": Profile(("x",), home=(".a/../..",))}, "home: '.a/../..' has `..` in it; name"),
        ({"a": Profile(("x",), home=("./",))}, "home: './' is HOME itself; name a file or"),
        ({"a": Profile(("x",), resume=True)}, "a session can be gone on with"),
        ({"a": Profile(("x",), protocol="acp", prompt="file")}, "travels in the protocol"),
    ],
)  # fmt: skip
def test_a_profile_that_cannot_be_used_says_why(told: dict[str, Profile], said: str) -> None:
    with pytest.raises(ProfileProblem) as problem:
        profiles_of(told)
    assert said in str(problem.value)


def test_an_agent_that_is_not_on_the_path_is_missing_and_says_how_to_install_it(
    tmp_path: Path,
) -> None:
    assert look(CLI, env(tmp_path), tmp_path) == Presence("missing", "npm install agent")


def test_an_agent_without_a_login_says_what_to_type(home: Path) -> None:
    assert look(CLI, env(home), home) == Presence("logged out", "agent login")


def test_a_login_file_is_enough_also_in_a_folder_that_was_moved(home: Path) -> None:
    login = home / ".agent" / "auth.json"
    login.parent.mkdir()
    login.write_text("{}")
    assert look(CLI, env(home), home).state == "logged in"
    moved = env(home, AGENT_HOME=str(home / "moved"))
    assert look(CLI, moved, home).state == "logged out"
    login.parent.rename(home / "moved")
    assert look(CLI, moved, home).state == "logged in"


@pytest.mark.parametrize(
    ("content", "state"),
    [('{"account": {"id": 1}}', "logged in"), ('{"account": null}', "logged out"),
     ("[]", "logged out"), ("not JSON", "logged out")],
)  # fmt: skip
def test_a_file_that_has_more_than_the_login_is_looked_into(
    home: Path, content: str, state: str
) -> None:
    (home / ".agent.json").write_text(content)
    assert look(CLI, env(home), home).state == state


def test_a_key_counts_only_where_the_profile_names_it(home: Path) -> None:
    with_key = env(home, AGENT_KEY="secret")
    assert look(CLI, with_key, home).state == "logged out"
    assert CLI.keys == {"AGENT_KEY"}
    named = profiles_of({"agent": CLI, "mine": Profile(use="agent", pass_env=("AGENT_KEY",))})
    assert look(named["mine"], with_key, home).state == "logged in"
    assert named["mine"].keys == frozenset()
    assert look(named["mine"], env(home), home).state == "logged out"


def test_an_agent_that_needs_no_login_is_ready(home: Path) -> None:
    local = profiles_of({"agent": CLI, "local": Profile(use="agent", login=Login(needed=False))})
    assert look(local["local"], env(home), home) == Presence("ready")
    assert look(Profile(("agent",)), env(home), home).runs


def test_a_profile_survives_json_as_the_stack_hands_it_on() -> None:
    told = {"mine": Profile(use="codex", args=("-m", "x"), login=Login(needed=False))}
    text = msgspec.json.encode(told)
    assert json.loads(text) == {
        "mine": {"use": "codex", "args": ["-m", "x"], "login": {"needed": False}}
    }
    assert msgspec.json.decode(text, type=dict[str, Profile]) == told
