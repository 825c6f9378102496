"""What all attempts of a runner share."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from hive_contracts.files import FileProblem, RepositoryFile, parse_repository
from hive_contracts.files.repository import REPOSITORY_FILE
from hive_contracts.plan import Repository
from hive_runner.agents.ledger import Ledger
from hive_runner.agents.questions import Questions
from hive_runner.agents.roster import Roster
from hive_runner.agents.silences import Silences
from hive_runner.errors import failed
from hive_runner.handled import Handled
from hive_runner.link.depot import Depot
from hive_runner.link.tails import Tails
from hive_runner.options import Options
from hive_runner.processes.confinement import Confinement
from hive_runner.processes.ports import Ports
from hive_runner.processes.vigil import Vigil
from hive_runner.repositories.caches import Caches
from hive_runner.repositories.git import Git
from hive_runner.repositories.mirror import Mirror, Mirrors
from hive_runner.repositories.warm import Trees


class Place(msgspec.Struct, frozen=True):
    options: Options
    git: Git
    mirrors: Mirrors
    depot: Depot
    person: Mapping[str, str]
    """The runner's own environment, from which commands get what is allowed."""
    roster: Roster
    trees: Trees
    caches: Caches
    ports: Ports
    confinement: Confinement = msgspec.field(default_factory=Confinement)
    tails: Tails = msgspec.field(default_factory=Tails)
    """What the commands print, as it comes."""
    questions: Questions = msgspec.field(default_factory=Questions)
    """What attempts wait for at work."""
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    vigil: Vigil = msgspec.field(default_factory=Vigil)
    handled: Handled = msgspec.field(default_factory=Handled)
    silences: Silences = msgspec.field(default_factory=Silences)

    @property
    def attempts(self) -> Path:
        return self.options.folder / "attempts"

    @property
    def kept(self) -> Path:
        """Where folders go that belong to no repository and are not empty."""
        return self.options.folder / "kept"


def place_of(
    options: Options,
    git: Git,
    depot: Depot,
    person: Mapping[str, str],
    roster: Roster,
    confinement: Confinement,
) -> Place:
    """A runner's place in its data folder."""
    folder = options.folder
    return Place(
        options=options,
        git=git,
        mirrors=Mirrors(folder / "mirrors", git, depot),
        depot=depot,
        person=person,
        roster=roster,
        trees=Trees(folder / "trees", options.warm_trees),
        caches=Caches(folder / "caches", person.get("HOME", "")),
        ports=Ports(*options.ports),
        confinement=confinement,
    )


async def repository_file(mirror: Mirror, repository: Repository) -> RepositoryFile:
    """The repository file of a mission's base commit, which no attempt can write.

    Raises StepFailed where a person has to correct it.
    """
    text = await mirror.commits.text_of(repository.base, REPOSITORY_FILE)
    try:
        return parse_repository(text or "", f"{REPOSITORY_FILE}@{repository.base[:12]}")
    except FileProblem as problem:
        raise failed("permanent", str(problem)) from problem
