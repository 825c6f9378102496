"""Who does a task's work: its own shell command, or the profile that gets its prompt."""

import shutil
from collections.abc import Mapping

from hive_contracts.plan import TaskSpec
from hive_runner.errors import failed
from hive_runner.job import SHELL
from hive_runner.options import Profile


def agent_of(
    spec: TaskSpec, default_agent: str, profiles: Mapping[str, Profile], path: str | None
) -> Profile:
    """The command's words, and what it gets. Raises StepFailed (permanent) with the remedy.

    `default_agent` is the repository file's, `path` the PATH that the command will have.
    """
    if spec.run:
        return Profile((*SHELL, spec.run))
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
    if shutil.which(command[0], path=path) is None:
        raise failed(
            "permanent",
            f"{command[0]}, the command of the profile {agent}, is not on the runner's PATH:"
            f" install it, or correct `profiles.{agent}.command` in hive.toml",
        )
    return profile
