"""A mission's wishes in each command's own words, and what it cannot be told."""

import json
import tomllib

import pytest

from hive_contracts.dialogue import Rule, Ruling
from hive_shared.profiles import Inexpressible, Profile, Server, Wish, profiles_of, resolved, spoken

SHIPPED = profiles_of({})


def said(name: str, *lines: tuple[str, Ruling], **fields: object) -> Wish:
    return Wish(rules=tuple(Rule(*line) for line in lines), **fields)  # type: ignore[arg-type]


def args(name: str, wish: Wish) -> list[str]:
    return list(spoken(name, SHIPPED[name], wish).args)


def test_what_no_mission_says_is_as_the_profile_has_it() -> None:
    assert args("claude", Wish()) == list(SHIPPED["claude"].usual)
    assert args("codex", Wish()) == list(SHIPPED["codex"].usual)
    assert "--allowedTools" in args("claude", Wish())
    assert "workspace-write" in args("codex", Wish())


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "gemini-acp", "opencode"])
def test_a_model_is_told_by_the_commands_own_flag(name: str) -> None:
    assert args(name, Wish(model="opus"))[:2] == ["--model", "opus"]


def test_opencode_by_the_protocol_is_told_its_model_by_its_configuration() -> None:
    told = spoken("opencode-acp", SHIPPED["opencode-acp"], Wish(model="a/b"))
    assert json.loads(told.env["OPENCODE_CONFIG_CONTENT"]) == {"model": "a/b"}


def test_a_command_that_takes_no_model_says_how_it_could() -> None:
    with pytest.raises(Inexpressible, match=r'profiles.mine.model = \["--model", "\{model\}"\]'):
        spoken("mine", Profile(("mine",)), Wish(model="opus"))


def test_a_command_of_ones_own_is_not_spoken_to_like_the_one_that_ships() -> None:
    own = profiles_of({"claude": Profile(("my-claude",))})["claude"]
    assert (own.speaks, own.usual, own.model) == ("", (), ())
    assert spoken("claude", own, Wish()).args == ()
    again = profiles_of({"claude": Profile(("my-claude",), speaks="claude")})["claude"]
    assert again.speaks == "claude"
    more = profiles_of({"claude": Profile(args=("--verbose",))})["claude"]
    assert more.usual


def test_claude_is_told_its_tools_and_commands() -> None:
    wish = said("claude", ("edit", "allow"), ("run:git push*", "deny"), ("fetch", "deny"))
    assert args("claude", wish) == [
        "--permission-mode", "acceptEdits",
        "--allowedTools", "Read,Glob,Grep,Edit,Write,NotebookEdit,Bash",
        "--disallowedTools", "WebFetch,WebSearch,Bash(git push:*)",
    ]  # fmt: skip


def test_claude_by_the_protocol_is_told_with_its_session_what_to_ask_about() -> None:
    wish = said(
        "claude-acp", ("edit", "deny"), ("run:*push*", "deny"), ("fetch", "ask"), model="opus"
    )
    told = spoken("claude-acp", SHIPPED["claude-acp"], wish)
    assert told.args == ()
    assert told.env == {"ANTHROPIC_MODEL": "opus"}
    options = told.session["claudeCode"]["options"]
    assert options["disallowedTools"] == ["Edit", "Write", "NotebookEdit"]
    # Else it would not ask about commands that it takes for harmless.
    assert options["settings"] == {"permissions": {"ask": ["Bash", "WebFetch", "WebSearch"]}}
    plain = spoken("claude-acp", SHIPPED["claude-acp"], Wish())
    assert (plain.args, plain.env, plain.session) == ((), {}, {})
    assert told.mode == plain.mode == "default", (
        "in its own one a model judges, and nobody is asked"
    )


def test_claude_that_may_only_look_has_no_tool_that_edits() -> None:
    told = args("claude", Wish(read_only=True))
    assert told[:2] == ["--permission-mode", "default"]
    assert told[-2:] == ["--disallowedTools", "Edit,Write,NotebookEdit"]


def test_codex_that_may_only_look_is_in_its_own_sandbox_for_reading() -> None:
    assert args("codex", Wish(read_only=True))[:2] == ["--sandbox", "read-only"]
    offline = args("codex", said("codex", ("fetch", "deny")))
    assert "sandbox_workspace_write.network_access=false" in offline


def test_opencode_is_told_by_a_configuration_that_goes_before_all_others() -> None:
    profile = Profile(
        ("opencode", "run"), speaks="opencode",
        set_env={"OPENCODE_CONFIG_CONTENT": '{"model": "a/b"}'},
    )  # fmt: skip
    wish = said("opencode", ("run", "allow"), ("run:git push*", "deny"), ("*", "deny"))
    config = json.loads(spoken("opencode", profile, wish).env["OPENCODE_CONFIG_CONTENT"])
    assert config["model"] == "a/b"
    assert config["permission"]["edit"] == "deny"
    # The last line that fits counts there.
    assert list(config["permission"]["bash"].items()) == [("*", "allow"), ("git push*", "deny")]


