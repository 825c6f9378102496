"""Who does a task's work: its own shell command, or the profile that gets its prompt."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from hive_contracts.plan import TaskSpec
from hive_runner.errors import failed
from hive_runner.processes.programs import own_program
from hive_runner.steps.job import SHELL
from hive_shared.profiles import ACP_EVENTS, Inexpressible, Profile, Spoken, Wish, spoken

ARGUMENT_BYTES: Final = 120_000
"""Linux lets no single argument be longer than 128 KiB."""


class Agent(msgspec.Struct, frozen=True):
    """A profile by its name; a plain command has none."""

    name: str
    profile: Profile
    wish: Wish = Wish()
    said: Spoken = Spoken()
    """What the mission wants of it, in its command's own words."""


class Asking(msgspec.Struct, frozen=True):
    """An agent's command line, and what it gets."""

    argv: tuple[str, ...]
    stdin: Path | None
    polite: float = 0
    """Seconds that it has to end its own work, once it is to end."""


def agent_of(
    spec: TaskSpec, default_agent: str, profiles: Mapping[str, Profile], path: str | None
) -> Agent:
    """Raises StepFailed (permanent) with the remedy.

    `default_agent` is the repository file's, `path` the PATH that the command will have.
    """
    if spec.run:
        return Agent("", Profile((*SHELL, spec.run)))
    agent = spec.agent or default_agent
    if not agent:
        raise failed(
            "permanent",
            f"task {spec.name} names no agent: name one in the mission or in .hive/repo.yaml",
        )
    profile = profiles.get(agent, Profile())
    command = profile.command
    if not command:
        raise failed(
            "permanent",
            f"this runner has no command for the profile {agent}: set"
            f' `profiles.{agent}.command = ["…"]` in hive.toml',
        )
    if shutil.which(command[0], path=profile.set_env.get("PATH", path)) is None:
        install = f" (`{profile.install}`)" if profile.install else ""
        raise failed(
            "permanent",
            f"{command[0]}, the command of the profile {agent}, is not on the runner's PATH:"
            f" install it{install}, or correct `profiles.{agent}.command` in hive.toml",
        )
    if profile.protocol == "acp":
        profile = msgspec.structs.replace(profile, events=ACP_EVENTS)
    wish = Wish(spec.model, spec.permissions, spec.read_only and not spec.output)
    try:
        return Agent(agent, profile, wish, spoken(agent, profile, wish))
    except Inexpressible as problem:
        raise failed("permanent", str(problem)) from problem


def asking(
    agent: Agent, prompt_file: Path, notes: Path, private: Path, grace: float, session: str = ""
) -> Asking:
    """How an agent is asked. `private` is the folder of files for it alone, `grace` how long its
    turn may take to end, in seconds; `session` is that of the attempt before.

    Raises StepFailed (permanent) where the prompt does not fit.
    """
    profile = agent.profile
    if not agent.name:
        return Asking(profile.command, None)
    values = {"{prompt_file}": str(prompt_file), "{notes}": str(notes)}
    values["{private}"] = str(private)
    words = (*profile.command, *agent.said.args, *profile.args)
    if profile.prompt == "argument" and "{prompt}" not in words:
        words = (*words, "{prompt}")
    if "{prompt}" in words:
        values["{prompt}"] = _as_argument(agent.name, prompt_file)
    argv = tuple(_filled(word, values) for word in words)
    if profile.protocol == "acp":
        return Asking((*_acp(agent, prompt_file, grace, session), *argv), None, polite=grace)
    return Asking(argv, prompt_file if profile.prompt == "stdin" else None)


def write_private(agent: Agent, folder: Path) -> dict[str, str]:
    """The files that its command reads, and the variables that name them."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, content in agent.said.files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return {
        key: _filled(value, {"{private}": str(folder)}) for key, value in agent.said.env.items()
    }


def _filled(word: str, values: Mapping[str, str]) -> str:
    """The prompt is a word of its own: a placeholder in it stays as it is."""
    if word in values:
        return values[word]
    for name, value in values.items():
        if name != "{prompt}":
            word = word.replace(name, value)
    return word


def _as_argument(name: str, prompt_file: Path) -> str:
    text = prompt_file.read_text(encoding="utf-8")
    if len(text.encode()) > ARGUMENT_BYTES:
        raise failed(
            "permanent",
            f"the prompt has {len(text.encode()):,} bytes, and an argument may have"
            f' {ARGUMENT_BYTES:,}: set `profiles.{name}.prompt` to "stdin" or "file"',
        )
    return text


def _acp(agent: Agent, prompt_file: Path, grace: float, session: str) -> tuple[str, ...]:
    """The command that speaks the protocol with the agent's own."""
    profile, wish = agent.profile, agent.wish
    policy = msgspec.json.encode(profile.permissions).decode()
    rules = msgspec.json.encode(wish.rules).decode()
    mcp = ("--mcp", msgspec.json.encode(profile.mcp).decode()) if profile.mcp else ()
    said = agent.said
    meta = ("--meta", msgspec.json.encode(said.session).decode()) if said.session else ()
    mode = ("--mode", said.mode) if said.mode else ()
    read_only = ("--read-only",) if wish.read_only else ()
    load = ("--load", session) if session else ()
    return (
        *own_program("hive_runner.acp"),
        "--permissions", policy, "--rules", rules, *read_only, *mcp, *meta, *mode,
        "--prompt", str(prompt_file), "--grace", str(grace), *load, "--",
    )  # fmt: skip
