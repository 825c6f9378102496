"""Gates as the repository file defines them, and the paths that gates and protection name."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from hive_contracts.files.document import FileProblem
from hive_contracts.files.reading import Duration, Places
from hive_contracts.ids import SHORT_NAME
from hive_contracts.pathspecs import MAX_PATTERN
from hive_contracts.plan import CommandGate

PROTECTED: Final = (".hive/**", ".github/**")
"""Paths that are protected where the repository file does not say which."""


class GateDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gate in its long form."""

    run: str
    """A shell command; status 0 is a pass."""
    compare: Literal["base"] | None = None
    """`base`: it passes where it is no worse than on the base commit."""
    report: str = ""
    """The JUnit XML that the command writes: a path or glob in the repository."""
    timeout: Duration = Duration(1800)
    """Seconds."""


def command_of(definition: GateDefinition | str) -> str:
    return definition if isinstance(definition, str) else definition.run


def named_gate(name: str, definition: GateDefinition | str) -> CommandGate:
    """The gate as a plan names it: its command is read from the base commit."""
    if isinstance(definition, str):
        return CommandGate(name)
    return CommandGate(
        name,
        timeout=float(definition.timeout),
        compare=definition.compare or "",
        report=definition.report,
    )


def check_definitions(definitions: Mapping[str, GateDefinition | str], places: Places) -> None:
    """Raises FileProblem for the first gate that cannot stand."""
    for name, definition in definitions.items():
        where = places.of("gates", name)
        if SHORT_NAME.fullmatch(name) is None:
            raise FileProblem(
                f"the gate's name {name!r} is not allowed", where, "use 1 to 40 of a-z, 0-9 and -"
            )
        if not command_of(definition).strip():
            raise FileProblem(
                f"the gate `{name}` has no command", where, "write one, or take the gate out"
            )
        if isinstance(definition, GateDefinition):
            check_inside([definition.report], places.of("gates", name, "report"))


def check_inside(patterns: Iterable[str], where: str) -> None:
    """Paths or globs that stay within the repository. Raises FileProblem."""
    for pattern in patterns:
        path = pattern.removeprefix("!")
        outside = path.startswith("/") or ".." in path.split("/")
        if outside or "\\" in path or "\0" in path or len(path) > MAX_PATTERN:
            raise FileProblem(
                f"{pattern[:MAX_PATTERN]!r} is no path in the repository",
                where,
                "write it from the repository's top folder, with `/` and without `..`",
            )
