"""`.hive/repo.yaml`: what any work in a repository needs. Every field is optional."""

from typing import ClassVar, Final

import msgspec

from hive_contracts.files.definition import (
    PROTECTED,
    GateDefinition,
    check_definitions,
    check_inside,
    command_of,
    named_gate,
)
from hive_contracts.files.document import parse_document
from hive_contracts.files.reading import Duration, Places, read
from hive_contracts.plan import CommandGate

REPOSITORY_FILE: Final = ".hive/repo.yaml"
"""Its path in the repository. It is read from a mission's base commit only."""


class SetUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shell command that runs first in each new worktree."""

    run: str
    """What it makes is not part of an attempt's work."""
    timeout: Duration = Duration(900)
    """Seconds. A failure is the infrastructure's, never an attempt's."""


class Environment(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"pass_": "pass"}
):
    """What an agent's process finds in its environment; nothing else gets in."""

    pass_: tuple[str, ...] = ()
    """Names of variables of the runner's environment."""
    set: dict[str, str] = {}
    """Variables with a fixed value."""


class RepositoryFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What any work in a repository needs. It is read from the base commit: commit it."""

    setup: SetUp | str | None = None
    """Text is its command."""
    env: Environment = Environment()
    """Beside the few variables that every command gets."""
    gates: dict[str, GateDefinition | str] = {}
    """Shell commands, alone or with more to say, by the names that missions use."""
    agent: str = ""
    """The profile for tasks that name none."""
    protect: tuple[str, ...] = PROTECTED
    """Globs of paths that no work changes unless a person agrees; `!` in front takes away."""

    LATER: ClassVar = frozenset({"copy", "cache"})

    @property
    def commands(self) -> dict[str, str]:
        """The shell command of each gate."""
        return {name: command_of(gate) for name, gate in self.gates.items()}

    @property
    def named_gates(self) -> dict[str, CommandGate]:
        """The gates as a plan names them."""
        return {name: named_gate(name, gate) for name, gate in self.gates.items()}

    @property
    def setup_command(self) -> str:
        """Empty where nothing is to be set up."""
        return self.setup.run if isinstance(self.setup, SetUp) else self.setup or ""

    @property
    def setup_timeout(self) -> float:
        """Seconds."""
        return self.setup.timeout if isinstance(self.setup, SetUp) else SetUp("").timeout


def parse_repository(text: str, where: str) -> RepositoryFile:
    """A repository file. Raises FileProblem."""
    if all(line.lstrip()[:1] in ("", "#") for line in text.splitlines()):
        return RepositoryFile()
    places = Places(where)
    file = read(parse_document(text, where), RepositoryFile, places)
    check_definitions(file.gates, places)
    check_inside(file.protect, places.of("protect"))
    return file
