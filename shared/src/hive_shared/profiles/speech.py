"""How a mission's wishes are told to an agent's command, in its own way.

What a command cannot be told is an error, so that nobody believes in a rule that nothing keeps.
Files are private to one attempt: `{private}` is the folder that they are written to.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from hive_contracts.dialogue import Rule
from hive_shared.profiles.profile import Profile
from hive_shared.profiles.rules import ANY, KINDS, Rules, resolved

PRIVATE: Final = "{private}"
CONTENT: Final = "OPENCODE_CONFIG_CONTENT"
"""OpenCode's configuration that goes before all others."""
CLAUDES_MODEL: Final = "ANTHROPIC_MODEL"
CLAUDES_MODE: Final = "default"
_BY_VARIABLE: Final = ("claude", "opencode")
"""Whose commands for the protocol are told their model by a variable."""


class Inexpressible(ValueError):
    """A profile's command cannot be told this; the text says what it can."""


class Wish(msgspec.Struct, frozen=True):
    """What a mission wants of an agent."""

    model: str = ""
    rules: tuple[Rule, ...] = ()
    read_only: bool = False
    """It is to change nothing in the worktree."""


class Spoken(msgspec.Struct, frozen=True):
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    files: dict[str, str] = {}
    """By name, in the attempt's private folder."""
    session: dict[str, Any] = {}
    """What comes with a session of the Agent Client Protocol, as `_meta`."""
    mode: str = ""
    """The mode of such a session; empty for the agent's own choice."""


def spoken(name: str, profile: Profile, wish: Wish) -> Spoken:
    """A wish in the words of the command of the profile `name`. Raises Inexpressible."""
    model = _model(name, profile, wish)
    ruled = bool(wish.rules) or (wish.read_only and bool(profile.speaks))
    rules = resolved(wish.rules, read_only=wish.read_only) if ruled else None
    if rules is not None and rules.asks and profile.protocol != "acp":
        raise Inexpressible(
            f"{name} cannot wait for a person while it works: say allow or deny, or take a profile"
            ' with `protocol = "acp"`'
        )
    if not profile.speaks:
        if wish.rules and profile.protocol != "acp":
            raise Inexpressible(
                f"the hive does not know how {name} is told its permissions: take them out, or set"
                f" `profiles.{name}.speaks` to one of {', '.join(SPEECHES)} in hive.toml"
            )
        if profile.mcp and profile.protocol != "acp":
            raise Inexpressible(
                f"the hive does not know how {name} is told of MCP servers: take"
                f" `profiles.{name}.mcp` out, or set `profiles.{name}.speaks`"
            )
        return Spoken(model)
    said = SPEECHES[profile.speaks](name, profile, rules, wish)
    return msgspec.structs.replace(said, args=(*model, *said.args))


def _model(name: str, profile: Profile, wish: Wish) -> tuple[str, ...]:
    if not wish.model or (profile.speaks in _BY_VARIABLE and profile.protocol == "acp"):
        return ()
    if not profile.model:
        raise Inexpressible(
            f"{name} cannot be told its model: take `model` out, or set"
            f' `profiles.{name}.model = ["--model", "{{model}}"]` in hive.toml'
        )
    return tuple(word.replace("{model}", wish.model) for word in profile.model)


def _claude(name: str, profile: Profile, rules: Rules | None, wish: Wish) -> Spoken:
    if profile.protocol == "acp":
        return _claude_by_protocol(rules, wish)
    args: list[str] = [*profile.usual] if rules is None else _claude_rules(name, profile, rules)
    if not profile.mcp:
        return Spoken(tuple(args))
    servers = {
        key: {
            "type": "stdio", "command": server.command, "args": list(server.args),
            "env": {variable: f"${{{variable}}}" for variable in server.env},
        }
        for key, server in profile.mcp.items()
    }  # fmt: skip
    args += ["--mcp-config", f"{PRIVATE}/mcp.json"]
    if rules is None or rules.of(ANY) == "allow":
        args += ["--allowedTools", ",".join(f"mcp__{key}" for key in servers)]
    return Spoken(tuple(args), files={"mcp.json": json.dumps({"mcpServers": servers})})


