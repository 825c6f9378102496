"""The names that a mission file has for agents: what stands behind each."""

from collections.abc import Mapping
from typing import Final

import msgspec

from hive_contracts.dialogue import Rule
from hive_contracts.files.document import FileProblem
from hive_contracts.files.mission import AgentEntry
from hive_contracts.files.reading import Path, Places, nearest
from hive_contracts.ids import SHORT_NAME

KINDS: Final = ("read", "edit", "run", "fetch", "*")
RUN: Final = "run:"
MAX_RULES: Final = 40
MAX_PATTERN: Final = 200
MAX_MODEL: Final = 100


class Terms(msgspec.Struct, frozen=True):
    """On what terms a profile works here."""

    profile: str
    model: str = ""
    rules: tuple[Rule, ...] = ()
    read_only: bool = False


def terms_of(agents: Mapping[str, str | AgentEntry], places: Places) -> dict[str, Terms]:
    """Raises FileProblem."""
    return {name: _terms(name, entry, places, ("agents", name)) for name, entry in agents.items()}


def _terms(name: str, written: str | AgentEntry, places: Places, path: Path) -> Terms:
    entry = AgentEntry(use=written) if isinstance(written, str) else written
    for kind, text in (("agent", name), ("profile", entry.use)):
        if SHORT_NAME.fullmatch(text) is None:
            raise FileProblem(
                f"the {kind}'s name {text!r} is not allowed", places.of(*path),
                "use 1 to 40 of a-z, 0-9 and -",
            )  # fmt: skip
    model = entry.model
    if len(model) > MAX_MODEL or model.startswith("-") or any(c <= " " for c in model):
        raise FileProblem(
            f"{model[:40]!r} is no model", places.of(*path, "model"), "write its name"
        )
    if len(entry.permissions) > MAX_RULES:
        raise FileProblem(
            f"{len(entry.permissions)} permissions are too many", places.of(*path, "permissions"),
            f"at most {MAX_RULES} are allowed",
        )  # fmt: skip
    rules = tuple(
        Rule(_what(what, places.of(*path, "permissions", what)), ruling)
        for what, ruling in entry.permissions.items()
    )
    return Terms(entry.use, model, rules, not entry.write)


def _what(what: str, where: str) -> str:
    if what.startswith(RUN) and 0 < len(what.removeprefix(RUN).strip()) <= MAX_PATTERN:
        return what
    if what not in KINDS:
        raise FileProblem(
            f"`{what}` is nothing that is permitted", where,
            f"{nearest(what, KINDS)}; a command is written `run:git push*`",
        )  # fmt: skip
    return what