def test_gemini_is_told_by_a_policy_of_this_attempt_alone() -> None:
    told = spoken("gemini", SHIPPED["gemini"], said("gemini", ("run:git push*", "deny")))
    assert told.args == ("--policy", "{private}/policy.toml")
    policy = tomllib.loads(told.files["policy.toml"])["rule"]
    (push,) = [rule for rule in policy if rule.get("commandPrefix")]
    assert (push["commandPrefix"], push["decision"]) == ("git push", "deny")
    assert push["priority"] == max(rule["priority"] for rule in policy)


CANNOT: list[tuple[str, tuple[tuple[str, Ruling], ...], str]] = [
    ("claude", (("*", "ask"),), "cannot wait for a person"),
    ("codex", (("edit", "ask"),), "cannot wait for a person"),
    ("opencode", (("run:git *", "ask"),), "cannot wait for a person"),
    ("gemini", (("*", "ask"),), "cannot wait for a person"),
    ("claude", (("run", "deny"), ("run:git status*", "allow")), "all commands but"),
    ("claude", (("run:*push*", "deny"),), "only the beginning of a command"),
    ("gemini", (("run:git push", "deny"),), "only the beginning of a command"),
    ("codex", (("run:git push*", "deny"),), "which commands it may run"),
    ("codex", (("run", "deny"),), "cannot be forbidden to run"),
    ("codex", (("*", "deny"), ("edit", "allow")), "cannot be forbidden to read"),
]


@pytest.mark.parametrize(("name", "lines", "message"), CANNOT)
def test_what_a_command_cannot_be_told_is_an_error_and_never_less(
    name: str, lines: tuple[tuple[str, Ruling], ...], message: str
) -> None:
    with pytest.raises(Inexpressible, match=message):
        spoken(name, SHIPPED[name], said(name, *lines))


def test_a_command_that_nobody_has_heard_of_is_told_no_permissions() -> None:
    with pytest.raises(Inexpressible, match=r"profiles\.mine\.speaks"):
        spoken("mine", Profile(("mine",)), said("mine", ("edit", "deny")))
    # What it changes is looked at all the same.
    assert spoken("mine", Profile(("mine",)), Wish(read_only=True)).args == ()


def test_the_protocol_takes_every_rule_for_it_is_answered_by_the_hive() -> None:
    acp = Profile(("mine",), protocol="acp")
    assert spoken("mine", acp, said("mine", ("run:git push*", "ask"), ("*", "deny"))).args == ()


SERVER = Server("issues-mcp", ("--read-only",), ("ISSUES_TOKEN",))


@pytest.mark.parametrize("name", ["claude", "codex", "opencode"])
def test_an_mcp_server_is_told_in_the_commands_own_way_and_secrets_by_name_only(
    name: str,
) -> None:
    profile = profiles_of({name: Profile(mcp={"issues": SERVER})})[name]
    told = spoken(name, profile, Wish())
    everything = json.dumps([told.args, told.env, told.files])
    assert "issues-mcp" in everything
    assert "--read-only" in everything
    assert "ISSUES_TOKEN" in everything
    assert profile.passed.count("ISSUES_TOKEN") == 1
    if name == "claude":
        servers = json.loads(told.files["mcp.json"])["mcpServers"]
        assert servers["issues"]["command"] == "issues-mcp"


def test_gemini_has_servers_by_the_protocol_alone() -> None:
    told = profiles_of({"gemini": Profile(mcp={"issues": SERVER})})
    with pytest.raises(Inexpressible, match="use the profile gemini-acp"):
        spoken("gemini", told["gemini"], Wish())
    assert told["gemini-acp"].mcp == {"issues": SERVER}
    assert spoken("gemini-acp", told["gemini-acp"], Wish()).files == {}


def test_a_command_that_nobody_has_heard_of_is_told_of_no_server() -> None:
    with pytest.raises(Inexpressible, match=r"profiles\.mine\.mcp"):
        spoken("mine", Profile(("mine",), mcp={"issues": SERVER}), Wish())


def test_of_several_lines_for_a_command_the_strictest_counts() -> None:
    both = resolved((Rule("run:git *", "allow"), Rule("run:git push*", "deny"), Rule("run", "ask")))
    assert both.of("run", "git status") == "allow"
    assert both.of("run", "git push origin") == "deny"
    assert both.of("run", "rm -r x") == "ask"
    assert both.of("run") == "deny"  # a command that is not known may be any
    assert both.of("edit") == "allow"
    assert both.of_protocol("delete", None) == "allow"
