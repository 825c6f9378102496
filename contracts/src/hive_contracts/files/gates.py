"""Gates as people write them to gates of a plan.

Text that is a key of the repository file's `gates` is that gate; else text with a space is a
command; else it is a mistake. `{run: pytest}` is always a command.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from hive_contracts.files.definition import check_inside
from hive_contracts.files.document import FileProblem
from hive_contracts.files.mission import GateEntry, GateItem
from hive_contracts.files.reading import nearest
from hive_contracts.ids import SHORT_NAME
from hive_contracts.plan import PROTECTED_GATE, ApprovalGate, CommandGate, Gate

MAX_NAME: Final = 40
MAX_GATES: Final = 40
"""In one list."""
RESERVED: Final = frozenset({"base", "gates", "expand", PROTECTED_GATE})
"""Names of the hive's own; a gate of the repository file may have them all the same."""


def short_name(text: str, default: str) -> str:
    """A name of at most 40 of a-z, 0-9 and - that resembles `text`."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_NAME].rstrip("-")
    return slug or default


def command_or_named(text: str, known: Mapping[str, CommandGate], where: str) -> CommandGate:
    """The gate that a piece of text means. Raises FileProblem."""
    if text in known:
        return known[text]
    if " " in text.strip():
        return CommandGate(short_name(text, "gate"), text)
    if not text.strip():
        raise FileProblem("a gate is empty", where, "write a command, or a gate's name")
    raise FileProblem(
        f"no gate is called `{text}`",
        where,
        f"{nearest(text, known)}; for a command of one word write {{run: {text}}}",
    )


def read_gates(
    items: Iterable[GateItem],
    known: Mapping[str, CommandGate],
    where: str,
    others: Iterable[Gate] = (),
) -> tuple[Gate, ...]:
    """Gates in their order; those that would share a name are numbered.

    `others` are gates beside which these stand. Raises FileProblem.
    """
    taken = {*RESERVED, *(gate.name for gate in others)}
    gates: list[Gate] = []
    for item in items:
        gate = (
            command_or_named(item, known, where)
            if isinstance(item, str)
            else _long_form(item, where)
        )
        if gate not in gates:
            gates.append(_unlike(gate, taken, where))
            taken.add(gates[-1].name)
    if len(gates) > MAX_GATES:
        raise FileProblem(
            f"{len(gates)} gates are too many", where, f"at most {MAX_GATES} are allowed"
        )
    return tuple(gates)


def _long_form(entry: GateEntry, where: str) -> Gate:
    if bool(entry.run.strip()) == bool(entry.approval.strip()):
        raise FileProblem(
            "a gate is either a command or an approval",
            where,
            'write {run: "…"} or {approval: "…"}',
        )
    if entry.name and SHORT_NAME.fullmatch(entry.name) is None:
        raise FileProblem(
            f"the gate's name {entry.name!r} is not allowed", where, "use 1 to 40 of a-z, 0-9 and -"
        )
    check_inside([entry.report], where)
    if entry.approval:
        if entry.compare or entry.report:
            raise FileProblem(
                "only a command can be compared, or have a report", where, "take the key out"
            )
        name = entry.name or short_name(entry.approval, "approval")
        return ApprovalGate(name, entry.approval, timeout=float(entry.timeout or 0))
    gate = CommandGate(
        entry.name or short_name(entry.run, "gate"),
        entry.run,
        compare=entry.compare or "",
        report=entry.report,
    )
    if entry.timeout is None:
        return gate
    return msgspec.structs.replace(gate, timeout=float(entry.timeout))


def _unlike(gate: Gate, taken: set[str], where: str) -> Gate:
    """The gate under a name that is still free."""
    named = isinstance(gate, CommandGate) and not gate.run
    if gate.name not in taken - RESERVED if named else gate.name not in taken:
        return gate
    if named:
        raise FileProblem(
            f"two gates are called `{gate.name}`", where, "name the command otherwise"
        )
    for number in range(2, 1000):
        suffix = f"-{number}"
        name = gate.name[: MAX_NAME - len(suffix)] + suffix
        if name not in taken:
            return msgspec.structs.replace(gate, name=name)
    raise FileProblem("there are too many gates", where)
