"""The file `policy.yaml`: what follows where an error budget is used up."""

import re
from collections.abc import Collection
from typing import Final

import msgspec

from hive_contracts.files.document import FileProblem, parse_document
from hive_contracts.files.reading import Duration, Part, Places, nearest, read
from hive_contracts.policy import Pinnable, Policy, PolicyState, Threshold

MOST_STATES: Final = 10
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_SLOTS: Final = re.compile(r"([1-9][0-9]{0,3})(%?)")


class StateEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It is entered where one of its budgets is low, and left where none is any more."""

    budgets: dict[str, Part]
    """Objectives by name, and the share of the budget at which it is entered: `25%`."""
    until: Part | None = None
    """It is left once each has so much; more than it is entered at. Default: 10 % more."""
    hold: Duration = Duration(3600)
    """It lasts at least so long."""
    slots: str = ""
    """How many slots agents' work may take: `50%` of all, or a number."""
    approve: bool = False
    """A person is asked before work is merged."""
    freeze_landing: bool = False
    """Nothing is landed."""
    pin: tuple[Pinnable, ...] = ()
    """Work that became worse goes on with what it had before: its model, its prompt, or both."""


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What follows where an error budget is used up."""

    enforce: bool = False
    """Default: a dry run. It is told what would be done."""
    states: dict[str, StateEntry] = {}
    """By a name of yours; the hive may be in several, and the strictest holds."""


def parse_policy(text: str, where: str, objectives: Collection[str]) -> Policy:
    """`objectives`: the names that there are. Raises FileProblem."""
    places = Places(where)
    file = read(parse_document(text, where), PolicyFile, places)
    if len(file.states) > MOST_STATES:
        raise FileProblem(
            f"{len(file.states)} states are too many", places.of("states"),
            f"at most {MOST_STATES}; two or three are understood by everybody",
        )  # fmt: skip
    states = tuple(_state(name, entry, places, objectives) for name, entry in file.states.items())
    return Policy(states, file.enforce)


def _state(
    name: str, entry: StateEntry, places: Places, objectives: Collection[str]
) -> PolicyState:
    at = ("states", name)
    if _NAME.fullmatch(name) is None:
        raise FileProblem(
            f"{name[:40]!r} is no name", places.of(*at),
            "write at most 32 small letters, digits and dashes",
        )  # fmt: skip
    if not entry.budgets:
        raise FileProblem(
            "a state without budgets is never entered", places.of(*at, "budgets"),
            "write such as {mission-success: 25%}",
        )  # fmt: skip
    for objective in entry.budgets:
        if objective not in objectives:
            raise FileProblem(
                f"there is no objective {objective[:60]!r}", places.of(*at, "budgets", objective),
                nearest(objective, objectives),
            )  # fmt: skip
    highest = max(entry.budgets.values())
    until = min(1.0, highest + 0.1) if entry.until is None else float(entry.until)
    if until <= highest:
        raise FileProblem(
            f"it would be left as soon as it is entered: {until:.0%} is not above {highest:.0%}",
            places.of(*at, "until"), "write more than the highest of its budgets",
        )  # fmt: skip
    share, most = _slots(entry.slots, places.of(*at, "slots"))
    if not (entry.slots or entry.approve or entry.freeze_landing or entry.pin):
        raise FileProblem(
            "a state that demands nothing changes nothing", places.of(*at),
            "write slots, approve, freeze_landing or pin",
        )  # fmt: skip
    return PolicyState(
        name,
        tuple(Threshold(key, float(part)) for key, part in sorted(entry.budgets.items())),
        until,
        float(entry.hold),
        share,
        most,
        entry.approve,
        entry.freeze_landing,
        tuple(dict.fromkeys(entry.pin)),
    )


def _slots(text: str, where: str) -> tuple[float, int]:
    if not text:
        return 1.0, 0
    found = _SLOTS.fullmatch(text)
    if found is None or (found[2] and int(found[1]) > 100):
        raise FileProblem(f"{text[:40]!r} is no number of slots", where, "write such as 50%, or 4")
    return (int(found[1]) / 100, 0) if found[2] else (1.0, int(found[1]))