_CLAUDES: Final[Mapping[str, tuple[str, ...]]] = {
    "read": ("Read", "Glob", "Grep"),
    "edit": ("Edit", "Write", "NotebookEdit"),
    "run": ("Bash",),
    "fetch": ("WebFetch", "WebSearch"),
}


def _claude_by_protocol(rules: Rules | None, wish: Wish) -> Spoken:
    """Its adapter takes no arguments. Its usual mode has a model judge what it does; here it asks,
    and is answered by the hive. In that mode it asks about changes and most commands only, so it is
    told what else to ask about."""
    env = {CLAUDES_MODEL: wish.model} if wish.model else {}
    if rules is None:
        return Spoken(env=env, mode=CLAUDES_MODE)
    denied: list[str] = []
    asks: list[str] = []
    for kind in KINDS:
        if rules.kinds[kind] == "ask" or (kind == "run" and rules.commands):
            asks.extend(_CLAUDES[kind])
        elif rules.kinds[kind] == "deny":
            denied.extend(_CLAUDES[kind])
    options = {"disallowedTools": denied, "settings": {"permissions": {"ask": asks}}}
    return Spoken(env=env, session={"claudeCode": {"options": options}}, mode=CLAUDES_MODE)


def _claude_rules(name: str, profile: Profile, rules: Rules) -> list[str]:
    allowed: list[str] = []
    denied: list[str] = []
    for kind in KINDS:
        (allowed if rules.kinds[kind] == "allow" else denied).extend(_CLAUDES[kind])
    for pattern, ruling in rules.commands:
        if ruling == "allow" and rules.kinds["run"] == "deny":
            raise Inexpressible(
                f"{name} cannot be forbidden all commands but {pattern!r}: it lets harmless ones"
                " through; allow `run`, and deny what it must not run"
            )
        if ruling == "deny":
            denied.append(f"Bash({_prefix(name, pattern)}:*)")
    mode = "acceptEdits" if rules.kinds["edit"] == "allow" else "default"
    args = ["--permission-mode", mode]
    args += ["--allowedTools", ",".join(allowed)] if allowed else []
    args += ["--disallowedTools", ",".join(denied)] if denied else []
    return args


def _codex(name: str, profile: Profile, rules: Rules | None, wish: Wish) -> Spoken:
    args: list[str] = [*profile.usual] if rules is None else _codex_rules(name, profile, rules)
    for key, server in profile.mcp.items():
        table = f"mcp_servers.{key}"
        args += ["-c", f"{table}.command={json.dumps(server.command)}"]
        args += ["-c", f"{table}.args={json.dumps(list(server.args))}"]
        args += ["-c", f"{table}.env_vars={json.dumps(list(server.env))}"] if server.env else []
    return Spoken(tuple(args))


def _codex_rules(name: str, profile: Profile, rules: Rules) -> list[str]:
    can = "it can allow or deny `edit` and `fetch`, and all of `run` and `read` is allowed"
    if rules.commands:
        raise Inexpressible(f"{name} cannot be told which commands it may run: {can}")
    for kind in ("read", "run"):
        if rules.kinds[kind] != "allow":
            raise Inexpressible(f"{name} cannot be forbidden to {kind}: {can}")
    if rules.of(ANY) != "allow" and profile.mcp:
        raise Inexpressible(f"{name} cannot be forbidden its MCP servers: {can}")
    network = json.dumps(rules.kinds["fetch"] == "allow")
    if rules.kinds["edit"] == "deny":
        # Its last message is written by itself, outside of its sandbox.
        return ["--sandbox", "read-only", "--output-last-message", "{notes}/last-words"]
    return [
        "--sandbox", "workspace-write", "--add-dir", "{notes}",
        "-c", f"sandbox_workspace_write.network_access={network}",
    ]  # fmt: skip


