"""What an agent may do, resolved: by kind of tool, and by command line."""

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from hive_contracts.dialogue import Rule, Ruling

KINDS: Final = ("read", "edit", "run", "fetch")
ANY: Final = "*"
RUN: Final = "run:"
_STRICTEST: Final[tuple[Ruling, ...]] = ("deny", "ask", "allow")
_OF_PROTOCOL: Final[Mapping[str, str]] = {
    "read": "read", "search": "read", "edit": "edit", "delete": "edit", "move": "edit",
    "execute": "run", "fetch": "fetch",
}  # fmt: skip
"""Kinds of tools in the Agent Client Protocol."""


class Rules(msgspec.Struct, frozen=True):
    """A line for a command goes before that of its kind, which goes before `*`. Of several that fit
    a command the strictest counts. What no line is about is allowed, as without any."""

    kinds: Mapping[str, Ruling]
    """Of each kind, and `*` for every other tool."""
    commands: tuple[tuple[str, Ruling], ...]
    """Patterns of command lines, the strictest last."""

    def of(self, kind: str, command: str | None = None) -> Ruling:
        """`command` is the line that is to be run; None where it is not known."""
        if kind != "run":
            return self.kinds.get(kind, self.kinds[ANY])
        if command is None:
            return strictest([self.kinds["run"], *(ruling for _, ruling in self.commands)])
        found = [
            ruling for pattern, ruling in self.commands if fnmatch.fnmatchcase(command, pattern)
        ]
        return strictest(found) if found else self.kinds["run"]

    def of_protocol(self, kind: str, command: str | None) -> Ruling:
        """Of a kind of tool in the Agent Client Protocol."""
        return self.of(_OF_PROTOCOL.get(kind, ANY), command)

    @property
    def asks(self) -> bool:
        return "ask" in (*self.kinds.values(), *(ruling for _, ruling in self.commands))


def strictest(rulings: Iterable[Ruling]) -> Ruling:
    return min(rulings, key=_STRICTEST.index)


def resolved(rules: Iterable[Rule], *, read_only: bool = False) -> Rules:
    """`read_only` denies editing, whatever the rules say."""
    said = {rule.what: rule.ruling for rule in rules}
    rest: Ruling = said.get(ANY, "allow")
    kinds: dict[str, Ruling] = {kind: said.get(kind, rest) for kind in KINDS}
    if read_only:
        kinds["edit"] = "deny"
    commands = [(what.removeprefix(RUN), r) for what, r in said.items() if what.startswith(RUN)]
    commands.sort(key=lambda each: -_STRICTEST.index(each[1]))
    return Rules({**kinds, ANY: rest}, tuple(commands))
