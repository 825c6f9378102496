"""The command lines of agents before the real programs' own parsers.

Nobody is logged in to them here: a program that gets as far as to say so has taken its arguments.
"""

from pathlib import Path

import msgspec
import pytest

from hive_shared.profiles import profiles_of
from tests.integration.runner.workshop import Source, Workshop, failure, lease
from tests.system.agents.conftest import installed

COMMANDS = {
    "claude": "claude", "claude-acp": "claude-agent-acp", "gemini": "gemini",
    "gemini-acp": "gemini",
}  # fmt: skip
"""Those of Claude Code and OpenCode do whole tasks too."""


@pytest.mark.parametrize("name", sorted(COMMANDS))
async def test_the_real_program_takes_its_arguments_and_says_that_nobody_is_logged_in(
    source: Source, workshop: Workshop, tmp_path: Path, name: str
) -> None:
    (tmp_path / "home").mkdir()
    env = {"PATH": installed(COMMANDS[name]), "HOME": str(tmp_path / "home")}
    profile = profiles_of({})[name]
    asked = lease(source, agent=name, prompt="Fix it.")

    workshop.options.profiles[name] = msgspec.structs.replace(profile, set_env=env)
    unasked = failure(await workshop.perform(asked))
    assert unasked.output is None  # it was not even started
    assert f"`{profile.login.command}`" in unasked.detail

    unchecked = msgspec.structs.replace(profile.login, needed=False)
    workshop.options.profiles[name] = msgspec.structs.replace(profile, set_env=env, login=unchecked)
    refused = failure(await workshop.perform(asked))
    assert refused.output is not None
    assert (refused.kind, f"`{profile.login.command}`" in refused.detail) == (
        "infrastructure",
        True,
    ), refused


@pytest.mark.parametrize("name", ["claude", "gemini"])
async def test_an_argument_that_the_real_program_does_not_know_is_seen(
    source: Source, workshop: Workshop, tmp_path: Path, name: str
) -> None:
    (tmp_path / "home").mkdir()
    env = {"PATH": installed(name), "HOME": str(tmp_path / "home")}
    profile = profiles_of({})[name]
    workshop.options.profiles[name] = msgspec.structs.replace(
        profile,
        set_env=env,
        login=msgspec.structs.replace(profile.login, needed=False),
        args=("--no-such-argument",),
    )
    refused = failure(await workshop.perform(lease(source, agent=name, prompt="Fix it.")))
    assert refused.kind == "agent"
