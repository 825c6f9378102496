"""`.hive/repo.yaml`: what any work in a repository needs. Every field is optional."""

import re
from pathlib import PurePosixPath
from typing import Final, Literal

import msgspec

from hive_contracts.files.definition import (
    PROTECTED,
    GateDefinition,
    check_definitions,
    check_inside,
    command_of,
    named_gate,
)
from hive_contracts.files.document import FileProblem, parse_document
from hive_contracts.files.issues import OnGithub, check_issues
from hive_contracts.files.reading import Duration, Path, Places, read
from hive_contracts.plan import CommandGate
from hive_contracts.template import placeholders

REPOSITORY_FILE: Final = ".hive/repo.yaml"
"""Its path in the repository. It is read from a mission's base commit only."""
PORTS: Final = 10
"""Of each slot of a runner: `${port.0}` to `${port.9}`."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PORT: Final = re.compile(r"\$(\$\{)|\$\{port\.([0-9])\}")
_OWN: Final = re.compile(r"(?i)\.git|\.hive")
"""What no file may be brought over, in any letter case: some disks know none."""


class SetUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shell command that runs first in each new worktree."""

    run: str
    """What it makes is not part of an attempt's work."""
    timeout: Duration = Duration(900)
    """Seconds. A failure is the infrastructure's, never an attempt's."""
    inputs: tuple[str, ...] = ()
    """Tracked files that it depends on, as globs; none named: it may depend on every file. While
    they are the same, a worktree that was set up is used again."""


class Environment(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"pass_": "pass"}
):
    """What an agent's process finds in its environment; nothing else gets in."""

    pass_: tuple[str, ...] = ()
    """Names of variables of the runner's environment."""
    set: dict[str, str] = {}
    """Values; `${port.0}` to `${port.9}` are ports that no other attempt of the runner has."""


class RepositoryFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What any work in a repository needs. It is read from the base commit: commit it."""

    setup: SetUp | str | None = None
    """Text is its command."""
    copy: tuple[str, ...] = ()
    """Ignored files of the person's checkout that are brought into each worktree, as globs."""
    env: Environment = Environment()
    """Beside the few variables that every command gets."""
    cache: tuple[str, ...] = ()
    """Folders that worktrees share: in the worktree, or `~/…` of the runner's user."""
    submodules: bool = True
    """Whether each worktree gets the files of the submodules that the base commit has."""
    lfs: bool = True
    """Whether files that are kept with Git LFS have their content, where git-lfs is installed."""
    gates: dict[str, GateDefinition | str] = {}
    """Shell commands, alone or with more to say, by the names that missions use."""
    agent: str = ""
    """The profile for tasks that name none."""
    protect: tuple[str, ...] = PROTECTED
    """Globs of paths that no work changes unless a person agrees; `!` in front takes away."""
    tests: Literal["wait", "show"] = "wait"
    """Whether work that changes or removes a test waits for a person, or is only shown to one."""
    github: OnGithub = OnGithub()
    """What the hive does here on GitHub, where it is connected. Read from the default branch."""

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

    @property
    def setup_inputs(self) -> tuple[str, ...]:
        """Empty where the set-up may depend on every file."""
        return self.setup.inputs if isinstance(self.setup, SetUp) else ()

    @property
    def tree_caches(self) -> tuple[str, ...]:
        """Folders of the worktree."""
        return tuple(path.rstrip("/") for path in self.cache if not path.startswith("~"))

    @property
    def home_caches(self) -> tuple[str, ...]:
        """Folders of the runner's user, without the `~/`."""
        return tuple(path[2:].rstrip("/") for path in self.cache if path.startswith("~"))


def ports_wanted(file: RepositoryFile) -> bool:
    """Whether any variable is made of a port."""
    return any(match[2] for value in file.env.set.values() for match in _PORT.finditer(value))


def with_ports(value: str, first: int) -> str:
    """A variable's value, its `${port.N}` filled in; `$${` stands for a plain `${`."""
    return _PORT.sub(lambda match: match[1] or str(first + int(match[2])), value)


def parse_repository(text: str, where: str) -> RepositoryFile:
    """A repository file. Raises FileProblem."""
    if all(line.lstrip()[:1] in ("", "#") for line in text.splitlines()):
        return RepositoryFile()
    places = Places(where)
    file = read(parse_document(text, where), RepositoryFile, places)
    check_definitions(file.gates, places)
    check_inside(file.protect, places.of("protect"))
    _check_environment(file.env, places)
    check_issues(file.github.issues, places)
    _check_paths(file, places)
    return file


def _check_environment(env: Environment, places: Places) -> None:
    named: list[tuple[str, Path]] = [(name, ("env", "set", name)) for name in env.set]
    named += [(name, ("env", "pass", number)) for number, name in enumerate(env.pass_)]
    for name, path in named:
        if _VARIABLE.fullmatch(name) is None:
            raise FileProblem(
                f"{name!r} is no name of a variable",
                places.of(*path),
                "use letters, digits and _, with no digit first",
            )
    for name, value in env.set.items():
        where = places.of("env", "set", name)
        if "\0" in value:
            raise FileProblem(f"the value of {name} has a NUL character", where, "remove it")
        for found in placeholders(value):
            if _PORT.fullmatch(f"${{{found}}}") is None:
                raise FileProblem(
                    f"${{{found}}} has no meaning in `env.set.{name}`",
                    where,
                    f"known: ${{port.0}} to ${{port.{PORTS - 1}}}; a plain ${{ is written $${{",
                )


def _check_paths(file: RepositoryFile, places: Places) -> None:
    for number, pattern in enumerate(file.copy):
        _check_inside("copy", pattern, places, ("copy", number))
    for number, pattern in enumerate(file.setup_inputs):
        _check_inside("setup.inputs", pattern, places, ("setup", "inputs", number))
    for number, path in enumerate(file.cache):
        home = path.startswith("~")
        if home and (not path.startswith("~/") or not path[2:].strip("/")):
            raise FileProblem(
                f"`cache: {path}` is no folder in a home",
                places.of("cache", number),
                "write such as ~/.cache/uv",
            )
        _check_inside("cache", path[2:] if home else path, places, ("cache", number))
    nested = _nested(file.tree_caches)
    if nested:
        raise FileProblem(
            f"`cache` names {nested[1]} within {nested[0]}", places.of("cache"), "name one of them"
        )


def _nested(paths: tuple[str, ...]) -> tuple[str, str] | None:
    for outer in paths:
        for inner in paths:
            if outer != inner and PurePosixPath(inner).is_relative_to(outer):
                return outer, inner
    return None


def _check_inside(key: str, pattern: str, places: Places, path: Path) -> None:
    """A path or glob that stays within its folder, and away from what is git's and the hive's."""
    parts = PurePosixPath(pattern).parts
    where = places.of(*path)
    if not parts or pattern.startswith("/") or ".." in parts:
        raise FileProblem(
            f"`{key}: {pattern}` leads out of the repository"
            if parts
            else f"`{key}` names nothing",
            where,
            "write a path relative to its top",
        )
    if "\0" in pattern or "\n" in pattern or pattern.startswith(":"):
        raise FileProblem(
            f"`{key}: {pattern!r}` is no path", where, "write a path relative to the repository"
        )
    if key != "setup.inputs" and _OWN.fullmatch(parts[0]):
        raise FileProblem(
            f"`{key}: {pattern}` is not allowed: {parts[0]} is kept apart", where, "take it out"
        )
