"""Which of its person's HOME an agent finds: all of it, or what its profile names."""

from pathlib import Path
from typing import Final

from hive_contracts.files import RepositoryFile
from hive_runner.agents.agent import Agent
from hive_runner.errors import failed
from hive_runner.processes.home import Home, behind, link, needed_by, needed_by_modules
from hive_runner.steps.job import Job

HOME: Final = "home"
"""The folder beside the tree that is the agent's HOME."""


def home_of(job: Job, agent: Agent, file: RepositoryFile) -> Home | None:
    """A HOME of its own, made in the attempt's folder; None for an agent that gets its person's.

    Raises StepFailed (permanent) where there is none of which it could get a part.
    """
    profile, place = agent.profile, job.place
    if profile.home is None:
        return None
    told = Path(profile.set_env.get("HOME") or place.person.get("HOME") or "/")
    if not told.is_dir() or told.resolve() == Path("/"):
        raise failed(
            "permanent",
            f"the profile {agent.name} gets a part of HOME (`profiles.{agent.name}.home` in"
            f" hive.toml), and HOME, {told}, is no folder of a person: start the runner with"
            " another HOME, or leave `home` out",
        )
    home = Home(job.workspace.folder / HOME, told)
    home.folder.mkdir(mode=0o700, exist_ok=True)
    # The caches of the repository file serve all that runs in its worktrees.
    caches = (folder for folder in job.workspace.shared if folder.is_relative_to(told))
    names = [*map(Path, profile.home), *(folder.relative_to(told) for folder in caches)]
    if place.confinement.sandbox is None:
        link(home, names)
        return home
    path = profile.set_env.get("PATH") or file.env.set.get("PATH") or place.person.get("PATH", "")
    programs = [profile.command[0], *(server.command for server in profile.mcp.values())]
    needed = [*needed_by(programs, path)]
    if profile.protocol == "acp":
        needed += needed_by_modules()
    return behind(home, names, needed)