def _opencode(name: str, profile: Profile, rules: Rules | None, wish: Wish) -> Spoken:
    config: dict[str, Any] = {}
    if profile.protocol == "acp" and wish.model:
        config["model"] = wish.model
    if rules is not None:
        # The last line that fits counts.
        run = {ANY: rules.kinds["run"], **dict(rules.commands)}
        config["permission"] = {
            ANY: rules.of(ANY), "read": rules.kinds["read"], "glob": rules.kinds["read"],
            "grep": rules.kinds["read"], "list": rules.kinds["read"],
            "edit": rules.kinds["edit"], "bash": run, "webfetch": rules.kinds["fetch"],
            "websearch": rules.kinds["fetch"], "external_directory": "allow",
        }  # fmt: skip
    if profile.mcp and profile.protocol != "acp":
        config["mcp"] = {
            key: {
                "type": "local", "enabled": True, "command": [server.command, *server.args],
                "environment": {variable: f"{{env:{variable}}}" for variable in server.env},
            }
            for key, server in profile.mcp.items()
        }  # fmt: skip
    if not config:
        return Spoken(profile.usual)
    before = profile.set_env.get(CONTENT, "")
    try:
        known: dict[str, Any] = msgspec.json.decode(before, type=dict[str, Any]) if before else {}
    except msgspec.DecodeError as error:
        raise Inexpressible(
            f"profiles.{name}.set_env.{CONTENT} is no JSON object: {error}; correct it"
        ) from error
    return Spoken(profile.usual, {CONTENT: json.dumps({**known, **config})})


_GEMINIS: Final[Mapping[str, tuple[str, ...]]] = {
    "read": ("read_file", "read_many_files", "list_directory", "glob", "grep_search"),
    "edit": ("replace", "write_file"),
    "run": ("run_shell_command",),
    "fetch": ("web_fetch", "google_web_search"),
}
_DECISIONS: Final = {"allow": "allow", "deny": "deny", "ask": "ask_user"}


def _gemini(name: str, profile: Profile, rules: Rules | None, wish: Wish) -> Spoken:
    if profile.mcp and profile.protocol != "acp":
        # Its settings for all users, which a variable could move, count only where they and all
        # folders above them are root's alone; the others are its person's own.
        raise Inexpressible(
            f"{name} cannot be told of MCP servers for one attempt: take `profiles.{name}.mcp` out,"
            " or use the profile gemini-acp"
        )
    if rules is None:
        return Spoken(profile.usual)
    files = {"policy.toml": _gemini_policy(name, rules)}
    return Spoken((*profile.usual, "--policy", f"{PRIVATE}/policy.toml"), files=files)


def _gemini_policy(name: str, rules: Rules) -> str:
    lines: list[str] = []

    def rule(tool: str, ruling: str, priority: int, prefix: str = "") -> None:
        lines.extend(["[[rule]]", f"toolName = {json.dumps(tool)}"])
        lines.extend([f"commandPrefix = {json.dumps(prefix)}"] if prefix else [])
        lines.extend([f'decision = "{_DECISIONS[ruling]}"', f"priority = {priority}", ""])

    rule(ANY, rules.of(ANY), 100)
    for kind in KINDS:
        for tool in _GEMINIS[kind]:
            rule(tool, rules.kinds[kind], 200)
    for number, (pattern, ruling) in enumerate(rules.commands):
        rule("run_shell_command", ruling, 300 + number, _prefix(name, pattern))
    return "\n".join(lines)


def _prefix(name: str, pattern: str) -> str:
    """The beginning of a command line, of a pattern that says no more than that."""
    prefix = pattern.removesuffix("*").rstrip()
    if not pattern.endswith("*") or set(prefix) & set("*?[]()") or not prefix:
        raise Inexpressible(
            f"{name} takes only the beginning of a command, not {pattern!r}: write it with one * at"
            " its end, such as `run:git push*`"
        )
    return prefix


Speech = Callable[[str, Profile, Rules | None, Wish], Spoken]

SPEECHES: Final[Mapping[str, Speech]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
}
